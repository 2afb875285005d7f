//! Reading conversations, messages and contacts, and what customers say about consent.
//!
//! Everything shown is computed from the facts at `now`; nothing here stores a state. Reads are
//! bounded: every list has a page, every search a number of pages.

mod contacts;
mod conversations;
pub(crate) mod cursor;
mod events;
mod search;
mod usage;

pub use contacts::{ConsentView, ContactFilter, LimitView};
pub use conversations::ConversationFilter;
pub use events::EventView;
pub use usage::{UsageBy, UsageQuestion, UsageRow, UsageView};

use crate::view::message_view;
use crate::view::{ConversationFacts, ConversationView, List, MessageView, conversation_view};
use crate::{App, AppError, Problem};
use futures::future::OptionFuture;
use std::collections::HashMap;
use transom_core::account::{Brand, Provider};
use transom_core::code::Code;
use transom_core::decide::{Facts, reply_blocked};
use transom_core::due::Threshold;
use transom_core::id::{AccountId, ConversationId, MessageId, SenderId};
use transom_core::time::Timestamp;
use transom_core::wallet::Wallet;
use transom_core::window::Channel;
use transom_store::{AccountRecord, Message, SenderRecord, Session};

/// The largest page of any list.
pub const PAGE_MAX: u16 = 200;
/// The page of a list unless the caller says otherwise.
pub const PAGE_DEFAULT: u16 = 50;

/// Everything around a conversation that its state depends on.
#[derive(Debug, Clone)]
struct Surroundings {
    sender: Option<SenderRecord>,
    account: Option<AccountRecord>,
    brand: Option<Brand>,
}

impl Surroundings {
    fn interrupted(&self) -> bool {
        self.sender.as_ref().is_none_or(|s| s.sender.deleted_at.is_some())
    }

    fn sender_id<'a>(&'a self, session: &'a Session) -> &'a SenderId {
        self.sender.as_ref().map_or(&session.sender, |s| &s.sender.id)
    }

    fn blocked(&self, session: &Session, now: Timestamp) -> Option<Code> {
        let Some(sender) = &self.sender else { return Some(Code::Interrupted) };
        let Some(account) = &self.account else { return Some(Code::IntegrationRemoved) };
        let Some(user) = session.user() else { return Some(Code::ContactInvalid) };
        let window = session.window();
        reply_blocked(&Facts {
            now,
            channel: Channel::WHATSAPP,
            account: &account.account,
            sender: &sender.sender,
            brand: self.brand.as_ref(),
            conversation_brand: session.brand.as_ref(),
            user: &user,
            consent: &session.consent,
            window: window.as_ref(),
            template: None,
            file: None,
            found: None,
            // A conversation shows what stands between it and a reply; the account shows its money.
            wallet: Wallet::Funded,
        })
    }
}

impl App {
    /// A conversation at `now`.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn conversation(
        &self,
        id: &ConversationId,
        now: Timestamp,
    ) -> Result<ConversationView, AppError> {
        let session = self.existing_session(id).await?;
        let around = self.surroundings(&session).await?;
        self.show_conversation(&session, &around, now).await
    }

    /// A message.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_message(&self, id: &MessageId) -> Result<MessageView, AppError> {
        let message = self.store.message(id).await?;
        let message = message.ok_or_else(|| Problem::not_found(format!("message `{id}`")))?;
        let provider = self.provider_of(&message.account).await?;
        Ok(message_view(&message, provider))
    }

    /// A page of a conversation's messages, newest first.
    ///
    /// # Errors
    /// `not_found`, a cursor of another list, or when the table cannot be reached.
    pub async fn conversation_messages(
        &self,
        id: &ConversationId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<List<MessageView>, AppError> {
        self.existing_session(id).await?;
        let (messages, next) = self.message_page(id, limit, cursor).await?;
        let providers = self.providers_of(&messages).await?;
        let items = messages.iter().map(|m| message_view(m, providers.get(&m.account))).collect();
        Ok(List { items, next_cursor: next })
    }

    async fn message_page(
        &self,
        id: &ConversationId,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<(Vec<Message>, Option<String>), AppError> {
        let before = cursor.map(cursor::read).transpose()?;
        if let Some(before) = &before {
            MessageId::from_sortable(id, before).map_err(|_| cursor::foreign())?;
        }
        let (messages, next) = self.store.messages(id, before.as_deref(), limit).await?;
        Ok((messages, next.map(|sortable| cursor::write(&sortable))))
    }

    pub(crate) async fn existing_session(&self, id: &ConversationId) -> Result<Session, AppError> {
        let found = self.store.session(id).await?;
        found.ok_or_else(|| Problem::not_found(format!("conversation `{id}`")).into())
    }

    async fn surroundings(&self, session: &Session) -> Result<Surroundings, AppError> {
        let owner = self.store.sender_of_number(&session.number).await?;
        let sender = self.store.sender(owner.as_ref().unwrap_or(&session.sender)).await?;
        let account_id = sender.as_ref().map_or(&session.account, |s| &s.sender.account);
        let brand_id = sender.as_ref().and_then(|s| s.sender.brand.as_ref());
        let brand = OptionFuture::from(brand_id.map(|id| self.store.brand(id)));
        let (account, brand) = futures::join!(self.store.account(account_id), brand);
        Ok(Surroundings { account: account?, brand: brand.transpose()?.flatten(), sender })
    }

    async fn show_conversation(
        &self,
        session: &Session,
        around: &Surroundings,
        now: Timestamp,
    ) -> Result<ConversationView, AppError> {
        let (newest, undelivered) = futures::join!(
            self.store.messages(&session.id, None, 1),
            self.store.undelivered(&session.id)
        );
        let (newest, _) = newest?;
        let default_ladder = Threshold::default_ladder();
        let ladder = around.sender.as_ref().map_or(&default_ladder, |s| &s.expiring);
        Ok(conversation_view(
            &ConversationFacts {
                session,
                sender: around.sender_id(session),
                interrupted: around.interrupted(),
                ladder,
                blocked: around.blocked(session, now),
                newest: newest.first(),
                undelivered: undelivered?.len(),
            },
            now,
        ))
    }

    /// The provider that explains an account's codes. Accounts are never erased, only marked; should
    /// one be missing after all, nobody does.
    pub(crate) async fn provider_of(
        &self,
        account: &AccountId,
    ) -> Result<Option<Provider>, AppError> {
        Ok(self.store.account(account).await?.map(|record| record.account.provider))
    }

    async fn providers_of(&self, messages: &[Message]) -> Result<Providers, AppError> {
        let mut known = HashMap::new();
        for message in messages {
            if !known.contains_key(&message.account) {
                let provider = self.provider_of(&message.account).await?;
                known.insert(message.account.clone(), provider);
            }
        }
        Ok(Providers(known))
    }
}

/// The providers of the accounts on one page.
struct Providers(HashMap<AccountId, Option<Provider>>);

impl Providers {
    fn get(&self, account: &AccountId) -> Option<Provider> {
        self.0.get(account).copied().flatten()
    }
}

/// Whether the customer's name or user id contains `text`, which is in lower case.
fn is_named(session: &Session, text: &str) -> bool {
    let contains = |value: &str| value.to_lowercase().contains(text);
    session.name.as_deref().is_some_and(contains)
        || session.user_id.as_ref().is_some_and(|id| id.as_str().to_lowercase() == text)
}

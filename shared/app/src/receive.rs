//! A customer writes: the message, the conversation and its window, the events, in this order,
//! each step idempotent, so that a redelivery takes the same steps and ends in the same state.

use crate::event::Event;
use crate::record_status::SEARCHED_MAX;
use crate::view;
use crate::{App, AppError};
use serde_json::json;
use transom_core::account::AccountState;
use transom_core::due::next_visit;
use transom_core::event::{Cause, EventKind};
use transom_core::id::{ConversationId, MessageId};
use transom_core::message::{Direction, Facts, Origin, Phase};
use transom_core::time::Timestamp;
use transom_core::window::{Basis, Channel, Merge, Window, clamp_user_time, merge};
use transom_store::{
    AccountRecord, Claim, Message, Put, SenderRecord, Session, SessionCreated, StoreError,
    Unattached, Updated,
};
use transom_wire::{Business, Inbound};

/// How often a conversation is read again because somebody else wrote to it meanwhile. Every
/// round somebody made progress, so this is far above what happens.
const ROUNDS_MAX: u32 = 200;

/// The longest name of a user that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

impl App {
    /// Stores a customer's message of a verified account.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub async fn receive(
        &self,
        account: &AccountRecord,
        inbound: Inbound,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let sender = match self.receiving_sender(account, &inbound.business).await? {
            Ok(sender) => sender,
            Err(reason) => {
                return self
                    .leave_unattached(account, &inbound.provider_message_id, reason, now)
                    .await;
            }
        };
        let conversation = self.store.hash_key().conversation(&sender.sender.phone, &inbound.user);
        let place = self.place(account, &conversation, &inbound, now).await?;
        let message = self.store_message(account, &sender, &inbound, &place, now).await?;
        let session =
            self.merge_into_session(&sender, &conversation, &inbound, &place, now).await?;
        self.publish(received_events(account, &session, &message, &place)).await?;
        tracing::info!(outcome = "received", account = %account.account.id, sender = %sender.sender.id, conversation = %conversation, "message");
        Ok(())
    }

    /// The sender that may receive, or why none may (M137).
    async fn receiving_sender(
        &self,
        account: &AccountRecord,
        business: &Business,
    ) -> Result<Result<SenderRecord, &'static str>, AppError> {
        match account.account.state {
            // A deactivated account's customers are not lost: reactivating restores (M138).
            AccountState::Active | AccountState::Deactivated => {}
            AccountState::Removed => return Ok(Err("integration_removed")),
            AccountState::Deleted => return Ok(Err("account_deleted")),
        }
        let sender = match business {
            Business::Phone(number) => match self.store.sender_of_number(number).await? {
                Some(id) => self.store.sender(&id).await?,
                None => None,
            },
            Business::ProviderId(_) => None,
        };
        Ok(match sender {
            None => Err("unknown_sender"),
            Some(s) if s.sender.account != account.account.id => Err("unknown_sender"),
            Some(s) if s.sender.deleted_at.is_some() => Err("sender_deleted"),
            Some(s) => Ok(s),
        })
    }

    /// A verified webhook that belongs to nothing that may receive is an outcome, not silence.
    pub(crate) async fn leave_unattached(
        &self,
        account: &AccountRecord,
        provider_message_id: &str,
        reason: &'static str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        tracing::warn!(outcome = "unattached", account = %account.account.id, reason, "webhook item");
        let record = Unattached {
            reason: reason.to_owned(),
            provider_message_id: provider_message_id.to_owned(),
            at: now,
        };
        Ok(self.store.put_unattached(&account.account.id, &record).await?)
    }

    /// The time that counts and the id: from the provider's own time where it tells it, otherwise
    /// claimed at first sight.
    async fn place(
        &self,
        account: &AccountRecord,
        conversation: &ConversationId,
        inbound: &Inbound,
        now: Timestamp,
    ) -> Result<Place, AppError> {
        let cause =
            ["inbound", account.account.provider.as_str(), inbound.provider_message_id.as_str()];
        let hashed = self.store.hash_key().tail(&cause);
        if let Some(sent_at) = inbound.sent_at {
            // The id is made of the provider's own time, before any clamping, so that every
            // redelivery finds the same item whatever our clock says.
            let id = MessageId::new(conversation, sent_at, &hashed);
            let at = clamp_user_time(sent_at, now);
            return Ok(Place { id, at, basis: Basis::UserTime });
        }
        let wanted = MessageId::new(conversation, now, &self.entropy.tail().followed_by(&hashed));
        let claim = Claim { at: now, sortable: wanted.sortable().to_owned() };
        let claim = self.store.claim(conversation, &inbound.provider_message_id, &claim).await?;
        let id = MessageId::from_sortable(conversation, &claim.sortable)
            .map_err(|e| StoreError::Corrupt { what: "claim", reason: e.to_string() })?;
        Ok(Place { id, at: claim.at, basis: Basis::Receipt })
    }

    async fn store_message(
        &self,
        account: &AccountRecord,
        sender: &SenderRecord,
        inbound: &Inbound,
        place: &Place,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let reply_to = self.answered(place, inbound.reply_to.as_deref()).await?;
        let mut content = inbound.content.clone();
        if let Some(media) = content.media_mut() {
            media.media = Some(place.id.media(0));
        }
        let message = Message {
            id: Some(place.id.clone()),
            direction: Direction::In,
            origin: Origin::Customer,
            sent_by: None,
            account: account.account.id.clone(),
            sender: sender.sender.id.clone(),
            content: Some(content),
            phase: Phase::Received,
            attempt: 0,
            enqueue: 0,
            claimed_at: None,
            received_at: now,
            provider_message_id: Some(inbound.provider_message_id.clone()),
            sent_as: None,
            counts: false,
            refusal: None,
            forwarded: inbound.forwarded,
            reply_to,
            referral: inbound.referral.clone(),
            due_shard: None,
            due_at: None,
            facts: Facts::new(),
        };
        Ok(match self.store.put_message(&place.id, &message).await? {
            Put::New => message,
            Put::Exists(stored) => *stored,
        })
    }

    /// Our id of the message that a customer answers, where it is among the newest ones; otherwise
    /// the provider's. Only answers pay for this read.
    async fn answered(
        &self,
        place: &Place,
        provider_message_id: Option<&str>,
    ) -> Result<Option<String>, AppError> {
        let Some(wanted) = provider_message_id else { return Ok(None) };
        let conversation = place.id.conversation();
        let (recent, _) = self.store.messages(&conversation, None, SEARCHED_MAX).await?;
        let ours = recent.iter().find(|m| m.provider_message_id.as_deref() == Some(wanted));
        let id = ours.and_then(|m| m.id.as_ref()).map(ToString::to_string);
        Ok(Some(id.unwrap_or_else(|| wanted.to_owned())))
    }

    async fn merge_into_session(
        &self,
        sender: &SenderRecord,
        conversation: &ConversationId,
        inbound: &Inbound,
        place: &Place,
        now: Timestamp,
    ) -> Result<Session, AppError> {
        for _ in 0..ROUNDS_MAX {
            let known = self.store.session(conversation).await?;
            let merged = self.merge_once(known, sender, conversation, inbound, place, now).await?;
            if let Some(session) = merged {
                if session.begun_by.as_deref() == Some(place.id.sortable())
                    && let Some(phone) = &session.phone
                {
                    let number = &sender.sender.phone;
                    self.store.put_pointer(number, &phone.reversed(), conversation).await?;
                }
                return Ok(session);
            }
        }
        Err(StoreError::Contended { operation: "merge a message into its conversation" }.into())
    }

    /// One round: `None` when somebody else wrote meanwhile.
    async fn merge_once(
        &self,
        known: Option<Session>,
        sender: &SenderRecord,
        conversation: &ConversationId,
        inbound: &Inbound,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<Session>, AppError> {
        let fresh = known.is_none();
        let mut session = known.unwrap_or_else(|| {
            Session::new(
                conversation.clone(),
                sender.sender.phone.clone(),
                sender.sender.id.clone(),
                sender.sender.account.clone(),
                sender.sender.brand.clone(),
                &inbound.user,
                now,
            )
        });
        session.sender = sender.sender.id.clone();
        session.account = sender.sender.account.clone();
        session.name = clean_name(inbound.profile_name.as_deref()).or(session.name);
        let merged = merge(session.window().as_ref(), place.at, place.basis, Channel::WHATSAPP);
        let by = place.id.sortable();
        let visit =
            |w: &Window| next_visit(w, session.noticed_until, &sender.expiring, Channel::WHATSAPP);
        let updated = match &merged {
            Merge::Unchanged => return Ok(Some(session)),
            Merge::Opens(window) if fresh => {
                let first = visit(window);
                session.set_window(window);
                session.opened_by = Some(by.to_owned());
                session.begun_by = Some(by.to_owned());
                session.inbox_at = Some(window.opened_at);
                session.due_at = first;
                return Ok(match self.store.create_session(&session).await? {
                    SessionCreated::New => Some(session),
                    SessionCreated::Exists(_) => None,
                });
            }
            Merge::Opens(window) => {
                let first = visit(window);
                self.store.open_window(&session, window, by, first).await?
            }
            Merge::Extends(window) => {
                let first = visit(window);
                self.store.extend_window(&session, window, first).await?
            }
            Merge::Predates(window) => self.store.predate_window(&session, window, by).await?,
        };
        if updated == Updated::Changed {
            return Ok(None);
        }
        match merged {
            Merge::Opens(window) => {
                if session.inbox_at.is_none() && session.begun_by.is_none() {
                    session.begun_by = Some(by.to_owned());
                }
                session.set_window(&window);
                session.opened_by = Some(by.to_owned());
            }
            Merge::Extends(window) => session.set_window(&window),
            Merge::Predates(window) => {
                session.set_window(&window);
                session.opened_by = Some(by.to_owned());
            }
            Merge::Unchanged => {}
        }
        Ok(Some(session))
    }
}

/// Where and when a message belongs.
struct Place {
    id: MessageId,
    at: Timestamp,
    basis: Basis,
}

fn clean_name(name: Option<&str>) -> Option<String> {
    let name: String = name?.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The events of a received message. A redelivery makes the same ones with the same ids: that
/// it opened the window, or began the conversation, stands in the conversation itself.
fn received_events(
    account: &AccountRecord,
    session: &Session,
    message: &Message,
    place: &Place,
) -> Vec<Event> {
    let conversation = &session.id;
    let sender = &message.sender;
    let mut events = Vec::new();
    if session.begun_by.as_deref() == Some(place.id.sortable()) {
        let cause = Cause::Begun(conversation.clone());
        let data = json!({ "conversation": conversation, "sender": sender });
        events.push(Event::new(EventKind::ConversationOpened, &cause, place.at, data));
    }
    if session.opened_by.as_deref() == Some(place.id.sortable())
        && let Some(window) = session.window()
    {
        let cause = Cause::Opened(conversation.clone(), place.id.clone());
        let data = json!({
            "conversation": conversation,
            "sender": sender,
            "opened_at": place.at.rfc3339(),
            "expires_at": window.expires_at(Channel::WHATSAPP).rfc3339(),
        });
        events.push(Event::new(EventKind::WindowOpened, &cause, place.at, data));
    }
    let cause = Cause::Received(place.id.clone());
    let data = json!({
        "conversation": conversation,
        "sender": sender,
        "message": view::message_view(message, account.account.provider),
    });
    events.push(Event::new(EventKind::MessageReceived, &cause, place.at, data));
    events.into_iter().map(|e| e.in_conversation(conversation, sender)).collect()
}

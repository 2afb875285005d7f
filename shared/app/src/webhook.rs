//! A webhook from end to end: verified before anything is parsed, then every item of it stored,
//! and only then answered. Both provider-facing functions work with this.

use crate::{App, AppError};
use futures::stream::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use transom_core::account::Provider;
use transom_core::content::Content;
use transom_core::id::{AccountId, SenderId};
use transom_core::sandbox::proxy;
use transom_core::time::{Millis, Timestamp};
use transom_store::{AccountRecord, StoreError};
use transom_wire::{Business, Credentials, Inbound, Item, Webhook};

/// The largest webhook that is read. Meta's batches reach 3 MB.
pub const WEBHOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a batch may be worked on. The function ends after 30 s, the provider waits less.
const BATCH_WITHIN: Millis = Millis::from_seconds(25);

/// How many customers or statuses are worked on at once: with the few writes of each that are
/// under way together, at most 64.
const CONCURRENT: usize = 32;

/// A webhook as it came, with what its path says.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The provider that the path names.
    pub provider: String,
    /// The account that the path names.
    pub account: String,
    /// The public URL of this request, query included.
    pub url: String,
    /// The raw query.
    pub query: String,
    /// The headers, with lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub body: Vec<u8>,
}

/// How a webhook is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Everything in it is durable: 200 with this content type and body.
    Taken {
        /// The content type.
        content_type: &'static str,
        /// The body that the provider wants.
        body: &'static str,
    },
    /// Its authentication is missing or wrong: 403, nothing written.
    Forged,
    /// It is not what the provider sends: 400, nothing written.
    Unparsable(String),
    /// It is larger than any webhook: 413, nothing written.
    TooLarge,
}

impl App {
    /// Takes a webhook.
    ///
    /// # Errors
    /// When something could not be stored: the caller answers 5xx, and the provider's redelivery
    /// takes the same steps again.
    pub async fn take_webhook(
        &self,
        arrival: &Arrival,
        now: Timestamp,
    ) -> Result<Answered, AppError> {
        if arrival.body.len() > WEBHOOK_BYTES_MAX {
            tracing::warn!(outcome = "too_large", provider = %known(&arrival.provider), "webhook refused");
            return Ok(Answered::TooLarge);
        }
        let Some((provider, account)) = self.authenticate(arrival).await? else {
            tracing::warn!(outcome = "forged", provider = %known(&arrival.provider), "webhook refused");
            return Ok(Answered::Forged);
        };
        let items = match transom_wire::parse(provider, &webhook(arrival)) {
            Ok(items) => items,
            Err(error) => {
                tracing::warn!(
                    outcome = "unparsable",
                    provider = provider.as_str(),
                    account = %account.account.id,
                    reason = %error,
                    "webhook refused"
                );
                return Ok(Answered::Unparsable(error.to_string()));
            }
        };
        self.take_items(&account, items, now).await?;
        let (content_type, body) = transom_wire::acknowledgement(provider);
        Ok(Answered::Taken { content_type, body })
    }

    /// Answers a provider's subscription handshake; `None` is answered with 403.
    ///
    /// # Errors
    /// When the account cannot be read.
    pub async fn handshake(&self, arrival: &Arrival) -> Result<Option<String>, AppError> {
        let Some(provider) = Provider::parse(&arrival.provider) else { return Ok(None) };
        let Ok(id) = AccountId::parse(&arrival.account) else { return Ok(None) };
        let Some(record) = self.store.account(&id).await? else { return Ok(None) };
        if record.account.provider != provider {
            return Ok(None);
        }
        Ok(transom_wire::handshake(&self.credentials(&record)?, &arrival.query))
    }

    /// The account whose credentials verify the webhook, or `None`: an unknown provider, an
    /// unknown account and a wrong signature look the same from outside.
    async fn authenticate(
        &self,
        arrival: &Arrival,
    ) -> Result<Option<(Provider, AccountRecord)>, AppError> {
        let Some(provider) = Provider::parse(&arrival.provider) else { return Ok(None) };
        let Ok(id) = AccountId::parse(&arrival.account) else { return Ok(None) };
        let Some(record) = self.store.account(&id).await? else { return Ok(None) };
        if record.account.provider != provider {
            return Ok(None);
        }
        let credentials = self.credentials(&record)?;
        let verified = transom_wire::verify(&credentials, &webhook(arrival));
        Ok(verified.ok().map(|()| (provider, record)))
    }

    /// Opens an account's sealed credentials.
    pub(crate) fn credentials(&self, record: &AccountRecord) -> Result<Credentials, AppError> {
        let plain = self.keys.open(record.account.id.as_str(), &record.credentials)?;
        let corrupt = |_| StoreError::Corrupt {
            what: "account",
            reason: "its credentials have another form".to_owned(),
        };
        Ok(serde_json::from_slice(&plain).map_err(corrupt)?)
    }

    /// Stores everything that a webhook holds: messages before statuses, the messages of one
    /// customer together, customers side by side; what belongs to no conversation last.
    async fn take_items(
        &self,
        account: &AccountRecord,
        items: Vec<Item>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let items = self.proxied(account, items).await?;
        let began = self.clock.now();
        let mut customers: BTreeMap<String, Vec<Inbound>> = BTreeMap::new();
        let mut statuses = Vec::new();
        let mut consents = Vec::new();
        let mut limits = Vec::new();
        let mut others = BTreeSet::new();
        let mut tells = Vec::new();
        for item in items {
            match item {
                Item::Message(inbound) => {
                    let key =
                        format!("{}|{}", name_of(&inbound.business), inbound.user.canonical());
                    customers.entry(key).or_default().push(*inbound);
                }
                Item::Status(update) => statuses.push(update),
                Item::Consent(told) => consents.push(*told),
                Item::Limit(told) => limits.push(*told),
                Item::Tells(told) => tells.push(*told),
                // Of two that are the same in all that is kept, one is written.
                Item::Other { kind, raw } => {
                    others.insert((kind, raw));
                }
            }
        }
        let mut messages = Vec::with_capacity(customers.len());
        for customer in customers.into_values() {
            messages.push(self.in_time(began, self.receive(account, customer, now)));
        }
        // Whatever fails, the rest is stored; the provider's repeat brings what failed.
        let messages = all_of(messages).await;
        let mut words = Vec::with_capacity(consents.len());
        for told in consents {
            words.push(self.in_time(began, self.take_consent(account, told, now)));
        }
        let words = all_of(words).await;
        let mut changes = Vec::with_capacity(limits.len());
        for told in limits {
            changes.push(self.in_time(began, self.take_limit(account, told, now)));
        }
        let changes = all_of(changes).await;
        let mut facts = Vec::with_capacity(statuses.len());
        for update in statuses {
            facts.push(self.in_time(began, self.record_status(account, update, now)));
        }
        let facts = all_of(facts).await;
        let mut news = Vec::with_capacity(tells.len());
        for told in tells {
            news.push(self.in_time(began, self.take_news(account, told, now)));
        }
        let news = all_of(news).await;
        let mut kept = Vec::with_capacity(others.len());
        for other in others {
            kept.push(self.in_time(began, self.keep_unsupported(account, other, now)));
        }
        let kept = all_of(kept).await;
        messages.and(words).and(changes).and(facts).and(news).and(kept)
    }

    /// In a provider's sandbox a tester names the app that he writes to (M85): the keyword is taken
    /// off what he says, and where it names a sender of this account the message is that sender's.
    async fn proxied(
        &self,
        account: &AccountRecord,
        mut items: Vec<Item>,
    ) -> Result<Vec<Item>, AppError> {
        if !account.account.sandbox {
            return Ok(items);
        }
        let credentials = self.credentials(account)?;
        for item in &mut items {
            let Item::Message(inbound) = item else { continue };
            let Content::Text { text } = &inbound.content else { continue };
            let Some((app, rest)) = proxy(text) else { continue };
            let is_own = credentials.app_name().is_some_and(|own| own.eq_ignore_ascii_case(app));
            if !is_own {
                let Ok(id) = SenderId::parse(app) else { continue };
                let sender = self.store.sender(&id).await?;
                let Some(sender) = sender.filter(|s| s.sender.account == account.account.id) else {
                    continue;
                };
                inbound.business = Business::Phone(sender.sender.phone);
            }
            let referral = inbound.referral.get_or_insert_with(BTreeMap::new);
            referral.insert("proxy".to_owned(), app.to_owned());
            inbound.content = Content::Text { text: rest.to_owned() };
        }
        Ok(items)
    }

    /// Does not begin what cannot be finished before the function ends: the provider posts the
    /// whole batch again, and what is stored already costs little then.
    async fn in_time(
        &self,
        began: Timestamp,
        work: impl Future<Output = Result<(), AppError>>,
    ) -> Result<(), AppError> {
        if self.clock.now().since(began) > BATCH_WITHIN {
            return Err(AppError::OutOfTime);
        }
        work.await
    }
}

fn name_of(business: &Business) -> &str {
    match business {
        Business::Phone(number) => number.as_str(),
        Business::ProviderId(name) => name,
    }
}

/// Runs everything to its end, at most [`CONCURRENT`] at once, and answers the first failure: one
/// bad item does not keep the others from being stored.
async fn all_of(work: Vec<impl Future<Output = Result<(), AppError>>>) -> Result<(), AppError> {
    let done: Vec<Result<(), AppError>> =
        futures::stream::iter(work).buffer_unordered(CONCURRENT).collect().await;
    done.into_iter().collect()
}

fn webhook(arrival: &Arrival) -> Webhook<'_> {
    Webhook {
        url: &arrival.url,
        query: &arrival.query,
        headers: &arrival.headers,
        body: &arrival.body,
    }
}

/// The provider's name if it is one, so that a log holds nothing that a stranger wrote.
fn known(provider: &str) -> &'static str {
    Provider::parse(provider).map_or("unknown", Provider::as_str)
}

//! A webhook from end to end: verified before anything is parsed, then every item of it stored,
//! and only then answered. Both provider-facing functions work with this.

use crate::{App, AppError};
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::id::AccountId;
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, StoreError};
use transom_wire::{Credentials, Item, Webhook};

/// The largest webhook that is read. Meta's batches reach 3 MB.
pub const WEBHOOK_BYTES_MAX: usize = 4 * 1024 * 1024;

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
        for item in items {
            self.take_item(&account, item, now).await?;
        }
        let (content_type, body) = transom_wire::acknowledgement(provider);
        Ok(Answered::Taken { content_type, body })
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

    async fn take_item(
        &self,
        account: &AccountRecord,
        item: Item,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match item {
            Item::Message(inbound) => self.receive(account, *inbound, now).await,
            Item::Status(update) => self.record_status(account, update, now).await,
            Item::Other { kind } => {
                tracing::info!(outcome = "kept_by_name", account = %account.account.id, kind, "webhook item");
                Ok(())
            }
        }
    }
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

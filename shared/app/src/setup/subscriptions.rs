//! Subscriptions to events. The signing secret is answered once, when it is made.

use super::{contended, name};
use crate::notify::secret_name;
use crate::outbound::check_url;
use crate::view::List;
use crate::{App, AppError, Problem};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use transom_core::event::EventKind;
use transom_core::id::{SenderId, SubscriptionId};
use transom_core::time::Timestamp;
use transom_store::{SubscriptionRecord, Updated};
use utoipa::ToSchema;

/// The most senders that a subscription names; without any it takes all.
const SENDERS_MAX: usize = 200;

/// A subscription as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionBody {
    /// Where events are posted: https.
    #[schema(example = "https://example.com/hooks/transom")]
    pub url: String,
    /// Which kinds; none means all.
    #[serde(default)]
    pub events: Vec<String>,
    /// For which senders; none means all.
    #[serde(default)]
    pub senders: Vec<String>,
}

/// A subscription as callers read it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// Its name.
    pub id: String,
    /// Where events are posted.
    pub url: String,
    /// Which kinds; none means all.
    pub events: BTreeSet<String>,
    /// For which senders; none means all.
    #[schema(value_type = Vec<String>)]
    pub senders: BTreeSet<SenderId>,
    /// The signing secret (`whsec_…`), in the answer that makes it and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When it was last changed.
    pub updated_at: String,
}

/// Shows no secret.
impl std::fmt::Debug for SubscriptionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SubscriptionView({})", self.id)
    }
}

impl From<&SubscriptionRecord> for SubscriptionView {
    fn from(record: &SubscriptionRecord) -> Self {
        Self {
            id: record.id.to_string(),
            url: record.url.clone(),
            events: record.events.clone(),
            senders: record.senders.clone(),
            secret: None,
            updated_at: record.updated_at.rfc3339(),
        }
    }
}

impl App {
    /// Creates a subscription, and answers its signing secret; or changes one, which keeps it.
    ///
    /// # Errors
    /// `invalid_request` naming the field, or when it could not be stored.
    pub async fn put_subscription(
        &self,
        id: &str,
        body: &SubscriptionBody,
        now: Timestamp,
    ) -> Result<SubscriptionView, AppError> {
        let id = name("subscription", SubscriptionId::parse(id))?;
        check_url(&body.url, self.config.local)
            .map_err(|why| Problem::invalid(format!("`url`: {why}")))?;
        let (events, senders) = (parse_events(&body.events)?, parse_senders(&body.senders)?);
        let known = self.store.subscription(id.as_str()).await?;
        let (sealed, shown) = match known {
            Some(known) => (known.secret, None),
            None => {
                let secret = format!("whsec_{}", BASE64.encode(&self.entropy.bytes::<32>()));
                let nonce = self.entropy.bytes();
                let sealed = self.keys.seal(&secret_name(id.as_str()), secret.as_bytes(), nonce)?;
                (sealed, Some(secret))
            }
        };
        let url = body.url.clone();
        let record =
            SubscriptionRecord { id, url, events, senders, secret: sealed, updated_at: now };
        if self.store.put_subscription(&record).await? == Updated::Changed {
            return Err(contended("subscription"));
        }
        Ok(SubscriptionView { secret: shown, ..SubscriptionView::from(&record) })
    }

    /// A subscription.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_subscription(&self, id: &str) -> Result<SubscriptionView, AppError> {
        Ok(SubscriptionView::from(&self.existing_subscription(id).await?))
    }

    /// All subscriptions, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn list_subscriptions(&self) -> Result<List<SubscriptionView>, AppError> {
        let records = self.store.subscriptions().await?;
        Ok(List::whole(records.iter().map(SubscriptionView::from).collect()))
    }

    /// Removes a subscription.
    ///
    /// # Errors
    /// `not_found`, or when it could not be removed.
    pub async fn delete_subscription(&self, id: &str) -> Result<(), AppError> {
        let record = self.existing_subscription(id).await?;
        self.store.delete_subscription(record.id.as_str()).await?;
        Ok(())
    }

    async fn existing_subscription(&self, id: &str) -> Result<SubscriptionRecord, AppError> {
        let unknown = || Problem::not_found("subscription with this name");
        let id = SubscriptionId::parse(id).map_err(|_| unknown())?;
        self.store.subscription(id.as_str()).await?.ok_or_else(|| unknown().into())
    }
}

fn parse_events(given: &[String]) -> Result<BTreeSet<String>, Problem> {
    for (index, kind) in given.iter().enumerate() {
        if EventKind::parse(kind).is_none() {
            let known: Vec<&str> = EventKind::ALL.iter().map(|k| k.as_str()).collect();
            let detail = format!("`events[{index}]` must be one of {}", known.join(", "));
            return Err(Problem::invalid(detail));
        }
    }
    Ok(given.iter().cloned().collect())
}

fn parse_senders(given: &[String]) -> Result<BTreeSet<SenderId>, Problem> {
    if given.len() > SENDERS_MAX {
        let detail = format!("`senders` names more than {SENDERS_MAX}; without any it takes all");
        return Err(Problem::invalid(detail));
    }
    let parse =
        |(index, text): (usize, &String)| name(&format!("senders[{index}]"), SenderId::parse(text));
    given.iter().enumerate().map(parse).collect()
}

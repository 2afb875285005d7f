//! Deliveries that a subscriber did not take: shown to an operator, and made again on request.

use crate::view::List;
use crate::{App, AppError, Problem};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use transom_core::time::Timestamp;
use transom_store::{DeliveryRecord, DeliveryState, Updated};
use utoipa::ToSchema;

/// How many deliveries of one subscription are listed at most; replaying shortens the list.
const LISTED_MAX: u16 = 200;

/// A delivery as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id, for a replay.
    pub id: String,
    /// The subscription.
    pub subscription: String,
    /// The event's id.
    pub event: String,
    /// `retrying` or `parked`.
    pub state: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it failed first.
    pub first_failed_at: String,
    /// Why it failed last.
    pub last_error: String,
    /// When it is tried next; `null` when it is parked.
    pub next_try_at: Option<String>,
}

fn view(record: &DeliveryRecord) -> DeliveryView {
    let name = format!("{}#{}", record.subscription, record.event);
    DeliveryView {
        id: format!("dlv_{}", BASE64URL_NOPAD.encode(name.as_bytes())),
        subscription: record.subscription.clone(),
        event: record.event.clone(),
        state: state_name(record.state).to_owned(),
        tries: record.tries,
        first_failed_at: record.first_at.rfc3339(),
        last_error: record.last_error.clone(),
        next_try_at: record.due_at.map(Timestamp::rfc3339),
    }
}

const fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Retrying => "retrying",
        DeliveryState::Parked => "parked",
    }
}

/// The subscription and event that a delivery's id names.
fn parse(id: &str) -> Option<(String, String)> {
    let bytes = BASE64URL_NOPAD.decode(id.strip_prefix("dlv_")?.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (subscription, event) = text.split_once('#')?;
    Some((subscription.to_owned(), event.to_owned()))
}

impl App {
    /// The deliveries that were not taken, of every subscription; those of one state when given.
    ///
    /// # Errors
    /// When the state is none, or the table cannot be reached.
    pub async fn list_deliveries(
        &self,
        state: Option<&str>,
    ) -> Result<List<DeliveryView>, AppError> {
        if state.is_some_and(|s| s != "retrying" && s != "parked") {
            return Err(Problem::invalid("`state` must be `retrying` or `parked`").into());
        }
        let mut items = Vec::new();
        for subscription in self.store.subscriptions().await? {
            let found = self.store.deliveries(subscription.id.as_str(), None, LISTED_MAX).await?;
            items.extend(
                found.iter().filter(|d| state.is_none_or(|s| s == state_name(d.state))).map(view),
            );
        }
        Ok(List::whole(items))
    }

    /// Makes a delivery again: it is due at once, and retried for another day if it fails.
    ///
    /// # Errors
    /// When there is no such delivery, or the table cannot be reached.
    pub async fn replay_delivery(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<DeliveryView, AppError> {
        let missing = || Problem::not_found(format!("delivery `{id}`"));
        let (subscription, event) = parse(id).ok_or_else(missing)?;
        let known = self.store.delivery(&subscription, &event).await?.ok_or_else(missing)?;
        let again = DeliveryRecord {
            state: DeliveryState::Retrying,
            first_at: now,
            due_at: Some(now),
            ..known.clone()
        };
        match self.store.put_delivery(&again, Some(known.tries)).await? {
            Updated::Done => Ok(view(&again)),
            // Another try was under way: it has just been made.
            Updated::Changed => Ok(view(&known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_delivery() {
        let id = format!("dlv_{}", BASE64URL_NOPAD.encode(b"all#evt_1"));
        assert_eq!(parse(&id), Some(("all".to_owned(), "evt_1".to_owned())));
        for wrong in ["", "dlv_", "dlv_!", "evt_1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

//! Events reach subscribers: signed as Standard Webhooks, at least once, retried with backoff
//! for 24 hours, then parked where an operator can replay them.

use crate::dispatch::QueuedEntry;
use crate::event::EventEntry;
use crate::{App, AppError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use transom_core::time::{Millis, Timestamp};
use transom_store::{DeliveryRecord, DeliveryState, SubscriptionRecord, Updated};

/// For how long a delivery is retried.
const RETRIED_FOR: Millis = Millis::from_hours(24);
/// The wait after the first failure; it doubles with each further one.
const BACKOFF_FIRST: Millis = Millis::from_seconds(15);
/// The longest wait.
const BACKOFF_MAX: Millis = Millis::from_seconds(3600);

/// How long one event may need: a subscriber's time and writing the failure down.
const POST_WITHIN: Millis = Millis::from_seconds(13);

/// The name under which a subscription's secret is sealed.
#[must_use]
pub fn secret_name(subscription: &str) -> String {
    format!("subscription:{subscription}")
}

/// Signs a body as Standard Webhooks say: base 64 of HMAC-SHA256 over `id.timestamp.body`.
/// `secret` is the base-64 text behind `whsec_`.
#[must_use]
pub fn sign(secret: &str, id: &str, timestamp_s: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

impl App {
    /// Works on one batch of the events queue. Answers the receipts of the entries to give back;
    /// of one group an entry that failed and every later one, so that order is kept.
    ///
    /// # Errors
    /// When the subscriptions cannot be read: the whole batch is to be given back.
    pub async fn notify_batch(
        &self,
        entries: Vec<QueuedEntry>,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<Vec<String>, AppError> {
        let subscriptions = self.store.subscriptions().await?;
        let mut groups: BTreeMap<String, Vec<QueuedEntry>> = BTreeMap::new();
        for entry in entries {
            groups.entry(entry.group.clone()).or_default().push(entry);
        }
        let mut work = Vec::with_capacity(groups.len());
        for group in groups.into_values() {
            work.push(self.notify_group(&subscriptions, group, now, deadline));
        }
        // A batch has ten entries at most, so this is at most ten groups at once.
        Ok(futures::future::join_all(work).await.into_iter().flatten().collect())
    }

    async fn notify_group(
        &self,
        subscriptions: &[SubscriptionRecord],
        group: Vec<QueuedEntry>,
        now: Timestamp,
        deadline: Timestamp,
    ) -> Vec<String> {
        let mut entries = group.into_iter();
        while let Some(entry) = entries.next() {
            // A slow subscriber must not cost the whole batch its acknowledgement.
            if self.clock.now().plus(POST_WITHIN) > deadline {
                return std::iter::once(entry.receipt).chain(entries.map(|e| e.receipt)).collect();
            }
            if let Err(error) = self.notify(subscriptions, &entry.body, now).await {
                tracing::error!(outcome = "given_back", error = %crate::error::chain(&error), "an event could not be told");
                return std::iter::once(entry.receipt).chain(entries.map(|e| e.receipt)).collect();
            }
        }
        Vec::new()
    }

    async fn notify(
        &self,
        subscriptions: &[SubscriptionRecord],
        body: &str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Ok(entry) = serde_json::from_str::<EventEntry>(body) else {
            tracing::error!(outcome = "unreadable_entry", "an entry of the events queue");
            return Ok(());
        };
        match entry {
            EventEntry::Tell { kind, id, sender, body } => {
                let mut posts = Vec::new();
                for subscription in subscriptions {
                    if wants(subscription, &kind, sender.as_ref()) {
                        posts.push(self.tell_first(subscription, &id, &body, now));
                    }
                }
                futures::future::join_all(posts).await.into_iter().collect()
            }
            EventEntry::Retry { subscription, event } => {
                self.tell_again(subscriptions, &subscription, &event, now).await
            }
        }
    }

    async fn tell_first(
        &self,
        subscription: &SubscriptionRecord,
        id: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Err(error) = self.post(subscription, id, body, now).await? else { return Ok(()) };
        let record = DeliveryRecord {
            subscription: subscription.id.to_string(),
            event: id.to_owned(),
            body: body.to_owned(),
            state: DeliveryState::Retrying,
            tries: 1,
            first_at: now,
            last_error: error,
            due_at: Some(now.plus(wait_after(1))),
        };
        // A record that stands there already is being retried: nothing is lost by leaving it.
        self.store.put_delivery(&record, None).await?;
        Ok(())
    }

    async fn tell_again(
        &self,
        subscriptions: &[SubscriptionRecord],
        subscription: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(delivery) = self.store.delivery(subscription, event).await? else { return Ok(()) };
        let Some(target) = subscriptions.iter().find(|s| s.id.as_str() == subscription) else {
            // Nobody subscribes any more.
            return Ok(self.store.delete_delivery(subscription, event).await?);
        };
        let Err(error) = self.post(target, event, &delivery.body, now).await? else {
            return Ok(self.store.delete_delivery(subscription, event).await?);
        };
        let tries = delivery.tries.saturating_add(1);
        let parked = is_given_up(delivery.first_at, now);
        let next = DeliveryRecord {
            state: if parked { DeliveryState::Parked } else { DeliveryState::Retrying },
            tries,
            last_error: error,
            due_at: (!parked).then(|| now.plus(wait_after(tries))),
            ..delivery.clone()
        };
        if parked {
            tracing::error!(outcome = "parked", subscription, event, "a delivery was given up");
        }
        match self.store.put_delivery(&next, Some(delivery.tries)).await? {
            Updated::Done | Updated::Changed => Ok(()),
        }
    }

    /// The outer result is ours, the inner the subscriber's.
    async fn post(
        &self,
        subscription: &SubscriptionRecord,
        id: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<Result<(), String>, AppError> {
        let name = secret_name(subscription.id.as_str());
        let secret = self.keys.open(&name, &subscription.secret)?;
        let secret = String::from_utf8_lossy(&secret).into_owned();
        let timestamp_s = now.as_millis().div_euclid(1000);
        let Some(signature) = sign(&secret, id, timestamp_s, body) else {
            return Ok(Err("its secret cannot be used".to_owned()));
        };
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp_s.to_string()),
            ("webhook-signature", signature),
        ];
        let posted = self.outbound.post(&subscription.url, &headers, body.to_owned()).await;
        let outcome = if posted.is_ok() { "told" } else { "not_told" };
        tracing::info!(outcome, subscription = %subscription.id, event = id, "event");
        Ok(posted)
    }
}

fn wants(
    subscription: &SubscriptionRecord,
    kind: &str,
    sender: Option<&transom_core::id::SenderId>,
) -> bool {
    let kinds = &subscription.events;
    let senders = &subscription.senders;
    (kinds.is_empty() || kinds.contains(kind))
        && (senders.is_empty() || sender.is_none_or(|id| senders.contains(id)))
}

/// How long the next try waits after so many have failed.
fn wait_after(tries: u32) -> Millis {
    let doubled = 1 << tries.saturating_sub(1).min(12);
    Millis::new(BACKOFF_FIRST.get().saturating_mul(doubled).min(BACKOFF_MAX.get()))
}

/// Whether a delivery that was first tried at `first_at`, and failed again, is tried no more.
fn is_given_up(first_at: Timestamp, now: Timestamp) -> bool {
    now.since(first_at) >= RETRIED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m100_the_wait_doubles_up_to_an_hour() {
        let waits = [1, 2, 3, 8, 9, 10, u32::MAX].map(|tries| wait_after(tries).get() / 1000);
        assert_eq!(waits, [15, 30, 60, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn m100_a_delivery_is_retried_for_24_hours() {
        let first_at = Timestamp::from_millis(1_000);
        let after = |around: i64| first_at.plus(RETRIED_FOR).plus(Millis::new(around));
        assert_eq!([-1, 0, 1].map(|n| is_given_up(first_at, after(n))), [false, true, true]);
    }

    #[test]
    fn the_published_vector_of_standard_webhooks_holds() {
        let signed = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }
}

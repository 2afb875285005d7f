//! Deliveries to subscribers: an item is written only after a first failure, retried by its
//! `due_at`, and parked where an operator can replay it.

use crate::item::{Conditional, Expression, Item, Query, decode, encode, n, s};
use crate::{Store, StoreError, Updated};
use serde::{Deserialize, Serialize};
use transom_core::time::Timestamp;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried again at its `due_at`.
    Retrying,
    /// It was given up; only a replay tries again.
    Parked,
}

/// A delivery that failed at least once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// The subscription.
    pub subscription: String,
    /// The event's id.
    pub event: String,
    /// The event's body, exactly as it is posted.
    pub body: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    /// When it failed first.
    pub first_at: Timestamp,
    /// Why it failed last: an HTTP status or a kind of failure.
    pub last_error: String,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

fn partition(subscription: &str) -> String {
    format!("V#{subscription}")
}

impl Store {
    /// Reads a delivery.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delivery(
        &self,
        subscription: &str,
        event: &str,
    ) -> Result<Option<DeliveryRecord>, StoreError> {
        let item = self.get(&self.tables.sessions, &partition(subscription), event).await?;
        item.map(|item| decode("delivery", item)).transpose()
    }

    /// Stores a delivery if it still stands as it was read: `seen_tries` is `None` for a first
    /// failure.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_delivery(
        &self,
        record: &DeliveryRecord,
        seen_tries: Option<u32>,
    ) -> Result<Updated, StoreError> {
        let mut item: Item = encode("delivery", record)?;
        let name = format!("{}#{}", record.subscription, record.event);
        if record.due_at.is_some() {
            item.insert("due_shard".into(), s(self.due_shard(&name)));
        }
        item.insert("pk".into(), s(partition(&record.subscription)));
        item.insert("sk".into(), s(&record.event));
        let expression = match seen_tries {
            Some(tries) => Expression::default().value(":tries", n(tries)).when("tries = :tries"),
            None => Expression::default().when("attribute_not_exists(pk)"),
        };
        match self.put(&self.tables.sessions, item, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    /// Removes a delivery that arrived.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete_delivery(&self, subscription: &str, event: &str) -> Result<(), StoreError> {
        let pk = partition(subscription);
        let gone = Expression::default();
        self.delete(&self.tables.sessions, &pk, event, gone).await.map(|_| ())
    }

    /// Moves a delivery's visit, if it still stands as it was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn reschedule_delivery(
        &self,
        seen: &DeliveryRecord,
        next: Timestamp,
    ) -> Result<Updated, StoreError> {
        let record = DeliveryRecord { due_at: Some(next), ..seen.clone() };
        self.put_delivery(&record, Some(seen.tries)).await
    }

    /// The deliveries of a subscription, by event; at most `limit`, after `after`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn deliveries(
        &self,
        subscription: &str,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let pk = partition(subscription);
        let start =
            after.map(|sk| Item::from([("pk".to_owned(), s(&pk)), ("sk".to_owned(), s(sk))]));
        let page = self
            .query(Query {
                table: &self.tables.sessions,
                index: None,
                keys: Expression::default().value(":pk", s(&pk)).when("pk = :pk"),
                forward: true,
                limit: i32::from(limit),
                consistent: true,
                start,
            })
            .await?;
        page.items.into_iter().map(|item| decode("delivery", item)).collect()
    }
}

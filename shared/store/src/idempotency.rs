//! Idempotency records: one per (API key, `Idempotency-Key`), in partitions of their own.

use crate::item::{Conditional, Expression, Item, decode, encode, n, s};
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use transom_core::id::MessageId;
use transom_core::time::{Millis, Timestamp};

/// How long a record is kept.
const KEPT: Millis = Millis::from_hours(24);

/// How long a first request may run before another may take its work over. Longer than any
/// request can run.
const LEASE: Millis = Millis::from_seconds(30);

/// The record of one `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The hash of the request's body.
    pub body: String,
    /// The message that the request makes; a repeat makes the same one.
    pub message: MessageId,
    /// When the first request came.
    pub at: Timestamp,
    /// Until when the request that holds the record may run.
    pub lease_until: Timestamp,
    /// The answer's HTTP status, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer's body, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How a request with an `Idempotency-Key` goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// It makes this message; with a repeat after a crash, the same one again.
    Begin(MessageId),
    /// It was answered: answer the same.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The first request is still running.
    InProgress,
    /// The key was used with another body.
    Mismatch,
}

impl Store {
    fn idempotency_pk(&self, api_key: &str, key: &str) -> String {
        format!("I#{}", self.hash_key.name(&["idempotency", api_key, key]))
    }

    /// Claims an `Idempotency-Key` for a request whose body hashes to `body`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn begin_idempotent(
        &self,
        api_key: &str,
        key: &str,
        body: &str,
        message: &MessageId,
        now: Timestamp,
    ) -> Result<Idempotency, StoreError> {
        let pk = self.idempotency_pk(api_key, key);
        let wanted = IdempotencyRecord {
            body: body.to_owned(),
            message: message.clone(),
            at: now,
            lease_until: now.plus(LEASE),
            status: None,
            answer: None,
        };
        let fresh = Expression::default()
            .name("#at", "at")
            .value(":old", n(now.minus(KEPT).as_millis()))
            .when("attribute_not_exists(pk) OR #at <= :old");
        let stored = match self.put_record(&pk, &wanted, fresh).await? {
            Conditional::Done(_) => return Ok(Idempotency::Begin(message.clone())),
            Conditional::Failed(Some(item)) => decode::<IdempotencyRecord>("idempotency", item)?,
            Conditional::Failed(None) => return Ok(Idempotency::InProgress),
        };
        if stored.body != body {
            return Ok(Idempotency::Mismatch);
        }
        if let (Some(status), Some(answer)) = (stored.status, stored.answer.clone()) {
            return Ok(Idempotency::Answered { status, body: answer });
        }
        if now < stored.lease_until {
            return Ok(Idempotency::InProgress);
        }
        // The first request died: its work is taken over, with its message.
        let taken = IdempotencyRecord { lease_until: now.plus(LEASE), ..stored.clone() };
        let unchanged = Expression::default()
            .value(":lease", n(stored.lease_until.as_millis()))
            .when("lease_until = :lease AND attribute_not_exists(answer)");
        match self.put_record(&pk, &taken, unchanged).await? {
            Conditional::Done(_) => Ok(Idempotency::Begin(stored.message)),
            Conditional::Failed(_) => Ok(Idempotency::InProgress),
        }
    }

    /// Keeps the answer for repeats.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_idempotent(
        &self,
        api_key: &str,
        key: &str,
        status: u16,
        answer: &str,
    ) -> Result<(), StoreError> {
        let expression = Expression::default()
            .set("#status = :status")
            .set("answer = :answer")
            .name("#status", "status")
            .value(":status", n(status))
            .value(":answer", s(answer))
            .when("attribute_exists(pk) AND attribute_not_exists(answer)");
        let pk = self.idempotency_pk(api_key, key);
        self.update(&self.tables.sessions, &pk, RECORD, expression).await.map(|_| ())
    }

    async fn put_record(
        &self,
        pk: &str,
        record: &IdempotencyRecord,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        let mut item: Item = encode("idempotency", record)?;
        item.insert("pk".into(), s(pk));
        item.insert("sk".into(), s(RECORD));
        item.insert("ttl".into(), n(record.at.plus(KEPT).as_millis() / 1000));
        self.put(&self.tables.sessions, item, expression).await
    }
}

const RECORD: &str = "RECORD";

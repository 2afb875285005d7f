//! `AUDIT`: who changed what of the set-up, and when. Written before the change, and completed after
//! it: a change without a record cannot be.

use crate::item::{Expression, Query, decode, encode, s, text_of};
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use transom_core::time::Timestamp;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its id: its time and what tells it from others of that time.
    #[serde(skip)]
    pub id: String,
    /// When it was asked for.
    pub when: Timestamp,
    /// The key that asked.
    pub key: String,
    /// That key's role.
    pub role: String,
    /// Whom the key acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The call: `PUT /v1/senders/{sender}`.
    pub call: String,
    /// What it was about: `/v1/senders/support`.
    pub target: String,
    /// How that stood before, in JSON; nothing where it was not there or cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How it stood afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The HTTP status that was answered; absent while, or where, nobody knows how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

const PARTITION: &str = "AUDIT";

impl Store {
    /// Writes a record, or completes it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_audit(&self, record: &AuditRecord) -> Result<(), StoreError> {
        let mut item = encode("audit record", record)?;
        item.insert("pk".to_owned(), s(PARTITION));
        item.insert("sk".to_owned(), s(&record.id));
        self.put(&self.tables.accounts, item, Expression::default()).await.map(|_| ())
    }

    /// A page of records, newest first, from `from` up to before `to`, older than the id `before`;
    /// answers the next page's `before` too.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn audit(
        &self,
        (from, to): (Timestamp, Option<Timestamp>),
        before: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<AuditRecord>, Option<String>), StoreError> {
        let upper = to.map_or_else(|| "~".to_owned(), audit_time);
        let start = before
            .map(|sk| [("pk", s(PARTITION)), ("sk", s(sk))].map(|(k, v)| (k.to_owned(), v)).into());
        let page = self
            .query(Query {
                table: &self.tables.accounts,
                index: None,
                keys: Expression::default()
                    .value(":pk", s(PARTITION))
                    .value(":low", s(audit_time(from)))
                    .value(":high", s(upper))
                    .when("pk = :pk AND sk BETWEEN :low AND :high"),
                forward: false,
                limit: i32::from(limit),
                consistent: true,
                start,
            })
            .await?;
        let next = page.last.as_ref().and_then(|key| text_of(key, "sk")).map(str::to_owned);
        let mut records = Vec::with_capacity(page.items.len());
        for item in page.items {
            let id = text_of(&item, "sk").unwrap_or_default().to_owned();
            let mut record: AuditRecord = decode("audit record", item)?;
            record.id = id;
            records.push(record);
        }
        Ok((records, next))
    }
}

/// The sortable beginning of a record's id.
#[must_use]
pub fn audit_time(at: Timestamp) -> String {
    format!("{:014}", at.as_millis().max(0))
}

//! `UNATTACHED#<account>`: what a verified webhook told that belongs to no conversation. Recorded,
//! not silent (F6, F16).

use crate::item::{Expression, Query, decode, encode, n, s, text_of};
use crate::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use transom_core::id::AccountId;
use transom_core::time::{Millis, Timestamp};

/// What a verified webhook told that belongs to no conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unattached {
    /// Why: `unsupported`, `integration_removed`, `unknown_sender`, `unmatched_status`, ….
    pub reason: String,
    /// What the provider calls it, or what it lacks.
    pub kind: String,
    /// The provider's id of the message, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// Its fields, as far as they are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, String>,
    /// When it came, the last time.
    pub at: Timestamp,
}

/// How much of the kind stands in the sort key: a page's cursor holds it.
const KIND_CHARS_MAX: usize = 100;

/// How long it is kept. It may hold what a customer wrote, and nothing erases it earlier.
const KEPT: Millis = Millis::from_hours(24 * 30);

impl Store {
    /// What names it: made of what it is, so that a redelivery writes the same item.
    #[must_use]
    pub fn unattached_id(&self, account: &AccountId, it: &Unattached) -> String {
        let id = it.provider_message_id.as_deref().unwrap_or_default();
        let mut parts = vec!["unattached", account.as_str(), &it.reason, &it.kind, id];
        parts.extend(it.raw.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
        self.hash_key.name(&parts)
    }

    /// Records it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_unattached(
        &self,
        account: &AccountId,
        it: &Unattached,
    ) -> Result<(), StoreError> {
        let mut item = encode("unattached webhook", it)?;
        let kind = it.kind.chars().filter(char::is_ascii_graphic).take(KIND_CHARS_MAX);
        let sk = format!("{}#{}", kind.collect::<String>(), self.unattached_id(account, it));
        item.insert("pk".to_owned(), s(partition(account)));
        item.insert("sk".to_owned(), s(sk));
        item.insert("ttl".to_owned(), n(it.at.plus(KEPT).as_millis() / 1000));
        self.put(&self.tables.accounts, item, Expression::default()).await.map(|_| ())
    }

    /// A page of what an account's webhooks told that belongs to no conversation, by its kind,
    /// after the sort key `after`; answers the next page's `after` too.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn unattached(
        &self,
        account: &AccountId,
        after: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<Unattached>, Option<String>), StoreError> {
        let pk = partition(account);
        let start = after.map(|sk| [("pk", s(&pk)), ("sk", s(sk))].map(|(k, v)| (k.to_owned(), v)));
        let page = self
            .query(Query {
                table: &self.tables.accounts,
                index: None,
                keys: Expression::default().value(":pk", s(&pk)).when("pk = :pk"),
                forward: true,
                limit: i32::from(limit),
                consistent: true,
                start: start.map(Into::into),
            })
            .await?;
        let next = page.last.as_ref().and_then(|key| text_of(key, "sk")).map(str::to_owned);
        let read = |item| decode("unattached webhook", item);
        Ok((page.items.into_iter().map(read).collect::<Result<_, _>>()?, next))
    }
}

fn partition(account: &AccountId) -> String {
    format!("UNATTACHED#{account}")
}

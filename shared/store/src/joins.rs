//! Join items: `J#<hash of account and provider's id>`, for a provider whose statuses carry no
//! reference of ours. The send's answer and the statuses both upsert it, each reading what the
//! other left, so that either may come first (F3). They stand in partitions of their own, because
//! a status may call the user by another name than the send did, or by none.

use crate::item::{Conditional, Expression, Item, encode_value, n, s, text_of};
use crate::{Store, StoreError};
use std::collections::BTreeMap;
use transom_core::id::{AccountId, MessageId};
use transom_core::message::{Fact, FactKind};
use transom_core::time::{Millis, Timestamp};

/// What a join item holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Join {
    /// The message and attempt, once the send's answer is known.
    pub message: Option<(MessageId, u32)>,
    /// The facts that came before it.
    pub facts: BTreeMap<FactKind, Fact>,
    /// The provider's other id of the message, where that came before it.
    pub other_id: Option<String>,
}

/// How long a join item is kept: statuses stop long before.
const KEPT: Millis = Millis::from_hours(24 * 45);

const SELF: &str = "JOIN";

fn kept(now: Timestamp) -> Expression {
    Expression::default()
        .set("#ttl = :ttl")
        .name("#ttl", "ttl")
        .value(":ttl", n(now.plus(KEPT).as_millis() / 1000))
}

fn read_join(item: &Item) -> Result<Join, StoreError> {
    let mut join = Join { other_id: text_of(item, "o").map(str::to_owned), ..Join::default() };
    if let Some((id, attempt)) = text_of(item, "m").and_then(|m| m.rsplit_once('.')) {
        let id = MessageId::parse(id).map_err(|e| StoreError::corrupt("join", e))?;
        let attempt = attempt.parse().map_err(|e| StoreError::corrupt("join", e))?;
        join.message = Some((id, attempt));
    }
    for kind in FactKind::ALL {
        if let Some(value) = item.get(&format!("f_{}", kind.as_str())) {
            let fact = serde_dynamo::from_attribute_value(value.clone())
                .map_err(|e| StoreError::corrupt("join", e))?;
            join.facts.insert(kind, fact);
        }
    }
    Ok(join)
}

impl Store {
    /// WhatsApp's ids hold the customer's number, so the key is a keyed hash.
    fn join_key(&self, account: &AccountId, provider_message_id: &str) -> String {
        format!("J#{}", self.hash_key.name(&["join", account.as_str(), provider_message_id]))
    }

    /// Reads the join item of a provider's id of a message.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join(
        &self,
        account: &AccountId,
        provider_message_id: &str,
    ) -> Result<Join, StoreError> {
        let pk = self.join_key(account, provider_message_id);
        let item = self.get(&self.tables.sessions, &pk, SELF).await?;
        item.as_ref().map_or_else(|| Ok(Join::default()), read_join)
    }

    /// Says which attempt a provider's id belongs to; answers what statuses have left.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join_message(
        &self,
        account: &AccountId,
        provider_message_id: &str,
        message: &MessageId,
        attempt: u32,
        now: Timestamp,
    ) -> Result<Join, StoreError> {
        let expression = kept(now)
            .set("m = if_not_exists(m, :m)")
            .value(":m", s(format!("{message}.{attempt}")));
        self.upsert_join(account, provider_message_id, expression).await
    }

    /// Leaves a fact, and the provider's other id of the message, for the send's answer to find;
    /// answers what stood there, so that an answer that came in between is seen.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join_fact(
        &self,
        account: &AccountId,
        provider_message_id: &str,
        fact: Option<(FactKind, &Fact)>,
        other_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Join, StoreError> {
        let mut expression = kept(now);
        if let Some((kind, fact)) = fact {
            expression = expression
                .set("#f = if_not_exists(#f, :f)")
                .name("#f", &format!("f_{}", kind.as_str()))
                .value(":f", encode_value("fact", fact)?);
        }
        if let Some(other) = other_id {
            expression = expression.set("o = if_not_exists(o, :o)").value(":o", s(other));
        }
        self.upsert_join(account, provider_message_id, expression).await
    }

    async fn upsert_join(
        &self,
        account: &AccountId,
        provider_message_id: &str,
        expression: Expression,
    ) -> Result<Join, StoreError> {
        let pk = self.join_key(account, provider_message_id);
        match self.update(&self.tables.sessions, &pk, SELF, expression).await? {
            Conditional::Done(Some(before)) => read_join(&before),
            Conditional::Done(None) | Conditional::Failed(_) => Ok(Join::default()),
        }
    }
}

//! Join items: `J#<provider message id>`, for a provider whose statuses carry no reference of
//! ours. The send's answer and the statuses both upsert it, each reading what the other left, so
//! that either may come first (F3).

use crate::item::{Conditional, Expression, Item, encode_value, n, s, text_of};
use crate::sessions::partition;
use crate::{Store, StoreError};
use std::collections::BTreeMap;
use transom_core::id::{ConversationId, MessageId};
use transom_core::message::{Fact, FactKind};
use transom_core::time::{Millis, Timestamp};

/// What a join item holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Join {
    /// The message and attempt, once the send's answer is known.
    pub message: Option<(MessageId, u32)>,
    /// The facts that came before it.
    pub facts: BTreeMap<FactKind, Fact>,
}

/// How long a join item is kept: statuses stop long before.
const KEPT: Millis = Millis::from_hours(24 * 45);

fn kept(now: Timestamp) -> Expression {
    Expression::default()
        .set("#ttl = :ttl")
        .name("#ttl", "ttl")
        .value(":ttl", n(now.plus(KEPT).as_millis() / 1000))
}

fn read_join(item: &Item) -> Result<Join, StoreError> {
    let mut join = Join::default();
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
    /// Reads a join item.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join(
        &self,
        conversation: &ConversationId,
        provider_message_id: &str,
    ) -> Result<Option<Join>, StoreError> {
        let sk = format!("J#{provider_message_id}");
        let item = self.get(&self.tables.sessions, &partition(conversation), &sk).await?;
        item.as_ref().map(read_join).transpose()
    }

    /// Says which attempt a provider's id belongs to; answers what statuses have left.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join_message(
        &self,
        conversation: &ConversationId,
        provider_message_id: &str,
        message: &MessageId,
        attempt: u32,
        now: Timestamp,
    ) -> Result<Join, StoreError> {
        let expression = kept(now)
            .set("m = if_not_exists(m, :m)")
            .value(":m", s(format!("{message}.{attempt}")));
        self.upsert_join(conversation, provider_message_id, expression).await
    }

    /// Leaves a fact for the send's answer to find; answers what stood there, so that an answer
    /// that came in between is seen.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn join_fact(
        &self,
        conversation: &ConversationId,
        provider_message_id: &str,
        kind: FactKind,
        fact: &Fact,
        now: Timestamp,
    ) -> Result<Join, StoreError> {
        let expression = kept(now)
            .set("#f = if_not_exists(#f, :f)")
            .name("#f", &format!("f_{}", kind.as_str()))
            .value(":f", encode_value("fact", fact)?);
        self.upsert_join(conversation, provider_message_id, expression).await
    }

    async fn upsert_join(
        &self,
        conversation: &ConversationId,
        provider_message_id: &str,
        expression: Expression,
    ) -> Result<Join, StoreError> {
        let sk = format!("J#{provider_message_id}");
        let table = &self.tables.sessions;
        match self.update(table, &partition(conversation), &sk, expression).await? {
            Conditional::Done(Some(before)) => read_join(&before),
            Conditional::Done(None) | Conditional::Failed(_) => Ok(Join::default()),
        }
    }
}

//! Messages that wait for something else than their turn: held for the customer's next message,
//! or for another reason ended before they were sent.

use crate::item::{Conditional, Expression, encode_value, n, s};
use crate::messages::{phase_value, updated};
use crate::sessions::{SESSION, partition};
use crate::{Message, RefusalRecord, Session, Store, StoreError, Updated};
use aws_sdk_dynamodb::types::AttributeValue;
use transom_core::id::{ConversationId, MessageId};
use transom_core::message::Phase;
use transom_core::plan::HELD_MAX;
use transom_core::time::Timestamp;

/// What became of a reply that is to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldInSession {
    /// The conversation knows it.
    Known,
    /// It holds as many as it may already.
    Full,
    /// The customer wrote, or the conversation became another one's alias: decide anew.
    Changed,
}

impl Store {
    /// Lets a message wait for the customer's next one, from the phase it was seen in. It is due at
    /// `next`, so that whatever this is the first step of is followed up.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn hold(
        &self,
        id: &MessageId,
        from: Phase,
        until: Timestamp,
        next: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :held")
            .set("hu = :until")
            .set("due_at = :next")
            .set("due_shard = :shard")
            .remove("re")
            .value(":held", s(phase_value(Phase::Held)))
            .value(":from", s(phase_value(from)))
            .value(":until", n(until.as_millis()))
            .value(":next", n(next.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .when("ph = :from");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Releases a held message: it is queued, once more than before.
    ///
    /// | stored phase | stored `q` | then |
    /// |---|---|---|
    /// | held | as read | released |
    /// | anything else | any | `Changed`: released, cancelled or sent meanwhile |
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn release_message(
        &self,
        id: &MessageId,
        seen: &Message,
        now: Timestamp,
        next: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :queued")
            .set("q = :next_q")
            .set("re = :now")
            .set("due_at = :next")
            .set("due_shard = :shard")
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":held", s(phase_value(Phase::Held)))
            .value(":q", n(seen.enqueue))
            .value(":next_q", n(seen.enqueue.saturating_add(1)))
            .value(":now", n(now.as_millis()))
            .value(":next", n(next.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .when("ph = :held AND q = :q");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Ends a message that waits for something else than its turn. Its visit may be far away, or it
    /// may have none: it is set to `soon`, so that what follows from the end is done in any case.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_waiting(
        &self,
        id: &MessageId,
        phase: Phase,
        refusal: Option<&RefusalRecord>,
        soon: Timestamp,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("ph = :ended")
            .set("due_at = :soon")
            .set("due_shard = :shard")
            .value(":ended", s(phase_value(phase)))
            .value(":soon", n(soon.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .value(":held", s(phase_value(Phase::Held)))
            .value(":scheduled", s(phase_value(Phase::Scheduled)))
            .value(":limited", s(phase_value(Phase::Limited)))
            .when("ph IN (:held, :scheduled, :limited)");
        if let Some(refusal) = refusal {
            expression = expression
                .set("rf = :refusal")
                .value(":refusal", encode_value("refusal", refusal)?);
        }
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Lets a conversation know a reply that is held for it, so that the customer's next message
    /// finds it without a look. Repeating it changes nothing: it is a set.
    ///
    /// | stored `last_user_at` | stored `held` | then |
    /// |---|---|---|
    /// | as read | knows it, or has room | `Known` |
    /// | as read | has no room | `Full` |
    /// | later, or an alias | any | `Changed` |
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn add_held(
        &self,
        session: &Session,
        id: &MessageId,
    ) -> Result<HeldInSession, StoreError> {
        let unchanged = match session.last_user_at {
            Some(_) => "last_user_at = :last",
            None => "attribute_exists(pk) AND attribute_not_exists(last_user_at)",
        };
        let room = "attribute_not_exists(held) OR size(held) < :most OR contains(held, :id)";
        let mut expression = Expression::default()
            .add("held :ids")
            .value(":ids", AttributeValue::Ss(vec![id.to_string()]))
            .value(":id", s(id.as_str()))
            .value(":most", n(HELD_MAX))
            .when(&format!("attribute_not_exists(alias_of) AND {unchanged} AND ({room})"));
        if let Some(last) = session.last_user_at {
            expression = expression.value(":last", n(last.as_millis()));
        }
        let pk = partition(&session.id);
        match self.update(&self.tables.sessions, &pk, SESSION, expression).await? {
            Conditional::Done(_) => Ok(HeldInSession::Known),
            Conditional::Failed(None) => Ok(HeldInSession::Changed),
            Conditional::Failed(Some(item)) => {
                let stands = crate::sessions::read_session(item)?;
                let same = stands.alias_of.is_none() && stands.last_user_at == session.last_user_at;
                Ok(if same { HeldInSession::Full } else { HeldInSession::Changed })
            }
        }
    }

    /// Forgets replies that are held no longer.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn drop_held(
        &self,
        conversation: &ConversationId,
        ids: &[MessageId],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let names = ids.iter().map(ToString::to_string).collect();
        let expression = Expression::default()
            .delete("held :ids")
            .value(":ids", AttributeValue::Ss(names))
            .when("attribute_exists(held)");
        let pk = partition(conversation);
        self.update(&self.tables.sessions, &pk, SESSION, expression).await.map(|_| ())
    }
}

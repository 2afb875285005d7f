//! Messages that wait for a place of the limit, in the order in which they were submitted, and their
//! scope, which is due when a place may be free (design §4).
//!
//! | item | where | attributes |
//! |---|---|---|
//! | `W#<time and tail>#<message>` in `L#<scope>` | limits | `m`: the message; `q`: how often it had been put into a queue when it began to wait |
//! | `WAITING` in `W#<scope>` | sessions | `due_at`, and `wn`: who last set it; there while anybody waits |
//!
//! A waiter is written before its scope becomes due, and the scope is only removed while nobody has
//! made it due again: so no waiter is left without somebody who looks.

use crate::item::{Conditional, Expression, Item, Query, n, number_of, s, text_of};
use crate::messages::{phase_value, updated};
use crate::{Store, StoreError, Updated};
use transom_core::id::MessageId;
use transom_core::message::Phase;
use transom_core::time::Timestamp;

/// How often a scope is made due anew because it was removed meanwhile.
const ROUNDS_MAX: u32 = 20;

/// A message that waits for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// The message.
    pub message: MessageId,
    /// How often it had been put into a queue when it began to wait.
    pub enqueue: u32,
}

impl Waiter {
    fn key(message: &MessageId) -> String {
        format!("W#{}#{message}", message.sortable())
    }
}

/// A scope for whose places somebody waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingScope {
    /// When somebody must look.
    pub due_at: Timestamp,
    /// Who said so last.
    pub by: String,
}

const WAITING: &str = "WAITING";

pub(crate) fn waiting_pk(scope: &str) -> String {
    format!("W#{scope}")
}

pub(crate) const WAITING_SK: &str = WAITING;

impl Store {
    /// Lets a message wait for a place of `scope`, behind those that were submitted before it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_waiter(&self, scope: &str, waiter: &Waiter) -> Result<(), StoreError> {
        let item = Item::from([
            ("pk".to_owned(), s(Self::scope_key(scope))),
            ("sk".to_owned(), s(Waiter::key(&waiter.message))),
            ("m".to_owned(), s(waiter.message.as_str())),
            ("q".to_owned(), n(waiter.enqueue)),
        ]);
        self.put(&self.tables.limits, item, Expression::default()).await.map(|_| ())
    }

    /// A waiter waits no longer, unless it has begun to wait again.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete_waiter(&self, scope: &str, waiter: &Waiter) -> Result<(), StoreError> {
        let unchanged = Expression::default().value(":q", n(waiter.enqueue)).when("q = :q");
        let (pk, sk) = (Self::scope_key(scope), Waiter::key(&waiter.message));
        self.delete(&self.tables.limits, &pk, &sk, unchanged).await.map(|_| ())
    }

    /// Who waits for a place of `scope`, in order, behind `after`, at most `limit`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn waiters(
        &self,
        scope: &str,
        after: Option<&Waiter>,
        limit: u16,
    ) -> Result<Vec<Waiter>, StoreError> {
        let pk = Self::scope_key(scope);
        let start = after.map(|waiter| {
            Item::from([
                ("pk".to_owned(), s(&pk)),
                ("sk".to_owned(), s(Waiter::key(&waiter.message))),
            ])
        });
        let keys = Expression::default()
            .value(":pk", s(&pk))
            .value(":prefix", s("W#"))
            .when("pk = :pk AND begins_with(sk, :prefix)");
        let page = self
            .query(Query {
                table: &self.tables.limits,
                index: None,
                keys,
                forward: true,
                limit: i32::from(limit),
                consistent: true,
                start,
            })
            .await?;
        let read = |item: &Item| {
            let message = text_of(item, "m").and_then(|m| MessageId::parse(m).ok())?;
            let enqueue = number_of(item, "q").and_then(|q| u32::try_from(q).ok())?;
            Some(Waiter { message, enqueue })
        };
        page.items
            .iter()
            .map(|item| read(item).ok_or_else(|| StoreError::corrupt("waiter", "no message")))
            .collect()
    }

    /// The scope's own item, while anybody waits.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn waiting_scope(&self, scope: &str) -> Result<Option<WaitingScope>, StoreError> {
        let item = self.get(&self.tables.sessions, &waiting_pk(scope), WAITING).await?;
        item.map(|item| {
            let due_at = number_of(&item, "due_at").map(Timestamp::from_millis);
            let by = text_of(&item, "wn").map(str::to_owned);
            due_at
                .zip(by)
                .map(|(due_at, by)| WaitingScope { due_at, by })
                .ok_or_else(|| StoreError::corrupt("waiting scope", "no time"))
        })
        .transpose()
    }

    /// Makes a scope due at `at`, or leaves it due earlier; `by` is different each time, so that
    /// whoever finds nobody waiting and removes it sees that somebody came.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn expect_place(
        &self,
        scope: &str,
        at: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        let pk = waiting_pk(scope);
        for _ in 0..ROUNDS_MAX {
            let earlier = Expression::default()
                .set("due_at = :at")
                .set("due_shard = :shard")
                .set("wn = :by")
                .value(":at", n(at.as_millis()))
                .value(":shard", s(self.due_shard(&pk)))
                .value(":by", s(by))
                .when("attribute_not_exists(pk) OR due_at > :at");
            let table = &self.tables.sessions;
            if let Conditional::Done(_) = self.update(table, &pk, WAITING, earlier).await? {
                return Ok(());
            }
            let seen = Expression::default()
                .set("wn = :by")
                .value(":by", s(by))
                .value(":at", n(at.as_millis()))
                .when("due_at <= :at");
            if let Conditional::Done(_) = self.update(table, &pk, WAITING, seen).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: "wait for a place of the limit" })
    }

    /// A place has become free, or may have: whoever waits for one is looked at now. Nothing is
    /// written when nobody waits.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn wake_waiting(
        &self,
        scope: &str,
        now: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        let expression = Expression::default()
            .set("due_at = :now")
            .set("wn = :by")
            .value(":now", n(now.as_millis()))
            .value(":by", s(by))
            .when("due_at > :now");
        let pk = waiting_pk(scope);
        self.update(&self.tables.sessions, &pk, WAITING, expression).await.map(|_| ())
    }

    /// Ends a look at a scope: looks again at `next`, or not at all. `Changed` when somebody has
    /// made it due since it was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_look_at_scope(
        &self,
        scope: &str,
        seen: &WaitingScope,
        next: Option<Timestamp>,
    ) -> Result<Updated, StoreError> {
        let pk = waiting_pk(scope);
        let expression = Expression::default()
            .value(":due", n(seen.due_at.as_millis()))
            .value(":by", s(&seen.by))
            .when("due_at = :due AND wn = :by");
        let table = &self.tables.sessions;
        let done = match next {
            Some(next) => {
                let moved = expression.set("due_at = :next").value(":next", n(next.as_millis()));
                self.update(table, &pk, WAITING, moved).await?
            }
            None => self.delete(table, &pk, WAITING, expression).await?,
        };
        Ok(updated(&done))
    }

    /// A queued message waits for a place from now on. It has no visit of its own any more: its scope
    /// has one for all.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn wait_for_place(&self, id: &MessageId) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :limited")
            .remove("due_at")
            .remove("due_shard")
            .value(":limited", s(phase_value(Phase::Limited)))
            .value(":queued", s(phase_value(Phase::Queued)))
            .when("ph = :queued");
        Ok(updated(&self.update_message(id, expression).await?))
    }
}

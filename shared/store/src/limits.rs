//! The rolling messaging limit (design §4): markers per user, their number in one head.
//!
//! | item in `L#<scope>` | attributes |
//! |---|---|
//! | `HEAD` | `used`: how many markers there are |
//! | `U#<keyed hash of the user>` | `at`: the latest provider call; `holders`: the attempts that may still turn out not to have happened; `sealed`: one has for certain |
//!
//! Invariants: the markers equal `used`; `used` never grows above the limit under any
//! concurrency and crash; nobody is refused while a place is free. Every step is guarded by
//! the marker, so a step whose answer was lost is simply begun again.

use crate::item::{Conditional, Expression, Item, Query, n, number_of, s};
use crate::transact::{Transacted, back_off};
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use transom_core::limit::{expired_until, is_live, next_free_at};
use transom_core::time::Timestamp;

/// How often one reservation begins again before it gives up. With jitter, 64 writers on one
/// head need a handful.
const ROUNDS_MAX: u32 = 40;

/// How many holders a marker keeps before it is sealed: a set without bound would make the
/// marker grow, and a user written to this often is not given back anyway.
const HOLDERS_MAX: usize = 8;

/// How many of the oldest markers are looked at when the scope is full.
const OLDEST_PAGE: i32 = 10;

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// A place is taken, or was already.
    Reserved,
    /// No place is free.
    Full {
        /// When the next one is, as far as is known; `None` when the limit is zero.
        next_free_at: Option<Timestamp>,
    },
}

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Places taken at this instant.
    pub used: u32,
    /// When the oldest is free.
    pub next_free_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Marker {
    at: Timestamp,
    holders: Vec<String>,
    sealed: bool,
}

fn read_marker(item: &Item) -> Result<Marker, StoreError> {
    let at = number_of(item, "at").ok_or_else(|| StoreError::corrupt("marker", "no `at`"))?;
    let holders = item.get("holders").and_then(|v| v.as_ss().ok()).cloned().unwrap_or_default();
    let sealed = item.contains_key("sealed");
    Ok(Marker { at: Timestamp::from_millis(at), holders, sealed })
}

const HEAD: &str = "HEAD";

impl Store {
    fn scope_key(scope: &str) -> String {
        format!("L#{scope}")
    }

    /// The marker's key for a user; it does not tell who the user is.
    #[must_use]
    pub fn limit_user(&self, canonical_user: &str) -> String {
        format!("U#{}", self.hash_key.name(&["limit", canonical_user]))
    }

    /// Takes a place for `holder` (`<message>.<attempt>`), or rides on the user's own.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn reserve(
        &self,
        scope: &str,
        user: &str,
        limit: u32,
        holder: &str,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.take_place(scope, user, limit, holder, now, false).await
    }

    /// The same just before the provider call: the latest call counts, so the place is taken
    /// from `now` on.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn reserve_for_call(
        &self,
        scope: &str,
        user: &str,
        limit: u32,
        holder: &str,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        self.take_place(scope, user, limit, holder, now, true).await
    }

    async fn take_place(
        &self,
        scope: &str,
        user: &str,
        limit: u32,
        holder: &str,
        now: Timestamp,
        calling: bool,
    ) -> Result<Reservation, StoreError> {
        if limit == 0 {
            return Ok(Reservation::Full { next_free_at: None });
        }
        for round in 0..ROUNDS_MAX {
            back_off(round, holder).await;
            let marker = self.marker(scope, user).await?;
            match marker {
                Some(marker) if is_live(marker.at, now) => {
                    if self.ride(scope, user, &marker, holder, now, calling).await? {
                        return Ok(Reservation::Reserved);
                    }
                }
                Some(marker) => {
                    if self.renew_or_release(scope, user, &marker, limit, holder, now).await? {
                        return Ok(Reservation::Reserved);
                    }
                }
                None => match self.put_marker(scope, user, limit, holder, now).await? {
                    Transacted::Done => return Ok(Reservation::Reserved),
                    Transacted::Failed(1) => {
                        if let Some(full) = self.make_room(scope, now).await? {
                            return Ok(full);
                        }
                    }
                    Transacted::Failed(_) | Transacted::Again => {}
                },
            }
        }
        Err(StoreError::Contended { operation: "take a place of the limit" })
    }

    async fn marker(&self, scope: &str, user: &str) -> Result<Option<Marker>, StoreError> {
        let item = self.get(&self.tables.limits, &Self::scope_key(scope), user).await?;
        item.as_ref().map(read_marker).transpose()
    }

    /// Joins a live marker. A holder that is there already is how a lost answer is recognised.
    async fn ride(
        &self,
        scope: &str,
        user: &str,
        marker: &Marker,
        holder: &str,
        now: Timestamp,
        calling: bool,
    ) -> Result<bool, StoreError> {
        let holds = marker.sealed || marker.holders.iter().any(|h| h == holder);
        let moves = calling && marker.at < now;
        if holds && !moves {
            return Ok(true);
        }
        let mut expression = Expression::default()
            .value(":seen", n(marker.at.as_millis()))
            .name("#at", "at")
            .when("#at = :seen");
        if moves {
            expression = expression.set("#at = :now").value(":now", n(now.as_millis()));
        }
        if !holds && marker.holders.len() >= HOLDERS_MAX {
            expression = expression
                .set("sealed = :true")
                .remove("holders")
                .value(":true", AttributeValue::Bool(true));
        } else if !holds {
            expression = expression
                .add("holders :holder")
                .value(":holder", AttributeValue::Ss(vec![holder.to_owned()]));
        }
        self.guarded(scope, user, expression).await
    }

    /// An expired marker of the same user is renewed in place while the scope is not above its
    /// limit (it may have been lowered); otherwise its place is given up.
    async fn renew_or_release(
        &self,
        scope: &str,
        user: &str,
        marker: &Marker,
        limit: u32,
        holder: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if self.head(scope).await? > i64::from(limit) {
            self.release(scope, user, marker.at).await?;
            return Ok(false);
        }
        let expression = Expression::default()
            .set("#at = :now")
            .set("holders = :holder")
            .remove("sealed")
            .name("#at", "at")
            .value(":now", n(now.as_millis()))
            .value(":seen", n(marker.at.as_millis()))
            .value(":holder", AttributeValue::Ss(vec![holder.to_owned()]))
            .when("#at = :seen");
        self.guarded(scope, user, expression).await
    }

    async fn guarded(
        &self,
        scope: &str,
        user: &str,
        expression: Expression,
    ) -> Result<bool, StoreError> {
        let scope = Self::scope_key(scope);
        match self.update(&self.tables.limits, &scope, user, expression).await {
            Ok(Conditional::Done(_)) => Ok(true),
            Ok(Conditional::Failed(_)) => Ok(false),
            // A transaction holds the marker at this moment: begin again.
            Err(StoreError::Unavailable { reason, .. }) if reason == TRANSACTION_CONFLICT => {
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    async fn head(&self, scope: &str) -> Result<i64, StoreError> {
        let item = self.get(&self.tables.limits, &Self::scope_key(scope), HEAD).await?;
        Ok(item.as_ref().and_then(|i| number_of(i, "used")).unwrap_or(0))
    }

    async fn put_marker(
        &self,
        scope: &str,
        user: &str,
        limit: u32,
        holder: &str,
        now: Timestamp,
    ) -> Result<Transacted, StoreError> {
        let marker = Put::builder()
            .table_name(&self.tables.limits)
            .item("pk", s(Self::scope_key(scope)))
            .item("sk", s(user))
            .item("at", n(now.as_millis()))
            .item("holders", AttributeValue::Ss(vec![holder.to_owned()]))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("marker", e))?;
        let head = self
            .head_update(scope)
            .update_expression("SET used = if_not_exists(used, :zero) + :one")
            .condition_expression("attribute_not_exists(used) OR used < :limit")
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":limit", n(limit))
            .build()
            .map_err(|e| StoreError::corrupt("head", e))?;
        self.transact(vec![
            TransactWriteItem::builder().put(marker).build(),
            TransactWriteItem::builder().update(head).build(),
        ])
        .await
    }

    fn head_update(&self, scope: &str) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(Self::scope_key(scope)))
            .key("sk", s(HEAD))
    }

    /// Removes the user's marker if its `at` is still `seen`, and gives its place back.
    async fn release(
        &self,
        scope: &str,
        user: &str,
        seen: Timestamp,
    ) -> Result<Transacted, StoreError> {
        let marker = self
            .marker_delete(scope, user)
            .condition_expression("#at = :seen")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":seen", n(seen.as_millis()))
            .build()
            .map_err(|e| StoreError::corrupt("marker", e))?;
        self.give_back(scope, marker).await
    }

    fn marker_delete(
        &self,
        scope: &str,
        user: &str,
    ) -> aws_sdk_dynamodb::types::builders::DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(Self::scope_key(scope)))
            .key("sk", s(user))
    }

    async fn give_back(&self, scope: &str, marker: Delete) -> Result<Transacted, StoreError> {
        let head = self
            .head_update(scope)
            .update_expression("SET used = used - :one")
            .condition_expression("used >= :one")
            .expression_attribute_values(":one", n(1))
            .build()
            .map_err(|e| StoreError::corrupt("head", e))?;
        self.transact(vec![
            TransactWriteItem::builder().delete(marker).build(),
            TransactWriteItem::builder().update(head).build(),
        ])
        .await
    }

    /// Releases what has expired. `None`: begin again. Otherwise the scope is full.
    async fn make_room(
        &self,
        scope: &str,
        now: Timestamp,
    ) -> Result<Option<Reservation>, StoreError> {
        let oldest = self.oldest(scope).await?;
        let mut released = false;
        for (user, at) in &oldest {
            if *at <= expired_until(now) {
                self.release(scope, user, *at).await?;
                released = true;
            }
        }
        if released {
            return Ok(None);
        }
        let next = oldest.first().map(|(_, at)| next_free_at(*at));
        Ok(Some(Reservation::Full { next_free_at: next }))
    }

    /// The oldest markers, by the local index, read consistently.
    async fn oldest(&self, scope: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let keys = Expression::default()
            .value(":pk", s(Self::scope_key(scope)))
            .value(":zero", n(0))
            .name("#at", "at")
            .when("pk = :pk AND #at >= :zero");
        let page = self
            .query(Query {
                table: &self.tables.limits,
                index: Some("by_at"),
                keys,
                forward: true,
                limit: OLDEST_PAGE,
                consistent: true,
                start: None,
            })
            .await?;
        Ok(page
            .items
            .iter()
            .filter_map(|item| {
                let at = Timestamp::from_millis(number_of(item, "at")?);
                Some((crate::item::text_of(item, "sk")?.to_owned(), at))
            })
            .collect())
    }

    /// Gives a place back because the send of `holder` certainly did not happen: only when
    /// nobody else holds it and no other send has happened under it (D13).
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn refund(&self, scope: &str, user: &str, holder: &str) -> Result<(), StoreError> {
        for round in 0..ROUNDS_MAX {
            back_off(round, holder).await;
            let Some(marker) = self.marker(scope, user).await? else { return Ok(()) };
            if !marker.holders.iter().any(|h| h == holder) {
                return Ok(());
            }
            let alone = marker.holders.len() == 1 && !marker.sealed;
            let holder_value = AttributeValue::Ss(vec![holder.to_owned()]);
            if alone {
                let delete = self
                    .marker_delete(scope, user)
                    .condition_expression("holders = :holder AND attribute_not_exists(sealed)")
                    .expression_attribute_values(":holder", holder_value)
                    .build()
                    .map_err(|e| StoreError::corrupt("marker", e))?;
                if matches!(self.give_back(scope, delete).await?, Transacted::Done) {
                    return Ok(());
                }
            } else {
                let expression = Expression::default()
                    .delete("holders :holder")
                    .value(":holder", holder_value)
                    .value(":name", s(holder))
                    .value(":one", n(1))
                    .when("contains(holders, :name) AND (size(holders) > :one OR attribute_exists(sealed))");
                if self.guarded(scope, user, expression).await? {
                    return Ok(());
                }
            }
        }
        Err(StoreError::Contended { operation: "give a place of the limit back" })
    }

    /// How much of a scope is used at `now`. Places that have aged out are released on the way,
    /// so that what is told is what a send would find.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn usage(&self, scope: &str, now: Timestamp) -> Result<Usage, StoreError> {
        for _ in 0..OLDEST_ROUNDS_MAX {
            let oldest = self.oldest(scope).await?;
            let expired: Vec<_> =
                oldest.iter().filter(|(_, at)| *at <= expired_until(now)).collect();
            if expired.is_empty() {
                let used = u32::try_from(self.head(scope).await?).unwrap_or(0);
                let next = oldest.first().map(|(_, at)| next_free_at(*at));
                return Ok(Usage { used, next_free_at: next });
            }
            for (user, at) in expired {
                self.release(scope, user, *at).await?;
            }
        }
        let used = u32::try_from(self.head(scope).await?).unwrap_or(0);
        Ok(Usage { used, next_free_at: None })
    }
}

/// The service's code for a single write that met a transaction.
const TRANSACTION_CONFLICT: &str = "TransactionConflictException";

/// How many pages of aged-out markers one reading of a limit clears at most.
const OLDEST_ROUNDS_MAX: u32 = 200;

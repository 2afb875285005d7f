//! The rolling messaging limit (design §4): markers per user, their number in one head.
//!
//! | item in `L#<scope>` | attributes |
//! |---|---|
//! | `HEAD` | `used`: how many markers there are |
//! | `U#<keyed hash of the user>` | `at`: the latest time; `holders`: the attempts that hold the place, each with its time; `sealed`: the latest time of attempts that are not remembered by name |
//!
//! Invariants: the markers equal `used`; `used` never grows above the limit under any
//! concurrency and crash; nobody is refused while a place is free. Every step is guarded by
//! the marker, so a step whose answer was lost is simply begun again: its holder is there.

use crate::item::{Conditional, Expression, Item, n, number_of, s};
use crate::transact::Transacted;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use std::collections::{BTreeMap, HashMap};
use transom_core::limit::{Leaving, Place, is_live};
use transom_core::time::Timestamp;

/// How often one reservation begins again before it gives up. With jitter, 64 writers on one
/// head need a handful.
const ROUNDS_MAX: u32 = 40;

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// A place is taken, or was already.
    Reserved,
    /// No place is free.
    Full {
        /// When one is; `None` when the limit is zero.
        next_free_at: Option<Timestamp>,
    },
}

/// A request for a place.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Whose places.
    pub scope: &'a str,
    /// The user's marker, by [`Store::limit_user`].
    pub user: &'a str,
    /// How many places there are.
    pub limit: u32,
    /// `<message>.<attempt>`.
    pub holder: &'a str,
    /// The present, by the clock of whoever asks.
    pub now: Timestamp,
    /// Whether the provider is called next: the latest call counts.
    pub calling: bool,
}

/// A user's marker as it was read.
#[derive(Debug, Clone)]
struct Marker {
    at: Timestamp,
    place: Place,
}

fn read_marker(item: &Item) -> Result<Marker, StoreError> {
    let at = number_of(item, "at").ok_or_else(|| StoreError::corrupt("marker", "no `at`"))?;
    let held = item.get("holders").and_then(|v| v.as_m().ok());
    let mut holders = BTreeMap::new();
    for (holder, time) in held.into_iter().flatten() {
        let time = time.as_n().ok().and_then(|t| t.parse().ok());
        let time = time.ok_or_else(|| StoreError::corrupt("marker", "a holder without a time"))?;
        holders.insert(holder.clone(), Timestamp::from_millis(time));
    }
    let sealed = number_of(item, "sealed").map(Timestamp::from_millis);
    Ok(Marker { at: Timestamp::from_millis(at), place: Place { holders, sealed } })
}

fn read_used(head: Option<&Item>) -> Result<u32, StoreError> {
    let used = head.and_then(|item| number_of(item, "used")).unwrap_or(0);
    u32::try_from(used).map_err(|e| StoreError::corrupt("head", e))
}

fn written(holders: &BTreeMap<String, Timestamp>) -> AttributeValue {
    let times = holders.iter().map(|(holder, at)| (holder.clone(), n(at.as_millis())));
    AttributeValue::M(times.collect::<HashMap<_, _>>())
}

/// What one step of a reservation came to.
pub(crate) enum Step {
    /// It is done.
    Done(Reservation),
    /// Something changed on the way: look again.
    Again,
    /// Another writer was there: look again, but not at once.
    Met,
}

const HEAD: &str = "HEAD";

impl Store {
    pub(crate) fn scope_key(scope: &str) -> String {
        format!("L#{scope}")
    }

    /// The marker's key for a user; it does not tell who the user is.
    #[must_use]
    pub fn limit_user(&self, canonical_user: &str) -> String {
        format!("U#{}", self.hash_key.name(&["limit", canonical_user]))
    }

    /// Takes a place, or rides on the user's own. Repeating it takes no second one.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn reserve(&self, wanted: &Wanted<'_>) -> Result<Reservation, StoreError> {
        if wanted.limit == 0 {
            return Ok(Reservation::Full { next_free_at: None });
        }
        let mut met = 0;
        for _ in 0..ROUNDS_MAX {
            match self.reserve_once(wanted).await? {
                Step::Done(reservation) => return Ok(reservation),
                Step::Again => {}
                Step::Met => {
                    met += 1;
                    self.back_off(met, wanted.holder).await;
                }
            }
        }
        Err(StoreError::Contended { operation: "take a place of the limit" })
    }

    async fn reserve_once(&self, wanted: &Wanted<'_>) -> Result<Step, StoreError> {
        match self.marker(wanted.scope, wanted.user).await? {
            Some(marker) if is_live(marker.at, wanted.now) => self.ride(wanted, &marker).await,
            Some(marker) => self.renew_or_release(wanted, &marker).await,
            None => match self.put_marker(wanted).await? {
                Transacted::Done => Ok(Step::Done(Reservation::Reserved)),
                Transacted::Failed(1) => self.make_room(wanted).await,
                Transacted::Failed(_) => Ok(Step::Again),
                Transacted::Again => Ok(Step::Met),
            },
        }
    }

    /// Whether the user holds a live place, so that another message to him needs none.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn holds_place(
        &self,
        scope: &str,
        user: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.marker(scope, user).await?.is_some_and(|marker| is_live(marker.at, now)))
    }

    async fn marker(&self, scope: &str, user: &str) -> Result<Option<Marker>, StoreError> {
        let item = self.get(&self.tables.limits, &Self::scope_key(scope), user).await?;
        item.as_ref().map(read_marker).transpose()
    }

    /// Joins a live marker. A holder that is there already is how a lost answer is recognised.
    async fn ride(&self, wanted: &Wanted<'_>, marker: &Marker) -> Result<Step, StoreError> {
        let Wanted { scope, user, holder, now, calling, .. } = *wanted;
        let Some(joined) = marker.place.joined(holder, now, calling) else {
            return Ok(Step::Done(Reservation::Reserved));
        };
        let mut expression = unchanged(marker);
        let at = joined.at().unwrap_or(now);
        if at != marker.at {
            expression = expression.set("#at = :at").value(":at", n(at.as_millis()));
        }
        let only_added = joined.sealed == marker.place.sealed
            && marker.place.holders.keys().all(|known| joined.holders.contains_key(known));
        expression = if only_added {
            // Another instance of the same message may have written a later time meanwhile.
            let expression = match marker.place.holders.get(holder) {
                Some(since) => expression
                    .value(":since", n(since.as_millis()))
                    .when("#at = :seen AND holders.#holder = :since"),
                None => expression.when("#at = :seen AND attribute_not_exists(holders.#holder)"),
            };
            expression
                .set("holders.#holder = :now")
                .name("#holder", holder)
                .value(":now", n(now.as_millis()))
        } else {
            rewritten(expression, marker, &joined)
        };
        Ok(done(self.guarded(scope, user, expression).await?))
    }

    /// An expired marker of the same user is renewed in place while the scope is not above its
    /// limit (it may have been lowered); otherwise its place is given up.
    async fn renew_or_release(
        &self,
        wanted: &Wanted<'_>,
        marker: &Marker,
    ) -> Result<Step, StoreError> {
        let Wanted { scope, user, limit, holder, now, .. } = *wanted;
        if self.head(scope).await? > limit {
            return Ok(after(&self.release(scope, &[(user.to_owned(), marker.at)]).await?));
        }
        let place = Place::of(holder, now);
        let expression = unchanged(marker)
            .set("#at = :at")
            .set("holders = :holders")
            .remove("sealed")
            .value(":at", n(now.as_millis()))
            .value(":holders", written(&place.holders));
        Ok(done(self.guarded(scope, user, expression).await?))
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

    pub(crate) async fn head(&self, scope: &str) -> Result<u32, StoreError> {
        let item = self.get(&self.tables.limits, &Self::scope_key(scope), HEAD).await?;
        read_used(item.as_ref())
    }

    /// How many places are taken at an instant at which the user has none: `None` when he has one,
    /// or somebody is writing.
    pub(crate) async fn used_by_others(
        &self,
        scope: &str,
        user: &str,
    ) -> Result<Option<u32>, StoreError> {
        let scope = Self::scope_key(scope);
        let read = self.read_together(&self.tables.limits, &scope, [HEAD, user]).await?;
        match read {
            Some([head, None]) => read_used(head.as_ref()).map(Some),
            Some([_, Some(_)]) | None => Ok(None),
        }
    }

    async fn put_marker(&self, wanted: &Wanted<'_>) -> Result<Transacted, StoreError> {
        let place = Place::of(wanted.holder, wanted.now);
        let marker = Put::builder()
            .table_name(&self.tables.limits)
            .item("pk", s(Self::scope_key(wanted.scope)))
            .item("sk", s(wanted.user))
            .item("at", n(wanted.now.as_millis()))
            .item("holders", written(&place.holders))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("marker", e))?;
        let head = self
            .head_update(wanted.scope)
            .update_expression("SET used = if_not_exists(used, :zero) + :one")
            .condition_expression("attribute_not_exists(used) OR used < :limit")
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":limit", n(wanted.limit))
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

    /// Removes markers whose `at` is still as it was seen, and gives their places back: all of
    /// them or none.
    pub(crate) async fn release(
        &self,
        scope: &str,
        seen: &[(String, Timestamp)],
    ) -> Result<Transacted, StoreError> {
        let mut deletes = Vec::with_capacity(seen.len());
        for (user, at) in seen {
            let delete = self
                .marker_delete(scope, user)
                .condition_expression("#at = :seen")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":seen", n(at.as_millis()))
                .build()
                .map_err(|e| StoreError::corrupt("marker", e))?;
            deletes.push(delete);
        }
        self.give_back(scope, deletes).await
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

    async fn give_back(&self, scope: &str, markers: Vec<Delete>) -> Result<Transacted, StoreError> {
        let head = self
            .head_update(scope)
            .update_expression("SET used = used - :places")
            .condition_expression("used >= :places")
            .expression_attribute_values(":places", n(markers.len()))
            .build()
            .map_err(|e| StoreError::corrupt("head", e))?;
        let mut items: Vec<TransactWriteItem> = Vec::with_capacity(markers.len() + 1);
        items.extend(markers.into_iter().map(|m| TransactWriteItem::builder().delete(m).build()));
        items.push(TransactWriteItem::builder().update(head).build());
        self.transact(items).await
    }

    /// Gives a place back because the send of `holder` certainly did not happen (D13): it is free
    /// when nobody else holds it, and otherwise as old as without this send. Answers whether it
    /// became free.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn refund(
        &self,
        scope: &str,
        user: &str,
        holder: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        for round in 0..ROUNDS_MAX {
            self.back_off(round, holder).await;
            let Some(marker) = self.marker(scope, user).await? else { return Ok(false) };
            match marker.place.left(holder, now) {
                Leaving::NotHeld => return Ok(false),
                Leaving::Kept(rest) => {
                    let at = rest.at().unwrap_or(marker.at);
                    let mut expression = rewritten(unchanged(&marker), &marker, &rest);
                    if at != marker.at {
                        expression = expression.set("#at = :at").value(":at", n(at.as_millis()));
                    }
                    if self.guarded(scope, user, expression).await? {
                        return Ok(false);
                    }
                }
                Leaving::Free => {
                    let delete = self
                        .marker_delete(scope, user)
                        .condition_expression("#at = :seen AND holders = :held")
                        .expression_attribute_names("#at", "at")
                        .expression_attribute_values(":seen", n(marker.at.as_millis()))
                        .expression_attribute_values(":held", written(&marker.place.holders))
                        .build()
                        .map_err(|e| StoreError::corrupt("marker", e))?;
                    if matches!(self.give_back(scope, vec![delete]).await?, Transacted::Done) {
                        return Ok(true);
                    }
                }
            }
        }
        Err(StoreError::Contended { operation: "give a place of the limit back" })
    }
}

/// An update of a marker, as long as its `at` is the one that was decided on.
fn unchanged(marker: &Marker) -> Expression {
    Expression::default()
        .name("#at", "at")
        .value(":seen", n(marker.at.as_millis()))
        .when("#at = :seen")
}

/// The same for a step that writes all holders: they, too, must be as they were read.
fn rewritten(expression: Expression, marker: &Marker, place: &Place) -> Expression {
    let expression = expression
        .set("holders = :holders")
        .value(":holders", written(&place.holders))
        .value(":held", written(&marker.place.holders))
        .when("#at = :seen AND holders = :held");
    match place.sealed {
        Some(at) => expression.set("sealed = :sealed").value(":sealed", n(at.as_millis())),
        None => expression,
    }
}

fn done(written: bool) -> Step {
    if written { Step::Done(Reservation::Reserved) } else { Step::Met }
}

/// A place was given up on the way: look again.
pub(crate) const fn after(released: &Transacted) -> Step {
    match released {
        Transacted::Done => Step::Again,
        Transacted::Failed(_) | Transacted::Again => Step::Met,
    }
}

/// The service's code for a single write that met a transaction.
const TRANSACTION_CONFLICT: &str = "TransactionConflictException";

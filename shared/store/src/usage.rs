//! How much of a limit is used, when a place is free, and how the places of old are cleared.

use crate::item::{Expression, Query, n, number_of, s, text_of};
use crate::limits::{Reservation, Step, Wanted, after};
use crate::{HashKey, Store, StoreError};
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, Select};
use transom_core::limit::{expired_until, frees_at_index, next_free_at};
use transom_core::time::Timestamp;

/// How many of the oldest markers are looked at when the scope is full.
const OLDEST_PAGE: u32 = 10;

/// How many markers one transaction removes at most: with the head, below the 100 items that a
/// transaction may have.
const RELEASED_MAX: u32 = 90;

/// How many aged-out places one look at a limit clears; the others are only counted.
const CLEARED_BY_A_LOOK_MAX: u32 = 25;

/// How many keys one page of a longer count holds: about 1 MB.
const COUNT_PAGE: i32 = 5000;

/// How much of a limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Places taken at this instant.
    pub used: u32,
    /// When the next of them is free; where the limit was lowered, when so many are that one more
    /// user may be written to.
    pub next_free_at: Option<Timestamp>,
}

/// From where the markers of a scope are read, in the order of their times.
enum From {
    /// The oldest first, from the beginning.
    Beginning,
    /// The oldest first, only those that are later than this.
    After(Timestamp),
    /// The newest first.
    End,
}

impl Store {
    /// Clears places that have aged out, as many as are in the way. If none has, the scope is full.
    pub(crate) async fn make_room(&self, wanted: &Wanted<'_>) -> Result<Step, StoreError> {
        let Wanted { scope, limit, now, .. } = *wanted;
        let mut oldest = self.markers_by_age(scope, From::Beginning, OLDEST_PAGE).await?;
        // Read after the markers, and together with the user's own: a head below the limit by now
        // means that one of them was cleared in between, and nobody may be refused for a place
        // that was free, nor while he holds one.
        let Some(used) = self.used_by_others(scope, wanted.user).await? else {
            return Ok(Step::Met);
        };
        if used < limit {
            return Ok(Step::Again);
        }
        let in_the_way = frees_at_index(used, limit).saturating_add(1);
        let is_expired = |at: &Timestamp| *at <= expired_until(now);
        if in_the_way > OLDEST_PAGE && oldest.last().is_some_and(|(_, at)| is_expired(at)) {
            oldest = self.markers_by_age(scope, From::Beginning, RELEASED_MAX).await?;
        }
        let mut expired: Vec<_> = oldest.iter().filter(|(_, at)| is_expired(at)).cloned().collect();
        if expired.is_empty() {
            let next = self.nth_oldest(scope, &oldest, used, limit).await?;
            let next_free_at = next.map(next_free_at);
            return Ok(Step::Done(Reservation::Full { next_free_at }));
        }
        // Writers who meet here each take another one, so that they do not all want the oldest.
        let count = expired.len();
        expired.rotate_left(usize::try_from(HashKey::spread(wanted.holder)).unwrap_or(0) % count);
        expired.truncate(usize::try_from(in_the_way).unwrap_or(1));
        Ok(after(&self.release(scope, &expired).await?))
    }

    /// The time of the marker that must age out before one more place may be taken. Read from
    /// whichever end is nearer.
    async fn nth_oldest(
        &self,
        scope: &str,
        oldest: &[(String, Timestamp)],
        used: u32,
        limit: u32,
    ) -> Result<Option<Timestamp>, StoreError> {
        let index = frees_at_index(used, limit);
        if let Some((_, at)) = usize::try_from(index).ok().and_then(|i| oldest.get(i)) {
            return Ok(Some(*at));
        }
        let from_end = used.saturating_sub(index);
        let (from, count) = if index < from_end {
            (From::Beginning, index.saturating_add(1))
        } else {
            (From::End, from_end)
        };
        let read = self.markers_by_age(scope, from, count).await?;
        Ok(read.last().map(|(_, at)| *at))
    }

    /// Markers in the order of their times, by the local index, read consistently.
    async fn markers_by_age(
        &self,
        scope: &str,
        from: From,
        count: u32,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let (forward, after) = match from {
            From::Beginning => (true, Timestamp::from_millis(-1)),
            From::After(at) => (true, at),
            From::End => (false, Timestamp::from_millis(-1)),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let keys = Expression::default()
                .value(":pk", s(Self::scope_key(scope)))
                .value(":after", n(after.as_millis()))
                .name("#at", "at")
                .when("pk = :pk AND #at > :after");
            let wanted = i32::try_from(count - found.len()).unwrap_or(i32::MAX);
            let page = self
                .query(Query {
                    table: &self.tables.limits,
                    index: Some(BY_AT),
                    keys,
                    forward,
                    limit: wanted.max(1),
                    consistent: true,
                    start,
                })
                .await?;
            for item in &page.items {
                let at = number_of(item, "at").map(Timestamp::from_millis);
                if let (Some(user), Some(at)) = (text_of(item, "sk"), at) {
                    found.push((user.to_owned(), at));
                }
            }
            start = page.last;
            if start.is_none() || found.len() >= count {
                return Ok(found);
            }
        }
    }

    /// How much of a scope is used at `now`, and when its next place is free. Some of the places
    /// that have aged out are cleared on the way.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn usage(
        &self,
        scope: &str,
        limit: Option<u32>,
        now: Timestamp,
    ) -> Result<Usage, StoreError> {
        let cutoff = expired_until(now);
        let oldest = self.markers_by_age(scope, From::Beginning, CLEARED_BY_A_LOOK_MAX).await?;
        let expired: Vec<_> = oldest.into_iter().filter(|(_, at)| *at <= cutoff).collect();
        if !expired.is_empty() {
            // Should it meet another writer, they are counted instead.
            self.release(scope, &expired).await?;
        }
        let left = if expired.is_empty() { 0 } else { self.count_until(scope, cutoff).await? };
        self.usage_without(scope, limit, left, now).await
    }

    /// How much of a scope is used once `left` places that have aged out are left out.
    async fn usage_without(
        &self,
        scope: &str,
        limit: Option<u32>,
        left: u32,
        now: Timestamp,
    ) -> Result<Usage, StoreError> {
        let cutoff = expired_until(now);
        let used = self.head(scope).await?.saturating_sub(left);
        let index = limit.map_or(0, |limit| frees_at_index(used, limit));
        let live = self.markers_by_age(scope, From::After(cutoff), index.saturating_add(1)).await?;
        let last = live.get(usize::try_from(index).unwrap_or(usize::MAX));
        Ok(Usage { used, next_free_at: last.map(|(_, at)| next_free_at(*at)) })
    }

    /// The same, and nothing is cleared: a look that changes nothing.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn usage_at_a_look(
        &self,
        scope: &str,
        limit: u32,
        now: Timestamp,
    ) -> Result<Usage, StoreError> {
        let left = self.count_until(scope, expired_until(now)).await?;
        self.usage_without(scope, Some(limit), left, now).await
    }

    /// How many markers are as old as `until` or older.
    async fn count_until(&self, scope: &str, until: Timestamp) -> Result<u32, StoreError> {
        let mut count = 0_u32;
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.tables.limits)
                .index_name(BY_AT)
                .key_condition_expression("pk = :pk AND #at <= :until")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":pk", s(Self::scope_key(scope)))
                .expression_attribute_values(":until", n(until.as_millis()))
                .select(Select::Count)
                .consistent_read(true)
                .limit(COUNT_PAGE)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|e| StoreError::unavailable("count the places of a limit", &e))?;
            self.meter.read(page.consumed_capacity());
            count = count.saturating_add(u32::try_from(page.count()).unwrap_or(0));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(count);
            }
        }
    }
}

/// The local index of markers by their time.
const BY_AT: &str = "by_at";

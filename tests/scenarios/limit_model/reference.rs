//! The reference: what a scope holds, read behind the store's back, and what may happen to it.
//!
//! Two judges. The first looks at every write and says whether the rules allow this step to this
//! operation. The second knows nothing of markers: it keeps the time of every attempt that the
//! operations were told they hold, and counts by brute force over these timestamps.

use super::plan::{Kind, Operation};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use transom_local::engine::dynamo::DynamoEngine;

pub(super) const DAY: i64 = 86_400_000;
/// How long after the arithmetic a caller is told to come back.
pub(super) const MARGIN: i64 = 2_000;
/// How far a clock may be from the true time, in milliseconds.
pub(super) const SKEW: i64 = 2_000;
const HOLDERS_MAX: usize = 8;

/// A user's marker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Marker {
    pub(super) at: i64,
    pub(super) holders: BTreeMap<String, i64>,
    pub(super) sealed: Option<i64>,
}

impl Marker {
    fn latest(&self) -> i64 {
        self.holders.values().copied().chain(self.sealed).max().unwrap_or(0)
    }

    pub(super) fn is_live(&self, now: i64) -> bool {
        self.at > now - DAY
    }
}

/// Everything in one scope at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scope {
    pub(super) used: i64,
    pub(super) users: BTreeMap<String, Marker>,
}

impl Scope {
    pub(super) fn read(engine: &DynamoEngine, table: &str, scope: &str) -> Self {
        let query = json!({
            "TableName": table,
            "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": format!("L#{scope}") } },
        });
        let (status, body) = engine.answer("Query", &query.to_string());
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        let mut read = Self::default();
        for item in body["Items"].as_array().unwrap() {
            let user = item["sk"]["S"].as_str().unwrap();
            if user == "HEAD" {
                read.used = number(&item["used"]);
                continue;
            }
            let holders = item["holders"]["M"].as_object().unwrap();
            let holders = holders.iter().map(|(h, at)| (h.clone(), number(at))).collect();
            let sealed = item.get("sealed").map(number);
            read.users.insert(user.to_owned(), Marker { at: number(&item["at"]), holders, sealed });
        }
        read
    }

    /// The times of all markers, the earliest first.
    pub(super) fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.users.values().map(|m| m.at).collect();
        times.sort_unstable();
        times
    }

    pub(super) fn is_live(&self, user: &str, now: i64) -> bool {
        self.users.get(user).is_some_and(|m| m.is_live(now))
    }
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().unwrap().parse().unwrap()
}

/// Whether one write of `operation` may lead from `before` to `after`.
///
/// # Errors
/// Which rule forbids it.
pub(super) fn allows(
    before: &Scope,
    after: &Scope,
    operation: &Operation,
    least_used: i64,
) -> Result<(), String> {
    let holds = |rule: bool, why: &str| {
        if rule { Ok(()) } else { Err(format!("{why}\n{before:?}\n{after:?}\n{operation:?}")) }
    };
    holds(after.used == i64::try_from(after.users.len()).unwrap(), "the markers equal `used`")?;
    let names: BTreeSet<&String> = before.users.keys().chain(after.users.keys()).collect();
    let changed: Vec<&String> =
        names.into_iter().filter(|u| before.users.get(*u) != after.users.get(*u)).collect();
    let now = operation.now;
    let own = |user: &str| user == operation.user;
    for user in &changed {
        match (before.users.get(*user), after.users.get(*user)) {
            (None, Some(new)) => {
                holds(operation.kind != Kind::Refund && own(user), "it takes its own place")?;
                holds(changed.len() == 1, "one place at a time")?;
                holds(after.used <= i64::from(operation.limit), "never above the limit")?;
                let only = BTreeMap::from([(operation.holder.clone(), now)]);
                let fresh = Marker { at: now, holders: only, sealed: None };
                holds(*new == fresh, "a fresh place is its holder's alone")?;
            }
            (Some(old), None) if old.is_live(now) => {
                holds(operation.kind == Kind::Refund && own(user), "a live place is kept")?;
                let rest = without(old, &operation.holder);
                holds(old.holders.contains_key(&operation.holder), "only a holder gives back")?;
                let stays = rest.latest() > now - DAY
                    && (!rest.holders.is_empty() || rest.sealed.is_some());
                holds(!stays, "what another attempt holds is kept")?;
            }
            (Some(old), None) => {
                let by_refund = operation.kind == Kind::Refund;
                holds(
                    !by_refund || old.holders.contains_key(&operation.holder),
                    "a refund is one",
                )?;
            }
            (Some(old), Some(new)) => {
                holds(own(user) && changed.len() == 1, "one's own place only")?;
                holds(new.at == new.latest(), "the latest call counts")?;
                match operation.kind {
                    Kind::Refund => {
                        holds(*new == without(old, &operation.holder), "one holder less")?;
                        holds(old.holders.contains_key(&operation.holder), "a holder leaves")?;
                    }
                    Kind::Reserve | Kind::Call if old.is_live(now) => {
                        holds(joins(old, new, operation), "one holder more")?;
                    }
                    Kind::Reserve | Kind::Call => {
                        let only = BTreeMap::from([(operation.holder.clone(), now)]);
                        let fresh = Marker { at: now, holders: only, sealed: None };
                        holds(*new == fresh, "a renewed place is its holder's alone")?;
                        let fits = least_used <= i64::from(operation.limit);
                        holds(fits, "renewed only while the scope is not above its limit")?;
                    }
                }
            }
            (None, None) => {}
        }
    }
    Ok(())
}

fn without(marker: &Marker, holder: &str) -> Marker {
    let mut rest = marker.clone();
    rest.holders.remove(holder);
    rest.at = rest.latest();
    rest
}

/// Whether `new` is `old` with the operation's holder, no other time forgotten but by the rule
/// for many holders.
fn joins(old: &Marker, new: &Marker, operation: &Operation) -> bool {
    let now = operation.now;
    if new.holders.get(&operation.holder) != Some(&now) {
        return false;
    }
    let mut whole = old.holders.clone();
    whole.insert(operation.holder.clone(), now);
    let gone: Vec<i64> = whole
        .iter()
        .filter(|(h, at)| new.holders.get(*h) != Some(*at))
        .map(|(_, at)| *at)
        .collect();
    let added = new.holders.keys().any(|h| !whole.contains_key(h));
    let covered = gone.iter().all(|at| *at <= now - DAY || new.sealed.is_some_and(|s| s >= *at));
    let kept = old.sealed.is_none_or(|s| new.sealed.is_some_and(|n| n >= s));
    let needed = gone.is_empty() || whole.len() > HOLDERS_MAX;
    let true_time = new.sealed.is_none_or(|s| old.sealed == Some(s) || gone.contains(&s));
    !added && covered && kept && needed && true_time
}

/// What the operations were told, attempt by attempt, with its time.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    attempts: BTreeMap<String, Attempt>,
}

/// One attempt as its operations were answered.
#[derive(Debug, Clone, Default)]
struct Attempt {
    user: String,
    /// The time with which it certainly holds its user's place.
    held_since: Option<i64>,
    /// Times that an operation without an answer may have written.
    perhaps: Vec<i64>,
    /// Whether a refund without an answer may have removed it.
    perhaps_gone: bool,
}

impl Ledger {
    pub(super) fn reserved(&mut self, operation: &Operation, twice: bool) {
        let attempt = self.attempt(operation);
        let now = operation.now;
        let live = |at: &i64| *at > now - DAY;
        if operation.kind == Kind::Call {
            attempt.held_since = attempt.held_since.max(Some(now));
            return;
        }
        // A repeated reservation is not later than the first, unless that one never came about, or
        // the place no longer knows the attempt by name.
        let earlier = attempt.held_since.into_iter().chain(attempt.perhaps.iter().copied());
        let earliest = earlier.filter(live).min();
        // Of two instances at once, the one that was answered first need not have come first.
        let since = attempt.held_since.filter(live).map(|at| if twice { at.min(now) } else { at });
        attempt.held_since = since.or_else(|| earliest.map(|at| at.min(now))).or(Some(now));
        attempt.perhaps.push(now);
    }

    pub(super) fn perhaps(&mut self, operation: &Operation) {
        let attempt = self.attempt(operation);
        match operation.kind {
            Kind::Refund => attempt.perhaps_gone = true,
            Kind::Reserve | Kind::Call => attempt.perhaps.push(operation.now),
        }
    }

    pub(super) fn refunded(&mut self, operation: &Operation) {
        self.attempts.remove(&operation.holder);
    }

    /// Whoever is refused has no place: what he held has aged out.
    pub(super) fn refused(&mut self, operation: &Operation) {
        self.attempts.remove(&operation.holder);
    }

    fn attempt(&mut self, operation: &Operation) -> &mut Attempt {
        let attempt = self.attempts.entry(operation.holder.clone()).or_default();
        attempt.user.clone_from(&operation.user);
        attempt
    }

    /// Forgets what has aged out for every clock.
    pub(super) fn forget_until(&mut self, time: i64) {
        self.attempts.retain(|_, a| {
            a.held_since.is_some_and(|at| at > time) || a.perhaps.iter().any(|at| *at > time)
        });
    }

    /// Compares the scope with what was told, at a moment when nobody writes.
    ///
    /// # Panics
    /// When the scope holds a place that nobody was given, or lacks one that somebody was.
    pub(super) fn compare(&self, scope: &Scope, now: i64) -> Counted {
        let mut users: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
        for attempt in self.attempts.values() {
            users.entry(&attempt.user).or_default().push(attempt);
        }
        let mut counted = Counted::default();
        let none = Vec::new();
        let names: BTreeSet<&str> =
            scope.users.keys().map(String::as_str).chain(users.keys().copied()).collect();
        for user in names {
            let attempts = users.get(user).unwrap_or(&none);
            let certain = attempts.iter().filter(|a| !a.perhaps_gone);
            let least = certain.filter_map(|a| a.held_since).max();
            let most =
                attempts.iter().flat_map(|a| a.held_since.iter().chain(&a.perhaps)).copied().max();
            let marker = scope.users.get(user);
            let sealed = marker.and_then(|m| m.sealed);
            let most = most.max(sealed);
            // What has aged out may be there or not; what has for the fastest clock may be gone.
            let at = marker.map(|m| m.at).filter(|at| *at > now - DAY + SKEW);
            let least = least.filter(|at| *at > now - DAY + SKEW);
            let most = most.filter(|at| *at > now - DAY);
            assert!(
                marker.map(|m| m.at) >= least && at <= most,
                "{user} at {now}: not within {least:?} and {most:?}\n{attempts:?}\n{marker:?}"
            );
            counted.least += i64::from(least.is_some());
            counted.most += i64::from(most.is_some());
        }
        counted
    }
}

/// How many users are counted by brute force: certainly, and at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) least: i64,
    pub(super) most: i64,
}

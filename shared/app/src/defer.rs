//! A message that counts, when the limit is full and its caller said `when_limited: defer`: it waits
//! in the table, and its scope wakes it when a place is free, one after another and in the order in
//! which they were submitted.
//!
//! Beginning to wait: the waiter is written, then its scope becomes due, then the message stops being
//! queued and gives up its own visit. Waking: a place is taken, the message is queued, its id put
//! into the queue, the waiter removed. A run that dies on the way leaves a message that is due, or a
//! scope that is; whoever comes next takes the same steps.

use crate::limit::{holder, scope_of};
use crate::submit::SendContext;
use crate::{App, AppError};
use transom_core::account::{Account, LimitScope, Sender};
use transom_core::due::QUEUED_PATIENCE;
use transom_core::identity::User;
use transom_core::message::Phase;
use transom_core::plan::Course;
use transom_core::time::{Millis, Timestamp};
use transom_store::{Message, Reservation, Session, Updated, Waiter};

/// How many waiters one page holds.
const PAGE: u16 = 50;

/// How many waiters one look wakes at most: the next look takes the rest, so that no sweep is
/// spent on one scope.
const WOKEN_MAX: usize = 500;

/// How long a scope waits whose limit is zero: nobody knows when that changes, and whoever raises a
/// limit wakes at once.
const WITHOUT_A_TIME: Millis = Millis::from_hours(24);

/// The length of the name of one who makes a scope due, in characters of five bits.
const NAME_CHARS: usize = 12;

/// What became of a waiter.
enum Woken {
    /// It waits no longer.
    Gone,
    /// Whoever lets it wait has not come to the end of that.
    Begins,
    /// There is no place; the next one is free then.
    Full(Option<Timestamp>),
}

impl App {
    /// Whether a message that would wait must wait at once, because others wait already and its user
    /// holds no place: what frees is theirs first.
    pub(crate) async fn is_behind_others(
        &self,
        sender: &Sender,
        account: &Account,
        user: &User,
        now: Timestamp,
    ) -> Result<bool, AppError> {
        // A portfolio has a figure of its own.
        if sender.messaging_limit.is_none() && sender.limit_scope == LimitScope::Sender {
            return Ok(false);
        }
        let scope = scope_of(sender, account);
        if self.store.waiting_scope(&scope).await?.is_none() {
            return Ok(false);
        }
        let user = self.store.limit_user(&user.canonical());
        Ok(!self.store.holds_place(&scope, &user, now).await?)
    }

    /// Lets a queued message wait for a place; `Changed` when it is queued no longer. The scope is
    /// looked at at once: a place that became free meanwhile is not waited for.
    pub(crate) async fn defer_for_place(
        &self,
        (sender, account): (&Sender, &Account),
        message: &Message,
        now: Timestamp,
    ) -> Result<Updated, AppError> {
        let Some(id) = message.id.clone() else { return Ok(Updated::Changed) };
        let scope = scope_of(sender, account);
        let waiter = Waiter { message: id.clone(), enqueue: message.enqueue };
        self.store.put_waiter(&scope, &waiter).await?;
        self.store.expect_place(&scope, now, &self.entropy.text(NAME_CHARS)).await?;
        let waits = self.store.wait_for_place(&id).await?;
        if waits == Updated::Done {
            tracing::info!(outcome = "deferred", message = %id, sender = %message.sender, "no place of the limit is free");
        }
        Ok(waits)
    }

    /// A place of a scope has become free, or its limit was raised.
    pub(crate) async fn wake_waiting(&self, scope: &str, now: Timestamp) -> Result<(), AppError> {
        let by = self.entropy.text(NAME_CHARS);
        Ok(self.store.wake_waiting(scope, now, &by).await?)
    }

    /// The sweep's look at a scope: wakes whoever has a place, in order, until there is none.
    pub(crate) async fn visit_scope(&self, scope: &str, now: Timestamp) -> Result<(), AppError> {
        let Some(seen) = self.store.waiting_scope(scope).await? else { return Ok(()) };
        if seen.due_at > now {
            return Ok(());
        }
        let mut last: Option<Waiter> = None;
        let mut begins = false;
        let mut woken = 0;
        let next = 'look: loop {
            let page = self.store.waiters(scope, last.as_ref(), PAGE).await?;
            for waiter in &page {
                match self.wake(scope, waiter, now).await? {
                    Woken::Gone => woken += 1,
                    Woken::Begins => begins = true,
                    Woken::Full(next_free_at) => {
                        break 'look Some(next_free_at.unwrap_or(now.plus(WITHOUT_A_TIME)));
                    }
                }
            }
            if page.len() < usize::from(PAGE) {
                // Nobody waits any more, but for those who are about to.
                break begins.then(|| now.plus(QUEUED_PATIENCE));
            }
            if woken >= WOKEN_MAX {
                break Some(now.plus(Millis::new(1)));
            }
            last = page.last().cloned();
        };
        // A place may be free by the arithmetic of another clock already: never at once again.
        let next = next.map(|at| at.max(now.plus(Millis::new(1))));
        // Changed: somebody began to wait meanwhile, and the scope is due.
        self.store.end_look_at_scope(scope, &seen, next).await?;
        Ok(())
    }

    async fn wake(&self, scope: &str, waiter: &Waiter, now: Timestamp) -> Result<Woken, AppError> {
        let id = &waiter.message;
        let Some(message) = self.store.message(id).await? else {
            return self.forget(scope, waiter).await;
        };
        if message.phase == Phase::Queued && message.enqueue == waiter.enqueue {
            return Ok(Woken::Begins);
        }
        if message.phase == Phase::Queued && message.enqueue == waiter.enqueue.saturating_add(1) {
            // Woken by a run that may not have come to put it into its queue.
            let rate = self.rate_of(&message).await?;
            self.try_enqueue(id, &message, rate).await?;
            return self.forget(scope, waiter).await;
        }
        if message.phase != Phase::Limited {
            return self.forget(scope, waiter).await;
        }
        let mut counts = message.counts;
        if let Some((context, session, user)) = self.facts_of(&message).await? {
            let (sender, account) = (&context.sender.sender, &context.account.account);
            if scope_of(sender, account) != scope {
                return self.move_to_its_scope(scope, (sender, account), waiter, now).await;
            }
            counts = counts_now(&context, &session, &message, now);
            if counts {
                let held = holder(id, message.attempt);
                let taken = self.take_place(sender, account, &user, &held, now, false).await?;
                if let Reservation::Full { next_free_at } = taken {
                    return Ok(Woken::Full(next_free_at));
                }
            }
        }
        // What the rules do not allow any more is refused by whoever would send it.
        let next = now.plus(QUEUED_PATIENCE);
        if self.store.count_enqueue(id, &message, counts, next).await? == Updated::Changed {
            // Withdrawn meanwhile: the place that was just taken goes back.
            self.refund_place(&Message { counts: true, ..message }).await?;
            return self.forget(scope, waiter).await;
        }
        tracing::info!(outcome = "woken", message = %id, sender = %message.sender, "a place of the limit is free");
        let rate = self.rate_of(&message).await?;
        let enqueue = message.enqueue.saturating_add(1);
        let queued = Message { phase: Phase::Queued, counts, enqueue, ..message };
        // Otherwise the next would overtake it: whoever comes again begins with this one.
        self.try_enqueue(id, &queued, rate).await?;
        self.forget(scope, waiter).await
    }

    async fn forget(&self, scope: &str, waiter: &Waiter) -> Result<Woken, AppError> {
        self.store.delete_waiter(scope, waiter).await?;
        Ok(Woken::Gone)
    }

    /// Its sender's places are another scope's by now.
    async fn move_to_its_scope(
        &self,
        scope: &str,
        (sender, account): (&Sender, &Account),
        waiter: &Waiter,
        now: Timestamp,
    ) -> Result<Woken, AppError> {
        let other = scope_of(sender, account);
        self.store.put_waiter(&other, waiter).await?;
        self.store.expect_place(&other, now, &self.entropy.text(NAME_CHARS)).await?;
        self.forget(scope, waiter).await
    }
}

/// Whether the message needs a place now: its window may have opened while it waited.
fn counts_now(context: &SendContext, session: &Session, message: &Message, now: Timestamp) -> bool {
    let (Some(content), Some(user)) = (&message.content, session.user()) else { return false };
    let asked = (content, &message.plan);
    match context.course(Some(session), &user, asked, None, now) {
        Course::Send { counts, .. } => counts,
        Course::Hold(_) | Course::Refuse(_) => false,
    }
}

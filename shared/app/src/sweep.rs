//! Every minute: whatever is due. Each item is read consistently, a pure function decides, the
//! effects are sent first and the visit is marked after, under the condition that nothing it
//! was decided on has changed. So overlapping sweeps are harmless and no message is silenced.

use crate::event::{Event, EventEntry};
use crate::queues::QueueEntry;
use crate::{App, AppError};
use futures::stream::StreamExt;
use serde_json::{Value, json};
use transom_core::due::{MessageDue, Notice, Reminders, message_due, visit};
use transom_core::event::{Cause, EventKind};
use transom_core::id::{ConversationId, MessageId, SenderId};
use transom_core::message::Phase;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::Channel;
use transom_store::{DueKey, DueKind, Message, Session, Updated};

/// How many due items one shard gives in one round.
const PAGE: u16 = 200;
/// How many items are worked on at once.
const CONCURRENT: usize = 32;
/// How long an item waits that could not be handled, so that it cannot head every page.
const FAILED_PATIENCE: Millis = Millis::from_seconds(60);
/// How long after a delivery was handed to the notifier the sweep looks at it again.
const DELIVERY_PATIENCE: Millis = Millis::from_seconds(120);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Items that were visited.
    pub visited: u32,
    /// Items that could not be handled.
    pub failed: u32,
}

impl App {
    /// Works on everything that is due at `now`, until `deadline` by the clock; the next run
    /// takes the rest.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn sweep(&self, now: Timestamp, deadline: Timestamp) -> Result<Swept, AppError> {
        let mut swept = Swept::default();
        loop {
            let mut due = Vec::new();
            for shard in 0..self.store.due_shards() {
                due.extend(self.store.due(shard, now, PAGE).await?);
            }
            if due.is_empty() || self.clock.now() >= deadline {
                return Ok(swept);
            }
            // In the order in which they became due, so that messages keep theirs.
            due.sort();
            let found = due.len();
            let results: Vec<bool> = if due.iter().any(|d| matches!(d.kind, DueKind::Message(_))) {
                self.visit_in_order(due, now).await
            } else {
                futures::stream::iter(due)
                    .map(|key| self.visit_due(key, now))
                    .buffer_unordered(CONCURRENT)
                    .collect()
                    .await
            };
            let failed = results.iter().filter(|ok| !**ok).count();
            swept.visited = swept.visited.saturating_add(u32::try_from(found).unwrap_or(u32::MAX));
            swept.failed = swept.failed.saturating_add(u32::try_from(failed).unwrap_or(u32::MAX));
            if failed == found {
                return Ok(swept);
            }
        }
    }

    /// Messages of one conversation one after another, so that they enter their queue in order;
    /// conversations side by side.
    async fn visit_in_order(&self, due: Vec<DueKey>, now: Timestamp) -> Vec<bool> {
        let mut groups: std::collections::BTreeMap<String, Vec<DueKey>> =
            std::collections::BTreeMap::new();
        for key in due {
            let group = match &key.kind {
                DueKind::Message(id) => id.conversation().to_string(),
                DueKind::Session(id) => format!("s{id}"),
                DueKind::Media(id) => format!("f{id}"),
                DueKind::Scope(scope) => format!("l{scope}"),
                DueKind::Interruption(sender) => format!("i{sender}"),
                DueKind::Delivery { subscription, event } => format!("d{subscription}#{event}"),
            };
            groups.entry(group).or_default().push(key);
        }
        let work = groups.into_values().map(|mut keys| async move {
            // By their times, which is the order of scheduled ones; of one time, by their ids.
            keys.sort();
            let mut done = Vec::with_capacity(keys.len());
            for key in keys {
                done.push(self.visit_due(key, now).await);
            }
            done
        });
        let done: Vec<Vec<bool>> =
            futures::stream::iter(work).buffer_unordered(CONCURRENT).collect().await;
        done.into_iter().flatten().collect()
    }

    async fn visit_due(&self, key: DueKey, now: Timestamp) -> bool {
        // Boxed: a visit may send a message, and together they are too large for a thread's stack.
        let result = match &key.kind {
            DueKind::Session(id) => Box::pin(self.visit_session(id, now)).await,
            DueKind::Message(id) => Box::pin(self.visit_message(id, now)).await,
            DueKind::Media(id) => Box::pin(self.visit_media(id, now)).await,
            DueKind::Scope(scope) => Box::pin(self.visit_scope(scope, now)).await,
            DueKind::Interruption(sender) => Box::pin(self.visit_interruption(sender, now)).await,
            DueKind::Delivery { subscription, event } => {
                Box::pin(self.visit_delivery(subscription, event, now)).await
            }
        };
        let Err(error) = result else { return true };
        tracing::error!(outcome = "visit_failed", error = %crate::error::chain(&error), "a due item could not be handled");
        if let Err(error) = self.store.postpone(&key, now.plus(FAILED_PATIENCE)).await {
            tracing::error!(outcome = "not_postponed", %error, "nor could it be put off");
        }
        false
    }

    async fn visit_session(&self, id: &ConversationId, now: Timestamp) -> Result<(), AppError> {
        let Some(session) = self.store.session(id).await? else { return Ok(()) };
        // The index may lag: the item itself says whether it is due.
        if session.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let Some(window) = session.window() else {
            self.store.mark_visited(&session, session.noticed_until, None).await?;
            return Ok(());
        };
        // Whoever saw the window open may not have lived to release what was held for that.
        self.release_held(&session, now).await?;
        let sender = self.store.sender(&session.sender).await?;
        let usual = transom_core::due::Threshold::default_ladder();
        let reminders = match &sender {
            Some(sender) => sender.reminders(),
            None => Reminders::of(&usual),
        };
        let decided = visit(&window, session.noticed_until, now, reminders, Channel::WHATSAPP);
        let events: Vec<Event> =
            decided.notices.iter().filter_map(|n| notice_event(&session, n, now)).collect();
        for event in &events {
            self.store.put_event(id, &event.stored()).await?;
        }
        self.publish(events).await?;
        let nudge = sender.as_ref().and_then(|s| s.waiting.nudge.as_ref());
        for notice in &decided.notices {
            if let (Notice::Nudge { at }, Some(nudge)) = (notice, nudge) {
                self.nudge(&session, &window, nudge, *at, now).await?;
            }
        }
        // Changed: somebody wrote meanwhile; the next round reads again and decides anew.
        self.store.mark_visited(&session, decided.noticed_until, decided.next).await?;
        Ok(())
    }

    async fn visit_message(&self, id: &MessageId, now: Timestamp) -> Result<(), AppError> {
        let Some(message) = self.store.message(id).await? else { return Ok(()) };
        if message.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        match message_due(message.phase, message.claimed_at, now) {
            MessageDue::Enqueue { next } => {
                let counts = self.road_counts(id, &message, now).await?;
                let counted = self.store.count_enqueue(id, &message, counts, next).await?;
                if counted == Updated::Changed {
                    return Ok(());
                }
                let mut counted = message;
                counted.phase = Phase::Queued;
                counted.counts = counts;
                counted.enqueue = counted.enqueue.saturating_add(1);
                if counted.released_at.is_some() {
                    // Whoever released it may not have come to tell.
                    self.tell_released(id, &counted).await?;
                }
                let rate = self.rate_of(&counted).await?;
                self.enqueue(id, &counted, rate).await;
            }
            MessageDue::LookAtHold => self.visit_held(id, message, now).await?,
            MessageDue::MarkUnknown => {
                self.mark_unknown(&message, "interrupted").await?;
            }
            MessageDue::Wait(until) => {
                self.store.reschedule(id, &message, Some(until)).await?;
            }
            // Everything has followed, and only its arrival is waited for.
            MessageDue::Clear
                if message.phase == Phase::Answered && message.watched == Some(message.attempt) =>
            {
                self.visit_watched(id, &message, now).await?;
            }
            // What followed from its end was not all done.
            MessageDue::Clear => self.finish(&message, now).await?,
        }
        Ok(())
    }

    /// Which queue a message goes into: a scheduled one was taken long ago, and what it is sent as
    /// is only decided now. Dispatch decides again, and for good.
    async fn road_counts(
        &self,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<bool, AppError> {
        if message.phase != Phase::Scheduled {
            return Ok(message.counts);
        }
        let is_template = message.content.as_ref().is_some_and(|c| c.template().is_some());
        if !is_template && message.plan.fallback.is_none() {
            return Ok(false);
        }
        let (_, session) = self.follow_conversation(&id.conversation()).await?;
        let window = session.and_then(|s| s.window());
        Ok(!window.is_some_and(|w| w.is_open(now, Channel::WHATSAPP)))
    }

    /// Hands a delivery whose time has come to the notifier.
    async fn visit_delivery(
        &self,
        subscription: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(delivery) = self.store.delivery(subscription, event).await? else { return Ok(()) };
        if delivery.due_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let entry =
            EventEntry::Retry { subscription: subscription.to_owned(), event: event.to_owned() };
        let queued = QueueEntry {
            group: format!("retry#{subscription}#{event}"),
            deduplication: format!("{subscription}#{event}#{}#{}", delivery.tries, now.as_millis()),
            body: serde_json::to_string(&entry).unwrap_or_default(),
        };
        self.queues.send_events(&[queued]).await?;
        self.store.reschedule_delivery(&delivery, now.plus(DELIVERY_PATIENCE)).await?;
        Ok(())
    }
}

/// What is told of a conversation's window, whatever about it.
pub(crate) fn window_data(session: &Session, sender: &SenderId, expires_at: Timestamp) -> Value {
    json!({
        "conversation": session.id,
        "sender": sender,
        "contact": session.id.contact(),
        "expires_at": expires_at.rfc3339(),
    })
}

fn notice_event(session: &Session, notice: &Notice, now: Timestamp) -> Option<Event> {
    let base = |expires_at| window_data(session, &session.sender, expires_at);
    let (kind, cause, at, data) = match notice {
        Notice::Expiring { threshold, expires_at } => {
            let before = Millis::from_seconds(i64::from(threshold.before_s));
            let mut data = base(*expires_at);
            if let Value::Object(fields) = &mut data {
                fields.insert("threshold_s".to_owned(), json!(threshold.before_s));
                fields.insert("to".to_owned(), json!(threshold.to));
                // Calendars come with the desk; until then no closing time is known.
                fields.insert("closes_unstaffed".to_owned(), json!(false));
                let left = expires_at.since(now).whole_seconds();
                fields.insert("seconds_left".to_owned(), json!(left));
            }
            let cause = Cause::Expiring(session.id.clone(), *expires_at, before);
            // The threshold's own instant: a repeat is stored over the first, not beside it.
            (EventKind::WindowExpiring, cause, expires_at.minus(before), data)
        }
        // The message that is sent tells it.
        Notice::Nudge { .. } => return None,
        Notice::Expired { expires_at } => {
            let cause = Cause::Expired(session.id.clone(), *expires_at);
            (EventKind::WindowExpired, cause, *expires_at, base(*expires_at))
        }
    };
    let event = Event::new(kind, &cause, at, data);
    Some(event.in_conversation(&session.id, &session.sender))
}

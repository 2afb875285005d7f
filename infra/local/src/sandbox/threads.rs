//! The threads between customers and business numbers, as the phones of the customers show
//! them, and the windows as the provider knows them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// A customer's message opens the window for 24 hours.
pub const WINDOW_MS: i64 = 24 * 60 * 60 * 1000;

/// What one phone shows of one thread; older entries are forgotten.
const THREAD_ENTRIES_MAX: usize = 500;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The customer, to the business.
    In,
    /// The business, to the customer.
    Out,
}

/// One message on the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadEntry {
    /// The provider's id of the message.
    pub sid: String,
    /// Who wrote it.
    pub direction: Direction,
    /// What it is: `text`, `image`, `template` and so on.
    pub kind: String,
    /// What the phone shows of it.
    pub text: String,
    /// When it reached the provider, by the process's clock.
    pub at_ms: i64,
    /// Outbound: the provider's status. Inbound: `received` as soon as we took it, until then
    /// `posting`, or `refused` when we did not.
    pub status: String,
    /// Outbound: the provider's error code.
    pub error_code: Option<u32>,
    /// Inbound: the HTTP status of our answer to the webhook.
    pub webhook_status: Option<u16>,
}

/// What the phone of one customer shows of one business number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneState {
    /// The customer.
    pub from: String,
    /// The business number.
    pub to: String,
    /// The process's clock.
    pub now_ms: i64,
    /// Whether the provider lets free-form messages through now.
    pub window_open: bool,
    /// The end of the window, also when it is past; absent if the customer never wrote.
    pub expires_at_ms: Option<i64>,
    /// Both directions, oldest first.
    pub messages: Vec<ThreadEntry>,
}

#[derive(Debug, Default)]
struct Thread {
    last_in_ms: Option<i64>,
    entries: VecDeque<ThreadEntry>,
}

/// All threads, by customer and business number.
#[derive(Debug, Default)]
pub(super) struct Threads {
    threads: BTreeMap<(String, String), Thread>,
}

impl Threads {
    /// The customer wrote: the window runs from here. It never steps back.
    pub(super) fn customer_wrote(&mut self, customer: &str, business: &str, at_ms: i64) {
        let thread = self.thread(customer, business);
        thread.last_in_ms = thread.last_in_ms.max(Some(at_ms));
    }

    /// Whether the provider lets a free-form message through.
    pub(super) fn window_open(&self, customer: &str, business: &str, now_ms: i64) -> bool {
        self.window_ends_ms(customer, business, now_ms).is_some()
    }

    /// The end of the window, if it is open.
    pub(super) fn window_ends_ms(
        &self,
        customer: &str,
        business: &str,
        now_ms: i64,
    ) -> Option<i64> {
        let ends_ms = self.last_in_ms(customer, business)?.saturating_add(WINDOW_MS);
        (now_ms < ends_ms).then_some(ends_ms)
    }

    pub(super) fn push(&mut self, customer: &str, business: &str, entry: ThreadEntry) {
        let entries = &mut self.thread(customer, business).entries;
        entries.push_back(entry);
        while entries.len() > THREAD_ENTRIES_MAX {
            entries.pop_front();
        }
    }

    /// Changes one message, if the phone still shows it. The newest is looked at first.
    pub(super) fn update(
        &mut self,
        customer: &str,
        business: &str,
        sid: &str,
        change: impl FnOnce(&mut ThreadEntry),
    ) {
        let entries = &mut self.thread(customer, business).entries;
        if let Some(entry) = entries.iter_mut().rev().find(|entry| entry.sid == sid) {
            change(entry);
        }
    }

    /// The delivered messages of the business that the customer has not seen.
    pub(super) fn unread(&self, customer: &str, business: &str) -> Vec<String> {
        let key = (customer.to_owned(), business.to_owned());
        let Some(thread) = self.threads.get(&key) else {
            return Vec::new();
        };
        thread
            .entries
            .iter()
            .filter(|entry| entry.direction == Direction::Out && entry.status == "delivered")
            .map(|entry| entry.sid.clone())
            .collect()
    }

    pub(super) fn phone_state(&self, customer: &str, business: &str, now_ms: i64) -> PhoneState {
        let key = (customer.to_owned(), business.to_owned());
        let messages = self
            .threads
            .get(&key)
            .map(|thread| thread.entries.iter().cloned().collect())
            .unwrap_or_default();
        PhoneState {
            from: customer.to_owned(),
            to: business.to_owned(),
            now_ms,
            window_open: self.window_open(customer, business, now_ms),
            expires_at_ms: self
                .last_in_ms(customer, business)
                .map(|last_in_ms| last_in_ms.saturating_add(WINDOW_MS)),
            messages,
        }
    }

    fn last_in_ms(&self, customer: &str, business: &str) -> Option<i64> {
        let key = (customer.to_owned(), business.to_owned());
        self.threads.get(&key).and_then(|thread| thread.last_in_ms)
    }

    fn thread(&mut self, customer: &str, business: &str) -> &mut Thread {
        let key = (customer.to_owned(), business.to_owned());
        self.threads.entry(key).or_default()
    }
}

/// How far along a status stands, whichever provider says it; unknown ones stand nowhere, so
/// they change nothing.
pub(super) fn rank(status: &str) -> u8 {
    match status {
        "queued" | "accepted" | "scheduled" | "submitted" => 1,
        "sending" | "enqueued" => 2,
        "sent" => 3,
        "undelivered" | "failed" => 4,
        "delivered" => 5,
        "read" => 6,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_only_step_forward() {
        assert!(rank("read") > rank("delivered"));
        assert!(rank("delivered") > rank("undelivered"));
        assert!(rank("undelivered") > rank("sent"));
        assert!(rank("sent") > rank("enqueued"));
        assert!(rank("unheard-of") < rank("queued"));
    }

    #[test]
    fn the_window_shuts_at_its_very_end_and_never_steps_back() {
        let mut threads = Threads::default();
        assert!(!threads.window_open("+91", "+1", 0));
        threads.customer_wrote("+91", "+1", 1_000);
        threads.customer_wrote("+91", "+1", 500);
        assert!(threads.window_open("+91", "+1", 1_000 + WINDOW_MS - 1));
        assert!(!threads.window_open("+91", "+1", 1_000 + WINDOW_MS));
        assert!(!threads.window_open("+91", "+2", 1_000));
    }
}

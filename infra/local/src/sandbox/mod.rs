//! The sandbox: pretend providers on this machine, and the customer's phone.
//!
//! A pretend provider accepts what the true one accepts, refuses what it refuses, and posts
//! correctly signed webhooks back, so that the code under test cannot tell the difference.
//! This file holds what every provider shares (clock, outbox, threads, faults); a provider is
//! one file or folder beside it that holds its wire. Nothing here reads the wall clock: the process's
//! clock is handed in, so that moving it moves the windows too.

mod address;
mod deliveries;
mod errors;
mod fault_answer;
mod faults;
mod file_faults;
mod files;
mod gupshup;
mod ids;
mod in_flight;
mod kept;
mod meta;
mod outbox;
mod phone;
mod phone_routes;
mod post;
mod provider;
mod rates;
mod reports;
mod sent;
mod shelf;
mod threads;
mod twilio;
mod webhooks;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::sync::Semaphore;

pub use errors::SandboxError;
pub use faults::Fault;
pub use file_faults::FileFault;
pub use gupshup::{GupshupAccount, GupshupShape};
pub use meta::{MetaAccount, meta_batch, sign_meta};
pub use outbox::{OutboxEntry, OutboxKind, RefusedSend};
pub use phone::{PhoneAnswer, PhoneContent, PhoneMedia, PhoneMessage, Referral};
pub use post::Parcel;
pub use threads::{Direction, PhoneState, ThreadEntry, WINDOW_MS};
pub use twilio::{TemplateStatus, TwilioAccount, inbound_form, sign_twilio};
pub use webhooks::PostedWebhook;

/// The process's clock: answers unix milliseconds. A function, so that the sandbox follows it.
pub type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where the sandbox takes the bytes of its message ids from.
pub type RandomBytes = Arc<dyn Fn() -> [u8; 16] + Send + Sync>;

/// How many entries each list of the sandbox keeps before it forgets the oldest. Far above
/// what a test sends; it only keeps a machine left running for days from filling its memory.
const ENTRIES_KEPT_MAX: usize = 200_000;

/// Twilio's and Meta's default for one WhatsApp sender.
const RATE_PER_SECOND_DEFAULT: usize = 80;

/// What the sandbox reports by itself after it took a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoStatus {
    /// `sent`, then `delivered`; or the refusal that the true provider reports late.
    Full,
    /// Nothing at all, not even a refusal.
    None,
    /// Only the provider's own late refusals; the rest comes from [`Sandbox::post_status`].
    Manual,
}

/// The public address of the process and where it listens in truth. Webhooks are signed over
/// the public address and posted to the local one, as behind a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What callers are told, such as `https://transom.example`.
    pub public: String,
    /// Where it listens, such as `http://127.0.0.1:8080`.
    pub local: String,
}

/// Everything that a sandbox needs from its host.
#[derive(Clone)]
pub struct SandboxConfig {
    /// The process's clock.
    pub now: NowMs,
    /// The source of message ids.
    pub random: RandomBytes,
    /// What is reported by itself after a send.
    pub autostatus: AutoStatus,
    /// With [`AutoStatus::Full`]: report `read` after `delivered`. Without it a message is read
    /// when the phone page shows it.
    pub read_receipts: bool,
    /// How many messages one sender may hand over in any second; at Gupshup never above 20.
    pub rate_per_second: usize,
    /// Set when the public address is not the one that listens.
    pub reach: Option<Reach>,
}

impl SandboxConfig {
    /// The defaults of a running local mode on the given clock.
    pub fn new(now: NowMs) -> Self {
        Self {
            now,
            random: Arc::new(os_random),
            autostatus: AutoStatus::Full,
            read_receipts: false,
            rate_per_second: RATE_PER_SECOND_DEFAULT,
            reach: None,
        }
    }
}

impl fmt::Debug for SandboxConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxConfig")
            .field("autostatus", &self.autostatus)
            .field("read_receipts", &self.read_receipts)
            .field("rate_per_second", &self.rate_per_second)
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// A handle on one sandbox; clones share its state.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    now: NowMs,
    random: RandomBytes,
    rate_per_second: usize,
    in_flight: in_flight::InFlight,
    post_places: Semaphore,
    state: Mutex<State>,
}

/// What the providers share. One lock around all of it: no call holds it across an `await`.
struct State {
    autostatus: AutoStatus,
    read_receipts: bool,
    reach: Option<Reach>,
    faults: faults::Faults,
    file_faults: file_faults::FileFaults,
    outbox: VecDeque<OutboxEntry>,
    refused: VecDeque<RefusedSend>,
    webhooks: VecDeque<PostedWebhook>,
    threads: threads::Threads,
    recent_sends: rates::RecentSends,
    numbers: BTreeMap<String, provider::Provider>,
    sent: kept::Kept<sent::Sent>,
    received: kept::Kept<Arc<deliveries::Delivery>>,
    twilio: twilio::TwilioState,
    meta: meta::MetaState,
    gupshup: gupshup::GupshupState,
    shelves: shelf::Shelves,
}

impl Sandbox {
    /// A sandbox without accounts.
    pub fn new(config: SandboxConfig) -> Self {
        let state = State {
            autostatus: config.autostatus,
            read_receipts: config.read_receipts,
            reach: config.reach,
            faults: faults::Faults::default(),
            file_faults: file_faults::FileFaults::default(),
            outbox: VecDeque::new(),
            refused: VecDeque::new(),
            webhooks: VecDeque::new(),
            threads: threads::Threads::default(),
            recent_sends: rates::RecentSends::default(),
            numbers: BTreeMap::new(),
            sent: kept::Kept::default(),
            received: kept::Kept::default(),
            twilio: twilio::TwilioState::default(),
            meta: meta::MetaState::default(),
            gupshup: gupshup::GupshupState::default(),
            shelves: shelf::Shelves::default(),
        };
        Self {
            inner: Arc::new(Inner {
                now: config.now,
                random: config.random,
                rate_per_second: config.rate_per_second,
                in_flight: in_flight::InFlight::new(),
                post_places: Semaphore::new(post::POSTS_AT_ONCE_MAX),
                state: Mutex::new(state),
            }),
        }
    }

    /// The pretend providers, each under its name (`/twilio/…`, `/meta/…`, `/gupshup/…`); nest
    /// it under any prefix.
    pub fn router(&self) -> Router {
        Router::new()
            .nest("/twilio", twilio::router(self.clone()))
            .nest("/meta", meta::router(self.clone()))
            .nest("/gupshup", gupshup::router(self.clone()))
    }

    /// The customer's phone: `/phone` and `/phone/…`; merge it at the root of the listener.
    pub fn phone_router(&self) -> Router {
        phone_routes::router(self.clone())
    }

    /// Changes what is reported by itself from now on.
    pub fn set_autostatus(&self, autostatus: AutoStatus) {
        self.state().autostatus = autostatus;
    }

    /// Switches `read` after `delivered` on or off.
    pub fn set_read_receipts(&self, read_receipts: bool) {
        self.state().read_receipts = read_receipts;
    }

    /// Tells every pretend provider under which address the sandbox is reached, so that the files of
    /// inbound messages can be fetched from it.
    pub fn set_base_url(&self, base_url: &str) {
        self.set_twilio_base_url(&format!("{base_url}/twilio"));
        self.set_meta_base_url(&format!("{base_url}/meta"));
        self.set_gupshup_base_url(&format!("{base_url}/gupshup"));
    }

    /// Tells the sandbox where the public address is served in truth.
    pub fn set_reach(&self, reach: Option<Reach>) {
        self.state().reach = reach;
    }

    /// The next accepted send of any sender meets this fault; faults queue up in order.
    pub fn fail_next(&self, fault: Fault) {
        self.state().faults.push(None, fault);
    }

    /// The next accepted send of this business number (E.164) meets this fault, before any
    /// fault that is meant for all.
    pub fn fail_next_from(&self, sender: &str, fault: Fault) {
        let sender = address::bare(sender);
        self.state().faults.push(Some(sender), fault);
    }

    /// Forgets the faults that no send has met.
    pub fn clear_faults(&self) {
        self.state().faults = faults::Faults::default();
    }

    /// What the providers took, in order of arrival.
    pub fn outbox(&self) -> Vec<OutboxEntry> {
        self.state().outbox.iter().cloned().collect()
    }

    /// Empties the outbox; threads, windows and look-ups keep what they know.
    pub fn clear_outbox(&self) {
        self.state().outbox.clear();
    }

    /// The sends that were refused with an HTTP answer, in order of arrival.
    pub fn refused(&self) -> Vec<RefusedSend> {
        self.state().refused.iter().cloned().collect()
    }

    /// Every webhook that was posted or tried, in order of its end.
    pub fn webhooks(&self) -> Vec<PostedWebhook> {
        self.state().webhooks.iter().cloned().collect()
    }

    /// Waits until no webhook is under way. A send that was answered before this call is
    /// covered: its reports are under way before its answer leaves.
    pub async fn settle(&self) {
        self.inner.in_flight.none().await;
    }

    /// What the phone of `customer` shows of its thread with `business`.
    pub fn phone_state(&self, customer: &str, business: &str) -> PhoneState {
        let now_ms = self.now_ms();
        self.state().threads.phone_state(&address::bare(customer), &address::bare(business), now_ms)
    }

    /// Records that the customer wrote at this instant by a way that did not pass through the
    /// sandbox, such as a webhook posted by hand or a life before a restart. Without it the
    /// sandbox holds the window shut.
    pub fn note_customer_wrote(&self, customer: &str, business: &str, at_ms: i64) {
        self.state().threads.customer_wrote(
            &address::bare(customer),
            &address::bare(business),
            at_ms,
        );
    }

    fn now_ms(&self) -> i64 {
        (self.inner.now)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock fails its own test; it must not hide behind poisoning in others.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

/// Appends to a list and forgets its oldest entries beyond the limit.
fn push_bounded<T>(list: &mut VecDeque<T>, entry: T) {
    list.push_back(entry);
    while list.len() > ENTRIES_KEPT_MAX {
        list.pop_front();
    }
}

/// Ids must differ from those of an earlier life of the process, or its store takes a new
/// message for a repeat: hence true randomness, not a counter.
fn os_random() -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

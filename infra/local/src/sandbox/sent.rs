//! Messages of ours that Meta or Gupshup took, and their way to the customer.

use super::post::Parcel;
use super::provider::Provider;
use super::{
    Direction, OutboxEntry, Sandbox, State, ThreadEntry, gupshup, meta, push_bounded, threads,
};

/// One message that a provider took.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) provider: Provider,
    /// The id that our send was answered with.
    pub(super) sid: String,
    /// WhatsApp's own id; at Meta the same.
    pub(super) whatsapp_id: String,
    pub(super) business: String,
    pub(super) customer: String,
    pub(super) status: String,
    pub(super) error_code: Option<u32>,
    pub(super) is_template: bool,
    /// The end of the customer's window when it was sent, if it was open.
    pub(super) window_ends_ms: Option<i64>,
    /// What the sender asked to have echoed.
    pub(super) reference: Option<String>,
}

impl State {
    /// Enters a message that a provider took into everything that knows of messages.
    pub(super) fn take(&mut self, sent: Sent, entry: OutboxEntry, shown: String) {
        let on_phone = ThreadEntry {
            sid: sent.sid.clone(),
            direction: Direction::Out,
            kind: entry.kind.name().to_owned(),
            text: shown,
            at_ms: entry.at_ms,
            status: sent.status.clone(),
            error_code: None,
            webhook_status: None,
        };
        self.threads.push(&sent.customer, &sent.business, on_phone);
        push_bounded(&mut self.outbox, entry);
        let sid = sent.sid.clone();
        self.sent.insert(&sid, sent);
    }
}

impl Sandbox {
    /// Steps the message forward and answers the webhook that tells of it, if anybody wants it.
    pub(super) fn advance_sent(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Option<Parcel> {
        let now_ms = self.now_ms();
        let state = &mut *self.state();
        let sent = state.sent.get_mut(sid)?;
        if threads::rank(status) > threads::rank(&sent.status) {
            status.clone_into(&mut sent.status);
            sent.error_code = error_code;
        }
        let sent = sent.clone();
        state.threads.update(&sent.customer, &sent.business, sid, |entry| {
            entry.status.clone_from(&sent.status);
            entry.error_code = sent.error_code;
        });
        match sent.provider {
            Provider::Meta => meta::status_parcel(&state.meta, &sent, status, error_code, now_ms),
            Provider::Gupshup => {
                gupshup::event_parcel(&state.gupshup, &sent, status, error_code, now_ms)
            }
            Provider::Twilio => None,
        }
    }
}

//! Messages of the customer on their way to us, for the providers that post JSON.

use bytes::Bytes;

use super::post::{Parcel, PostAnswer};
use super::provider::Provider;
use super::{
    Direction, PhoneAnswer, PhoneMessage, Sandbox, SandboxError, State, ThreadEntry, address,
    gupshup, meta,
};

/// One body that tells of one or more messages of customers. It is posted unchanged as often as
/// it is asked for, even to another address.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) provider: Provider,
    pub(super) told: Vec<Told>,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

/// One message that a delivery tells of.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) sid: String,
    pub(super) customer: String,
    pub(super) business: String,
}

/// The customer's bare address, if the message has one.
pub(super) fn customer_of(message: &PhoneMessage) -> Result<String, SandboxError> {
    let customer = address::bare(&message.from);
    if address::is_phone(&customer) || address::is_user_id(&customer) {
        Ok(customer)
    } else {
        Err(SandboxError::BadCustomer(message.from.clone()))
    }
}

impl State {
    /// The message stands on the phone, and the window runs from when the customer wrote it,
    /// whichever of the customer's addresses we use.
    pub(super) fn enter_thread(&mut self, message: &PhoneMessage, told: &Told, now_ms: i64) {
        let wrote_ms = message.at_ms.unwrap_or(now_ms);
        self.threads.customer_wrote(&told.customer, &told.business, wrote_ms);
        if let Some(user_id) = &message.user_id {
            self.threads.customer_wrote(user_id, &told.business, wrote_ms);
        }
        let entry = ThreadEntry {
            sid: told.sid.clone(),
            direction: Direction::In,
            kind: message.content.kind().to_owned(),
            text: message.content.shown(),
            at_ms: now_ms,
            status: "posting".to_owned(),
            error_code: None,
            webhook_status: None,
        };
        self.threads.push(&told.customer, &told.business, entry);
    }
}

/// Posts a delivery and notes the answer on every phone that it tells of.
pub(super) async fn deliver(
    sandbox: &Sandbox,
    sid: &str,
    delivery: &Delivery,
) -> Result<PhoneAnswer, SandboxError> {
    let underway = sandbox.inner.in_flight.begin();
    let parcel = parcel(&sandbox.state(), delivery)?;
    let answer = sandbox.post_and_note(sid, "inbound", &parcel).await;
    note_answer(&mut sandbox.state(), delivery, answer.as_ref().ok());
    drop(underway);
    answer.map(|answer| PhoneAnswer {
        sid: sid.to_owned(),
        status: answer.status,
        content_type: answer.content_type,
        body: answer.body,
        // Neither of these providers says to the customer what our answer holds.
        spoken: None,
    })
}

/// A delivery, addressed and signed.
pub(super) fn parcel(state: &State, delivery: &Delivery) -> Result<Parcel, SandboxError> {
    let business = delivery.told.first().map_or("", |told| told.business.as_str());
    let (url, headers) = match delivery.provider {
        Provider::Meta => meta::inbound_address(&state.meta, business, &delivery.body),
        Provider::Gupshup => gupshup::inbound_address(&state.gupshup, business),
        Provider::Twilio => None,
    }
    .ok_or_else(|| SandboxError::NoInboundUrl(business.to_owned()))?;
    let body = delivery.body.clone();
    Ok(Parcel { url, content_type: delivery.content_type, body, headers })
}

fn note_answer(state: &mut State, delivery: &Delivery, answer: Option<&PostAnswer>) {
    let taken = answer.is_some_and(|answer| match delivery.provider {
        // Anything but a 200 makes Meta try again.
        Provider::Meta => answer.status == 200,
        // Gupshup wants a 2xx without a body.
        Provider::Gupshup | Provider::Twilio => {
            (200..300).contains(&answer.status) && answer.body.is_empty()
        }
    });
    let status = if taken { "received" } else { "refused" };
    for told in &delivery.told {
        state.threads.update(&told.customer, &told.business, &told.sid, |entry| {
            entry.webhook_status = answer.map(|answer| answer.status);
            status.clone_into(&mut entry.status);
        });
    }
}

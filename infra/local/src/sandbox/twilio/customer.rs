//! The customer writes: enters the message everywhere and posts its signed webhook.

use super::TwilioState;
use super::inbound::inbound_form;
use super::media::{MediaStore, StoredMedia};
use super::messages::Message;
use super::reply::spoken;
use super::sign::sign_twilio;
use crate::sandbox::deliveries::{Told, customer_of};
use crate::sandbox::files::bytes_of;
use crate::sandbox::post::{Parcel, PostAnswer, without_fragment};
use crate::sandbox::{
    Direction, PhoneAnswer, PhoneContent, PhoneMessage, Sandbox, SandboxError, ThreadEntry, address,
};

/// An inbound webhook, ready to post.
struct Webhook {
    url: String,
    auth_token: String,
    params: Vec<(String, String)>,
    business: String,
    customer: String,
}

impl Webhook {
    fn parcel(&self, sid: &str) -> Parcel {
        let url = without_fragment(&self.url);
        let signature = sign_twilio(&self.auth_token, url, &self.params);
        // The same for every delivery of one message.
        let token = ("i-twilio-idempotency-token", sid.to_owned());
        let headers = vec![("x-twilio-signature", signature), token];
        Parcel::form(url, &self.params, headers)
    }
}

impl Sandbox {
    /// The webhook of an earlier message of the customer.
    pub(in crate::sandbox) fn compose_twilio(&self, sid: &str) -> Result<Parcel, SandboxError> {
        Ok(webhook(&self.state().twilio, sid)?.parcel(sid))
    }

    /// Posts the webhook of an earlier message of the customer again, unchanged.
    pub(in crate::sandbox) async fn resend_twilio(
        &self,
        sid: &str,
    ) -> Result<PhoneAnswer, SandboxError> {
        let underway = self.inner.in_flight.begin();
        let webhook = webhook(&self.state().twilio, sid)?;
        let parcel = webhook.parcel(sid);
        let answer = self.post_and_note(sid, "inbound", &parcel).await;
        self.note_answer(sid, &webhook, answer.as_ref().ok());
        drop(underway);
        answer.map(|answer| PhoneAnswer {
            sid: sid.to_owned(),
            status: answer.status,
            spoken: spoken_reply(&answer),
            content_type: answer.content_type,
            body: answer.body,
        })
    }

    /// Enters a message that reached us by a webhook which someone else posted, from that
    /// webhook's own pairs, so that the window and the phone page know of it.
    pub fn note_inbound_form(&self, params: Vec<(String, String)>) -> Result<(), SandboxError> {
        let value = |name: &str| {
            params
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let sid = value("MessageSid");
        if self.state().twilio.messages.get(&sid).is_some() {
            // A duplicate on purpose: the customer wrote only once.
            return Ok(());
        }
        let mut message = PhoneMessage::text(&value("From"), &value("To"), &value("Body"));
        message.sid = Some(sid).filter(|sid| !sid.is_empty());
        let (customer, business) = (address::bare(&message.from), address::bare(&message.to));
        let sid = self.enter_twilio(message)?;
        let mut state = self.state();
        if let Some(entered) = state.twilio.messages.get_mut(&sid) {
            entered.inbound = params;
        }
        state.threads.update(&customer, &business, &sid, |entry| {
            "received".clone_into(&mut entry.status);
        });
        Ok(())
    }

    /// Enters the message into everything that knows of messages, and answers its id.
    pub(in crate::sandbox) fn enter_twilio(
        &self,
        mut message: PhoneMessage,
    ) -> Result<String, SandboxError> {
        let customer = customer_of(&message)?;
        let business = address::bare(&message.to);
        let now_ms = self.now_ms();
        let plain =
            matches!(message.content, PhoneContent::Text { .. } | PhoneContent::Location { .. });
        let prefix = if plain { "SM" } else { "MM" };
        let sid = message.sid.take().unwrap_or_else(|| self.new_sid(prefix));
        message.sid = Some(sid.clone());
        let media_sid = self.new_sid("ME");
        let state = &mut *self.state();
        let account_sid = state
            .twilio
            .accounts
            .owner_of(&business)
            .map(|account| account.account_sid.clone())
            .ok_or(SandboxError::UnknownNumber(business.clone()))?;
        message.account_sid.get_or_insert(account_sid.clone());
        store_media(&mut state.twilio.media, &mut message, &account_sid, media_sid)?;
        let told = Told { sid: sid.clone(), customer, business };
        state.enter_thread(&message, &told, now_ms);
        let entered = Message {
            sid: sid.clone(),
            account_sid,
            direction: Direction::In,
            business: told.business,
            customer: told.customer,
            body: message.content.body(),
            media_count: usize::from(message.content.media().is_some()),
            status: "received".to_owned(),
            error_code: None,
            created_ms: now_ms,
            updated_ms: now_ms,
            sent_ms: Some(now_ms),
            status_callback: None,
            inbound: inbound_form(&message),
        };
        state.twilio.messages.insert(&sid, entered);
        Ok(sid)
    }

    fn note_answer(&self, sid: &str, webhook: &Webhook, answer: Option<&PostAnswer>) {
        let at_ms = self.now_ms();
        let status = answer.map(|answer| answer.status);
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        let state = &mut *self.state();
        let (customer, business) = (&webhook.customer, &webhook.business);
        state.threads.update(customer, business, sid, |entry| {
            entry.webhook_status = status;
            let status = if taken { "received" } else { "refused" };
            status.clone_into(&mut entry.status);
        });
        let spoken = answer.and_then(spoken_reply);
        if let Some(text) = spoken {
            let entry = ThreadEntry {
                sid: format!("reply-to-{sid}"),
                direction: Direction::Out,
                kind: "webhook_answer".to_owned(),
                text,
                at_ms,
                status: "sent".to_owned(),
                error_code: None,
                webhook_status: None,
            };
            state.threads.push(customer, business, entry);
        }
    }
}

fn webhook(twilio: &TwilioState, sid: &str) -> Result<Webhook, SandboxError> {
    let message = twilio
        .messages
        .get(sid)
        .filter(|message| message.direction == Direction::In)
        .ok_or_else(|| SandboxError::UnknownMessage(sid.to_owned()))?;
    let account = twilio
        .accounts
        .get(&message.account_sid)
        .ok_or_else(|| SandboxError::UnknownNumber(message.business.clone()))?;
    let url = account
        .inbound_url
        .clone()
        .ok_or_else(|| SandboxError::NoInboundUrl(message.business.clone()))?;
    Ok(Webhook {
        url,
        auth_token: account.auth_token.clone(),
        params: message.inbound.clone(),
        business: message.business.clone(),
        customer: message.customer.clone(),
    })
}

/// Keeps the file of a message that names no address for it, and names one.
fn store_media(
    store: &mut MediaStore,
    message: &mut PhoneMessage,
    account_sid: &str,
    media_sid: String,
) -> Result<(), SandboxError> {
    let usual = message.content.usual_content_type();
    let message_sid = message.sid.clone().unwrap_or_default();
    let Some(media) = message.content.media_mut() else {
        return Ok(());
    };
    if media.url.is_some() {
        return Ok(());
    }
    let bytes = bytes_of(media)?;
    media.url = Some(store.url(account_sid, &message_sid, &media_sid));
    store.put(StoredMedia {
        media_sid,
        account_sid: account_sid.to_owned(),
        content_type: media.content_type.clone().unwrap_or(usual.to_owned()),
        bytes,
    });
    Ok(())
}

/// A refused webhook says nothing to the customer.
fn spoken_reply(answer: &PostAnswer) -> Option<String> {
    (200..300)
        .contains(&answer.status)
        .then(|| spoken(&answer.content_type, &answer.body))
        .flatten()
}

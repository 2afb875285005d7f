//! Status callbacks: what is reported after a send, and how it looks on the wire.

use super::messages::{Message, failure_text};
use super::sign::sign_twilio;
use super::{API_VERSION, TwilioState};
use crate::sandbox::post::{SignedForm, without_fragment};
use crate::sandbox::{AutoStatus, Direction, PostedWebhook, Sandbox, SandboxError, push_bounded};

/// The digits of the recipient that a callback hides.
const MASKED_DIGITS: usize = 4;

/// One status to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    status: &'static str,
    error_code: Option<u32>,
}

/// One callback, ready to post.
struct Callback {
    url: String,
    params: Vec<(String, String)>,
    signature: String,
}

/// What is reported by itself about a message that WhatsApp refuses late with `refusal`, or
/// delivers. The true one never reports the status that its 201 already told.
pub(super) fn planned(
    autostatus: AutoStatus,
    read_receipts: bool,
    refusal: Option<u32>,
) -> Vec<Report> {
    let report = |status| Report { status, error_code: None };
    match (autostatus, refusal) {
        (AutoStatus::None, _) | (AutoStatus::Manual, None) => Vec::new(),
        (AutoStatus::Full | AutoStatus::Manual, Some(code)) => {
            vec![Report { status: "undelivered", error_code: Some(code) }]
        }
        (AutoStatus::Full, None) if read_receipts => {
            vec![report("sent"), report("delivered"), report("read")]
        }
        (AutoStatus::Full, None) => vec![report("sent"), report("delivered")],
    }
}

/// Posts the reports one after the other, beside the answer. They are under way when this
/// returns, so that `settle` cannot miss them.
pub(super) fn spawn(sandbox: &Sandbox, sid: String, reports: Vec<Report>) {
    if reports.is_empty() {
        return;
    }
    let underway = sandbox.inner.in_flight.begin();
    let sandbox = sandbox.clone();
    tokio::spawn(async move {
        for report in reports {
            // A callback that nothing takes stands in the journal of webhooks; the next is
            // posted all the same, as the true one does.
            let _ = sandbox.post_status(&sid, report.status, report.error_code).await;
        }
        drop(underway);
    });
}

impl Sandbox {
    /// Reports a status of a message that was sent, and waits for our answer: its HTTP status,
    /// or `None` if the message has no status callback. Any status may be reported, in any
    /// order and again; look-ups and the phone only ever step forward.
    pub async fn post_status(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Result<Option<u16>, SandboxError> {
        let underway = self.inner.in_flight.begin();
        let callback = self.advance(sid, status, error_code)?;
        let Some(callback) = callback else {
            return Ok(None);
        };
        let form = SignedForm {
            url: without_fragment(&callback.url),
            params: &callback.params,
            headers: vec![
                ("x-twilio-signature", callback.signature),
                ("i-twilio-idempotency-token", self.new_sid("")),
            ],
        };
        let answer = self.post(&form).await;
        let posted = PostedWebhook {
            at_ms: self.now_ms(),
            sid: sid.to_owned(),
            what: status.to_owned(),
            url: form.url.to_owned(),
            answered: answer.as_ref().ok().map(|answer| answer.status),
        };
        push_bounded(&mut self.state().webhooks, posted);
        drop(underway);
        answer.map(|answer| Some(answer.status)).map_err(|cause| SandboxError::NotReached {
            sid: sid.to_owned(),
            url: callback.url.clone(),
            cause,
        })
    }

    /// The customer looks at the thread: every delivered message in it is reported as read.
    pub(in crate::sandbox) async fn read_thread(&self, customer: &str, business: &str) {
        let unread = self.state().threads.unread(customer, business);
        for sid in unread {
            let _ = self.post_status(&sid, "read", None).await;
        }
    }

    fn advance(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Result<Option<Callback>, SandboxError> {
        let now_ms = self.now_ms();
        let state = &mut *self.state();
        let message = state
            .twilio
            .messages
            .get_mut(sid)
            .filter(|message| message.direction == Direction::Out)
            .ok_or_else(|| SandboxError::UnknownMessage(sid.to_owned()))?;
        message.advance(status, error_code, now_ms);
        let message = message.clone();
        state.threads.update(&message.customer, &message.business, sid, |entry| {
            entry.status.clone_from(&message.status);
            entry.error_code = message.error_code;
        });
        Ok(callback(&state.twilio, &message, status, error_code))
    }
}

fn callback(
    twilio: &TwilioState,
    message: &Message,
    status: &str,
    error_code: Option<u32>,
) -> Option<Callback> {
    let url = message.status_callback.clone()?;
    let account = twilio.accounts.get(&message.account_sid)?;
    let params = callback_form(message, status, error_code);
    let signature = sign_twilio(&account.auth_token, without_fragment(&url), &params);
    Some(Callback { url, params, signature })
}

fn callback_form(
    message: &Message,
    status: &str,
    error_code: Option<u32>,
) -> Vec<(String, String)> {
    let mut params = Vec::new();
    let mut add = |key: &str, value: &str| params.push((key.to_owned(), value.to_owned()));
    add("ChannelPrefix", "whatsapp");
    add("ApiVersion", API_VERSION);
    add("MessageStatus", status);
    add("SmsStatus", status);
    add("SmsSid", &message.sid);
    add("MessageSid", &message.sid);
    add("AccountSid", &message.account_sid);
    add("From", &message.wire_from());
    add("To", &message.wire_to());
    add("ChannelToAddress", &masked(&message.customer));
    add("ChannelInstallSid", &install_sid(&message.account_sid));
    add("StructuredMessage", "false");
    // Sending has no event type of its own.
    let event_type = match status {
        "delivered" | "read" | "undelivered" => Some(status.to_uppercase()),
        _ => None,
    };
    if let Some(event_type) = event_type {
        add("EventType", &event_type);
    }
    if let Some(code) = error_code {
        add("ErrorCode", &code.to_string());
        add("ErrorMessage", failure_text(code));
        add("ChannelStatusMessage", failure_text(code));
    }
    params
}

/// `+91987654XXXX`: an address without its last digits.
fn masked(customer: &str) -> String {
    let chars = customer.chars().count();
    let shown = chars.saturating_sub(MASKED_DIGITS);
    let hidden = "X".repeat(chars.min(MASKED_DIGITS));
    customer.chars().take(shown).chain(hidden.chars()).collect()
}

/// The channel's installation: one for each account, and it never changes.
fn install_sid(account_sid: &str) -> String {
    account_sid.replacen("AC", "XE", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_masked() {
        assert_eq!(masked("+919876543210"), "+91987654XXXX");
        assert_eq!(masked("+1"), "XX");
    }

    #[test]
    fn each_mode_reports_its_own() {
        let statuses = |mode, refusal| -> Vec<&str> {
            planned(mode, false, refusal).iter().map(|report| report.status).collect()
        };
        assert_eq!(statuses(AutoStatus::Full, None), ["sent", "delivered"]);
        assert_eq!(statuses(AutoStatus::Full, Some(63016)), ["undelivered"]);
        assert_eq!(statuses(AutoStatus::Manual, Some(63016)), ["undelivered"]);
        assert!(statuses(AutoStatus::Manual, None).is_empty());
        assert!(statuses(AutoStatus::None, Some(63016)).is_empty());
    }
}

//! Status callbacks: what is reported after a send, and how it looks on the wire.

use super::messages::{Message, failure_text};
use super::sign::sign_twilio;
use super::{API_VERSION, TwilioState};
use crate::sandbox::post::{Parcel, without_fragment};
use crate::sandbox::{Direction, Sandbox, SandboxError};

/// The digits of the recipient that a callback hides.
const MASKED_DIGITS: usize = 4;

impl Sandbox {
    /// Steps the message forward and answers the callback that tells of it, if one is wanted.
    pub(in crate::sandbox) fn advance_twilio(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Result<Option<Parcel>, SandboxError> {
        let now_ms = self.now_ms();
        let token = self.new_sid("");
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
        Ok(callback(&state.twilio, &message, status, error_code, token))
    }
}

fn callback(
    twilio: &TwilioState,
    message: &Message,
    status: &str,
    error_code: Option<u32>,
    token: String,
) -> Option<Parcel> {
    let url = without_fragment(message.status_callback.as_deref()?);
    let account = twilio.accounts.get(&message.account_sid)?;
    let params = callback_form(message, status, error_code);
    let signature = sign_twilio(&account.auth_token, url, &params);
    let headers = vec![("x-twilio-signature", signature), ("i-twilio-idempotency-token", token)];
    Some(Parcel::form(url, &params, headers))
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
}

//! Every code of Gupshup's own, in one table: whom it concerns, what it means and what a person
//! can do about it. Codes of Meta's pass through Gupshup unchanged and are explained there.
//!
//! `Concern::Account` stops a whole sender, so it is given only where no message at all can
//! get through; trouble that passes by itself is `Concern::Pace`.

use crate::{Concern, Explanation, UNKNOWN_CODE};

/// The code of a failure that was told without one.
pub(super) const UNTOLD: &str = "unknown";
/// Ours for `Authentication Failed`.
pub(super) const AUTHENTICATION_FAILED: &str = "authentication_failed";
/// Ours for `Too Many Requests`.
pub(super) const TOO_MANY_REQUESTS: &str = "too_many_requests";
const INVALID_APP_DETAILS: &str = "invalid_app_details";
const INVALID_DESTINATION: &str = "invalid_destination";
/// The longest text that is taken for a code, in characters.
const CODE_CHARS_MAX: usize = 32;

const RETRYABLE: bool = true;
const FINAL: bool = false;

/// The number opted out, in the checks that Gupshup made of old.
pub(crate) const OPTED_OUT: &str = "1012";

/// Every known code with its explanation. Texts in place of numbers are ours, for failures that
/// Gupshup gave no number.
pub const KNOWN_CODES: &[(&str, Explanation)] = &[
    // Gupshup's own
    (
        "470",
        row(
            Concern::Window,
            FINAL,
            "more than 24 hours have passed since the customer last wrote",
            "Send an approved template; the customer's answer opens the window again.",
        ),
    ),
    (
        "471",
        row(
            Concern::Pace,
            RETRYABLE,
            "the sender reached WhatsApp's limit against spam",
            "Wait before sending more, and write to those customers only who expect it.",
        ),
    ),
    (
        "500",
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider had an internal error and did not deliver the message",
            "Wait; the message may be sent again.",
        ),
    ),
    (
        "1001",
        row(
            Concern::User,
            FINAL,
            "the recipient last used another app of the provider's sandbox",
            "Let the customer write to this app first, or leave the sandbox.",
        ),
    ),
    (
        "1002",
        row(
            Concern::User,
            FINAL,
            "the recipient's number is not on WhatsApp",
            "Correct the customer's number, or reach the customer in another way.",
        ),
    ),
    (
        "1003",
        row(
            Concern::Balance,
            FINAL,
            "the balance of the provider's wallet is too low",
            "Recharge the wallet at the provider; sends go on once it has a balance.",
        ),
    ),
    (
        "1004",
        row(
            Concern::Window,
            FINAL,
            "the customer's window is closed and the provider has templates disabled",
            "Enable templates for the app at the provider, and send an approved template.",
        ),
    ),
    (
        "1005",
        row(
            Concern::Window,
            FINAL,
            "the customer's window is closed and the message matches no template",
            "Send an approved template; the customer's answer opens the window again.",
        ),
    ),
    (
        "1006",
        row(
            Concern::User,
            FINAL,
            "the recipient has not opted in at the provider",
            "Obtain the customer's consent and record it before writing again.",
        ),
    ),
    (
        "1007",
        row(
            Concern::User,
            FINAL,
            "the recipient has not opted in at the provider",
            "Obtain the customer's consent and record it before writing again.",
        ),
    ),
    (
        "1008",
        row(
            Concern::User,
            FINAL,
            "the recipient has not opted in at the provider",
            "Obtain the customer's consent and record it before writing again.",
        ),
    ),
    (
        "1009",
        row(
            Concern::Content,
            FINAL,
            "the request lacks a required parameter",
            "Report the message to whoever runs this service: it was written wrongly.",
        ),
    ),
    (
        "1010",
        row(
            Concern::Content,
            FINAL,
            "the address of the media is not valid",
            "Give the media a public https address.",
        ),
    ),
    (
        "1011",
        row(
            Concern::Content,
            FINAL,
            "the size of the media is not allowed",
            "Send a smaller file, or a link to it.",
        ),
    ),
    (
        "1012",
        row(
            Concern::User,
            FINAL,
            "the recipient has opted out at the provider",
            "Record the opt-out and do not write until the customer consents again.",
        ),
    ),
    (
        "1013",
        row(
            Concern::User,
            FINAL,
            "the provider says that the recipient is not a valid user",
            "Correct the customer's number, or reach the customer in another way.",
        ),
    ),
    (
        "4001",
        row(
            Concern::Pace,
            RETRYABLE,
            "the account's requests came faster than the provider allows",
            "Stop sending for a while, lower the sender's rate, and ask the provider if it stays.",
        ),
    ),
    (
        "4002",
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider received an answer from WhatsApp that it could not read",
            "Wait; the message may be sent again a few times.",
        ),
    ),
    (
        "4003",
        row(
            Concern::Content,
            FINAL,
            "the template does not match any that the provider knows",
            "Compare the template's id and its number of values with the provider's list of templates.",
        ),
    ),
    (
        "4004",
        row(
            Concern::Content,
            FINAL,
            "the app is not on the Cloud API, which this kind of message needs",
            "Move the app to the Cloud API at the provider, or send another kind of message.",
        ),
    ),
    (
        "4005",
        row(
            Concern::Content,
            FINAL,
            "WhatsApp has paused the template",
            "Use another template until this one is approved again, and improve its text.",
        ),
    ),
    // Ours, for what the answer to a send says without a number
    (
        AUTHENTICATION_FAILED,
        row(
            Concern::Account,
            FINAL,
            "the provider did not accept the account's credentials",
            "Store the account's current API key; sends go on once it is accepted.",
        ),
    ),
    (
        INVALID_APP_DETAILS,
        row(
            Concern::Account,
            FINAL,
            "the provider does not know the app, or the number is not the app's",
            "Check the account's app name and the sender's number against the provider's list of apps.",
        ),
    ),
    (
        INVALID_DESTINATION,
        row(
            Concern::User,
            FINAL,
            "the recipient's number is not valid",
            "Correct the customer's number.",
        ),
    ),
    (
        TOO_MANY_REQUESTS,
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider received too many requests and did not process this one",
            "Wait; the message may be sent again without risk.",
        ),
    ),
    // Ours, where there was no answer or no code
    (
        "timeout",
        row(
            Concern::Outcome,
            FINAL,
            "the provider did not answer in time and may or may not have the message",
            "Look in the provider's message log before sending again: the customer may already have it.",
        ),
    ),
    (
        "connection_lost",
        row(
            Concern::Outcome,
            FINAL,
            "the connection broke before the provider answered, so it may or may not have the message",
            "Look in the provider's message log before sending again: the customer may already have it.",
        ),
    ),
    (
        UNTOLD,
        row(
            Concern::User,
            FINAL,
            "the provider reported a failure and gave no code",
            "Look the message up in the provider's log before sending again.",
        ),
    ),
];

/// An HTTP status that tells that the request was refused, without Gupshup's own words for it.
const HTTP_REFUSED: Explanation = row(
    Concern::User,
    FINAL,
    "the provider's address refused the request without one of the provider's codes",
    "Check the account's API address and what stands between the service and the provider.",
);
/// An HTTP status that leaves open what happened.
const HTTP_OPEN: Explanation = row(
    Concern::Outcome,
    FINAL,
    "the provider's answer does not tell whether it has the message",
    "Look in the provider's message log before sending again: the customer may already have it.",
);

/// Explains a code: Gupshup's numbers, ours of [`KNOWN_CODES`], `http_<status>`, and Meta's
/// numbers. Total: any other text is [`UNKNOWN_CODE`].
#[must_use]
pub fn explain(code: &str) -> Explanation {
    if let Some(status) = code.strip_prefix("http_") {
        return http(status);
    }
    KNOWN_CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or_else(|| of_meta(code), |(_, explanation)| *explanation)
}

fn of_meta(code: &str) -> Explanation {
    let is_number = !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit());
    if is_number { crate::meta::explain(code) } else { UNKNOWN_CODE }
}

/// A text from outside as a code that may be stored and shown; `None` when it is none. `0` is
/// no code.
pub(super) fn written(text: &str) -> Option<String> {
    let fits = text != "0"
        && !text.is_empty()
        && text.len() <= CODE_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fits.then(|| text.to_owned())
}

/// Our code for one of the few texts that the documents name for a refused send.
pub(super) fn of_text(message: &str) -> Option<&'static str> {
    let known = [
        ("Authentication Failed", AUTHENTICATION_FAILED),
        ("Invalid App Details", INVALID_APP_DETAILS),
        ("Invalid Destination", INVALID_DESTINATION),
        ("Too Many Requests", TOO_MANY_REQUESTS),
    ];
    known.iter().find(|(text, _)| text.eq_ignore_ascii_case(message.trim())).map(|(_, code)| *code)
}

fn http(status: &str) -> Explanation {
    match status.parse::<u16>() {
        Ok(408) => HTTP_OPEN,
        Ok(429) => explain(TOO_MANY_REQUESTS),
        Ok(400..=499) => HTTP_REFUSED,
        Ok(100..=599) => HTTP_OPEN,
        Ok(_) | Err(_) => UNKNOWN_CODE,
    }
}

const fn row(
    concern: Concern,
    retryable: bool,
    meaning: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation { concern, meaning, retryable, remedy }
}

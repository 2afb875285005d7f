//! What Gupshup's answer to a send means. It tells only that the request was taken: all that
//! concerns the recipient comes later, as a `failed` event. When in doubt the outcome is
//! unknown, because Gupshup has no idempotency key.

use super::codes::{self, explain};
use super::json;
use crate::{Answer, Concern};
use serde_json::Value;
use transom_core::time::Millis;

/// The largest answer that is read, in bytes. Gupshup's are below 4 KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest wait that is believed, in seconds: a day.
const RETRY_AFTER_SECONDS_MAX: i64 = 86_400;

/// Reads the answer to a send.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let body: Value = Some(body)
        .filter(|bytes| bytes.len() <= ANSWER_BYTES_MAX)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    match status {
        200..=299 => taken(status, retry_after, &body),
        429 => throttled(retry_after, code(&body)),
        408 => unknown(status, &body),
        400..=499 => refused(status, retry_after, &body),
        _ => unknown(status, &body),
    }
}

/// A success says `submitted`, or on one page `success`; what it must have is the message's id,
/// and it must not say `error`.
fn taken(status: u16, retry_after: Option<&str>, body: &Value) -> Answer {
    if json::text(body, "status").is_some_and(|s| s.eq_ignore_ascii_case("error")) {
        return refused(status, retry_after, body);
    }
    match json::text(body, "messageId") {
        Some(provider_message_id) => Answer::Accepted { provider_message_id, wa_id: None },
        None => Answer::Unknown { code: http(status) },
    }
}

fn refused(status: u16, retry_after: Option<&str>, body: &Value) -> Answer {
    let code = code(body).unwrap_or_else(|| match status {
        401 | 403 => codes::AUTHENTICATION_FAILED.to_owned(),
        200..=299 => codes::UNTOLD.to_owned(),
        _ => http(status),
    });
    match explain(&code).concern {
        Concern::Pace => throttled(retry_after, Some(code)),
        Concern::Outcome => Answer::Unknown { code },
        Concern::User
        | Concern::Account
        | Concern::Balance
        | Concern::Content
        | Concern::Window => Answer::Refused { code },
    }
}

/// The code, where the answer has one, else ours for a text that the documents name: answers to
/// sends are documented with texts alone.
fn code(body: &Value) -> Option<String> {
    let told = json::text(body, "code").and_then(|code| codes::written(&code));
    told.or_else(|| codes::of_text(&json::text(body, "message")?).map(str::to_owned))
}

/// The answer's code is kept when it too speaks of the pace.
fn throttled(retry_after: Option<&str>, code: Option<String>) -> Answer {
    let after = retry_after
        .and_then(|text| text.trim().parse::<u32>().ok())
        .map(|seconds| Millis::from_seconds(i64::from(seconds).min(RETRY_AFTER_SECONDS_MAX)));
    let code = code
        .filter(|code| explain(code).concern == Concern::Pace)
        .unwrap_or_else(|| codes::TOO_MANY_REQUESTS.to_owned());
    Answer::Throttled { after, code }
}

/// The answer's code is kept when it too speaks of an unknown outcome.
fn unknown(status: u16, body: &Value) -> Answer {
    let code = code(body)
        .filter(|code| explain(code).concern == Concern::Outcome)
        .unwrap_or_else(|| http(status));
    Answer::Unknown { code }
}

fn http(status: u16) -> String {
    format!("http_{status}")
}

//! What Meta's answer to a send means. Its code decides, not the HTTP status; where there is
//! none and in doubt, the outcome is unknown, because Meta has no idempotency key. A status
//! that carries our reference settles such a doubt later.

use super::codes::{explain, is_written_as_code};
use crate::{Answer, Concern, UNKNOWN_CODE};
use serde_json::Value;
use transom_core::time::Millis;

/// The largest answer that is read, in bytes. Meta's are below 4 KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest wait that Meta is believed, in seconds: its longest limits move with the day.
const RETRY_AFTER_SECONDS_MAX: i64 = 86_400;
/// Waits that Meta documents where it sends no header, in seconds: one message to a user every
/// six seconds, and a number's upgrade of at most a minute.
const WAITS: &[(&str, i64)] = &[("131056", 6), ("131057", 60)];
/// Codes that say "an unknown error" and no more. With a status of 5xx they leave the outcome
/// open.
const DOUBTFUL: &[&str] = &["1", "131000"];
const TOKEN_REFUSED: &str = "190";
const PERMISSION_REFUSED: &str = "10";

/// Reads the answer to a send.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let body = Some(body)
        .filter(|bytes| bytes.len() <= ANSWER_BYTES_MAX)
        .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
        .unwrap_or(Value::Null);
    let code = body.get("error").and_then(|error| super::json::scalar(error, "code"));
    let code = code.filter(|code| is_written_as_code(code));
    match (status, code) {
        (200..=299, _) => taken(status, &body),
        (408, _) => unknown(status),
        (400..=599, Some(code)) => refused(status, retry_after, code),
        (401, None) => Answer::Refused { code: TOKEN_REFUSED.to_owned() },
        (403, None) => Answer::Refused { code: PERMISSION_REFUSED.to_owned() },
        (429, None) => throttled(retry_after, http(status)),
        (400..=499, None) => Answer::Refused { code: http(status) },
        (_, _) => unknown(status),
    }
}

/// A success needs the message's id: without one no status could ever be matched to it. Also a
/// template that is held back for its quality has one, and a status follows.
fn taken(status: u16, body: &Value) -> Answer {
    let first = |list| body.get(list).and_then(|of: &Value| of.get(0));
    let id = first("messages").and_then(|message| super::json::owned(message, "id"));
    let Some(provider_message_id) = id else {
        return unknown(status);
    };
    let wa_id = first("contacts").and_then(|contact| {
        let input = super::json::text(contact, "input").unwrap_or_default();
        super::json::scalar(contact, "wa_id").filter(|wa_id| digits(wa_id) != digits(input))
    });
    Answer::Accepted { provider_message_id, wa_id }
}

fn refused(status: u16, retry_after: Option<&str>, code: String) -> Answer {
    let told = explain(&code);
    if status >= 500 && (told == UNKNOWN_CODE || DOUBTFUL.contains(&code.as_str())) {
        return unknown(status);
    }
    if status == 429 && told.concern != Concern::Pace {
        return throttled(retry_after, http(status));
    }
    match told.concern {
        Concern::Pace => throttled(retry_after, code),
        Concern::Outcome => Answer::Unknown { code },
        Concern::User
        | Concern::Account
        | Concern::Balance
        | Concern::Content
        | Concern::Window => Answer::Refused { code },
    }
}

fn throttled(retry_after: Option<&str>, code: String) -> Answer {
    let documented = || WAITS.iter().find(|(known, _)| *known == code).map(|(_, wait)| *wait);
    let after = retry_after
        .and_then(|text| text.trim().parse::<u32>().ok())
        .map(|seconds| i64::from(seconds).min(RETRY_AFTER_SECONDS_MAX))
        .or_else(documented)
        .map(Millis::from_seconds);
    Answer::Throttled { after, code }
}

fn digits(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

fn unknown(status: u16) -> Answer {
    Answer::Unknown { code: http(status) }
}

fn http(status: u16) -> String {
    format!("http_{status}")
}

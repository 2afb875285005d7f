//! What Twilio's answer to a send means. When in doubt the outcome is unknown, because Twilio
//! has no idempotency key: a send that is repeated in doubt may reach the customer twice.

use super::codes::{UNTOLD, explain, is_written_as_code};
use crate::{Answer, Concern};
use serde::Deserialize;
use transom_core::time::Millis;

/// The largest answer that is read, in bytes. Twilio's are below 4 KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The longest wait that Twilio is believed, in seconds: its queues hold no longer than a day.
const RETRY_AFTER_SECONDS_MAX: i64 = 86_400;
const AUTHENTICATION_FAILED: &str = "20003";
const TOO_MANY_REQUESTS: &str = "20429";

/// The fields of an answer that decide; all others are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    sid: Option<String>,
    status: Option<Scalar>,
    code: Option<Scalar>,
    error_code: Option<Scalar>,
}

/// A value that is a number in one place and a text in another: `status` is `"queued"` in a
/// success and `400` in a refusal.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(u32),
    Text(String),
}

impl Scalar {
    fn into_code(self) -> Option<String> {
        match self {
            Self::Number(0) => None,
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => is_written_as_code(&text).then_some(text),
        }
    }
}

/// Reads the answer to a send.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    let body: Body = Some(body)
        .filter(|bytes| bytes.len() <= ANSWER_BYTES_MAX)
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    match status {
        200..=299 => taken(status, body),
        429 => throttled(retry_after, body.code.and_then(Scalar::into_code)),
        408 => unknown(status, body),
        400..=499 => refused(status, retry_after, body),
        _ => unknown(status, body),
    }
}

/// A success needs the message's SID: without one no status could ever be matched to it.
fn taken(status: u16, body: Body) -> Answer {
    let Some(sid) = body.sid.filter(|sid| !sid.is_empty()) else {
        return Answer::Unknown { code: http(status) };
    };
    // No callback follows for the status that the answer itself tells, so a failure told here
    // would be told nowhere else.
    if matches!(&body.status, Some(Scalar::Text(text)) if text == "failed") {
        let code = body.error_code.and_then(Scalar::into_code).unwrap_or_else(|| UNTOLD.to_owned());
        return Answer::Refused { code };
    }
    Answer::Accepted { provider_message_id: sid, wa_id: None }
}

fn refused(status: u16, retry_after: Option<&str>, body: Body) -> Answer {
    let code = body.code.and_then(Scalar::into_code).unwrap_or_else(|| match status {
        401 | 403 => AUTHENTICATION_FAILED.to_owned(),
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

/// The body's code is kept when it too speaks of the pace.
fn throttled(retry_after: Option<&str>, code: Option<String>) -> Answer {
    let after = retry_after
        .and_then(|text| text.trim().parse::<u32>().ok())
        .map(|seconds| Millis::from_seconds(i64::from(seconds).min(RETRY_AFTER_SECONDS_MAX)));
    let code = code
        .filter(|code| explain(code).concern == Concern::Pace)
        .unwrap_or_else(|| TOO_MANY_REQUESTS.to_owned());
    Answer::Throttled { after, code }
}

/// The body's code is kept when it too speaks of an unknown outcome.
fn unknown(status: u16, body: Body) -> Answer {
    let code = body
        .code
        .and_then(Scalar::into_code)
        .filter(|code| explain(code).concern == Concern::Outcome)
        .unwrap_or_else(|| http(status));
    Answer::Unknown { code }
}

fn http(status: u16) -> String {
    format!("http_{status}")
}

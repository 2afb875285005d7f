//! Every code of Meta's that this build knows, in one table: whom it concerns, what it means
//! and what a person can do about it.
//!
//! `Concern::Account` stops a whole sender, so it is given only where no message at all can
//! get through; trouble inside WhatsApp that passes by itself is `Concern::Pace`.

use super::explanations as told;
use crate::{Explanation, UNKNOWN_CODE};
use std::ops::RangeInclusive;

/// The code of a failure that was told without one.
pub(super) const UNTOLD: &str = "unknown";
/// The longest text that is taken for a code, in characters.
const CODE_CHARS_MAX: usize = 32;

/// The user stopped what this business sends him.
pub(crate) const OPTED_OUT: &str = "131050";

/// Every known code with its explanation. Texts in place of numbers are ours, for failures that
/// Meta gave no number. Codes that Meta documents as a range stand in no row: see [`explain`].
pub const KNOWN_CODES: &[(&str, Explanation)] = &[
    // The Graph API
    ("0", told::TOKEN),
    ("1", told::UNKNOWN_ERROR),
    ("2", told::UNAVAILABLE),
    ("3", told::PERMISSION),
    ("4", told::APP_RATE),
    ("10", told::PERMISSION),
    ("33", told::NUMBER_GONE),
    ("100", told::PARAMETER),
    ("190", told::TOKEN),
    ("368", told::POLICY_BLOCK),
    ("80007", told::ACCOUNT_RATE),
    // Sending and delivery
    ("470", told::WINDOW),
    ("130429", told::THROUGHPUT),
    ("130472", told::EXPERIMENT),
    ("130497", told::COUNTRY),
    ("131000", told::UNKNOWN_ERROR),
    ("131005", told::PERMISSION),
    ("131008", told::PARAMETER),
    ("131009", told::PARAMETER),
    ("131016", told::UNAVAILABLE),
    ("131021", told::TO_ITSELF),
    ("131026", told::UNDELIVERABLE),
    ("131030", told::NOT_ALLOWED),
    ("131031", told::LOCKED),
    ("131037", told::DISPLAY_NAME),
    ("131042", told::PAYMENT),
    ("131045", told::CERTIFICATE),
    ("131047", told::WINDOW),
    ("131048", told::SPAM_RATE),
    ("131049", told::HELD_BACK),
    ("131050", told::STOPPED),
    ("131051", told::KIND),
    ("131052", told::MEDIA_IN),
    ("131053", told::MEDIA_OUT),
    ("131055", told::METHOD),
    ("131056", told::PAIR_RATE),
    ("131057", told::MAINTENANCE),
    ("131059", told::GROUP),
    ("131062", told::NEEDS_PHONE),
    ("131063", told::METHOD),
    ("131064", told::LIMIT_LOWERED),
    // Templates and flows
    ("132000", told::VARIABLES),
    ("132001", told::NO_TEMPLATE),
    ("132005", told::TEMPLATE_LONG),
    ("132007", told::TEMPLATE_POLICY),
    ("132008", told::VARIABLES),
    ("132012", told::VARIABLES),
    ("132015", told::TEMPLATE_PAUSED),
    ("132016", told::TEMPLATE_DISABLED),
    ("132068", told::FLOW_BLOCKED),
    ("132069", told::FLOW_THROTTLED),
    // The number's registration, and the rest
    ("133004", told::UNAVAILABLE),
    ("133010", told::NOT_REGISTERED),
    ("133016", told::REGISTER_RATE),
    ("134011", told::PAYMENT_TERMS),
    ("134100", told::METHOD),
    ("134101", told::METHOD),
    ("134102", told::METHOD),
    ("135000", told::PARAMETER),
    ("137000", told::IDENTITY),
    // Our own, where Meta gave none
    ("timeout", told::TIMEOUT),
    ("connection_lost", told::CONNECTION_LOST),
    (UNTOLD, told::UNTOLD),
];

/// What Meta documents as a whole range.
const KNOWN_RANGES: &[(RangeInclusive<u32>, Explanation)] = &[
    (200..=299, told::PERMISSION),
    (131_200..=131_299, told::GROUP),
    (133_000..=133_015, told::REGISTRATION),
];

/// Explains a code: Meta's numbers, our `timeout`, `connection_lost` and `unknown`, and
/// `http_<status>`. Total: any other text is [`UNKNOWN_CODE`].
#[must_use]
pub fn explain(code: &str) -> Explanation {
    if let Some(status) = code.strip_prefix("http_") {
        return http(status);
    }
    let known = KNOWN_CODES.iter().find(|(known, _)| *known == code);
    known.map(|(_, explanation)| *explanation).or_else(|| in_range(code)).unwrap_or(UNKNOWN_CODE)
}

/// Whether a text from outside may be stored and shown as a code.
pub(super) fn is_written_as_code(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= CODE_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn in_range(code: &str) -> Option<Explanation> {
    let number: u32 = code.parse().ok().filter(|number: &u32| number.to_string() == code)?;
    KNOWN_RANGES
        .iter()
        .find(|(range, _)| range.contains(&number))
        .map(|(_, explanation)| *explanation)
}

fn http(status: &str) -> Explanation {
    match status.parse::<u16>() {
        Ok(408) => told::HTTP_OPEN,
        Ok(429) => told::HTTP_RATE,
        Ok(400..=499) => told::HTTP_REFUSED,
        Ok(100..=599) => told::HTTP_OPEN,
        Ok(_) | Err(_) => UNKNOWN_CODE,
    }
}

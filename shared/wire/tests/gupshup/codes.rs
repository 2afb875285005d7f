//! Every code that matters has its explanation.

use std::collections::BTreeSet;
use transom_wire::gupshup::{KNOWN_CODES, explain};
use transom_wire::{Concern, UNKNOWN_CODE};

/// Every code of the provider notes, by whom it concerns.
const EXPECTED: &[(Concern, &[u32])] = &[
    (Concern::Balance, &[1003]),
    (Concern::User, &[1001, 1002, 1006, 1007, 1008, 1012, 1013]),
    (Concern::Content, &[1009, 1010, 1011, 4003, 4004, 4005]),
    (Concern::Pace, &[471, 500, 4001, 4002]),
    (Concern::Window, &[470, 1004, 1005]),
];

const OURS: &[(Concern, &[&str])] = &[
    (Concern::Account, &["authentication_failed", "invalid_app_details"]),
    (Concern::User, &["invalid_destination", "unknown"]),
    (Concern::Pace, &["too_many_requests", "http_429"]),
    (Concern::Outcome, &["timeout", "connection_lost", "http_408", "http_500", "http_503"]),
];

#[test]
fn f11_every_code_is_classified() {
    let mut seen = BTreeSet::new();
    let numbers =
        EXPECTED.iter().flat_map(|(c, codes)| codes.iter().map(move |n| (*c, n.to_string())));
    let texts = OURS.iter().flat_map(|(c, codes)| codes.iter().map(move |t| (*c, (*t).to_owned())));
    for (concern, code) in numbers.chain(texts) {
        let got = explain(&code);
        assert_eq!(got.concern, concern, "{code}");
        assert_ne!(got, UNKNOWN_CODE, "{code}");
        assert!(code.starts_with("http_") || seen.insert(code.clone()), "{code} twice");
    }
    let known: BTreeSet<String> = KNOWN_CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(known, seen);
    assert_eq!(known.len(), KNOWN_CODES.len(), "a code stands there twice");
}

#[test]
fn explanations_read_as_they_should() {
    for (code, told) in KNOWN_CODES {
        assert!(told.remedy.ends_with('.') && told.remedy.len() > 20, "{code}");
        assert!(!told.meaning.ends_with('.') && !told.meaning.is_empty(), "{code}");
        // Waiting helps where the pace is the trouble, and nowhere else.
        assert_eq!(told.retryable, told.concern == Concern::Pace, "{code}");
    }
}

/// Meta's codes pass through, and mean what they mean there.
#[test]
fn metas_codes_are_explained() {
    assert_eq!(explain("131047").concern, Concern::Window);
    assert_eq!(explain("131026").concern, Concern::User);
    assert_eq!(explain("131042").concern, Concern::Balance);
    for code in ["131056", "130472", "131049", "131050", "132015", "137000"] {
        assert_eq!(explain(code), transom_wire::meta::explain(code), "{code}");
        assert_ne!(explain(code), UNKNOWN_CODE, "{code}");
    }
}

#[test]
fn unknown_codes_have_the_stated_default() {
    for code in ["", "999999", "http_", "http_x", "http_0", "http_99999", "470 ", "🙂", "+470"] {
        assert_eq!(explain(code), UNKNOWN_CODE, "{code}");
    }
    assert_eq!(explain("http_404").concern, Concern::User);
}

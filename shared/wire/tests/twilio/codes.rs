//! Every code that matters has its explanation.

use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_wire::twilio::KNOWN_CODES;
use transom_wire::{Concern, UNKNOWN_CODE, explain};

/// Every code of the provider notes, by whom it concerns.
const EXPECTED: &[(Concern, &[u32])] = &[
    (
        Concern::Account,
        &[
            20003, 20404, 21212, 21606, 21609, 63001, 63007, 63020, 63022, 63051, 63112, 11200,
            11205, 11215,
        ],
    ),
    (Concern::User, &[21211, 21408, 21610, 63003, 63014, 63015, 63024, 63031, 63032, 63033, 63049]),
    (
        Concern::Content,
        &[
            21617, 21619, 21620, 21623, 21654, 21655, 21656, 63005, 63013, 63019, 63021, 63027,
            63028, 63029, 63030, 63034, 63037, 63040, 63041, 63062,
        ],
    ),
    (Concern::Pace, &[20429, 21611, 30001, 63009, 63010, 63012, 63017, 63018, 63023, 63026, 63038]),
    (Concern::Window, &[63016]),
    (Concern::Outcome, &[20500]),
];

#[test]
fn f11_every_code_is_classified() {
    let mut seen = BTreeSet::new();
    for (concern, codes) in EXPECTED {
        for code in *codes {
            let got = explain(Provider::Twilio, &code.to_string());
            assert_eq!(got.concern, *concern, "{code}");
            assert_ne!(got, UNKNOWN_CODE, "{code}");
            assert!(seen.insert(code.to_string()), "{code} twice");
        }
    }
    for ours in ["timeout", "connection_lost", "canceled", "unknown"] {
        seen.insert(ours.to_owned());
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
        // Waiting helps where the pace is the trouble, and never where the outcome is in doubt.
        match told.concern {
            Concern::Pace => assert!(told.retryable, "{code}"),
            Concern::Outcome | Concern::Account | Concern::Balance | Concern::Window => {
                assert!(!told.retryable, "{code}");
            }
            Concern::User | Concern::Content => {}
        }
    }
}

#[test]
fn only_passing_trouble_may_be_retried() {
    let retryable: Vec<&str> =
        KNOWN_CODES.iter().filter(|(_, e)| e.retryable).map(|(code, _)| *code).collect();
    let expected = [
        "20429", "21611", "30001", "63009", "63010", "63012", "63017", "63018", "63019", "63023",
        "63026", "63029", "63037", "63038", "canceled",
    ];
    assert_eq!(retryable, expected);
}

#[test]
fn codes_of_our_own_are_explained() {
    let concern = |code: &str| explain(Provider::Twilio, code).concern;
    for code in
        ["timeout", "connection_lost", "http_408", "http_500", "http_503", "http_201", "http_301"]
    {
        assert_eq!(concern(code), Concern::Outcome, "{code}");
    }
    assert_eq!(concern("http_429"), Concern::Pace);
    assert_eq!(concern("http_404"), Concern::User);
    assert_eq!(concern("canceled"), Concern::User);
}

#[test]
fn unknown_codes_have_the_stated_default() {
    for code in
        ["", "1", "63999", "http_", "http_x", "http_4xx", "http_0", "http_99999", "63016 ", "🙂"]
    {
        assert_eq!(explain(Provider::Twilio, code), UNKNOWN_CODE, "{code}");
    }
}

//! Every code that matters has its explanation.

use std::collections::BTreeSet;
use transom_wire::meta::{KNOWN_CODES, explain};
use transom_wire::{Concern, UNKNOWN_CODE};

/// Every code of the provider notes, by whom it concerns.
const EXPECTED: &[(Concern, &[u32])] = &[
    (Concern::Account, &[0, 3, 10, 33, 190, 368, 131005, 131031, 131037, 131045, 133010]),
    (Concern::Balance, &[131042]),
    (Concern::User, &[130472, 130497, 131021, 131026, 131030, 131049, 131050, 131062, 137000]),
    (
        Concern::Content,
        &[
            100, 131008, 131009, 131051, 131052, 131053, 131055, 131059, 131063, 132000, 132001,
            132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069, 134011, 134100, 134101,
            134102, 135000,
        ],
    ),
    (
        Concern::Pace,
        &[1, 2, 4, 80007, 130429, 131000, 131016, 131048, 131056, 131057, 131064, 133004, 133016],
    ),
    (Concern::Window, &[470, 131047]),
];

#[test]
fn f11_every_code_is_classified() {
    let mut seen = BTreeSet::new();
    for (concern, codes) in EXPECTED {
        for code in *codes {
            let got = explain(&code.to_string());
            assert_eq!(got.concern, *concern, "{code}");
            assert_ne!(got, UNKNOWN_CODE, "{code}");
            assert!(seen.insert(code.to_string()), "{code} twice");
        }
    }
    for ours in ["timeout", "connection_lost", "unknown"] {
        seen.insert(ours.to_owned());
    }
    let known: BTreeSet<String> = KNOWN_CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
    assert_eq!(known, seen);
    assert_eq!(known.len(), KNOWN_CODES.len(), "a code stands there twice");
}

#[test]
fn ranges_are_explained_as_wholes() {
    let all = |range: std::ops::RangeInclusive<u32>, concern| {
        for code in range {
            let got = explain(&code.to_string());
            assert_eq!(got.concern, concern, "{code}");
            assert!(!got.retryable, "{code}");
        }
    };
    all(200..=299, Concern::Account);
    all(131_200..=131_299, Concern::Content);
    all(133_000..=133_003, Concern::Account);
    all(133_005..=133_015, Concern::Account);
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
        "1", "2", "4", "80007", "130429", "131000", "131016", "131048", "131052", "131053",
        "131056", "131057", "131064", "133004", "133016",
    ];
    assert_eq!(retryable, expected);
}

#[test]
fn codes_of_our_own_are_explained() {
    let concern = |code: &str| explain(code).concern;
    for code in
        ["timeout", "connection_lost", "http_408", "http_500", "http_503", "http_200", "http_301"]
    {
        assert_eq!(concern(code), Concern::Outcome, "{code}");
    }
    assert_eq!(concern("http_429"), Concern::Pace);
    assert_eq!(concern("http_404"), Concern::User);
}

#[test]
fn unknown_codes_have_the_stated_default() {
    for code in [
        "",
        "5",
        "199",
        "300",
        "0200",
        "+250",
        "131199",
        "131300",
        "999999",
        "http_",
        "http_x",
        "http_4xx",
        "http_0",
        "http_99999",
        "131047 ",
        "🙂",
    ] {
        assert_eq!(explain(code), UNKNOWN_CODE, "{code}");
    }
}

//! Status callbacks.

use super::{Pairs, encode, fixture, parse, parse_at, with};
use transom_core::identity::{Phone, User};
use transom_core::message::FactKind;
use transom_wire::{Business, Item, StatusUpdate};

const REFERENCE: &str = "msg_abcdefghijklmnopqrstuvw2019aa0b1c2d30123456789ab.2";

fn status(fields: &Pairs) -> StatusUpdate {
    match parse_at(&format!("ref={REFERENCE}"), &encode(fields)).unwrap() {
        Item::Status(status) => status,
        other => panic!("not a status: {other:?}"),
    }
}

#[test]
fn a_status_names_its_message_and_parties() {
    let got = status(&fixture("status_delivered"));
    assert_eq!(got.reference.unwrap().to_string(), REFERENCE);
    assert_eq!(got.provider_message_id, "SM44444444444444444444444444444444");
    assert_eq!(got.business, Some(Business::Phone(Phone::parse("+14155238886").unwrap())));
    assert_eq!(got.user, Some(User::Phone(Phone::parse("+919876543210").unwrap())));
    assert_eq!((got.fact, got.at, got.code), (Some(FactKind::Delivered), None, None));
}

#[test]
fn f4_every_status_has_its_fact() {
    let cases = [
        ("accepted", None, None),
        ("scheduled", None, None),
        ("queued", None, None),
        ("sending", None, None),
        ("sent", Some(FactKind::Sent), None),
        ("delivered", Some(FactKind::Delivered), None),
        ("read", Some(FactKind::Read), None),
        ("undelivered", Some(FactKind::Failed), Some("63016")),
        ("failed", Some(FactKind::Failed), Some("63016")),
        ("canceled", Some(FactKind::Failed), Some("canceled")),
    ];
    for (name, fact, code) in cases {
        let fields = with(fixture("status_undelivered"), "MessageStatus", Some(name));
        let got = status(&fields);
        assert_eq!((got.fact, got.code.as_deref()), (fact, code), "{name}");
        // The fields of old alone say the same.
        let old = with(with(fields, "MessageStatus", None), "SmsStatus", Some(name));
        assert_eq!(status(&with(old, "MessageSid", None)), got, "{name}");
    }
}

#[test]
fn a_failure_without_a_usable_code_says_so() {
    for code in [None, Some(""), Some("0"), Some("no such code"), Some(&*"9".repeat(33))] {
        let fields = with(fixture("status_undelivered"), "ErrorCode", code);
        assert_eq!(status(&fields).code.as_deref(), Some("unknown"), "{code:?}");
    }
}

#[test]
fn unknown_statuses_are_kept_by_name() {
    let fields = with(fixture("status_delivered"), "MessageStatus", Some("partially_delivered"));
    let Ok(Item::Other { kind, raw }) = parse(&fields) else { panic!("known?") };
    assert_eq!(kind, "status:partially_delivered");
    assert_eq!(raw["MessageSid"], "SM44444444444444444444444444444444");
    let long = with(fields, "MessageStatus", Some(&"x".repeat(500)));
    let Ok(Item::Other { kind, .. }) = parse(&long) else { panic!("known?") };
    assert_eq!(kind.len(), "status:".len() + 64);
}

#[test]
fn a_status_without_its_message_is_refused_and_one_without_parties_is_not() {
    let fields = with(with(fixture("status_delivered"), "MessageSid", None), "SmsSid", None);
    assert_eq!(parse(&fields).unwrap_err().to_string(), "`MessageSid` is missing");
    let got = status(&with(with(fixture("status_delivered"), "From", None), "To", Some("x")));
    assert_eq!((got.business, got.user), (None, None));
}

#[test]
fn a_reference_that_is_not_ours_is_left_out() {
    let body = encode(&fixture("status_delivered"));
    for query in ["", "ref=", "ref=msg_1.1", "ref=%FF", "reference=x", "ref"] {
        let Ok(Item::Status(got)) = parse_at(query, &body) else { panic!("{query}") };
        assert_eq!(got.reference, None, "{query}");
    }
    let Ok(Item::Status(got)) = parse_at(&format!("a=1&ref={REFERENCE}"), &body) else { panic!() };
    assert_eq!(got.reference.unwrap().attempt, 2);
}

#[test]
fn a_received_message_is_no_status() {
    assert!(matches!(parse(&fixture("text")), Ok(Item::Message(_))));
    let named = with(fixture("text"), "MessageStatus", Some("received"));
    assert!(matches!(parse(&named), Ok(Item::Message(_))));
    // A body tells a message even where `SmsStatus` says something new.
    let odd = with(fixture("text"), "SmsStatus", Some("arrived"));
    assert!(matches!(parse(&odd), Ok(Item::Message(_))));
}

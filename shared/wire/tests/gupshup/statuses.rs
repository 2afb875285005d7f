//! What became of a message of ours.

use super::{OWN, app, customer, fixture, number, one, other, status, with};
use serde_json::{Value, json};
use transom_core::identity::{Phone, User, UserId};
use transom_core::message::FactKind;
use transom_core::time::Timestamp;

const WHATSAPP: &str = "wamid.HBgM9";

fn ids(value: &Value) -> (String, Option<String>) {
    let got = status(value);
    (got.provider_message_id, got.other_id)
}

fn own_and(other: Option<&str>) -> (String, Option<String>) {
    (OWN.to_owned(), other.map(str::to_owned))
}

fn code(value: &Value) -> Option<String> {
    status(value).code
}

#[test]
fn a_status_names_its_message_and_parties() {
    let got = status(&fixture("event_delivered"));
    assert_eq!((got.reference, got.code), (None, None));
    assert_eq!((got.business, got.user), (Some(number()), Some(customer())));
    let by_app = with(fixture("event_delivered"), "/phone", None);
    assert_eq!(status(&by_app).business, Some(app()));
}

#[test]
fn f4_every_event_has_its_fact() {
    for (name, fact) in [
        ("event_enqueued", None),
        ("event_sent", Some(FactKind::Sent)),
        ("event_sent_lite", Some(FactKind::Sent)),
        ("event_delivered", Some(FactKind::Delivered)),
        ("event_read", Some(FactKind::Read)),
        ("event_read_late", Some(FactKind::Read)),
        ("event_failed_early", Some(FactKind::Failed)),
        ("event_failed_late", Some(FactKind::Failed)),
    ] {
        assert_eq!(status(&fixture(name)).fact, fact, "{name}");
    }
}

#[test]
fn g5_the_id_of_the_send_is_found_and_whatsapps_kept() {
    assert_eq!(ids(&fixture("event_enqueued")), own_and(Some(WHATSAPP)));
    for name in ["event_sent", "event_delivered", "event_read"] {
        assert_eq!(ids(&fixture(name)), own_and(Some(WHATSAPP)), "{name}");
    }
    assert_eq!(ids(&fixture("event_failed_early")), own_and(None));
    let other = "9163a016-710e-41ee-978b-79a1adbd734e";
    assert_eq!(ids(&fixture("event_failed_late")), own_and(Some(other)));
    // Told after a week: WhatsApp's id is all there is.
    assert_eq!(ids(&fixture("event_read_late")), (WHATSAPP.to_owned(), None));
}

#[test]
fn ids_are_read_leniently() {
    let empty = with(fixture("event_read"), "/payload/gsId", Some(json!("")));
    assert_eq!(ids(&empty), (WHATSAPP.to_owned(), None));
    let null = with(fixture("event_read"), "/payload/gsId", Some(json!(null)));
    assert_eq!(ids(&null), (WHATSAPP.to_owned(), None));
    let snake = with(null, "/payload/gs_id", Some(json!(OWN)));
    assert_eq!(ids(&snake), own_and(Some(WHATSAPP)));
    assert_eq!(ids(&with(fixture("event_sent"), "/payload/id", None)), own_and(None));
    assert_eq!(ids(&with(fixture("event_sent"), "/payload/id", Some(json!(OWN)))), own_and(None));
    let none = with(fixture("event_read_late"), "/payload/id", None);
    assert_eq!(one(&none), other("status:read:without_id"));
}

#[test]
fn g7_times_are_seconds_inside_and_milliseconds_outside() {
    let at = |value: &Value| status(value).at.map(Timestamp::as_millis);
    assert_eq!(at(&fixture("event_delivered")), Some(1_763_632_802_000));
    assert_eq!(at(&fixture("event_read")), Some(1_763_632_810_000));
    assert_eq!(at(&fixture("event_failed_early")), Some(1_763_632_804_000));
    let ts = |ts| with(fixture("event_delivered"), "/payload/payload/ts", Some(ts));
    assert_eq!(at(&ts(json!(1_763_632_802_123_i64))), Some(1_763_632_802_123));
    for odd in [json!(0), json!(-5), json!("soon"), json!(1.5), json!(u64::MAX), json!([])] {
        assert_eq!(at(&ts(odd.clone())), Some(1_763_632_803_000), "{odd}");
    }
    let none = with(fixture("event_failed_early"), "/timestamp", None);
    assert_eq!(at(&none), None);
    let text = with(fixture("event_failed_early"), "/timestamp", Some(json!("1763632804000")));
    assert_eq!(at(&text), Some(1_763_632_804_000));
}

#[test]
fn failures_have_their_code() {
    assert_eq!(code(&fixture("event_failed_early")).as_deref(), Some("1003"));
    assert_eq!(code(&fixture("event_failed_late")).as_deref(), Some("131047"));
    assert_eq!(code(&fixture("event_failed_text_code")).as_deref(), Some("470"));
    assert_eq!(code(&fixture("event_failed_bare")).as_deref(), Some("unknown"));
    let beside = with(fixture("event_failed_bare"), "/payload/code", Some(json!(1002)));
    assert_eq!(code(&beside).as_deref(), Some("1002"));
    for odd in [json!(0), json!(-1), json!(""), json!("a b"), json!({}), json!("9".repeat(33))] {
        let value = with(fixture("event_failed_early"), "/payload/payload/code", Some(odd.clone()));
        assert_eq!(code(&value).as_deref(), Some("unknown"), "{odd}");
    }
}

#[test]
fn the_user_is_told_by_number_by_id_or_not_at_all() {
    let set = |field: &str, new| with(fixture("event_sent"), &format!("/payload/{field}"), new);
    let id = || UserId::parse("IN.1349").unwrap();
    let both = set("userId", Some(json!("IN.1349")));
    let expected = User::Both(Phone::parse("+919876543210").unwrap(), id());
    assert_eq!(status(&both).user, Some(expected));
    assert_eq!(status(&with(both, "/payload/destination", None)).user, Some(User::Id(id())));
    assert_eq!(status(&set("destination", Some(json!("x")))).user, None);
}

#[test]
fn unknown_events_are_kept_by_name() {
    assert_eq!(one(&fixture("event_deleted")), other("status:deleted"));
    assert_eq!(one(&fixture("event_mismatch")), other("status:mismatch"));
    assert_eq!(one(&fixture("event_other")), other("status:other"));
    let long = with(fixture("event_sent"), "/payload/type", Some(json!("x".repeat(500))));
    assert_eq!(one(&long), other(&format!("status:{}", "x".repeat(64))));
    let nameless = with(fixture("event_sent"), "/payload/type", None);
    assert_eq!(one(&nameless), other("status:unknown"));
    let empty = with(fixture("event_sent"), "/payload", Some(json!(7)));
    assert_eq!(one(&empty), other("status:unknown"));
}

//! Statuses.

use super::{STATUS, VALUE, fixture, fixtures, id, only, other, phone, with};
use serde_json::{Value, json};
use transom_core::identity::User;
use transom_core::message::FactKind;
use transom_core::time::Timestamp;
use transom_wire::{Business, Item, StatusUpdate};

const REFERENCE: &str = "msg_abcdefghijklmnopqrstuvw2019aa0b1c2d30123456789ab.2";
const BSUID: &str = "IN.13491208655302741918";

fn status(webhook: &Value) -> StatusUpdate {
    match only(webhook) {
        Item::Status(status) => status,
        other => panic!("not a status: {other:?}"),
    }
}

#[test]
fn a_status_names_its_message_and_parties() {
    let got = status(&fixture("status_delivered"));
    assert_eq!(got.reference.unwrap().to_string(), REFERENCE);
    assert_eq!(got.provider_message_id, "wamid.OURS");
    assert_eq!(got.business, Some(Business::ProviderId("106540352242922".to_owned())));
    assert_eq!(got.user, Some(User::Both(phone("+919876543210"), id(BSUID))));
    assert_eq!(got.at, Some(Timestamp::from_seconds(1_763_632_801)));
    assert_eq!((got.fact, got.code), (Some(FactKind::Delivered), None));
}

#[test]
fn f4_every_status_has_its_fact() {
    let cases = [
        ("status_sent", FactKind::Sent, None),
        ("status_delivered", FactKind::Delivered, None),
        ("status_read", FactKind::Read, None),
        ("status_failed", FactKind::Failed, Some("131047")),
        ("status_by_id", FactKind::Delivered, None),
        ("status_without_reference", FactKind::Read, None),
    ];
    for (name, fact, code) in cases {
        let got = status(&fixture(name));
        assert_eq!((got.fact, got.code.as_deref()), (Some(fact), code), "{name}");
    }
    let others = [
        ("status_played", "status:played"),
        ("status_group", "status:delivered:in_group"),
        ("status_deleted", "status:deleted"),
        ("status_warning", "status:warning"),
        ("status_novel", "status:novel"),
    ];
    for (name, kind) in others {
        assert_eq!(only(&fixture(name)), other(kind));
    }
    assert_eq!(fixtures("status_").len(), cases.len() + others.len());
}

#[test]
fn a_user_may_be_known_by_his_id_alone() {
    assert_eq!(status(&fixture("status_by_id")).user, Some(User::Id(id(BSUID))));
    let nobody = with(fixture("status_by_id"), STATUS, "recipient_user_id", None);
    assert_eq!(status(&nobody).user, None);
    let misplaced = with(nobody, STATUS, "recipient_id", Some(json!(BSUID)));
    assert_eq!(status(&misplaced).user, Some(User::Id(id(BSUID))));
}

#[test]
fn a_failure_without_a_usable_code_says_so() {
    let code = |errors: Option<Value>| {
        status(&with(fixture("status_failed"), STATUS, "errors", errors)).code.unwrap()
    };
    for errors in [
        None,
        Some(json!([])),
        Some(json!("poison")),
        Some(json!([{}])),
        Some(json!([{"code":null}])),
        Some(json!([{"code":"no such code"}])),
        Some(json!([{"code":-1}])),
        Some(json!([{"code":1.5}])),
    ] {
        assert_eq!(code(errors.clone()), "unknown", "{errors:?}");
    }
    assert_eq!(code(Some(json!([{"code":"131026"},{"code":1}]))), "131026");
    // A failure's code in a status that is none is left out.
    let sent = with(fixture("status_failed"), STATUS, "status", Some(json!("sent")));
    assert_eq!(status(&sent).code, None);
}

#[test]
fn unknown_statuses_are_kept_by_name() {
    let named = |name: Value| only(&with(fixture("status_read"), STATUS, "status", Some(name)));
    assert_eq!(named(json!("deleted")), other("status:deleted"));
    assert_eq!(named(json!(null)), other("status:unknown"));
    assert_eq!(named(json!("x".repeat(500))), other(&format!("status:{}", "x".repeat(64))));
    let nameless = with(fixture("status_read"), STATUS, "id", None);
    assert_eq!(only(&nameless), other("status:read:without_id"));
}

#[test]
fn a_status_without_parties_is_still_one() {
    let bare = with(fixture("status_read"), VALUE, "metadata", None);
    let bare = with(bare, STATUS, "recipient_id", Some(json!("x")));
    let got = status(&with(bare, STATUS, "recipient_user_id", None));
    assert_eq!((got.business, got.user, got.fact), (None, None, Some(FactKind::Read)));
}

#[test]
fn a_reference_that_is_not_ours_is_left_out() {
    for reference in [None, Some(json!("")), Some(json!("msg_1.1")), Some(json!(7))] {
        let webhook =
            with(fixture("status_read"), STATUS, "biz_opaque_callback_data", reference.clone());
        assert_eq!(status(&webhook).reference, None, "{reference:?}");
    }
}

#[test]
fn prices_and_conversations_of_any_shape_do_not_matter() {
    let expected = status(&fixture("status_sent"));
    for field in ["pricing", "conversation"] {
        for value in [None, Some(json!(7)), Some(json!({"expiration_timestamp":1.5}))] {
            let webhook = with(fixture("status_sent"), STATUS, field, value);
            assert_eq!(status(&webhook), expected, "{field}");
        }
    }
}

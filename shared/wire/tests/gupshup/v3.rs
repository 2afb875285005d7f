//! Version 3: Meta's shape with Gupshup's ids.

use super::{APP_ID, OWN, app, customer, fixture, items, message, number, one, other, status};
use super::{text, with};
use serde_json::{Value, json};
use transom_core::identity::{Phone, User, UserId};
use transom_core::message::FactKind;
use transom_core::time::Timestamp;
use transom_wire::{Business, Inbound, Item, StatusUpdate};

const VALUE: &str = "/entry/0/changes/0/value";

fn statuses(value: &Value) -> Vec<StatusUpdate> {
    items(value)
        .into_iter()
        .map(|item| match item {
            Item::Status(status) => status,
            other => panic!("not a status: {other:?}"),
        })
        .collect()
}

fn messages(value: &Value) -> Vec<Inbound> {
    items(value)
        .into_iter()
        .map(|item| match item {
            Item::Message(message) => *message,
            other => panic!("not a message: {other:?}"),
        })
        .collect()
}

#[test]
fn a_message_is_read_as_metas_and_knows_its_time() {
    let got = message(&fixture("v3_text"));
    assert_eq!((got.business, got.user, got.content), (number(), customer(), text("hello")));
    assert_eq!(got.provider_message_id, "wamid.HBgM1");
    assert_eq!(got.profile_name.as_deref(), Some("Test Customer"));
    assert_eq!(got.sent_at, Some(Timestamp::from_seconds(1_763_632_795)));
}

#[test]
fn the_app_stands_for_a_number_that_is_not_told() {
    let formatted = format!("{VALUE}/metadata/display_phone_number");
    let value = with(fixture("v3_text"), &formatted, Some(json!("+91 78348-11114")));
    assert_eq!(message(&value).business, number());
    assert_eq!(message(&with(fixture("v3_text"), &formatted, None)).business, app());
    let bare = with(fixture("v3_text"), &format!("{VALUE}/metadata"), None);
    assert_eq!(message(&bare).business, app());
}

#[test]
fn an_answer_names_our_message_by_the_id_of_its_send() {
    let got = messages(&fixture("v3_reply"));
    assert_eq!(got[0].reply_to.as_deref(), Some(OWN));
    assert_eq!(got[1].reply_to.as_deref(), Some("wamid.OURS"));
    // One stamp is in seconds, the other in milliseconds.
    assert_eq!(got[1].sent_at, Some(Timestamp::from_millis(1_763_632_796_123)));
}

#[test]
fn f4_statuses_have_facts_ids_and_times() {
    let got = items(&fixture("v3_statuses"));
    let told: Vec<_> = got
        .iter()
        .filter_map(|item| match item {
            Item::Status(s) => Some((
                s.provider_message_id.as_str(),
                s.other_id.as_deref(),
                s.fact.unwrap(),
                s.at.unwrap().as_millis(),
            )),
            _ => None,
        })
        .collect();
    let whatsapp = "wamid.HBgM9";
    assert_eq!(
        told,
        [
            (OWN, Some(whatsapp), FactKind::Sent, 1_763_632_800_000),
            (OWN, Some(whatsapp), FactKind::Delivered, 1_763_632_801_000),
            (whatsapp, None, FactKind::Read, 1_763_632_802_345),
        ]
    );
    assert_eq!(got[3..], [other("status:played"), other("status:sent:without_id")]);
    let Item::Status(second) = &got[1] else { panic!("no status") };
    let both =
        User::Both(Phone::parse("+919876543210").unwrap(), UserId::parse("IN.1349").unwrap());
    assert_eq!((&second.user, &second.business), (&Some(both), &Some(number())));
}

#[test]
fn enqueued_has_milliseconds_and_no_number_of_ours() {
    let got = status(&fixture("v3_enqueued"));
    assert_eq!((got.fact, got.code), (None, None));
    assert_eq!(got.at, Some(Timestamp::from_millis(1_763_632_800_123)));
    assert_eq!(got.business, Some(Business::ProviderId(APP_ID.to_owned())));
    assert_eq!(
        (got.provider_message_id.as_str(), got.other_id.as_deref()),
        (OWN, Some("wamid.HBgM9"))
    );
}

#[test]
fn failures_have_their_code() {
    let got = statuses(&fixture("v3_failed"));
    let codes: Vec<_> = got.iter().map(|s| s.code.as_deref().unwrap()).collect();
    assert_eq!(codes, ["131047", "1003", "unknown"]);
    let others: Vec<_> = got.iter().map(|s| s.other_id.as_deref()).collect();
    assert_eq!(others, [Some("wamid.HBgM9"), None, None]);
}

#[test]
fn f6_other_events_are_kept_by_name() {
    assert_eq!(one(&fixture("v3_billing")), other("billing-event"));
    assert_eq!(one(&fixture("v3_deleted")), other("status:deleted"));
    assert_eq!(one(&fixture("v3_set_callback")), other("status:set-callback"));
    let errors = with(fixture("v3_text"), VALUE, Some(json!({"errors": [{"code": 130_429}]})));
    assert_eq!(one(&errors), other("messages:error:130429"));
    let empty = json!({"object": "whatsapp_business_account", "entry": []});
    assert_eq!(one(&empty), other("webhook"));
}

#[test]
fn m103_a_bulk_of_statuses_comes_out_whole() {
    let one = fixture("v3_statuses").pointer(&format!("{VALUE}/statuses/0")).unwrap().clone();
    let bulk: Vec<Value> =
        (0..1000).map(|i| with(one.clone(), "/gs_id", Some(json!(format!("g{i}"))))).collect();
    let value = with(fixture("v3_statuses"), &format!("{VALUE}/statuses"), Some(json!(bulk)));
    let got = statuses(&value);
    assert_eq!(got.len(), 1000);
    assert!(got.iter().enumerate().all(|(i, s)| s.provider_message_id == format!("g{i}")));
}

#[test]
fn what_cannot_be_read_takes_nothing_with_it() {
    let change = fixture("v3_statuses").pointer("/entry/0/changes/0").unwrap().clone();
    let value = json!({"object": "whatsapp_business_account", "entry": [
        7, {"id": "1"}, {"changes": [null, {"field": "messages"}, change]},
    ]});
    let got = items(&value);
    assert_eq!(got.iter().filter(|item| matches!(item, Item::Status(_))).count(), 3);
    assert_eq!(got[..4], [other("entry"), other("entry"), other("messages"), other("messages")]);
}

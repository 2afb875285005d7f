//! One fixture of each kind of message, and what is wrong with the malformed.

use super::{
    OWN, app, customer, fixture, fixtures, message, number, one, other, parse_bytes, phone, status,
    text, user_id, with,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::content::{ContactCard, Content, Media};
use transom_core::identity::User;
use transom_core::time::Timestamp;
use transom_wire::{Business, Item};

const MEDIA: &str = "https://filemanager.gupshup.io/wa/11b2/wa/media/8f3c?download=false";

fn map(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn media(content_type: &str, caption: Option<&str>) -> Media {
    Media {
        url: Some(MEDIA.to_owned()),
        content_type: Some(content_type.to_owned()),
        caption: caption.map(str::to_owned),
        // `urlExpiry`
        kept_until: Some(Timestamp::from_millis(1_764_237_600_000)),
        ..Media::default()
    }
}

fn button(payload: Option<&str>) -> Content {
    Content::Button { text: "Confirm".to_owned(), payload: payload.map(str::to_owned) }
}

fn list(id: &str, description: Option<&str>) -> Content {
    Content::List {
        id: id.to_owned(),
        title: "Wheat".to_owned(),
        description: description.map(str::to_owned),
    }
}

fn location(latitude: &str, name: Option<&str>, address: Option<&str>) -> Content {
    Content::Location {
        latitude: latitude.to_owned(),
        longitude: "77.5946".to_owned(),
        name: name.map(str::to_owned),
        address: address.map(str::to_owned),
    }
}

fn contacts() -> Content {
    let first = ContactCard {
        name: "Example Contact".to_owned(),
        phones: vec!["+91 98000 00000".to_owned()],
        emails: vec!["ravi@example.com".to_owned()],
    };
    let second = ContactCard { name: "Asha Rao".to_owned(), ..ContactCard::default() };
    Content::Contacts { contacts: vec![first, second], file: None }
}

fn unknown() -> Content {
    let raw = [("emoji", "👍"), ("gsId", OWN), ("removed", "false"), ("of", r#"{"id":1}"#)];
    Content::Unsupported { kind: "reaction".to_owned(), raw: map(&raw) }
}

fn held(name: &str, field: &str, new: Option<Value>) -> Content {
    message(&with(fixture(name), &format!("/payload/payload/{field}"), new)).content
}

#[test]
fn m30_f6_every_kind_is_read_and_none_is_dropped() {
    let file =
        Media { filename: Some("bill.pdf".into()), ..media("application/pdf", Some("bill")) };
    let cases = [
        ("text", text("नमस्ते 👋 = a&b +1 100%")),
        ("text_forwarded", text("pass it on")),
        ("text_frequently_forwarded", text("pass it on")),
        ("text_reply", text("yes")),
        ("text_reply_late", text("yes")),
        ("text_old_envelope", text("hello")),
        ("image", Content::Image(media("image/jpeg", Some("my leaf")))),
        ("video", Content::Video(media("video/mp4", None))),
        ("audio", Content::Audio(media("audio/ogg; codecs=opus", None))),
        ("file", Content::Document(file)),
        ("sticker", Content::Sticker(media("image/webp", None))),
        ("location", location("12.9716", Some("Office"), Some("MG Road"))),
        ("location_numbers", location("-12", None, None)),
        ("contact", contacts()),
        ("quick_reply", button(Some("confirm_42"))),
        ("quick_reply_as_text", button(Some("confirm_42"))),
        ("quick_reply_bare", button(None)),
        ("button_reply", button(Some("confirm_42"))),
        ("button_reply_bare", button(None)),
        ("list_reply", list("crop_wheat", Some("Rabi"))),
        ("list_reply_bare", list("Wheat 3", None)),
        ("referral", text("Hi")),
        ("referral_inside", text("Hi")),
        ("user_by_id", text("hi")),
        ("user_by_both", text("hi")),
        ("names_old", text("old")),
        ("names_new", text("new")),
        ("names_both", text("new")),
        ("unknown_kind", unknown()),
    ];
    for (name, expected) in &cases {
        assert_eq!(&message(&fixture(name)).content, expected, "{name}");
    }
    // No fixture stands there unread.
    for name in fixtures() {
        let elsewhere = ["event_", "other_", "v3_"].iter().any(|p| name.starts_with(p));
        assert!(elsewhere || cases.iter().any(|(n, _)| *n == name), "{name}");
    }
}

#[test]
fn the_envelope_is_read() {
    let got = message(&fixture("text"));
    assert_eq!((got.business, got.user), (number(), customer()));
    assert_eq!(got.profile_name.as_deref(), Some("Test Customer"));
    assert_eq!(got.provider_message_id, "wamid.HBgMOTE5ODc2NTQzMjEwFQIAEhgUM0E=");
    assert_eq!((got.sent_at, got.forwarded, got.reply_to, got.referral), (None, false, None, None));
    assert_eq!(got.got_at, Some(Timestamp::from_millis(1_763_632_800_123)));
    let got_at = |told: Value| message(&with(fixture("text"), "/timestamp", Some(told))).got_at;
    let first = Timestamp::from_seconds(1_230_768_000);
    assert_eq!(
        [-1, 0, 1].map(|n| got_at(json!(1_230_768_000 + n)) >= Some(first)),
        [false, true, true]
    );
    for none in [json!(0), json!(1), json!("soon"), json!(null)] {
        assert_eq!(got_at(none), None, "no time at all");
    }
}

#[test]
fn the_app_stands_for_a_number_that_is_not_told() {
    let business = |value: &Value| message(value).business;
    for phone in [None, Some(json!("")), Some(json!("callbackSetPhone")), Some(json!(null))] {
        assert_eq!(business(&with(fixture("text"), "/phone", phone)), app());
    }
    let app_name = Business::ProviderId("DemoApp".to_owned());
    assert_eq!(business(&fixture("text_old_envelope")), app_name);
    for phone in [json!(917_834_811_114_u64), json!("+917834811114")] {
        assert_eq!(business(&with(fixture("text"), "/phone", Some(phone))), number());
    }
    let nothing = with(fixture("text_old_envelope"), "/app", None);
    assert_eq!(one(&nothing), other("message:text:without_business"));
    let long = with(fixture("text_old_envelope"), "/app", Some(json!("a".repeat(257))));
    assert_eq!(one(&long), other("message:text:without_business"));
}

#[test]
fn m104_the_new_names_are_preferred_and_the_old_ones_read() {
    let told = |name| {
        let got = message(&fixture(name));
        (got.user, got.profile_name.unwrap(), got.reply_to.unwrap())
    };
    let expected = |id: &str| (customer(), "Test Customer".to_owned(), id.to_owned());
    assert_eq!(told("names_old"), expected("wamid.OLD"));
    assert_eq!(told("names_new"), expected("wamid.NEW"));
    assert_eq!(told("names_both"), expected("wamid.NEW"));
}

/// The bot callback as it is without an envelope of version 2: the parts stand alone, in a form
/// as text or in an object.
#[test]
fn m104_a_bare_callback_is_read_from_a_form_and_from_json() {
    let parts = |suffix: &str| {
        json!({
            format!("sender{suffix}"):
                {"channelid": "919876543210", "channeltype": "whatsapp", "display": "Test Customer"},
            format!("message{suffix}"): {"id": "ABEGkZUTIXZ0", "type": "text", "text": "a & b"},
            format!("context{suffix}"): {"botname": "DemoApp", "contextid": "919876543210"},
        })
    };
    for suffix in ["", "obj"] {
        let value = parts(suffix);
        let fields = value.as_object().unwrap().iter().map(|(k, v)| (k, v.to_string()));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        for body in [value.to_string(), form] {
            let [Item::Message(got)] = &parse_bytes(body.as_bytes()).unwrap()[..] else {
                panic!("{body}")
            };
            assert_eq!(got.content, text("a & b"));
            assert_eq!(got.provider_message_id, "ABEGkZUTIXZ0");
            assert_eq!(got.business, Business::ProviderId("DemoApp".to_owned()));
            assert_eq!(
                (&got.user, got.profile_name.as_deref()),
                (&customer(), Some("Test Customer"))
            );
        }
    }
}

#[test]
fn m141_forwarding_and_replies_are_kept() {
    assert!(message(&fixture("text_forwarded")).forwarded);
    assert!(message(&fixture("text_frequently_forwarded")).forwarded);
    let as_text =
        with(fixture("text_forwarded"), "/payload/context/forwarded", Some(json!("true")));
    assert!(message(&as_text).forwarded);
    assert!(!message(&fixture("text_reply")).forwarded);
    let answered = |name| message(&fixture(name)).reply_to;
    assert_eq!(answered("text_forwarded"), None);
    assert_eq!(answered("text_reply").as_deref(), Some(OWN));
    assert_eq!(answered("text_reply_late").as_deref(), Some("wamid.HBgMOURS"));
    let snake = with(fixture("text_reply_late"), "/payload/context/gs_id", Some(json!(OWN)));
    assert_eq!(message(&snake).reply_to.as_deref(), Some(OWN));
}

#[test]
fn an_advertisement_is_found_beside_the_content_and_inside_it() {
    let expected = map(&[
        ("source_type", "ad"),
        ("source_id", "120226305854810"),
        ("source_url", "https://fb.me/x"),
        ("headline", "Seeds"),
        ("body", "Half price"),
        ("media_type", "image"),
        ("image_url", "https://scontent.example/x"),
        ("ctwa_clid", "ARAx"),
    ]);
    for name in ["referral", "referral_inside"] {
        assert_eq!(message(&fixture(name)).referral.as_ref(), Some(&expected), "{name}");
    }
    let empty = with(fixture("referral"), "/payload/referral", Some(json!({"source_id": ""})));
    assert_eq!(message(&empty).referral, None);
}

#[test]
fn users_are_known_by_number_by_id_or_by_both() {
    let id = || user_id("IN.13491208655302741918");
    assert_eq!(message(&fixture("user_by_id")).user, User::Id(id()));
    let both = User::Both(phone("+919876543210"), id());
    assert_eq!(message(&fixture("user_by_both")).user, both);
    let swapped =
        with(fixture("user_by_both"), "/payload/source", Some(json!("IN.13491208655302741918")));
    assert_eq!(message(&swapped).user, both);
    let numeric = with(fixture("text"), "/payload/source", Some(json!(919_876_543_210_u64)));
    assert_eq!(message(&numeric).user, customer());
    let by_sender = with(fixture("text"), "/payload/source", None);
    assert_eq!(message(&by_sender).user, customer());
    let by_source = with(fixture("text"), "/payload/sender", None);
    assert_eq!(message(&by_source).user, customer());
}

#[test]
fn f6_a_message_without_an_id_is_kept_and_known_by_what_it_is() {
    let mut ids = BTreeSet::new();
    for id in [None, Some(json!("")), Some(json!(null)), Some(json!({}))] {
        let value = with(fixture("text"), "/payload/id", id);
        let got = message(&value);
        let Content::Unsupported { kind, raw } = &got.content else { panic!("{got:?}") };
        assert_eq!(kind, "message:text:without_id");
        assert_eq!(raw["text"], "नमस्ते 👋 = a&b +1 100%");
        assert_eq!(got.user, customer());
        assert_eq!(message(&value), got, "a redelivery is the same");
        assert!(got.provider_message_id.starts_with("sha256:"));
        ids.insert(got.provider_message_id);
    }
    assert_eq!(ids.len(), 4, "each is another one");
    // The id inside a tap is the button's.
    let tap = message(&with(fixture("button_reply"), "/payload/id", None));
    let Content::Unsupported { kind, .. } = tap.content else { panic!("{tap:?}") };
    assert_eq!(kind, "message:button_reply:without_id");
}

#[test]
fn f6_a_message_of_nobody_is_kept_by_its_name_and_fields() {
    let secret = with(fixture("text"), "/payload/source", Some(json!("secret 9876")));
    let nobody = with(secret, "/payload/sender", Some(json!({"phone": "0"})));
    let got = parse_bytes(nobody.to_string().as_bytes()).unwrap();
    let [Item::Other { kind, raw }] = &got[..] else { panic!("{got:?}") };
    assert_eq!(kind, "message:text:without_user");
    assert_eq!(raw["payload.payload.text"], "नमस्ते 👋 = a&b +1 100%");
    let empty = with(fixture("text"), "/payload", None);
    assert_eq!(one(&empty), other("message:unknown:without_user"));
}

/// No table takes a longer key.
#[test]
fn ids_beyond_any_table_are_named_by_their_hash() {
    let id = |chars: usize| {
        message(&with(fixture("text"), "/payload/id", Some(json!("w".repeat(chars)))))
            .provider_message_id
    };
    assert_eq!(id(255), "w".repeat(255));
    assert_eq!(id(256), "w".repeat(256));
    assert_eq!(id(257).len(), "sha256:".len() + 64);
    assert_ne!(id(257), id(258));
    let gs = with(fixture("event_read"), "/payload/gsId", Some(json!("g".repeat(2000))));
    assert_eq!(status(&gs).provider_message_id.len(), "sha256:".len() + 64);
}

#[test]
fn what_is_no_object_is_refused() {
    for body in
        [&b""[..], b" ", b"{", b"\xff\xfe", b"{\"type\":\"message\"} x", b"hello", b"a=b&type"]
    {
        assert_eq!(parse_bytes(body).unwrap_err().to_string(), "the body is not JSON");
    }
}

#[test]
fn f6_any_json_is_kept() {
    for body in ["[]", "7", "\"x\"", "null", "true", "{}", "{\"type\":{}}", "[1,2]"] {
        let value: Value = serde_json::from_str(body).unwrap();
        assert_eq!(one(&value), other("webhook"), "{body}");
    }
    let got = parse_bytes(br#"{"colour":{"of":"sky"},"n":[1]}"#).unwrap();
    let [Item::Other { raw, .. }] = &got[..] else { panic!("{got:?}") };
    assert_eq!((&raw["colour.of"][..], &raw["n.0"][..]), ("sky", "1"));
}

#[test]
fn what_is_kept_of_an_event_stays_within_limits() {
    let fields = |n: usize| (0..n).map(|i| (format!("z{i}"), json!("v".repeat(500)))).collect();
    let event = json!({"type": "novelty", "payload": Value::Object(fields(1000))});
    let got = parse_bytes(event.to_string().as_bytes()).unwrap();
    let [Item::Other { raw, .. }] = &got[..] else { panic!("{got:?}") };
    let bytes: usize = raw.iter().map(|(k, v)| k.len() + v.len()).sum();
    assert!((4_096..=8_192).contains(&bytes), "{bytes}");
}

/// What one customer writes must not make a webhook unreadable.
#[test]
fn half_a_surrogate_pair_costs_nobody_his_message() {
    for (half, expected) in [
        (r"a\ud83d", "a\u{fffd}"),
        (r"\udc4b!", "\u{fffd}!"),
        (r"\ud83d\ud83d\udc4b", "\u{fffd}👋"),
        (r"\ud83d\udc4b \\ud83d \ud83d", "👋 \\ud83d \u{fffd}"),
    ] {
        let body = fixture("names_new").to_string().replace("\"new\"", &format!("\"{half}\""));
        let items = parse_bytes(body.as_bytes()).unwrap();
        let [Item::Message(got)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(got.content, text(expected), "{half}");
        let body = fixture("v3_text").to_string().replace("hello", half);
        let items = parse_bytes(body.as_bytes()).unwrap();
        let [Item::Message(got)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(got.content, text(expected), "{half}");
        // Inside the JSON of a bot callback's form.
        let part =
            format!(r#"{{"id":"ABEG1","type":"text","text":"{half}","from":"919876543210"}}"#);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("messageobj", &part)
            .append_pair("botname", "DemoApp")
            .finish();
        let items = parse_bytes(form.as_bytes()).unwrap();
        let [Item::Message(got)] = &items[..] else { panic!("{items:?}") };
        assert_eq!(got.content, text(expected), "{half}");
    }
}

#[test]
fn bodies_beyond_the_limit_are_refused() {
    let long = |chars: usize| {
        with(fixture("text"), "/payload/payload/text", Some(json!("a".repeat(chars))))
    };
    assert_eq!(message(&long(3_000_000)).content, text(&"a".repeat(3_000_000)));
    let error = parse_bytes(long(3 << 20).to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the body is longer than 3145728 bytes");
}

#[test]
fn unknown_kinds_keep_their_fields_within_limits() {
    let mut value = fixture("unknown_kind");
    value["payload"]["type"] = json!("k".repeat(100));
    let fields = value["payload"]["payload"].as_object_mut().unwrap();
    fields.insert("Long".to_owned(), json!("é".repeat(5000)));
    fields.extend((0..200).map(|i| (format!("zz{i}"), json!(i))));
    let Content::Unsupported { kind, raw } = message(&value).content else { panic!("understood") };
    assert_eq!((kind.len(), raw.len()), (64, 64));
    assert_eq!(raw["Long"].chars().count(), 4096);
    assert!(!raw.contains_key("sender") && !raw.contains_key("source"));
}

#[test]
fn a_known_kind_without_what_it_needs_is_kept_as_unknown() {
    for (name, field, kind) in [
        ("text", "text", "text"),
        ("image", "url", "image"),
        ("location", "latitude", "location"),
        ("contact", "contacts", "contact"),
        ("quick_reply_bare", "text", "quick_reply"),
    ] {
        let Content::Unsupported { kind: got, .. } = held(name, field, None) else {
            panic!("{name}")
        };
        assert_eq!(got, kind);
    }
    let Content::Unsupported { raw, .. } = held("image", "url", None) else { panic!("known") };
    assert_eq!(raw["caption"], "my leaf");
    let bare = with(fixture("text"), "/payload/payload", None);
    let expected = Content::Unsupported { kind: "text".to_owned(), raw: BTreeMap::new() };
    assert_eq!(message(&bare).content, expected);
    // The flat shape of third parties' notes is not followed.
    let flat = with(bare, "/payload/text", Some(json!("hello")));
    assert_eq!(message(&flat).content, expected);
}

#[test]
fn numbers_and_texts_are_one() {
    assert_eq!(held("text", "text", Some(json!(42))), text("42"));
    assert_eq!(held("list_reply", "postbackText", Some(json!(7))), list("7", Some("Rabi")));
    let id = with(fixture("text"), "/payload/id", Some(json!(12)));
    assert_eq!(message(&id).provider_message_id, "12");
}

#[test]
fn m22_a_tier_is_a_limit() {
    let Item::Limit(told) = one(&fixture("other_account")) else { panic!("no limit") };
    assert_eq!((told.limit, told.kind.as_str()), (Some(1000), "account-event:tier-event"));
    assert_eq!(told.business, Some(Business::Phone(phone("+917834811114"))));
    assert_eq!(told.at.map(|at| at.as_millis()), Some(1_763_632_800_123));
    let odd = with(fixture("other_account"), "/payload/currentLimit", Some(json!("TIER_NOT_SET")));
    assert_eq!(one(&odd), other("account-event:tier-event"));
}

#[test]
fn e13_a_users_word_is_read_with_its_time() {
    for (name, agrees, at, kind) in [
        ("other_opted_in", true, 1_763_632_800_123, "user-event:opted-in"),
        ("other_opted_out", false, 1_763_632_800_123, "user-event:opted-out"),
        ("other_preference", false, 1_763_632_790_000, "user_preferences:stop"),
    ] {
        let Item::Consent(told) = one(&fixture(name)) else { panic!("{name}") };
        assert_eq!((told.agrees, told.kind.as_str()), (agrees, kind));
        assert_eq!(told.at.map(|at| at.as_millis()), Some(at));
        assert_eq!(told.user, User::Phone(phone("+919876543210")));
        assert_eq!(told.business, Business::Phone(phone("+917834811114")));
    }
    let nobody = with(fixture("other_opted_out"), "/payload/phone", None);
    assert_eq!(one(&nobody), other("user-event:opted-out"), "it names nobody");
}

#[test]
fn f6_other_events_are_kept_by_name() {
    for (name, kind) in [
        ("other_sandbox_start", "user-event:sandbox-start"),
        ("other_template", "template-event:status-update"),
        ("other_billing", "billing-event"),
        ("other_template_category", "template-event:category-update"),
        ("other_novel", "novel-event"),
    ] {
        assert_eq!(one(&fixture(name)), other(kind));
    }
    assert_eq!(one(&json!({"type": "novelty"})), other("novelty"));
    let long = json!({"type": "x".repeat(500), "payload": {"type": "y".repeat(500)}});
    assert_eq!(one(&long), other(&format!("{}:{}", "x".repeat(64), "y".repeat(64))));
}

#[test]
fn text_that_is_no_utf8_arrives_marked() {
    let body = fixture("names_new").to_string().into_bytes();
    let at = body.windows(5).position(|w| w == b"\"new\"").unwrap();
    let marked = [&body[..at + 1], b"\xff", &body[at + 1..]].concat();
    let [Item::Message(got)] = &parse_bytes(&marked).unwrap()[..] else { panic!("no message") };
    assert_eq!(got.content, text("\u{fffd}new"));
}

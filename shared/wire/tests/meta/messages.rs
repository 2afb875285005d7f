//! One fixture of each kind of message, and what is wrong with the malformed.

use super::{
    MESSAGE, VALUE, fixture, fixtures, id, map, message, only, other, parse_bytes, phone, with,
};
use serde_json::{Value, json};
use transom_core::content::{ContactCard, Content, Media};
use transom_core::identity::User;
use transom_core::time::Timestamp;
use transom_wire::{Business, Item};

const BSUID: &str = "IN.13491208655302741918";

fn media(id: &str, content_type: &str, caption: Option<&str>) -> Media {
    Media {
        provider_media_id: Some(id.to_owned()),
        content_type: Some(content_type.to_owned()),
        caption: caption.map(str::to_owned),
        ..Media::default()
    }
}

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn voice() -> Content {
    Content::Audio(media("10033835", "audio/ogg; codecs=opus", None))
}

fn button() -> Content {
    Content::Button { text: "Confirm".to_owned(), payload: Some("confirm_42".to_owned()) }
}

fn unsupported(kind: &str, raw: &[(&str, &str)]) -> Content {
    Content::Unsupported { kind: kind.to_owned(), raw: map(raw) }
}

fn files() -> Vec<(&'static str, Content)> {
    let image = Media {
        url: Some("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1".to_owned()),
        ..media("1003383421387256", "image/jpeg", Some("leaf"))
    };
    let document = Media {
        filename: Some("bill.pdf".to_owned()),
        ..media("10033836", "application/pdf", Some("bill"))
    };
    vec![
        ("image", Content::Image(image)),
        ("video", Content::Video(media("10033834", "video/mp4", Some("clip")))),
        ("audio", Content::Audio(media("10033835", "audio/mpeg", None))),
        ("audio_voice", voice()),
        ("voice_of_old", voice()),
        ("document", Content::Document(document)),
        ("sticker", Content::Sticker(media("10033837", "image/webp", None))),
    ]
}

fn data() -> Vec<(&'static str, Content)> {
    let cards = vec![
        ContactCard {
            name: "Example Contact".to_owned(),
            phones: vec!["+91 98000 00000".to_owned(), "919800000001".to_owned()],
            emails: vec!["ravi@x.example".to_owned()],
        },
        ContactCard { name: "Asha Rao".to_owned(), ..ContactCard::default() },
    ];
    let place = |latitude: &str, longitude: &str, name: Option<&str>, address: Option<&str>| {
        Content::Location {
            latitude: latitude.to_owned(),
            longitude: longitude.to_owned(),
            name: name.map(str::to_owned),
            address: address.map(str::to_owned),
        }
    };
    let list = Content::List {
        id: "crop_wheat".to_owned(),
        title: "Wheat".to_owned(),
        description: Some("Rabi".to_owned()),
    };
    vec![
        ("text", text("नमस्ते 👋 me@x.example")),
        ("text_reply", text("yes")),
        ("text_forwarded", text("fwd")),
        ("text_frequently_forwarded", text("fwd")),
        ("text_product", text("How much?")),
        ("referral", text("Hi")),
        ("user_by_id", text("hi")),
        ("user_by_id_in_from", text("hi")),
        ("user_by_phone", text("hi")),
        ("location", place("12.9716", "77.5946", Some("Office"), Some("MG Road"))),
        ("location_bare", place("-12.5", "0", None, None)),
        ("contacts", Content::Contacts { contacts: cards, file: None }),
        ("button", button()),
        ("button_reply", button()),
        ("list_reply", list),
    ]
}

fn not_understood() -> Vec<(&'static str, Content)> {
    let order = [
        ("catalog_id", "194836987003835"),
        ("text", "please"),
        ("product_items.0.product_retailer_id", "sku1"),
        ("product_items.0.quantity", "2"),
        ("product_items.0.item_price", "49.5"),
        ("product_items.0.currency", "INR"),
    ];
    let flow = [
        ("type", "nfm_reply"),
        ("nfm_reply.name", "flow"),
        ("nfm_reply.body", "Sent"),
        ("nfm_reply.response_json", "{\"a\":1}"),
    ];
    let number = [
        ("type", "user_changed_number"),
        ("body", "User A changed from 91… to 92…"),
        ("wa_id", "919811111111"),
    ];
    let new_id =
        [("type", "user_changed_user_id"), ("body", "User A has a new id"), ("user_id", "IN.99")];
    let poll = [
        ("type", "poll"),
        ("errors.0.code", "131051"),
        ("errors.0.title", "Message type unknown"),
        ("errors.0.message", "Message type unknown"),
        ("errors.0.error_data.details", "Message type is currently not supported."),
    ];
    let too_large = [("errors.0.code", "131052"), ("errors.0.title", "Media download error")];
    vec![
        ("order", unsupported("order", &order)),
        ("flow_reply", unsupported("interactive:nfm_reply", &flow)),
        ("system_number", unsupported("system", &number)),
        ("system_id", unsupported("system", &new_id)),
        ("unsupported", unsupported("unsupported", &poll)),
        ("unsupported_bare", unsupported("unsupported", &too_large)),
    ]
}

/// What changes an earlier message (E10).
fn changes() -> Vec<(&'static str, Content)> {
    vec![
        ("reaction", Content::Reaction { emoji: Some("👍".to_owned()) }),
        ("reaction_removed", Content::Reaction { emoji: None }),
        ("reaction_removed_bare", Content::Reaction { emoji: None }),
        ("edit", Content::Edit { text: "corrected".to_owned() }),
        ("revoke", Content::Deletion),
    ]
}

#[test]
fn e10_what_changes_an_earlier_message_names_it() {
    for (name, expected) in changes() {
        let got = message(&fixture(name));
        let target = if name.starts_with("reaction") { "wamid.OURS" } else { "wamid.EARLIER" };
        assert_eq!((got.content, got.reply_to.as_deref()), (expected, Some(target)), "{name}");
    }
    // A corrected caption, and what names no message or says nothing.
    let edit = |value: Value| message(&with(fixture("edit"), MESSAGE, "edit", Some(value))).content;
    let caption = json!({"original_message_id":"wamid.EARLIER","message":{"type":"image",
        "image":{"caption":"a leaf","id":"1"}}});
    assert_eq!(edit(caption), Content::Edit { text: "a leaf".to_owned() });
    for odd in [
        json!({"message":{"type":"text","text":{"body":"corrected"}}}),
        json!({"original_message_id":"wamid.EARLIER"}),
        json!({"original_message_id":"wamid.EARLIER","message":{"type":"image","image":{"id":"1"}}}),
        json!([1]),
        json!(null),
    ] {
        assert!(matches!(edit(odd.clone()), Content::Unsupported { .. }), "{odd}");
    }
}

#[test]
fn m30_f6_every_kind_is_read_and_none_is_dropped() {
    let cases: Vec<_> =
        [files(), data(), changes(), not_understood()].into_iter().flatten().collect();
    for (name, expected) in &cases {
        assert_eq!(&message(&fixture(name)).content, expected, "{name}");
    }
    // No fixture stands there unread.
    for name in fixtures("") {
        let elsewhere = ["status_", "event_", "batch"].iter().any(|p| name.starts_with(p));
        assert!(elsewhere || cases.iter().any(|(n, _)| *n == name), "{name}");
    }
}

#[test]
fn f17_the_envelope_is_read() {
    let got = message(&fixture("text"));
    assert_eq!(got.business, Business::ProviderId("106540352242922".to_owned()));
    assert_eq!(got.user, User::Both(phone("+919876543210"), id(BSUID)));
    assert_eq!(got.profile_name.as_deref(), Some("Test Customer"));
    assert_eq!(got.provider_message_id, "wamid.HBgMOTE5ODc2NTQzMjEwFQIAEhgUM0E=");
    assert_eq!(got.sent_at, Some(Timestamp::from_seconds(1_763_632_795)));
    assert_eq!((got.forwarded, got.reply_to, got.referral), (false, None, None));
}

#[test]
fn m141_forwarding_and_replies_are_kept() {
    assert!(message(&fixture("text_forwarded")).forwarded);
    assert!(message(&fixture("text_frequently_forwarded")).forwarded);
    let answered = |name| message(&fixture(name)).reply_to;
    assert_eq!(answered("text_reply").as_deref(), Some("wamid.OURS"));
    assert_eq!(answered("button").as_deref(), Some("wamid.TEMPLATE"));
}

#[test]
fn advertisements_and_products_are_told() {
    let expected = map(&[
        ("source_type", "ad"),
        ("source_id", "120226305854810726"),
        ("source_url", "https://fb.me/x"),
        ("headline", "Chat with us"),
        ("body", "Offer"),
        ("media_type", "image"),
        ("image_url", "https://scontent.xx.fbcdn.net/x"),
        ("ctwa_clid", "ARAx"),
        ("welcome_message.text", "Welcome"),
    ]);
    assert_eq!(message(&fixture("referral")).referral, Some(expected));
    let product = map(&[
        ("referred_product.catalog_id", "194836987003835"),
        ("referred_product.product_retailer_id", "sku1"),
    ]);
    assert_eq!(message(&fixture("text_product")).referral, Some(product));
}

#[test]
fn users_are_known_by_number_by_id_or_by_both() {
    let user = |webhook: &Value| message(webhook).user;
    assert_eq!(user(&fixture("user_by_id")), User::Id(id(BSUID)));
    assert_eq!(user(&fixture("user_by_id_in_from")), User::Id(id(BSUID)));
    assert_eq!(user(&fixture("user_by_phone")), User::Phone(phone("+919876543210")));
    let named = message(&fixture("user_by_id")).profile_name;
    assert_eq!(named.as_deref(), Some("@testcustomer"));
    // The contact completes the message, from either side.
    let both = User::Both(phone("+919876543210"), id(BSUID));
    assert_eq!(user(&with(fixture("text"), MESSAGE, "from_user_id", None)), both);
    assert_eq!(user(&with(fixture("text"), MESSAGE, "from", None)), both);
    // An id of several portfolios is nobody's.
    let parent = with(fixture("user_by_phone"), MESSAGE, "from_user_id", Some(json!("US.ENT.1")));
    assert_eq!(user(&parent), User::Phone(phone("+919876543210")));
    let signed = with(fixture("user_by_phone"), MESSAGE, "from", Some(json!("+919876543210")));
    assert_eq!(user(&signed), User::Phone(phone("+919876543210")));
}

#[test]
fn f18_contacts_are_matched_by_their_keys_and_never_by_guess() {
    let contacts = |contacts| with(fixture("text"), VALUE, "contacts", Some(contacts));
    let both = User::Both(phone("+919876543210"), id(BSUID));
    // Another user alone in the list, and the same phone under another id.
    for stranger in [
        json!([{"profile":{"name":"Eve"},"wa_id":"919876543299","user_id":"IN.1"}]),
        json!([{"profile":{"name":"Eve"},"wa_id":"919876543210","user_id":"IN.1"}]),
        json!(["poison"]),
        json!(null),
    ] {
        let got = message(&contacts(stranger));
        assert_eq!((got.user, got.profile_name), (both.clone(), None));
    }
    // Two writings of one number (U9).
    let mut brazil = fixture("user_by_phone");
    brazil = with(brazil, MESSAGE, "from", Some(json!("5511987654321")));
    let written = json!([{"profile":{"name":"Ana"},"wa_id":"551187654321"}]);
    let got = message(&with(brazil, VALUE, "contacts", Some(written)));
    assert_eq!(got.profile_name.as_deref(), Some("Ana"));
    assert_eq!(got.user, User::Phone(phone("+5511987654321")));
}

#[test]
fn times_are_read_in_seconds_and_milliseconds() {
    let at =
        |value: Value| message(&with(fixture("text"), MESSAGE, "timestamp", Some(value))).sent_at;
    let expected = Some(Timestamp::from_seconds(1_763_632_795));
    assert_eq!(at(json!("1763632795")), expected);
    assert_eq!(at(json!(1_763_632_795)), expected);
    assert_eq!(at(json!("1763632795000")), expected);
    let finer = Some(Timestamp::from_millis(1_763_632_795_123));
    assert_eq!(at(json!(1_763_632_795_123_i64)), finer);
    for none in [
        json!(null),
        json!(""),
        json!("soon"),
        json!(0),
        json!(-1),
        json!([1]),
        json!("1763632795123456"),
        json!(u64::MAX),
        json!("99999999999999999999999"),
    ] {
        assert_eq!(at(none.clone()), None, "{none}");
    }
}

#[test]
fn a_message_that_cannot_be_stored_is_told_by_what_it_lacks() {
    let text = || fixture("user_by_phone");
    for from in [None, Some(json!("Eve")), Some(json!("0123456789")), Some(json!({}))] {
        assert_eq!(only(&with(text(), MESSAGE, "from", from)), other("message:text:without_user"));
    }
    let nowhere = with(text(), VALUE, "metadata", None);
    assert_eq!(only(&nowhere), other("message:text:without_business"));
    let grouped = with(text(), MESSAGE, "group_id", Some(json!("Y2FwaV9ncm91cDox")));
    assert_eq!(only(&grouped), other("message:text:in_group"));
}

#[test]
fn the_number_itself_stands_in_for_its_missing_id() {
    let shown = json!({"display_phone_number":"+1 555-078-3881"});
    let got = message(&with(fixture("text"), VALUE, "metadata", Some(shown)));
    assert_eq!(got.business, Business::Phone(phone("+15550783881")));
}

#[test]
fn kinds_of_an_unusual_form_keep_their_fields() {
    let content = |name: &str, value: Value| {
        let kind = value.as_object().unwrap().keys().next().unwrap().clone();
        message(&with(fixture(name), MESSAGE, &kind, Some(value[&kind].clone()))).content
    };
    let is = |kind: &str, raw: &[(&str, &str)]| unsupported(kind, raw);
    assert_eq!(content("text", json!({"text":{"body":7}})), is("text", &[("body", "7")]));
    assert_eq!(content("text", json!({"text":"bare"})), is("text", &[("text", "bare")]));
    assert_eq!(content("text", json!({"text":null})), is("text", &[]));
    let lost = content("image", json!({"image":{"caption":"lost"}}));
    assert_eq!(lost, is("image", &[("caption", "lost")]));
    let empty = content("contacts", json!({"contacts":[]}));
    assert_eq!(empty, is("contacts", &[]));
    let odd = content("contacts", json!({"contacts":[{"odd":1}]}));
    assert_eq!(odd, is("contacts", &[("contacts.0.odd", "1")]));
    let half = content("location", json!({"location":{"latitude":1.5}}));
    assert_eq!(half, is("location", &[("latitude", "1.5")]));
}

#[test]
fn fields_speak_where_the_type_is_missing() {
    let image = message(&with(fixture("image"), MESSAGE, "type", None));
    assert!(matches!(image.content, Content::Image(_)));
    let nothing = with(with(fixture("text"), MESSAGE, "type", None), MESSAGE, "text", None);
    assert_eq!(message(&nothing).content, unsupported("unknown", &[]));
    // A kind named like a field of the envelope takes nothing from there.
    let odd = with(fixture("text"), MESSAGE, "type", Some(json!("context")));
    let odd = with(odd, MESSAGE, "context", Some(json!({"from":"15550783881"})));
    let Content::Unsupported { kind, raw } = message(&odd).content else { panic!("understood") };
    assert_eq!((kind.as_str(), raw.contains_key("from")), ("context", false));
}

#[test]
fn unknown_kinds_keep_their_fields_within_limits() {
    let mut fields = json!({"long": "é".repeat(20_000)});
    for i in 0..1000 {
        fields[format!("z{i}")] = json!("v".repeat(500));
    }
    let kind = "k".repeat(100);
    let webhook = with(fixture("text"), MESSAGE, "type", Some(json!(kind)));
    let webhook = with(webhook, MESSAGE, &kind, Some(fields));
    let Content::Unsupported { kind, raw } = message(&webhook).content else { panic!("?") };
    assert_eq!((kind.len(), raw["long"].chars().count()), (64, 16_384));
    let bytes: usize = raw.iter().map(|(k, v)| k.len() + v.len()).sum();
    assert!(bytes <= 65_536 && raw.len() <= 256, "{bytes} {}", raw.len());
    assert!(!raw.contains_key("from") && !raw.contains_key("from_user_id"));
}

#[test]
fn half_a_surrogate_pair_costs_nobody_his_message() {
    let body = fixture("text").to_string();
    assert!(body.contains("Test Customer"));
    for (half, expected) in [
        (r"a\ud83d", "a\u{fffd}"),
        (r"\udc4b!", "\u{fffd}!"),
        (r"\ud83d\ud83d\udc4b", "\u{fffd}👋"),
        (r"\ud83d\n", "\u{fffd}\n"),
        (r"\ud83d\udc4b \\ud83d \ud83d", "👋 \\ud83d \u{fffd}"),
    ] {
        let body = body.replace("Test Customer", half);
        let items = parse_bytes(body.as_bytes()).unwrap();
        let Item::Message(got) = &items[0] else { panic!("no message") };
        assert_eq!(got.profile_name.as_deref(), Some(expected), "{half}");
        assert_eq!(got.content, text("नमस्ते 👋 me@x.example"));
    }
    let mut bytes = body.into_bytes();
    let place = bytes.windows(4).position(|w| w == b"Test").unwrap();
    bytes[place] = 0xFF;
    let items = parse_bytes(&bytes).unwrap();
    let Item::Message(got) = &items[0] else { panic!("no message") };
    assert_eq!(got.profile_name.as_deref(), Some("\u{fffd}est Customer"));
}

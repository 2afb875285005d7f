//! One fixture of each kind of message, and what is wrong with the malformed.

use super::{encode, fixture, message, parse, parse_at, with};
use std::collections::BTreeMap;
use transom_core::content::{Content, Media};
use transom_core::identity::{Phone, User, UserId};
use transom_wire::{Business, Item};

const MEDIA: &str = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages/MM11111111111111111111111111111111/Media/ME11111111111111111111111111111111";

fn phone(text: &str) -> Phone {
    Phone::parse(text).unwrap()
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn map(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn media(content_type: &str, caption: Option<&str>) -> Media {
    Media {
        url: Some(MEDIA.to_owned()),
        content_type: Some(content_type.to_owned()),
        caption: caption.map(str::to_owned),
        ..Media::default()
    }
}

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

fn button() -> Content {
    Content::Button { text: "Confirm".to_owned(), payload: Some("confirm_42".to_owned()) }
}

fn location(latitude: &str, longitude: &str, name: Option<&str>, address: Option<&str>) -> Content {
    Content::Location {
        latitude: latitude.to_owned(),
        longitude: longitude.to_owned(),
        name: name.map(str::to_owned),
        address: address.map(str::to_owned),
    }
}

fn card(content_type: &str) -> Content {
    Content::Contacts { contacts: Vec::new(), file: Some(media(content_type, None)) }
}

fn list() -> Content {
    Content::List { id: "crop_wheat".to_owned(), title: "Wheat".to_owned(), description: None }
}

fn unsupported(kind: &str, raw: &[(&str, &str)]) -> Content {
    Content::Unsupported { kind: kind.to_owned(), raw: map(raw) }
}

#[test]
fn m30_f6_every_kind_is_read_and_none_is_dropped() {
    let second =
        MEDIA.replace("ME11111111111111111111111111111111", "ME22222222222222222222222222222222");
    let set = [
        ("NumMedia", "2"),
        ("Body", "both"),
        ("MessageType", "image"),
        ("MediaUrl0", MEDIA),
        ("MediaContentType0", "image/jpeg"),
        ("MediaUrl1", &second),
        ("MediaContentType1", "application/pdf"),
    ];
    let reaction = [
        ("MessageType", "reaction"),
        ("NumMedia", "0"),
        ("Body", "👍"),
        ("ReactionTo", "SM22222222222222222222222222222222"),
        ("ChannelMetadata", r#"{"type":"whatsapp"}"#),
    ];
    let cases = [
        ("text", text("नमस्ते 👋 = a&b +1 100%")),
        ("text_without_type", text(" two  spaces kept ")),
        ("text_forwarded", text("pass it on")),
        ("text_frequently_forwarded", text("pass it on")),
        ("text_reply", text("yes")),
        ("image", Content::Image(media("image/jpeg", Some("my leaf")))),
        ("video", Content::Video(media("video/mp4", None))),
        ("audio", Content::Audio(media("audio/ogg; codecs=opus", None))),
        ("document", Content::Document(media("application/pdf", Some("invoice 42.pdf")))),
        ("sticker", Content::Sticker(media("image/webp", None))),
        ("sticker_without_type", Content::Sticker(media("image/webp", None))),
        ("contacts", card("text/vcard")),
        ("contacts_without_type", card("text/x-vcard")),
        ("location", location("12.9716", "77.5946", Some("Metro"), Some("MG Road, Bengaluru"))),
        ("location_bare", location("-12.5", "0", None, None)),
        ("button_template", button()),
        ("button_session", button()),
        ("list", list()),
        ("referral", text("Hi")),
        ("user_by_id", text("hi")),
        ("user_by_both", text("hi")),
        ("unknown_kind", unsupported("reaction", &reaction)),
        ("empty", unsupported("unknown", &[("NumMedia", "0")])),
        ("media_set", unsupported("media_set", &set)),
    ];
    for (name, expected) in &cases {
        assert_eq!(&message(&fixture(name)).content, expected, "{name}");
    }
    // No fixture stands there unread.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/twilio");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".form").unwrap();
        assert!(stem.starts_with("status_") || cases.iter().any(|(n, _)| *n == stem), "{name}");
    }
}

#[test]
fn the_envelope_is_read() {
    let got = message(&fixture("text"));
    assert_eq!(got.business, Business::Phone(phone("+14155238886")));
    assert_eq!(got.user, User::Phone(phone("+919876543210")));
    assert_eq!(got.profile_name.as_deref(), Some("Test Customer"));
    assert_eq!(got.provider_message_id, "SM11111111111111111111111111111111");
    assert_eq!((got.sent_at, got.forwarded, got.reply_to, got.referral), (None, false, None, None));
    assert_eq!(message(&with(fixture("text"), "ProfileName", None)).profile_name, None);
}

#[test]
fn m141_forwarding_and_replies_are_kept() {
    assert!(message(&fixture("text_forwarded")).forwarded);
    assert!(message(&fixture("text_frequently_forwarded")).forwarded);
    let answered = |name| message(&fixture(name)).reply_to;
    assert_eq!(answered("text_reply").as_deref(), Some("SM22222222222222222222222222222222"));
    assert_eq!(answered("button_template").as_deref(), Some("MM33333333333333333333333333333333"));
}

#[test]
fn an_advertisement_is_told_by_its_fields_and_never_by_their_count() {
    let expected = map(&[
        ("source_type", "ad"),
        ("source_id", "120400000000000000"),
        ("source_url", "https://fb.me/x"),
        ("headline", "Seeds"),
        ("body", "Half price"),
        ("ctwa_clid", "ARA0123"),
    ]);
    assert_eq!(message(&fixture("referral")).referral, Some(expected));
    assert_eq!(message(&with(fixture("text"), "ReferralNumMedia", Some("3"))).referral, None);
    assert_eq!(message(&with(fixture("text"), "ReferralSourceId", Some(""))).referral, None);
}

#[test]
fn users_are_known_by_number_by_id_or_by_both() {
    let user = |fields: super::Pairs| message(&fields).user;
    assert_eq!(user(fixture("user_by_id")), User::Id(id("US.13491208655302741918")));
    let both = User::Both(phone("+919876543210"), id("ID.4566546130240823"));
    assert_eq!(user(fixture("user_by_both")), both);
    let odd = with(fixture("text"), "ExternalUserId", Some("whatsapp:nonsense"));
    assert_eq!(user(odd), User::Phone(phone("+919876543210")));
}

#[test]
fn what_identifies_a_message_must_be_there() {
    for field in ["MessageSid", "From", "To"] {
        for value in [None, Some("")] {
            let error = parse(&with(fixture("text"), field, value)).unwrap_err();
            assert_eq!(error.to_string(), format!("`{field}` is missing"));
        }
    }
    for field in ["From", "To"] {
        for value in [
            "whatsapp:+0123secret",
            "+919876543210",
            "sms:+919876543210",
            "whatsapp:919876543210",
            "whatsapp:",
        ] {
            let error = parse(&with(fixture("text"), field, Some(value))).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{field}`")), "{error}");
            assert!(!error.contains("secret") && !error.contains("9876"), "{error}");
        }
    }
}

#[test]
fn nobody_knows_what_a_json_body_or_an_empty_one_is() {
    for body in [&b""[..], b"{\"MessageSid\":\"SM1\"}", b"\xff\xfe", b"=&=&"] {
        assert_eq!(parse_at("", body).unwrap_err().to_string(), "`MessageSid` is missing");
    }
}

#[test]
fn a_webhook_configured_as_a_get_is_read_from_its_query() {
    let query = String::from_utf8(encode(&fixture("list"))).unwrap();
    let Item::Message(got) = parse_at(&query, b"").unwrap() else { panic!("no message") };
    assert_eq!(got.content, list());
}

#[test]
fn bodies_beyond_the_limit_are_refused() {
    let long = |chars: usize| encode(&with(fixture("text"), "Body", Some(&"a".repeat(chars))));
    assert!(parse_at("", &long(60_000)).is_ok());
    let error = parse_at("", &long(1 << 16)).unwrap_err();
    assert_eq!(error.to_string(), "the body is longer than 65536 bytes");
}

#[test]
fn unknown_kinds_keep_their_fields_within_limits() {
    let mut fields = with(fixture("unknown_kind"), "Long", Some(&"é".repeat(5000)));
    fields.extend((0..200).map(|i| (format!("Zz{i}"), "v".to_owned())));
    let fields = with(fields, "MessageType", Some(&"k".repeat(100)));
    let Content::Unsupported { kind, raw } = message(&fields).content else { panic!("understood") };
    assert_eq!((kind.len(), raw.len()), (64, 64));
    assert_eq!(raw["Long"].chars().count(), 4096);
    assert!(!raw.contains_key("ProfileName") && !raw.contains_key("From"));
}

#[test]
fn fields_speak_before_the_type() {
    let content = |fields: super::Pairs| message(&fields).content;
    let image = || fixture("image");
    // A kind that nobody knows, but a file that anybody does.
    assert!(matches!(content(with(image(), "MessageType", Some("ptv"))), Content::Image(_)));
    assert!(matches!(content(with(image(), "MessageType", None)), Content::Image(_)));
    let typed = |ct| content(with(with(image(), "MessageType", None), "MediaContentType0", ct));
    assert!(matches!(typed(Some("Video/MP4")), Content::Video(_)));
    assert!(matches!(typed(Some("audio/amr")), Content::Audio(_)));
    assert!(matches!(typed(Some("text/plain")), Content::Document(_)));
    assert!(matches!(typed(None), Content::Document(_)));
    // A file is announced but not there.
    let Content::Unsupported { kind, raw } = content(with(image(), "MediaUrl0", None)) else {
        panic!("a file from nowhere")
    };
    assert_eq!((kind.as_str(), raw["Body"].as_str()), ("image", "my leaf"));
    let bare = with(with(fixture("button_template"), "ButtonText", None), "ButtonPayload", None);
    assert_eq!(content(bare), Content::Button { text: "Confirm".to_owned(), payload: None });
}

#[test]
fn text_that_is_no_utf8_arrives_marked() {
    let mut body = encode(&with(fixture("text"), "Body", None));
    body.extend_from_slice(b"&Body=a%FFb");
    let Item::Message(got) = parse_at("", &body).unwrap() else { panic!("no message") };
    assert_eq!(got.content, text("a\u{fffd}b"));
}

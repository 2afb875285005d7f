//! What holds for any input.

use super::{fixture, fixtures, parse_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_wire::gupshup::{classify, explain, verify};
use transom_wire::{Item, Webhook};

/// Any JSON, of which the field names are mostly those that are looked for.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "message",
            "message-event",
            "user-event",
            "text",
            "button",
            "contact",
            "sent",
            "failed",
            "enqueued",
            "messages",
            "whatsapp_business_account",
            "919876543210",
            "{\"id\":1}",
        ])
        .prop_map(Value::from),
    ];
    let name = prop_oneof![
        9 => prop::sample::select(vec![
            "type", "payload", "id", "gsId", "sender", "senderobj", "message", "messageobj",
            "context", "contextobj", "source", "phone", "app", "destination", "text", "url", "ts",
            "contacts", "phones", "name", "referral", "object", "entry", "changes", "value",
            "field", "statuses", "messages", "status", "gs_id", "timestamp", "errors", "code",
            "metadata", "display_phone_number", "messageId",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The places in a value, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(k, v)| places(v, &format!("{at}/{k}"), found));
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(i, v)| places(v, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(
        query in any::<String>(),
        token in any::<String>(),
        body in vec(any::<u8>(), 0..400),
        status in any::<u16>(),
        retry_after in proptest::option::of(any::<String>()),
    ) {
        let headers = BTreeMap::from([("x-transom-token".to_owned(), query.clone())]);
        let webhook = Webhook { url: "https://x", query: &query, headers: &headers, body: &body };
        let _ = verify(&token, &webhook);
        let _ = parse_bytes(&body);
        let _ = classify(status, retry_after.as_deref(), &body);
        let _ = explain(&query);
    }

    #[test]
    fn nothing_panics_on_any_json(value in any_json(), status in any::<u16>()) {
        let body = value.to_string();
        let _ = parse_bytes(body.as_bytes());
        let _ = classify(status, None, body.as_bytes());
    }

    #[test]
    fn nothing_panics_on_fixtures_with_something_else_in_one_place(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        new in any_json(),
    ) {
        let names = fixtures();
        let mut value = fixture(which.get(names.as_slice()).as_str());
        let mut found = Vec::new();
        places(&value, "", &mut found);
        *value.pointer_mut(place.get(found.as_slice()).as_str()).unwrap() = new;
        let _ = parse_bytes(value.to_string().as_bytes());
    }

    #[test]
    fn only_the_very_token_verifies(token in "[!-~é]{1,20}", other in any::<String>()) {
        let check = |query: &str| {
            let headers = BTreeMap::new();
            verify(&token, &Webhook { url: "https://x", query, headers: &headers, body: b"" })
        };
        let query = |token: &str| {
            form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish()
        };
        prop_assert!(check(&query(&token)).is_ok());
        prop_assert_eq!(check(&query(&other)).is_ok(), other == token);
    }
}

#[test]
fn deep_json_is_refused_and_not_followed() {
    let nested = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    assert!(parse_bytes(nested.as_bytes()).is_err());
    for field in ["type", "payload", "entry", "messageobj"] {
        assert!(parse_bytes(format!(r#"{{"{field}":{nested}}}"#).as_bytes()).is_err(), "{field}");
    }
    // Deep JSON inside a text stays a text.
    let inside = json!({"type": "message", "payload": format!("{{\"a\":{nested}}}")});
    let got = parse_bytes(inside.to_string().as_bytes()).unwrap();
    assert!(matches!(&got[..], [Item::Other { kind, .. }] if kind.starts_with("message:")));
    let object = format!("{}1{}", r#"{"payload":"#.repeat(100_000), "}".repeat(100_000));
    assert!(parse_bytes(object.as_bytes()).is_err());
}

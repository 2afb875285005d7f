//! What holds for any input.

use super::{fixture, fixtures, parse, parse_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_wire::meta::{classify, explain, handshake, sign, verify};
use transom_wire::{Forged, Webhook};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-zA-Z0-9 +%&=.]{0,12}", "[अ-ह👋é']{0,6}"]
}

/// Any JSON, with keys and values that are likely to be looked at.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        select(vec!["text", "image", "interactive", "919876543210", "IN.1", "sent", "failed"])
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        text(),
        select(vec![
            "changes",
            "value",
            "field",
            "messages",
            "statuses",
            "contacts",
            "errors",
            "metadata",
            "phone_number_id",
            "from",
            "from_user_id",
            "id",
            "timestamp",
            "type",
            "text",
            "body",
            "image",
            "context",
            "referral",
            "interactive",
            "button_reply",
            "status",
            "code",
            "recipient_id",
            "group_id",
            "user_preferences",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key.clone(), inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn check(secret: &str, signature: &str, body: &[u8]) -> Result<(), Forged> {
    let headers = BTreeMap::from([("x-hub-signature-256".to_owned(), signature.to_owned())]);
    verify(secret, &Webhook { url: "", query: "", headers: &headers, body })
}

/// Every entry of every fixture.
fn entries() -> Vec<Value> {
    let of = |name: String| fixture(&name)["entry"].as_array().unwrap().clone();
    fixtures("").into_iter().flat_map(of).collect()
}

fn webhook(entries: &[Value]) -> Value {
    json!({"object": "whatsapp_business_account", "entry": entries})
}

fn multiset(webhook: &Value) -> Vec<String> {
    let mut items: Vec<String> = parse(webhook).iter().map(|item| format!("{item:?}")).collect();
    items.sort();
    items
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(
        query in text(),
        signature in text(),
        body in vec(any::<u8>(), 0..400),
        status in any::<u16>(),
        retry_after in proptest::option::of(text()),
    ) {
        let _ = check(SECRET, &signature, &body);
        let _ = check(&query, &format!("sha256={signature}"), &body);
        let _ = handshake(&signature, &query);
        let _ = parse_bytes(&body);
        let _ = classify(status, retry_after.as_deref(), &body);
        let _ = explain(&query);
    }

    #[test]
    fn nothing_panics_on_json_that_looks_right(value in any_json(), status in 200..600u16) {
        let _ = parse(&webhook(std::slice::from_ref(&value)));
        let change = json!([{"changes": [{"field": "messages", "value": value}]}]);
        prop_assert!(!parse(&webhook(change.as_array().unwrap())).is_empty());
        let _ = classify(status, None, value.to_string().as_bytes());
        let _ = classify(status, None, json!({"error": value}).to_string().as_bytes());
    }

    /// F6: whatever stands in the lists, as many items come out.
    #[test]
    fn f6_items_out_are_items_in(
        messages in vec(any_json(), 0..6),
        statuses in vec(any_json(), 0..6),
        contacts in any_json(),
    ) {
        let expected = (messages.len() + statuses.len()).max(1);
        let value = json!({"metadata": {"phone_number_id": "1"}, "contacts": contacts,
            "messages": messages, "statuses": statuses});
        let change = json!({"changes": [{"field": "messages", "value": value}]});
        prop_assert_eq!(parse(&webhook(&[change])).len(), expected);
    }

    /// A break anywhere in a fixture's text loses the whole or nothing of the others.
    #[test]
    fn broken_fixtures_never_panic(which in any::<Index>(), cut in any::<Index>(), with in any::<u8>()) {
        let names = fixtures("");
        let mut bytes = fixture(which.get::<String>(&names)).to_string().into_bytes();
        let place = cut.index(bytes.len());
        bytes[place] = with;
        let _ = parse_bytes(&bytes);
        bytes.truncate(place);
        let _ = parse_bytes(&bytes);
    }

    #[test]
    fn the_order_of_entries_does_not_matter(
        shuffled in Just(entries()).prop_shuffle(),
        take in 1..40usize,
    ) {
        let some = &shuffled[..take.min(shuffled.len())];
        let mut sorted = some.to_vec();
        sorted.sort_by_key(Value::to_string);
        prop_assert_eq!(multiset(&webhook(some)), multiset(&webhook(&sorted)));
        let apart: usize = some.iter().map(|e| parse(&webhook(std::slice::from_ref(e))).len()).sum();
        prop_assert_eq!(parse(&webhook(some)).len(), apart);
    }

    #[test]
    fn what_is_signed_verifies_and_any_changed_byte_does_not(
        secret in "[ -~]{1,64}",
        mut body in prop_oneof![vec(any::<u8>(), 1..400), text().prop_map(|t| format!("{t}.").into_bytes())],
        place in any::<Index>(),
        flip in 1..=255u8,
    ) {
        let signature = sign(&secret, &body);
        prop_assert_eq!(check(&secret, &signature, &body), Ok(()));
        let elsewhere = check(&format!("{secret}."), &signature, &body);
        prop_assert_eq!(elsewhere, Err(Forged::Mismatch));
        *place.get_mut(&mut body) ^= flip;
        prop_assert_eq!(check(&secret, &signature, &body), Err(Forged::Mismatch));
    }

    /// A body is taken as Meta wrote it and with its escapes undone.
    #[test]
    fn escapes_and_what_they_stand_for_both_verify(words in text()) {
        let undone = json!({"text": words}).to_string();
        let mut escaped = String::new();
        for unit in undone.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
                _ => escaped.push_str(&format!("\\u{unit:04x}")),
            }
        }
        let signature = sign(SECRET, escaped.as_bytes());
        prop_assert_eq!(check(SECRET, &signature, escaped.as_bytes()), Ok(()));
        prop_assert_eq!(check(SECRET, &signature, undone.as_bytes()), Ok(()));
    }
}

//! What holds for any input.

use super::{FORM, TOKEN, encode, parse_at};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_wire::twilio::{sign, verify};
use transom_wire::{Webhook, classify, explain};

const URL: &str = "https://t.example/webhooks/twilio/main?x=1";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-zA-Z0-9 +%&=]{0,12}", "[अ-ह👋é']{0,6}"]
}

/// Decoded parameters, duplicates with distinct values among them, in any order.
fn params() -> impl Strategy<Value = Vec<(String, String)>> {
    btree_map(text(), btree_set(text(), 1..4), 1..8)
        .prop_map(|map| {
            map.into_iter()
                .flat_map(|(key, values)| values.into_iter().map(move |v| (key.clone(), v)))
                .collect::<Vec<_>>()
        })
        .prop_shuffle()
}

fn verifies(url: &str, content_type: &str, signature: &str, body: &[u8]) -> bool {
    let headers = BTreeMap::from([
        ("content-type".to_owned(), content_type.to_owned()),
        ("x-twilio-signature".to_owned(), signature.to_owned()),
    ]);
    let query = url.split_once('?').map_or("", |(_, q)| q);
    verify(TOKEN, None, &Webhook { url, query, headers: &headers, body }).is_ok()
}

/// Percent-encodes every byte, so that a body can hold any.
fn encode_bytes(pairs: &[(String, Vec<u8>)]) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("%{b:02X}")).collect::<String>();
    let parts: Vec<String> =
        pairs.iter().map(|(k, v)| format!("{}={}", hex(k.as_bytes()), hex(v))).collect();
    parts.join("&").into_bytes()
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(
        url in text(),
        query in text(),
        signature in text(),
        form in any::<bool>(),
        body in vec(any::<u8>(), 0..400),
        status in any::<u16>(),
        retry_after in proptest::option::of(text()),
    ) {
        let content_type = if form { FORM.to_owned() } else { query.clone() };
        let _ = verifies(&url, &content_type, &signature, &body);
        let _ = verifies(&format!("https://{url}?{query}"), &content_type, &signature, &body);
        let _ = parse_at(&query, &body);
        let _ = classify(Provider::Twilio, status, retry_after.as_deref(), &body);
        let _ = explain(Provider::Twilio, &url);
    }

    #[test]
    fn nothing_panics_on_forms_that_look_right(
        fields in vec((
            prop_oneof![
                Just("MessageSid"), Just("From"), Just("To"), Just("Body"), Just("MessageStatus"),
                Just("MediaUrl0"), Just("MediaUrl1"), Just("MediaContentType0"), Just("MessageType"),
                Just("ButtonText"), Just("ListId"), Just("Latitude"), Just("ErrorCode"),
            ],
            prop_oneof![text(), Just("whatsapp:+919876543210".to_owned()), Just("image/webp".to_owned())],
        ), 0..20),
        query in text(),
    ) {
        let owned: Vec<_> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        let _ = parse_at(&query, &encode(&owned));
    }

    #[test]
    fn what_is_signed_verifies_and_any_changed_byte_does_not(
        params in params(),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        flip in 1..=255u8,
    ) {
        let signature = sign(TOKEN, URL, &params);
        prop_assert!(verifies(URL, FORM, &signature, &encode(&params)));
        let elsewhere = format!("{URL}1");
        prop_assert!(!verifies(&elsewhere, FORM, &signature, &encode(&params)));

        let mut bytes: Vec<(String, Vec<u8>)> =
            params.into_iter().map(|(k, v)| (k, v.into_bytes())).collect();
        prop_assert!(verifies(URL, FORM, &signature, &encode_bytes(&bytes)));
        let (_, value) = which.get_mut(&mut bytes);
        if value.is_empty() {
            value.push(flip);
        } else {
            *place.get_mut(value) ^= flip;
        }
        prop_assert!(!verifies(URL, FORM, &signature, &encode_bytes(&bytes)));
    }

    #[test]
    fn queries_of_any_kind_verify_as_they_stand(query in "[ -\"$-~]{0,20}", params in params()) {
        let url = format!("https://t.example/a?{query}");
        prop_assert!(verifies(&url, FORM, &sign(TOKEN, &url, &params), &encode(&params)));
    }
}

//! The wire's own readers take whatever the pretend providers post.

use std::collections::BTreeMap;

use transom_core::account::Provider;
use transom_core::content::Content;
use transom_wire::{Credentials, Item, Webhook};

use super::super::*;
use super::stage::{RawHook, Stage, text};
use super::{BEGIN_MS, CUSTOMER};

const META: &str = "+15550783881";
const GUPSHUP: &str = "+917834811114";

fn meta() -> Credentials {
    Credentials::Meta {
        access_token: "token".to_owned(),
        app_secret: "secret".to_owned(),
        previous_app_secret: None,
        verify_token: String::new(),
    }
}

fn gupshup() -> Credentials {
    Credentials::Gupshup {
        app_name: "DemoApp".to_owned(),
        api_key: "key".to_owned(),
        webhook_token: "s3cret".to_owned(),
        previous_webhook_token: None,
    }
}

async fn stage() -> Stage {
    let stage = Stage::new(AutoStatus::Manual).await;
    let inbound_url = Some(format!("{}/in", stage.receiver_url));
    stage.sandbox.register_meta(MetaAccount {
        access_token: "token".to_owned(),
        app_secret: "secret".to_owned(),
        inbound_url: inbound_url.clone(),
        waba_id: "1022".to_owned(),
    });
    stage.sandbox.register_meta_number("token", "1065", META);
    stage.sandbox.register_gupshup(GupshupAccount {
        app_name: "DemoApp".to_owned(),
        app_id: "82ed52f4".to_owned(),
        api_key: "key".to_owned(),
        webhook_token: "s3cret".to_owned(),
        inbound_url,
        status_url: None,
    });
    stage.sandbox.register_gupshup_number("DemoApp", GUPSHUP);
    stage
}

fn read(credentials: &Credentials, hook: &RawHook) -> Vec<Item> {
    let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers: BTreeMap<String, String> = hook.headers.iter().filter_map(header).collect();
    let query = hook.path.split_once('?').map_or("", |(_, query)| query);
    let webhook = Webhook { url: &hook.path, query, headers: &headers, body: &hook.body };
    transom_wire::verify(credentials, &webhook).expect("authentic");
    let provider: Provider = credentials.provider();
    transom_wire::parse(provider, &webhook).expect("readable")
}

/// One message of each kind.
fn kinds() -> Vec<PhoneContent> {
    let media = || PhoneMedia { caption: "leaf".to_owned(), ..PhoneMedia::default() };
    let tap = |template| PhoneContent::QuickReply {
        text: "Confirm".to_owned(),
        payload: "confirm_42".to_owned(),
        template,
    };
    vec![
        text("नमस्ते 👋 a@b.c/d"),
        PhoneContent::Image(media()),
        PhoneContent::Video(media()),
        PhoneContent::Audio(PhoneMedia::default()),
        PhoneContent::Document(media()),
        PhoneContent::Sticker(PhoneMedia::default()),
        PhoneContent::Contact(media()),
        PhoneContent::Location { latitude: 12.9, longitude: 77.5, label: None, address: None },
        tap(true),
        tap(false),
        PhoneContent::ListReply { id: "crop_wheat".to_owned(), title: "Wheat".to_owned() },
    ]
}

/// Every kind of message and, from a hidden phone, a text: each must be read for what it is.
async fn check_inbound(stage: &mut Stage, credentials: &Credentials, business: &str) {
    for content in kinds() {
        let kind = content.kind();
        let sid = stage.customer_writes(business, content).await;
        let hooks = stage.settled_hooks().await;
        let items = read(credentials, &hooks[0]);
        let [Item::Message(inbound)] = items.as_slice() else {
            panic!("{kind}: {items:?}");
        };
        assert_eq!(inbound.provider_message_id, sid, "{kind}");
        assert!(!matches!(inbound.content, Content::Unsupported { .. }), "{kind}: {inbound:?}");
        assert!(inbound.user.phone().is_some(), "{kind}");
    }
    let hidden = PhoneMessage::text("US.13491208655302741918", business, "hi");
    stage.sandbox.phone_send(hidden).await.expect("an answer");
    let hooks = stage.settled_hooks().await;
    let items = read(credentials, &hooks[0]);
    assert!(matches!(items.as_slice(), [Item::Message(inbound)] if inbound.user.phone().is_none()));
}

#[tokio::test]
async fn every_kind_of_message_is_read() {
    let mut stage = stage().await;
    check_inbound(&mut stage, &meta(), META).await;
    for shape in [
        GupshupShape::V2,
        GupshupShape::V2NewNames,
        GupshupShape::V2OldNames,
        GupshupShape::V3,
        GupshupShape::BotNewNames,
        GupshupShape::BotOldNames,
    ] {
        stage.sandbox.set_gupshup_shape(shape);
        check_inbound(&mut stage, &gupshup(), GUPSHUP).await;
    }
}

#[tokio::test]
async fn a_batch_is_read_whole() {
    let mut stage = stage().await;
    let message = PhoneMessage::text(CUSTOMER, META, "hi");
    stage.sandbox.post_meta_batch(vec![message; 1_000]).await.expect("an answer");
    let hooks = stage.settled_hooks().await;
    assert_eq!(read(&meta(), &hooks[0]).len(), 1_000);
}

#[tokio::test]
async fn every_status_is_read() {
    let mut stage = stage().await;
    stage.sandbox.note_customer_wrote(CUSTOMER, META, BEGIN_MS);
    stage.sandbox.note_customer_wrote(CUSTOMER, GUPSHUP, BEGIN_MS);
    let body = serde_json::json!({"messaging_product": "whatsapp", "to": CUSTOMER,
        "text": {"body": "hello"}});
    let headers = vec![("authorization", "Bearer token".to_owned())];
    stage.post_json("/meta/v25.0/1065/messages", &body, headers).await.expect("an answer");
    let pairs = [
        ("channel", "whatsapp"),
        ("source", "917834811114"),
        ("destination", "919876543210"),
        ("src.name", "DemoApp"),
        ("message", r#"{"type":"text","text":"hello"}"#),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let headers = vec![("apikey", "key".to_owned())];
    stage.post_form("/gupshup/wa/api/v1/msg", &pairs, headers).await.expect("an answer");
    let outbox = stage.sandbox.outbox();
    for (entry, credentials) in outbox.iter().zip([meta(), gupshup()]) {
        for (status, code) in
            [("sent", None), ("delivered", None), ("read", None), ("failed", Some(131_026))]
        {
            let posted = stage.sandbox.post_status(&entry.sid, status, code).await;
            assert_eq!(posted, Ok(Some(200)));
            let hooks = stage.settled_hooks().await;
            let items = read(&credentials, &hooks[0]);
            assert!(matches!(items.as_slice(), [Item::Status(_)]), "{status}: {items:?}");
        }
    }
    assert_eq!(outbox.len(), 2);
}

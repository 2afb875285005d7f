//! One bad item of a batch keeps the rest and is shown, and only what is no JSON is refused (F6).

use crate::fixtures::{account_events, passed_on, sent};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_testkit::World;
use transom_testkit::world::{CUSTOMER, NUMBER};

/// A broken message in the middle of a batch.
struct Broken {
    message: Value,
    /// The kind of the unsupported item in its writer's conversation, where it has one.
    in_conversation: Option<&'static str>,
    /// The kind under which it is kept for the account, where it has none.
    kept: Option<&'static str>,
}

fn broken() -> Vec<Broken> {
    let from = CUSTOMER.trim_start_matches('+');
    let shown = |message: Value, kind| Broken { message, in_conversation: Some(kind), kept: None };
    let kept = |message: Value, kind| Broken { message, in_conversation: None, kept: Some(kind) };
    vec![
        shown(
            json!({ "from": from, "id": "wamid.X1", "timestamp": "1795168700", "type": "text", "text": 7 }),
            "text",
        ),
        shown(
            json!({ "from": from, "id": "wamid.X2", "timestamp": {}, "type": "image", "image": {} }),
            "image",
        ),
        shown(json!({ "from": from, "id": "wamid.X3", "timestamp": "soon" }), "unknown"),
        shown(
            json!({ "from": from, "id": "x".repeat(3000), "timestamp": "1795168700", "type": [] }),
            "unknown",
        ),
        shown(
            json!({ "from": from, "timestamp": "1795168700", "type": "text", "text": { "body": "who?" } }),
            "message:text:without_id",
        ),
        shown(
            json!({ "from": from, "id": {}, "type": "order", "order": [1] }),
            "message:order:without_id",
        ),
        kept(
            json!({ "id": "wamid.X4", "timestamp": "1795168700", "type": "text", "text": { "body": "nobody's" } }),
            "message:text:without_user",
        ),
        kept(
            json!({ "from": "Eve", "id": "wamid.X5", "type": "text" }),
            "message:text:without_user",
        ),
        kept(json!("poison"), "message:unknown:without_user"),
        kept(json!(7), "message:unknown:without_user"),
        kept(json!(null), "message:unknown:without_user"),
        kept(json!([["poison"]]), "message:unknown:without_user"),
    ]
}

fn batch(provider: Provider, messages: &[Value], statuses: &[Value]) -> Value {
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": NUMBER.trim_start_matches('+'),
            "phone_number_id": transom_testkit::world::PROVIDER_ID,
        },
        "messages": messages,
        "statuses": statuses,
    });
    let change = json!({ "field": "messages", "value": value });
    let body = json!({
        "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [change] }],
    });
    if provider == Provider::Gupshup { passed_on(body) } else { body }
}

fn text(from: &str, n: usize) -> Value {
    json!({
        "from": from.trim_start_matches('+'), "id": format!("wamid.GOOD{n}"),
        "timestamp": (1_795_168_600 + n).to_string(), "type": "text",
        "text": { "body": format!("good {n}") },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_one_bad_message_of_a_batch_keeps_the_rest_and_is_shown() {
    const OTHER: &str = "+919876500001";
    for provider in [Provider::Meta, Provider::Gupshup] {
        for Broken { message, in_conversation, kept } in broken() {
            let case = format!("{provider:?}: {message}");
            let world = World::of(provider).await;
            let messages =
                [text(CUSTOMER, 0), text(OTHER, 1), message, text(CUSTOMER, 2), text(OTHER, 3)];
            for _ in 0..2 {
                let body = batch(provider, &messages, &[]);
                assert_eq!(world.posts(provider, &body).await.status, 200, "{case}");
            }
            world.settle().await;
            let list = world.get("/v1/conversations").await.body["items"].clone();
            let mut texts = Vec::new();
            let mut others = Vec::new();
            for conversation in list.as_array().unwrap() {
                for item in world.messages(conversation["id"].as_str().unwrap()).await {
                    match item["content"]["type"].as_str().unwrap() {
                        "text" => texts.push(item["content"]["text"].as_str().unwrap().to_owned()),
                        _ => {
                            assert_eq!(conversation["contact"]["phone"], CUSTOMER, "{case}");
                            assert_eq!(item["content"]["type"], "unsupported", "{case}");
                            others.push(item["content"]["kind"].as_str().unwrap().to_owned());
                        }
                    }
                }
            }
            texts.sort();
            assert_eq!(texts, ["good 0", "good 1", "good 2", "good 3"], "{case}");
            assert_eq!(others, in_conversation.as_slice(), "{case}");
            let events = account_events(&world).await;
            let kinds: Vec<&str> = events.iter().map(|(_, kind)| kind.as_str()).collect();
            assert_eq!(kinds, kept.as_slice(), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_one_bad_status_of_a_batch_keeps_the_rest_and_is_shown() {
    for provider in [Provider::Meta, Provider::Gupshup] {
        let (world, id, sid) = sent(provider).await;
        let status = |name: &str| {
            json!({
                "id": sid, "status": name, "timestamp": "1795168900",
                "recipient_id": CUSTOMER.trim_start_matches('+'),
                "biz_opaque_callback_data": format!("{id}.1"),
            })
        };
        let statuses = [
            status("sent"),
            json!("poison"),
            json!({ "status": "delivered" }),
            json!({ "id": {}, "status": "read", "timestamp": [] }),
            json!({ "id": sid, "status": {} }),
            json!({ "id": "y".repeat(3000), "status": "delivered", "recipient_id": "919876543210" }),
            json!(null),
            status("delivered"),
        ];
        let body = batch(provider, &[json!(false), text(CUSTOMER, 0)], &statuses);
        for _ in 0..2 {
            assert_eq!(world.posts(provider, &body).await.status, 200, "{provider:?}");
        }
        world.settle().await;
        let message = world.message(&id).await;
        assert_eq!(message["status"], "delivered", "{provider:?}: {message}");
        assert_eq!(message["statuses"].as_array().unwrap().len(), 3, "{provider:?}: {message}");
        let mut events = account_events(&world).await;
        events.sort();
        let mut expected = vec![
            ("unsupported", "message:unknown:without_user"),
            ("unsupported", "status:delivered:without_id"),
            ("unsupported", "status:read:without_id"),
            ("unsupported", "status:unknown"),
            ("unsupported", "status:unknown"),
            ("unsupported", "status:unknown"),
        ];
        if provider == Provider::Meta {
            // A message that is not ours. Gupshup's waits for the answer of its send.
            expected.push(("unmatched_status", "status:delivered"));
            expected.sort();
        }
        let events: Vec<_> = events.iter().map(|(r, k)| (r.as_str(), k.as_str())).collect();
        assert_eq!(events, expected, "{provider:?}");
    }
}

/// What is JSON is taken, whatever it says; what is not is refused, and nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_only_what_is_no_json_is_unparsable() {
    for provider in [Provider::Meta, Provider::Gupshup] {
        let world = World::of(provider).await;
        for body in ["", "{", "hello", "{\"object\":", "[1,", "\u{fffd}", "{} {}"] {
            let bytes = body.as_bytes().to_vec();
            let answer = world.posts_bytes("webhooks", provider, bytes).await;
            assert_eq!(answer.status, 400, "{provider:?}: {body}");
        }
        assert_eq!(account_events(&world).await, [], "{provider:?}");
        let bodies = [
            "[]",
            "{}",
            "null",
            "7",
            "\"x\"",
            r#"{"object":"page","entry":[]}"#,
            r#"{"object":"whatsapp_business_account"}"#,
            r#"{"object":"whatsapp_business_account","entry":7}"#,
            r#"{"object":"whatsapp_business_account","entry":[{"changes":[{"value":[]}]}]}"#,
            r#"{"type":"message","payload":{"type":"text"}}"#,
        ];
        for body in bodies {
            let bytes = body.as_bytes().to_vec();
            let answer = world.posts_bytes("status", provider, bytes).await;
            assert_eq!((answer.status, &answer.body), (200, &json!("")), "{provider:?}: {body}");
        }
        let mut kinds: Vec<_> = account_events(&world).await.into_iter().map(|(_, k)| k).collect();
        kinds.dedup();
        let expected: &[&str] = match provider {
            Provider::Meta => &[
                "entry",
                "messages",
                "webhook",
                "webhook:page",
                "webhook:whatsapp_business_account",
            ],
            Provider::Twilio | Provider::Gupshup => {
                &["entry", "message:text:without_business", "messages", "webhook"]
            }
        };
        assert_eq!(kinds, expected, "{provider:?}");
        assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
    }
}

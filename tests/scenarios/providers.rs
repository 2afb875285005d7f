//! The main road, the same for every provider: one suite, three providers.

use serde_json::json;
use transom_core::account::Provider;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{PhoneContent, PhoneMessage, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_redeliveries_and_parallel_firsts_are_taken_once() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let first = world.customer_writes("Hello").await;
        let again = (0..40).map(|_| world.sandbox().phone_resend(&first.sid));
        for answer in futures::future::join_all(again).await {
            assert_eq!(answer.unwrap().status, 200, "{provider:?}");
        }
        let others = (0..40).map(|n| {
            let message = PhoneMessage::text("+919876500001", NUMBER, &format!("{n}"));
            world.sandbox().phone_send(message)
        });
        for answer in futures::future::join_all(others).await {
            assert_eq!(answer.unwrap().status, 200, "{provider:?}");
        }
        world.settle().await;
        let list = world.get("/v1/conversations").await.body;
        let mut counts = Vec::new();
        for item in list["items"].as_array().unwrap() {
            counts.push(world.messages(item["id"].as_str().unwrap()).await.len());
        }
        counts.sort_unstable();
        assert_eq!(counts, [1, 40], "{provider:?}");
        assert_eq!(world.subscriber.of("conversation.opened").len(), 2, "{provider:?}");
        assert_eq!(world.subscriber.of("message.received").len(), 41, "{provider:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_a_forged_webhook_writes_nothing() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let path = format!("/webhooks/{}/tw", provider.as_str());
        for (kind, body) in
            [("application/json", "{}"), ("application/x-www-form-urlencoded", "a=b")]
        {
            let body = Some(body.as_bytes().to_vec());
            let answer = world.raw("", "POST", &path, kind, body, &[]).await;
            assert_eq!(answer.status, 403, "{provider:?}");
        }
        assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]), "{provider:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_media_and_places_arrive_with_their_content() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let contents = [
            PhoneContent::Location {
                latitude: 12.9716,
                longitude: 77.5946,
                label: Some("Office".into()),
                address: Some("MG Road".into()),
            },
            PhoneContent::ListReply { id: "crop_wheat".into(), title: "Wheat".into() },
        ];
        let kinds = ["location", "list"];
        for content in contents {
            let message = PhoneMessage::new(CUSTOMER, NUMBER, content);
            assert_eq!(world.sandbox().phone_send(message).await.unwrap().status, 200);
        }
        let id = world.conversation().await["id"].as_str().unwrap().to_owned();
        let mut seen: Vec<String> = world
            .messages(&id)
            .await
            .iter()
            .map(|m| m["content"]["type"].as_str().unwrap().to_owned())
            .collect();
        seen.sort();
        let mut wanted = kinds.map(str::to_owned);
        wanted.sort();
        assert_eq!(seen, wanted, "{provider:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m103_a_thousand_updates_in_one_post_are_stored() {
    let world = World::of(Provider::Meta).await;
    let many = |users: usize| -> Vec<PhoneMessage> {
        (0..1000)
            .map(|n| {
                let from = format!("+9198766{:05}", n % users);
                let mut message = PhoneMessage::text(&from, NUMBER, &format!("{n}"));
                message.at_ms = Some(world.now().as_millis() - 1000 * (1000 - n as i64));
                message
            })
            .collect()
    };
    for (users, throttled) in [(1, false), (1000, true)] {
        if throttled {
            let script = transom_testkit::Script::new().on(
                "Inbound",
                "PutItem",
                500,
                3,
                transom_testkit::WireFault::Throttle,
            );
            world.inject(script);
        }
        let answer = world.sandbox().post_meta_batch(many(users)).await.unwrap();
        assert_eq!(answer.status, 200, "{users} users: {}", answer.body);
    }
    world.settle().await;
    let received = world.subscriber.of("message.received").len();
    assert_eq!(received, 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metas_handshake_is_answered_to_meta_alone() {
    let world = World::of(Provider::Meta).await;
    let ask = async |token: &str| {
        let query = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
        world.call_as("", "GET", &format!("/webhooks/meta/tw?{query}"), None, &[]).await
    };
    let right = ask("verify-token-of-the-usual-account").await;
    assert_eq!((right.status, &right.body), (200, &json!(1_158_201_444)));
    assert_eq!(ask("another").await.status, 403);
}

//! What Meta alone does: it tells a thousand updates in one post, and asks for a handshake.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::NUMBER;
use transom_testkit::{
    AutoStatus, Heard, Payload, PhoneMessage, Script, Webhook, WireFault, World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m103_a_thousand_updates_in_one_post_are_stored() {
    for (updates, users, throttled) in
        [(999, 1, false), (1000, 1, true), (1000, 1000, false), (1000, 1000, true)]
    {
        let world = World::of(Provider::Meta).await;
        let told = (0..updates).map(|n| {
            let from = format!("+9198766{:05}", n % users);
            let mut message = PhoneMessage::text(&from, NUMBER, &format!("{n}"));
            message.at_ms = Some(world.now().as_millis() - 1000 * (1000 - n as i64));
            message
        });
        if throttled {
            let script = Script::new();
            world.inject(script.on("Inbound", "PutItem", 500, 3, WireFault::Throttle));
        }
        let answer = world.sandbox().post_meta_batch(told.collect()).await.unwrap();
        assert_eq!(answer.status, 200, "{users} users: {}", answer.body);
        world.settle().await;
        let received = world.subscriber.of("message.received");
        let of = |field: &str| -> BTreeSet<String> {
            let text = |heard: &Heard| heard.body.pointer(field).unwrap().to_string();
            received.iter().map(text).collect()
        };
        assert_eq!(of("/data/message/id").len(), updates, "{users} users, throttled: {throttled}");
        assert_eq!(of("/data/conversation").len(), users);
    }
}

/// A thousand statuses of 250 messages in one post, out of order, and the post once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m103_a_thousand_statuses_in_one_post_in_any_order_and_twice() {
    let world = World::of(Provider::Meta).await;
    world.sandbox().set_autostatus(AutoStatus::Manual);
    let mut ids = Vec::new();
    for customer in 0..25 {
        let customer = format!("+9198765{customer:05}");
        world.writes(&customer, NUMBER, "Hello").await;
        for n in 0..10 {
            ids.push(world.send_to(&customer, &format!("{n}")).await.text("id"));
        }
    }
    world.advance(Millis::from_seconds(60)).await;
    let sent = world.sandbox().outbox();
    assert_eq!(sent.len(), 250);
    let told = sent.iter().flat_map(|m| {
        ["sent", "delivered", "read", "delivered"].map(|s| world.status(&m.sid, s, None))
    });
    let told: Vec<Webhook> = told.collect();
    let statuses = "/entry/0/changes/0/value/statuses";
    let of = |webhook: &Webhook| -> Vec<Value> {
        let Payload::Json(body) = &webhook.payload else { panic!("{webhook:?}") };
        body.pointer(statuses).unwrap().as_array().unwrap().clone()
    };
    // 389 and 1,000 have no divisor in common: every status once, no two neighbours together.
    let shuffled: Vec<Value> = (0..1000).flat_map(|n| of(&told[n * 389 % 1000])).collect();
    assert_eq!(shuffled.len(), 1000);
    let mut batch = told[0].clone();
    let Payload::Json(body) = &mut batch.payload else { panic!("{batch:?}") };
    *body.pointer_mut(statuses).unwrap() = json!(shuffled);
    for _ in 0..2 {
        let answer = world.post_webhook(&batch).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        world.settle().await;
    }
    for id in ids {
        let message = world.message(&id).await;
        let words: Vec<&Value> =
            message["statuses"].as_array().unwrap().iter().map(|s| &s["status"]).collect();
        let each: BTreeSet<&str> = words.iter().filter_map(|w| w.as_str()).collect();
        assert_eq!(each.len(), words.len(), "each once: {message}");
        assert_eq!(each, BTreeSet::from(["accepted", "delivered", "read", "sent"]));
        assert_eq!(message["status"], "read", "{message}");
    }
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

//! What Meta alone does: it tells a thousand updates in one post, and asks for a handshake.

use serde_json::json;
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_testkit::world::NUMBER;
use transom_testkit::{Heard, PhoneMessage, Script, WireFault, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m103_a_thousand_updates_in_one_post_are_stored() {
    for (users, throttled) in [(1, false), (1, true), (1000, false), (1000, true)] {
        let world = World::of(Provider::Meta).await;
        let updates = (0..1000).map(|n| {
            let from = format!("+9198766{:05}", n % users);
            let mut message = PhoneMessage::text(&from, NUMBER, &format!("{n}"));
            message.at_ms = Some(world.now().as_millis() - 1000 * (1000 - n as i64));
            message
        });
        if throttled {
            let script = Script::new();
            world.inject(script.on("Inbound", "PutItem", 500, 3, WireFault::Throttle));
        }
        let answer = world.sandbox().post_meta_batch(updates.collect()).await.unwrap();
        assert_eq!(answer.status, 200, "{users} users: {}", answer.body);
        world.settle().await;
        let received = world.subscriber.of("message.received");
        let of = |field: &str| -> BTreeSet<String> {
            let text = |heard: &Heard| heard.body.pointer(field).unwrap().to_string();
            received.iter().map(text).collect()
        };
        assert_eq!(of("/data/message/id").len(), 1000, "{users} users, throttled: {throttled}");
        assert_eq!(of("/data/conversation").len(), users);
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

//! The watch over messages that the provider took and that nobody heard of again (U10, U1, U2, F9).

use crate::every_provider::every_provider;
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::{AutoStatus, World};

fn seconds(n: i64) -> Millis {
    Millis::from_seconds(n)
}

/// A World whose provider takes everything and tells nothing, and a message that it took.
async fn sent(provider: Provider, after_s: u32) -> (World, String) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::Manual);
    let settings = json!({ "unconfirmed_after_s": after_s });
    let answer = world.put("/v1/senders/support/settings", settings).await;
    assert_eq!((answer.status, &answer.body["unconfirmed_after_s"]), (200, &json!(after_s)));
    world.customer_writes("Hello").await;
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    (world, id)
}

async fn undelivered(world: &World) -> (i64, usize) {
    let listed = world.get("/v1/conversations?undelivered=true").await;
    let count = world.conversation().await["undelivered"].as_i64().unwrap();
    (count, listed.body["items"].as_array().unwrap().len())
}

async fn accepted_at(world: &World, id: &str) -> transom_core::time::Timestamp {
    let message = world.message(id).await;
    let at = message["statuses"][0]["at"].as_str().unwrap();
    transom_core::time::Timestamp::parse_rfc3339(at).unwrap()
}

every_provider!(u10_what_is_not_delivered_in_time_is_shown_once_and_for_good);
async fn u10_what_is_not_delivered_in_time_is_shown_once_and_for_good(provider: Provider) {
    // Before the usual visit of a queued message, and after it.
    for after_s in [300, 7200] {
        let (world, id) = sent(provider, after_s).await;
        let end = accepted_at(&world, &id).await.plus(seconds(i64::from(after_s)));
        world.house.advance_to(end.minus(Millis::new(1))).await.unwrap();
        assert_eq!(world.message(&id).await["unconfirmed"], false);
        assert_eq!(undelivered(&world).await, (0, 0));
        for after in [0, 1] {
            world.house.advance_to(end.plus(Millis::new(after))).await.unwrap();
            let message = world.message(&id).await;
            assert_eq!(
                (&message["unconfirmed"], &message["status"]),
                (&json!(true), &json!("accepted"))
            );
            assert_eq!(undelivered(&world).await, (1, 1));
        }
        world.advance(seconds(30 * 24 * 3600)).await;
        assert_eq!(world.message(&id).await["unconfirmed"], true, "thirty days later");
        assert_eq!(undelivered(&world).await, (1, 1));
        let told = world.subscriber.of("message.unconfirmed");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].body["data"]["message"], id.as_str());
        assert_eq!(told[0].body["timestamp"], end.rfc3339());
    }
}

every_provider!(u10_late_evidence_clears_the_mark);
async fn u10_late_evidence_clears_the_mark(provider: Provider) {
    let (world, id) = sent(provider, 300).await;
    let sid = world.sandbox().outbox()[0].sid.clone();
    world.report(&sid, "sent", None).await;
    world.advance(seconds(600)).await;
    let message = world.message(&id).await;
    assert_eq!((&message["unconfirmed"], &message["status"]), (&json!(true), &json!("sent")));
    world.report(&sid, "delivered", None).await;
    world.settle().await;
    assert_eq!(world.message(&id).await["unconfirmed"], false);
    assert_eq!(undelivered(&world).await, (0, 0));
    world.advance(seconds(7200)).await;
    assert_eq!(world.subscriber.of("message.unconfirmed").len(), 1);
}

every_provider!(u10_what_arrives_or_fails_in_time_is_not_unconfirmed);
async fn u10_what_arrives_or_fails_in_time_is_not_unconfirmed(provider: Provider) {
    for status in ["delivered", "read", "failed"] {
        let (world, id) = sent(provider, 300).await;
        let sid = world.sandbox().outbox()[0].sid.clone();
        let facts = world.facts();
        let (told, code) = match status {
            "failed" => (facts.failed, Some(facts.no_whatsapp)),
            other => (other, None),
        };
        world.report(&sid, told, code).await;
        world.advance(seconds(7200)).await;
        let message = world.message(&id).await;
        assert_eq!((&message["unconfirmed"], &message["status"]), (&json!(false), &json!(status)));
        assert!(world.subscriber.of("message.unconfirmed").is_empty(), "{status}");
        let failed = i64::from(status == "failed");
        assert_eq!(undelivered(&world).await.0, failed);
    }
}

every_provider!(u10_a_failure_after_the_mark_stays_and_a_retry_is_watched_anew);
async fn u10_a_failure_after_the_mark_stays_and_a_retry_is_watched_anew(provider: Provider) {
    let (world, id) = sent(provider, 300).await;
    world.advance(seconds(300)).await;
    let sid = world.sandbox().outbox()[0].sid.clone();
    let facts = world.facts();
    world.report(&sid, facts.failed, Some(facts.no_whatsapp)).await;
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!((&message["unconfirmed"], &message["status"]), (&json!(false), &json!("failed")));
    assert_eq!(undelivered(&world).await.0, 1);
    world.pass(seconds(1));
    let retried = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert_eq!(retried.status, 202, "{}", retried.body);
    world.settle().await;
    assert_eq!(world.message(&id).await["unconfirmed"], false, "the new attempt has its own time");
    world.advance(seconds(400)).await;
    assert_eq!(world.message(&id).await["unconfirmed"], true);
    let told = world.subscriber.of("message.unconfirmed");
    let attempts: Vec<_> = told.iter().map(|e| e.body["data"]["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
}

every_provider!(u10_nobody_watches_unless_it_is_set);
async fn u10_nobody_watches_unless_it_is_set(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.customer_writes("Hello").await;
    let id = world.send("Hi").await.text("id");
    world.advance(seconds(30 * 24 * 3600)).await;
    assert_eq!(world.message(&id).await["unconfirmed"], false);
    assert_eq!(
        world.get("/v1/senders/support/settings").await.body["unconfirmed_after_s"],
        json!(null)
    );
}

every_provider!(f15_overlapping_sweeps_tell_it_once);
async fn f15_overlapping_sweeps_tell_it_once(provider: Provider) {
    let (world, id) = sent(provider, 300).await;
    world.pass(seconds(300));
    let sweeps = (0..4).map(|_| world.house.sweep());
    assert!(futures::future::join_all(sweeps).await.iter().all(Result::is_ok));
    world.settle().await;
    assert_eq!(world.message(&id).await["unconfirmed"], true);
    let told = world.subscriber.of("message.unconfirmed");
    let ids: std::collections::BTreeSet<_> = told.iter().map(|e| e.id().to_owned()).collect();
    assert_eq!(ids.len(), 1, "one id, however many sweeps");
    assert_eq!(undelivered(&world).await, (1, 1));
}

//! Order, one call per attempt, and the same key the same answer.

use crate::every_provider::{every_provider, heavy};
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::CUSTOMER;
use transom_testkit::{Fault, World};

every_provider!(m27_f14_the_sends_of_one_conversation_reach_the_provider_in_order);
async fn m27_f14_the_sends_of_one_conversation_reach_the_provider_in_order(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    // Where a user is spared, 90 are enough for the provider to ask for patience.
    let count = heavy(provider, 500, 90);
    for n in 0..count {
        let sent = world.send(&format!("{n:03}")).await;
        assert_eq!(sent.status, 202, "{}", sent.body);
    }
    world.settle().await;
    world.advance(Millis::from_seconds(900)).await;
    let bodies: Vec<String> = world.sandbox().outbox().into_iter().map(|e| e.body).collect();
    let expected: Vec<String> = (0..count).map(|n| format!("{n:03}")).collect();
    assert_eq!(bodies, expected);
}

every_provider!(f14_a_throttled_message_is_not_overtaken);
async fn f14_a_throttled_message_is_not_overtaken(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(world.facts().throttles(30));
    for n in 0..5 {
        world.send(&format!("{n}")).await;
        world.settle().await;
    }
    assert!(world.sandbox().outbox().is_empty(), "all wait behind the first");
    world.advance(Millis::from_seconds(300)).await;
    let bodies: Vec<String> = world.sandbox().outbox().into_iter().map(|e| e.body).collect();
    assert_eq!(bodies, ["0", "1", "2", "3", "4"]);
}

every_provider!(f5_a_lost_connection_is_unknown_and_never_repeated);
async fn f5_a_lost_connection_is_unknown_and_never_repeated(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(transom_testkit::AutoStatus::None);
    world.customer_writes("Hello").await;
    for fault in [Fault::DropAfterRequest, Fault::Garbage] {
        world.sandbox().clear_outbox();
        world.sandbox().fail_next(fault);
        let sent = world.send("once").await;
        world.settle().await;
        assert_eq!(world.message(&sent.text("id")).await["status"], "unknown");
        world.advance(Millis::from_hours(2)).await;
        assert_eq!(world.sandbox().outbox().len(), 1, "never sent again by itself");
        assert_eq!(world.message(&sent.text("id")).await["status"], "unknown");
    }
    assert_eq!(world.subscriber.of("message.unknown").len(), 2);
    assert_eq!(world.conversation().await["undelivered"], 2);
}

every_provider!(f9_a_retry_is_a_new_attempt_and_clears_nothing_by_itself);
async fn f9_a_retry_is_a_new_attempt_and_clears_nothing_by_itself(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(world.facts().refuses());
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    assert_eq!(world.message(&id).await["status"], "failed");
    let retried = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert_eq!(retried.status, 202, "{}", retried.body);
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "delivered");
    let statuses = message["statuses"].as_array().unwrap();
    assert!(statuses.iter().any(|s| s["status"] == "failed"), "the old attempt's facts stay");
    assert_eq!(world.sandbox().outbox().len(), 1);
    let again = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert_eq!((again.status, again.code()), (409, "not_retryable"));
}

every_provider!(the_same_key_gives_the_same_answer_and_one_call);
async fn the_same_key_gives_the_same_answer_and_one_call(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let content = json!({ "type": "text", "text": "once" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let headers = [("idempotency-key", "order-42")];
    let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
    let first = send().await;
    assert_eq!(first.status, 202, "{}", first.body);
    for _ in 0..3 {
        let again = send().await;
        assert_eq!((again.status, &again.body), (202, &first.body));
    }
    let parallel = futures::future::join_all((0..20).map(|_| send())).await;
    assert!(parallel.iter().all(|a| a.body == first.body));
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 1);
    let other = json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": "two" } });
    let mismatch = world.call_as(&world.key, "POST", "/v1/messages", Some(&other), &headers).await;
    assert_eq!((mismatch.status, mismatch.code()), (422, "idempotency_mismatch"));
}

every_provider!(a_key_is_kept_for_a_day_and_is_free_again_afterwards);
async fn a_key_is_kept_for_a_day_and_is_free_again_afterwards(provider: Provider) {
    for (around, kept) in [(-1, true), (0, false), (1, false)] {
        let world = World::of(provider).await;
        world.customer_writes("Hello").await;
        let content = json!({ "type": "text", "text": "once" });
        let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
        let headers = [("idempotency-key", "order-42")];
        let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
        let first = send().await;
        let day = world.now().plus(Millis::from_hours(24));
        world.advance(Millis::from_hours(12)).await;
        world.customer_writes("Again").await;
        world.house.advance_to(day.plus(Millis::new(around))).await.unwrap();
        let later = send().await;
        assert_eq!(later.status, 202, "{around}: {}", later.body);
        assert_eq!(later.body["id"] == first.body["id"], kept, "{around}");
        world.settle().await;
        assert_eq!(world.sandbox().outbox().len(), if kept { 1 } else { 2 }, "{around}");
    }
}

every_provider!(a_key_has_up_to_255_characters);
async fn a_key_has_up_to_255_characters(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let content = json!({ "type": "text", "text": "once" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    for (length, status) in [(0, 400), (1, 202), (2, 202), (254, 202), (255, 202), (256, 400)] {
        let key = "k".repeat(length);
        let headers = [("idempotency-key", key.as_str())];
        let answer = world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers).await;
        assert_eq!(answer.status, status, "{length}: {}", answer.body);
    }
}

every_provider!(e7_parallel_first_requests_with_one_key_make_one_message);
async fn e7_parallel_first_requests_with_one_key_make_one_message(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let content = json!({ "type": "text", "text": "once" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let headers = [("idempotency-key", "k")];
    let sends =
        (0..30).map(|_| world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers));
    for answer in futures::future::join_all(sends).await {
        let fine = answer.status == 202 || answer.code() == "idempotency_in_progress";
        assert!(fine, "{} {}", answer.status, answer.body);
    }
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 1);
}

every_provider!(a_refusal_with_a_key_is_repeated_and_kept_once);
async fn a_refusal_with_a_key_is_repeated_and_kept_once(provider: Provider) {
    let world = World::of(provider).await;
    let content = json!({ "type": "text", "text": "Hi" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let headers = [("idempotency-key", "k")];
    let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
    let first = send().await;
    assert_eq!((first.status, first.code()), (409, "window_never_opened"));
    let again = send().await;
    assert_eq!((again.status, &again.body), (409, &first.body));
    assert_eq!(again.content_type, "application/problem+json");
    let conversation = world.conversation().await;
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 1);
}

every_provider!(a_queued_message_is_cancelled_before_its_call);
async fn a_queued_message_is_cancelled_before_its_call(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(world.facts().throttles(600));
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    let cancelled = world.post(&format!("/v1/messages/{id}/cancel"), json!({})).await;
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    world.advance(Millis::from_seconds(1200)).await;
    assert!(world.sandbox().outbox().is_empty());
    let sent = world.send("Hi").await.text("id");
    world.settle().await;
    let late = world.post(&format!("/v1/messages/{sent}/cancel"), json!({})).await;
    assert_eq!((late.status, late.code()), (409, "not_cancellable"));
}

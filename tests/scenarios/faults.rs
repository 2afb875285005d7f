//! What the engines cannot show by themselves: throttling, lost answers, an unreachable table,
//! injected on the wire below the functions.

use serde_json::json;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{Fault, PhoneMessage, Script, WireFault, World};

/// Whatever breaks while a message is received, a redelivery ends in the same state (F2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_a_break_at_any_call_of_receive_is_mended_by_the_redelivery() {
    let mut reached = 0;
    for (step, fault) in
        (0..12).flat_map(|s| [(s, WireFault::Unreachable), (s, WireFault::LoseAnswer)])
    {
        let world = World::start().await;
        // The SDK itself tries three times, so four faults break one call for good.
        world.inject(Script::new().on("Inbound", "", step, 4, fault));
        let message = PhoneMessage::text(CUSTOMER, NUMBER, "Hello");
        let first = world.sandbox().phone_send(message).await.unwrap();
        world.house.faults().set(None);
        if first.status == 200 {
            // Nothing of this webhook's road met the fault any more.
            continue;
        }
        reached += 1;
        assert_eq!(first.status, 503, "step {step}: {}", first.body);
        world.house.clock().advance_to(world.now().plus(Millis::from_seconds(30)));
        let again = world.sandbox().phone_resend(&first.sid).await.unwrap();
        assert_eq!(again.status, 200, "step {step}");
        world.settle().await;
        let conversation = world.conversation().await;
        assert_eq!(conversation["window"]["state"], "open", "step {step}");
        let items = world.messages(conversation["id"].as_str().unwrap()).await;
        assert_eq!(items.len(), 1, "step {step}");
        for kind in ["message.received", "window.opened", "conversation.opened"] {
            let mut ids: Vec<String> =
                world.subscriber.of(kind).iter().map(|h| h.id().to_owned()).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "step {step}: one id of {kind}");
        }
    }
    assert!(reached >= 12, "the faults were met: {reached}");
}

/// Whatever breaks while a message is submitted, the caller's repeat makes the same message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_break_at_any_call_of_submit_is_mended_by_the_repeat() {
    for step in 0..14 {
        let world = World::start().await;
        world.customer_writes("Hello").await;
        world.settle().await;
        world.inject(Script::new().on("Desk", "", step, 4, WireFault::LoseAnswer));
        let content = json!({ "type": "text", "text": "once" });
        let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
        let headers = [("idempotency-key", "k")];
        let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
        let first = send().await;
        world.house.faults().set(None);
        world.house.clock().advance_to(world.now().plus(Millis::from_seconds(31)));
        let again = send().await;
        assert_eq!(again.status, 202, "step {step}: {} then {}", first.body, again.body);
        world.settle().await;
        world.advance(Millis::from_seconds(1000)).await;
        assert_eq!(world.sandbox().outbox().len(), 1, "step {step}");
        let conversation = world.conversation().await;
        let items = world.messages(conversation["id"].as_str().unwrap()).await;
        assert_eq!(items.len(), 2, "step {step}");
    }
}

/// Whatever breaks in the sender, no message is sent twice and none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_break_at_any_call_of_dispatch_sends_nothing_twice() {
    for step in 0..14 {
        let world = World::start().await;
        world.customer_writes("Hello").await;
        world.settle().await;
        world.inject(Script::new().on("Sender", "", step, 4, WireFault::LoseAnswer));
        let id = world.send("once").await.text("id");
        // A given-back entry waits for the queue's visibility timeout, in real time; the sweep is
        // the safety net that a test can wait for. Looked at until the message has come to an end,
        // or for long enough that its entry must be such a one.
        for look in 0..80 {
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
            let status = world.message(&id).await["status"].clone();
            if status != "queued" && status != "sending" {
                break;
            }
            if look > 20 {
                world.house.faults().set(None);
                world.house.clock().advance_to(world.now().plus(Millis::from_seconds(300)));
                world.house.sweep().await.unwrap();
            }
        }
        assert!(world.sandbox().outbox().len() <= 1, "step {step}: sent twice");
        let message = world.message(&id).await;
        let status = message["status"].as_str().unwrap().to_owned();
        let sent = world.sandbox().outbox().len();
        let fine = match status.as_str() {
            "accepted" | "sent" | "delivered" | "unknown" => true,
            "queued" => sent == 0,
            _ => false,
        };
        assert!(fine, "step {step}: {status} with {sent} calls");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled_tables_are_waited_for() {
    let world = World::start().await;
    world.inject(Script::new().on("Inbound", "UpdateItem", 0, 1, WireFault::Throttle).on(
        "Inbound",
        "PutItem",
        1,
        2,
        WireFault::Throttle,
    ));
    world.customer_writes("Hello").await;
    world.customer_writes("Hello again").await;
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

/// A sweep whose mark is lost tells the same event again, with the same id (F15).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f15_a_break_at_any_call_of_the_sweep_tells_one_id() {
    for step in 0..10 {
        let world = World::start().await;
        world.customer_writes("Hello").await;
        world.settle().await;
        world.inject(Script::new().on("Sweeper", "", step, 4, WireFault::LoseAnswer));
        world.house.clock().advance_to(world.now().plus(Millis::from_hours(22)));
        let _broken = world.house.sweep().await;
        world.house.faults().set(None);
        world.house.sweep().await.unwrap();
        world.advance(Millis::from_hours(3)).await;
        for kind in ["window.expiring", "window.expired"] {
            let mut ids: Vec<String> =
                world.subscriber.of(kind).iter().map(|h| h.id().to_owned()).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "step {step}: {kind}");
        }
    }
}

/// The customer writes between the sweep's read and its write: he is not silenced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_between_the_sweeps_read_and_write_is_not_silenced() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    world.settle().await;
    let store = &world.house.operator().store;
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let id = transom_core::id::ConversationId::parse(&id).unwrap();
    let read = store.session(&id).await.unwrap().unwrap();
    world.house.clock().advance_to(world.now().plus(Millis::from_hours(23)));
    world.customer_writes("Wait!").await;
    let marked = store.mark_visited(&read, world.now(), None).await.unwrap();
    assert_eq!(marked, transom_store::Updated::Changed);
    world.advance(Millis::from_hours(24)).await;
    assert_eq!(world.subscriber.of("window.expired").len(), 1);
}

/// The function dies after the answer is durable and before what follows from it: the sweep takes
/// those steps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_an_answer_is_resumed_by_the_sweep() {
    let refused = Fault::Status { status: 400, code: 63024, retry_after_s: None, taken: false };
    let cases = [
        (None, "accepted", "message.status", "SendMessageBatch"),
        (Some(refused), "failed", "message.failed", "SendMessageBatch"),
        (Some(refused), "failed", "message.failed", "TransactWriteItems"),
        (Some(Fault::DropAfterRequest), "unknown", "message.unknown", "SendMessageBatch"),
    ];
    for (fault, status, event, breaks) in cases {
        let world = World::start().await;
        world.sandbox().set_autostatus(transom_testkit::AutoStatus::None);
        world.opt_in(CUSTOMER).await;
        world.settle().await;
        if let Some(fault) = fault {
            world.sandbox().fail_next(fault);
        }
        world.inject(Script::new().on("Sender", breaks, 0, 4, WireFault::Unreachable));
        let id = world.send_template(CUSTOMER).await.text("id");
        world.settle().await;
        assert_eq!(world.message(&id).await["status"], status);
        assert!(world.subscriber.of(event).is_empty(), "{status}: not told yet");
        world.house.faults().set(None);
        world.advance(Millis::from_seconds(1000)).await;
        assert_eq!(world.subscriber.of(event).len(), 1, "{status}");
        let lost = u64::from(status != "accepted");
        assert_eq!(world.conversation().await["undelivered"], lost, "{status}");
        let used = u64::from(status != "failed");
        assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], used, "{status}");
        world.advance(Millis::from_hours(2)).await;
        assert_eq!(world.subscriber.of(event).len(), 1, "{status}: once");
    }
}

/// The same for a refusal, and for a retry whose call was interrupted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_a_refusal_is_resumed_by_the_sweep() {
    let world = World::start().await;
    world.inject(Script::new().on("Desk", "SendMessageBatch", 1, 4, WireFault::Unreachable));
    let refused = world.send("Hi").await;
    assert_eq!(refused.code(), "window_never_opened");
    world.house.faults().set(None);
    world.settle().await;
    assert!(world.subscriber.of("message.refused").is_empty());
    world.advance(Millis::from_seconds(1000)).await;
    assert_eq!(world.subscriber.of("message.refused").len(), 1);
    assert_eq!(world.conversation().await["undelivered"], 1);

    world.customer_writes("Hello").await;
    let fault = Fault::Status { status: 400, code: 63024, retry_after_s: None, taken: false };
    world.sandbox().fail_next(fault);
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    assert_eq!(world.conversation().await["undelivered"], 2);
    // The retry's acceptance is durable, but its function dies before the mark is cleared.
    world.inject(Script::new().on("Sender", "DeleteItem", 0, 4, WireFault::Unreachable));
    world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    world.settle().await;
    world.house.faults().set(None);
    world.advance(Millis::from_seconds(1000)).await;
    assert_eq!(world.message(&id).await["status"], "delivered");
    assert_eq!(world.conversation().await["undelivered"], 1);
}

/// A removal that meets another writer is begun again: a key that was deleted with a 2xx is
/// refused from then on (M123).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m123_a_key_whose_removal_meets_another_writer_is_removed_all_the_same() {
    let world = World::start().await;
    for all in [false, true] {
        let made = world.post("/v1/keys", json!({ "role": "agent", "agent": "asha" })).await;
        let (id, key) = (made.text("id"), made.text("key"));
        assert_eq!(world.call_as(&key, "GET", "/v1/conversations", None, &[]).await.status, 200);
        world.inject(Script::new().on("Desk", "TransactWriteItems", 0, 2, WireFault::Conflict));
        let removed = if all {
            world.post("/v1/keys/revoke-all", json!({})).await
        } else {
            world.delete(&format!("/v1/keys/{id}")).await
        };
        world.house.faults().set(None);
        assert!(removed.status < 300, "{}", removed.body);
        assert_eq!(world.call_as(&key, "GET", "/v1/conversations", None, &[]).await.status, 401);
    }
}

//! What the engines cannot show by themselves: throttling, lost answers, an unreachable table,
//! injected on the wire below the functions.

use crate::every_provider::every_provider;
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{Fault, PhoneMessage, Script, WireFault, World};

every_provider!(throttled_tables_are_waited_for);
async fn throttled_tables_are_waited_for(provider: Provider) {
    let world = World::of(provider).await;
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

every_provider!(a_message_between_the_sweeps_read_and_write_is_not_silenced);
/// The customer writes between the sweep's read and its write: he is not silenced.
async fn a_message_between_the_sweeps_read_and_write_is_not_silenced(provider: Provider) {
    let world = World::of(provider).await;
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

every_provider!(a_beginning_whose_answer_was_lost_is_told);
/// The SDK repeats a call whose answer was lost: that it had taken effect must not hide that this
/// message began the conversation.
async fn a_beginning_whose_answer_was_lost_is_told(provider: Provider) {
    for call in 0..3 {
        let world = World::of(provider).await;
        world.opt_in(CUSTOMER).await;
        world.inject(Script::new().on("Desk", "UpdateItem", call, 1, WireFault::LoseAnswer));
        assert_eq!(world.send_template(CUSTOMER).await.status, 202);
        world.house.faults().set(None);
        world.settle().await;
        assert_eq!(world.subscriber.of("conversation.opened").len(), 1, "{call}");
    }
}

every_provider!(what_follows_from_an_answer_is_resumed_by_the_sweep);
/// The function dies after the answer is durable and before what follows from it: the sweep takes
/// those steps.
async fn what_follows_from_an_answer_is_resumed_by_the_sweep(provider: Provider) {
    let refused = transom_testkit::facts(provider).refuses();
    let cases = [
        (None, "accepted", "message.status", "SendMessageBatch"),
        (Some(refused), "failed", "message.failed", "SendMessageBatch"),
        (Some(refused), "failed", "message.failed", "TransactWriteItems"),
        (Some(Fault::DropAfterRequest), "unknown", "message.unknown", "SendMessageBatch"),
    ];
    for (fault, status, event, breaks) in cases {
        let world = World::of(provider).await;
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

every_provider!(what_follows_from_a_refusal_is_resumed_by_the_sweep);
/// The same for a refusal, and for a retry whose call was interrupted.
async fn what_follows_from_a_refusal_is_resumed_by_the_sweep(provider: Provider) {
    let world = World::of(provider).await;
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
    let fault = world.facts().refuses();
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

every_provider!(f5_a_claim_whose_answer_was_lost_once_is_known_again);
/// Beginning a call is known again by its own name, so an answer that was lost once leaves no
/// unknown outcome behind where no call was made.
async fn f5_a_claim_whose_answer_was_lost_once_is_known_again(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    world.inject(Script::new().on("Sender", "UpdateItem", 0, 1, WireFault::LoseAnswer));
    let id = world.send("once").await.text("id");
    world.settle().await;
    assert_eq!(world.message(&id).await["status"], "delivered");
    assert_eq!(world.sandbox().outbox().len(), 1);
}

every_provider!(d13_a_retry_leaves_no_place_of_the_attempt_before_behind);
/// What follows from a failed attempt is done before the next begins: its place is given back and
/// its failure told, although the sender died over it (D13).
async fn d13_a_retry_leaves_no_place_of_the_attempt_before_behind(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(transom_testkit::AutoStatus::None);
    world.opt_in(CUSTOMER).await;
    world.settle().await;
    let fault = world.facts().refuses();
    world.sandbox().fail_next(fault);
    world.inject(Script::new().on("Sender", "TransactWriteItems", 0, 3, WireFault::Unreachable));
    let id = world.send_template(CUSTOMER).await.text("id");
    world.settle().await;
    world.house.faults().set(None);
    let used = async || world.get("/v1/senders/support/limit").await.body["used"].clone();
    assert_eq!((used().await, world.subscriber.of("message.failed").len()), (json!(1), 0));
    world.sandbox().fail_next(fault);
    let again = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert!(again.status < 300, "{}", again.body);
    world.settle().await;
    assert_eq!(used().await, 0, "neither attempt happened");
    let failed = world.subscriber.of("message.failed");
    let attempts: Vec<&serde_json::Value> =
        failed.iter().map(|h| &h.body["data"]["attempt"]).collect();
    assert_eq!(attempts, [&json!(1), &json!(2)]);
}

every_provider!(f4_evidence_that_comes_again_clears_the_mark);
/// A status whose first delivery was cut off clears the mark when it comes again (F4).
async fn f4_evidence_that_comes_again_clears_the_mark(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(transom_testkit::AutoStatus::Manual);
    world.customer_writes("Hello").await;
    world.send("Hi").await;
    world.settle().await;
    let sid = world.sandbox().outbox()[0].sid.clone();
    let facts = world.facts();
    let post =
        async |status, code| world.post_webhook(&world.status(&sid, status, code)).await.status;
    assert_eq!(post("failed", Some(facts.no_whatsapp)).await, 200);
    assert_eq!(world.conversation().await["undelivered"], 1);
    world.inject(Script::new().on("", "DeleteItem", 0, 3, WireFault::Unreachable));
    assert_eq!(post("delivered", None).await, 503);
    world.house.faults().set(None);
    assert_eq!(post("delivered", None).await, 200);
    assert_eq!(world.conversation().await["undelivered"], 0);
}

every_provider!(f15_a_notice_is_kept_once_however_often_the_sweep_repeats);
/// A sweep that is repeated stores a notice over itself, at the instant of its threshold (F15).
async fn f15_a_notice_is_kept_once_however_often_the_sweep_repeats(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    world.inject(Script::new().on("Sweeper", "SendMessageBatch", 0, 3, WireFault::Unreachable));
    world.house.clock().advance_to(world.now().plus(Millis::from_hours(22)));
    world.house.sweep().await.unwrap();
    world.house.faults().set(None);
    world.advance(Millis::from_seconds(300)).await;
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let events = world.get(&format!("/v1/conversations/{id}/events?limit=200")).await.body;
    let all = events["items"].as_array().unwrap();
    let told: Vec<_> = all.iter().filter(|e| e["type"] == "window.expiring").collect();
    assert_eq!(told.len(), 1, "{events}");
    assert_eq!(told[0]["timestamp"], "2026-11-21T08:00:00.000Z", "{events}");
    assert_eq!(world.subscriber.of("window.expiring").len(), 1);
}

every_provider!(m21_the_limit_that_is_met_before_the_call_is_told);
/// That the limit is reached is told also when it is met just before the call (M21).
async fn m21_the_limit_that_is_met_before_the_call_is_told(provider: Provider) {
    let world = World::of(provider).await;
    let mut sender = transom_testkit::world::sender_body(NUMBER);
    sender["messaging_limit"] = json!(1);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    let other = "+919876500001";
    world.opt_in(other).await;
    world.opt_in(CUSTOMER).await;
    assert_eq!(world.send_template(other).await.status, 202);
    world.settle().await;
    assert!(world.subscriber.of("limit.reached").is_empty());
    world.inject(Script::new().on("Desk", "TransactWriteItems", 0, 3, WireFault::Unreachable));
    let id = world.send_template(CUSTOMER).await.text("id");
    world.house.faults().set(None);
    world.settle().await;
    assert_eq!(world.message(&id).await["failure"]["code"], "limit_reached");
    assert_eq!(world.subscriber.of("limit.reached").len(), 1);
    assert_eq!(world.send_template(CUSTOMER).await.code(), "limit_reached");
    world.settle().await;
    assert_eq!(world.subscriber.of("limit.reached").len(), 1, "one for each countdown");
}

every_provider!(u9_a_number_that_was_learned_is_found_whatever_broke);
/// A number that is told later leads to its conversation, although the function died over learning
/// it (U9).
async fn u9_a_number_that_was_learned_is_found_whatever_broke(provider: Provider) {
    let mut broken = 0;
    for put in 0..6 {
        let world = World::of(provider).await;
        world.writes("US.1349abcd", NUMBER, "Hello").await;
        world.settle().await;
        let mut both = PhoneMessage::text(CUSTOMER, NUMBER, "It is me");
        both.user_id = Some("US.1349abcd".to_owned());
        world.inject(Script::new().on("Inbound", "PutItem", put, 3, WireFault::Unreachable));
        let first = world.sandbox().phone_send(both).await.unwrap();
        world.house.faults().set(None);
        broken += usize::from(first.status == 503);
        assert_eq!(world.sandbox().phone_resend(&first.sid).await.unwrap().status, 200);
        let found = world.get("/v1/conversations?q=9876543210").await.body;
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{put}: {found}");
    }
    assert!(broken > 2, "an alias, the pointer and the message are put");
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

/// What a function gives back is handed to it again, and is done before everything is quiet: whoever
/// moves the clock, and with it the deadline of what is being worked on, waits for no queue's hiding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_an_event_that_was_given_back_is_told_before_all_is_quiet() {
    let world = World::start().await;
    let script = Script::new().on("Notifier", "GetItem", 0, 4, WireFault::Unreachable);
    world.inject(script.on("Notifier", "Query", 0, 4, WireFault::Unreachable));
    world.customer_writes("Hello").await;
    world.settle().await;
    world.house.faults().set(None);
    assert_eq!(world.subscriber.of("message.received").len(), 1);
    assert_eq!(world.subscriber.of("window.opened").len(), 1);
}

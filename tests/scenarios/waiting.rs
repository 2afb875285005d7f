//! Messages that wait: held for the customer's next message (U3, E2), scheduled (E15), replaced by
//! a template where the window is closed (U5).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{Answer, AutoStatus, PhoneMessage, World};

const DAY: i64 = 24 * 3600;

fn seconds(n: i64) -> Millis {
    Millis::from_seconds(n)
}

/// A text to the usual customer, with more fields.
async fn send_with(world: &World, text: &str, more: Value) -> Answer {
    world.post("/v1/messages", body_with(text, &more)).await
}

fn body_with(text: &str, more: &Value) -> Value {
    let mut body = json!({
        "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": text },
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

async fn hold(world: &World, text: &str) -> Answer {
    let held = send_with(world, text, json!({ "when_closed": "hold" })).await;
    assert_eq!((held.status, held.text("status").as_str()), (202, "held"), "{}", held.body);
    held
}

/// A World whose customer wrote once, two days ago.
async fn closed(provider: Provider) -> World {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.advance(seconds(2 * DAY)).await;
    world
}

async fn status(world: &World, id: &str) -> String {
    world.message(id).await["status"].as_str().unwrap_or_default().to_owned()
}

fn bodies(world: &World) -> Vec<String> {
    world.sandbox().outbox().into_iter().map(|e| e.body).collect()
}

async fn settings(world: &World, settings: Value) {
    let answer = world.put("/v1/senders/support/settings", settings).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn cancel(world: &World, id: &str) -> Answer {
    world.post(&format!("/v1/messages/{id}/cancel"), json!({})).await
}

every_provider!(u3_held_replies_are_released_once_and_in_order_when_the_customer_writes);
async fn u3_held_replies_are_released_once_and_in_order_when_the_customer_writes(
    provider: Provider,
) {
    let world = closed(provider).await;
    let mut ids = Vec::new();
    for text in ["first", "second", "third"] {
        let held = hold(&world, text).await;
        assert_eq!(held.body["sent_as"], "session");
        assert_eq!(held.body["counts_against_limit"], false);
        assert_eq!(held.text("waits_until"), world.now().plus(seconds(3 * DAY)).rfc3339());
        ids.push(held.text("id"));
    }
    world.settle().await;
    assert!(world.sandbox().outbox().is_empty());
    assert_eq!(world.conversation().await["undelivered"], 0, "it may still arrive");

    let then = world.now().rfc3339();
    let opener = world.customer_writes("Back").await;
    world.settle().await;
    assert_eq!(bodies(&world), ["first", "second", "third"]);
    for id in &ids {
        let message = world.message(id).await;
        assert_eq!(message["status"], "delivered", "{message}");
        assert_eq!(message["released_at"], then.as_str());
    }
    // The same message again, and once more a day later, and whatever is due: nothing goes twice.
    for later in [0, 3600, DAY] {
        world.advance(seconds(later)).await;
        world.sandbox().phone_resend(&opener.sid).await.unwrap();
        world.settle().await;
    }
    world.customer_writes("Thanks").await;
    world.settle().await;
    assert_eq!(bodies(&world).len(), 3, "one provider call each");
    let told: Vec<String> = world
        .subscriber
        .of("message.released")
        .iter()
        .map(|e| e.body["data"]["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ids, "one event each, in order");
}

every_provider!(u3_a_reply_to_who_has_never_written_is_held_too);
async fn u3_a_reply_to_who_has_never_written_is_held_too(provider: Provider) {
    let world = World::of(provider).await;
    let id = hold(&world, "Welcome").await.text("id");
    world.customer_writes("Hello").await;
    world.settle().await;
    assert_eq!(status(&world, &id).await, "delivered");
}

every_provider!(u3_in_an_open_window_nothing_is_held);
async fn u3_in_an_open_window_nothing_is_held(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let sent = send_with(&world, "Hi", json!({ "when_closed": "hold" })).await;
    assert_eq!((sent.status, sent.text("status").as_str()), (202, "queued"));
    world.settle().await;
    assert_eq!(status(&world, &sent.text("id")).await, "delivered");
}

every_provider!(u3_a_held_reply_becomes_stale_to_the_millisecond);
async fn u3_a_held_reply_becomes_stale_to_the_millisecond(provider: Provider) {
    for (from_the_end, expected) in [(-1, "delivered"), (0, "cancelled"), (1, "cancelled")] {
        let world = closed(provider).await;
        settings(&world, json!({ "hold": { "max_age_s": 3600 } })).await;
        let id = hold(&world, "late").await.text("id");
        // No sweep in between: who releases looks at the time itself.
        world.pass(Millis::new(3_600_000 + from_the_end));
        world.customer_writes("Back").await;
        world.settle().await;
        world.advance(seconds(60)).await;
        let message = world.message(&id).await;
        assert_eq!(message["status"], expected, "{from_the_end}: {message}");
        if expected == "cancelled" {
            assert_eq!(message["failure"]["code"], "stale", "{message}");
            assert!(message["failure"]["remedy"].as_str().unwrap().contains("hold.max_age_s"));
            let told = world.subscriber.of("message.status");
            let told = told.iter().find(|e| e.body["data"]["message"] == id.as_str()).unwrap();
            assert_eq!(told.body["data"]["status"], "cancelled");
            assert_eq!(told.body["data"]["failure"]["code"], "stale");
            assert!(bodies(&world).is_empty());
        }
    }
}

every_provider!(u3_a_stale_reply_ends_by_itself);
async fn u3_a_stale_reply_ends_by_itself(provider: Provider) {
    let world = closed(provider).await;
    let id = hold(&world, "late").await.text("id");
    world.advance(seconds(3 * DAY - 1)).await;
    assert_eq!(status(&world, &id).await, "held");
    world.advance(seconds(1)).await;
    assert_eq!(status(&world, &id).await, "cancelled");
    // Its place among the held ones is free again.
    for n in 0..5 {
        hold(&world, &format!("{n}")).await;
    }
}

every_provider!(u3_an_overtaken_reply_is_dropped_or_sent_as_the_sender_has_set);
async fn u3_an_overtaken_reply_is_dropped_or_sent_as_the_sender_has_set(provider: Provider) {
    for (overtaken, expected) in [("drop", "cancelled"), ("send", "delivered")] {
        let world = closed(provider).await;
        settings(&world, json!({ "hold": { "overtaken": overtaken } })).await;
        let shown = world.get("/v1/senders/support/settings").await.body;
        assert_eq!(shown["hold"], json!({ "max_age_s": 259_200, "overtaken": overtaken }));
        let id = hold(&world, "old").await.text("id");
        world.opt_in(CUSTOMER).await;
        world.pass(seconds(1));
        let newer = world.send_template(CUSTOMER).await;
        assert_eq!(newer.status, 202, "{}", newer.body);
        world.settle().await;
        world.customer_writes("Back").await;
        world.settle().await;
        let message = world.message(&id).await;
        assert_eq!(message["status"], expected, "{overtaken}: {message}");
        if expected == "cancelled" {
            assert_eq!(message["failure"]["code"], "overtaken");
        }
    }
}

every_provider!(u3_a_held_reply_is_cancelled_and_stays_so);
async fn u3_a_held_reply_is_cancelled_and_stays_so(provider: Provider) {
    let world = closed(provider).await;
    let id = hold(&world, "never mind").await.text("id");
    let cancelled = cancel(&world, &id).await;
    assert_eq!((cancelled.status, cancelled.text("status").as_str()), (200, "cancelled"));
    assert_eq!(cancel(&world, &id).await.status, 200, "a repeat is answered the same");
    world.customer_writes("Back").await;
    world.settle().await;
    world.advance(seconds(5 * DAY)).await;
    assert!(bodies(&world).is_empty());
    assert_eq!(status(&world, &id).await, "cancelled");
    assert!(world.subscriber.of("message.released").is_empty());
}

every_provider!(m80_u3_a_stop_that_comes_late_stops_what_was_held_meanwhile);
/// He said it before the reply was written, and nobody knew.
async fn m80_u3_a_stop_that_comes_late_stops_what_was_held_meanwhile(provider: Provider) {
    let world = closed(provider).await;
    let mut stop = PhoneMessage::text(CUSTOMER, NUMBER, "STOP");
    stop.at_ms = Some(world.now().as_millis());
    let stop = world.inbound(stop);
    world.advance(seconds(3600)).await;
    let id = hold(&world, "Are you still there?").await.text("id");
    world.advance(seconds(3600)).await;
    assert_eq!(world.post_webhook(&stop).await.status, 200);
    world.settle().await;
    world.advance(seconds(3600)).await;
    assert!(bodies(&world).is_empty());
    let message = world.message(&id).await;
    assert_eq!(
        (&message["status"], &message["failure"]["code"]),
        (&json!("cancelled"), &json!("opted_out"))
    );
    // Who writes to him knowing it may: a reply in an open window needs no consent (D10).
    assert_eq!(world.send("You will hear no more from us.").await.status, 202);
    world.settle().await;
    assert_eq!(bodies(&world).len(), 1);
}

every_provider!(u3_no_more_than_five_are_held_and_the_sixth_is_told_why);
async fn u3_no_more_than_five_are_held_and_the_sixth_is_told_why(provider: Provider) {
    let world = closed(provider).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(hold(&world, &format!("{n}")).await.text("id"));
    }
    let more = json!({ "when_closed": "hold" });
    let refused = send_with(&world, "5", more).await;
    assert_eq!((refused.status, refused.code()), (409, "window_expired"), "{}", refused.body);
    assert!(refused.text("detail").contains("5 replies are held"), "{}", refused.body);
    assert_eq!(world.conversation().await["undelivered"], 1);
    cancel(&world, &ids[0]).await;
    hold(&world, "in its place").await;
    world.customer_writes("Back").await;
    world.settle().await;
    assert_eq!(bodies(&world), ["1", "2", "3", "4", "in its place"]);
}

every_provider!(u3_one_reply_too_many_to_who_has_never_written_says_so);
async fn u3_one_reply_too_many_to_who_has_never_written_says_so(provider: Provider) {
    let world = World::of(provider).await;
    for n in 0..5 {
        assert_eq!(hold(&world, &format!("{n}")).await.status, 202);
    }
    let refused = send_with(&world, "5", json!({ "when_closed": "hold" })).await;
    assert_eq!((refused.status, refused.code()), (409, "window_never_opened"), "{}", refused.body);
    let asked = json!({ "sender": "support", "to": CUSTOMER, "when_closed": "hold",
        "content": { "type": "text", "text": "5" } });
    assert_eq!(world.post("/v1/messages/check", asked).await.code(), "window_never_opened");
}

every_provider!(u3_what_is_refused_for_another_reason_is_not_held);
async fn u3_what_is_refused_for_another_reason_is_not_held(provider: Provider) {
    let world = closed(provider).await;
    let more = json!({ "when_closed": "hold" });
    let empty = send_with(&world, "", more.clone()).await;
    assert_eq!((empty.status, empty.code()), (422, "text_empty"));
    world.post("/v1/accounts/tw/deactivate", json!({})).await;
    let refused = send_with(&world, "Hi", more).await;
    assert_eq!((refused.status, refused.code()), (409, "account_deactivated"));
}

every_provider!(e13_who_says_stop_is_sent_nothing_that_was_held);
async fn e13_who_says_stop_is_sent_nothing_that_was_held(provider: Provider) {
    let world = closed(provider).await;
    world.opt_in(CUSTOMER).await;
    let id = hold(&world, "an offer").await.text("id");
    world.pass(seconds(1));
    world.delete(&format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in")).await;
    world.customer_writes("I said stop").await;
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "cancelled", "{message}");
    assert_eq!(message["failure"]["code"], "opted_out");
    assert!(bodies(&world).is_empty());
}

every_provider!(u3_the_rules_are_asked_again_when_a_reply_is_released);
async fn u3_the_rules_are_asked_again_when_a_reply_is_released(provider: Provider) {
    let world = closed(provider).await;
    let id = hold(&world, "Hi").await.text("id");
    world.put("/v1/brands/acme", json!({ "name": "Acme", "active": false })).await;
    world.customer_writes("Back").await;
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "refused", "{message}");
    assert_eq!(message["failure"]["code"], "brand_inactive");
}

/// The road of statuses takes messages too, and releases as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u3_a_message_by_the_road_of_statuses_releases_too() {
    let world = closed(Provider::Meta).await;
    let id = hold(&world, "Hi").await.text("id");
    let mut webhook = world.inbound_text("Back");
    webhook.path = world.path("status");
    assert_eq!(world.post_webhook(&webhook).await.status, 200);
    world.settle().await;
    assert_eq!(status(&world, &id).await, "delivered");
}

every_provider!(u3_a_window_that_closes_before_the_call_holds_what_asked_for_it);
async fn u3_a_window_that_closes_before_the_call_holds_what_asked_for_it(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    world.pass(seconds(DAY - 60));
    world.sandbox().fail_next(world.facts().throttles(120));
    let id = send_with(&world, "Hi", json!({ "when_closed": "hold" })).await.text("id");
    world.settle().await;
    assert_eq!(status(&world, &id).await, "deferred");
    world.advance(seconds(600)).await;
    assert_eq!(status(&world, &id).await, "held");
    world.customer_writes("Back").await;
    world.settle().await;
    assert_eq!(status(&world, &id).await, "delivered");
    assert_eq!(bodies(&world).len(), 1);
}

every_provider!(u3_many_parallel_replies_and_messages_lose_nothing_and_send_nothing_twice);
/// The customer writes while replies begin to be held: whichever is first, each goes out once.
async fn u3_many_parallel_replies_and_messages_lose_nothing_and_send_nothing_twice(
    provider: Provider,
) {
    for round in 0..4 {
        let world = closed(provider).await;
        settings(&world, json!({ "hold": { "overtaken": "send" } })).await;
        let sends = (0..5).map(|n| {
            let more = json!({ "when_closed": "hold" });
            let world = &world;
            async move { send_with(world, &format!("{n}"), more).await }
        });
        let writes = (0..2).map(|n| {
            let world = &world;
            async move {
                world.customer_writes(&format!("Back {round} {n}")).await;
            }
        });
        let (sent, _) =
            futures::join!(futures::future::join_all(sends), futures::future::join_all(writes));
        assert!(sent.iter().all(|a| a.status == 202), "{sent:?}");
        world.settle().await;
        // Whoever was missed on the way is found by the sweep.
        world.advance(seconds(1800)).await;
        let mut gone = bodies(&world);
        gone.sort();
        assert_eq!(gone, ["0", "1", "2", "3", "4"], "round {round}");
    }
}

every_provider!(u3_the_same_key_holds_once);
async fn u3_the_same_key_holds_once(provider: Provider) {
    let world = closed(provider).await;
    let body = body_with("once", &json!({ "when_closed": "hold" }));
    let headers = [("idempotency-key", "k")];
    let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
    let first = send().await;
    assert_eq!((first.status, first.text("status").as_str()), (202, "held"));
    assert_eq!(send().await.body, first.body);
    world.customer_writes("Back").await;
    world.settle().await;
    assert_eq!(send().await.body, first.body);
    assert_eq!(bodies(&world), ["once"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u3_a_retried_reply_keeps_its_plan_and_a_redelivered_old_message_releases_nothing() {
    let world = closed(Provider::Twilio).await;
    let mut old = PhoneMessage::text(CUSTOMER, transom_testkit::world::NUMBER, "Hello");
    old.sid = Some(format!("SM{:032x}", 7));
    world.customer_writes("Hi again").await;
    let resent = world.sandbox().phone_send(old.clone()).await.unwrap();
    world.settle().await;
    world.advance(seconds(2 * DAY)).await;
    let id = hold(&world, "Hi").await.text("id");
    world.sandbox().phone_resend(&resent.sid).await.unwrap();
    world.settle().await;
    assert_eq!(status(&world, &id).await, "held", "an old message opens nothing");
}

// ---- send_at

fn at(time: Timestamp) -> Value {
    json!({ "send_at": time.rfc3339() })
}

every_provider!(e15_a_message_is_sent_at_its_time_and_not_before);
async fn e15_a_message_is_sent_at_its_time_and_not_before(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let time = world.now().plus(seconds(3600));
    let sent = send_with(&world, "later", at(time)).await;
    assert_eq!((sent.status, sent.text("status").as_str()), (202, "scheduled"), "{}", sent.body);
    assert_eq!(sent.text("waits_until"), time.rfc3339());
    let id = sent.text("id");
    world.house.advance_to(time.minus(Millis::new(1))).await.unwrap();
    assert_eq!(status(&world, &id).await, "scheduled");
    assert!(bodies(&world).is_empty());
    world.house.advance_to(time).await.unwrap();
    assert_eq!(status(&world, &id).await, "delivered");
    world.advance(seconds(DAY)).await;
    assert_eq!(bodies(&world), ["later"]);
}

every_provider!(e15_how_far_ahead_a_message_may_be_scheduled_has_bounds);
async fn e15_how_far_ahead_a_message_may_be_scheduled_has_bounds(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let most = Millis::from_hours(90 * 24).get();
    for (ahead, taken) in
        [(-1, false), (0, false), (1, true), (most - 1, true), (most, true), (most + 1, false)]
    {
        let answer = send_with(&world, "x", at(world.now().plus(Millis::new(ahead)))).await;
        assert_eq!(answer.status == 202, taken, "{ahead}: {}", answer.body);
        if !taken {
            assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
            assert!(answer.text("detail").contains("send_at"), "{}", answer.body);
        }
    }
}

every_provider!(e15_every_rule_is_asked_again_at_the_time);
async fn e15_every_rule_is_asked_again_at_the_time(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    // The window is open now and will be closed then.
    let time = world.now().plus(seconds(2 * DAY));
    let refused = send_with(&world, "a", at(time)).await.text("id");
    let mut more = at(time);
    more["when_closed"] = json!("hold");
    let held = send_with(&world, "b", more).await.text("id");
    world.advance(seconds(2 * DAY)).await;
    let message = world.message(&refused).await;
    assert_eq!(message["status"], "refused", "{message}");
    assert_eq!(message["failure"]["code"], "window_expired");
    assert_eq!(status(&world, &held).await, "held");
    // The window is closed now and will be open then.
    let id = send_with(&world, "c", at(world.now().plus(seconds(3600)))).await;
    assert_eq!((id.status, id.text("status").as_str()), (202, "scheduled"), "{}", id.body);
    world.customer_writes("Back").await;
    world.advance(seconds(3600)).await;
    assert_eq!(status(&world, &id.text("id")).await, "delivered");
    assert_eq!(bodies(&world), ["b", "c"]);
    // What is not a matter of time is refused at once.
    let empty = send_with(&world, "", at(world.now().plus(seconds(60)))).await;
    assert_eq!((empty.status, empty.code()), (422, "text_empty"));
}

every_provider!(e15_a_scheduled_template_takes_its_place_at_its_time_and_heeds_an_opt_out);
async fn e15_a_scheduled_template_takes_its_place_at_its_time_and_heeds_an_opt_out(
    provider: Provider,
) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let schedule = async |ahead: i64| {
        let content = json!({
            "type": "template", "name": "order_ready", "variables": ["Asha", 42],
        });
        let mut body = at(world.now().plus(seconds(ahead)));
        body["sender"] = json!("support");
        body["to"] = json!(CUSTOMER);
        body["content"] = content;
        world.post("/v1/messages", body).await
    };
    let first = schedule(3600).await;
    assert_eq!(first.text("status"), "scheduled", "{}", first.body);
    assert_eq!(first.body["counts_against_limit"], true);
    let used = async || world.get("/v1/senders/support/limit").await.body["used"].clone();
    assert_eq!(used().await, 0, "no place before its time");
    world.advance(seconds(3600)).await;
    assert_eq!(status(&world, &first.text("id")).await, "delivered");
    assert_eq!(used().await, 1);
    let second = schedule(3600).await.text("id");
    world.delete(&format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in")).await;
    let message = world.message(&second).await;
    assert_eq!(message["status"], "cancelled", "{message}");
    assert_eq!(message["failure"]["code"], "opted_out");
    world.advance(seconds(DAY)).await;
    assert_eq!(world.sandbox().outbox().len(), 1);
}

every_provider!(e15_a_scheduled_message_is_cancelled);
async fn e15_a_scheduled_message_is_cancelled(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let id = send_with(&world, "x", at(world.now().plus(seconds(3600)))).await.text("id");
    assert_eq!(cancel(&world, &id).await.text("status"), "cancelled");
    world.advance(seconds(DAY)).await;
    assert!(bodies(&world).is_empty());
}

every_provider!(e15_scheduled_messages_go_out_in_the_order_of_their_times);
async fn e15_scheduled_messages_go_out_in_the_order_of_their_times(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    for (text, ahead) in [("third", 303), ("first", 301), ("fourth", 303), ("second", 302)] {
        send_with(&world, text, at(world.now().plus(seconds(ahead)))).await;
    }
    // A late sweep finds all of them due.
    world.pass(seconds(600));
    world.house.sweep().await.unwrap();
    world.settle().await;
    assert_eq!(bodies(&world), ["first", "second", "third", "fourth"]);
}

every_provider!(e15_the_same_key_schedules_once_and_is_answered_the_same_for_a_day);
async fn e15_the_same_key_schedules_once_and_is_answered_the_same_for_a_day(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let body = body_with("once", &at(world.now().plus(seconds(60))));
    let headers = [("idempotency-key", "k")];
    let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
    let first = send().await;
    assert_eq!(first.status, 202, "{}", first.body);
    world.advance(seconds(3600)).await;
    let again = send().await;
    assert_eq!((again.status, &again.body), (202, &first.body), "its time has passed meanwhile");
    assert_eq!(bodies(&world), ["once"]);
}

// ---- when_closed: template

fn fallback() -> Value {
    json!({
        "when_closed": "template",
        "fallback": { "type": "template", "name": "order_ready", "variables": ["Asha", 42] },
    })
}

every_provider!(u5_in_a_closed_window_the_consented_template_goes_out_instead);
async fn u5_in_a_closed_window_the_consented_template_goes_out_instead(provider: Provider) {
    let world = closed(provider).await;
    world.opt_in(CUSTOMER).await;
    let sent = send_with(&world, "It is ready.", fallback()).await;
    assert_eq!((sent.status, sent.text("sent_as").as_str()), (202, "template"), "{}", sent.body);
    assert_eq!(sent.body["counts_against_limit"], true);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message}");
    assert_eq!(message["sent_as"], "template");
    assert_eq!(message["content"]["type"], "template", "what the customer got");
    assert_eq!(message["content"]["language"], "en");
    let asked = json!({ "type": "text", "text": "It is ready." });
    assert_eq!(message["instead_of"], json!({ "content": asked, "because": "window_expired" }));
    assert_eq!(world.sandbox().outbox().len(), 1);
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
}

every_provider!(u5_in_an_open_window_the_message_itself_goes_out);
async fn u5_in_an_open_window_the_message_itself_goes_out(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let sent = send_with(&world, "It is ready.", fallback()).await;
    assert_eq!(sent.text("sent_as"), "session", "{}", sent.body);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["content"]["text"], "It is ready.");
    assert!(message.get("instead_of").is_none(), "{message}");
    assert_eq!(bodies(&world), ["It is ready."]);
}

every_provider!(u5_the_template_instead_passes_the_same_guard);
async fn u5_the_template_instead_passes_the_same_guard(provider: Provider) {
    let world = closed(provider).await;
    let refused = send_with(&world, "x", fallback()).await;
    assert_eq!((refused.status, refused.code()), (409, "not_opted_in"), "{}", refused.body);
    assert_eq!(refused.body["also"], json!(["window_expired"]));
    world.opt_in(CUSTOMER).await;
    let mut more = fallback();
    more["fallback"]["name"] = json!("nothing_like_it");
    let refused = send_with(&world, "x", more).await;
    assert_eq!((refused.status, refused.code()), (422, "template_unknown"));
    let mut more = fallback();
    more["fallback"]["variables"] = json!(["Asha"]);
    let refused = send_with(&world, "x", more).await;
    assert_eq!((refused.status, refused.code()), (422, "template_variables"));
    let refused = send_with(&world, "", fallback()).await;
    assert_eq!((refused.status, refused.code()), (422, "text_empty"), "its own content too");
    for more in [
        json!({ "when_closed": "template" }),
        json!({ "when_closed": "template", "fallback": { "type": "text", "text": "x" } }),
        json!({ "fallback": { "type": "template", "name": "order_ready" } }),
        json!({ "when_closed": "template", "fallback": { "type": "template" } }),
    ] {
        let refused = send_with(&world, "x", more.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{more}");
        assert!(refused.text("detail").contains("fallback"), "{}", refused.body);
    }
}

every_provider!(u5_which_of_the_two_goes_out_is_decided_at_the_call);
async fn u5_which_of_the_two_goes_out_is_decided_at_the_call(provider: Provider) {
    let world = closed(provider).await;
    world.opt_in(CUSTOMER).await;
    // The window opens while the template waits: the message itself, and its place is free again.
    world.sandbox().fail_next(world.facts().throttles(60));
    let first = send_with(&world, "first", fallback()).await.text("id");
    world.settle().await;
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
    world.customer_writes("Back").await;
    world.advance(seconds(120)).await;
    let message = world.message(&first).await;
    assert_eq!(message["content"]["text"], "first", "{message}");
    assert_eq!(message["sent_as"], "session");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0);
    // It closes while the message waits: the template.
    world.pass(seconds(DAY - 200));
    world.sandbox().fail_next(world.facts().throttles(600));
    let second = send_with(&world, "second", fallback()).await;
    assert_eq!(second.text("sent_as"), "session");
    world.settle().await;
    world.advance(seconds(1200)).await;
    let message = world.message(&second.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message}");
    assert_eq!(message["instead_of"]["content"]["text"], "second");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
}

every_provider!(u5_a_long_message_keeps_its_template);
/// Both stand in the message's body then.
async fn u5_a_long_message_keeps_its_template(provider: Provider) {
    let world = closed(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.opt_in(CUSTOMER).await;
    let text = "a long text ".repeat(60);
    let id = send_with(&world, &text, fallback()).await.text("id");
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["content"]["name"], "order_ready", "{message}");
    assert_eq!(message["instead_of"]["content"]["text"], text);
    assert_eq!(message["status"], "accepted");
}

every_provider!(u5_a_scheduled_message_chooses_at_its_time);
async fn u5_a_scheduled_message_chooses_at_its_time(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.opt_in(CUSTOMER).await;
    let mut more = fallback();
    more["send_at"] = json!(world.now().plus(seconds(2 * DAY)).rfc3339());
    let id = send_with(&world, "x", more).await.text("id");
    world.advance(seconds(2 * DAY)).await;
    let message = world.message(&id).await;
    assert_eq!(
        (&message["status"], &message["sent_as"]),
        (&json!("delivered"), &json!("template"))
    );
    assert_eq!(message["instead_of"]["because"], "window_expired");
}

every_provider!(e5_check_foretells_what_waits_and_what_is_replaced);
async fn e5_check_foretells_what_waits_and_what_is_replaced(provider: Provider) {
    let world = closed(provider).await;
    let foretold = async |more: Value| {
        let answer = world.post("/v1/messages/check", body_with("x", &more)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let warned = answer.body["warnings"][0]["about"].as_str().unwrap_or_default().to_owned();
        (answer.body["allowed"].as_bool().unwrap(), warned)
    };
    let refused = (false, String::new());
    let is = |about: &str| (true, about.to_owned());
    assert_eq!(foretold(json!({})).await, refused);
    assert_eq!(foretold(json!({ "when_closed": "hold" })).await, is("held"));
    assert_eq!(foretold(at(world.now().plus(seconds(60)))).await, is("scheduled"));
    assert_eq!(foretold(fallback()).await, refused, "no consent");
    world.opt_in(CUSTOMER).await;
    assert_eq!(foretold(fallback()).await, is("fallback"));
    assert!(bodies(&world).is_empty());
}

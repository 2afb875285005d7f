//! The reminder before a window closes (U5): to who was answered and agreed to be written to, once
//! for each window, by the same rules as every message (M63, F15).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::CUSTOMER;
use transom_testkit::{Script, WireFault, World};

const TEXT: &str = "Is there anything else?";
const HOUR: i64 = 3600;

fn seconds(n: i64) -> Millis {
    Millis::from_seconds(n)
}

/// A World whose sender reminds four hours before the end, and whose customer has agreed and written.
async fn asked(provider: Provider) -> World {
    let world = World::of(provider).await;
    let nudge = json!({ "before_s": 4 * HOUR, "text": TEXT });
    let answer = world.put("/v1/senders/support/settings", json!({ "nudge": nudge })).await;
    assert_eq!((answer.status, &answer.body["nudge"]), (200, &nudge), "{}", answer.body);
    world.opt_in(CUSTOMER).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    world
}

async fn answered(provider: Provider) -> World {
    let world = asked(provider).await;
    world.pass(seconds(1));
    assert_eq!(world.send("It is ready.").await.status, 202);
    world.settle().await;
    world
}

fn nudges(world: &World) -> usize {
    world.sandbox().outbox().iter().filter(|e| e.body == TEXT).count()
}

async fn due_at(world: &World) -> Timestamp {
    let window = world.conversation().await["window"].clone();
    let ends = Timestamp::parse_rfc3339(window["expires_at"].as_str().unwrap()).unwrap();
    ends.minus(seconds(4 * HOUR))
}

async fn newest(world: &World) -> Value {
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    world.messages(&id).await[0].clone()
}

every_provider!(u5_who_was_answered_is_reminded_once_to_the_millisecond);
async fn u5_who_was_answered_is_reminded_once_to_the_millisecond(provider: Provider) {
    let world = answered(provider).await;
    let due = due_at(&world).await;
    world.house.advance_to(due.minus(Millis::new(1))).await.unwrap();
    assert_eq!(nudges(&world), 0);
    for after in [0, 1] {
        world.house.advance_to(due.plus(Millis::new(after))).await.unwrap();
        assert_eq!(nudges(&world), 1);
    }
    let message = newest(&world).await;
    assert_eq!((&message["origin"], &message["sent_by"]), (&json!("automation"), &json!("nudge")));
    assert_eq!(message["status"], "delivered");
    assert_eq!(message["sent_at"], due.rfc3339());
    world.advance(seconds(48 * HOUR)).await;
    assert_eq!(nudges(&world), 1);
    assert_eq!(world.subscriber.of("window.expired").len(), 1, "it opens nothing");
}

every_provider!(u5_who_waits_for_an_answer_or_has_not_agreed_is_not_reminded);
async fn u5_who_waits_for_an_answer_or_has_not_agreed_is_not_reminded(provider: Provider) {
    let world = asked(provider).await;
    world.advance(seconds(48 * HOUR)).await;
    assert_eq!(nudges(&world), 0, "nobody has answered");
    let world = answered(provider).await;
    world.delete(&format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in")).await;
    world.advance(seconds(48 * HOUR)).await;
    assert_eq!(nudges(&world), 0, "opted out");
    let world = answered(provider).await;
    world.advance(seconds(10 * HOUR)).await;
    world.customer_writes("One more thing").await;
    world.advance(seconds(48 * HOUR)).await;
    assert_eq!(nudges(&world), 0, "the last word is the customer's");
}

every_provider!(u5_one_reminder_for_each_window_however_long_it_lasts);
async fn u5_one_reminder_for_each_window_however_long_it_lasts(provider: Provider) {
    let world = answered(provider).await;
    world.advance(seconds(21 * HOUR)).await;
    assert_eq!(nudges(&world), 1);
    // The same window, extended by an answer to the reminder.
    world.customer_writes("Yes").await;
    world.settle().await;
    world.pass(seconds(1));
    world.send("Then this.").await;
    world.advance(seconds(22 * HOUR)).await;
    assert_eq!(nudges(&world), 1, "one for this window");
    // Another window.
    world.advance(seconds(48 * HOUR)).await;
    world.customer_writes("Hello again").await;
    world.settle().await;
    world.pass(seconds(1));
    world.send("Welcome back.").await;
    world.advance(seconds(21 * HOUR)).await;
    assert_eq!(nudges(&world), 2);
}

every_provider!(f15_overlapping_sweeps_remind_once);
async fn f15_overlapping_sweeps_remind_once(provider: Provider) {
    let world = answered(provider).await;
    world.house.clock().advance_to(due_at(&world).await);
    let sweeps = (0..5).map(|_| world.house.sweep());
    assert!(futures::future::join_all(sweeps).await.iter().all(Result::is_ok));
    world.settle().await;
    world.advance(seconds(HOUR)).await;
    assert_eq!(nudges(&world), 1);
}

every_provider!(m63_a_reminder_passes_the_same_guard);
async fn m63_a_reminder_passes_the_same_guard(provider: Provider) {
    let world = answered(provider).await;
    world.put("/v1/brands/acme", json!({ "name": "Acme", "active": false })).await;
    world.house.advance_to(due_at(&world).await).await.unwrap();
    assert_eq!(nudges(&world), 0);
    let message = newest(&world).await;
    assert_eq!((&message["status"], &message["origin"]), (&json!("refused"), &json!("automation")));
    assert_eq!(message["failure"]["code"], "brand_inactive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u5_a_reminder_that_cannot_be_is_named() {
    let world = World::start().await;
    for (nudge, named) in [
        (json!({ "before_s": 59, "text": "x" }), "nudge.before_s"),
        (json!({ "before_s": 3600, "text": " " }), "nudge.text"),
        (json!({ "before_s": 3600 }), "text"),
        (json!({ "before_s": 3600, "text": "x", "to": "all" }), "to"),
    ] {
        let answer = world.put("/v1/senders/support/settings", json!({ "nudge": nudge })).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{nudge}");
        assert!(answer.text("detail").contains(named), "{}", answer.body);
    }
}

/// The note stands although its answer was lost: nobody else sends what it stands for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u5_a_lost_answer_costs_no_reminder() {
    for lost in 0..4 {
        let world = answered(Provider::Twilio).await;
        let due = due_at(&world).await;
        let script = Script::new();
        world.inject(script.on("Sweeper", "UpdateItem", lost, 1, WireFault::LoseAnswer));
        world.house.advance_to(due).await.unwrap();
        world.settle().await;
        assert_eq!(nudges(&world), 1, "the answer of update {lost}");
    }
}

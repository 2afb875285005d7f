//! How many messages agents may send to one customer, and in all (M25, M26).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::agent_limit::{ByDay, day_of};
use transom_core::identity::Phone;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{Answer, Script, WireFault, World};

const AGENT: &str = "asha";

/// A World whose sender limits its agents, and an agent's key.
async fn limited(provider: Provider, limits: Value) -> (World, String) {
    let world = World::of(provider).await;
    let mut sender = sender_body(NUMBER);
    sender["agent_limits"] = limits.clone();
    let answer = world.put("/v1/senders/support", sender).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["agent_limits"], limits);
    let key = json!({ "role": "agent", "agent": AGENT });
    let key = world.post("/v1/keys", key).await.text("key");
    (world, key)
}

fn text(to: &str) -> Value {
    let content = json!({ "type": "text", "text": "Hi" });
    json!({ "sender": "support", "to": to, "content": content })
}

async fn says(world: &World, key: &str, to: &str) -> Answer {
    let answer = world.call_as(key, "POST", "/v1/messages", Some(&text(to)), &[]).await;
    world.settle().await;
    answer
}

async fn foretold(world: &World, key: &str, to: &str) -> Value {
    world.call_as(key, "POST", "/v1/messages/check", Some(&text(to)), &[]).await.body
}

every_provider!(m25_ten_messages_to_a_customer_until_he_answers_or_a_day_has_passed);
async fn m25_ten_messages_to_a_customer_until_he_answers_or_a_day_has_passed(provider: Provider) {
    let (world, key) = limited(provider, json!({ "per_user_24h": 10 })).await;
    world.customer_writes("Hello").await;
    world.pass(Millis::from_seconds(1));
    for n in 1..=10 {
        assert_eq!(foretold(&world, &key, CUSTOMER).await["allowed"], true, "{n}");
        let taken = says(&world, &key, CUSTOMER).await;
        assert_eq!(taken.status, 202, "{n}: {}", taken.body);
    }
    let calls = world.sandbox().outbox().len();
    let eleventh = says(&world, &key, CUSTOMER).await;
    assert_eq!((eleventh.status, eleventh.code()), (429, "agent_user_limit"));
    assert!(!eleventh.text("retry_at").is_empty(), "{}", eleventh.body);
    assert_eq!(foretold(&world, &key, CUSTOMER).await["code"], "agent_user_limit");
    assert_eq!(foretold(&world, &key, CUSTOMER).await["rule"], "M25");
    assert_eq!(world.sandbox().outbox().len(), calls, "no call");
    // What a system sends is no agent's, and other customers have counts of their own.
    let system = world.post("/v1/keys", json!({ "role": "system" })).await.text("key");
    assert_eq!(says(&world, &system, CUSTOMER).await.status, 202);
    world.writes("+919876500001", NUMBER, "Hello").await;
    assert_eq!(says(&world, &key, "+919876500001").await.status, 202);
    // He answers.
    world.pass(Millis::from_seconds(1));
    world.customer_writes("Yes?").await;
    world.pass(Millis::from_seconds(1));
    for n in 1..=10 {
        assert_eq!(says(&world, &key, CUSTOMER).await.status, 202, "{n}");
    }
    assert_eq!(says(&world, &key, CUSTOMER).await.code(), "agent_user_limit");
}

every_provider!(m25_an_agents_message_is_forgotten_after_exactly_24_hours);
async fn m25_an_agents_message_is_forgotten_after_exactly_24_hours(provider: Provider) {
    for (around, status) in [(-1, 429), (0, 202), (1, 202)] {
        let (world, key) = limited(provider, json!({ "per_user_24h": 1 })).await;
        world.customer_writes("Hello").await;
        world.pass(Millis::from_seconds(30));
        // His answer would begin the count anew; a template needs none, nor an open window.
        world.opt_in(CUSTOMER).await;
        let template = json!({ "sender": "support", "to": CUSTOMER, "content": {
            "type": "template", "name": "order_ready", "variables": { "1": "Asha", "2": "42" } } });
        let says = || world.call_as(&key, "POST", "/v1/messages", Some(&template), &[]);
        let end = world.now().plus(Millis::from_hours(24));
        let first = says().await;
        assert_eq!(first.status, 202, "{}", first.body);
        world.settle().await;
        world.house.advance_to(end.plus(Millis::new(around))).await.unwrap();
        let second = says().await;
        assert_eq!(second.status, status, "{around}: {}", second.body);
    }
}

every_provider!(m25_parallel_messages_of_agents_fill_the_limit_exactly);
async fn m25_parallel_messages_of_agents_fill_the_limit_exactly(provider: Provider) {
    let (world, key) = limited(provider, json!({ "per_user_24h": 10 })).await;
    world.customer_writes("Hello").await;
    world.pass(Millis::from_seconds(1));
    let body = text(CUSTOMER);
    let sends = (0..32).map(|_| world.call_as(&key, "POST", "/v1/messages", Some(&body), &[]));
    let answers = futures::future::join_all(sends).await;
    world.settle().await;
    let taken = answers.iter().filter(|a| a.status == 202).count();
    assert_eq!(taken, 10, "{:?}", answers.iter().map(Answer::code).collect::<Vec<_>>());
    world.advance(Millis::from_hours(1)).await;
    assert_eq!(world.sandbox().outbox().len(), 10);
}

every_provider!(m26_an_agents_messages_are_counted_over_30_days);
async fn m26_an_agents_messages_are_counted_over_30_days(provider: Provider) {
    let limits = json!({ "per_user_24h": 100, "per_agent_30d": 100_000 });
    for (used, passes) in [(99_998, 2), (99_999, 1), (100_000, 0), (100_001, 0)] {
        let (world, key) = limited(provider, limits.clone()).await;
        let store = &world.house.operator().store;
        let number = Phone::parse(NUMBER).unwrap();
        let yesterday = day_of(world.now()) - 1;
        let days = ByDay::from([(yesterday - 20, used - 500), (yesterday, 500)]);
        store.set_sent_by_agent(&number, AGENT, &days).await.unwrap();
        world.customer_writes("Hello").await;
        world.pass(Millis::from_seconds(1));
        for n in 0..passes {
            let taken = says(&world, &key, CUSTOMER).await;
            assert_eq!(taken.status, 202, "{used} {n}: {}", taken.body);
        }
        let refused = says(&world, &key, CUSTOMER).await;
        assert_eq!((refused.status, refused.code()), (429, "agent_month_limit"), "{used}");
        assert_eq!(foretold(&world, &key, CUSTOMER).await["rule"], "M26");
        let sent = store.sent_by_agent(&number, AGENT).await.unwrap();
        assert_eq!(sent.values().sum::<u32>(), used + passes, "the refused one is not counted");
        let user = transom_core::identity::User::Phone(Phone::parse(CUSTOMER).unwrap());
        let to_him = store.sent_to_user(&number, &user.canonical()).await.unwrap();
        assert_eq!(to_him.len(), passes as usize, "nor to its customer");
        // 31 days after the first of these days most of them are gone.
        world.advance(Millis::from_hours(24 * 12)).await;
        world.customer_writes("Hello again").await;
        world.pass(Millis::from_seconds(1));
        assert_eq!(says(&world, &key, CUSTOMER).await.status, 202, "{used}");
    }
}

every_provider!(d13_a_message_that_was_not_sent_is_no_agents_message);
/// Failed, cancelled, or repeated under one key: each attempt counts once while it may have
/// happened, and not at all when it certainly did not.
async fn d13_a_message_that_was_not_sent_is_no_agents_message(provider: Provider) {
    let (world, key) = limited(provider, json!({ "per_user_24h": 2, "per_agent_30d": 2 })).await;
    world.customer_writes("Hello").await;
    world.pass(Millis::from_seconds(1));
    let number = Phone::parse(NUMBER).unwrap();
    let counted = async || {
        let days = world.house.operator().store.sent_by_agent(&number, AGENT).await.unwrap();
        days.values().sum::<u32>()
    };
    world.sandbox().fail_next(world.facts().refuses());
    let failed = says(&world, &key, CUSTOMER).await.text("id");
    assert_eq!(world.message(&failed).await["status"], "failed");
    assert_eq!(counted().await, 0, "it did not happen");
    world.sandbox().fail_next(world.facts().throttles(60));
    let waits = says(&world, &key, CUSTOMER).await.text("id");
    assert_eq!(counted().await, 1, "it waits");
    let cancelled = world.post(&format!("/v1/messages/{waits}/cancel"), json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(counted().await, 0, "it is withdrawn");
    world.advance(Millis::from_seconds(120)).await;
    let headers = [("idempotency-key", "one")];
    for _ in 0..3 {
        let body = text(CUSTOMER);
        let taken = world.call_as(&key, "POST", "/v1/messages", Some(&body), &headers).await;
        assert_eq!(taken.status, 202, "{}", taken.body);
        world.settle().await;
    }
    assert_eq!(counted().await, 1, "one message, however often it was asked for");
    let again = world.post(&format!("/v1/messages/{failed}/retry"), json!({})).await;
    assert!(again.status < 300, "{}", again.body);
    world.settle().await;
    assert_eq!(world.message(&failed).await["status"], "delivered");
    assert_eq!(counted().await, 2, "the second attempt happened");
    assert_eq!(says(&world, &key, CUSTOMER).await.code(), "agent_user_limit");
}

every_provider!(m25_what_is_not_counted_at_its_submission_is_counted_before_its_call);
/// The table breaks after the message is durable: its call counts it, or refuses it.
async fn m25_what_is_not_counted_at_its_submission_is_counted_before_its_call(provider: Provider) {
    let (world, key) = limited(provider, json!({ "per_user_24h": 1 })).await;
    world.customer_writes("Hello").await;
    world.pass(Millis::from_seconds(1));
    for status in ["delivered", "refused"] {
        // The first of these writes counts the message; the SDK tries it three times.
        world.inject(Script::new().on("Desk", "UpdateItem", 0, 3, WireFault::Unreachable));
        let body = text(CUSTOMER);
        let taken = world.call_as(&key, "POST", "/v1/messages", Some(&body), &[]).await;
        world.house.faults().set(None);
        assert_eq!(taken.status, 202, "{}", taken.body);
        let id = taken.text("id");
        world.advance(Millis::from_hours(1)).await;
        let message = world.message(&id).await;
        assert_eq!(message["status"], status, "{message}");
    }
    let called = world.sandbox().outbox().len();
    assert_eq!(called, 1, "one of them reached the customer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m25_m26_limits_of_agents_are_checked() {
    let world = World::start().await;
    for (limits, named) in [
        (json!({ "per_user_24h": -1 }), "per_user_24h"),
        (json!({ "per_user_24h": 0 }), "per_user_24h"),
        (json!({ "per_user_24h": 101 }), "per_user_24h"),
        (json!({ "per_agent_30d": 0 }), "per_agent_30d"),
        (json!({ "per_agent_30d": -1 }), "per_agent_30d"),
        (json!({ "per_week": 1 }), "per_week"),
    ] {
        let mut sender = sender_body(NUMBER);
        sender["agent_limits"] = limits;
        let answer = world.put("/v1/senders/support", sender).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{named}");
        assert!(answer.text("detail").contains(named), "{}", answer.body);
    }
    for (name, fits) in [
        ("per_user_24h", [1, 2, 99, 100].as_slice()),
        ("per_agent_30d", [1, 2, 100_000].as_slice()),
    ] {
        for most in fits {
            let mut sender = sender_body(NUMBER);
            sender["agent_limits"] = json!({ name: most });
            assert_eq!(world.put("/v1/senders/support", sender).await.status, 200, "{name} {most}");
        }
    }
}

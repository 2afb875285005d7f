//! `GET /v1/usage` (M83, M97): every count per sender, category, country and agent, from the messages
//! themselves.

use crate::every_provider::every_provider;
use crate::prices::prices;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{AutoStatus, World};

async fn usage(world: &World, query: &str) -> Value {
    let answer = world.get(&format!("/v1/usage?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    assert!(answer.body["next_cursor"].is_null());
    answer.body["items"].clone()
}

fn usd(text: &str) -> Value {
    json!([{ "estimate": text, "currency": "USD" }])
}

every_provider!(m83_m97_every_count_is_told_apart);
async fn m83_m97_every_count_is_told_apart(provider: Provider) {
    let world = World::of(provider).await;
    world.put("/v1/prices/default", prices()).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    let second = "+14155238887";
    let mut sender = sender_body(second);
    sender["provider_id"] = json!("106540352242923");
    if provider == Provider::Gupshup {
        // An app has one number: the second one is another account's.
        let (account, _) = transom_testkit::world::another_account(provider);
        assert!(world.put("/v1/accounts/second", account).await.status < 300);
        sender["account"] = json!("second");
    }
    assert!(world.put("/v1/senders/second", sender).await.status < 300);
    let brazilian = "+5511987654321";
    // Two in, one out in India; a template to Brazil; one that fails.
    let hello = world.inbound_text("Hello");
    for webhook in [&hello, &hello, &world.inbound_text("Anybody?")] {
        assert_eq!(world.post_webhook(webhook).await.status, 200);
    }
    let agent =
        world.post("/v1/keys", json!({ "role": "agent", "agent": "asha" })).await.text("key");
    let content = json!({ "type": "text", "text": "Hi" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    assert_eq!(world.call_as(&agent, "POST", "/v1/messages", Some(&body), &[]).await.status, 202);
    world.opt_in(brazilian).await;
    assert_eq!(world.send_template(brazilian).await.status, 202);
    world.settle().await;
    world.sandbox().fail_next(world.facts().refuses());
    assert_eq!(world.send("This one fails").await.status, 202);
    world.settle().await;
    assert_eq!(world.send_to("+919876599999", "Refused by a rule").await.status, 409);

    let all = usage(&world, "").await;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
    let counts = |row: &Value| -> Vec<u64> {
        ["received", "session", "template", "failed", "unpriced"]
            .iter()
            .map(|name| row[*name].as_u64().unwrap())
            .collect()
    };
    assert_eq!(counts(&all[0]), [2, 1, 1, 1, 0], "{all}");
    assert_eq!(all[0]["costs"], usd("0.0108"), "two in, one out, one template to Brazil");
    let by = async |by: &str| {
        let rows = usage(&world, &format!("by={by}")).await;
        let named = |row: &Value| (row[by].as_str().unwrap().to_owned(), counts(row));
        rows.as_array().unwrap().iter().map(named).collect::<Vec<_>>()
    };
    let row = |name: &str, counts: [u64; 5]| (name.to_owned(), counts.to_vec());
    assert_eq!(by("sender").await, [row("support", [2, 1, 1, 1, 0])]);
    assert_eq!(by("country").await, [row("BR", [0, 0, 1, 0, 0]), row("IN", [2, 1, 0, 1, 0])]);
    assert_eq!(
        by("category").await,
        [
            row("inbound", [2, 0, 0, 0, 0]),
            row("service", [0, 1, 0, 1, 0]),
            row("utility", [0, 0, 1, 0, 0])
        ]
    );
    let agents = by("agent").await;
    assert!(agents.contains(&row("asha", [0, 1, 0, 0, 0])), "{agents:?}");
    assert!(agents.contains(&row("customer", [2, 0, 0, 0, 0])), "{agents:?}");
    assert_eq!(by("day").await, [row("2026-11-20", [2, 1, 1, 1, 0])]);
    let both = usage(&world, "by=country,category&sender=support").await;
    assert_eq!(both.as_array().map(Vec::len), Some(3), "{both}");
    assert_eq!(usage(&world, "sender=second").await, json!([]), "every count is its sender's own");
    let free = "+4915112345678";
    world.writes(free, NUMBER, "Hallo").await;
    world.settle().await;
    let germany = usage(&world, "by=country").await;
    assert_eq!(germany[1]["country"], "DE");
    assert_eq!(germany[1]["costs"], usd("0.001"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m97_a_span_has_exact_ends_and_counting_writes_nothing() {
    let world = World::of(Provider::Meta).await;
    let first = world.now();
    world.customer_writes("One").await;
    world.pass(Millis::from_seconds(10));
    let second = world.now();
    world.customer_writes("Two").await;
    world.settle().await;
    let written = || world.house.function("Desk").unwrap().store.meter().write_units();
    let before = written();
    let received = async |from: String, to: String| {
        let rows = usage(&world, &format!("from={from}&to={to}")).await;
        rows[0]["received"].as_u64().unwrap_or(0)
    };
    let ms = Millis::new(1);
    assert_eq!(received(first.rfc3339(), second.plus(ms).rfc3339()).await, 2);
    assert_eq!(received(first.rfc3339(), second.rfc3339()).await, 1, "`to` is not included");
    assert_eq!(received(first.plus(ms).rfc3339(), second.plus(ms).rfc3339()).await, 1);
    assert_eq!(received("2026-11-20".into(), "2026-11-21".into()).await, 2);
    assert_eq!(received("2026-11-19".into(), "2026-11-20".into()).await, 0);
    assert_eq!(usage(&world, "").await[0]["unpriced"], 2, "not known is not free");
    assert!((written() - before).abs() < f64::EPSILON);
    for (query, named) in [
        ("from=yesterday", "from"),
        ("from=2026-11-21&to=2026-11-20", "before"),
        ("from=2024-11-21&to=2026-11-20", "366"),
        ("by=colour", "by"),
        ("cursor=nonsense", "cursor"),
        ("colour=red", "colour"),
    ] {
        let refused = world.get(&format!("/v1/usage?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{query}");
        assert!(refused.text("detail").contains(named), "{query}: {}", refused.body);
    }
    assert_eq!(world.get("/v1/usage?sender=nobody").await.code(), "not_found");
}

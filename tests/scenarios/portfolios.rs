//! Limits that are shared by a portfolio (D11), and limits that are raised and lowered, by an
//! administrator or by the provider's own event (M22).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{NUMBER, account_body, sender_body};
use transom_testkit::{AtCall, WireFault, World};

const OTHER: &str = "+14155238887";

fn customer(n: usize) -> String {
    format!("+9198765{n:05}")
}

async fn with_portfolio(provider: Provider, limit: Value) -> World {
    let world = World::of(provider).await;
    let put = world.put("/v1/portfolios/group", json!({ "messaging_limit": limit })).await;
    assert_eq!((put.status, &put.body["messaging_limit"]), (200, &limit), "{}", put.body);
    let mut account = account_body(provider);
    account["portfolio"] = json!("group");
    assert_eq!(world.put("/v1/accounts/tw", account).await.status, 200);
    for (name, number) in [("support", NUMBER), ("sales", OTHER)] {
        let mut sender = sender_body(number);
        sender["limit_scope"] = json!("portfolio");
        // Its own figure is ignored, whatever it says.
        sender["messaging_limit"] = json!(1);
        if number == OTHER {
            sender["provider_id"] = json!("106540352242923");
        }
        let put = world.put(&format!("/v1/senders/{name}"), sender).await;
        assert_eq!(put.status, 200, "{}", put.body);
    }
    world
}

async fn send(world: &World, sender: &str, to: &str) -> transom_testkit::Answer {
    let path = format!("/v1/senders/{sender}/contacts/{to}/opt-in");
    assert!(world.put(&path, json!({ "source": "import" })).await.status < 300);
    let content = json!({
        "type": "template", "name": "order_ready", "language": "en",
        "variables": { "1": "Asha", "2": "42" },
    });
    world.post("/v1/messages", json!({ "sender": sender, "to": to, "content": content })).await
}

every_provider!(d11_the_senders_of_a_portfolio_share_its_places);
async fn d11_the_senders_of_a_portfolio_share_its_places(provider: Provider) {
    let world = with_portfolio(provider, json!(3)).await;
    assert_eq!(send(&world, "support", &customer(1)).await.status, 202);
    assert_eq!(send(&world, "sales", &customer(2)).await.status, 202);
    // The same user at another number of the portfolio takes no second place.
    assert_eq!(send(&world, "sales", &customer(1)).await.status, 202);
    assert_eq!(send(&world, "support", &customer(3)).await.status, 202);
    let refused = send(&world, "sales", &customer(4)).await;
    assert_eq!((refused.status, refused.code()), (429, "limit_reached"), "{}", refused.body);
    assert!(refused.text("detail").contains("all 3 places"), "{}", refused.body);
    world.settle().await;
    for path in
        ["/v1/senders/support/limit", "/v1/senders/sales/limit", "/v1/portfolios/group/limit"]
    {
        let limit = world.get(path).await.body;
        assert_eq!(
            (&limit["limit"], &limit["used"], &limit["remaining"], &limit["scope"]),
            (&json!(3), &json!(3), &json!(0), &json!("portfolio")),
            "{path}: {limit}"
        );
    }
    let reached = world.subscriber.of("limit.reached");
    assert_eq!(reached.len(), 1);
    assert_eq!(reached[0].body["data"]["limit"], 3);
    // A place that was not used after all is given back to all of them.
    world.advance(Millis::from_hours(24)).await;
    world.sandbox().fail_next(world.facts().refuses());
    assert_eq!(send(&world, "support", &customer(5)).await.status, 202);
    world.settle().await;
    assert_eq!(world.get("/v1/portfolios/group/limit").await.body["used"], 0);
    // Raised: at once for every sender; the senders' own figure never counts.
    let put = world.put("/v1/portfolios/group", json!({ "messaging_limit": 1 })).await;
    assert_eq!(put.status, 200);
    assert_eq!(send(&world, "support", &customer(6)).await.status, 202);
    assert_eq!(send(&world, "sales", &customer(7)).await.code(), "limit_reached");
    world.put("/v1/portfolios/group", json!({ "messaging_limit": null })).await;
    assert_eq!(send(&world, "sales", &customer(7)).await.status, 202);
    assert_eq!(world.get("/v1/senders/sales/limit").await.body["limit"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_parallel_sends_of_two_senders_fill_a_portfolio_exactly() {
    let world = with_portfolio(Provider::Twilio, json!(20)).await;
    let sends = (0..60).map(|n| {
        let sender = if n % 2 == 0 { "support" } else { "sales" };
        let world = &world;
        async move { send(world, sender, &customer(n)).await }
    });
    let answers = futures::future::join_all(sends).await;
    assert_eq!(answers.iter().filter(|a| a.status == 202).count(), 20);
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_a_portfolio_is_read_strictly_and_has_whatsapps_first_size_until_it_is_set_up() {
    let world = World::start().await;
    for (body, named) in [
        (json!({}), "messaging_limit"),
        (json!({ "messaging_limit": -1 }), "messaging_limit"),
        (json!({ "messaging_limit": "1000" }), "messaging_limit"),
        (json!({ "messaging_limit": 1, "name": "x" }), "name"),
    ] {
        let wrong = world.put("/v1/portfolios/group", body).await;
        assert_eq!((wrong.status, wrong.code()), (400, "invalid_request"));
        assert!(wrong.text("detail").contains(named), "{}", wrong.body);
    }
    assert_eq!(world.get("/v1/portfolios/group").await.status, 404);
    assert_eq!(world.get("/v1/portfolios/group/limit").await.status, 404);
    // WhatsApp's sizes and any other figure.
    for size in
        [json!(250), json!(1000), json!(2000), json!(10_000), json!(100_000), Value::Null, json!(7)]
    {
        let put = world.put("/v1/portfolios/group", json!({ "messaging_limit": size })).await;
        assert_eq!((put.status, &put.body["messaging_limit"]), (200, &size));
        assert_eq!(world.get("/v1/portfolios/group").await.body["messaging_limit"], size);
    }
    let mut account = account_body(Provider::Twilio);
    account["portfolio"] = json!("unknown");
    world.put("/v1/accounts/tw", account).await;
    let mut sender = sender_body(NUMBER);
    sender["limit_scope"] = json!("portfolio");
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    assert_eq!(world.get("/v1/senders/support/limit").await.body["limit"], 250);
}

fn told(world: &World, kind: &str) -> Vec<(Value, Value)> {
    let heard = world.subscriber.of(kind);
    heard.iter().map(|h| (h.body["data"]["from"].clone(), h.body["data"]["to"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_an_administrator_raises_and_lowers_and_it_is_told() {
    let world = World::start().await;
    for limit in [json!(1000), json!(1000), json!(250), Value::Null] {
        world.pass(Millis::from_seconds(1));
        let mut sender = sender_body(NUMBER);
        sender["messaging_limit"] = limit.clone();
        assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
        assert_eq!(world.get("/v1/senders/support/limit").await.body["limit"], limit);
    }
    for limit in [json!(1000), json!(2000), json!(500)] {
        world.pass(Millis::from_seconds(1));
        world.put("/v1/portfolios/group", json!({ "messaging_limit": limit })).await;
    }
    world.settle().await;
    let raised = [(json!(250), json!(1000)), (json!(250), Value::Null), (json!(1000), json!(2000))];
    assert_eq!(told(&world, "limit.raised"), raised);
    let lowered = [(json!(1000), json!(250)), (json!(2000), json!(500))];
    assert_eq!(told(&world, "limit.lowered"), lowered);
    let scopes: Vec<Value> = world
        .subscriber
        .of("limit.raised")
        .iter()
        .map(|h| h.body["data"]["scope"].clone())
        .collect();
    assert_eq!(scopes, [json!("sender"), json!("sender"), json!("portfolio")]);
}

/// The provider's own event: of a number at Gupshup, of the whole business at Meta.
fn event(provider: Provider, tier: &str, at: i64) -> Value {
    match provider {
        Provider::Meta => json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "1", "time": at, "changes": [{
                "field": "business_capability_update",
                "value": { "max_daily_conversations_per_business": tier },
            }]}],
        }),
        Provider::Gupshup => json!({
            "app": "UsualApp", "phone": NUMBER.trim_start_matches('+'),
            "timestamp": at * 1000, "version": 2, "type": "account-event",
            "payload": { "type": "tier-event", "currentLimit": tier },
        }),
        Provider::Twilio => unreachable!("it tells no limits"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_a_providers_event_counts_once_and_by_its_time() {
    for provider in [Provider::Meta, Provider::Gupshup] {
        for road in ["webhooks", "status"] {
            let world = World::of(provider).await;
            let now = world.now().as_millis() / 1000;
            let post = async |tier: &str, at: i64| {
                let body = event(provider, tier, at).to_string().into_bytes();
                let answer = world.posts_bytes(road, provider, body).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
            };
            let limit = async || world.get("/v1/senders/support/limit").await.body["limit"].clone();
            world.pass(Millis::from_seconds(100));
            for _ in 0..3 {
                post("TIER_1K", now + 10).await;
            }
            assert_eq!(limit().await, 1000, "{provider:?}");
            post("TIER_10K", now + 30).await;
            // An older word comes late, and one comes again.
            post("TIER_2K", now + 20).await;
            post("TIER_1K", now + 10).await;
            assert_eq!(limit().await, 10_000);
            post("TIER_UNLIMITED", now + 40).await;
            assert_eq!(limit().await, Value::Null);
            post("TIER_250", now + 50).await;
            assert_eq!(limit().await, 250);
            world.settle().await;
            let raised = told(&world, "limit.raised");
            let expected = [
                (json!(250), json!(1000)),
                (json!(1000), json!(10_000)),
                (json!(10_000), Value::Null),
            ];
            assert_eq!(raised, expected, "{provider:?}");
            assert_eq!(told(&world, "limit.lowered"), [(Value::Null, json!(250))]);
            let audit = world.get("/v1/audit?by=provider&target=/v1/senders/support").await.body;
            let changes: Vec<_> = audit["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| (&a["before"]["messaging_limit"], &a["after"]["messaging_limit"]))
                .map(|(from, to)| (from.clone(), to.clone()))
                .rev()
                .collect();
            assert_eq!(changes[..3], expected, "each once: {audit}");
            assert_eq!(changes[3..], [(Value::Null, json!(250))], "{audit}");
            let kept = world.get("/v1/accounts/tw/events").await.body;
            assert_eq!(kept["items"], json!([]), "acted on");
            // Other settings of the sender are untouched, and what an administrator says later counts.
            let sender = world.get("/v1/senders/support").await.body;
            assert_eq!(
                (&sender["brand"], &sender["messaging_limit"]),
                (&json!("acme"), &json!(250))
            );
            world.put("/v1/senders/support", sender_body(NUMBER)).await;
            assert_eq!(limit().await, 250);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_d11_a_business_s_event_sets_the_portfolio_and_no_sender() {
    let world = with_portfolio(Provider::Meta, json!(250)).await;
    world.pass(Millis::from_seconds(100));
    let at = world.now().as_millis() / 1000 - 10;
    for _ in 0..2 {
        let body = event(Provider::Meta, "2000", at);
        assert_eq!(world.posts(Provider::Meta, &body).await.status, 200);
    }
    assert_eq!(world.get("/v1/portfolios/group").await.body["messaging_limit"], 2000);
    assert_eq!(world.get("/v1/senders/sales/limit").await.body["limit"], 2000);
    assert_eq!(world.get("/v1/senders/sales").await.body["messaging_limit"], 1);
    world.settle().await;
    let raised = world.subscriber.of("limit.raised");
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].body["data"]["portfolio"], "group");
}

/// The limit is raised, and the function dies before it is told: the redelivery tells it, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_a_crash_at_any_call_of_a_limits_event_ends_as_if_there_was_none() {
    let mut call = 0;
    loop {
        let world = World::of(Provider::Meta).await;
        world.pass(Millis::from_seconds(100));
        let at = world.now().as_millis() / 1000 - 10;
        let body = event(Provider::Meta, "TIER_2K", at);
        let faults = AtCall::broken(&["Inbound"], call, 4, WireFault::LoseAnswer);
        world.house.faults().set(Some(faults.clone()));
        let first = world.posts(Provider::Meta, &body).await.status;
        let calls = faults.targets().len();
        world.house.faults().set(None);
        if first != 200 {
            assert_eq!(world.posts(Provider::Meta, &body).await.status, 200);
        }
        world.settle().await;
        assert_eq!(world.get("/v1/senders/support/limit").await.body["limit"], 2000, "call {call}");
        assert_eq!(told(&world, "limit.raised"), [(json!(250), json!(2000))], "call {call}");
        call += 1;
        if call >= calls {
            break;
        }
    }
    assert!(call > 3, "{call} calls");
}

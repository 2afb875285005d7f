//! Price lists, and what a message costs (M66, M82, M83, E11): told before a send, with it, and never
//! guessed.

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_local::transport::{Faults, WireFault};
use transom_testkit::world::{CUSTOMER, account_body};
use transom_testkit::{Script, World};

/// WhatsApp's fee on templates by country and category, the provider's on everything.
pub(crate) fn prices() -> Value {
    json!({ "currency": "USD", "prices": [
        { "country": "IN", "category": "utility", "amount": "0.0014" },
        { "country": "IN", "category": "marketing", "amount": "0.0107" },
        { "country": "BR", "amount": "0.0068" },
        { "fee": "provider", "on": "template", "amount": "0.001" },
        { "fee": "provider", "on": "session", "amount": "0.001" },
        { "fee": "provider", "on": "inbound", "amount": "0.001" },
    ] })
}

async fn put(world: &World, path: &str, body: Value) {
    let answer = world.put(path, body).await;
    assert!(answer.status < 300, "{path}: {}", answer.body);
}

fn usual(to: &str) -> Value {
    let content = json!({
        "type": "template", "name": "order_ready", "language": "en",
        "variables": { "1": "Asha", "2": "42" },
    });
    json!({ "sender": "support", "to": to, "content": content })
}

async fn cost_of(world: &World, body: &Value) -> Value {
    let asked = world.post("/v1/messages/check", body.clone()).await;
    assert_eq!((asked.status, &asked.body["allowed"]), (200, &json!(true)), "{}", asked.body);
    let sent = world.post("/v1/messages", body.clone()).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(sent.body["cost"], asked.body["cost"], "asked and sent say the same");
    let shown = world.message(&sent.text("id")).await;
    assert_eq!(shown["cost"], sent.body["cost"]);
    sent.body["cost"].clone()
}

every_provider!(m66_m82_the_cost_is_told_before_the_send_and_with_it);
async fn m66_m82_the_cost_is_told_before_the_send_and_with_it(provider: Provider) {
    let world = World::of(provider).await;
    let (brazilian, german) = ("+5511987654321", "+4915112345678");
    for to in [CUSTOMER, brazilian, german] {
        world.opt_in(to).await;
    }
    assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, Value::Null, "no list, no price");
    put(&world, "/v1/prices/default", prices()).await;
    let usd = |text: &str| json!({ "estimate": text, "currency": "USD" });
    assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, usd("0.0024"));
    assert_eq!(cost_of(&world, &usual(brazilian)).await, usd("0.0078"));
    assert_eq!(cost_of(&world, &usual(german)).await, Value::Null, "not known is not free");
    world.customer_writes("Hello").await;
    let text =
        json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": "Hi" } });
    assert_eq!(cost_of(&world, &text).await, usd("0.001"));
    assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, usd("0.001"), "a template in a window");
}

every_provider!(m82_an_account_names_its_list_and_a_price_holds_from_its_day_on);
async fn m82_an_account_names_its_list_and_a_price_holds_from_its_day_on(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    put(&world, "/v1/prices/default", prices()).await;
    let dated = json!({ "currency": "EUR", "prices": [
        { "amount": "0.05" },
        { "amount": "0.06", "from": "2026-11-21" },
    ] });
    put(&world, "/v1/prices/euros", dated).await;
    let mut account = account_body(provider);
    account["prices"] = json!("euros");
    put(&world, "/v1/accounts/tw", account).await;
    assert_eq!(world.get("/v1/accounts/tw").await.body["prices"], "euros");
    let euros = |text: &str| json!({ "estimate": text, "currency": "EUR" });
    assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, euros("0.05"));
    world.settle().await;
    let midnight = transom_core::time::Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap();
    world.house.clock().advance_to(midnight.minus(Millis::new(1)));
    assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, euros("0.05"));
    for after in [0, 1] {
        world.house.clock().advance_to(midnight.plus(Millis::new(after)));
        assert_eq!(cost_of(&world, &usual(CUSTOMER)).await, euros("0.06"));
    }
}

every_provider!(m82_a_template_that_meets_an_open_window_costs_what_it_is_sent_as);
async fn m82_a_template_that_meets_an_open_window_costs_what_it_is_sent_as(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    put(&world, "/v1/prices/default", prices()).await;
    world.sandbox().fail_next(world.facts().throttles(60));
    let sent = world.post("/v1/messages", usual(CUSTOMER)).await;
    assert_eq!(sent.body["cost"]["estimate"], "0.0024", "{}", sent.body);
    world.settle().await;
    assert_eq!(world.message(&sent.text("id")).await["status"], "deferred");
    world.customer_writes("Hello").await;
    world.advance(Millis::from_seconds(120)).await;
    let shown = world.message(&sent.text("id")).await;
    assert_eq!(
        (&shown["status"], &shown["cost"]["estimate"]),
        (&json!("delivered"), &json!("0.001"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_the_cheapest_alternative_comes_first() {
    let world = World::start().await;
    world.opt_in(CUSTOMER).await;
    put(&world, "/v1/prices/default", prices()).await;
    let mut marketing = transom_testkit::world::template_body();
    marketing["category"] = json!("marketing");
    put(&world, "/v1/accounts/tw/templates/a_marketing_one", marketing).await;
    let mut login = transom_testkit::world::template_body();
    login["category"] = json!("authentication");
    put(&world, "/v1/accounts/tw/templates/an_unpriced_one", login).await;
    let text =
        json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": "Hi" } });
    let asked = world.post("/v1/messages/check", text).await;
    let offered: Vec<(String, Value)> = asked.body["alternatives"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|a| a["do"] == "template")
        .map(|a| (a["template"].as_str().unwrap().to_owned(), a["cost"]["estimate"].clone()))
        .collect();
    let expected = [
        ("order_ready".to_owned(), json!("0.0024")),
        ("a_marketing_one".to_owned(), json!("0.0117")),
        ("an_unpriced_one".to_owned(), Value::Null),
    ];
    assert_eq!(offered, expected, "{}", asked.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m82_a_list_is_replaced_whole_however_many_replace_it() {
    let world = World::start().await;
    let list = |n: usize| {
        let prices: Vec<Value> = ["IN", "BR", "DE", "FR", "US"]
            .iter()
            .map(|country| json!({ "country": country, "amount": format!("0.{n:03}") }))
            .collect();
        json!({ "currency": "USD", "prices": prices })
    };
    put(&world, "/v1/prices/raced", list(999)).await;
    let writes = (1..=6).map(|n| world.put("/v1/prices/raced", list(n)));
    let reads = (0..12).map(|_| world.get("/v1/prices/raced"));
    let (written, read) =
        futures::join!(futures::future::join_all(writes), futures::future::join_all(reads));
    assert!(written.iter().any(|a| a.status == 200));
    assert!(written.iter().chain(&read).all(|a| matches!(a.status, 200 | 503)), "{written:?}");
    let read = read.iter().filter(|a| a.status == 200);
    let last = world.get("/v1/prices/raced").await;
    for body in read.chain([&last]).map(|a| &a.body) {
        let found: BTreeSet<&str> = amounts(body).into_iter().collect();
        assert_eq!((amounts(body).len(), found.len()), (5, 1), "one list, and all of it: {body}");
    }
    // A shorter list leaves nothing of a longer one behind.
    put(&world, "/v1/prices/raced", json!({ "currency": "USD", "prices": [{ "amount": "1" }] }))
        .await;
    assert_eq!(amounts(&world.get("/v1/prices/raced").await.body), ["1"]);
}

/// Lets one query of the desk wait until it is let go.
#[derive(Debug)]
struct Gate {
    /// How many pass before it.
    passing: AtomicUsize,
    reached: mpsc::Sender<()>,
    open: Mutex<Option<mpsc::Receiver<()>>>,
}

impl Faults for Gate {
    fn next(&self, function: &str, target: &str) -> Option<WireFault> {
        if function.starts_with("Desk")
            && target.ends_with("Query")
            && self.passing.fetch_sub(1, Ordering::SeqCst) == 0
        {
            let open = self.open.lock().unwrap().take();
            if let Some(open) = open {
                self.reached.send(()).unwrap();
                tokio::task::block_in_place(|| open.recv().unwrap());
            }
        }
        None
    }
}

/// A World with a list, where a query of the desk waits at the gate after so many have passed.
async fn at_a_gate(passing: usize) -> (Arc<World>, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let world = Arc::new(World::start().await);
    put(&world, "/v1/prices/raced", raced("0.1")).await;
    let (reached, at_the_gate) = mpsc::channel();
    let (let_go, open) = mpsc::channel();
    let gate = Gate { passing: passing.into(), reached, open: Mutex::new(Some(open)) };
    world.house.faults().set(Some(Arc::new(gate)));
    (world, at_the_gate, let_go)
}

fn raced(amount: &str) -> Value {
    let prices = ["IN", "BR", "DE"].map(|c| json!({ "country": c, "amount": amount }));
    json!({ "currency": "USD", "prices": prices })
}

fn amounts(body: &Value) -> Vec<&str> {
    body["prices"].as_array().into_iter().flatten().filter_map(|p| p["amount"].as_str()).collect()
}

/// Whoever has read the head of a list and is overtaken by two that replace it finds neither an
/// empty list nor half of one: what the head promises is there, or is read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m82_a_reader_whom_two_overtake_reads_again() {
    let (world, at_the_gate, let_go) = at_a_gate(0).await;
    let reading = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.get("/v1/prices/raced").await }
    });
    tokio::task::block_in_place(|| at_the_gate.recv().unwrap());
    put(&world, "/v1/prices/raced", raced("0.2")).await;
    put(&world, "/v1/prices/raced", raced("0.3")).await;
    let_go.send(()).unwrap();
    let read = reading.await.unwrap();
    assert_eq!(amounts(&read.body), ["0.3", "0.3", "0.3"], "{}", read.body);
}

/// Whoever tidies up after his own list removes nothing of the one that replaced it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m82_a_writer_who_tidies_up_late_removes_nothing_of_the_list_that_holds() {
    // The first is the audit's, which shows how the list stood before.
    let (world, at_the_gate, let_go) = at_a_gate(1).await;
    let writing = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.put("/v1/prices/raced", raced("0.2")).await }
    });
    tokio::task::block_in_place(|| at_the_gate.recv().unwrap());
    put(&world, "/v1/prices/raced", raced("0.3")).await;
    let_go.send(()).unwrap();
    assert_eq!(writing.await.unwrap().status, 200);
    let read = world.get("/v1/prices/raced").await;
    assert_eq!(amounts(&read.body), ["0.3", "0.3", "0.3"], "{}", read.body);
}

/// What a dead writer left is gone when the list is replaced an hour later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m82_what_a_dead_writer_left_is_removed_by_a_later_one() {
    let world = World::start().await;
    put(&world, "/v1/prices/raced", raced("0.1")).await;
    world.inject(Script::new().on("Desk", "PutItem", 4, 4, WireFault::Unreachable));
    assert_eq!(world.put("/v1/prices/raced", raced("0.2")).await.status, 503);
    world.house.faults().set(None);
    let id = transom_core::id::PriceListId::parse("raced").unwrap();
    let store = &world.house.operator().store;
    let left = async || store.price_items(&id).await.unwrap();
    let begun = left().await;
    assert!(begun > 4, "a head, three countries, and what was begun: {begun}");
    assert_eq!(amounts(&world.get("/v1/prices/raced").await.body), ["0.1", "0.1", "0.1"]);
    world.pass(Millis::from_hours(2));
    put(&world, "/v1/prices/raced", raced("0.3")).await;
    assert_eq!(left().await, 7, "a head, three countries, and three of the list before");
    put(&world, "/v1/prices/raced", raced("0.4")).await;
    assert_eq!(left().await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m82_a_list_with_a_mistake_changes_nothing_and_says_where() {
    let world = World::start().await;
    put(&world, "/v1/prices/default", prices()).await;
    let before = world.get("/v1/prices/default").await.body;
    for (more, named) in [
        (json!({ "amount": "0.1.2" }), "prices[1].amount"),
        (json!({ "amount": "-1" }), "prices[1].amount"),
        (json!({ "amount": 0.1 }), "prices[1].amount"),
        (json!({ "amount": "1", "country": "ZZ" }), "prices[1].country"),
        (json!({ "amount": "1", "color": "red" }), "color"),
        (json!({ "amount": "2" }), "prices[1]"),
    ] {
        let body = json!({ "currency": "USD", "prices": [{ "amount": "1" }, more] });
        let refused = world.put("/v1/prices/default", body).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{more}");
        assert!(refused.text("detail").contains(named), "{}", refused.body);
    }
    assert_eq!(world.get("/v1/prices/default").await.body, before);
    assert_eq!(world.get("/v1/prices/other").await.code(), "not_found");
}

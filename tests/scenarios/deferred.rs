//! `when_limited: defer`: messages that wait for a place of the limit, woken by their scope, one after
//! another, never above the limit (M21, M22, D13).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{NUMBER, sender_body};
use transom_testkit::{Answer, AtCall, AutoStatus, WireFault, World};

fn seconds(n: i64) -> Millis {
    Millis::from_seconds(n)
}

fn customer(n: usize) -> String {
    format!("+9198765{n:05}")
}

async fn limit(world: &World, limit: Value) {
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = limit;
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
}

/// A World with so many places, whose customers all agree to be written to.
async fn world(provider: Provider, places: u32, customers: usize) -> World {
    let world = World::of(provider).await;
    limit(&world, json!(places)).await;
    for n in 0..customers {
        world.opt_in(&customer(n)).await;
    }
    world.settle().await;
    world
}

fn template(to: &str) -> Value {
    let variables = json!(["Asha", 42]);
    json!({
        "sender": "support", "to": to, "when_limited": "defer",
        "content": { "type": "template", "name": "order_ready", "variables": variables },
    })
}

async fn defer(world: &World, to: &str) -> Answer {
    let answer = world.post("/v1/messages", template(to)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer
}

async fn status(world: &World, id: &str) -> String {
    world.message(id).await["status"].as_str().unwrap_or_default().to_owned()
}

async fn used(world: &World) -> u64 {
    world.get("/v1/senders/support/limit").await.body["used"].as_u64().unwrap()
}

async fn next_free_at(world: &World) -> Timestamp {
    let at = world.get("/v1/senders/support/limit").await.text("next_free_at");
    Timestamp::parse_rfc3339(&at).unwrap()
}

fn sent_to(world: &World) -> Vec<String> {
    let to =
        |to: String| format!("+{}", to.trim_start_matches("whatsapp:").trim_start_matches('+'));
    world.sandbox().outbox().into_iter().map(|e| to(e.to)).collect()
}

every_provider!(m21_who_waits_is_sent_when_a_place_frees_to_the_millisecond_and_in_order);
async fn m21_who_waits_is_sent_when_a_place_frees_to_the_millisecond_and_in_order(
    provider: Provider,
) {
    let world = world(provider, 2, 5).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let answer = defer(&world, &customer(n)).await;
        let expected = if n < 2 { "queued" } else { "deferred" };
        assert_eq!(answer.text("status"), expected, "{n}");
        assert_eq!(answer.body["counts_against_limit"], true);
        ids.push(answer.text("id"));
        // So that each place frees at a time of its own.
        world.settle().await;
        world.advance(seconds(60)).await;
    }
    assert_eq!(sent_to(&world), [customer(0), customer(1)]);
    assert_eq!(used(&world).await, 2);
    assert_eq!(world.subscriber.of("limit.reached").len(), 1, "told once for all who wait");
    for (n, id) in ids.iter().enumerate().skip(2) {
        let free = next_free_at(&world).await;
        world.house.advance_to(free.minus(Millis::new(1))).await.unwrap();
        assert_eq!(status(&world, id).await, "deferred", "{n}, just before");
        world.house.advance_to(free).await.unwrap();
        assert_eq!(status(&world, id).await, "delivered", "{n}");
        assert_eq!(sent_to(&world).len(), n + 1, "one by one");
        assert!(used(&world).await <= 2);
    }
    let expected: Vec<String> = (0..5).map(customer).collect();
    assert_eq!(sent_to(&world), expected);
    world.advance(seconds(4 * 24 * 3600)).await;
    assert_eq!(sent_to(&world).len(), 5, "each once");
}

every_provider!(m21_without_defer_a_full_limit_refuses_as_before);
async fn m21_without_defer_a_full_limit_refuses_as_before(provider: Provider) {
    let world = world(provider, 1, 3).await;
    defer(&world, &customer(0)).await;
    world.settle().await;
    defer(&world, &customer(1)).await;
    let refused = world.send_template(&customer(2)).await;
    assert_eq!((refused.status, refused.code()), (429, "limit_reached"));
    // Who holds a place needs no other, however many wait.
    assert_eq!(defer(&world, &customer(0)).await.text("status"), "queued");
}

every_provider!(m22_a_raised_limit_wakes_at_once_and_as_many_as_there_are_places);
async fn m22_a_raised_limit_wakes_at_once_and_as_many_as_there_are_places(provider: Provider) {
    let world = world(provider, 1, 6).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        ids.push(defer(&world, &customer(n)).await.text("id"));
    }
    world.advance(seconds(60)).await;
    assert_eq!(sent_to(&world).len(), 1);
    limit(&world, json!(4)).await;
    world.house.sweep().await.unwrap();
    world.settle().await;
    assert_eq!(sent_to(&world).len(), 4);
    assert_eq!(used(&world).await, 4);
    assert_eq!(status(&world, &ids[4]).await, "deferred");
    limit(&world, json!(null)).await;
    world.house.sweep().await.unwrap();
    world.settle().await;
    assert_eq!(sent_to(&world).len(), 6, "without a limit nobody waits");
}

every_provider!(m22_a_raised_portfolio_wakes_whoever_waits_for_it);
async fn m22_a_raised_portfolio_wakes_whoever_waits_for_it(provider: Provider) {
    let world = world(provider, 1, 3).await;
    let mut account = transom_testkit::world::account_body(provider);
    account["portfolio"] = json!("group");
    assert!(world.put("/v1/accounts/tw", account).await.status < 300);
    let places = async |n: u32| {
        let body = json!({ "messaging_limit": n });
        assert!(world.put("/v1/portfolios/group", body).await.status < 300);
    };
    places(1).await;
    let mut sender = sender_body(NUMBER);
    sender["limit_scope"] = json!("portfolio");
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    for n in 0..3 {
        defer(&world, &customer(n)).await;
    }
    world.advance(seconds(60)).await;
    assert_eq!(sent_to(&world).len(), 1);
    places(2).await;
    world.house.sweep().await.unwrap();
    world.settle().await;
    assert_eq!(sent_to(&world).len(), 2);
}

every_provider!(m22_a_lowered_limit_keeps_them_waiting);
async fn m22_a_lowered_limit_keeps_them_waiting(provider: Provider) {
    let world = world(provider, 3, 5).await;
    for n in 0..5 {
        defer(&world, &customer(n)).await;
    }
    world.settle().await;
    limit(&world, json!(1)).await;
    world.advance(seconds(3600)).await;
    assert_eq!(sent_to(&world).len(), 3);
    world.advance(seconds(23 * 3600 + 60)).await;
    assert_eq!(sent_to(&world).len(), 4, "one place, not three");
    assert_eq!(used(&world).await, 1);
    world.advance(seconds(24 * 3600 + 60)).await;
    assert_eq!(sent_to(&world).len(), 5);
}

every_provider!(d13_a_place_that_is_given_back_wakes_the_next);
async fn d13_a_place_that_is_given_back_wakes_the_next(provider: Provider) {
    let world = world(provider, 1, 3).await;
    world.sandbox().set_autostatus(AutoStatus::Manual);
    defer(&world, &customer(0)).await;
    world.settle().await;
    let second = defer(&world, &customer(1)).await.text("id");
    let third = defer(&world, &customer(2)).await.text("id");
    world.advance(seconds(60)).await;
    assert_eq!(status(&world, &second).await, "deferred");
    let sid = world.sandbox().outbox()[0].sid.clone();
    let facts = world.facts();
    world.report(&sid, facts.failed, Some(facts.no_whatsapp)).await;
    world.advance(seconds(60)).await;
    assert_eq!(status(&world, &second).await, "accepted");
    assert_eq!(status(&world, &third).await, "deferred", "one place, one message");
    assert_eq!(used(&world).await, 1);
}

every_provider!(m80_who_opts_out_or_is_withdrawn_waits_no_longer_and_takes_nobodys_place);
async fn m80_who_opts_out_or_is_withdrawn_waits_no_longer_and_takes_nobodys_place(
    provider: Provider,
) {
    let world = world(provider, 1, 4).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(defer(&world, &customer(n)).await.text("id"));
        world.settle().await;
    }
    world.delete(&format!("/v1/senders/support/contacts/{}/opt-in", customer(1))).await;
    let message = world.message(&ids[1]).await;
    assert_eq!(
        (&message["status"], &message["failure"]["code"]),
        (&json!("cancelled"), &json!("opted_out"))
    );
    let cancelled = world.post(&format!("/v1/messages/{}/cancel", ids[2]), json!({})).await;
    assert_eq!((cancelled.status, cancelled.text("status").as_str()), (200, "cancelled"));
    world.advance(seconds(24 * 3600 + 60)).await;
    assert_eq!(sent_to(&world), [customer(0), customer(3)]);
    assert_eq!(status(&world, &ids[3]).await, "delivered");
    assert_eq!(
        world
            .subscriber
            .of("message.status")
            .iter()
            .filter(|e| e.body["data"]["status"] == "cancelled")
            .count(),
        2
    );
}

every_provider!(m23_whose_window_opens_meanwhile_needs_no_place);
async fn m23_whose_window_opens_meanwhile_needs_no_place(provider: Provider) {
    let world = world(provider, 1, 2).await;
    defer(&world, &customer(0)).await;
    world.settle().await;
    let id = defer(&world, &customer(1)).await.text("id");
    world.writes(&customer(1), NUMBER, "Hello").await;
    world.settle().await;
    world.advance(seconds(120)).await;
    let message = world.message(&id).await;
    assert_eq!((&message["status"], &message["sent_as"]), (&json!("delivered"), &json!("session")));
    assert_eq!(used(&world).await, 1);
}

every_provider!(e15_what_is_scheduled_into_a_full_limit_waits_then);
async fn e15_what_is_scheduled_into_a_full_limit_waits_then(provider: Provider) {
    let world = world(provider, 1, 2).await;
    let mut body = template(&customer(1));
    body["send_at"] = json!(world.now().plus(seconds(3600)).rfc3339());
    let id = world.post("/v1/messages", body).await.text("id");
    world.advance(seconds(1800)).await;
    defer(&world, &customer(0)).await;
    world.advance(seconds(1800)).await;
    assert_eq!(status(&world, &id).await, "deferred");
    world.advance(seconds(24 * 3600)).await;
    assert_eq!(status(&world, &id).await, "delivered");
}

every_provider!(u5_a_template_in_place_of_a_reply_waits_too);
async fn u5_a_template_in_place_of_a_reply_waits_too(provider: Provider) {
    let world = world(provider, 1, 2).await;
    defer(&world, &customer(0)).await;
    world.settle().await;
    let mut body = template(&customer(1));
    body["when_closed"] = json!("template");
    body["fallback"] = body["content"].clone();
    body["content"] = json!({ "type": "text", "text": "It is ready." });
    let id = world.post("/v1/messages", body).await.text("id");
    assert_eq!(status(&world, &id).await, "deferred");
    world.advance(seconds(24 * 3600 + 60)).await;
    let message = world.message(&id).await;
    assert_eq!(
        (&message["status"], &message["sent_as"]),
        (&json!("delivered"), &json!("template"))
    );
}

every_provider!(e7_the_same_key_defers_once);
async fn e7_the_same_key_defers_once(provider: Provider) {
    let world = world(provider, 1, 2).await;
    defer(&world, &customer(0)).await;
    world.settle().await;
    let body = template(&customer(1));
    let headers = [("idempotency-key", "k")];
    let send = || world.call_as(&world.key, "POST", "/v1/messages", Some(&body), &headers);
    let first = send().await;
    assert_eq!((first.status, first.text("status").as_str()), (202, "deferred"));
    assert_eq!(send().await.body, first.body);
    world.advance(seconds(24 * 3600 + 60)).await;
    assert_eq!(sent_to(&world), [customer(0), customer(1)]);
}

every_provider!(m21_parallel_requests_fill_the_limit_exactly_and_the_rest_waits);
async fn m21_parallel_requests_fill_the_limit_exactly_and_the_rest_waits(provider: Provider) {
    let world = world(provider, 5, 40).await;
    let users: Vec<String> = (0..40).map(customer).collect();
    let answers = futures::future::join_all(users.iter().map(|u| defer(&world, u))).await;
    assert_eq!(answers.len(), 40);
    world.advance(seconds(120)).await;
    assert_eq!(sent_to(&world).len(), 5);
    assert_eq!(used(&world).await, 5);
    for day in 1..=7 {
        world.advance(seconds(24 * 3600 + 120)).await;
        assert!(used(&world).await <= 5);
        assert_eq!(sent_to(&world).len(), 5 + 5 * day);
    }
    let mut all = sent_to(&world);
    all.sort();
    assert_eq!(all, users, "each once");
}

/// A generator of its own, so that a seed is a whole run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the model knows of a message.
struct Known {
    id: String,
    deferred: bool,
    withdrawn: bool,
}

/// Generated runs: requests, withdrawals, failures, limits that change, hours that pass, and sweeps
/// that break at any of their calls. After each whole step: never above the limit, nobody waits while
/// a place is free, and who waits is behind everybody who does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_generated_runs_keep_the_order_and_the_limit_and_lose_nobody() {
    for seed in 1..=4 {
        generated(seed).await;
    }
}

async fn generated(seed: u64) {
    let mut dice = Dice(seed);
    let customers = 40;
    let world = world(Provider::Meta, 3, customers).await;
    world.sandbox().set_autostatus(AutoStatus::Manual);
    let mut places = 3_u64;
    let mut known: Vec<Known> = Vec::new();
    let mut above = 0;
    for step in 0..60 {
        let at = format!("seed {seed}, step {step}");
        match dice.roll(10) {
            0..=4 if known.len() < customers => {
                let answer = defer(&world, &customer(known.len())).await;
                let deferred = answer.text("status") == "deferred";
                known.push(Known { id: answer.text("id"), deferred, withdrawn: false });
            }
            5 => {
                let waiting: Vec<usize> = (0..known.len())
                    .filter(|n| known[*n].deferred && !known[*n].withdrawn)
                    .collect();
                if let Some(n) = waiting.get(usize::try_from(dice.roll(8)).unwrap()) {
                    let path = format!("/v1/messages/{}/cancel", known[*n].id);
                    known[*n].withdrawn = world.post(&path, json!({})).await.status == 200;
                }
            }
            6 => {
                let outbox = world.sandbox().outbox();
                if let Some(sent) = outbox.last() {
                    let facts = world.facts();
                    world.report(&sent.sid, facts.failed, Some(facts.no_whatsapp)).await;
                }
            }
            7 => {
                places = 1 + dice.roll(5);
                limit(&world, json!(places)).await;
            }
            8 => {
                // A sweep that breaks at one of its calls, then time for another.
                let how = [WireFault::Die, WireFault::DieAfter, WireFault::Unreachable];
                let call = usize::try_from(dice.roll(12)).unwrap();
                let how = how[usize::try_from(dice.roll(3)).unwrap()];
                world.pass(seconds(3600 * i64::try_from(dice.roll(14)).unwrap()));
                world.house.faults().set(Some(AtCall::broken(&["Sweeper"], call, 3, how)));
                tokio::select! {
                    _ = world.house.sweep() => {}
                    () = world.house.faults().death() => {}
                }
                world.house.faults().set(None);
            }
            _ => world.advance(seconds(3600 * i64::try_from(dice.roll(14)).unwrap())).await,
        }
        world.settle().await;
        // What a broken sweep left is done at the next; fifteen minutes for what lost its queue. An
        // odd number, so that no look falls into the two seconds for which clocks may differ.
        world.advance(seconds(1003)).await;
        let now_used = used(&world).await;
        assert!(now_used <= places.max(above), "{at}: {now_used} of {places}");
        above = now_used;
        check_order(&world, &known, now_used < places, &at).await;
    }
    limit(&world, json!(null)).await;
    world.advance(seconds(1000)).await;
    let mut calls: BTreeMap<String, u32> = BTreeMap::new();
    for to in sent_to(&world) {
        *calls.entry(to).or_default() += 1;
    }
    for (n, message) in known.iter().enumerate() {
        let expected = u32::from(!message.withdrawn);
        let made = calls.get(&customer(n)).copied().unwrap_or_default();
        let shown = status(&world, &message.id).await;
        assert_eq!(made, expected, "seed {seed}: message {n} is {shown}");
    }
}

async fn check_order(world: &World, known: &[Known], is_free: bool, at: &str) {
    let mut first_waiting = None;
    for (n, message) in known.iter().enumerate().filter(|(_, m)| m.deferred && !m.withdrawn) {
        let waits = status(world, &message.id).await == "deferred";
        if waits {
            assert!(!is_free, "{at}: message {n} waits while a place is free");
            first_waiting.get_or_insert(n);
        } else {
            assert_eq!(first_waiting, None, "{at}: message {n} has overtaken one that waits");
        }
    }
}

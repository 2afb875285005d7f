//! Money: budgets, wallets, a provider's sandbox, and a number's way to WhatsApp (M59, M81, M84-M94,
//! E11).

use crate::every_provider::every_provider;
use crate::prices::prices;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_core::wallet::PROBE_AFTER;
use transom_local::transport::WireFault;
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body};
use transom_testkit::{Answer, AutoStatus, Fault, Script, World};

const SETTINGS: &str = "/v1/senders/support/settings";
const WALLET: &str = "/v1/accounts/tw/wallet";
const ENTRIES: &str = "/v1/accounts/tw/wallet/entries";

async fn put(world: &World, path: &str, body: Value) {
    let answer = world.put(path, body).await;
    assert!(answer.status < 300, "{path}: {}", answer.body);
}

async fn book(world: &World, body: Value) -> Answer {
    let answer = world.post(ENTRIES, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

async fn with_prices(provider: Provider) -> World {
    let world = World::of(provider).await;
    put(&world, "/v1/prices/default", prices()).await;
    world
}

async fn set_budget(world: &World, amount: &str, per: &str) {
    let budget = json!({ "amount": amount, "currency": "USD", "per": per });
    put(world, SETTINGS, json!({ "budget": budget })).await;
}

async fn consenting(world: &World, count: usize) -> Vec<String> {
    let users: Vec<String> = (0..count).map(|n| format!("+9198761{n:05}")).collect();
    for user in &users {
        assert!(world.opt_in(user).await.status < 300);
    }
    users
}

fn ids(world: &World, kind: &str) -> BTreeSet<String> {
    world.subscriber.of(kind).iter().map(|heard| heard.id().to_owned()).collect()
}

every_provider!(e11_parallel_templates_spend_a_budget_exactly);
async fn e11_parallel_templates_spend_a_budget_exactly(provider: Provider) {
    let world = with_prices(provider).await;
    let users = consenting(&world, 10).await;
    // A utility template to India costs 0.0024: at 0.0095 three fit, at 0.0096 four.
    set_budget(&world, "0.0096", "day").await;
    let answers = futures::future::join_all(users.iter().map(|u| world.send_template(u))).await;
    let taken = answers.iter().filter(|a| a.status == 202).count();
    assert_eq!(taken, 4);
    let midnight = "2026-11-21T00:00:00.000Z";
    for refused in answers.iter().filter(|a| a.status != 202) {
        assert_eq!((refused.status, refused.code()), (429, "budget_reached"), "{}", refused.body);
        assert_eq!(refused.text("retry_at"), midnight);
    }
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 4);
    assert_eq!(ids(&world, "budget.reached").len(), 1, "one event for the day");
    let asked = world
        .post(
            "/v1/messages/check",
            json!({ "sender": "support", "to": users[9], "content": {
            "type": "template", "name": "order_ready", "language": "en",
            "variables": { "1": "Asha", "2": "42" } } }),
        )
        .await;
    assert_eq!((asked.code(), asked.text("rule").as_str()), ("budget_reached", "E11"));
    assert_eq!(asked.body["inputs"]["budget"]["spent"], "0.0096");
    // Only those that were taken hold places of the limit.
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 4);
    // Replies go on.
    world.writes(&users[9], NUMBER, "Hello").await;
    assert_eq!(world.send_to(&users[9], "Hi").await.status, 202);
    let at = Timestamp::parse_rfc3339(midnight).unwrap();
    world.house.advance_to(at.minus(Millis::new(1))).await.unwrap();
    let refused: Vec<&String> =
        users.iter().zip(&answers).filter(|(_, a)| a.status != 202).map(|(u, _)| u).collect();
    assert_eq!(world.send_template(refused[0]).await.code(), "budget_reached");
    world.house.advance_to(at).await.unwrap();
    assert_eq!(world.send_template(refused[0]).await.status, 202);
}

every_provider!(m21_m26_e11_what_waits_for_a_place_counts_once_for_its_agent_and_its_budget);
/// Three counts meet in one message: a place of the limit, the agent's month and the budget. While it
/// waits it counts for its agent; cancelled it counts for nobody; sent it counts once for each.
async fn m21_m26_e11_what_waits_for_a_place_counts_once_for_its_agent_and_its_budget(
    provider: Provider,
) {
    let world = with_prices(provider).await;
    let users = consenting(&world, 4).await;
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(1);
    sender["agent_limits"] = json!({ "per_agent_30d": 2 });
    put(&world, "/v1/senders/support", sender).await;
    set_budget(&world, "0.0048", "month").await;
    let agent = world.post("/v1/keys", json!({ "role": "agent", "agent": "asha" })).await;
    let agent = agent.text("key");
    let sends = async |key: &str, to: &str| {
        let body = json!({ "sender": "support", "to": to, "when_limited": "defer", "content": {
            "type": "template", "name": "order_ready", "variables": ["Asha", 42] } });
        let answer = world.call_as(key, "POST", "/v1/messages", Some(&body), &[]).await;
        world.settle().await;
        answer
    };
    assert_eq!(sends(&agent, &users[0]).await.text("status"), "queued");
    let waits = sends(&agent, &users[1]).await;
    assert_eq!((waits.status, waits.text("status").as_str()), (202, "deferred"));
    assert_eq!(sends(&agent, &users[2]).await.code(), "agent_month_limit", "what waits counts");
    let cancel = format!("/v1/messages/{}/cancel", waits.text("id"));
    assert_eq!(world.post(&cancel, json!({})).await.status, 200);
    world.settle().await;
    let instead = sends(&agent, &users[2]).await;
    assert_eq!((instead.status, instead.text("status").as_str()), (202, "deferred"));
    world.advance(Millis::from_hours(25)).await;
    assert_eq!(world.message(&instead.text("id")).await["status"], "delivered");
    assert_eq!(world.message(&waits.text("id")).await["status"], "cancelled");
    assert_eq!(world.sandbox().outbox().len(), 2);
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
    // Both other counts are full now, to the message and to the millionth.
    world.advance(Millis::from_hours(24)).await;
    assert_eq!(sends(&agent, &users[3]).await.code(), "agent_month_limit");
    assert_eq!(sends(&world.key, &users[3]).await.code(), "budget_reached");
    assert_eq!(world.sandbox().outbox().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_a_budget_is_met_to_the_millionth() {
    for (amount, fit) in [("0.007199", 2), ("0.0072", 3), ("0.007201", 3)] {
        let world = with_prices(Provider::Meta).await;
        let users = consenting(&world, 4).await;
        set_budget(&world, amount, "month").await;
        let mut taken = 0;
        for user in &users {
            let answer = world.send_template(user).await;
            taken += usize::from(answer.status == 202);
            if answer.status != 202 {
                assert_eq!(answer.text("retry_at"), "2026-12-01T00:00:00.000Z", "{}", answer.body);
            }
        }
        assert_eq!(taken, fit, "{amount}");
    }
}

every_provider!(e11_d13_what_did_not_happen_is_given_back_to_the_budget);
async fn e11_d13_what_did_not_happen_is_given_back_to_the_budget(provider: Provider) {
    let world = with_prices(provider).await;
    let users = consenting(&world, 3).await;
    set_budget(&world, "0.0024", "day").await;
    world.sandbox().fail_next(world.facts().refuses());
    assert_eq!(world.send_template(&users[0]).await.status, 202);
    world.settle().await;
    // It was refused by the provider: its part is free again. The next waits, and is withdrawn.
    world.sandbox().fail_next(world.facts().throttles(600));
    let waits = world.send_template(&users[1]).await;
    assert_eq!(waits.status, 202, "{}", waits.body);
    world.settle().await;
    assert_eq!(world.send_template(&users[2]).await.code(), "budget_reached");
    let path = format!("/v1/messages/{}/cancel", waits.text("id"));
    assert_eq!(world.post(&path, json!({})).await.status, 200);
    assert_eq!(world.send_template(&users[2]).await.status, 202);
    world.settle().await;
    assert_eq!(world.send_template(&users[1]).await.code(), "budget_reached", "it is spent now");
    // Without a budget everything goes again.
    put(&world, SETTINGS, json!({})).await;
    assert_eq!(world.send_template(&users[1]).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_a_budget_lets_nothing_go_that_is_not_priced() {
    let world = World::start().await;
    let users = consenting(&world, 1).await;
    set_budget(&world, "100", "month").await;
    let refused = world.send_template(&users[0]).await;
    assert_eq!(refused.code(), "budget_reached");
    assert!(refused.text("detail").contains("price"), "{}", refused.body);
    assert!(refused.body["retry_at"].is_null(), "waiting does not help");
    let euros = json!({ "currency": "EUR", "prices": [{ "amount": "0.01" }] });
    put(&world, "/v1/prices/default", euros).await;
    let refused = world.send_template(&users[0]).await;
    assert!(refused.text("detail").contains("EUR"), "{}", refused.body);
    world.settle().await;
    assert!(ids(&world, "budget.reached").is_empty(), "nothing is spent");
    for (budget, named) in [
        (json!({ "amount": 5, "currency": "USD", "per": "day" }), "amount"),
        (json!({ "amount": "-1", "currency": "USD", "per": "day" }), "budget.amount"),
        (json!({ "amount": "1", "currency": "dollars", "per": "day" }), "budget.currency"),
        (json!({ "amount": "1", "currency": "USD", "per": "week" }), "per"),
    ] {
        let refused = world.put(SETTINGS, json!({ "budget": budget })).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.text("detail").contains(named), "{}", refused.body);
    }
    let shown = world.get(SETTINGS).await;
    assert_eq!(shown.body["budget"]["amount"], "100");
}

/// The code with which a provider says that an account's money is used up.
fn no_balance(provider: Provider) -> u32 {
    match provider {
        Provider::Gupshup => 1003,
        Provider::Meta => 131_042,
        Provider::Twilio => unreachable!("it has none for messages"),
    }
}

/// A message was sent and failed for want of a balance; when that was.
async fn refused_for_balance(world: &World) -> Timestamp {
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.pass(Millis::from_seconds(1));
    world.report(&sid, "failed", Some(no_balance(world.provider))).await;
    world.settle().await;
    let wallet = world.get(WALLET).await;
    assert_eq!(wallet.body["state"], "empty", "{}", wallet.body);
    Timestamp::parse_rfc3339(&wallet.text("refused_at")).unwrap()
}

every_provider!(m59_no_balance_stops_the_account_until_it_is_tried_again: meta Meta, gupshup Gupshup);
async fn m59_no_balance_stops_the_account_until_it_is_tried_again(provider: Provider) {
    let world = World::of(provider).await;
    let refused_at = refused_for_balance(&world).await;
    let until = refused_at.plus(PROBE_AFTER);
    for _ in 0..2 {
        let refused = world.send("Hi again").await;
        assert_eq!(
            (refused.status, refused.code()),
            (409, "insufficient_balance"),
            "{}",
            refused.body
        );
        assert_eq!(refused.text("retry_at"), until.rfc3339());
    }
    let asked =
        json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": "Hi" } });
    let checked = world.post("/v1/messages/check", asked).await;
    assert_eq!((checked.code(), checked.text("rule").as_str()), ("insufficient_balance", "M59"));
    assert_eq!(checked.body["inputs"]["balance"], "empty");
    assert_eq!(checked.body["alternatives"][0]["do"], "wait");
    world.settle().await;
    assert_eq!(ids(&world, "wallet.low").len(), 1, "told once");
    world.house.advance_to(until.minus(Millis::new(1))).await.unwrap();
    assert_eq!(world.send("Too early").await.code(), "insufficient_balance");
    world.house.advance_to(until).await.unwrap();
    // The try is refused as well: it stops again, and this is told anew.
    assert_eq!(world.send("A try").await.status, 202);
    world.settle().await;
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&sid, "failed", Some(no_balance(provider))).await;
    world.settle().await;
    assert_eq!(world.send("Hi").await.code(), "insufficient_balance");
    assert_eq!(ids(&world, "wallet.low").len(), 2);
    // The next one goes out: the account can pay again.
    world.advance(PROBE_AFTER).await;
    world.pass(Millis::from_seconds(2));
    assert_eq!(world.send("Another").await.status, 202);
    world.settle().await;
    assert!(!world.get(WALLET).await.body["refused_at"].is_null(), "acceptance says nothing yet");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&sid, "delivered", None).await;
    assert!(world.get(WALLET).await.body["refused_at"].is_null());
}

every_provider!(m59_credit_lets_an_account_send_again_at_once: meta Meta, gupshup Gupshup);
async fn m59_credit_lets_an_account_send_again_at_once(provider: Provider) {
    let world = World::of(provider).await;
    refused_for_balance(&world).await;
    assert_eq!(world.send("Hi").await.code(), "insufficient_balance");
    // What the account is given again keeps what is known of it.
    put(&world, "/v1/accounts/tw", account_body(provider)).await;
    assert_eq!(world.send("Hi").await.code(), "insufficient_balance");
    book(&world, json!({ "amount": "10", "currency": "USD" })).await;
    assert_eq!(world.send("Hi").await.status, 202);
    let wallet = world.get(WALLET).await;
    assert_eq!((&wallet.body["state"], &wallet.body["balance"]), (&json!("funded"), &json!("10")));
}

every_provider!(m59_a_refusal_of_old_stops_nothing: meta Meta, gupshup Gupshup);
async fn m59_a_refusal_of_old_stops_nothing(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    for text in ["One", "Two"] {
        assert_eq!(world.send(text).await.status, 202);
        world.settle().await;
    }
    let sids: Vec<String> = world.sandbox().outbox().iter().map(|m| m.sid.clone()).collect();
    let code = Some(no_balance(provider));
    let (first, second) =
        (world.status(&sids[0], "failed", code), world.status(&sids[1], "failed", code));
    assert_eq!(world.post_webhook(&first).await.status, 200);
    assert_eq!(world.send("Hi").await.code(), "insufficient_balance");
    world.pass(Millis::from_seconds(2));
    book(&world, json!({ "amount": "5", "currency": "USD" })).await;
    // The same refusal told again, and one of before that comes late.
    for webhook in [&first, &second] {
        assert_eq!(world.post_webhook(webhook).await.status, 200);
        assert_eq!(
            world.send("Hi").await.status,
            202,
            "what is older than the credit says nothing"
        );
    }
    world.settle().await;
    assert_eq!(ids(&world, "wallet.low").len(), 1);
}

/// Meta's answer to a send may itself say that there is no balance; what follows from it is the
/// sweep's where the sender dies. Its statuses may also come by the path for statuses alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m59_an_answer_stops_the_account_too_and_a_crash_does_not_hide_it() {
    let world = World::of(Provider::Meta).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    let no_money = Fault::Status { status: 400, code: 131_042, retry_after_s: None, taken: false };
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(no_money);
    assert_eq!(world.send("One").await.status, 202);
    world.settle().await;
    assert_eq!(world.get(WALLET).await.body["state"], "empty");
    world.pass(Millis::from_seconds(1));
    book(&world, json!({ "amount": "5", "currency": "USD" })).await;
    world.pass(Millis::from_seconds(1));
    // The claim and the answer are written; the account is out of reach.
    world.sandbox().fail_next(no_money);
    world.inject(Script::new().on("Sender", "UpdateItem", 2, 90, WireFault::Unreachable));
    let sent = world.send("Two").await;
    assert_eq!(sent.status, 202);
    world.settle().await;
    assert_eq!(world.get(WALLET).await.body["state"], "funded");
    world.inject(Script::new());
    world.advance(Millis::from_seconds(16 * 60)).await;
    assert!(!world.get(WALLET).await.body["refused_at"].is_null(), "the sweep noted it");
    assert_eq!(world.message(&sent.text("id")).await["failure"]["code"], "insufficient_balance");
    assert_eq!(ids(&world, "wallet.low").len(), 2);
    book(&world, json!({ "amount": "5", "currency": "USD" })).await;
    world.pass(Millis::from_seconds(1));
    assert_eq!(world.send("Three").await.status, 202);
    world.settle().await;
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.pass(Millis::from_seconds(1));
    let mut status = world.status(&sid, "failed", Some(131_042)).signed(&world.url);
    status.path = world.path("status");
    assert_eq!(world.post_signed(&status).await.status, 200);
    assert_eq!(world.send("Four").await.code(), "insufficient_balance");
}

every_provider!(m81_m82_a_dollar_for_testing_pays_for_each_message_once);
async fn m81_m82_a_dollar_for_testing_pays_for_each_message_once(provider: Provider) {
    let world = with_prices(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    let before = world.get(WALLET).await;
    assert_eq!((before.status, &before.body["balance"]), (200, &Value::Null), "not known is not 0");
    let credit =
        json!({ "id": "opening", "amount": "1.00", "currency": "USD", "note": "for testing" });
    let first = book(&world, credit.clone()).await;
    // However often, and however many at once.
    let again = (0..8).map(|_| world.post(ENTRIES, credit.clone()));
    for answer in futures::future::join_all(again).await {
        assert_eq!((answer.status, answer.text("id")), (201, first.text("id")), "{}", answer.body);
    }
    let mut other = credit.clone();
    other["amount"] = json!("2.00");
    assert_eq!(world.post(ENTRIES, other).await.code(), "idempotency_mismatch");
    assert_eq!(world.get(WALLET).await.body["balance"], "1");
    let balance = async || world.get(WALLET).await.body["balance"].clone();
    // A template outside a window; then its statuses, twice each.
    world.opt_in(CUSTOMER).await;
    let sent = world.send_template(CUSTOMER).await;
    world.settle().await;
    assert_eq!(balance().await, "0.9976");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    for status in ["sent", "sent", "delivered", "delivered"] {
        world.pass(Millis::from_seconds(1));
        world.report(&sid, status, None).await;
    }
    assert_eq!(balance().await, "0.9976", "once");
    let wallet = world.get(WALLET).await;
    let charge = &wallet.body["items"][0];
    assert_eq!((&charge["kind"], &charge["amount"]), (&json!("charge"), &json!("-0.0024")));
    assert_eq!(charge["message"], sent.body["id"]);
    // One that fails is given back; evidence that it arrived all the same takes it again.
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    // What she wrote is paid for, too (M83).
    assert_eq!(balance().await, "0.9956");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    for (status, left) in [
        ("failed", "0.9966"),
        ("failed", "0.9966"),
        ("delivered", "0.9956"),
        ("delivered", "0.9956"),
    ] {
        world.pass(Millis::from_seconds(1));
        let code = (status == "failed").then_some(world.facts().no_whatsapp);
        world.report(&sid, status, code).await;
        assert_eq!(balance().await, left, "{status}");
    }
    let sum: i64 = world.get(&format!("{WALLET}?limit=200")).await.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            transom_core::money::Amount::parse(e["amount"].as_str().unwrap()).unwrap().micros()
        })
        .sum();
    assert_eq!(sum, 995_600, "the balance is the sum of its entries");
}

every_provider!(m83_what_customers_send_is_booked_once_however_often_it_comes);
async fn m83_what_customers_send_is_booked_once_however_often_it_comes(provider: Provider) {
    let world = with_prices(provider).await;
    // Before there is a ledger nothing is booked, then or later.
    let early = world.customer_writes("Hello").await;
    world.settle().await;
    book(&world, json!({ "amount": "1", "currency": "USD" })).await;
    let written = world.customer_writes("Is anybody there?").await;
    for sid in [&early.sid, &written.sid, &written.sid] {
        assert_eq!(world.sandbox().phone_resend(sid).await.unwrap().status, 200);
    }
    world.settle().await;
    let wallet = world.get(WALLET).await.body;
    assert_eq!(wallet["balance"], "0.999", "{wallet}");
    let charge = &wallet["items"][0];
    assert_eq!((&charge["kind"], &charge["amount"]), (&json!("charge"), &json!("-0.001")));
    let charged = world.message(charge["message"].as_str().unwrap()).await;
    assert_eq!(charged["content"]["text"], "Is anybody there?");
    assert_eq!(charged["cost"], json!({ "estimate": "0.001", "currency": "USD" }));
    // Many at once, of many customers.
    let users: Vec<String> = (0..32).map(|n| format!("+9198761{n:05}")).collect();
    futures::future::join_all(users.iter().map(|user| world.writes(user, NUMBER, "Hi"))).await;
    world.settle().await;
    assert_eq!(world.get(WALLET).await.body["balance"], "0.967");
}

every_provider!(m81_a_message_whose_answer_was_lost_is_booked_by_its_status);
async fn m81_a_message_whose_answer_was_lost_is_booked_by_its_status(provider: Provider) {
    if !transom_testkit::facts(provider).echoes_reference {
        // Without a reference nothing leads from such a status to its message.
        return;
    }
    let world = with_prices(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    book(&world, json!({ "amount": "1", "currency": "USD" })).await;
    world.sandbox().fail_next(Fault::DropAfterRequest);
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    assert_eq!(world.get(WALLET).await.body["balance"], "1", "nobody knows whether it went out");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&sid, "delivered", None).await;
    assert_eq!(world.get(WALLET).await.body["balance"], "0.999");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m81_a_charge_that_could_not_be_booked_is_booked_by_the_sweep_once() {
    let world = with_prices(Provider::Twilio).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    book(&world, json!({ "amount": "1", "currency": "USD" })).await;
    world.inject(Script::new().on("Sender", "TransactWriteItems", 0, 60, WireFault::Unreachable));
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    assert_eq!(world.get(WALLET).await.body["balance"], "1");
    world.advance(Millis::from_seconds(20 * 60)).await;
    assert_eq!(world.get(WALLET).await.body["balance"], "0.999");
    // A lost answer is no second charge.
    world.inject(Script::new().on("Sender", "TransactWriteItems", 0, 1, WireFault::LoseAnswer));
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    world.advance(Millis::from_seconds(20 * 60)).await;
    assert_eq!(world.get(WALLET).await.body["balance"], "0.998");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m81_a_wallet_that_falls_below_its_mark_is_told_once_for_each_fall() {
    let world = with_prices(Provider::Meta).await;
    world.customer_writes("Hello").await;
    book(&world, json!({ "amount": "1", "currency": "USD", "low_below": "0.9985" })).await;
    for (n, told) in [(1, 0), (2, 1), (3, 1)] {
        assert_eq!(world.send("Hi").await.status, 202);
        world.settle().await;
        assert_eq!(ids(&world, "wallet.low").len(), told, "after {n}");
    }
    assert_eq!(world.get(WALLET).await.body["low"], true);
    book(&world, json!({ "amount": "0.0015", "currency": "USD" })).await;
    assert_eq!(world.get(WALLET).await.body["low"], false);
    world.send("Hi").await;
    world.settle().await;
    assert_eq!(ids(&world, "wallet.low").len(), 2, "it fell again");
    for (body, named) in [
        (json!({ "amount": "0", "currency": "USD" }), "amount"),
        (json!({ "amount": "1", "currency": "EUR" }), "USD"),
        (json!({ "amount": 1, "currency": "USD" }), "amount"),
        (json!({ "amount": "1", "currency": "USD", "kind": "charge" }), "kind"),
        (json!({ "amount": "1", "currency": "USD", "id": "" }), "id"),
    ] {
        let refused = world.post(ENTRIES, body).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.text("detail").contains(named), "{}", refused.body);
    }
    assert_eq!(world.get("/v1/accounts/nobody/wallet").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m81_parallel_charges_and_credits_sum_up_exactly() {
    let world = with_prices(Provider::Twilio).await;
    book(&world, json!({ "amount": "1", "currency": "USD" })).await;
    let users: Vec<String> = (0..12).map(|n| format!("+9198762{n:05}")).collect();
    for user in &users {
        world.writes(user, NUMBER, "Hello").await;
    }
    let sends = users.iter().map(|user| world.send_to(user, "Hi"));
    let credits =
        (0..6).map(|_| world.post(ENTRIES, json!({ "amount": "0.01", "currency": "USD" })));
    let (sent, booked) =
        futures::join!(futures::future::join_all(sends), futures::future::join_all(credits));
    assert!(sent.iter().all(|a| a.status == 202) && booked.iter().all(|a| a.status == 201));
    world.settle().await;
    world.advance(Millis::from_seconds(20 * 60)).await;
    assert_eq!(world.get(WALLET).await.body["balance"], "1.036");
}

async fn make_sandbox(world: &World) {
    let mut account = account_body(world.provider);
    account["sandbox"] = json!(true);
    put(world, "/v1/accounts/tw", account).await;
}

every_provider!(m84_the_sandbox_sends_texts_and_needs_a_balance);
async fn m84_the_sandbox_sends_texts_and_needs_a_balance(provider: Provider) {
    let world = with_prices(provider).await;
    make_sandbox(&world).await;
    assert_eq!(world.get("/v1/accounts/tw").await.body["sandbox"], true);
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    let image = json!({ "type": "image", "url": "https://example.com/a.png" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": image });
    let refused = world.post("/v1/messages", body).await;
    assert_eq!((refused.status, refused.code()), (422, "content_unsupported"), "{}", refused.body);
    assert!(refused.text("detail").contains("sandbox"), "{}", refused.body);
    // Where a ledger is kept, it must have something in it.
    world.settle().await;
    book(&world, json!({ "amount": "0.0015", "currency": "USD" })).await;
    assert_eq!(world.send("One").await.status, 202);
    world.settle().await;
    assert_eq!(world.send("Two").await.status, 202, "half a message's worth is left");
    world.settle().await;
    let refused = world.send("Three").await;
    assert_eq!((refused.status, refused.code()), (409, "insufficient_balance"), "{}", refused.body);
    book(&world, json!({ "amount": "1", "currency": "USD", "note": "recharged" })).await;
    assert_eq!(world.send("Three").await.status, 202);
}

every_provider!(m85_the_keyword_leads_to_the_app_and_is_stripped);
async fn m85_the_keyword_leads_to_the_app_and_is_stripped(provider: Provider) {
    let world = World::of(provider).await;
    let newest = async || {
        let id = world.conversation().await["id"].as_str().unwrap().to_owned();
        world.messages(&id).await[0].clone()
    };
    world.customer_writes("PROXY support Hello").await;
    assert_eq!(newest().await["content"]["text"], "PROXY support Hello", "only in the sandbox");
    make_sandbox(&world).await;
    for (text, shown, app) in [
        ("PROXY support", "", json!("support")),
        ("proxy support  Hello there", "Hello there", json!("support")),
        ("PROXY another_app Hello", "PROXY another_app Hello", Value::Null),
        ("Hello again", "Hello again", Value::Null),
    ] {
        world.pass(Millis::from_seconds(2));
        let sent = world.customer_writes(text).await;
        let message = newest().await;
        assert_eq!(message["content"]["text"], shown, "{text}");
        assert_eq!(message["referral"]["proxy"], app, "{text}");
        world.sandbox().phone_resend(&sent.sid).await.unwrap();
    }
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.messages(&id).await.len(), 5, "a redelivery changes nothing");
}

every_provider!(m86_m87_m91_m94_a_senders_way_is_followed_step_by_step);
async fn m86_m87_m91_m94_a_senders_way_is_followed_step_by_step(provider: Provider) {
    let world = World::of(provider).await;
    assert_eq!(world.get("/v1/senders/support").await.body["checklist"], json!([]));
    let set = async |onboarding: Value| {
        let mut sender = sender_body(NUMBER);
        sender["onboarding"] = onboarding;
        world.put("/v1/senders/support", sender).await
    };
    let state = async |step: &str| {
        let sender = world.get("/v1/senders/support").await.body;
        let steps = sender["checklist"].as_array().unwrap().clone();
        steps.into_iter().find(|s| s["step"] == step).unwrap()
    };
    assert_eq!(set(json!({})).await.status, 200);
    assert_eq!(state("business_manager").await["state"], "todo");
    assert_eq!(state("certificate").await["state"], "blocked");
    let submitted_at = world.now().rfc3339();
    let known = json!({
        "business_manager_id": "1234567890123456", "business_verified": true,
        "receives_code": true, "display_name": "Acme", "submitted_at": submitted_at,
    });
    assert_eq!(set(known.clone()).await.status, 200);
    for (days, around, expected) in [
        (0, 0, "waiting"),
        (7, -1, "waiting"),
        (7, 0, "late"),
        (7, 1, "late"),
        (15, -1, "late"),
        (15, 0, "overdue"),
        (15, 1, "overdue"),
    ] {
        let since = Millis::new(24 * 3_600_000 * days + around);
        let at = Timestamp::parse_rfc3339(&submitted_at).unwrap().plus(since);
        world.house.clock().advance_to(at);
        assert_eq!(state("approval").await["state"], expected, "{around} ms from {days} days");
    }
    assert!(state("approval").await["remedy"].as_str().unwrap().contains("ask "));
    let mut approved = known;
    approved["approved_at"] = json!(world.now().rfc3339());
    approved["in_another_app"] = json!(true);
    assert_eq!(set(approved.clone()).await.status, 200);
    assert_eq!(state("certificate").await["state"], "blocked", "M94: it is withheld");
    approved["left_app_at"] = json!(world.now().rfc3339());
    assert_eq!(set(approved).await.status, 200);
    assert_eq!(state("other_app").await["state"], "waiting");
    world.pass(Millis::new(24 * 7 * 3_600_000 - 1));
    assert_eq!(state("other_app").await["state"], "waiting");
    for _ in [0, 1] {
        world.pass(Millis::new(1));
        assert_eq!(state("other_app").await["state"], "done");
        assert_eq!(state("certificate").await["state"], "done");
    }
    // M88, M90: what cannot be is refused, and named.
    for (onboarding, named) in [
        (json!({ "business_manager_id": "12345678901234" }), "business_manager_id"),
        (json!({ "business_manager_id": "12345678901234567" }), "15 or 16"),
        (json!({ "display_name": "A" }), "display_name"),
        (json!({ "submitted_at": "yesterday" }), "submitted_at"),
    ] {
        let refused = set(onboarding).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        assert!(refused.text("detail").contains(named), "{}", refused.body);
    }
    let refused = world.put("/v1/senders/short", sender_body("57575")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("detail").contains("short code"), "{}", refused.body);
}

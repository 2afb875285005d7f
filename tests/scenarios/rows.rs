//! What the mission says of the whole road rather than of one part of it.

use crate::every_provider::{every_provider, heavy};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body};
use transom_testkit::{AutoStatus, Fault, World};

/// The messages of the usual customer by id, each with its conversation's list entry.
async fn shown(world: &World) -> BTreeMap<String, Value> {
    let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
    let messages = world.messages(&conversation).await;
    messages.into_iter().map(|m| (m["id"].as_str().unwrap().to_owned(), m)).collect()
}

every_provider!(m11_m65_u1_what_did_not_go_out_is_marked_for_ever);
/// Refused by a rule, failed at the provider, unknown: after a month each still says so, with its
/// reason and remedy, alone, in the conversation, in the list and in a search.
async fn m11_m65_u1_what_did_not_go_out_is_marked_for_ever(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(world.facts().refuses());
    let failed = world.send("failed").await.text("id");
    world.settle().await;
    world.sandbox().fail_next(Fault::DropAfterRequest);
    let unknown = world.send("unknown").await.text("id");
    world.settle().await;
    world.advance(Millis::from_hours(24)).await;
    let calls = world.sandbox().outbox().len();
    let late = world.send("late").await;
    assert_eq!((late.status, late.code()), (409, "window_expired"));
    assert!(!late.text("remedy").is_empty());
    let before = shown(&world).await;
    let late = before.iter().find(|(_, m)| m["content"]["text"] == "late").unwrap().0.clone();
    world.advance(Millis::from_hours(30 * 24)).await;
    assert_eq!(world.sandbox().outbox().len(), calls, "none was sent later by itself");
    let after = shown(&world).await;
    for (id, status) in [(&failed, "failed"), (&unknown, "unknown"), (&late, "refused")] {
        assert_eq!(after[id], before[id], "nothing fades");
        assert_eq!(after[id], world.message(id).await, "the same alone and in its conversation");
        assert_eq!(after[id]["status"], status);
        let failure = &after[id]["failure"];
        for field in ["code", "meaning", "remedy"] {
            assert!(failure[field].as_str().is_some_and(|f| !f.is_empty()), "{status}: {failure}");
        }
    }
    let digits = &CUSTOMER[3..];
    for query in ["undelivered=true".to_owned(), format!("q={digits}")] {
        let list = world.get(&format!("/v1/conversations?{query}")).await.body;
        assert_eq!(list["items"][0]["undelivered"], 3, "{query}: {list}");
    }
}

every_provider!(m14_a_refusal_is_answered_and_told_one_to_one);
async fn m14_a_refusal_is_answered_and_told_one_to_one(provider: Provider) {
    let world = World::of(provider).await;
    let mut answered = BTreeSet::new();
    for (n, answer) in [
        world.send("never written").await,
        world.send_template(CUSTOMER).await,
        world.send(&"x".repeat(5000)).await,
        world.send("").await,
    ]
    .into_iter()
    .enumerate()
    {
        assert!((400..500).contains(&answer.status), "{n}: {}", answer.body);
        answered.insert((answer.text("message"), answer.code().to_owned()));
    }
    world.settle().await;
    world.advance(Millis::from_hours(2)).await;
    let told: Vec<(String, String)> = world
        .subscriber
        .of("message.refused")
        .iter()
        .map(|h| &h.body["data"])
        .map(|data| (data["message"].clone(), data["code"].clone()))
        .map(|(id, code)| (id.as_str().unwrap().to_owned(), code.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(told.len(), answered.len(), "each once: {told:?}");
    assert_eq!(BTreeSet::from_iter(told), answered);
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let events = world.get(&format!("/v1/conversations/{id}/events?limit=200")).await.body;
    let kept = events["items"].as_array().unwrap();
    let kept = kept.iter().filter(|e| e["type"] == "message.refused").count();
    assert_eq!(kept, answered.len(), "and they stay listed: {events}");
    assert!(world.sandbox().outbox().is_empty());
}

every_provider!(u2_f1_every_send_ends_in_a_known_state);
/// Whatever the provider answers and reports, and whatever is cancelled: the sends are the sum of
/// those that ended in a state that says what became of them, and no attempt was called twice.
async fn u2_f1_every_send_ends_in_a_known_state(provider: Provider) {
    use proptest::strategy::{Strategy, ValueTree};
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    let mut runner = TestRunner::deterministic();
    let mut draw = |below: u32| (0..below).new_tree(&mut runner).unwrap().current();
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..heavy(provider, 60, 30) {
        if n % 10 == 0 {
            world.customer_writes("Hello").await;
            world.advance(Millis::from_hours(3)).await;
        }
        match draw(6) {
            0 => world.sandbox().fail_next(world.facts().refuses()),
            1 => world.sandbox().fail_next(world.facts().throttles(20)),
            2 => world.sandbox().fail_next(Fault::DropAfterRequest),
            3 => world.sandbox().fail_next(Fault::Garbage),
            _ => {}
        }
        let known = world.sandbox().outbox().len();
        let answer = world.send(&format!("{n:03}")).await;
        let id = match answer.status {
            202 => answer.text("id"),
            _ => answer.text("message"),
        };
        sent.insert(id.clone(), n);
        if draw(5) == 0 {
            world.post(&format!("/v1/messages/{id}/cancel"), json!({})).await;
        }
        world.settle().await;
        let new: Vec<String> =
            world.sandbox().outbox().iter().skip(known).map(|e| e.sid.clone()).collect();
        for sid in new {
            let code = Some(world.facts().no_whatsapp);
            match draw(5) {
                0 => world.report(&sid, "delivered", None).await,
                1 => world.report(&sid, "read", None).await,
                2 => world.report(&sid, "failed", code).await,
                _ => {}
            }
        }
    }
    world.advance(Millis::from_hours(48)).await;
    let messages = shown(&world).await;
    let mut sum: BTreeMap<String, usize> = BTreeMap::new();
    for id in sent.keys() {
        let message = &messages[id];
        let status = message["status"].as_str().unwrap();
        *sum.entry(status.to_owned()).or_default() += 1;
        let ended = ["accepted", "delivered", "read", "failed", "refused", "cancelled", "unknown"];
        assert!(ended.contains(&status), "{message}");
        let says_why = ["failed", "refused", "unknown"].contains(&status);
        assert!(!says_why || message["failure"]["remedy"].is_string(), "{message}");
    }
    assert_eq!(sum.values().sum::<usize>(), sent.len(), "{sum:?}");
    assert!(sum.len() >= 4, "many kinds of ends: {sum:?}");
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for entry in world.sandbox().outbox() {
        *calls.entry(entry.body).or_default() += 1;
    }
    assert!(calls.values().all(|n| *n == 1), "no attempt reached the provider twice: {calls:?}");
}

every_provider!(m99_u11_an_apis_reply_is_a_reply_like_any_other);
/// Whoever sends, an agent's key or another system's: the same guard, the same road, the same
/// states. Only whom it is attributed to differs.
async fn m99_u11_an_apis_reply_is_a_reply_like_any_other(provider: Provider) {
    let world = World::of(provider).await;
    let mut keys = Vec::new();
    for body in [json!({ "role": "agent", "agent": "asha" }), json!({ "role": "system" })] {
        keys.push(world.post("/v1/keys", body).await.text("key"));
    }
    let mut seen = Vec::new();
    for (n, (key, origin)) in keys.iter().zip(["agent", "system"]).enumerate() {
        let customer = format!("+91987650000{n}");
        let content = json!({ "type": "text", "text": "Hi" });
        let body = json!({ "sender": "support", "to": customer, "content": content });
        let send = async || world.call_as(key, "POST", "/v1/messages", Some(&body), &[]).await;
        let refused = send().await;
        assert_eq!(refused.code(), "window_never_opened");
        world.writes(&customer, NUMBER, "Hello").await;
        let taken = send().await;
        assert_eq!(taken.status, 202, "{}", taken.body);
        world.settle().await;
        let message = world.message(&taken.text("id")).await;
        assert_eq!(message["origin"], origin);
        let statuses = message["statuses"].as_array().unwrap();
        let statuses: BTreeSet<String> = statuses.iter().map(|s| s["status"].to_string()).collect();
        world.advance(Millis::from_hours(24)).await;
        let late = send().await.code().to_owned();
        seen.push((refused.text("remedy"), message["status"].clone(), statuses, late));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].3, "window_expired");
    assert_eq!(world.sandbox().outbox().len(), 2, "both reached their customer");
}

every_provider!(m108_d8_d9_two_kinds_of_messages_and_what_each_needs);
/// Free text needs the customer's own message, a template his consent and nothing else.
async fn m108_d8_d9_two_kinds_of_messages_and_what_each_needs(provider: Provider) {
    let world = World::of(provider).await;
    let refused = world.send("May I?").await;
    assert_eq!((refused.status, refused.code()), (409, "window_never_opened"));
    assert_eq!(world.send_template(CUSTOMER).await.code(), "not_opted_in");
    world.opt_in(CUSTOMER).await;
    assert_eq!(world.send("May I now?").await.code(), "window_never_opened");
    let template = world.send_template(CUSTOMER).await;
    assert_eq!(template.status, 202, "{}", template.body);
    assert_eq!(template.body["sent_as"], "template");
    world.settle().await;
    assert_eq!(world.send("And now?").await.code(), "window_never_opened");
    world.customer_writes("Yes").await;
    let reply = world.send("Thank you").await;
    assert_eq!((reply.status, &reply.body["sent_as"]), (202, &json!("session")));
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 2);
}

/// Some products take numbers of one country alone as their senders; whom they write to is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m106_m105_a_profile_may_want_senders_of_one_country() {
    let world = World::of(Provider::Gupshup).await;
    let mut account = account_body(Provider::Gupshup);
    for wrong in ["91", "+", "+0", "+12345678", "+9x"] {
        account["profile"] = json!({ "sender_prefixes": [wrong] });
        let answer = world.put("/v1/accounts/tw", account.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{wrong}");
        assert!(answer.text("detail").contains("sender_prefixes"), "{}", answer.body);
    }
    account["profile"] = json!({ "sender_prefixes": ["+91"] });
    assert_eq!(world.put("/v1/accounts/tw", account).await.status, 200);
    let refused = world.put("/v1/senders/abroad", sender_body("+14155230001")).await;
    assert_eq!((refused.status, refused.code()), (400, "invalid_request"));
    assert!(refused.text("detail").contains("+91"), "{}", refused.body);
    let taken = world.put("/v1/senders/home", sender_body("+912261234567")).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    // The sender that is there already goes on, and customers of any country are written to.
    for customer in ["+5511987654321", "+4915112345678", "+14155550123"] {
        world.writes(customer, NUMBER, "Hello").await;
        assert_eq!(world.send_to(customer, "Hi").await.status, 202, "{customer}");
    }
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 3);
}

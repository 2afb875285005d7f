//! What a customer does to an earlier message is shown at that message, and stands in the thread
//! (E10).

use crate::fixtures::{VALUE, fixtures, parse, passed_on, sent};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_testkit::{Payload, World};

/// A webhook of Meta's: what the customer did to the message `target`, `seconds` after the World
/// began.
fn done(fixture: &str, target: &str, id: &str, seconds: i64, world: &World) -> Value {
    let mut value = parse(&fixtures("meta")[fixture]);
    let message = value.pointer_mut(&format!("{VALUE}/messages/0")).unwrap();
    let kind = message["type"].as_str().unwrap().to_owned();
    message["id"] = json!(id);
    message["timestamp"] = json!((world.now().as_millis() / 1000 + seconds).to_string());
    let name = if kind == "reaction" { "message_id" } else { "original_message_id" };
    message[&kind][name] = json!(target);
    value
}

fn emoji(mut value: Value, emoji: &str) -> Value {
    value.pointer_mut(&format!("{VALUE}/messages/0/reaction")).unwrap()["emoji"] = json!(emoji);
    value
}

async fn post(world: &World, provider: Provider, value: &Value) {
    let answer = world.posts(provider, value).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.settle().await;
}

async fn thread(world: &World) -> Vec<Value> {
    let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
    world.messages(&conversation).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_of_reactions_the_latest_stands_at_its_message_in_any_order() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let (world, id, sid) = sent(Provider::Meta).await;
        let reactions = [
            emoji(done("reaction", &sid, "wamid.R1", 1, &world), "👍"),
            done("reaction_removed", &sid, "wamid.R2", 2, &world),
            emoji(done("reaction", &sid, "wamid.R3", 3, &world), "🎉"),
        ];
        assert_eq!(world.message(&id).await["reactions"], json!([]));
        for n in order {
            post(&world, Provider::Meta, &reactions[n]).await;
            post(&world, Provider::Meta, &reactions[n]).await;
        }
        let shown = world.message(&id).await;
        let stands = &shown["reactions"];
        assert_eq!(stands.as_array().unwrap().len(), 1, "{order:?}: {shown}");
        assert_eq!((&stands[0]["emoji"], &stands[0]["by"]), (&json!("🎉"), &json!("customer")));
        // Each stands in the thread too, and names the message.
        let thread = thread(&world).await;
        let told: Vec<&Value> =
            thread.iter().filter(|m| m["content"]["type"] == "reaction").collect();
        assert_eq!(told.len(), 3, "{order:?}");
        assert!(told.iter().all(|m| m["reply_to"] == json!(id)), "{told:?}");
        let updates = world.subscriber.of("message.updated");
        let last = updates.iter().rfind(|u| u.body["data"]["message"]["id"] == json!(id)).unwrap();
        assert!(last.body["data"]["message"]["reactions"].is_array());
        let mut ids: Vec<&str> = updates.iter().map(|u| u.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        let distinct =
            order.iter().enumerate().filter(|(at, n)| order[..*at].iter().all(|m| m < n));
        assert_eq!(ids.len(), distinct.count(), "{order:?}: one for each that was not overtaken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_a_reaction_that_was_taken_back_is_gone() {
    let (world, id, sid) = sent(Provider::Meta).await;
    post(&world, Provider::Meta, &done("reaction", &sid, "wamid.R1", 1, &world)).await;
    assert_eq!(world.message(&id).await["reactions"][0]["emoji"], "👍");
    post(&world, Provider::Meta, &done("reaction_removed_bare", &sid, "wamid.R2", 2, &world)).await;
    assert_eq!(world.message(&id).await["reactions"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_corrections_and_deletions_are_shown_and_open_no_window() {
    let world = World::of(Provider::Meta).await;
    let said = world.customer_writes("Where is my ordr?").await;
    world.settle().await;
    let id = thread(&world).await[0]["id"].as_str().unwrap().to_owned();
    let until = world.conversation().await["window"]["expires_at"].clone();
    post(&world, Provider::Meta, &done("edit", &said.sid, "wamid.E1", 60, &world)).await;
    let edited = world.message(&id).await;
    assert!(edited["edited_at"].is_string(), "{edited}");
    assert_eq!(edited["content"]["text"], "Where is my ordr?", "what was said stays");
    let newest = thread(&world).await[0].clone();
    assert_eq!(newest["content"], json!({ "type": "edit", "text": "corrected" }));
    assert_eq!(newest["reply_to"], json!(id));
    post(&world, Provider::Meta, &done("revoke", &said.sid, "wamid.D1", 90, &world)).await;
    let deleted = world.message(&id).await;
    assert!(deleted["deleted_at"].is_string() && deleted["edited_at"].is_string(), "{deleted}");
    assert_eq!(thread(&world).await[0]["content"], json!({ "type": "deletion" }));
    assert_eq!(world.conversation().await["window"]["expires_at"], until);
    assert_eq!(world.subscriber.of("message.updated").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_what_changes_a_message_that_nobody_knows_is_shown_by_itself() {
    let world = World::of(Provider::Meta).await;
    post(&world, Provider::Meta, &done("reaction", "wamid.UNKNOWN", "wamid.R1", 1, &world)).await;
    let newest = thread(&world).await[0].clone();
    assert_eq!(newest["content"], json!({ "type": "reaction", "emoji": "👍" }));
    assert_eq!(newest["reply_to"], "wamid.UNKNOWN");
    assert_eq!(world.subscriber.of("message.updated").len(), 0);
    assert_eq!(world.conversation().await["window"]["state"], "open", "a reaction says something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e10_a_reaction_that_names_whatsapps_id_finds_its_message_at_gupshup() {
    let world = World::of(Provider::Gupshup).await;
    world.customer_writes("Hello").await;
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    // The first status told WhatsApp's id of it; any of them does.
    let sid = world.sandbox().outbox()[0].sid.clone();
    let Payload::Json(status) = world.status(&sid, "delivered", None).payload else {
        panic!("Gupshup's statuses are JSON")
    };
    let text = status.to_string();
    let told = text.split('"').find(|part| part.starts_with("wamid.")).unwrap().to_owned();
    let reaction = passed_on(done("reaction", &told, "wamid.R1", 1, &world));
    post(&world, Provider::Gupshup, &reaction).await;
    let shown = world.message(&id).await;
    assert_eq!(shown["reactions"][0]["emoji"], "👍", "{shown}");
}

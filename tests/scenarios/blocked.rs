//! Every reason for which a reply is blocked is entered and left through the API; history stays
//! readable; a refused send makes no provider call and one durable event.

use crate::every_provider::{every_provider, heavy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::World;
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body, template_body};

async fn with_customer(provider: Provider) -> World {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.pass(Millis::from_seconds(1));
    world
}

/// Asserts that a reply is blocked for this reason and cause, that nothing goes out, that the
/// refusal is kept and told once, and that history stays readable.
async fn assert_blocked(world: &World, reason: &str, cause: &str) {
    world.settle().await;
    let before = world.sandbox().outbox().len();
    let told = world.subscriber.of("message.refused").len();
    let conversation = world.conversation().await;
    let reply = &conversation["reply"];
    assert_eq!(reply["allowed"], false, "{conversation}");
    assert_eq!(reply["reason"], reason);
    assert_eq!(reply["cause"], cause);
    assert!(reply["remedy"].as_str().unwrap().ends_with('.'));
    let id = conversation["id"].as_str().unwrap();
    let refused = world.send("Blocked?").await;
    assert_eq!((refused.status, refused.code()), (409, cause), "{}", refused.body);
    assert_eq!(refused.content_type, "application/problem+json");
    assert!(refused.text("remedy").ends_with('.'));
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), before, "no provider call");
    assert_eq!(world.subscriber.of("message.refused").len(), told + 1, "one event");
    let items = world.messages(id).await;
    assert_eq!(items[0]["status"], "refused");
    assert_eq!(items[0]["failure"]["code"], cause);
    if cause != "window_never_opened" {
        assert!(items.iter().any(|m| m["content"]["text"] == "Hello"), "history stays readable");
    }
    let events = world.get(&format!("/v1/conversations/{id}/events?limit=200")).await;
    let items = events.body["items"].as_array().unwrap();
    let kept = items.iter().filter(|e| {
        e["type"] == "message.refused" && e["data"]["message"] == refused.body["message"]
    });
    assert_eq!(kept.count(), 1, "one durable event: {}", events.body);
}

async fn assert_allowed(world: &World) {
    let conversation = world.conversation().await;
    assert_eq!(conversation["reply"], json!({ "allowed": true }));
    let sent = world.send("Allowed.").await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    assert_eq!(world.message(&sent.text("id")).await["status"], "delivered");
}

every_provider!(m136_session_ended_brand_inactive);
async fn m136_session_ended_brand_inactive(provider: Provider) {
    let world = with_customer(provider).await;
    world.put("/v1/brands/acme", json!({ "name": "Acme", "active": false })).await;
    assert_blocked(&world, "session_ended", "brand_inactive").await;
    world.put("/v1/brands/acme", json!({ "name": "Acme", "active": true })).await;
    assert_allowed(&world).await;
}

every_provider!(m136_session_ended_brand_deleted);
async fn m136_session_ended_brand_deleted(provider: Provider) {
    let world = with_customer(provider).await;
    assert!(world.delete("/v1/brands/acme").await.status < 300);
    assert_blocked(&world, "session_ended", "brand_deleted").await;
    world.put("/v1/brands/acme", json!({ "name": "Acme", "active": true })).await;
    assert_allowed(&world).await;
}

every_provider!(m136_session_ended_brand_mismatch);
async fn m136_session_ended_brand_mismatch(provider: Provider) {
    let world = with_customer(provider).await;
    world.put("/v1/brands/other", json!({ "name": "Other", "active": true })).await;
    let mut sender = sender_body(NUMBER);
    sender["brand"] = json!("other");
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    assert_blocked(&world, "session_ended", "brand_mismatch").await;
    world.put("/v1/senders/support", sender_body(NUMBER)).await;
    assert_allowed(&world).await;
}

every_provider!(m137_d1_integration_removed_and_added_again);
async fn m137_d1_integration_removed_and_added_again(provider: Provider) {
    let world = with_customer(provider).await;
    assert!(world.delete("/v1/accounts/tw").await.status < 300);
    assert_blocked(&world, "integration_removed", "integration_removed").await;
    // The same number through another account resumes its conversations.
    assert!(world.put("/v1/accounts/again", account_body(provider)).await.status < 300);
    let mut sender = sender_body(NUMBER);
    sender["account"] = json!("again");
    assert!(world.put("/v1/senders/front", sender).await.status < 300);
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let content = json!({ "type": "text", "text": "We are back." });
    let sent = world.post("/v1/messages", json!({ "conversation": id, "content": content })).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(sent.text("conversation"), id);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message} {:?}", world.sandbox().webhooks());
}

every_provider!(m137_the_same_account_put_again_restores);
async fn m137_the_same_account_put_again_restores(provider: Provider) {
    let world = with_customer(provider).await;
    world.delete("/v1/accounts/tw?because=removed").await;
    assert_blocked(&world, "integration_removed", "integration_removed").await;
    assert!(world.put("/v1/accounts/tw", account_body(provider)).await.status < 300);
    assert_allowed(&world).await;
}

every_provider!(m138_account_deactivated_and_reactivated);
async fn m138_account_deactivated_and_reactivated(provider: Provider) {
    let world = with_customer(provider).await;
    assert!(world.post("/v1/accounts/tw/deactivate", json!({})).await.status < 300);
    assert_blocked(&world, "account_deactivated", "account_deactivated").await;
    // What customers write meanwhile is not lost.
    world.customer_writes("Are you closed?").await;
    assert!(world.post("/v1/accounts/tw/activate", json!({})).await.status < 300);
    assert_allowed(&world).await;
}

every_provider!(m138_account_deleted_is_final);
async fn m138_account_deleted_is_final(provider: Provider) {
    let world = with_customer(provider).await;
    assert!(world.delete("/v1/accounts/tw?because=deleted").await.status < 300);
    assert_blocked(&world, "account_deactivated", "account_deleted").await;
    let refused = world.post("/v1/accounts/tw/activate", json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "account_deleted"));
    // A new account with the same number resumes.
    assert!(world.put("/v1/accounts/new", account_body(provider)).await.status < 300);
    let mut sender = sender_body(NUMBER);
    sender["account"] = json!("new");
    assert!(world.put("/v1/senders/support", sender).await.status < 300);
    assert_allowed(&world).await;
}

every_provider!(m139_session_expired_and_reopened);
async fn m139_session_expired_and_reopened(provider: Provider) {
    let world = with_customer(provider).await;
    world.advance(Millis::from_hours(24)).await;
    assert_blocked(&world, "session_expired", "window_expired").await;
    world.customer_writes("Still there?").await;
    assert_allowed(&world).await;
}

every_provider!(m139_m18_session_never_opened);
async fn m139_m18_session_never_opened(provider: Provider) {
    let world = World::of(provider).await;
    let refused = world.send("Hi").await;
    assert_eq!((refused.status, refused.code()), (409, "window_never_opened"));
    let conversation = world.conversation().await;
    assert_eq!(conversation["contact"]["active"], false);
    assert_eq!(conversation["window"]["state"], "none");
    assert_blocked(&world, "session_expired", "window_never_opened").await;
    world.customer_writes("Hello").await;
    assert_eq!(world.conversation().await["contact"]["active"], true);
    assert_allowed(&world).await;
}

every_provider!(m50_a_deleted_sender_interrupts_its_conversations);
async fn m50_a_deleted_sender_interrupts_its_conversations(provider: Provider) {
    let world = with_customer(provider).await;
    assert!(world.delete("/v1/senders/support").await.status < 300);
    let conversation = world.conversation().await;
    assert_eq!(conversation["status"], "interrupted");
    assert_eq!(conversation["reply"]["cause"], "interrupted");
    assert_eq!(world.send("Hi").await.code(), "interrupted");
    assert!(world.put("/v1/senders/support", sender_body(NUMBER)).await.status < 300);
    assert_allowed(&world).await;
}

every_provider!(m50_every_open_conversation_of_a_deleted_sender_is_told_once);
async fn m50_every_open_conversation_of_a_deleted_sender_is_told_once(provider: Provider) {
    let world = World::of(provider).await;
    let open = heavy(provider, 230, 5);
    world.writes("+919876600000", NUMBER, "Long ago").await;
    world.advance(Millis::from_hours(24)).await;
    for n in 0..open {
        world.writes(&format!("+9198765{n:05}"), NUMBER, "Hello").await;
        world.pass(Millis::new(1));
    }
    world.settle().await;
    assert!(world.delete("/v1/senders/support").await.status < 300);
    world.advance(Millis::from_seconds(120)).await;
    let told = world.subscriber.of("conversation.interrupted");
    let of: BTreeSet<&str> =
        told.iter().filter_map(|t| t.body["data"]["conversation"].as_str()).collect();
    assert_eq!((told.len(), of.len()), (open, open), "each once, and none that had expired");
    let one = &told[0].body["data"];
    assert_eq!(one["sender"], "support");
    let events = world
        .get(&format!("/v1/conversations/{}/events", one["conversation"].as_str().unwrap()))
        .await;
    let listed = events.body["items"].as_array().unwrap().iter();
    let ids: Vec<&Value> =
        listed.filter(|e| e["type"] == "conversation.interrupted").map(|e| &e["id"]).collect();
    assert_eq!(ids, [told[0].id()], "listed under the id that was told");
    // Put again and deleted again, it is interrupted again; put again before the sweep, it is not.
    assert!(world.put("/v1/senders/support", sender_body(NUMBER)).await.status < 300);
    assert!(world.delete("/v1/senders/support").await.status < 300);
    assert!(world.put("/v1/senders/support", sender_body(NUMBER)).await.status < 300);
    world.advance(Millis::from_seconds(120)).await;
    assert_eq!(world.subscriber.of("conversation.interrupted").len(), open);
    assert!(world.delete("/v1/senders/support").await.status < 300);
    world.advance(Millis::from_seconds(120)).await;
    assert_eq!(world.subscriber.of("conversation.interrupted").len(), 2 * open);
}

every_provider!(m50_d1_a_number_that_moves_to_another_sender_interrupts_nothing);
async fn m50_d1_a_number_that_moves_to_another_sender_interrupts_nothing(provider: Provider) {
    let world = with_customer(provider).await;
    world.settle().await;
    assert!(world.delete("/v1/senders/support").await.status < 300);
    assert!(world.put("/v1/senders/renamed", sender_body(NUMBER)).await.status < 300);
    world.advance(Millis::from_seconds(120)).await;
    assert!(world.subscriber.of("conversation.interrupted").is_empty());
    assert_eq!(world.conversation().await["status"], "open");
    // The customer has not written since: his conversation is the new sender's all the same.
    assert!(world.delete("/v1/senders/renamed").await.status < 300);
    world.advance(Millis::from_seconds(120)).await;
    let told = world.subscriber.of("conversation.interrupted");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["data"]["sender"], "renamed");
}

every_provider!(what_changes_between_queueing_and_the_call_is_asked_again);
async fn what_changes_between_queueing_and_the_call_is_asked_again(provider: Provider) {
    let world = World::of(provider).await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    // The queue is held back by a throttled first message.
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(world.facts().throttles(60));
    let first = world.send("one").await;
    world.settle().await;
    assert_eq!(world.message(&first.text("id")).await["status"], "deferred");
    world.post("/v1/accounts/tw/deactivate", json!({})).await;
    world.advance(Millis::from_seconds(120)).await;
    let message = world.message(&first.text("id")).await;
    assert_eq!(message["status"], "refused");
    assert_eq!(message["failure"]["code"], "account_deactivated");
    assert!(world.sandbox().outbox().is_empty());
    assert_eq!(world.subscriber.of("message.refused").len(), 1);
}

every_provider!(m80_an_opt_out_cancels_what_is_queued);
async fn m80_an_opt_out_cancels_what_is_queued(provider: Provider) {
    let world = World::of(provider).await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.sandbox().fail_next(world.facts().throttles(600));
    let sent = world.send_template(CUSTOMER).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    world.house.clock().advance_to(world.now().plus(Millis::from_seconds(1)));
    let path = format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in");
    assert!(world.delete(&path).await.status < 300);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "cancelled", "{message}");
    assert_eq!(message["failure"]["code"], "opted_out");
    world.advance(Millis::from_seconds(1200)).await;
    assert!(world.sandbox().outbox().is_empty(), "no provider call");
    let limit = world.get("/v1/senders/support/limit").await;
    assert_eq!(limit.body["used"], 0, "its place is free");
    assert_eq!(world.send_template(CUSTOMER).await.code(), "opted_out");
}

every_provider!(m140_calls_are_refused_with_a_reason);
async fn m140_calls_are_refused_with_a_reason(provider: Provider) {
    let world = with_customer(provider).await;
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "call" } });
    let refused = world.post("/v1/messages", body).await;
    assert_eq!((refused.status, refused.code()), (422, "content_unsupported"));
    assert!(refused.text("detail").contains("call"), "{}", refused.body);
}

every_provider!(m51_a_template_that_is_not_approved_is_refused_by_its_state);
async fn m51_a_template_that_is_not_approved_is_refused_by_its_state(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let mut template = template_body();
    template["status"] = json!("paused");
    assert!(world.put("/v1/accounts/tw/templates/order_ready", template).await.status < 300);
    let refused = world.send_template(CUSTOMER).await;
    assert_eq!((refused.status, refused.code()), (409, "template_not_approved"));
    assert!(refused.text("detail").contains("paused"));
}

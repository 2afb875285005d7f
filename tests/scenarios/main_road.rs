//! The main road, end to end: a customer writes, the window opens, a reply goes out, its
//! status returns, the window closes.

use crate::every_provider::{every_provider, heavy};
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{PhoneMessage, World};

every_provider!(m1_m2_a_customer_writes_and_a_reply_reaches_him);
async fn m1_m2_a_customer_writes_and_a_reply_reaches_him(provider: Provider) {
    let world = World::of(provider).await;
    let first = world.customer_writes("Where is my order?").await;
    assert_eq!(first.spoken, None, "our answer to the webhook is not told to the customer");
    let conversation = world.conversation().await;
    assert_eq!(conversation["sender"], "support");
    assert_eq!(conversation["window"]["state"], "open");
    assert_eq!(conversation["window"]["basis"], world.facts().window_basis);
    assert_eq!(conversation["window"]["seconds_left"], 86_400);
    assert_eq!(conversation["reply"], json!({ "allowed": true }));
    assert_eq!(conversation["contact"]["phone"], CUSTOMER);

    world.pass(Millis::from_seconds(1));
    let sent = world.send("On its way.").await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let whole = json!({
        "id": sent.text("id"), "conversation": conversation["id"], "status": "queued",
        "sent_as": "session", "counts_against_limit": false, "cost": null,
    });
    assert_eq!(sent.body, whole);
    world.settle().await;

    let outbox = world.sandbox().outbox();
    assert_eq!(outbox.len(), 1, "one provider call");
    assert_eq!(outbox[0].body, "On its way.");
    assert_eq!(outbox[0].to, CUSTOMER);
    assert_eq!(outbox[0].provider, provider.as_str());
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message}");
    let statuses: Vec<&str> = message["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["status"].as_str().unwrap())
        .collect();
    for expected in ["accepted", "sent", "delivered"] {
        assert!(statuses.contains(&expected), "{statuses:?}");
    }
    let path = format!("/v1/conversations/{}/events", conversation["id"].as_str().unwrap());
    let events = world.get(&path).await.body;
    let told: Vec<String> = world.subscriber.heard().iter().map(|h| h.id().to_owned()).collect();
    for kind in ["conversation.opened", "window.opened", "message.received", "message.status"] {
        let listed = events["items"].as_array().unwrap().iter().find(|e| e["type"] == kind);
        let id = listed.unwrap()["id"].as_str().unwrap().to_owned();
        assert!(told.contains(&id), "{kind}: listed under the id that subscribers were told");
    }
    let items = world.messages(conversation["id"].as_str().unwrap()).await;
    assert_eq!(items.len(), 2);
    assert_eq!(items[1]["content"], json!({ "type": "text", "text": "Where is my order?" }));
    assert_eq!(items[1]["status"], "received");
}

every_provider!(m3_m6_m7_m8_a_webhook_three_hours_late_opens_the_window_from_the_sending);
/// Where a provider tells no time at all, the arrival is the only one there is.
async fn m3_m6_m7_m8_a_webhook_three_hours_late_opens_the_window_from_the_sending(
    provider: Provider,
) {
    let world = World::of(provider).await;
    let sent_at = world.now();
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, "Hello");
    message.at_ms = Some(sent_at.as_millis());
    let late = world.inbound(message);
    world.advance(Millis::from_hours(3)).await;
    let begins = if world.facts().tells_times { sent_at } else { world.now() };
    assert_eq!(world.post_webhook(&late).await.status, 200);
    let closes = begins.plus(Millis::from_hours(24));
    assert_eq!(world.conversation().await["window"]["expires_at"], closes.to_string());
    world.house.advance_to(closes.minus(Millis::new(1))).await.unwrap();
    assert_eq!(world.send("At the last moment").await.status, 202);
    world.settle().await;
    for after in [0, 1] {
        world.house.advance_to(closes.plus(Millis::new(after))).await.unwrap();
        let refused = world.send("Too late").await;
        assert_eq!((refused.status, refused.code()), (409, "window_expired"), "{after} ms after");
    }
    assert_eq!(world.sandbox().outbox().len(), 1, "what is refused makes no call");
}

every_provider!(u6_the_window_is_about_to_close_and_closes_with_one_event_each);
async fn u6_the_window_is_about_to_close_and_closes_with_one_event_each(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.advance(Millis::from_hours(24)).await;
    let expiring = world.subscriber.of("window.expiring");
    let expired = world.subscriber.of("window.expired");
    assert_eq!((expiring.len(), expired.len()), (1, 1));
    assert_eq!(expiring[0].body["data"]["threshold_s"], 7200);
    assert_eq!(expiring[0].body["data"]["to"], "agent");
    assert_eq!(expiring[0].body["data"]["closes_unstaffed"], false);
    assert_ne!(expiring[0].id(), expired[0].id());
    let conversation = world.conversation().await;
    assert_eq!(conversation["window"]["state"], "expired");
    assert_eq!(conversation["reply"]["reason"], "session_expired");
    assert_eq!(conversation["reply"]["cause"], "window_expired");
    // Sweeping again tells nothing twice.
    world.advance(Millis::from_hours(24)).await;
    assert_eq!(world.subscriber.of("window.expired").len(), 1);
}

every_provider!(u6_a_new_message_cancels_the_notice_that_was_due);
async fn u6_a_new_message_cancels_the_notice_that_was_due(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    world.advance(Millis::from_hours(10)).await;
    world.customer_writes("Anybody there?").await;
    world.advance(Millis::from_hours(20)).await;
    assert!(world.subscriber.of("window.expiring").is_empty());
    world.advance(Millis::from_hours(4)).await;
    assert_eq!(world.subscriber.of("window.expiring").len(), 1);
    assert_eq!(world.subscriber.of("window.expired").len(), 1);
}

every_provider!(m13_the_state_is_expiring_before_it_is_expired);
async fn m13_the_state_is_expiring_before_it_is_expired(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let state = async || world.conversation().await["window"]["state"].as_str().unwrap().to_owned();
    world.advance(Millis::new(22 * 3_600_000 - 1)).await;
    assert_eq!(state().await, "open");
    for _ in [0, 1] {
        world.advance(Millis::new(1)).await;
        assert_eq!(state().await, "expiring");
    }
    world.advance(Millis::new(2 * 3_600_000 - 2)).await;
    assert_eq!(state().await, "expiring");
    for _ in [0, 1] {
        world.advance(Millis::new(1)).await;
        assert_eq!(state().await, "expired");
    }
}

every_provider!(m100_every_event_is_signed_and_carries_its_id);
async fn m100_every_event_is_signed_and_carries_its_id(provider: Provider) {
    let world = World::of(provider).await;
    let made = world
        .put(
            "/v1/subscriptions/signed",
            json!({ "url": world.subscriber.url, "events": ["message.received"] }),
        )
        .await;
    let secret = made.text("secret");
    assert!(secret.starts_with("whsec_"), "{}", made.body);
    world.customer_writes("Hello").await;
    world.settle().await;
    let heard = world.subscriber.of("message.received");
    assert_eq!(heard.len(), 2, "one for each subscription");
    let matching = heard.iter().filter(|h| {
        let timestamp: i64 = h.headers["webhook-timestamp"].parse().unwrap();
        let signature = transom_app::notify::sign(&secret, h.id(), timestamp, &h.raw).unwrap();
        assert_eq!(h.headers["webhook-id"], h.id());
        h.headers["webhook-signature"] == signature
    });
    assert_eq!(matching.count(), 1, "exactly the one of this secret");
    assert_eq!(heard[0].id(), heard[1].id());
    assert_eq!(heard[0].body["data"]["message"]["content"]["text"], "Hello");
}

every_provider!(m100_a_subscriber_that_fails_is_told_again_with_the_same_id);
async fn m100_a_subscriber_that_fails_is_told_again_with_the_same_id(provider: Provider) {
    let world = World::of(provider).await;
    world.subscriber.fail_next(2);
    world.customer_writes("Hello").await;
    world.settle().await;
    world.advance(Millis::from_seconds(600)).await;
    let mut refused: Vec<String> =
        world.subscriber.refused().iter().map(|h| h.id().to_owned()).collect();
    let mut heard: Vec<String> =
        world.subscriber.heard().iter().map(|h| h.id().to_owned()).collect();
    refused.sort();
    heard.sort();
    heard.dedup();
    for id in &refused {
        assert!(heard.contains(id), "a refused event came again");
    }
    assert_eq!(world.subscriber.of("message.received").len(), 1);
}

every_provider!(a_subscriber_that_stays_away_for_a_day_finds_the_delivery_parked);
async fn a_subscriber_that_stays_away_for_a_day_finds_the_delivery_parked(provider: Provider) {
    let world = World::of(provider).await;
    world.subscriber.fail_next(100_000);
    world.customer_writes("Hello").await;
    world.advance(Millis::from_hours(27)).await;
    let store = &world.house.operator().store;
    let kept = store.deliveries("all", None, 200).await.unwrap();
    let received = kept.iter().find(|d| d.body.contains("message.received")).unwrap();
    assert_eq!(received.state, transom_store::DeliveryState::Parked);
    assert!(received.tries > 5);
    assert_eq!(received.due_at, None, "nothing tries it again by itself");
}

every_provider!(m4_m20_a_window_takes_any_number_of_replies_whatever_the_limit);
async fn m4_m20_a_window_takes_any_number_of_replies_whatever_the_limit(provider: Provider) {
    let world = World::of(provider).await;
    let mut sender = transom_testkit::world::sender_body(transom_testkit::world::NUMBER);
    sender["messaging_limit"] = json!(0);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    world.customer_writes("Hello").await;
    let replies = heavy(provider, 500, 40);
    for n in 0..replies {
        let sent = world.send(&format!("reply {n}")).await;
        assert_eq!(sent.status, 202, "{}", sent.body);
    }
    world.advance(Millis::from_seconds(60)).await;
    assert_eq!(world.sandbox().outbox().len(), replies);
}

every_provider!(m10_u13_f17_each_number_has_its_own_windows);
async fn m10_u13_f17_each_number_has_its_own_windows(provider: Provider) {
    let world = World::of(provider).await;
    let other = transom_testkit::world::sender_body("+14155238887");
    assert!(world.put("/v1/senders/sales", other).await.status < 300);
    world.customer_writes("Hello").await;
    let content = json!({ "type": "text", "text": "Hi" });
    let body = json!({ "sender": "sales", "to": CUSTOMER, "content": content });
    let refused = world.post("/v1/messages", body).await;
    assert_eq!((refused.status, refused.code()), (409, "window_never_opened"));
    assert_eq!(world.send("Hi").await.status, 202);
}

every_provider!(a_parked_delivery_is_replayed_by_an_operator);
async fn a_parked_delivery_is_replayed_by_an_operator(provider: Provider) {
    let world = World::of(provider).await;
    world.subscriber.fail_next(100_000);
    world.customer_writes("Hello").await;
    world.advance(Millis::from_hours(27)).await;
    world.subscriber.fail_next(0);
    let parked = world.get("/v1/deliveries?state=parked").await;
    let items = parked.body["items"].as_array().unwrap().clone();
    assert!(!items.is_empty(), "{}", parked.body);
    for item in &items {
        let path = format!("/v1/deliveries/{}/replay", item["id"].as_str().unwrap());
        assert_eq!(world.post(&path, json!({})).await.status, 202);
    }
    world.advance(Millis::from_seconds(60)).await;
    let mut heard: Vec<String> =
        world.subscriber.heard().iter().map(|h| h.id().to_owned()).collect();
    heard.sort();
    let mut wanted: Vec<&str> = items.iter().map(|i| i["event"].as_str().unwrap()).collect();
    wanted.sort_unstable();
    assert_eq!(heard, wanted, "each once, with its own id");
    let left = world.get("/v1/deliveries?state=parked").await;
    assert_eq!(left.body["items"], json!([]));
    assert_eq!(world.post("/v1/deliveries/dlv_none/replay", json!({})).await.status, 404);
    assert_eq!(world.get("/v1/deliveries?state=lost").await.status, 400);
}

every_provider!(a_conversation_is_opened_once_whoever_begins_it);
async fn a_conversation_is_opened_once_whoever_begins_it(provider: Provider) {
    let world = World::of(provider).await;
    // Consent first, then the business writes, then the customer.
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.settle().await;
    assert!(world.subscriber.of("conversation.opened").is_empty(), "a contact is no conversation");
    world.send_template(CUSTOMER).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
    // Consent first, then the customer.
    let other = "+919876500002";
    world.opt_in(other).await;
    world.writes(other, transom_testkit::world::NUMBER, "Hello").await;
    world.settle().await;
    assert_eq!(world.subscriber.of("conversation.opened").len(), 2);
}

every_provider!(an_answer_names_our_message);
async fn an_answer_names_our_message(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let sent = world.send("Which colour?").await.text("id");
    world.settle().await;
    let sid = world.sandbox().outbox()[0].sid.clone();
    world.pass(Millis::from_seconds(1));
    let mut message =
        transom_testkit::PhoneMessage::text(CUSTOMER, transom_testkit::world::NUMBER, "Blue");
    message.reply_to = Some(sid);
    assert_eq!(world.sandbox().phone_send(message).await.unwrap().status, 200);
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let items = world.messages(&id).await;
    assert_eq!(
        (&items[0]["content"]["text"], &items[0]["reply_to"]),
        (&json!("Blue"), &json!(sent))
    );
}

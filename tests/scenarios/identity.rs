//! One user, known by phone, by a business-scoped id, or by both, in any order and at once
//! (design §3, U9, F18).

use serde_json::json;
use transom_local::sandbox::inbound_form;
use transom_testkit::world::{ACCOUNT_SID, CUSTOMER, NUMBER};
use transom_testkit::{PhoneMessage, World};

const USER_ID: &str = "US.13491208655302741918";

/// What a payload names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Names {
    Phone,
    Id,
    Both,
}

const ALL: [Names; 3] = [Names::Phone, Names::Id, Names::Both];

fn form(n: usize, names: Names) -> Vec<(String, String)> {
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, &format!("message {n}"));
    message.sid = Some(format!("SM{n:032x}"));
    message.account_sid = Some(ACCOUNT_SID.to_owned());
    let mut form = inbound_form(&message);
    form.retain(|(k, _)| k != "ExternalUserId");
    if names == Names::Id {
        for (key, value) in &mut form {
            if key == "From" {
                *value = format!("whatsapp:{USER_ID}");
            }
        }
        form.retain(|(k, _)| k != "WaId");
    }
    if names == Names::Both {
        form.push(("ExternalUserId".to_owned(), format!("whatsapp:{USER_ID}")));
    }
    form
}

async fn conversations(world: &World) -> Vec<serde_json::Value> {
    let list = world.get("/v1/conversations").await;
    list.body["items"].as_array().cloned().unwrap_or_default()
}

async fn texts(world: &World, conversation: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = conversation["id"].as_str().map(str::to_owned);
    while let Some(id) = next {
        for message in world.messages(&id).await {
            found.push(message["content"]["text"].as_str().unwrap().to_owned());
        }
        let shown = world.get(&format!("/v1/conversations/{id}")).await.body;
        next = shown["predecessor"].as_str().map(str::to_owned);
    }
    found.sort();
    found
}

/// After `order` of payloads: one conversation once both names were in one payload, otherwise one
/// for each name; every message in it or in its predecessor.
async fn assert_order(world: &World, order: &[Names]) {
    let shown = conversations(world).await;
    let both = order.contains(&Names::Both);
    let names =
        usize::from(order.contains(&Names::Phone)) + usize::from(order.contains(&Names::Id));
    let expected = if both { 1 } else { names };
    assert_eq!(shown.len(), expected, "{order:?}: {shown:?}");
    if !both {
        return;
    }
    let one = &shown[0];
    assert_eq!(one["contact"]["phone"], CUSTOMER, "{order:?}");
    assert_eq!(one["contact"]["user_id"], USER_ID, "{order:?}");
    assert_eq!(one["window"]["state"], "open", "{order:?}");
    let wanted: Vec<String> = (0..order.len()).map(|n| format!("message {n}")).collect();
    assert_eq!(texts(world, one).await, wanted, "{order:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_every_order_of_identities_gives_one_conversation() {
    let mut orders: Vec<Vec<Names>> = ALL.iter().map(|n| vec![*n]).collect();
    for length in 2..=3 {
        let shorter: Vec<_> = orders.iter().filter(|o| o.len() == length - 1).cloned().collect();
        for order in shorter {
            orders.extend(ALL.iter().map(|n| [order.clone(), vec![*n]].concat()));
        }
    }
    assert_eq!(orders.len(), 39);
    for order in orders {
        let world = World::start().await;
        for (n, names) in order.iter().enumerate() {
            world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(7)));
            let answer = world.signed("/webhooks/twilio/tw", &form(n, *names)).await;
            assert_eq!(answer.status, 200, "{order:?}");
        }
        // A redelivery of everything, late, changes nothing.
        for (n, names) in order.iter().enumerate() {
            assert_eq!(world.signed("/webhooks/twilio/tw", &form(n, *names)).await.status, 200);
        }
        assert_order(&world, &order).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_identities_that_race_give_one_conversation() {
    for round in 0..8_usize {
        let world = World::start().await;
        let order: Vec<Names> = (0..9).map(|n| ALL[(n + round) % 3]).collect();
        let posts = order.iter().enumerate().map(|(n, names)| {
            let world = &world;
            let form = form(n, *names);
            async move { world.signed("/webhooks/twilio/tw", &form).await.status }
        });
        for status in futures::future::join_all(posts).await {
            assert_eq!(status, 200);
        }
        world.settle().await;
        assert_order(&world, &order).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_reaches_a_user_by_either_name() {
    let world = World::start().await;
    for (n, names) in [Names::Id, Names::Phone, Names::Both].into_iter().enumerate() {
        world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(7)));
        assert_eq!(world.signed("/webhooks/twilio/tw", &form(n, names)).await.status, 200);
    }
    let one = conversations(&world).await.remove(0);
    for to in [json!(CUSTOMER), json!({ "user_id": USER_ID }), one["contact"]["id"].clone()] {
        let content = json!({ "type": "text", "text": "Hi" });
        let body = json!({ "sender": "support", "to": to, "content": content });
        let sent = world.post("/v1/messages", body).await;
        assert_eq!(sent.status, 202, "{to}: {}", sent.body);
        assert_eq!(sent.body["conversation"], one["id"], "{to}");
    }
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 3);
    assert!(world.sandbox().outbox().iter().all(|e| e.to == CUSTOMER));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_two_writings_of_a_brazilian_number_are_one_conversation() {
    let world = World::start().await;
    world.writes("+5511987654321", NUMBER, "one").await;
    world.writes("+551187654321", NUMBER, "two").await;
    assert_eq!(conversations(&world).await.len(), 1);
}

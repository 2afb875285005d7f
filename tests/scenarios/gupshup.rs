//! What Gupshup alone does: two ids for one message, no reference of ours, one app subscribed to
//! two versions of webhooks.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{Upstream, World};

const USER_ID: &str = "IN.13491208655302741918";
const OWN: &str = "ee4a68a0-1203-4c85-8dc3-49d0b3226a35";
const WHATSAPP: &str = "wamid.HBgM9";

fn digits(number: &str) -> &str {
    number.trim_start_matches('+')
}

/// A message of version 2.
fn message_v2(id: &str, user: &Value, text: &str) -> Value {
    json!({
        "app": "UsualApp", "phone": digits(NUMBER), "timestamp": 1_795_168_800_000_i64, "version": 2,
        "type": "message",
        "payload": {
            "id": id, "source": user["phone"], "type": "text", "payload": { "text": text },
            "sender": { "phone": user["phone"], "userId": user["id"], "name": "Asha" },
        },
    })
}

/// The same in version 3, which tells when it was sent.
fn message_v3(id: &str, user: &Value, text: &str, seconds: i64) -> Value {
    value_v3(&json!({
        "metadata": { "display_phone_number": digits(NUMBER) },
        "messages": [{
            "from": user["phone"], "from_user_id": user["id"], "id": id,
            "timestamp": seconds.to_string(), "type": "text", "text": { "body": text },
        }],
    }))
}

fn value_v3(value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account", "gs_app_id": "82ed52f4",
        "entry": [{ "changes": [{ "field": "messages", "value": value }] }],
    })
}

fn phone() -> Value {
    json!({ "phone": digits(CUSTOMER) })
}

/// An event of version 2, about the user that `to` names.
fn event(name: &str, own: Option<&str>, id: &str, to: &Value) -> Value {
    json!({
        "app": "UsualApp", "phone": digits(NUMBER), "timestamp": 1, "version": 2,
        "type": "message-event",
        "payload": {
            "id": id, "gsId": own, "type": name, "destination": to["phone"], "userId": to["id"],
            "payload": { "ts": 1_795_168_801 },
        },
    })
}

/// The same in version 3.
fn event_v3(name: &str, own: Option<&str>, id: &str, to: &Value) -> Value {
    value_v3(&json!({
        "metadata": { "display_phone_number": digits(NUMBER) },
        "statuses": [{
            "id": id, "gs_id": own, "status": name, "timestamp": "1795168801",
            "recipient_id": to["phone"], "recipient_user_id": to["id"],
        }],
    }))
}

fn enqueued() -> Value {
    let mut value = event("enqueued", None, OWN, &phone());
    value["payload"]["payload"] = json!({ "whatsappMessageId": WHATSAPP, "type": "session" });
    value
}

async fn posts(world: &World, body: &Value) {
    let answer = world.posts(Provider::Gupshup, body).await;
    assert_eq!((answer.status, &answer.body), (200, &json!("")), "{body}");
}

/// A customer has written and is answered; Gupshup has not said yet that it has the answer.
async fn replied(world: &World) -> (String, Upstream, transom_testkit::Call) {
    let upstream = Upstream::of(world, Provider::Gupshup).await.unwrap();
    posts(world, &message_v2("wamid.FIRST", &phone(), "Hello")).await;
    let sent = world.send("Hi").await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    let call = upstream.next().await;
    (sent.text("id"), upstream, call)
}

async fn shown(world: &World, id: &str) -> (Value, Vec<String>) {
    world.settle().await;
    let message = world.message(id).await;
    let mut kinds: Vec<String> = message["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["status"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    (message["status"].clone(), kinds)
}

/// `sent` names both ids, before anybody knows which message its own id is. What comes later may
/// name WhatsApp's alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_ids_that_were_told_before_the_sends_answer_lead_to_the_message_later() {
    let before: [(&str, Value); 4] = [
        ("sent", event("sent", Some(OWN), WHATSAPP, &phone())),
        ("delivered", event("delivered", Some(OWN), WHATSAPP, &phone())),
        ("enqueued", enqueued()),
        ("sent of version 3", event_v3("sent", Some(OWN), WHATSAPP, &phone())),
    ];
    for (case, early) in before {
        let world = World::of(Provider::Gupshup).await;
        let (id, _upstream, call) = replied(&world).await;
        posts(&world, &early).await;
        call.accept(Provider::Gupshup, OWN);
        world.settle().await;
        posts(&world, &event("read", None, WHATSAPP, &phone())).await;
        assert_eq!(shown(&world, &id).await.0, "read", "{case}");
    }
}

/// One page of Gupshup's shows `sent` without its own id: `enqueued` alone names both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_enqueued_leads_events_that_name_whatsapps_id_alone() {
    for enqueued_at in 0..4 {
        let world = World::of(Provider::Gupshup).await;
        let (id, _upstream, call) = replied(&world).await;
        let mut call = Some(call);
        for step in 0..4 {
            if step == enqueued_at {
                posts(&world, &enqueued()).await;
            }
            match step {
                0 => posts(&world, &event("sent", None, WHATSAPP, &phone())).await,
                1 => {
                    call.take().unwrap().accept(Provider::Gupshup, OWN);
                    world.settle().await;
                }
                2 => posts(&world, &event("delivered", None, WHATSAPP, &phone())).await,
                _ => {}
            }
        }
        let (status, kinds) = shown(&world, &id).await;
        assert_eq!(status, "delivered", "{enqueued_at}");
        assert_eq!(kinds, ["accepted", "delivered", "sent"], "{enqueued_at}");
    }
}

/// A status may call the user by his id, by his number, by both, or not at all, whatever the send
/// called him by and whatever is known of him by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_a_status_finds_its_message_whatever_it_calls_the_user_by() {
    let id = json!({ "id": USER_ID });
    let both = json!({ "phone": digits(CUSTOMER), "id": USER_ID });
    let nobody = json!({});
    let phone = phone();
    // Gupshup sends to numbers alone: of a user known by his id, the number must have come.
    for first in [vec![&phone], vec![&both], vec![&id, &both], vec![&phone, &both]] {
        for learnt in [None, Some(&both)] {
            for to in [&phone, &id, &both, &nobody] {
                let case = format!("first {first:?}, learnt {learnt:?}, status to {to}");
                let world = World::of(Provider::Gupshup).await;
                let upstream = Upstream::of(&world, Provider::Gupshup).await.unwrap();
                for (n, user) in first.iter().enumerate() {
                    posts(&world, &message_v2(&format!("wamid.{n}"), user, "Hello")).await;
                }
                let conversation = world.conversation().await["id"].clone();
                let content = json!({ "type": "text", "text": "Hi" });
                let body = json!({ "conversation": conversation, "content": content });
                let sent = world.post("/v1/messages", body).await;
                assert_eq!(sent.status, 202, "{case}: {}", sent.body);
                let call = upstream.next().await;
                posts(&world, &event("sent", Some(OWN), WHATSAPP, to)).await;
                if let Some(user) = learnt {
                    posts(&world, &message_v2("wamid.SECOND", user, "Hello?")).await;
                }
                call.accept(Provider::Gupshup, OWN);
                world.settle().await;
                posts(&world, &event("delivered", Some(OWN), WHATSAPP, to)).await;
                posts(&world, &event("read", None, WHATSAPP, to)).await;
                let (status, kinds) = shown(&world, &sent.text("id")).await;
                assert_eq!(status, "read", "{case}");
                assert_eq!(kinds, ["accepted", "delivered", "read", "sent"], "{case}");
            }
        }
    }
}

/// An app may be subscribed to both versions: every event comes twice, and is taken once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_what_comes_in_both_versions_is_taken_once() {
    let id = json!({ "id": USER_ID });
    let both = json!({ "phone": digits(CUSTOMER), "id": USER_ID });
    for (two, three) in [(&phone(), &phone()), (&both, &both), (&both, &id), (&id, &id)] {
        for order in [[2, 3], [3, 2]] {
            let case = format!("{order:?}, {two} and {three}");
            let world = World::of(Provider::Gupshup).await;
            let began = world.now();
            for round in 0..3 {
                for version in order {
                    let id = format!("wamid.{round}");
                    let seconds = began.as_millis() / 1000 - 30 + round;
                    let body = match version {
                        2 => message_v2(&id, two, "Hello"),
                        _ => message_v3(&id, three, "Hello", seconds),
                    };
                    posts(&world, &body).await;
                    // A redelivery of either, whenever it comes.
                    posts(&world, &body).await;
                }
            }
            world.settle().await;
            let conversation = world.conversation().await;
            let items = world.messages(conversation["id"].as_str().unwrap()).await;
            assert_eq!(items.len(), 3, "{case}: {items:?}");
            assert_eq!(world.subscriber.of("message.received").len(), 3, "{case}");
            // The version that came first tells the time.
            let basis = if order[0] == 2 { "receipt" } else { "user_time" };
            assert_eq!(conversation["window"]["basis"], basis, "{case}");
        }
    }
}

/// Both versions at once, as they do come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_both_versions_that_race_are_taken_once() {
    let world = World::of(Provider::Gupshup).await;
    let seconds = world.now().as_millis() / 1000 - 30;
    let bodies: Vec<Value> = (0..20)
        .flat_map(|n| {
            let id = format!("wamid.{n}");
            let text = format!("{n}");
            [message_v2(&id, &phone(), &text), message_v3(&id, &phone(), &text, seconds)]
        })
        .collect();
    let all = bodies.iter().map(|body| world.posts(Provider::Gupshup, body));
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.status, 200);
    }
    world.settle().await;
    let conversation = world.conversation().await;
    let items = world.messages(conversation["id"].as_str().unwrap()).await;
    assert_eq!(items.len(), 20);
    assert_eq!(world.subscriber.of("message.received").len(), 20);
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_statuses_that_come_in_both_versions_are_taken_once() {
    let world = World::of(Provider::Gupshup).await;
    let (id, _upstream, call) = replied(&world).await;
    posts(&world, &event("sent", Some(OWN), WHATSAPP, &phone())).await;
    posts(&world, &event_v3("sent", Some(OWN), WHATSAPP, &phone())).await;
    call.accept(Provider::Gupshup, OWN);
    world.settle().await;
    for name in ["delivered", "read"] {
        posts(&world, &event_v3(name, Some(OWN), WHATSAPP, &phone())).await;
        posts(&world, &event(name, Some(OWN), WHATSAPP, &phone())).await;
    }
    let (status, kinds) = shown(&world, &id).await;
    assert_eq!(status, "read");
    assert_eq!(kinds, ["accepted", "delivered", "read", "sent"]);
    // One event for each fact.
    assert_eq!(world.subscriber.of("message.status").len(), 4);
}

/// A customer's phone may cut an emoji in half. His message arrives all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_half_a_surrogate_pair_arrives() {
    let world = World::of(Provider::Gupshup).await;
    for (n, body) in [
        message_v2("wamid.1", &phone(), "MARK"),
        message_v3("wamid.2", &phone(), "MARK", world.now().as_millis() / 1000),
    ]
    .into_iter()
    .enumerate()
    {
        let body = body.to_string().replace("MARK", &format!("{n} a\\ud83d")).into_bytes();
        let answer = world.posts_bytes("webhooks", Provider::Gupshup, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let mut texts: Vec<_> =
        world.messages(&id).await.iter().map(|m| m["content"]["text"].clone()).collect();
    texts.sort_by_key(Value::to_string);
    assert_eq!(texts, ["0 a\u{fffd}", "1 a\u{fffd}"]);
}

/// What Meta batches, Gupshup passes on: a thousand messages of one customer, or of a thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m103_a_thousand_messages_in_one_post_of_version_3_are_stored() {
    for customers in [1, 1000] {
        let world = World::of(Provider::Gupshup).await;
        let messages: Vec<Value> = (0..1000)
            .map(|n| {
                let from = format!("9198766{:05}", n % customers);
                let at = world.now().as_millis() / 1000 - 1000 + n;
                json!({
                    "from": from, "id": format!("wamid.{n}"), "timestamp": at.to_string(),
                    "type": "text", "text": { "body": n.to_string() },
                })
            })
            .collect();
        let metadata = json!({ "display_phone_number": digits(NUMBER) });
        let batch = value_v3(&json!({ "metadata": metadata, "messages": messages }));
        posts(&world, &batch).await;
        posts(&world, &batch).await;
        world.settle().await;
        let received = world.subscriber.of("message.received");
        let of = |field: &str| -> BTreeSet<String> {
            received.iter().map(|h| h.body.pointer(field).unwrap().to_string()).collect()
        };
        assert_eq!((received.len(), of("/data/message/id").len()), (1000, 1000), "{customers}");
        assert_eq!(of("/data/conversation").len(), usize::try_from(customers).unwrap());
    }
}

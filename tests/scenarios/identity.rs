//! One user, known by phone, by a business-scoped id, or by both, in any order and at once
//! (design §3, U9, F18).

use crate::every_provider::every_provider;
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{PhoneMessage, Webhook, World};

const USER_ID: &str = "US.13491208655302741918";

/// What a payload names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Names {
    Phone,
    Id,
    Both,
}

const ALL: [Names; 3] = [Names::Phone, Names::Id, Names::Both];

/// A customer's message that names him in one of these ways, as his provider posts it.
fn hook(world: &World, n: usize, names: Names) -> Webhook {
    world.inbound(match names {
        Names::Phone => named(n, Some(CUSTOMER), None),
        Names::Id => named(n, None, Some(USER_ID)),
        Names::Both => named(n, Some(CUSTOMER), Some(USER_ID)),
    })
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

/// Every order of up to three payloads: 39 of them.
fn orders() -> Vec<Vec<Names>> {
    let mut orders: Vec<Vec<Names>> = ALL.iter().map(|n| vec![*n]).collect();
    for length in 2..=3 {
        let shorter: Vec<_> = orders.iter().filter(|o| o.len() == length - 1).cloned().collect();
        for order in shorter {
            orders.extend(ALL.iter().map(|n| [order.clone(), vec![*n]].concat()));
        }
    }
    assert_eq!(orders.len(), 39);
    orders
}

every_provider!(u9_every_order_of_identities_gives_one_conversation);
async fn u9_every_order_of_identities_gives_one_conversation(provider: Provider) {
    for order in orders() {
        let world = World::of(provider).await;
        let mut hooks = Vec::new();
        for (n, names) in order.iter().enumerate() {
            world.pass(Millis::from_seconds(1));
            let hook = hook(&world, n, *names);
            assert_eq!(world.post_webhook(&hook).await.status, 200, "{order:?}");
            hooks.push(hook);
        }
        // A redelivery of everything, late, changes nothing.
        for hook in &hooks {
            assert_eq!(world.post_webhook(hook).await.status, 200, "{order:?}");
        }
        assert_order(&world, &order).await;
    }
}

every_provider!(u9_f12_identities_that_race_give_one_conversation);
/// The same orders with all of their payloads at once, each twice; and nine at once.
async fn u9_f12_identities_that_race_give_one_conversation(provider: Provider) {
    let nines = (0..8).map(|round| (0..9).map(|n| ALL[(n + round) % 3]).collect());
    for order in orders().into_iter().chain(nines) {
        let world = World::of(provider).await;
        let hooks: Vec<Webhook> =
            order.iter().enumerate().map(|(n, names)| hook(&world, n, *names)).collect();
        let posts = hooks.iter().chain(&hooks).map(|hook| world.post_webhook(hook));
        for answer in futures::future::join_all(posts).await {
            assert_eq!(answer.status, 200, "{order:?}");
        }
        world.settle().await;
        assert_order(&world, &order).await;
    }
}

every_provider!(a_reply_reaches_a_user_by_either_name);
async fn a_reply_reaches_a_user_by_either_name(provider: Provider) {
    let world = World::of(provider).await;
    for (n, names) in [Names::Id, Names::Phone, Names::Both].into_iter().enumerate() {
        world.pass(Millis::from_seconds(1));
        let hook = hook(&world, n, names);
        assert_eq!(world.post_webhook(&hook).await.status, 200);
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

/// A message that names its user by a number, by an id, or by both.
fn named(n: usize, phone: Option<&str>, user_id: Option<&str>) -> PhoneMessage {
    let from = phone.or(user_id).unwrap_or_default();
    let mut message = PhoneMessage::text(from, NUMBER, &format!("message {n}"));
    message.user_id = user_id.map(str::to_owned);
    message
}

async fn arrives(world: &World, message: PhoneMessage) -> String {
    world.house.clock().advance_to(world.now().plus(Millis::from_seconds(1)));
    let answer = world.sandbox().phone_send(message).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.settle().await;
    answer.sid
}

async fn of_user(world: &World, user_id: &str) -> serde_json::Value {
    let found: Vec<_> = conversations(world)
        .await
        .into_iter()
        .filter(|c| c["contact"]["user_id"] == user_id)
        .collect();
    assert_eq!(found.len(), 1, "one conversation of {user_id}: {found:?}");
    found.into_iter().next().unwrap()
}

/// WhatsApp gives a new number a new id. So a number that comes with another id than before has
/// passed to another user: neither the window nor the consent nor the thread of the former is his.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_number_that_passes_to_another_user_takes_nothing_with_it() {
    const HEIR: &str = "US.99999999999999";
    // The former user was known by both at once, or by his id before his number came.
    // The heir was unknown, or known by his id already.
    for (id_first, heir_known) in [(false, false), (false, true), (true, false), (true, true)] {
        for provider in Provider::ALL {
            let case = format!("{provider:?} id first {id_first}, heir known {heir_known}");
            let world = World::of(provider).await;
            let mut sids = Vec::new();
            if id_first {
                sids.push(arrives(&world, named(0, None, Some(USER_ID))).await);
            }
            sids.push(arrives(&world, named(1, Some(CUSTOMER), Some(USER_ID))).await);
            assert_eq!(world.opt_in(CUSTOMER).await.status, 200, "{case}");
            world.advance(Millis::from_hours(25)).await;
            if heir_known {
                sids.push(arrives(&world, named(2, None, Some(HEIR))).await);
            }
            sids.push(arrives(&world, named(3, Some(CUSTOMER), Some(HEIR))).await);
            let check = async || {
                let heir = of_user(&world, HEIR).await;
                assert_eq!(heir["contact"]["phone"], CUSTOMER, "{case}");
                assert_eq!(heir["contact"]["opt_in"], "unknown", "{case}");
                assert_eq!(heir["window"]["state"], "open", "{case}");
                let own =
                    if heir_known { vec!["message 2", "message 3"] } else { vec!["message 3"] };
                assert_eq!(texts(&world, &heir).await, own, "{case}");
                let former = of_user(&world, USER_ID).await;
                assert_eq!(former["contact"]["phone"], serde_json::Value::Null, "{case}");
                assert_eq!(former["contact"]["opt_in"], "in", "{case}");
                assert_eq!(former["window"]["state"], "expired", "{case}");
                let own = if id_first { vec!["message 0", "message 1"] } else { vec!["message 1"] };
                assert_eq!(texts(&world, &former).await, own, "{case}");
                assert_eq!(conversations(&world).await.len(), 2, "{case}");
            };
            check().await;
            // Every webhook comes again, in both orders, and changes nothing.
            for sid in sids.iter().chain(sids.iter().rev()) {
                let again = world.sandbox().phone_resend(sid).await.unwrap();
                assert_eq!(again.status, 200, "{case}");
            }
            world.settle().await;
            check().await;
            // What goes to the number goes to the heir.
            let refused = world.send_template(CUSTOMER).await;
            assert_eq!(refused.code(), "not_opted_in", "{case}");
            let sent = world.send("Hello").await;
            assert_eq!(sent.body["conversation"], of_user(&world, HEIR).await["id"], "{case}");
            // The former user, found by his id, still has a conversation of his own.
            arrives(&world, named(4, None, Some(USER_ID))).await;
            let former = of_user(&world, USER_ID).await;
            assert_eq!(former["window"]["state"], "open", "{case}");
            assert_eq!(conversations(&world).await.len(), 2, "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_number_that_passes_on_while_everybody_writes_keeps_the_users_apart() {
    const HEIR: &str = "US.99999999999999";
    for _ in 0..6 {
        let world = World::of(Provider::Meta).await;
        arrives(&world, named(0, Some(CUSTOMER), Some(USER_ID))).await;
        let posts = (1..9).map(|n| {
            let message = match n % 3 {
                0 => named(n, None, Some(HEIR)),
                1 => named(n, Some(CUSTOMER), Some(HEIR)),
                _ => named(n, None, Some(USER_ID)),
            };
            world.sandbox().phone_send(message)
        });
        for answer in futures::future::join_all(posts).await {
            assert_eq!(answer.unwrap().status, 200);
        }
        world.settle().await;
        assert_eq!(conversations(&world).await.len(), 2);
        let of_heir = texts(&world, &of_user(&world, HEIR).await).await;
        let of_former = texts(&world, &of_user(&world, USER_ID).await).await;
        assert_eq!(of_former, ["message 0", "message 2", "message 5", "message 8"]);
        assert_eq!(of_heir.len(), 5, "{of_heir:?}");
    }
}

/// Three names become one user, one after the other. What came under each of them stays readable,
/// and comes again without being stored twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_three_names_of_one_user_keep_all_their_messages() {
    const SECOND: &str = "+919876543211";
    for provider in Provider::ALL {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let case = format!("{provider:?} {order:?}");
            let world = World::of(provider).await;
            let single = [
                named(0, Some(CUSTOMER), None),
                named(1, Some(SECOND), None),
                named(2, None, Some(USER_ID)),
            ];
            let mut sids = Vec::new();
            for n in order {
                let n: usize = n;
                sids.push(arrives(&world, single[n].clone()).await);
            }
            assert_eq!(conversations(&world).await.len(), 3, "{case}");
            sids.push(arrives(&world, named(3, Some(CUSTOMER), Some(USER_ID))).await);
            sids.push(arrives(&world, named(4, Some(SECOND), Some(USER_ID))).await);
            let whole = async || {
                let one = of_user(&world, USER_ID).await;
                assert_eq!(conversations(&world).await.len(), 1, "{case}");
                let mut found = Vec::new();
                let before = one["predecessors"].as_array().unwrap();
                assert_eq!(before.len(), 2, "{case}: {one}");
                assert_eq!(before[0], one["predecessor"], "{case}: {one}");
                for id in std::iter::once(&one["id"]).chain(before) {
                    let messages = world.messages(id.as_str().unwrap()).await;
                    found.extend(messages.iter().map(|m| m["content"]["text"].to_string()));
                }
                found.sort();
                let wanted: Vec<String> = (0..5).map(|n| format!("\"message {n}\"")).collect();
                assert_eq!(found, wanted, "{case}");
            };
            whole().await;
            for sid in &sids {
                let again = world.sandbox().phone_resend(sid).await.unwrap();
                assert_eq!(again.status, 200, "{case}");
            }
            world.settle().await;
            whole().await;
        }
    }
}

/// In one post the first message may name the user by less than the next does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_names_that_come_in_one_batch_are_one_user() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let world = World::of(Provider::Meta).await;
        let all = [
            named(0, Some(CUSTOMER), None),
            named(1, Some(CUSTOMER), Some(USER_ID)),
            named(2, None, Some(USER_ID)),
        ];
        let batch = order.map(|n: usize| all[n].clone()).to_vec();
        let answer = world.sandbox().post_meta_batch(batch).await.unwrap();
        assert_eq!(answer.status, 200, "{order:?}");
        world.settle().await;
        arrives(&world, named(3, None, Some(USER_ID))).await;
        let one = world.conversation().await;
        let wanted: Vec<String> = (0..4).map(|n| format!("message {n}")).collect();
        assert_eq!(texts(&world, &one).await, wanted, "{order:?}");
    }
}

/// Meta's answer calls the recipient by another number than we sent to: both are one user, also
/// when he has written from that one before, and when the process dies before this is noted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_the_number_that_an_answer_tells_is_another_name_of_the_user() {
    const TOLD: &str = "+5219876543210123";
    for (wrote_before, dies) in [(false, false), (true, false), (false, true), (true, true)] {
        let case = format!("wrote before {wrote_before}, dies {dies}");
        let world = World::of(Provider::Meta).await;
        let told = &TOLD[..15];
        world.sandbox().write_as(CUSTOMER, told);
        if wrote_before {
            world.writes(told, NUMBER, "message 0").await;
            world.settle().await;
        }
        world.writes(CUSTOMER, NUMBER, "message 1").await;
        world.settle().await;
        assert_eq!(conversations(&world).await.len(), 1 + usize::from(wrote_before), "{case}");
        if dies {
            // Every write of the sender after the answer's own: the sweep takes what follows.
            let fault = transom_testkit::WireFault::Unreachable;
            let script = transom_testkit::Script::new().on("Sender", "PutItem", 0, 50, fault).on(
                "Sender",
                "TransactWriteItems",
                0,
                50,
                fault,
            );
            world.inject(script);
        }
        let sent = world.send("Hi").await;
        assert_eq!(sent.status, 202, "{case}: {}", sent.body);
        world.settle().await;
        world.house.faults().set(None);
        world.advance(Millis::from_hours(1)).await;
        let message = world.message(&sent.text("id")).await;
        assert_eq!(message["status"], "delivered", "{case}: {message}");
        world.writes(told, NUMBER, "message 2").await;
        world.settle().await;
        let shown = conversations(&world).await;
        assert_eq!(shown.len(), 1, "{case}: {shown:?}");
        let listed = world.get(&format!("/v1/conversations?q={}", &CUSTOMER[3..])).await;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{case}");
        let mut wanted = vec!["Hi", "message 1", "message 2"];
        if wrote_before {
            wanted.insert(1, "message 0");
        }
        assert_eq!(texts(&world, &shown[0]).await, wanted, "{case}");
    }
}

/// A submit that resolved a user before his names were made one stores its message where it is
/// seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_a_message_submitted_while_two_names_become_one_is_seen_and_sent() {
    for round in 0..10_u64 {
        let world = World::of(Provider::Meta).await;
        arrives(&world, named(0, Some(CUSTOMER), None)).await;
        let content = json!({ "type": "text", "text": "Hi" });
        let to = json!({ "user_id": USER_ID });
        let body = json!({ "sender": "support", "to": to, "content": content });
        let send = async {
            tokio::time::sleep(std::time::Duration::from_micros(300 * round)).await;
            world.post("/v1/messages", body).await
        };
        let both = named(1, Some(CUSTOMER), Some(USER_ID));
        let (sent, posted) = futures::join!(send, world.sandbox().phone_send(both));
        assert_eq!(posted.unwrap().status, 200);
        world.settle().await;
        let id = match sent.status {
            202 => sent.text("id"),
            // It came before the user had written at all: refused, and kept for all to see.
            _ => sent.text("message"),
        };
        assert!(!id.is_empty(), "round {round}: {}", sent.body);
        let one = world.conversation().await;
        let found = texts(&world, &one).await;
        assert_eq!(found, ["Hi", "message 0", "message 1"], "round {round}: {}", sent.body);
        let message = world.message(&id).await;
        assert!(["delivered", "refused"].contains(&message["status"].as_str().unwrap()));
    }
}

/// The heir's number may be written in another way than the former user's was: it is the same
/// number all the same, and his webhooks are taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_a_number_passes_on_in_any_writing() {
    const HEIR: &str = "US.99999999999999";
    const LONG: &str = "+5511987654321";
    const SHORT: &str = "+551187654321";
    for (first, then) in [(LONG, SHORT), (SHORT, LONG)] {
        let world = World::of(Provider::Meta).await;
        arrives(&world, named(0, None, Some(USER_ID))).await;
        arrives(&world, named(1, Some(first), Some(USER_ID))).await;
        arrives(&world, named(2, Some(then), Some(HEIR))).await;
        let heir = of_user(&world, HEIR).await;
        assert_eq!(texts(&world, &heir).await, ["message 2"], "{first}");
        let former = of_user(&world, USER_ID).await;
        assert_eq!(texts(&world, &former).await, ["message 0", "message 1"], "{first}");
        assert_eq!(former["contact"]["phone"], serde_json::Value::Null, "{first}");
    }
}

/// What waits for the former user of a number never reaches the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f18_what_waits_for_a_numbers_former_user_is_not_sent_to_the_new_one() {
    const HEIR: &str = "US.99999999999999";
    for id_first in [false, true] {
        let world = World::of(Provider::Meta).await;
        if id_first {
            arrives(&world, named(0, None, Some(USER_ID))).await;
        }
        arrives(&world, named(1, Some(CUSTOMER), Some(USER_ID))).await;
        let script = transom_testkit::Script::new().on(
            "Desk",
            "SendMessageBatch",
            0,
            50,
            transom_testkit::WireFault::Unreachable,
        );
        world.inject(script);
        let sent = world.send("Your balance is 7").await;
        assert_eq!(sent.status, 202, "{}", sent.body);
        world.house.faults().set(None);
        assert!(world.sandbox().outbox().is_empty(), "it waits for the sweep");
        arrives(&world, named(2, Some(CUSTOMER), Some(HEIR))).await;
        world.advance(Millis::from_hours(1)).await;
        world.settle().await;
        let outbox = world.sandbox().outbox();
        assert!(outbox.iter().all(|e| e.to == USER_ID), "id first {id_first}: {outbox:?}");
        let heir = of_user(&world, HEIR).await;
        assert_eq!(texts(&world, &heir).await, ["message 2"], "id first {id_first}");
        // The conversation's own id, kept by a caller, means the former user too.
        let content = json!({ "type": "text", "text": "Again" });
        let kept = sent.body["conversation"].as_str().unwrap();
        let body = json!({ "conversation": kept, "content": content });
        world.post("/v1/messages", body).await;
        world.settle().await;
        let outbox = world.sandbox().outbox();
        assert!(outbox.iter().all(|e| e.to == USER_ID), "id first {id_first}: {outbox:?}");
    }
}

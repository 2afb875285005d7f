//! The rolling limit through the API (M20-M23).

use crate::every_provider::{every_provider, heavy};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{NUMBER, sender_body};
use transom_testkit::{AtCall, WireFault, World, WorldPlan};

fn customer(n: usize) -> String {
    format!("+9198765{n:05}")
}

every_provider!(m21_parallel_templates_fill_the_limit_exactly);
async fn m21_parallel_templates_fill_the_limit_exactly(provider: Provider) {
    let world = World::of(provider).await;
    let limit = heavy(provider, 250, 25);
    if limit != 250 {
        // Which is where a number begins of its own.
        let mut sender = sender_body(NUMBER);
        sender["messaging_limit"] = json!(limit);
        world.put("/v1/senders/support", sender).await;
    }
    // A thousand users, each consenting.
    let users: Vec<String> = (0..heavy(provider, 1000, 60)).map(customer).collect();
    for chunk in users.chunks(50) {
        let answers = futures::future::join_all(chunk.iter().map(|u| world.opt_in(u))).await;
        assert!(answers.iter().all(|a| a.status < 300));
    }
    let sends = users.iter().map(|user| world.send_template(user));
    let answers = futures::future::join_all(sends).await;
    let taken = answers.iter().filter(|a| a.status == 202).count();
    let refused: Vec<_> = answers.iter().filter(|a| a.status != 202).collect();
    let mut codes = std::collections::BTreeMap::new();
    for answer in &answers {
        *codes.entry((answer.status, answer.code().to_owned())).or_insert(0) += 1;
    }
    assert_eq!(taken, limit, "{codes:?}");
    for answer in &refused {
        assert_eq!((answer.status, answer.code()), (429, "limit_reached"), "{}", answer.body);
        assert!(answer.body["retry_at"].is_string(), "{}", answer.body);
    }
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), limit);
    let shown = world.get("/v1/senders/support/limit").await.body;
    let first_call = world.sandbox().outbox().iter().map(|m| m.at_ms).min().unwrap();
    let free_at = transom_core::limit::next_free_at(Timestamp::from_millis(first_call));
    let whole = json!({
        "limit": limit, "used": limit, "remaining": 0, "next_free_at": free_at.rfc3339(),
        "scope": "sender",
    });
    assert_eq!(shown, whole);
    assert!(!world.subscriber.of("limit.reached").is_empty());
    // M4, M20: replies go on.
    let [.., one, other] = users.as_slice() else { panic!("{users:?}") };
    world.writes(other, NUMBER, "Hello").await;
    assert_eq!(world.send_to(other, "Hi").await.status, 202);
    // After 24 hours by the clock all places are free.
    world.advance(Millis::from_hours(24)).await;
    let limit = world.get("/v1/senders/support/limit").await.body;
    assert_eq!(limit["used"], 0, "{limit}");
    assert_eq!(world.send_template(one).await.status, 202);
}

every_provider!(m21_a_place_is_free_again_after_exactly_24_hours);
async fn m21_a_place_is_free_again_after_exactly_24_hours(provider: Provider) {
    for (around, status) in [(-1, 429), (0, 202), (1, 202)] {
        a_place_is_free_again(provider, around, status).await;
    }
}

/// What the second customer's template is answered `around` milliseconds from the end of the day
/// of the first.
async fn a_place_is_free_again(provider: Provider, around: i64, status: u16) {
    let world = World::of(provider).await;
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(1);
    world.put("/v1/senders/support", sender).await;
    for n in 0..3 {
        world.opt_in(&customer(n)).await;
    }
    assert_eq!(world.send_template(&customer(0)).await.status, 202);
    world.settle().await;
    let called_at = world.sandbox().outbox()[0].at_ms;
    // The same user again takes no further place.
    assert_eq!(world.send_template(&customer(0)).await.status, 202);
    world.settle().await;
    let latest = world.sandbox().outbox()[1].at_ms;
    assert!(latest >= called_at);
    let until = transom_core::time::Timestamp::from_millis(latest + 86_400_000 + around);
    world.house.advance_to(until).await.unwrap();
    let answer = world.send_template(&customer(1)).await;
    assert_eq!(answer.status, status, "{around}: {}", answer.body);
    let another = world.send_template(&customer(2)).await;
    assert_eq!((another.status, another.code()), (429, "limit_reached"), "{around}: only one");
}

every_provider!(m23_a_template_inside_a_window_and_free_form_take_no_place);
async fn m23_a_template_inside_a_window_and_free_form_take_no_place(provider: Provider) {
    let world = World::of(provider).await;
    let user = customer(1);
    world.opt_in(&user).await;
    world.writes(&user, NUMBER, "Hello").await;
    let sent = world.send_template(&user).await;
    assert_eq!(sent.body["counts_against_limit"], false, "{}", sent.body);
    assert_eq!(sent.body["sent_as"], "session");
    world.send_to(&user, "Hi").await;
    world.settle().await;
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0);
}

every_provider!(d13_a_place_is_given_back_when_the_send_certainly_did_not_happen);
async fn d13_a_place_is_given_back_when_the_send_certainly_did_not_happen(provider: Provider) {
    let world = World::of(provider).await;
    let used = async || world.get("/v1/senders/support/limit").await.body["used"].clone();
    for n in 0..3 {
        world.opt_in(&customer(n)).await;
    }
    world.sandbox().fail_next(world.facts().refuses());
    world.send_template(&customer(0)).await;
    world.settle().await;
    assert_eq!(used().await, 0, "refused: given back");
    world.sandbox().fail_next(transom_testkit::Fault::DropAfterRequest);
    world.send_template(&customer(1)).await;
    world.settle().await;
    assert_eq!(used().await, 1, "unknown: never given back");
    world.sandbox().set_autostatus(transom_testkit::AutoStatus::Manual);
    world.send_template(&customer(2)).await;
    world.settle().await;
    assert_eq!(used().await, 2);
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&sid, "failed", Some(world.facts().no_whatsapp)).await;
    world.settle().await;
    assert_eq!(used().await, 1, "failed before delivery: given back");
}

every_provider!(m8_a_template_outside_the_window_counts_and_opens_nothing);
async fn m8_a_template_outside_the_window_counts_and_opens_nothing(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(&customer(1)).await;
    let sent = world.send_template(&customer(1)).await;
    assert_eq!(sent.body["counts_against_limit"], true, "{}", sent.body);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message} {:?}", world.sandbox().refused());
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
    assert_eq!(world.send_to(&customer(1), "Hi").await.code(), "window_never_opened");
}

every_provider!(m71_a_template_without_consent_is_refused);
async fn m71_a_template_without_consent_is_refused(provider: Provider) {
    let world = World::of(provider).await;
    let refused = world.send_template(&customer(1)).await;
    assert_eq!((refused.status, refused.code()), (409, "not_opted_in"));
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0);
}

every_provider!(a_place_that_ages_out_in_the_queue_is_taken_again_before_the_call);
/// A place may age out while its message waits: it is taken again just before the call, or the
/// message is refused when none is free.
async fn a_place_that_ages_out_in_the_queue_is_taken_again_before_the_call(provider: Provider) {
    let world = World::of(provider).await;
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(1);
    world.put("/v1/senders/support", sender).await;
    for n in 0..2 {
        world.opt_in(&customer(n)).await;
    }
    let waits = world.facts().throttles(86_400);
    world.sandbox().fail_next(waits);
    let first = world.send_template(&customer(0)).await.text("id");
    world.settle().await;
    assert_eq!(world.message(&first).await["status"], "deferred");
    world.advance(Millis::from_seconds(86_500)).await;
    assert_eq!(world.message(&first).await["status"], "delivered", "taken again");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);

    world.advance(Millis::from_hours(25)).await;
    world.sandbox().fail_next(waits);
    let second = world.send_template(&customer(0)).await.text("id");
    world.settle().await;
    // Its place ages out, and another user takes it before the second call.
    let before = world.now().plus(Millis::new(86_400_000 + 1));
    world.house.clock().advance_to(before);
    let other = world.send_template(&customer(1)).await;
    assert_eq!(other.status, 202, "{}", other.body);
    world.settle().await;
    world.advance(Millis::from_seconds(600)).await;
    let message = world.message(&second).await;
    assert_eq!(message["status"], "refused", "{message}");
    assert_eq!(message["failure"]["code"], "limit_reached");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
}

every_provider!(a_template_without_a_language_is_the_accounts_only_one);
async fn a_template_without_a_language_is_the_accounts_only_one(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(&customer(1)).await;
    let content = json!({
        "type": "template", "name": "order_ready", "variables": ["Asha", 42],
    });
    let body = json!({ "sender": "support", "to": customer(1), "content": content });
    let sent = world.post("/v1/messages", body).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message}");
    assert_eq!(message["content"]["language"], "en");
}

every_provider!(a_window_that_opens_while_a_template_waits_frees_its_place);
async fn a_window_that_opens_while_a_template_waits_frees_its_place(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(&customer(1)).await;
    world.sandbox().fail_next(world.facts().throttles(60));
    world.send_template(&customer(1)).await;
    world.settle().await;
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1);
    world.writes(&customer(1), NUMBER, "Hello").await;
    world.advance(Millis::from_seconds(120)).await;
    assert_eq!(world.sandbox().outbox().len(), 1);
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0);
}

/// A World whose queues are worked on by hand.
async fn by_hand(provider: Provider) -> World {
    let plan = WorldPlan { provider: Some(provider), by_hand: true, ..WorldPlan::default() };
    World::with(plan).await
}

/// Time passes, and the sender dies at its call number `call` to AWS; then `meanwhile`, and the
/// queue hands its batch out again. False when it made fewer calls.
async fn dies_at(world: &World, call: usize, by: Millis, meanwhile: impl AsyncFnOnce()) -> bool {
    world.house.clock().advance_to(world.now().plus(by));
    world.house.sweep().await.unwrap();
    let batch = world.house.take_batch("Sender").await.unwrap().unwrap();
    world.house.faults().set(Some(AtCall::broken(&["Sender"], call, 1, WireFault::Die)));
    let died = tokio::select! {
        _ = world.house.work_on(&batch) => false,
        () = world.house.faults().death() => true,
    };
    world.house.faults().set(None);
    meanwhile().await;
    world.house.hand_out_again(&batch).await;
    world.advance(Millis::from_hours(1)).await;
    died
}

async fn used(world: &World) -> Value {
    world.get("/v1/senders/support/limit").await.body["used"].clone()
}

every_provider!(d13_a_message_that_came_to_count_while_it_waited_leaves_no_place_behind);
/// Stored as inside a window that closes before its call: whichever call of the sender breaks, a
/// message that is cancelled then gives back the place that it took.
async fn d13_a_message_that_came_to_count_while_it_waited_leaves_no_place_behind(
    provider: Provider,
) {
    let mut given_back = 0;
    for call in 0.. {
        let world = by_hand(provider).await;
        world.opt_in(&customer(1)).await;
        world.writes(&customer(1), NUMBER, "Hello").await;
        world.sandbox().fail_next(world.facts().throttles(86_400));
        let id = world.send_template(&customer(1)).await.text("id");
        world.settle().await;
        assert_eq!(world.message(&id).await["status"], "deferred");
        assert_eq!(used(&world).await, 0, "inside the window it takes none");
        let (mut taken, mut cancelled) = (json!(0), false);
        let died = dies_at(&world, call, Millis::from_seconds(86_500), async || {
            taken = used(&world).await;
            let answer = world.post(&format!("/v1/messages/{id}/cancel"), json!({})).await;
            cancelled = answer.status == 200;
        })
        .await;
        let message = world.message(&id).await;
        let kept = u64::from(!cancelled);
        assert_eq!(used(&world).await, kept, "{call}: {message}");
        given_back += u64::from(cancelled && taken == 1);
        if !died {
            break;
        }
    }
    assert!(given_back > 0, "one died between its place and its call");
}

every_provider!(d13_a_message_that_came_not_to_count_gives_its_place_back_whatever_broke);
/// The reverse: the customer writes while a template waits.
async fn d13_a_message_that_came_not_to_count_gives_its_place_back_whatever_broke(
    provider: Provider,
) {
    for call in 0.. {
        let world = by_hand(provider).await;
        world.opt_in(&customer(1)).await;
        world.sandbox().fail_next(world.facts().throttles(60));
        let id = world.send_template(&customer(1)).await.text("id");
        world.settle().await;
        assert_eq!(used(&world).await, 1, "outside the window it takes one");
        world.writes(&customer(1), NUMBER, "Hello").await;
        let died = dies_at(&world, call, Millis::from_seconds(120), async || {}).await;
        let message = world.message(&id).await;
        assert_eq!(used(&world).await, 0, "{call}: {message}");
        assert!(world.sandbox().outbox().len() <= 1, "{call}: {message}");
        if !died {
            assert_eq!(message["status"], "delivered", "{call}: {message}");
            assert!(call > 3, "it makes calls");
            break;
        }
    }
}

every_provider!(m80_an_opt_out_outweighs_a_consent_that_claims_a_later_time);
async fn m80_an_opt_out_outweighs_a_consent_that_claims_a_later_time(provider: Provider) {
    let world = World::of(provider).await;
    let path = format!("/v1/senders/support/contacts/{}/opt-in", customer(1));
    let ahead = world.now().plus(Millis::from_seconds(4)).rfc3339();
    assert!(world.put(&path, json!({ "source": "import", "at": ahead })).await.status < 300);
    assert_eq!(world.delete(&path).await.body["opt_in"], "out");
    assert_eq!(world.send_template(&customer(1)).await.code(), "opted_out");
}

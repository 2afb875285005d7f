//! Statuses in any order, repeated, early, late, of another account.

use crate::every_provider::{every_provider, heavy};
use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, another_account};
use transom_testkit::{AutoStatus, Fault, World};

async fn sent(world: &World) -> (String, String) {
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    let answer = world.send("Hi").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.settle().await;
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    (answer.text("id"), sid)
}

every_provider!(f4_any_permutation_and_repetition_gives_the_same_message);
async fn f4_any_permutation_and_repetition_gives_the_same_message(provider: Provider) {
    let world = World::of(provider).await;
    let kinds = ["sent", "delivered", "read", "failed"];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let every_kind = proptest::collection::vec(0..4_usize, 4..9)
        .prop_filter("every kind", |o| (0..4).all(|k| o.contains(&k)));
    let mut orders: Vec<Vec<usize>> = (0..heavy(provider, 24, 12))
        .map(|_| every_kind.new_tree(&mut runner).unwrap().current())
        .collect();
    // Kinds may be missing, too.
    orders.extend([vec![3, 1, 2], vec![2, 3, 0], vec![1, 3, 1, 2, 2], vec![2]]);
    let mut expected: Option<Value> = None;
    for order in &orders {
        let (id, sid) = sent(&world).await;
        for kind in order {
            let code = (kinds[*kind] == "failed").then_some(world.facts().no_whatsapp);
            world.report(&sid, kinds[*kind], code).await;
        }
        let message = world.message(&id).await;
        assert_eq!(message["status"], "read", "{order:?}: {message}");
        assert_eq!(world.conversation().await["undelivered"], 0, "{order:?}");
        let mut seen: Vec<Value> =
            message["statuses"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
        let failures = seen.iter().filter(|s| **s == "failed").count();
        assert_eq!(failures, usize::from(order.contains(&3)), "{order:?}: {message}");
        if (0..4).all(|kind| order.contains(&kind)) {
            seen.sort_by_key(ToString::to_string);
            let state = json!({ "statuses": seen, "failure": message["failure"] });
            let wanted = expected.get_or_insert_with(|| state.clone());
            assert_eq!(&state, wanted, "{order:?}");
        }
    }
}

every_provider!(f3_a_status_settles_what_a_lost_answer_left_open);
async fn f3_a_status_settles_what_a_lost_answer_left_open(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(Fault::Garbage);
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    // The provider has it, we do not know: unknown until evidence comes.
    assert_eq!(world.message(&id).await["status"], "unknown");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&sid, "delivered", None).await;
    // Where no reference comes back, the lost answer was the only way to the message.
    let echoed = world.facts().echoes_reference;
    let shown = if echoed { "delivered" } else { "unknown" };
    assert_eq!(world.message(&id).await["status"], shown);
    assert_eq!(world.conversation().await["undelivered"], u64::from(!echoed));
}

every_provider!(m102_f3_statuses_that_race_the_sends_answer_are_joined);
async fn m102_f3_statuses_that_race_the_sends_answer_are_joined(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    // The pretend provider reports as soon as it has the message, beside its answer.
    for n in 0..10 {
        world.send(&format!("{n}")).await;
    }
    world.settle().await;
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let items = world.messages(&id).await;
    let delivered = items.iter().filter(|m| m["status"] == "delivered").count();
    assert_eq!(delivered, 10);
}

every_provider!(u1_a_failure_is_shown_with_meaning_and_remedy);
async fn u1_a_failure_is_shown_with_meaning_and_remedy(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    let code = world.facts().no_whatsapp;
    world.report(&sid, "failed", Some(code)).await;
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "failed");
    assert_eq!(message["failure"]["provider_code"], code.to_string());
    assert!(message["failure"]["remedy"].as_str().unwrap().ends_with('.'));
    assert_eq!(world.conversation().await["undelivered"], 1);
    let events = world.subscriber.of("message.failed");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].body["data"]["failure"]["provider_code"], code.to_string());
}

every_provider!(the_providers_own_refusal_closes_the_window);
async fn the_providers_own_refusal_closes_the_window(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    world.report(&sid, "failed", Some(world.facts().outside_window)).await;
    assert_eq!(world.message(&id).await["status"], "failed");
    let conversation = world.conversation().await;
    assert_eq!(conversation["window"]["state"], "expired");
    let refused = world.send("Still there?").await;
    assert_eq!((refused.status, refused.code()), (409, "window_expired"));
    world.pass(Millis::from_seconds(1));
    world.customer_writes("I am").await;
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

every_provider!(a_callback_of_one_account_never_touches_anothers_message);
async fn a_callback_of_one_account_never_touches_anothers_message(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    let (body, secret) = another_account(provider);
    assert!(world.put("/v1/accounts/other", body).await.status < 300);
    let read = world.status(&sid, "read", None).signed_with(&secret);
    let path = format!("/status/{}/other", provider.as_str());
    assert_eq!(world.post_webhook(&read.clone().at(&path)).await.status, 200);
    assert_eq!(world.message(&id).await["status"], "accepted");
    // Nor does another's signature speak for this account.
    assert_eq!(world.post_webhook(&read).await.status, 403);
    assert_eq!(world.message(&id).await["status"], "accepted");
}

/// At Twilio alone, whose signature covers the address in which our reference stands. Meta's
/// stands in the signed body, and Gupshup has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twilios_signature_covers_our_reference() {
    let world = World::of(Provider::Twilio).await;
    let (id, sid) = sent(&world).await;
    let status = world.status(&sid, "read", None);
    let mut forged = status.clone().without_reference().signed(&world.url);
    forged.path = status.signed(&world.url).path;
    assert_eq!(world.post_signed(&forged).await.status, 403);
    assert_eq!(world.message(&id).await["status"], "accepted");
}

every_provider!(f9_a_late_word_on_a_failed_attempt_does_not_touch_the_next);
/// The provider's id belongs to the attempt that it answered: what it says of it while the retry
/// waits, also without our reference, is never taken for the retry's.
async fn f9_a_late_word_on_a_failed_attempt_does_not_touch_the_next(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    let code = Some(world.facts().no_whatsapp);
    world.report(&sid, "failed", code).await;
    world.sandbox().fail_next(world.facts().throttles(300));
    assert!(world.post(&format!("/v1/messages/{id}/retry"), json!({})).await.status < 300);
    world.settle().await;
    assert_eq!(world.message(&id).await["status"], "deferred");
    for (status, code) in [("failed", code), ("delivered", None), ("sent", None)] {
        let late = world.status(&sid, status, code).without_reference();
        let answer = world.post_webhook(&late.at(&world.path("webhooks"))).await;
        assert_eq!(answer.status, 200, "{status}: {}", answer.body);
        assert_eq!(world.message(&id).await["status"], "deferred", "{status}");
    }
    world.advance(Millis::from_seconds(900)).await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "accepted", "by its own evidence alone: {message}");
    assert_eq!(world.sandbox().outbox().len(), 2);
    let new = world.sandbox().outbox().last().unwrap().sid.clone();
    world.report(&new, "read", None).await;
    assert_eq!(world.message(&id).await["status"], "read");
}

every_provider!(a_status_without_our_reference_is_found_by_the_providers_id);
async fn a_status_without_our_reference_is_found_by_the_providers_id(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    let delivered =
        world.status(&sid, "delivered", None).without_reference().at(&world.path("webhooks"));
    assert_eq!(world.post_webhook(&delivered).await.status, 200);
    assert_eq!(world.message(&id).await["status"], "delivered");
    // One that belongs to nothing is an outcome, not silence. Where no reference comes back it
    // may be early, so it waits for the send's answer.
    let lost = delivered.replaced(&sid, &nobodys(&sid));
    assert_eq!(world.post_webhook(&lost).await.status, 200);
    let account = transom_core::id::AccountId::parse("tw").unwrap();
    let kept = world.house.operator().store.unattached(&account, None, 50).await.unwrap().0;
    let reasons: Vec<&str> = kept.iter().map(|u| u.reason.as_str()).collect();
    let expected: &[&str] =
        if world.facts().echoes_reference { &["unmatched_status"] } else { &[] };
    assert_eq!(reasons, expected);
}

/// An id of the provider's form that no message has.
fn nobodys(sid: &str) -> String {
    sid.chars().map(|c| if c.is_ascii_digit() { '7' } else { c }).collect()
}

every_provider!(m9_statuses_of_a_template_do_not_open_a_window);
async fn m9_statuses_of_a_template_do_not_open_a_window(provider: Provider) {
    let world = World::of(provider).await;
    world.sandbox().set_read_receipts(true);
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    let answer = world.send_template(CUSTOMER).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(answer.body["sent_as"], "template");
    assert_eq!(answer.body["counts_against_limit"], true);
    world.settle().await;
    let message = world.message(&answer.text("id")).await;
    assert!(["read", "delivered"].contains(&message["status"].as_str().unwrap()), "{message}");
    assert_eq!(world.conversation().await["window"]["state"], "none");
    assert_eq!(world.send("Hi").await.code(), "window_never_opened");
    world.customer_writes("Thanks").await;
    assert_eq!(world.send("Hi").await.status, 202);
}

every_provider!(both_paths_take_both_kinds_and_do_the_same);
async fn both_paths_take_both_kinds_and_do_the_same(provider: Provider) {
    for at in ["webhooks", "status"] {
        let world = World::of(provider).await;
        let road = world.path(at);
        let code = Some(world.facts().no_whatsapp);
        world.sandbox().set_autostatus(AutoStatus::None);
        assert!(world.opt_in(CUSTOMER).await.status < 300);
        let id = world.send_template(CUSTOMER).await.text("id");
        world.settle().await;
        let sid = world.sandbox().outbox()[0].sid.clone();
        // Without our reference: found by the provider's id.
        let failed = world.status(&sid, "failed", code).without_reference().at(&road);
        assert_eq!(world.post_webhook(&failed).await.status, 200, "{at}");
        assert_eq!(world.message(&id).await["status"], "failed", "{at}");
        assert_eq!(world.conversation().await["undelivered"], 1, "{at}");
        let limit = world.get("/v1/senders/support/limit").await.body;
        assert_eq!(limit["used"], 0, "{at}: its place is given back");
        // Another send rides on the user's place; its failure gives nothing back.
        for _ in 0..2 {
            assert_eq!(world.send_template(CUSTOMER).await.status, 202, "{at}");
        }
        world.settle().await;
        let sid = world.sandbox().outbox().last().unwrap().sid.clone();
        let list = world.conversation().await;
        let items = world.messages(list["id"].as_str().unwrap()).await;
        let failing = items.iter().find(|m| m["attempts"][0]["provider_message_id"] == sid);
        let failing = failing.unwrap()["id"].as_str().unwrap();
        let post = async |status, code| {
            let status = world.status(&sid, status, code).at(&road);
            assert_eq!(world.post_webhook(&status).await.status, 200, "{at}");
        };
        post("failed", code).await;
        assert_eq!(world.message(failing).await["status"], "failed", "{at}");
        assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1, "{at}");
        // Evidence clears the mark: it was delivered after all.
        post("delivered", None).await;
        assert_eq!(world.message(failing).await["status"], "delivered", "{at}");
        assert_eq!(world.conversation().await["undelivered"], 1, "{at}: only the first");
        // And a customer may write to either.
        let hello = world.inbound_text("Hello").at(&road);
        assert_eq!(world.post_webhook(&hello).await.status, 200, "{at}");
        assert_eq!(world.conversation().await["window"]["state"], "open", "{at}");
    }
}

every_provider!(u1_the_undelivered_mark_agrees_with_what_is_shown_however_statuses_race);
async fn u1_the_undelivered_mark_agrees_with_what_is_shown_however_statuses_race(
    provider: Provider,
) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    for n in 0..25 {
        world.send(&format!("{n}")).await;
    }
    world.settle().await;
    let sent = world.sandbox().outbox();
    assert_eq!(sent.len(), 25);
    let code = Some(world.facts().no_whatsapp);
    let posts = sent.iter().flat_map(|entry| {
        [("failed", code), ("delivered", None)].map(|(status, code)| {
            let world = &world;
            async move { world.report(&entry.sid, status, code).await }
        })
    });
    futures::future::join_all(posts).await;
    let conversation = world.conversation().await;
    let items = world.messages(conversation["id"].as_str().unwrap()).await;
    assert_eq!(items.iter().filter(|m| m["status"] == "delivered").count(), 25);
    assert_eq!(conversation["undelivered"], 0);
}

every_provider!(a_refusal_that_comes_after_the_message_was_read_closes_nothing);
async fn a_refusal_that_comes_after_the_message_was_read_closes_nothing(provider: Provider) {
    let world = World::of(provider).await;
    let (id, sid) = sent(&world).await;
    world.report(&sid, "read", None).await;
    world.report(&sid, "failed", Some(world.facts().outside_window)).await;
    assert_eq!(world.message(&id).await["status"], "read");
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

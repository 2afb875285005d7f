//! Statuses in any order, repeated, early, late, of another account.

use proptest::strategy::{Strategy, ValueTree};
use serde_json::{Value, json};
use transom_testkit::sign;
use transom_testkit::world::{ACCOUNT_SID, CUSTOMER, NUMBER};
use transom_testkit::{AutoStatus, Fault, World};

fn callback(sid: &str, status: &str, code: Option<&str>) -> Vec<(String, String)> {
    let mut form: Vec<(String, String)> = [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("AccountSid", ACCOUNT_SID),
        ("From", &format!("whatsapp:{NUMBER}")),
        ("To", &format!("whatsapp:{CUSTOMER}")),
        ("ApiVersion", "2010-04-01"),
        ("ChannelPrefix", "whatsapp"),
    ]
    .iter()
    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
    .collect();
    if let Some(code) = code {
        form.push(("ErrorCode".to_owned(), code.to_owned()));
    }
    form
}

async fn sent(world: &World) -> (String, String) {
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    let answer = world.send("Hi").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.settle().await;
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    (answer.text("id"), sid)
}

fn path(id: &str) -> String {
    format!("/status/twilio/tw?ref={id}.1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_any_permutation_and_repetition_gives_the_same_message() {
    let world = World::start().await;
    let kinds = ["sent", "delivered", "read", "failed"];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let orders = proptest::collection::vec(0..4_usize, 4..9)
        .prop_filter("every kind", |o| (0..4).all(|k| o.contains(&k)));
    let mut expected: Option<Value> = None;
    for _ in 0..24 {
        let order = orders.new_tree(&mut runner).unwrap().current();
        let (id, sid) = sent(&world).await;
        for kind in &order {
            let code = (kinds[*kind] == "failed").then_some("63024");
            let form = callback(&sid, kinds[*kind], code);
            assert_eq!(world.signed(&path(&id), &form).await.status, 200);
        }
        let message = world.message(&id).await;
        let mut seen: Vec<Value> =
            message["statuses"].as_array().unwrap().iter().map(|s| s["status"].clone()).collect();
        seen.sort_by_key(ToString::to_string);
        let state =
            json!({ "status": message["status"], "statuses": seen, "failure": message["failure"] });
        assert_eq!(state["status"], "read", "{order:?}");
        let wanted = expected.get_or_insert_with(|| state.clone());
        assert_eq!(&state, wanted, "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_status_before_the_sends_answer_is_kept() {
    let world = World::start().await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    world.sandbox().fail_next(Fault::Garbage);
    let id = world.send("Hi").await.text("id");
    world.settle().await;
    // The provider has it, we do not know: unknown until evidence comes.
    assert_eq!(world.message(&id).await["status"], "unknown");
    let sid = world.sandbox().outbox().last().unwrap().sid.clone();
    world.signed(&path(&id), &callback(&sid, "delivered", None)).await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "delivered");
    assert_eq!(world.conversation().await["undelivered"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_a_failure_is_shown_with_meaning_and_remedy() {
    let world = World::start().await;
    let (id, sid) = sent(&world).await;
    world.signed(&path(&id), &callback(&sid, "undelivered", Some("63024"))).await;
    world.settle().await;
    let message = world.message(&id).await;
    assert_eq!(message["status"], "failed");
    assert_eq!(message["failure"]["provider_code"], "63024");
    assert!(message["failure"]["remedy"].as_str().unwrap().ends_with('.'));
    assert_eq!(world.conversation().await["undelivered"], 1);
    let events = world.subscriber.of("message.failed");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].body["data"]["failure"]["provider_code"], "63024");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_providers_own_refusal_closes_the_window() {
    let world = World::start().await;
    let (id, sid) = sent(&world).await;
    world.signed(&path(&id), &callback(&sid, "undelivered", Some("63016"))).await;
    let conversation = world.conversation().await;
    assert_eq!(conversation["window"]["state"], "expired");
    let refused = world.send("Still there?").await;
    assert_eq!((refused.status, refused.code()), (409, "window_expired"));
    world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(5)));
    world.customer_writes("I am").await;
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_of_one_account_never_touches_anothers_message() {
    let world = World::start().await;
    let (id, sid) = sent(&world).await;
    let credentials =
        json!({ "account_sid": "AC99999999999999999999999999999999", "auth_token": "other" });
    let body = json!({ "provider": "twilio", "credentials": credentials });
    assert!(world.put("/v1/accounts/other", body).await.status < 300);
    let path = format!("/status/twilio/other?ref={id}.1");
    let form = callback(&sid, "read", None);
    let signature = sign("other", &format!("{}{path}", world.url), &form);
    assert_eq!(world.form(&path, &form, &signature).await.status, 200);
    assert_eq!(world.message(&id).await["status"], "accepted");
    // Nor a reference that the signature does not cover.
    let url = format!("{}/status/twilio/tw", world.url);
    let unsigned = sign(transom_testkit::world::AUTH_TOKEN, &url, &form);
    assert_eq!(world.form(&self::path(&id), &form, &unsigned).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_without_our_reference_is_found_by_the_providers_id() {
    let world = World::start().await;
    let (id, sid) = sent(&world).await;
    let form = callback(&sid, "delivered", None);
    assert_eq!(world.signed("/webhooks/twilio/tw", &form).await.status, 200);
    assert_eq!(world.message(&id).await["status"], "delivered");
    // One that belongs to nothing is an outcome, not silence.
    let lost = callback("SM77777777777777777777777777777777", "delivered", None);
    assert_eq!(world.signed("/webhooks/twilio/tw", &lost).await.status, 200);
    let account = transom_core::id::AccountId::parse("tw").unwrap();
    let kept = world.house.operator().store.unattached(&account, None, 50).await.unwrap().0;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].reason, "unmatched_status");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m9_statuses_of_a_template_do_not_open_a_window() {
    let world = World::start().await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_paths_take_both_kinds_and_do_the_same() {
    for (road, at) in [("/webhooks/twilio/tw", "inbound"), ("/status/twilio/tw", "status")] {
        let world = World::start().await;
        world.sandbox().set_autostatus(AutoStatus::None);
        assert!(world.opt_in(CUSTOMER).await.status < 300);
        let id = world.send_template(CUSTOMER).await.text("id");
        world.settle().await;
        let sid = world.sandbox().outbox()[0].sid.clone();
        // Without our reference: found by the provider's id.
        world.signed(road, &callback(&sid, "undelivered", Some("63024"))).await;
        assert_eq!(world.message(&id).await["status"], "failed", "{at}");
        assert_eq!(world.conversation().await["undelivered"], 1, "{at}");
        let limit = world.get("/v1/senders/support/limit").await.body;
        assert_eq!(limit["used"], 0, "{at}: its place is given back");
        // Another send rides on the user's place; its failure gives nothing back.
        let first = world.send_template(CUSTOMER).await.text("id");
        let second = world.send_template(CUSTOMER).await.text("id");
        world.settle().await;
        let sid = world.sandbox().outbox().last().unwrap().sid.clone();
        let failing = [&first, &second].into_iter().find(|id| {
            world
                .sandbox()
                .outbox()
                .last()
                .unwrap()
                .status_callback
                .as_deref()
                .unwrap()
                .contains(id.as_str())
        });
        let path = format!("{road}?ref={}.1", failing.unwrap());
        world.signed(&path, &callback(&sid, "failed", Some("63024"))).await;
        assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 1, "{at}");
        // Evidence clears the mark: it was delivered after all.
        world.signed(&path, &callback(&sid, "delivered", None)).await;
        assert_eq!(world.message(failing.unwrap()).await["status"], "delivered", "{at}");
        assert_eq!(world.conversation().await["undelivered"], 1, "{at}: only the first");
        // And a customer may write to either.
        let mut message = transom_testkit::PhoneMessage::text(CUSTOMER, NUMBER, "Hello");
        message.sid = Some("SM00000000000000000000000000000abc".into());
        message.account_sid = Some(ACCOUNT_SID.into());
        let form = transom_local::sandbox::inbound_form(&message);
        assert_eq!(world.signed(road, &form).await.status, 200);
        assert_eq!(world.conversation().await["window"]["state"], "open", "{at}");
        // One that belongs to nothing is recorded.
        let lost = callback("SM77777777777777777777777777777777", "delivered", None);
        assert_eq!(world.signed(road, &lost).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_the_undelivered_mark_agrees_with_what_is_shown_however_statuses_race() {
    let world = World::start().await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    for n in 0..25 {
        world.send(&format!("{n}")).await;
    }
    world.settle().await;
    let sent = world.sandbox().outbox();
    let posts = sent.iter().flat_map(|entry| {
        let url = entry.status_callback.clone().unwrap();
        let path = url.trim_start_matches(&world.url).to_owned();
        let path = path.split('#').next().unwrap().to_owned();
        [("undelivered", Some("63024")), ("delivered", None)].map(|(status, code)| {
            let (world, path, form) = (&world, path.clone(), callback(&entry.sid, status, code));
            async move { world.signed(&path, &form).await.status }
        })
    });
    for status in futures::future::join_all(posts).await {
        assert_eq!(status, 200);
    }
    let conversation = world.conversation().await;
    let items = world.messages(conversation["id"].as_str().unwrap()).await;
    assert_eq!(items.iter().filter(|m| m["status"] == "delivered").count(), 25);
    assert_eq!(conversation["undelivered"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_comes_after_the_message_was_read_closes_nothing() {
    let world = World::start().await;
    let (id, sid) = sent(&world).await;
    world.signed(&path(&id), &callback(&sid, "read", None)).await;
    world.signed(&path(&id), &callback(&sid, "failed", Some("63016"))).await;
    assert_eq!(world.message(&id).await["status"], "read");
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

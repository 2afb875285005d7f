//! What customers say about being written to: by a word, and through their provider (M71-M80, E13).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, PROVIDER_ID};
use transom_testkit::{AutoStatus, Fault, PhoneContent, PhoneMessage, Script, WireFault, World};

async fn contact(world: &World) -> Value {
    world.get(&format!("/v1/senders/support/contacts/{CUSTOMER}")).await.body
}

async fn consents(world: &World) -> Vec<(String, String)> {
    let path = format!("/v1/senders/support/contacts/{CUSTOMER}/consents");
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    let items = world.get(&path).await.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|i| (text(i, "state"), text(i, "source"))).collect()
}

fn word(state: &str, source: &str) -> (String, String) {
    (state.to_owned(), source.to_owned())
}

/// A template waits because the provider asked for patience.
async fn with_waiting_template(world: &World) -> String {
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.sandbox().fail_next(world.facts().throttles(600));
    let sent = world.send_template(CUSTOMER).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    world.pass(Millis::from_seconds(1));
    sent.text("id")
}

every_provider!(m80_e13_stop_cancels_what_waits_and_start_agrees_again);
async fn m80_e13_stop_cancels_what_waits_and_start_agrees_again(provider: Provider) {
    let world = World::of(provider).await;
    let waiting = with_waiting_template(&world).await;
    world.customer_writes("Stop!").await;
    // Before anything else is done: the webhook's answer says that all of it is durable.
    let message = world.message(&waiting).await;
    assert_eq!(message["status"], "cancelled", "{message}");
    assert_eq!(message["failure"]["code"], "opted_out");
    world.settle().await;
    assert_eq!(contact(&world).await["opt_in"], "out");
    assert_eq!(contact(&world).await["opt_in_source"], "keyword");
    assert_eq!(world.send_template(CUSTOMER).await.code(), "opted_out");
    world.advance(Millis::from_seconds(1200)).await;
    assert!(world.sandbox().outbox().is_empty(), "no provider call");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0, "its place is free");
    // The message itself is there, and a free-form answer is allowed (D10).
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    assert!(world.messages(&id).await.iter().any(|m| m["content"]["text"] == "Stop!"));
    assert_eq!(world.send("You will hear no more of us.").await.status, 202);
    world.pass(Millis::from_seconds(1));
    world.customer_writes("START").await;
    assert_eq!(contact(&world).await["opt_in"], "in");
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    let said = consents(&world).await;
    assert_eq!(said, [word("in", "keyword"), word("out", "keyword"), word("in", "import")]);
    world.settle().await;
    assert_eq!(world.subscriber.of("contact.opted_out").len(), 1);
    assert_eq!(world.subscriber.of("contact.opted_in").len(), 2);
}

every_provider!(m80_e13_stop_between_queueing_and_dispatch_makes_no_call);
/// The queue holds the template's entry while the customer stops: dispatch finds it cancelled.
async fn m80_e13_stop_between_queueing_and_dispatch_makes_no_call(provider: Provider) {
    let plan = transom_testkit::WorldPlan {
        provider: Some(provider),
        by_hand: true,
        ..transom_testkit::WorldPlan::default()
    };
    let world = World::with(plan).await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    let sent = world.send_template(CUSTOMER).await.text("id");
    assert_eq!(world.message(&sent).await["status"], "queued");
    world.pass(Millis::from_seconds(1));
    world.customer_writes("STOP").await;
    world.settle().await;
    let message = world.message(&sent).await;
    assert_eq!(message["status"], "cancelled", "{message}");
    assert_eq!(message["failure"]["code"], "opted_out");
    assert!(world.sandbox().outbox().is_empty(), "no provider call");
    assert_eq!(world.get("/v1/senders/support/limit").await.body["used"], 0);
}

every_provider!(m80_a_stop_is_one_word_under_redelivery_and_before_its_message);
async fn m80_a_stop_is_one_word_under_redelivery_and_before_its_message(provider: Provider) {
    let world = World::of(provider).await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.pass(Millis::from_seconds(1));
    let stop = world.inbound_text("stop");
    // The message cannot be stored: what it says already stands.
    let put = if provider == Provider::Meta { 1 } else { 2 };
    world.inject(Script::new().on("Inbound", "PutItem", put, 4, WireFault::Unreachable));
    assert_eq!(world.post_webhook(&stop).await.status, 503);
    world.house.faults().set(None);
    assert_eq!(contact(&world).await["opt_in"], "out", "durable before the message");
    let posts = (0..16).map(|_| world.post_webhook(&stop));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    world.settle().await;
    assert_eq!(world.subscriber.of("contact.opted_out").len(), 1);
    assert_eq!(consents(&world).await.len(), 2);
    // A replay after he agreed again changes nothing.
    world.pass(Millis::from_seconds(5));
    world.customer_writes("start").await;
    world.pass(Millis::from_seconds(5));
    assert_eq!(world.post_webhook(&stop).await.status, 200);
    assert_eq!(contact(&world).await["opt_in"], "in");
    assert_eq!(consents(&world).await.len(), 3);
}

every_provider!(m80_stop_and_start_in_any_order_end_in_the_same_state);
async fn m80_stop_and_start_in_any_order_end_in_the_same_state(provider: Provider) {
    if provider != Provider::Meta {
        // Only Meta tells when the customer wrote: elsewhere the order of arrival is the order.
        return;
    }
    for reversed in [false, true] {
        let world = World::of(provider).await;
        let at = |seconds: i64, text: &str| {
            let mut message = PhoneMessage::text(CUSTOMER, NUMBER, text);
            message.at_ms = Some(world.now().as_millis() - 60_000 + seconds * 1000);
            world.inbound(message)
        };
        let mut hooks = vec![at(1, "start"), at(2, "stop"), at(3, "START"), at(4, "STOP")];
        if reversed {
            hooks.reverse();
        }
        for hook in &hooks {
            assert_eq!(world.post_webhook(hook).await.status, 200);
        }
        assert_eq!(contact(&world).await["opt_in"], "out", "reversed: {reversed}");
        assert_eq!(consents(&world).await.len(), 4);
    }
}

every_provider!(m80_a_consent_that_is_recorded_after_a_stop_of_the_same_second_counts);
async fn m80_a_consent_that_is_recorded_after_a_stop_of_the_same_second_counts(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("STOP").await;
    world.pass(Millis::new(300));
    assert_eq!(contact(&world).await["opt_in"], "out");
    assert_eq!(world.opt_in(CUSTOMER).await.body["opt_in"], "in");
    world.pass(Millis::from_seconds(2));
    world.customer_writes("STOP").await;
    assert_eq!(contact(&world).await["opt_in"], "out");
}

every_provider!(m80_a_button_that_says_stop_stops);
async fn m80_a_button_that_says_stop_stops(provider: Provider) {
    let world = World::of(provider).await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.pass(Millis::from_seconds(1));
    let tap = PhoneContent::QuickReply {
        text: "Stop promotions".into(),
        payload: "x".into(),
        template: true,
    };
    let message = PhoneMessage::new(CUSTOMER, NUMBER, tap);
    assert_eq!(world.sandbox().phone_send(message).await.unwrap().status, 200);
    assert_eq!(contact(&world).await["opt_in"], "out");
}

every_provider!(m80_a_first_message_that_says_stop_is_a_whole_conversation);
async fn m80_a_first_message_that_says_stop_is_a_whole_conversation(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("STOP").await;
    world.settle().await;
    let conversation = world.conversation().await;
    assert_eq!(conversation["contact"]["opt_in"], "out");
    assert_eq!(conversation["window"]["state"], "open");
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
    assert_eq!(world.subscriber.of("window.opened").len(), 1);
    assert_eq!(world.subscriber.of("message.received").len(), 1);
    let found = world.get("/v1/senders/support/contacts?opt_in=out&q=43210").await;
    assert_eq!(found.body["items"].as_array().map(Vec::len), Some(1), "{}", found.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m80_a_sender_adds_words_of_its_own() {
    let world = World::start().await;
    let path = "/v1/senders/support/settings";
    let words = json!({ "stop": ["Fin"], "start": ["Quiero"] });
    let set = world.put(path, json!({ "keywords": words })).await;
    assert_eq!((set.status, &set.body["keywords"]), (200, &words), "{}", set.body);
    assert_eq!(world.get(path).await.body["keywords"], words);
    // A change of the sender leaves them.
    let sender = transom_testkit::world::sender_body(NUMBER);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    for (text, state) in [("quiero", "in"), ("¡FIN!", "out"), ("Start", "in"), ("baja", "out")] {
        world.pass(Millis::from_seconds(1));
        world.customer_writes(text).await;
        assert_eq!(contact(&world).await["opt_in"], state, "{text}");
    }
    world.pass(Millis::from_seconds(1));
    world.customer_writes("please start").await;
    assert_eq!(contact(&world).await["opt_in"], "out", "only a whole message is a word");
    let wrong = world.put(path, json!({ "keywords": { "start": ["STOP"] } })).await;
    assert_eq!((wrong.status, wrong.code()), (400, "invalid_request"));
    assert!(wrong.text("detail").contains("`keywords.start[0]`"), "{}", wrong.body);
}

every_provider!(e13_the_providers_own_word_that_he_stopped_closes_consent);
async fn e13_the_providers_own_word_that_he_stopped_closes_consent(provider: Provider) {
    let (code, refused_at_once) = match provider {
        Provider::Twilio => (21_610, true),
        Provider::Meta => (131_050, true),
        Provider::Gupshup => (131_050, false),
    };
    for at_once in [true, false] {
        if at_once && !refused_at_once {
            continue;
        }
        let world = World::of(provider).await;
        assert!(world.opt_in(CUSTOMER).await.status < 300);
        world.pass(Millis::from_seconds(1));
        if at_once {
            let fault = Fault::Status { status: 400, code, retry_after_s: None, taken: false };
            world.sandbox().fail_next(fault);
        } else {
            world.sandbox().set_autostatus(AutoStatus::Manual);
        }
        assert_eq!(world.send_template(CUSTOMER).await.status, 202);
        world.settle().await;
        if !at_once {
            let sid = world.sandbox().outbox()[0].sid.clone();
            let failed = world.status(&sid, "failed", Some(code));
            for _ in 0..2 {
                assert_eq!(world.post_webhook(&failed).await.status, 200);
            }
            world.settle().await;
        }
        assert_eq!(contact(&world).await["opt_in"], "out", "at once: {at_once}");
        assert_eq!(contact(&world).await["opt_in_source"], "provider");
        assert_eq!(world.send_template(CUSTOMER).await.code(), "opted_out");
        assert_eq!(world.subscriber.of("contact.opted_out").len(), 1);
        assert_eq!(consents(&world).await, [word("out", "provider"), word("in", "import")]);
    }
}

/// The function dies after the provider's word is durable and before consent is closed: the sweep
/// takes that step too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e13_a_stop_that_a_dead_function_left_is_taken_by_the_sweep() {
    let world = World::start().await;
    assert!(world.opt_in(CUSTOMER).await.status < 300);
    world.pass(Millis::from_seconds(1));
    let fault = Fault::Status { status: 400, code: 21_610, retry_after_s: None, taken: false };
    world.sandbox().fail_next(fault);
    // The first thing that is put by the sender is the word's own record.
    world.inject(Script::new().on("Sender", "PutItem", 0, 4, WireFault::Unreachable));
    world.send_template(CUSTOMER).await;
    world.settle().await;
    assert_eq!(contact(&world).await["opt_in"], "in", "not yet");
    world.house.faults().set(None);
    world.advance(Millis::from_seconds(1000)).await;
    assert_eq!(contact(&world).await["opt_in"], "out");
    assert_eq!(world.subscriber.of("contact.opted_out").len(), 1);
}

fn meta_preference(value: &str, timestamp: i64) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "1", "changes": [{ "field": "user_preferences", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "phone_number_id": PROVIDER_ID },
            "user_preferences": [{
                "wa_id": CUSTOMER.trim_start_matches('+'),
                "category": "marketing_messages",
                "value": value,
                "timestamp": timestamp,
            }],
        }}]}],
    })
}

fn gupshup_event(kind: &str, timestamp: i64) -> Value {
    json!({
        "app": "UsualApp", "phone": NUMBER.trim_start_matches('+'),
        "timestamp": timestamp * 1000 + 1, "version": 2, "type": "user-event",
        "payload": { "phone": CUSTOMER.trim_start_matches('+'), "type": kind },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e13_a_word_to_the_provider_counts_once_by_its_time_and_cancels_what_waits() {
    for provider in [Provider::Meta, Provider::Gupshup] {
        let world = World::of(provider).await;
        let waiting = with_waiting_template(&world).await;
        let now = world.now().as_millis() / 1000;
        let told = |agrees: bool, at: i64| match provider {
            Provider::Meta => meta_preference(if agrees { "resume" } else { "stop" }, at),
            Provider::Gupshup => gupshup_event(if agrees { "opted-in" } else { "opted-out" }, at),
            Provider::Twilio => unreachable!("it tells no such thing"),
        };
        for _ in 0..3 {
            assert_eq!(world.posts(provider, &told(false, now)).await.status, 200);
        }
        world.settle().await;
        assert_eq!(world.message(&waiting).await["status"], "cancelled");
        assert_eq!(contact(&world).await["opt_in"], "out");
        assert_eq!(world.subscriber.of("contact.opted_out").len(), 1, "{provider:?}");
        // An older word comes late.
        assert_eq!(world.posts(provider, &told(true, now - 30)).await.status, 200);
        assert_eq!(contact(&world).await["opt_in"], "out");
        world.pass(Millis::from_seconds(10));
        assert_eq!(world.posts(provider, &told(true, now + 8)).await.status, 200);
        assert_eq!(contact(&world).await["opt_in"], "in");
        assert_eq!(contact(&world).await["opt_in_source"], "provider");
        let events = world.get("/v1/accounts/tw/events").await.body;
        assert_eq!(events["items"], json!([]), "acted on, so not kept as what nobody acts on");
        // It opens no window, and shows no conversation in the inbox: nobody wrote.
        assert_eq!(contact(&world).await["active"], false);
    }
}

/// A stranger's word makes a contact that says so; one to no number of ours is kept by its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e13_a_strangers_stop_is_kept_and_one_to_no_number_of_ours_too() {
    let world = World::of(Provider::Meta).await;
    let now = world.now().as_millis() / 1000;
    let stop = meta_preference("stop", now);
    assert_eq!(world.posts(Provider::Meta, &stop).await.status, 200);
    assert_eq!(contact(&world).await["opt_in"], "out");
    let text = stop.to_string().replace(PROVIDER_ID, "999");
    let elsewhere: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(world.posts(Provider::Meta, &elsewhere).await.status, 200);
    let odd: Value = serde_json::from_str(&stop.to_string().replace("stop", "maybe")).unwrap();
    assert_eq!(world.posts(Provider::Meta, &odd).await.status, 200);
    let events = world.get("/v1/accounts/tw/events").await.body;
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user_preferences:maybe", "user_preferences:stop"]);
}

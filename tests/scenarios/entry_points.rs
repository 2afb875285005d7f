//! Entry points (M74-M77), the question that a stranger is asked (M78), consent by SMS (M79), and
//! how contacts show it (M73).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::id::MessageId;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{PhoneContent, PhoneMessage, Script, WireFault, World, WorldPlan};

async fn contact(world: &World) -> Value {
    world.get(&format!("/v1/senders/support/contacts/{CUSTOMER}")).await.body
}

async fn consents(world: &World) -> Vec<Value> {
    let path = format!("/v1/senders/support/contacts/{CUSTOMER}/consents");
    world.get(&path).await.body["items"].as_array().cloned().unwrap_or_default()
}

async fn texts(world: &World) -> Vec<String> {
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let mut texts: Vec<String> = Vec::new();
    for message in world.messages(&id).await.iter().rev() {
        texts.push(message["content"]["text"].as_str().unwrap_or_default().to_owned());
    }
    texts
}

/// What a customer sends who follows a link: the text in it.
fn sent_by(link: &str) -> String {
    let (chat, text) = link.split_once("?text=").expect("a text");
    assert_eq!(chat, format!("https://wa.me/{}", NUMBER.trim_start_matches('+')));
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(u8::from_str_radix(&text[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            assert!(bytes[at].is_ascii_alphanumeric(), "{link}");
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap()
}

const WALL: &str = "/v1/senders/support/entry-points/wall";

every_provider!(m74_m75_m76_m77_a_token_is_consent_before_the_first_message);
async fn m74_m75_m76_m77_a_token_is_consent_before_the_first_message(provider: Provider) {
    for kind in ["qr", "url", "widget"] {
        let world = World::of(provider).await;
        let made = world.put(WALL, json!({ "kind": kind, "text": "Olá, mundo & co" })).await;
        assert_eq!(made.status, 200, "{}", made.body);
        assert!(made.text("qr_svg").contains("<svg"), "{}", made.body);
        assert!(made.text("widget_html").contains("required"), "{}", made.body);
        let text = sent_by(&made.text("link"));
        let hello = world.inbound_text(&text);
        // The message cannot be stored: the consent stands before it.
        let put = if provider == Provider::Meta { 4 } else { 5 };
        world.inject(Script::new().on("Inbound", "PutItem", put - 1, 4, WireFault::Unreachable));
        assert_eq!(world.post_webhook(&hello).await.status, 503);
        world.house.faults().set(None);
        assert_eq!(contact(&world).await["opt_in"], "in", "{kind}");
        let posts = (0..8).map(|_| world.post_webhook(&hello));
        for answer in futures::future::join_all(posts).await {
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        world.settle().await;
        assert_eq!(texts(&world).await, ["Olá, mundo & co"], "the token is not shown");
        let said = consents(&world).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!((&said[0]["state"], &said[0]["source"]), (&json!("in"), &json!(kind)));
        assert_eq!(said[0]["entry_point"], "wall");
        assert_eq!(world.subscriber.of("contact.opted_in").len(), 1);
        assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m74_an_entry_point_is_the_senders_own_and_keeps_its_token() {
    let world = World::start().await;
    let other_number = "+14155238887";
    let mut body = sender_body(other_number);
    body["provider_id"] = Value::Null;
    assert_eq!(world.put("/v1/senders/sales", body).await.status, 200);
    let first = world.put(WALL, json!({ "kind": "qr" })).await;
    let again = world.put(WALL, json!({ "kind": "url" })).await;
    assert_eq!(first.text("link"), again.text("link"), "what hangs on the wall stays");
    assert_eq!(world.get(WALL).await.body, again.body);
    let desk = world.put("/v1/senders/support/entry-points/desk", json!({ "kind": "qr" })).await;
    assert_ne!(desk.text("link"), first.text("link"), "unique");
    let sales = world.put("/v1/senders/sales/entry-points/wall", json!({ "kind": "qr" })).await;
    assert_ne!(sales.text("link").split_once("text="), first.text("link").split_once("text="));
    // Another sender's token is ordinary text here, and so is one that nobody made.
    let foreign = sales.text("link").replace("14155238887", "14155238886");
    let foreign = sent_by(&foreign);
    world.customer_writes(&foreign).await;
    world.pass(Millis::from_seconds(1));
    let forged = "Hello! [opt-in:aaaaaaaaaaaaaaaa]";
    world.customer_writes(forged).await;
    assert_eq!(contact(&world).await["opt_in"], "unknown");
    assert_eq!(texts(&world).await, [foreign.as_str(), forged]);
    // Its consent stays when it goes, and its token says nothing any more.
    assert_eq!(world.delete(WALL).await.status, 204);
    assert_eq!(world.get(WALL).await.status, 404);
    assert_eq!(world.delete(WALL).await.status, 404);
    world.pass(Millis::from_seconds(1));
    world.customer_writes(&sent_by(&first.text("link"))).await;
    assert_eq!(contact(&world).await["opt_in"], "unknown");
    for (body, named) in [
        (json!({ "kind": "poster" }), "kind"),
        (json!({}), "kind"),
        (json!({ "kind": "qr", "text": "" }), "`text`"),
        (json!({ "kind": "qr", "text": "a\nb" }), "`text`"),
        (json!({ "kind": "qr", "consent_text": "x".repeat(201) }), "`consent_text`"),
        (json!({ "kind": "qr", "colour": "red" }), "colour"),
    ] {
        let wrong = world.put(WALL, body).await;
        assert_eq!((wrong.status, wrong.code()), (400, "invalid_request"));
        assert!(wrong.text("detail").contains(named), "{}", wrong.body);
    }
    let html = json!({ "kind": "widget", "text": "\"><script>alert(1)</script>" });
    let html = world.put(WALL, html).await.text("widget_html");
    assert!(!html.contains("<script"), "{html}");
}

every_provider!(m77_a_token_and_a_later_stop_count_by_their_times);
async fn m77_a_token_and_a_later_stop_count_by_their_times(provider: Provider) {
    let world = World::of(provider).await;
    let link = world.put(WALL, json!({ "kind": "qr" })).await.text("link");
    let token = world.inbound_text(&sent_by(&link));
    assert_eq!(world.post_webhook(&token).await.status, 200);
    world.pass(Millis::from_seconds(2));
    world.customer_writes("STOP").await;
    world.pass(Millis::from_seconds(2));
    // The first message comes again: it was said before.
    assert_eq!(world.post_webhook(&token).await.status, 200);
    assert_eq!(contact(&world).await["opt_in"], "out");
    assert_eq!(consents(&world).await.len(), 2);
    // Who scans the code anew agrees anew; who writes STOP beside it does not.
    world
        .customer_writes(
            &sent_by(&link)
                .replace("Hello! I would like", "stop")
                .replace(" to receive messages on WhatsApp.", ""),
        )
        .await;
    assert_eq!(contact(&world).await["opt_in"], "out");
    world.pass(Millis::from_seconds(2));
    world.customer_writes(&sent_by(&link)).await;
    assert_eq!(contact(&world).await["opt_in"], "in");
}

fn prompt() -> Value {
    json!({ "opt_in_prompt": { "text": "May we write to you?", "decline": "No, thanks" } })
}

async fn with_prompt(provider: Provider) -> World {
    let world = World::of(provider).await;
    let set = world.put("/v1/senders/support/settings", prompt()).await;
    assert_eq!(set.status, 200, "{}", set.body);
    assert_eq!(set.body["opt_in_prompt"]["accept"], "Yes");
    world
}

async fn questions(world: &World) -> Vec<Value> {
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let messages = world.messages(&id).await;
    messages.into_iter().filter(|m| m["direction"] == "out").collect()
}

every_provider!(m78_a_first_message_is_asked_after_exactly_once);
async fn m78_a_first_message_is_asked_after_exactly_once(provider: Provider) {
    let world = with_prompt(provider).await;
    // Parallel firsts, each several times.
    let hooks: Vec<_> = (0..6).map(|n| world.inbound_text(&format!("{n}"))).collect();
    let posts = (0..24).map(|n| world.post_webhook(&hooks[n % hooks.len()]));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    world.settle().await;
    for hook in &hooks {
        assert_eq!(world.post_webhook(hook).await.status, 200);
    }
    world.settle().await;
    let asked = questions(&world).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["origin"], "automation");
    assert_eq!(asked[0]["status"], "delivered", "{:?}", world.sandbox().refused());
    assert_eq!(world.sandbox().outbox().len(), 1);
    // Long after, he is no stranger.
    world.advance(Millis::from_hours(48)).await;
    world.customer_writes("Me again").await;
    world.settle().await;
    assert_eq!(questions(&world).await.len(), 1);
    assert_eq!(contact(&world).await["opt_in"], "unknown", "nothing was said");
    assert_eq!(world.send_template(CUSTOMER).await.code(), "not_opted_in");
}

every_provider!(m78_three_answers);
async fn m78_three_answers(provider: Provider) {
    let buttons = provider != Provider::Twilio;
    for (answer, state) in [("Yes", "in"), ("No, thanks", "out"), ("What is this?", "unknown")] {
        let world = with_prompt(provider).await;
        world.customer_writes("Hello").await;
        world.settle().await;
        let asked = questions(&world).await.remove(0);
        let kind = if buttons { "interactive" } else { "text" };
        assert_eq!(asked["content"]["type"], kind, "{asked}");
        world.pass(Millis::from_seconds(5));
        let mut said = PhoneContent::Text { text: answer.into() };
        if buttons && state != "unknown" {
            let payload = if state == "in" { "transom-opt-in" } else { "transom-opt-out" };
            said = PhoneContent::QuickReply {
                text: answer.into(),
                payload: payload.into(),
                template: false,
            };
        }
        let tap = world.inbound(PhoneMessage::new(CUSTOMER, NUMBER, said));
        for _ in 0..3 {
            assert_eq!(world.post_webhook(&tap).await.status, 200);
        }
        world.settle().await;
        assert_eq!(contact(&world).await["opt_in"], state, "{answer}");
        if state != "unknown" {
            assert_eq!(contact(&world).await["opt_in_source"], "chat");
        }
        let told = world.subscriber.of(&format!("contact.opted_{state}")).len();
        assert_eq!(told, usize::from(state != "unknown"), "{answer}");
        // He may say otherwise later.
        world.pass(Millis::from_seconds(5));
        world.customer_writes("START").await;
        assert_eq!(contact(&world).await["opt_in"], "in");
    }
}

/// `Yes` to what an agent asked is no consent, and neither is one of the day after tomorrow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m78_a_word_answers_the_question_alone() {
    let world = with_prompt(Provider::Twilio).await;
    world.customer_writes("Hello").await;
    world.settle().await;
    world.pass(Millis::from_seconds(5));
    assert_eq!(world.send("Shall I cancel the order?").await.status, 202);
    world.settle().await;
    world.pass(Millis::from_seconds(5));
    world.customer_writes("Yes").await;
    assert_eq!(contact(&world).await["opt_in"], "unknown");

    for (around, opt_in) in [(-1, "in"), (0, "in"), (1, "unknown")] {
        let world = with_prompt(Provider::Twilio).await;
        world.customer_writes("Hello").await;
        world.settle().await;
        let end = asked_at(&world).await.plus(Millis::from_hours(24));
        world.house.advance_to(end.plus(Millis::new(around))).await.unwrap();
        world.customer_writes("yes").await;
        assert_eq!(contact(&world).await["opt_in"], opt_in, "{around}");
    }
}

/// When the question was asked, which is not when the message before it was sent.
async fn asked_at(world: &World) -> Timestamp {
    let id = questions(world).await[0]["id"].as_str().unwrap().to_owned();
    let stored = world.house.operator().store.message(&MessageId::parse(&id).unwrap()).await;
    stored.unwrap().unwrap().received_at
}

every_provider!(m78_a_question_that_is_asked_late_is_open_for_its_own_day);
async fn m78_a_question_that_is_asked_late_is_open_for_its_own_day(provider: Provider) {
    let world = with_prompt(provider).await;
    let mut hello = PhoneMessage::text(CUSTOMER, NUMBER, "Hello");
    hello.at_ms = Some(world.now().as_millis());
    let hello = world.inbound(hello);
    world.advance(Millis::from_hours(20)).await;
    assert_eq!(world.post_webhook(&hello).await.status, 200);
    world.settle().await;
    world.advance(Millis::from_hours(5)).await;
    world.customer_writes("Yes").await;
    assert_eq!(contact(&world).await["opt_in"], "in");
}

every_provider!(m78_nobody_is_asked_who_said_something_or_is_known);
async fn m78_nobody_is_asked_who_said_something_or_is_known(provider: Provider) {
    let world = with_prompt(provider).await;
    let link = world.put(WALL, json!({ "kind": "qr" })).await.text("link");
    world.writes("+919876500001", NUMBER, &sent_by(&link)).await;
    world.writes("+919876500002", NUMBER, "STOP").await;
    assert!(world.opt_in("+919876500003").await.status < 300);
    world.writes("+919876500003", NUMBER, "Hello").await;
    world.settle().await;
    assert!(world.sandbox().outbox().is_empty());
    // A template that was refused made the contact; he is still a stranger who writes first.
    assert_eq!(world.send_template("+919876500004").await.code(), "not_opted_in");
    world.pass(Millis::from_seconds(1));
    world.writes("+919876500004", NUMBER, "Hello").await;
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 1);
}

every_provider!(m78_a_crash_before_the_question_forgets_nothing);
/// The function dies after the first message and before the question: the redelivery asks.
async fn m78_a_crash_before_the_question_forgets_nothing(provider: Provider) {
    let plan = WorldPlan { provider: Some(provider), ..WorldPlan::default() };
    let world = World::with(plan).await;
    world.put("/v1/senders/support/settings", prompt()).await;
    let hello = world.inbound_text("Hello");
    world.inject(Script::new().on("Inbound", "SendMessageBatch", 0, 4, WireFault::Unreachable));
    assert_eq!(world.post_webhook(&hello).await.status, 503);
    world.house.faults().set(None);
    assert!(questions(&world).await.is_empty());
    assert_eq!(world.post_webhook(&hello).await.status, 200);
    world.settle().await;
    assert_eq!(questions(&world).await.len(), 1);
    assert_eq!(world.sandbox().outbox().len(), 1);
}

every_provider!(m79_consent_by_sms_lets_templates_through_and_no_free_form);
async fn m79_consent_by_sms_lets_templates_through_and_no_free_form(provider: Provider) {
    let world = World::of(provider).await;
    let path = format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in");
    let said = world.put(&path, json!({ "source": "sms" })).await;
    assert_eq!((said.status, &said.body["active"]), (200, &json!(false)), "{}", said.body);
    let free = world.send("Hi").await;
    assert_eq!((free.status, free.code()), (409, "window_never_opened"));
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    world.settle().await;
    assert_eq!(world.sandbox().outbox().len(), 1);
    assert_eq!(contact(&world).await["opt_in_source"], "sms");
}

every_provider!(d10_an_open_window_lets_free_form_through_and_no_template_without_consent);
async fn d10_an_open_window_lets_free_form_through_and_no_template_without_consent(
    provider: Provider,
) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    assert_eq!(world.send_template(CUSTOMER).await.code(), "not_opted_in");
    world.pass(Millis::from_seconds(1));
    world.customer_writes("stop").await;
    assert_eq!(world.send("Understood.").await.status, 202);
    assert_eq!(world.send_template(CUSTOMER).await.code(), "opted_out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m72_m73_contacts_are_listed_by_consent_and_activity_with_the_whole_history() {
    let world = World::start().await;
    let user = |n: usize| format!("+9198765000{n:02}");
    for n in 0..4 {
        let path = format!("/v1/senders/support/contacts/{}/opt-in", user(n));
        let source = ["qr", "url", "widget", "sms"][n];
        assert!(world.put(&path, json!({ "source": source })).await.status < 300);
    }
    world.pass(Millis::from_seconds(1));
    world.delete(&format!("/v1/senders/support/contacts/{}/opt-in", user(3))).await;
    world.writes(&user(0), NUMBER, "Hello").await;
    world.writes(&user(7), NUMBER, "Hello").await;
    let listed = async |query: &str| {
        let list = world.get(&format!("/v1/senders/support/contacts?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.body);
        let items = list.body["items"].as_array().cloned().unwrap();
        let mut phones: Vec<String> =
            items.iter().map(|c| c["phone"].as_str().unwrap().to_owned()).collect();
        phones.sort();
        phones
    };
    let users = |of: &[usize]| of.iter().map(|n| user(*n)).collect::<Vec<_>>();
    assert_eq!(listed("opt_in=in").await, users(&[0, 1, 2]));
    assert_eq!(listed("opt_in=out").await, users(&[3]));
    assert_eq!(listed("opt_in=unknown").await, users(&[7]));
    assert_eq!(listed("active=true").await, users(&[0, 7]));
    assert_eq!(listed("opt_in=in&active=false").await, users(&[1, 2]));
    assert_eq!(listed("opt_in=in&active=true&q=65000").await, Vec::<String>::new());
    assert_eq!(listed("active=true&q=0007").await, users(&[7]));
    assert_eq!(world.get("/v1/senders/support/contacts?opt_in=maybe").await.status, 400);
    // The history in pages, also of words of one instant.
    let path = format!("/v1/senders/support/contacts/{}", user(1));
    for _ in 0..3 {
        world.delete(&format!("{path}/opt-in")).await;
        world.put(&format!("{path}/opt-in"), json!({ "source": "import" })).await;
        world.pass(Millis::from_seconds(1));
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}/consents?limit=1{cursor}")).await.body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|i| i["state"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
}

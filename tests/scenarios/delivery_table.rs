//! The delivery table of Gupshup's Access API, a sender's own choice, and texts that are templates
//! (M53-M59, M62-M65, U16).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_local::sandbox::OutboxKind;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{Answer, World};

/// The usual template, filled.
const FILLED: &str = "Hello Asha, your order 42 is ready.";

async fn choose(world: &World, table: &str) {
    let settings = json!({ "delivery_table": table });
    let answer = world.put("/v1/senders/support/settings", settings).await;
    assert_eq!((answer.status, answer.text("delivery_table")), (200, table.to_owned()));
}

async fn switch(world: &World, on: bool) {
    let mut sender = sender_body(NUMBER);
    sender["template_messaging"] = json!(on);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
}

fn shown(answer: &Answer) -> String {
    match answer.status {
        202 => answer.text("sent_as"),
        _ => answer.code().to_owned(),
    }
}

/// Each cell over HTTP: what is sent, as what, or by which code it is not.
async fn cells(provider: Provider, table: &str, expected: [[&str; 3]; 8]) {
    let mut rows = expected.iter();
    for active in [true, false] {
        for on in [true, false] {
            for opted_in in [true, false] {
                let world = World::of(provider).await;
                choose(&world, table).await;
                switch(&world, on).await;
                if opted_in {
                    world.opt_in(CUSTOMER).await;
                }
                if active {
                    world.customer_writes("Hello").await;
                }
                let row = rows.next().unwrap();
                let found = [
                    shown(&world.send("Anything at all").await),
                    shown(&world.send(FILLED).await),
                    shown(&world.send_template(CUSTOMER).await),
                ];
                assert_eq!(found, *row, "{table}: active {active}, on {on}, in {opted_in}");
                world.settle().await;
                let outbox = world.sandbox().outbox();
                assert_eq!(
                    outbox.len(),
                    row.iter().filter(|c| ["session", "template"].contains(c)).count()
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m53_m54_m55_m56_m57_m58_gupshups_table_decides_where_a_sender_chose_it() {
    const S: &str = "session";
    const T: &str = "template";
    const IN: &str = "not_opted_in";
    const OFF: &str = "template_messaging_off";
    const NONE: &str = "template_mismatch";
    let rows = [
        [S, S, S],       // active, on, in: M55
        [S, S, IN],      // active, on, not in: D10
        [S, S, S],       // active, off, in: M53
        [S, S, S],       // active, off, not in: M53
        [NONE, T, T],    // inactive, on, in: M57, M56
        [IN, IN, IN],    // inactive, on, not in: M58
        [OFF, OFF, OFF], // inactive, off, in: M54
        [OFF, IN, IN],   // inactive, off, not in: M54
    ];
    cells(Provider::Gupshup, "gupshup", rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m59_the_standard_table_decides_everywhere_else() {
    const S: &str = "session";
    const T: &str = "template";
    const IN: &str = "not_opted_in";
    const OFF: &str = "template_messaging_off";
    const W: &str = "window_never_opened";
    let rows = [
        [S, S, S],
        [S, S, IN],
        [S, S, S],
        [S, S, IN],
        [W, W, T],
        [W, W, IN],
        [W, W, OFF],
        [W, W, IN],
    ];
    cells(Provider::Twilio, "standard", rows).await;
}

every_provider!(m56_u16_a_text_that_is_a_template_goes_out_as_that_template);
async fn m56_u16_a_text_that_is_a_template_goes_out_as_that_template(provider: Provider) {
    let world = World::of(provider).await;
    choose(&world, "gupshup").await;
    world.opt_in(CUSTOMER).await;
    let sent = world.send(FILLED).await;
    assert_eq!((sent.status, &sent.body["sent_as"]), (202, &json!("template")), "{}", sent.body);
    assert_eq!(sent.body["counts_against_limit"], true);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["status"], "delivered", "{message}");
    assert_eq!(message["content"]["name"], "order_ready");
    assert_eq!(message["content"]["variables"], json!({ "1": "Asha", "2": "42" }));
    // The choice is kept when the sender is changed.
    switch(&world, true).await;
    let settings = world.get("/v1/senders/support/settings").await.body;
    assert_eq!(settings["delivery_table"], "gupshup");
}

every_provider!(m62_m65_a_near_miss_names_the_nearest_template_and_where_it_differs);
async fn m62_m65_a_near_miss_names_the_nearest_template_and_where_it_differs(provider: Provider) {
    for table in ["standard", "gupshup"] {
        let world = World::of(provider).await;
        choose(&world, table).await;
        world.opt_in(CUSTOMER).await;
        let refused = world.send("Hello Asha, your parcel 42 is ready.").await;
        assert_eq!((refused.status, refused.code()), (422, "template_mismatch"));
        let nearest = json!({
            "name": "order_ready", "language": "en",
            "differs": "word 4 is `parcel`, the template has `order`",
        });
        assert_eq!(refused.body["nearest"], nearest);
        assert_eq!(refused.body["also"], json!(["window_never_opened"]));
        assert!(refused.text("detail").contains("order_ready"), "{}", refused.body);
        // It is kept, and was never sent.
        let message = world.message(&refused.text("message")).await;
        assert_eq!(message["status"], "refused", "{message}");
        let check = json!({
            "sender": "support", "to": CUSTOMER,
            "content": { "type": "text", "text": "Hello Asha, your parcel 42 is ready." },
        });
        let told = world.post("/v1/messages/check", check).await.body;
        assert_eq!((&told["code"], &told["nearest"]), (&json!("template_mismatch"), &nearest));
        world.settle().await;
        assert_eq!(world.sandbox().outbox().len(), 0);
    }
}

every_provider!(u3_u5_what_may_wait_or_be_replaced_is_no_near_miss);
async fn u3_u5_what_may_wait_or_be_replaced_is_no_near_miss(provider: Provider) {
    for table in ["standard", "gupshup"] {
        let world = World::of(provider).await;
        choose(&world, table).await;
        let near = json!({ "type": "text", "text": "Hello Asha, your parcel 42 is ready." });
        let hold = json!({
            "sender": "support", "to": CUSTOMER, "content": near, "when_closed": "hold",
        });
        let held = world.post("/v1/messages", hold).await;
        assert_eq!((held.status, held.text("status").as_str()), (202, "held"), "{}", held.body);
        world.opt_in(CUSTOMER).await;
        let replace = json!({
            "sender": "support", "to": CUSTOMER, "content": near, "when_closed": "template",
            "fallback": { "type": "template", "name": "order_ready", "variables": ["Asha", "42"] },
        });
        let replaced = world.post("/v1/messages", replace).await;
        assert_eq!(replaced.text("sent_as"), "template", "{}", replaced.body);
        world.settle().await;
        let shown = world.message(&replaced.text("id")).await;
        assert_eq!(shown["status"], "delivered", "{shown}");
        world.customer_writes("Hello").await;
        world.settle().await;
        // Overtaken by the template, as any other held reply.
        assert_eq!(world.message(&held.text("id")).await["status"], "cancelled");
    }
}

every_provider!(m56_e2_a_text_that_is_a_template_may_wait_for_a_place_and_for_its_time);
async fn m56_e2_a_text_that_is_a_template_may_wait_for_a_place_and_for_its_time(
    provider: Provider,
) {
    let world = World::of(provider).await;
    choose(&world, "gupshup").await;
    world.opt_in(CUSTOMER).await;
    let mut full = sender_body(NUMBER);
    full["messaging_limit"] = json!(0);
    assert_eq!(world.put("/v1/senders/support", full).await.status, 200);
    let say = |more: Value| {
        let mut body = json!({
            "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": FILLED },
        });
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    let asked = world.post("/v1/messages/check", say(json!({}))).await;
    assert_eq!(asked.code(), "limit_reached");
    assert_eq!(asked.body["alternatives"][0]["do"], "defer", "{}", asked.body);
    let deferred = world.post("/v1/messages", say(json!({ "when_limited": "defer" }))).await;
    assert_eq!((deferred.status, deferred.text("status").as_str()), (202, "deferred"));
    // For later: what is said now holds for what is sent.
    let at = world.now().plus(Millis::from_hours(2)).rfc3339();
    let later = say(json!({ "send_at": at }));
    let asked = world.post("/v1/messages/check", later.clone()).await;
    assert_eq!((&asked.body["allowed"], &asked.body["code"]), (&json!(true), &Value::Null));
    assert_eq!(asked.body["warnings"][0]["about"], "scheduled");
    let scheduled = world.post("/v1/messages", later).await;
    assert_eq!((scheduled.status, scheduled.text("status").as_str()), (202, "scheduled"));
    let past = say(json!({ "send_at": world.now().rfc3339() }));
    assert_eq!(world.post("/v1/messages/check", past.clone()).await.status, 400);
    assert_eq!(world.post("/v1/messages", past).await.status, 400);
    switch(&world, true).await;
    world.advance(Millis::from_hours(3)).await;
    for sent in [deferred, scheduled] {
        let shown = world.message(&sent.text("id")).await;
        assert_eq!(
            (&shown["status"], &shown["sent_as"]),
            (&json!("delivered"), &json!("template"))
        );
    }
    let taken = world.sandbox().outbox();
    assert!(taken.iter().all(|e| e.kind == OutboxKind::Template), "{taken:?}");
    assert_eq!(taken.len(), 2);
}

/// A text that its window left behind is refused as such, whatever else there is about its customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u1_a_text_that_missed_its_window_is_refused_in_either_table() {
    for table in ["standard", "gupshup"] {
        let world = World::start().await;
        choose(&world, table).await;
        let path = format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in");
        world.customer_writes("Hello").await;
        assert!(world.delete(&path).await.status < 300);
        let at = world.now().plus(Millis::from_hours(25)).rfc3339();
        let body = json!({
            "sender": "support", "to": CUSTOMER, "send_at": at,
            "content": { "type": "text", "text": "On its way." },
        });
        let scheduled = world.post("/v1/messages", body).await;
        assert_eq!(scheduled.status, 202, "{}", scheduled.body);
        world.advance(Millis::from_hours(26)).await;
        let shown = world.message(&scheduled.text("id")).await;
        assert_eq!(shown["status"], "refused", "{table}: {shown}");
        assert_eq!(world.subscriber.of("message.refused").len(), 1, "{table}");
    }
}

/// In the standard table nothing is turned into a template by itself; the refusal says which it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m62_a_text_that_is_a_template_is_told_so() {
    let world = World::start().await;
    world.opt_in(CUSTOMER).await;
    let refused = world.send(FILLED).await;
    assert_eq!(refused.code(), "window_never_opened");
    assert_eq!(refused.body["nearest"]["name"], "order_ready");
    let far = world.send("On its way.").await;
    assert_eq!((far.code(), &far.body["nearest"]), ("window_never_opened", &Value::Null));
    let wrong = world.put("/v1/senders/support/settings", json!({ "delivery_table": "x" })).await;
    assert_eq!(wrong.code(), "invalid_request");
    assert!(wrong.text("detail").contains("delivery_table"), "{}", wrong.body);
}

/// M63: a system's key, by which automation sends, meets the same guard, also for templates.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m63_m67_m68_automation_meets_the_same_guard() {
    let world = World::start().await;
    let key = world.post("/v1/keys", json!({ "role": "system" })).await.text("key");
    let send = async |content: Value| {
        let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
        world.call_as(&key, "POST", "/v1/messages", Some(&body), &[]).await
    };
    let template =
        json!({ "type": "template", "name": "order_ready", "variables": ["Asha", "42"] });
    assert_eq!(send(template.clone()).await.code(), "not_opted_in");
    world.opt_in(CUSTOMER).await;
    assert_eq!(send(json!({ "type": "text", "text": "Hi" })).await.code(), "window_never_opened");
    assert_eq!(send(template).await.status, 202);
}

every_provider!(m64_the_shorthand_of_help_desks_is_the_template_that_it_names);
async fn m64_the_shorthand_of_help_desks_is_the_template_that_it_names(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let sent = world
        .send("&((namespace=[[XXX]] template=[[order_ready]] language=[[en]] body_text=[[Asha]] body_text=[[42]]))&")
        .await;
    assert_eq!((sent.status, &sent.body["sent_as"]), (202, &json!("template")), "{}", sent.body);
    world.settle().await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!(message["content"]["variables"], json!({ "1": "Asha", "2": "42" }));
    assert_eq!(message["status"], "delivered");
    let wrong = world.send("&((language=[[en]]))&").await;
    assert_eq!((wrong.status, wrong.code()), (400, "invalid_request"));
    let unknown = world.send("&((template=[[nobody]]))&").await;
    assert_eq!(unknown.code(), "template_unknown");
}

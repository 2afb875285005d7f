//! The pretend Meta over real HTTP.

use serde_json::{Value, json};

use super::super::post::PostAnswer;
use super::super::*;
use super::stage::{RawHook, Stage, text};
use super::{BEGIN_MS, CUSTOMER};

const TOKEN: &str = "demo-access-token-meta";
const SECRET: &str = "demo-app-secret-meta";
const NUMBER: &str = "+15550783881";
const OTHER_NUMBER: &str = "+15550783882";
const NUMBER_ID: &str = "106540352242922";
const OTHER_NUMBER_ID: &str = "106540352242923";
const TEMPLATE: &str = "order_update";

async fn stage(autostatus: AutoStatus) -> Stage {
    let stage = Stage::new(autostatus).await;
    let sandbox = &stage.sandbox;
    sandbox.register_meta(MetaAccount {
        access_token: TOKEN.to_owned(),
        app_secret: SECRET.to_owned(),
        inbound_url: Some(format!("{}/webhooks/meta/demo", stage.receiver_url)),
        waba_id: "102290129340398".to_owned(),
    });
    sandbox.register_meta_number(TOKEN, NUMBER_ID, NUMBER);
    sandbox.register_meta_number(TOKEN, OTHER_NUMBER_ID, OTHER_NUMBER);
    sandbox.register_meta_template(TEMPLATE, "en_US", 1, TemplateStatus::Approved);
    sandbox.set_meta_base_url(&format!("http://{}/sandbox/meta", stage.host));
    stage
}

fn hello() -> Value {
    json!({"messaging_product": "whatsapp", "recipient_type": "individual",
        "to": CUSTOMER, "type": "text", "text": {"body": "hello"},
        "biz_opaque_callback_data": "our-id-7"})
}

fn template(name: &str, language: &str, parameters: &[&str]) -> Value {
    let parameters: Vec<_> =
        parameters.iter().map(|text| json!({"type": "text", "text": text})).collect();
    json!({"messaging_product": "whatsapp", "to": CUSTOMER, "type": "template", "template": {
        "name": name, "language": {"code": language},
        "components": [{"type": "body", "parameters": parameters}]}})
}

/// The body with some of its fields replaced.
fn with(mut body: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

async fn send_as(stage: &Stage, token: &str, number_id: &str, body: &Value) -> PostAnswer {
    let headers = vec![("authorization", format!("Bearer {token}"))];
    let path = format!("/meta/v24.0/{number_id}/messages");
    stage.post_json(&path, body, headers).await.expect("an answer")
}

async fn send(stage: &Stage, body: &Value) -> PostAnswer {
    send_as(stage, TOKEN, NUMBER_ID, body).await
}

fn answered(answer: &PostAnswer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn refusal(answer: &PostAnswer) -> (u16, u64) {
    (answer.status, answered(answer)["error"]["code"].as_u64().unwrap_or_default())
}

fn value_of(hook: &RawHook) -> Value {
    assert_eq!(hook.header("x-hub-signature-256"), sign_meta(SECRET, &hook.body));
    assert_eq!(hook.path, "/webhooks/meta/demo");
    hook.json()["entry"][0]["changes"][0]["value"].clone()
}

fn status_of(hook: &RawHook) -> Value {
    value_of(hook)["statuses"][0].clone()
}

#[tokio::test]
async fn an_accepted_text_is_reported_with_our_reference() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_read_receipts(true);
    stage.customer_writes(NUMBER, text("hi")).await;
    stage.settled_hooks().await;
    let answer = send(&stage, &hello()).await;
    assert_eq!(answer.status, 200);
    let answer = answered(&answer);
    assert_eq!(answer["contacts"], json!([{"input": CUSTOMER, "wa_id": "919876543210"}]));
    let id = answer["messages"][0]["id"].as_str().expect("an id");
    assert!(id.starts_with("wamid."));
    let hooks = stage.settled_hooks().await;
    let statuses: Vec<_> = hooks.iter().map(status_of).collect();
    assert_eq!(statuses.len(), 3);
    for (status, name) in statuses.iter().zip(["sent", "delivered", "read"]) {
        assert_eq!((&status["id"], &status["status"]), (&id.into(), &name.into()));
        assert_eq!(status["timestamp"], "1795168800");
        assert_eq!(status["recipient_id"], "919876543210");
        assert_eq!(status["biz_opaque_callback_data"], "our-id-7");
    }
    assert_eq!(statuses[0]["pricing"]["type"], "free_customer_service");
    assert_eq!(statuses[0]["conversation"]["expiration_timestamp"], "1795255200");
    let outbox = stage.sandbox.outbox();
    let entry = outbox.last().expect("an entry");
    assert_eq!((entry.provider.as_str(), entry.sid.as_str()), ("meta", id));
    assert_eq!((entry.from.as_str(), entry.body.as_str()), (NUMBER, "hello"));
    let echoed = ("biz_opaque_callback_data".to_owned(), "our-id-7".to_owned());
    assert!(entry.form.contains(&echoed));
    assert_eq!(stage.sandbox.phone_state(CUSTOMER, NUMBER).messages[1].status, "read");
}

#[tokio::test]
async fn refuses_what_meta_refuses_at_once() {
    let stage = stage(AutoStatus::Full).await;
    stage.sandbox.register_meta_template("paused", "en_US", 0, TemplateStatus::Paused);
    stage.sandbox.register_meta_template("pending", "en_US", 0, TemplateStatus::Pending);
    let table = [
        (with(hello(), &json!({"messaging_product": null})), (400, 100)),
        (with(hello(), &json!({"to": null})), (400, 100)),
        (with(hello(), &json!({"to": "hello"})), (400, 131_009)),
        (with(hello(), &json!({"to": null, "recipient": "hello"})), (400, 131_009)),
        (with(hello(), &json!({"to": NUMBER})), (400, 131_021)),
        (with(hello(), &json!({"text": {"body": ""}})), (400, 100)),
        (with(hello(), &json!({"type": "poll"})), (400, 131_051)),
        (with(hello(), &json!({"biz_opaque_callback_data": "x".repeat(513)})), (400, 100)),
        (template("unknown", "en_US", &["Asha"]), (404, 132_001)),
        (template(TEMPLATE, "hi", &["Asha"]), (404, 132_001)),
        (template("pending", "en_US", &[]), (404, 132_001)),
        (template("paused", "en_US", &[]), (400, 132_015)),
        (template(TEMPLATE, "en_US", &[]), (400, 132_000)),
        (template(TEMPLATE, "en_US", &["Asha", "42"]), (400, 132_000)),
    ];
    for (body, expected) in &table {
        assert_eq!(refusal(&send(&stage, body).await), *expected, "{body}");
    }
    let wrong = send_as(&stage, "wrong", NUMBER_ID, &hello()).await;
    assert_eq!(refusal(&wrong), (401, 190));
    let unowned = send_as(&stage, TOKEN, "1", &hello()).await;
    assert_eq!(refusal(&unowned), (400, 100));
    stage.sandbox.set_meta_allowed(NUMBER_ID, Some(&["+919800000000"]));
    assert_eq!(refusal(&send(&stage, &hello()).await), (400, 131_030));
    assert!(stage.sandbox.outbox().is_empty());
    assert_eq!(stage.sandbox.refused().len(), table.len() + 3);
}

#[tokio::test]
async fn outside_the_window_only_templates_arrive() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.customer_writes(NUMBER, text("hi")).await;
    stage.settled_hooks().await;
    stage.advance(WINDOW_MS);
    assert_eq!(send(&stage, &hello()).await.status, 200);
    let failed = stage.settled_hooks().await;
    assert_eq!(failed.len(), 1);
    let status = status_of(&failed[0]);
    assert_eq!(
        (&status["status"], &status["errors"][0]["code"]),
        (&"failed".into(), &131_047.into())
    );
    let answer = send(&stage, &template(TEMPLATE, "en_US", &["Asha"])).await;
    assert_eq!(answered(&answer)["messages"][0]["message_status"], "accepted");
    let hooks = stage.settled_hooks().await;
    let delivered = status_of(&hooks[1]);
    assert_eq!(delivered["status"], "delivered");
    assert_eq!(delivered["pricing"]["billable"], true);
    let outbox = stage.sandbox.outbox();
    assert_eq!(outbox[1].content_sid.as_deref(), Some(TEMPLATE));
}

#[tokio::test]
async fn a_pair_pays_its_burst_back_by_the_clock() {
    let stage = stage(AutoStatus::None).await;
    for _ in 0..45 {
        assert_eq!(send(&stage, &hello()).await.status, 200);
    }
    assert_eq!(refusal(&send(&stage, &hello()).await), (400, 131_056));
    let other = send(&stage, &with(hello(), &json!({"to": "919800000001"}))).await;
    assert_eq!(other.status, 200);
    stage.advance(45 * 6_000 - 1);
    assert_eq!(refusal(&send(&stage, &hello()).await), (400, 131_056));
    stage.advance(1);
    assert_eq!(send(&stage, &hello()).await.status, 200);
}

#[tokio::test]
async fn a_number_has_a_rate_of_its_own() {
    let stage = stage(AutoStatus::None).await;
    let to = |n: u64| with(hello(), &json!({"to": format!("+9198000{n:05}")}));
    for n in 0..80 {
        assert_eq!(send(&stage, &to(n)).await.status, 200);
    }
    assert_eq!(refusal(&send(&stage, &to(80)).await), (400, 130_429));
    let other = send_as(&stage, TOKEN, OTHER_NUMBER_ID, &to(80)).await;
    assert_eq!(other.status, 200);
    stage.advance(1_000);
    assert_eq!(send(&stage, &to(80)).await.status, 200);
}

#[tokio::test]
async fn the_customers_webhook_is_signed_over_its_escaped_bytes() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.advance(999);
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, "नमस्ते 👋 a@b.c/d");
    message.at_ms = Some(BEGIN_MS - 5_000);
    let answer = stage.sandbox.phone_send(message).await.expect("an answer");
    let again = stage.sandbox.phone_resend(&answer.sid).await;
    assert_eq!(again.map(|again| again.sid), Ok(answer.sid.clone()));
    let hooks = stage.settled_hooks().await;
    assert_eq!(hooks.len(), 2);
    assert_eq!(hooks[0].body, hooks[1].body);
    assert!(hooks[0].body.is_ascii());
    let value = value_of(&hooks[0]);
    assert_eq!(value["metadata"]["phone_number_id"], NUMBER_ID);
    let message = &value["messages"][0];
    assert_eq!(message["text"]["body"], "नमस्ते 👋 a@b.c/d");
    assert_eq!(message["timestamp"], "1795168795");
    assert_eq!(message["id"], answer.sid.as_str());
    let state = stage.sandbox.phone_state(CUSTOMER, NUMBER);
    assert_eq!(state.expires_at_ms, Some(BEGIN_MS - 5_000 + WINDOW_MS));
    assert_eq!(state.messages[0].status, "received");
}

#[tokio::test]
async fn a_thousand_updates_come_in_one_body() {
    let mut stage = stage(AutoStatus::Full).await;
    let messages: Vec<_> = (0..1_000)
        .map(|n| {
            let to = if n % 2 == 0 { NUMBER } else { OTHER_NUMBER };
            PhoneMessage::text(&format!("+9198{n:08}"), to, "hi")
        })
        .collect();
    let mut over = messages.clone();
    over.push(PhoneMessage::text(CUSTOMER, NUMBER, "one too many"));
    let refused = stage.sandbox.post_meta_batch(over).await;
    assert!(matches!(refused, Err(SandboxError::BadBatch(_))));
    let answer = stage.sandbox.post_meta_batch(messages).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let hooks = stage.settled_hooks().await;
    assert_eq!(hooks.len(), 1);
    let body = hooks[0].json();
    let count = |entry: usize| {
        let value = &body["entry"][entry]["changes"][0]["value"];
        (value["metadata"]["phone_number_id"].clone(), value["messages"].as_array().map(Vec::len))
    };
    assert_eq!(count(0), (NUMBER_ID.into(), Some(500)));
    assert_eq!(count(1), (OTHER_NUMBER_ID.into(), Some(500)));
    assert!(stage.sandbox.phone_state("+919800000999", OTHER_NUMBER).window_open);
}

#[tokio::test]
async fn a_hidden_phone_is_reached_by_its_user_id() {
    let mut stage = stage(AutoStatus::Full).await;
    let hidden = "US.13491208655302741918";
    let message = PhoneMessage::text(hidden, NUMBER, "hi");
    stage.sandbox.phone_send(message).await.expect("an answer");
    stage.settled_hooks().await;
    let body = with(hello(), &json!({"to": null, "recipient": hidden}));
    let answer = send(&stage, &body).await;
    assert_eq!(answered(&answer)["contacts"], json!([{"input": hidden, "user_id": hidden}]));
    let hooks = stage.settled_hooks().await;
    let status = status_of(&hooks[1]);
    assert_eq!(status["status"], "delivered");
    assert_eq!(status["recipient_user_id"], hidden);
    assert_eq!(status.get("recipient_id"), None);
}

#[tokio::test]
async fn ordered_faults_have_metas_shape() {
    let stage = stage(AutoStatus::None).await;
    let fault = Fault::Status { status: 500, code: 131_016, retry_after_s: None, taken: true };
    stage.sandbox.fail_next_from(NUMBER, fault);
    stage.sandbox.fail_next(Fault::Garbage);
    stage.sandbox.fail_next(Fault::DropUntaken);
    assert_eq!(refusal(&send(&stage, &hello()).await), (500, 131_016));
    let garbage = send(&stage, &hello()).await;
    assert_eq!(garbage.status, 200);
    assert!(serde_json::from_str::<Value>(&garbage.body).is_err());
    let headers = vec![("authorization", format!("Bearer {TOKEN}"))];
    let path = format!("/meta/v24.0/{NUMBER_ID}/messages");
    assert!(stage.post_json(&path, &hello(), headers).await.is_err());
    assert_eq!(stage.sandbox.outbox().len(), 2);
}

#[tokio::test]
async fn a_message_of_the_customer_is_marked_as_read() {
    let stage = stage(AutoStatus::Full).await;
    let id = stage.customer_writes(NUMBER, text("hi")).await;
    let body =
        |id: &str| json!({"messaging_product": "whatsapp", "status": "read", "message_id": id});
    assert_eq!(answered(&send(&stage, &body(&id)).await), json!({"success": true}));
    assert_eq!(refusal(&send(&stage, &body("wamid.none")).await), (400, 131_009));
}

#[tokio::test]
async fn statuses_by_hand_come_in_any_order_but_the_phone_only_steps_forward() {
    let mut stage = stage(AutoStatus::Manual).await;
    stage.customer_writes(NUMBER, text("hi")).await;
    send(&stage, &hello()).await;
    let sid = stage.sandbox.outbox()[0].sid.clone();
    for status in ["read", "sent"] {
        assert_eq!(stage.sandbox.post_status(&sid, status, None).await, Ok(Some(200)));
    }
    let late = stage.sandbox.post_status(&sid, "failed", Some(131_026)).await;
    assert_eq!(late, Ok(Some(200)));
    let hooks = stage.settled_hooks().await;
    assert_eq!(status_of(&hooks[3])["errors"][0]["title"], "Message undeliverable");
    assert_eq!(stage.sandbox.phone_state(CUSTOMER, NUMBER).messages[1].status, "read");
}

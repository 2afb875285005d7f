//! The pretend Gupshup over real HTTP.

use serde_json::{Value, json};

use super::super::post::PostAnswer;
use super::super::*;
use super::stage::{RawHook, Stage, text};
use super::{BEGIN_MS, CUSTOMER, TwilioAccount, get};

const APP: &str = "DemoApp";
const KEY: &str = "demo-api-key-gupshup";
const NUMBER: &str = "+917834811114";
const TEMPLATE: &str = "4f9c1d3a-0000-4000-8000-000000000001";

async fn stage(autostatus: AutoStatus) -> Stage {
    let stage = Stage::new(autostatus).await;
    let sandbox = &stage.sandbox;
    sandbox.register_gupshup(GupshupAccount {
        app_name: APP.to_owned(),
        app_id: "82ed52f4-30c0-4f12-81b4-e7ad07bd41de".to_owned(),
        api_key: KEY.to_owned(),
        webhook_token: "s3cret".to_owned(),
        inbound_url: Some(format!("{}/webhooks/gupshup/demo", stage.receiver_url)),
        status_url: Some(format!("{}/status/gupshup/demo", stage.receiver_url)),
    });
    sandbox.register_gupshup_number(APP, NUMBER);
    sandbox.register_gupshup_template(TEMPLATE, 1, TemplateStatus::Approved);
    sandbox.set_gupshup_base_url(&format!("http://{}/sandbox/gupshup", stage.host));
    stage
}

/// Sends a text as the app; the pairs replace those of an ordinary one.
async fn send_as(stage: &Stage, key: &str, path: &str, changes: &[(&str, &str)]) -> PostAnswer {
    let usual = [
        ("channel", "whatsapp"),
        ("source", "917834811114"),
        ("destination", "919876543210"),
        ("src.name", APP),
        ("message", r#"{"type":"text","text":"hello"}"#),
    ];
    let mut params: Vec<(String, String)> = Vec::new();
    for (key, value) in usual.iter().chain(changes) {
        params.retain(|(known, _)| known != key);
        params.push(((*key).to_owned(), (*value).to_owned()));
    }
    let headers = vec![("apikey", key.to_owned())];
    stage.post_form(path, &params, headers).await.expect("an answer")
}

async fn send(stage: &Stage, changes: &[(&str, &str)]) -> PostAnswer {
    send_as(stage, KEY, "/gupshup/wa/api/v1/msg", changes).await
}

async fn send_template(stage: &Stage, template: &str) -> PostAnswer {
    let changes = [("template", template), ("message", "")];
    send_as(stage, KEY, "/gupshup/wa/api/v1/template/msg", &changes).await
}

fn answered(answer: &PostAnswer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn id_of(answer: &PostAnswer) -> Value {
    assert_eq!(answer.status, 202);
    assert_eq!(answered(answer)["status"], "submitted");
    answered(answer)["messageId"].clone()
}

fn event(hook: &RawHook) -> Value {
    assert_eq!(hook.path, "/status/gupshup/demo?token=s3cret");
    let body = hook.json();
    assert_eq!((&body["type"], &body["version"]), (&"message-event".into(), &2.into()));
    body["payload"].clone()
}

#[tokio::test]
async fn an_accepted_text_is_enqueued_and_then_reported_by_both_ids() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_read_receipts(true);
    stage.customer_writes(NUMBER, text("hi")).await;
    stage.settled_hooks().await;
    let id = id_of(&send(&stage, &[]).await);
    let hooks = stage.settled_hooks().await;
    let events: Vec<_> = hooks.iter().map(event).collect();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str()).collect();
    assert_eq!(types, [Some("enqueued"), Some("sent"), Some("delivered"), Some("read")]);
    assert_eq!(events[0]["id"], id);
    assert_eq!(events[0].get("gsId"), None);
    let whatsapp_id = &events[0]["payload"]["whatsappMessageId"];
    for event in &events[1..] {
        assert_eq!((&event["id"], &event["gsId"]), (whatsapp_id, &id));
        assert_eq!(event["destination"], "919876543210");
        assert_eq!(event["payload"], json!({"ts": 1_795_168_800}));
    }
    assert_eq!(events[1]["pricing"]["policy"], "PMP");
    let outbox = stage.sandbox.outbox();
    let entry = &outbox[0];
    assert_eq!((entry.provider.as_str(), Value::from(entry.sid.as_str())), ("gupshup", id));
    assert_eq!(entry.form[0], ("channel".to_owned(), "whatsapp".to_owned()));
}

#[tokio::test]
async fn refuses_what_gupshup_refuses_at_once() {
    let stage = stage(AutoStatus::Full).await;
    let table = [
        (("destination", "+919876543210"), "Invalid Destination"),
        (("destination", ""), "Invalid Destination"),
        (("src.name", "OtherApp"), "Invalid App Details"),
        (("source", "917834811115"), "Invalid App Details"),
        (("channel", "sms"), "Invalid Channel"),
        (("message", "hello"), "Invalid Message"),
    ];
    for (change, message) in &table {
        let answer = send(&stage, &[*change]).await;
        let expected = json!({"status": "error", "message": message});
        assert_eq!((answer.status, answered(&answer)), (400, expected), "{change:?}");
    }
    let wrong = send_as(&stage, "wrong", "/gupshup/wa/api/v1/msg", &[]).await;
    assert_eq!(
        (wrong.status, &answered(&wrong)["message"]),
        (401, &"Authentication Failed".into())
    );
    assert_eq!(send_template(&stage, "[1]").await.status, 400);
    assert!(stage.sandbox.outbox().is_empty());
    assert_eq!(stage.sandbox.refused().len(), table.len() + 2);
}

#[tokio::test]
async fn what_concerns_the_customer_fails_later() {
    let mut stage = stage(AutoStatus::Full).await;
    let outside = id_of(&send(&stage, &[]).await);
    let events: Vec<_> = stage.settled_hooks().await.iter().map(event).collect();
    assert_eq!(events[0]["type"], "enqueued");
    assert_eq!((&events[1]["gsId"], &events[1]["payload"]["code"]), (&outside, &470.into()));
    let unknown = id_of(&send_template(&stage, r#"{"id":"unknown","params":[]}"#).await);
    let events: Vec<_> = stage.settled_hooks().await.iter().map(event).collect();
    assert_eq!((&events[0]["id"], &events[0]["payload"]["code"]), (&unknown, &4003.into()));
    assert_eq!(events[0].get("gsId"), None);
    let template = format!(r#"{{"id":"{TEMPLATE}","params":["Asha"]}}"#);
    id_of(&send_template(&stage, &template).await);
    let events: Vec<_> = stage.settled_hooks().await.iter().map(event).collect();
    assert_eq!(events.last().map(|event| &event["type"]), Some(&"delivered".into()));
    stage.sandbox.set_gupshup_balance(APP, false);
    let unpaid = id_of(&send_template(&stage, &template).await);
    let events: Vec<_> = stage.settled_hooks().await.iter().map(event).collect();
    assert_eq!((&events[0]["id"], &events[0]["payload"]["code"]), (&unpaid, &1003.into()));
    stage.sandbox.set_gupshup_balance(APP, true);
    assert_eq!(stage.sandbox.outbox().len(), 4);
}

#[tokio::test]
async fn twenty_pass_in_a_second() {
    let stage = stage(AutoStatus::None).await;
    for _ in 0..20 {
        id_of(&send(&stage, &[]).await);
    }
    let refused = send(&stage, &[]).await;
    assert_eq!(
        (refused.status, &answered(&refused)["message"]),
        (429, &"Too Many Requests".into())
    );
    stage.advance(1_000);
    id_of(&send(&stage, &[]).await);
}

#[tokio::test]
async fn the_customers_webhook_carries_the_token_and_quotes_both_ids() {
    let mut stage = stage(AutoStatus::None).await;
    let id = id_of(&send(&stage, &[]).await);
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, "yes");
    message.reply_to = id.as_str().map(str::to_owned);
    stage.sandbox.phone_send(message.clone()).await.expect("an answer");
    stage.sandbox.set_gupshup_without_gs_id(true);
    let answer = stage.sandbox.phone_send(message).await.expect("an answer");
    stage.sandbox.phone_resend(&answer.sid).await.expect("an answer");
    let hooks = stage.settled_hooks().await;
    assert_eq!(hooks[0].path, "/webhooks/gupshup/demo?token=s3cret");
    assert_eq!(hooks[1].body, hooks[2].body);
    let body = hooks[0].json();
    assert_eq!((&body["app"], &body["timestamp"]), (&APP.into(), &BEGIN_MS.into()));
    assert_eq!(body["payload"]["context"]["gsId"], id);
    assert_eq!(hooks[1].json()["payload"]["context"].get("gsId"), None);
    assert!(stage.sandbox.phone_state(CUSTOMER, NUMBER).window_open);
}

#[tokio::test]
async fn events_may_lack_gupshups_own_id() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_gupshup_without_gs_id(true);
    stage.sandbox.note_customer_wrote(CUSTOMER, NUMBER, BEGIN_MS);
    send(&stage, &[]).await;
    let events: Vec<_> = stage.settled_hooks().await.iter().map(event).collect();
    assert_eq!(events[1].get("gsId"), None);
    assert_eq!(events[1]["id"], events[0]["payload"]["whatsappMessageId"]);
}

#[tokio::test]
async fn version_three_has_metas_shape_and_gupshups_ids() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_gupshup_shape(GupshupShape::V3);
    stage.customer_writes(NUMBER, text("hi")).await;
    let id = id_of(&send(&stage, &[]).await);
    let hooks = stage.settled_hooks().await;
    let value = |hook: &RawHook| hook.json()["entry"][0]["changes"][0]["value"].clone();
    assert_eq!(hooks[0].json()["gs_app_id"], "82ed52f4-30c0-4f12-81b4-e7ad07bd41de");
    assert_eq!(value(&hooks[0])["messages"][0]["timestamp"], "1795168800");
    let enqueued = &value(&hooks[1])["statuses"][0];
    assert_eq!((&enqueued["gs_id"], &enqueued["timestamp"]), (&id, &BEGIN_MS.into()));
    let sent = &value(&hooks[2])["statuses"][0];
    assert_eq!((&sent["gs_id"], &sent["timestamp"]), (&id, &"1795168800".into()));
}

#[tokio::test]
async fn a_bots_callback_has_new_and_old_names() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_gupshup_shape(GupshupShape::BotNewNames);
    stage.customer_writes(NUMBER, text("hi & more")).await;
    stage.sandbox.set_gupshup_shape(GupshupShape::BotOldNames);
    stage.customer_writes(NUMBER, text("hi & more")).await;
    let hooks = stage.settled_hooks().await;
    for (hook, name) in hooks.iter().zip(["messageobj", "message"]) {
        assert!(hook.header("content-type").starts_with("application/x-www-form-urlencoded"));
        let mut pairs = form_urlencoded::parse(&hook.body);
        let (_, told) = pairs.find(|(key, _)| key == name).expect("the message");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((&told["text"], &told["from"]), (&"hi & more".into(), &"919876543210".into()));
    }
}

#[tokio::test]
async fn version_two_may_bear_the_names_of_bots() {
    let mut stage = stage(AutoStatus::Full).await;
    stage.sandbox.set_gupshup_shape(GupshupShape::V2NewNames);
    stage.customer_writes(NUMBER, text("hi")).await;
    stage.sandbox.set_gupshup_shape(GupshupShape::V2OldNames);
    stage.customer_writes(NUMBER, text("hi")).await;
    let hooks = stage.settled_hooks().await;
    for (hook, [message, sender]) in
        hooks.iter().zip([["messageobj", "senderobj"], ["message", "sender"]])
    {
        let payload = hook.json()["payload"].take();
        assert_eq!(payload[message], json!({"text": "hi"}));
        assert_eq!(payload[sender]["phone"], "919876543210");
        assert_eq!(payload.get("payload"), None);
    }
}

#[tokio::test]
async fn a_file_is_fetched_without_a_key() {
    let mut stage = stage(AutoStatus::Full).await;
    let media = PhoneMedia { content_base64: Some("bGVhZg==".to_owned()), ..PhoneMedia::default() };
    stage.customer_writes(NUMBER, PhoneContent::Image(media)).await;
    let hooks = stage.settled_hooks().await;
    let content = hooks[0].json()["payload"]["payload"].clone();
    let url = content["url"].as_str().expect("an address");
    assert_eq!(get(url, false).await, (200, "leaf".to_owned()));
}

#[tokio::test]
async fn ordered_faults_have_gupshups_shape() {
    let stage = stage(AutoStatus::None).await;
    let fault = Fault::Status { status: 500, code: 500, retry_after_s: None, taken: false };
    stage.sandbox.fail_next(fault);
    let answer = send(&stage, &[]).await;
    let expected = json!({"status": "error", "message": "Internal Server Error"});
    assert_eq!((answer.status, answered(&answer)), (500, expected));
    stage.sandbox.fail_next_from(NUMBER, Fault::Garbage);
    let garbage = send(&stage, &[]).await;
    assert_eq!(garbage.status, 202);
    assert_eq!(stage.sandbox.outbox().len(), 1);
}

#[tokio::test]
async fn a_number_belongs_to_one_provider_and_the_page_lists_all() {
    let stage = stage(AutoStatus::None).await;
    stage.sandbox.register_twilio(TwilioAccount {
        account_sid: "AC1".to_owned(),
        auth_token: "token".to_owned(),
        inbound_url: None,
    });
    stage.sandbox.register_number("AC1", "+14155238886");
    stage.sandbox.register_meta(MetaAccount {
        access_token: "token".to_owned(),
        app_secret: "secret".to_owned(),
        inbound_url: None,
        waba_id: "1022".to_owned(),
    });
    stage.sandbox.register_meta_number("token", "1065", "+15550783881");
    let (_, numbers) = get(&format!("http://{}/phone/numbers", stage.host), false).await;
    let expected = json!({"numbers": [
        {"phone": "+14155238886", "provider": "twilio", "account_sid": "AC1"},
        {"phone": "+15550783881", "provider": "meta", "account_sid": "1022"},
        {"phone": NUMBER, "provider": "gupshup", "account_sid": APP},
    ]});
    assert_eq!(serde_json::from_str::<Value>(&numbers).ok(), Some(expected));
    stage.sandbox.register_number("AC1", NUMBER);
    assert_eq!(send(&stage, &[]).await.status, 400);
    let message = PhoneMessage::text(CUSTOMER, NUMBER, "hi");
    let unheard = stage.sandbox.phone_send(message).await;
    assert_eq!(unheard, Err(SandboxError::NoInboundUrl(NUMBER.to_owned())));
}

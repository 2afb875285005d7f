//! What providers post: taken once, kept whole, refused when forged.

use serde_json::json;
use transom_core::time::Millis;
use transom_local::sandbox::inbound_form;
use transom_testkit::sign;
use transom_testkit::world::{AUTH_TOKEN, CUSTOMER, NUMBER};
use transom_testkit::{PhoneMessage, World};

fn text_form(sid: &str, from: &str, text: &str) -> Vec<(String, String)> {
    let mut message = PhoneMessage::text(from, NUMBER, text);
    message.sid = Some(sid.to_owned());
    message.account_sid = Some(transom_testkit::world::ACCOUNT_SID.to_owned());
    inbound_form(&message)
}

fn sid(n: usize) -> String {
    format!("SM{n:032x}")
}

const WEBHOOK: &str = "/webhooks/twilio/tw";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_sixty_four_parallel_redeliveries_give_one_message() {
    let world = World::start().await;
    let form = text_form(&sid(1), CUSTOMER, "Hello");
    let posts = (0..64).map(|_| world.signed(WEBHOOK, &form));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body, json!("<Response/>"));
    }
    world.settle().await;
    let conversation = world.conversation().await;
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 1);
    assert_eq!(world.subscriber.of("message.received").len(), 1);
    assert_eq!(world.subscriber.of("window.opened").len(), 1);
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_a_hundred_parallel_first_messages_give_one_conversation() {
    let world = World::start().await;
    let forms: Vec<_> = (0..100).map(|n| text_form(&sid(n), CUSTOMER, &format!("{n}"))).collect();
    let posts = forms.iter().map(|form| world.signed(WEBHOOK, form));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    world.settle().await;
    let conversation = world.conversation().await;
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 100);
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
    assert_eq!(world.subscriber.of("message.received").len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f8_a_replay_never_reopens_a_window() {
    let world = World::start().await;
    let form = text_form(&sid(1), CUSTOMER, "Hello");
    assert_eq!(world.signed(WEBHOOK, &form).await.status, 200);
    world.advance(Millis::from_hours(30)).await;
    assert_eq!(world.signed(WEBHOOK, &form).await.status, 200);
    let conversation = world.conversation().await;
    assert_eq!(conversation["window"]["state"], "expired");
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 1);
    // A new message does (M12).
    world.signed(WEBHOOK, &text_form(&sid(2), CUSTOMER, "Again")).await;
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f13_forged_and_unsigned_webhooks_write_nothing() {
    let world = World::start().await;
    let form = text_form(&sid(1), CUSTOMER, "Hello");
    let url = format!("{}{WEBHOOK}", world.url);
    let good = sign(AUTH_TOKEN, &url, &form);
    let mut changed = form.clone();
    changed.iter_mut().find(|(k, _)| k == "Body").unwrap().1 = "Hello!".into();
    let units = world.house.function("Inbound").unwrap().store.meter().write_units();
    assert_eq!(world.form(WEBHOOK, &form, "").await.status, 403);
    assert_eq!(world.form(WEBHOOK, &form, "AAAA").await.status, 403);
    assert_eq!(world.form(WEBHOOK, &changed, &good).await.status, 403);
    let other = sign("another token", &url, &form);
    assert_eq!(world.form(WEBHOOK, &form, &other).await.status, 403);
    for path in ["/webhooks/twilio/nobody", "/webhooks/meta/tw", "/webhooks/telegram/tw"] {
        assert_eq!(world.form(path, &form, &good).await.status, 403, "{path}");
    }
    let after = world.house.function("Inbound").unwrap().store.meter().write_units();
    assert!((after - units).abs() < f64::EPSILON, "nothing written");
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
    assert_eq!(world.form(WEBHOOK, &form, &good).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unparsable_webhook_is_named_and_writes_nothing() {
    let world = World::start().await;
    let form = vec![("Hello".to_owned(), "there".to_owned())];
    let answer = world.signed(WEBHOOK, &form).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.to_string().contains("there"), "nothing of the content is quoted");
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_any_kind_get_a_clear_answer() {
    let world = World::start().await;
    let kinds = ["application/x-www-form-urlencoded", "application/json", "text/plain", ""];
    let bodies: [Vec<u8>; 4] =
        [vec![0xff; 64], b"[".repeat(200_000), b"a=%ff%fe&b".to_vec(), vec![b'x'; 5 * 1024 * 1024]];
    for kind in kinds {
        for body in &bodies {
            let sent = Some(body.clone());
            let answer =
                world.raw("", "POST", WEBHOOK, kind, sent, &[("x-twilio-signature", "x")]).await;
            assert!([400, 403, 413].contains(&answer.status), "{kind}: {}", answer.status);
        }
    }
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m137_a_removed_account_or_unknown_number_is_an_outcome_not_silence() {
    let world = World::start().await;
    let mut form = text_form(&sid(1), CUSTOMER, "Hello");
    form.iter_mut().find(|(k, _)| k == "To").unwrap().1 = "whatsapp:+14150000000".into();
    assert_eq!(world.signed(WEBHOOK, &form).await.status, 200);
    assert!(world.delete("/v1/accounts/tw?because=removed").await.status < 300);
    assert_eq!(world.signed(WEBHOOK, &text_form(&sid(2), CUSTOMER, "Hello")).await.status, 200);
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
    let account = transom_core::id::AccountId::parse("tw").unwrap();
    let kept = world.house.operator().store.unattached(&account, None, 50).await.unwrap().0;
    let mut reasons: Vec<&str> = kept.iter().map(|u| u.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["integration_removed", "unknown_sender"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_rotation_is_accepted_beside_the_new_one() {
    let world = World::start().await;
    let form = text_form(&sid(1), CUSTOMER, "Hello");
    let credentials = json!({ "account_sid": transom_testkit::world::ACCOUNT_SID, "auth_token": "the-new-token" });
    let body = json!({ "provider": "twilio", "credentials": credentials });
    assert_eq!(world.put("/v1/accounts/tw", body).await.status, 200);
    assert_eq!(world.signed(WEBHOOK, &form).await.status, 200, "the old token");
    let url = format!("{}{WEBHOOK}", world.url);
    let form = text_form(&sid(2), CUSTOMER, "Hello");
    assert_eq!(world.form(WEBHOOK, &form, &sign("the-new-token", &url, &form)).await.status, 200);
}

/// Every kind of the provider arrives as one item with its content (F6, M30, M120).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_f6_every_kind_arrives_as_one_item_with_its_content() {
    let world = World::start().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/wire/tests/fixtures/twilio");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    names.sort();
    let mut taken = Vec::new();
    for (n, path) in names.iter().enumerate() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let mut form: Vec<(String, String)> = text
            .lines()
            .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
            .map(|l| l.split_once('=').unwrap())
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        if form.iter().any(|(k, _)| k == "MessageStatus") {
            continue;
        }
        for (key, value) in &mut form {
            if key == "MessageSid" {
                *value = sid(n);
            }
            if key == "To" {
                *value = format!("whatsapp:{NUMBER}");
            }
            if key == "From" && value.starts_with("whatsapp:+") {
                *value = format!("whatsapp:{CUSTOMER}");
            }
            if key == "ExternalUserId" {
                *value = String::new();
            }
        }
        form.retain(|(k, v)| !(k == "ExternalUserId" && v.is_empty()));
        let answer = world.signed(WEBHOOK, &form).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        if form.iter().any(|(k, v)| k == "From" && v.starts_with("whatsapp:+")) {
            taken.push(name);
        }
    }
    assert!(taken.len() >= 15, "{taken:?}");
    let list = world.get("/v1/conversations").await;
    let id = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["contact"]["phone"] == CUSTOMER)
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let items = world.messages(&id).await;
    assert_eq!(items.len(), taken.len(), "items out = items in");
    let shown: Vec<_> = taken
        .iter()
        .zip(items.iter().rev())
        .map(|(name, item)| {
            let mut content = item["content"].clone();
            if content.get("media").is_some() {
                content["media"] = json!("med_…");
            }
            if content["file"].get("media").is_some() {
                content["file"]["media"] = json!("med_…");
            }
            json!({ "fixture": name, "content": content, "forwarded": item["forwarded"] })
        })
        .collect();
    insta::assert_json_snapshot!("every_inbound_kind", shown);
}

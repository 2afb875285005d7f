//! What providers post: taken once, kept whole, refused when forged.

use crate::every_provider::every_provider;
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, PROVIDER_ID, account_body, secret_name};
use transom_testkit::{PhoneContent, PhoneMedia, PhoneMessage, Signed, World};

every_provider!(f5_sixty_four_parallel_redeliveries_give_one_message);
async fn f5_sixty_four_parallel_redeliveries_give_one_message(provider: Provider) {
    let world = World::of(provider).await;
    let hello = world.inbound_text("Hello");
    let posts = (0..64).map(|_| world.post_webhook(&hello));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body, world.facts().webhook_answer);
    }
    world.settle().await;
    let conversation = world.conversation().await;
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 1);
    assert_eq!(world.subscriber.of("message.received").len(), 1);
    assert_eq!(world.subscriber.of("window.opened").len(), 1);
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
}

every_provider!(f12_a_hundred_parallel_first_messages_give_one_conversation);
async fn f12_a_hundred_parallel_first_messages_give_one_conversation(provider: Provider) {
    let world = World::of(provider).await;
    let hooks: Vec<_> = (0..100).map(|n| world.inbound_text(&format!("{n}"))).collect();
    let posts = hooks.iter().map(|hook| world.post_webhook(hook));
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    world.settle().await;
    let conversation = world.conversation().await;
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 100);
    assert_eq!(world.subscriber.of("conversation.opened").len(), 1);
    assert_eq!(world.subscriber.of("message.received").len(), 100);
}

every_provider!(f8_a_replay_never_reopens_a_window);
async fn f8_a_replay_never_reopens_a_window(provider: Provider) {
    let world = World::of(provider).await;
    let hello = world.inbound_text("Hello");
    assert_eq!(world.post_webhook(&hello).await.status, 200);
    world.advance(Millis::from_hours(30)).await;
    assert_eq!(world.post_webhook(&hello).await.status, 200);
    let conversation = world.conversation().await;
    assert_eq!(conversation["window"]["state"], "expired");
    assert_eq!(world.messages(conversation["id"].as_str().unwrap()).await.len(), 1);
    // A new message does (M12).
    world.customer_writes("Again").await;
    assert_eq!(world.conversation().await["window"]["state"], "open");
}

every_provider!(f13_forged_and_unsigned_webhooks_write_nothing);
async fn f13_forged_and_unsigned_webhooks_write_nothing(provider: Provider) {
    let world = World::of(provider).await;
    let hello = world.inbound_text("Hello");
    let good = hello.signed(&world.url);
    let units = world.house.function("Inbound").unwrap().store.meter().write_units();
    // Neither a signature nor a token.
    let unsigned = Signed { signature: None, path: hello.path.clone(), ..good.clone() };
    assert_eq!(world.post_signed(&unsigned).await.status, 403);
    for (kind, body) in [("application/json", "{}"), ("application/x-www-form-urlencoded", "a=b")] {
        let body = Some(body.as_bytes().to_vec());
        let answer = world.raw("", "POST", &hello.path, kind, body, &[]).await;
        assert_eq!(answer.status, 403, "{kind}");
    }
    if let Some((header, _)) = good.signature {
        for value in ["", "AAAA"] {
            let wrong = Signed { signature: Some((header, value.to_owned())), ..good.clone() };
            assert_eq!(world.post_signed(&wrong).await.status, 403, "{value}");
        }
    }
    if world.facts().signs_content {
        let changed = hello.clone().replaced("Hello", "Hello!").signed(&world.url);
        assert_ne!(changed.body, good.body);
        let changed = Signed { signature: good.signature.clone(), ..changed };
        assert_eq!(world.post_signed(&changed).await.status, 403);
    }
    let other = hello.clone().signed_with("another secret");
    assert_eq!(world.post_webhook(&other).await.status, 403);
    let elsewhere = Provider::ALL.into_iter().filter(|p| *p != provider);
    let paths = elsewhere.map(|p| format!("/webhooks/{}/tw", p.as_str())).chain([
        format!("/webhooks/{}/nobody", provider.as_str()),
        "/webhooks/telegram/tw".to_owned(),
    ]);
    for path in paths {
        let answer = world.post_webhook(&hello.clone().at(&path)).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let after = world.house.function("Inbound").unwrap().store.meter().write_units();
    assert!((after - units).abs() < f64::EPSILON, "nothing written");
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
    assert_eq!(world.post_signed(&good).await.status, 200);
}

every_provider!(an_unparsable_webhook_is_named_and_writes_nothing);
async fn an_unparsable_webhook_is_named_and_writes_nothing(provider: Provider) {
    let world = World::of(provider).await;
    let answer = world.post_webhook(&world.inbound_text("Hello").unparsable()).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.body.to_string().contains("there"), "nothing of the content is quoted");
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
}

every_provider!(bytes_of_any_kind_get_a_clear_answer);
async fn bytes_of_any_kind_get_a_clear_answer(provider: Provider) {
    let world = World::of(provider).await;
    let path = world.path("webhooks");
    let headers = [("x-twilio-signature", "x"), ("x-hub-signature-256", "sha256=00")];
    let kinds = ["application/x-www-form-urlencoded", "application/json", "text/plain", ""];
    let bodies: [Vec<u8>; 4] =
        [vec![0xff; 64], b"[".repeat(200_000), b"a=%ff%fe&b".to_vec(), vec![b'x'; 5 * 1024 * 1024]];
    for kind in kinds {
        for body in &bodies {
            let sent = Some(body.clone());
            let answer = world.raw("", "POST", &path, kind, sent, &headers).await;
            assert!([400, 403, 413].contains(&answer.status), "{kind}: {}", answer.status);
        }
    }
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
}

every_provider!(m137_a_removed_account_or_unknown_number_is_an_outcome_not_silence);
async fn m137_a_removed_account_or_unknown_number_is_an_outcome_not_silence(provider: Provider) {
    let world = World::of(provider).await;
    let hello = world.inbound_text("Hello");
    let unknown = world
        .inbound_text("Anybody?")
        .replaced(NUMBER.trim_start_matches('+'), "14150000000")
        .replaced(PROVIDER_ID, "106540350000000");
    assert_eq!(world.post_webhook(&unknown).await.status, 200);
    assert!(world.delete("/v1/accounts/tw?because=removed").await.status < 300);
    assert_eq!(world.post_webhook(&hello).await.status, 200);
    assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]));
    let account = transom_core::id::AccountId::parse("tw").unwrap();
    let kept = world.house.operator().store.unattached(&account, None, 50).await.unwrap().0;
    let mut reasons: Vec<&str> = kept.iter().map(|u| u.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["integration_removed", "unknown_sender"]);
}

every_provider!(a_secret_in_rotation_is_accepted_beside_the_new_one);
async fn a_secret_in_rotation_is_accepted_beside_the_new_one(provider: Provider) {
    let world = World::of(provider).await;
    let before = world.inbound_text("Hello");
    let mut body = account_body(provider);
    body["credentials"][secret_name(provider)] = json!("the-new-secret");
    assert_eq!(world.put("/v1/accounts/tw", body).await.status, 200);
    assert_eq!(world.post_webhook(&before).await.status, 200, "the old secret");
    let after = world.inbound_text("Hello again").signed_with("the-new-secret");
    assert_eq!(world.post_webhook(&after).await.status, 200, "the new secret");
    let never = world.inbound_text("Hello!").signed_with("never-a-secret");
    assert_eq!(world.post_webhook(&never).await.status, 403);
}

every_provider!(m30_f6_every_kind_of_the_customer_arrives_as_one_item);
async fn m30_f6_every_kind_of_the_customer_arrives_as_one_item(provider: Provider) {
    let world = World::of(provider).await;
    let file = PhoneMedia::default;
    let contents = [
        (PhoneContent::Text { text: "Hello".into() }, "text"),
        (PhoneContent::Image(file()), "image"),
        (PhoneContent::Video(file()), "video"),
        (PhoneContent::Audio(file()), "audio"),
        (PhoneContent::Document(file()), "document"),
        (PhoneContent::Sticker(file()), "sticker"),
        (PhoneContent::Contact(file()), "contacts"),
        (
            PhoneContent::Location {
                latitude: 12.9716,
                longitude: 77.5946,
                label: Some("Office".into()),
                address: Some("MG Road".into()),
            },
            "location",
        ),
        (
            PhoneContent::QuickReply { text: "Yes".into(), payload: "y".into(), template: true },
            "button",
        ),
        (
            PhoneContent::QuickReply { text: "No".into(), payload: "n".into(), template: false },
            "button",
        ),
        (PhoneContent::ListReply { id: "crop_wheat".into(), title: "Wheat".into() }, "list"),
    ];
    let (contents, kinds): (Vec<_>, Vec<_>) = contents.into_iter().unzip();
    for content in contents {
        world.pass(Millis::from_seconds(1));
        let message = PhoneMessage::new(CUSTOMER, NUMBER, content);
        assert_eq!(world.sandbox().phone_send(message).await.unwrap().status, 200);
    }
    let id = world.conversation().await["id"].as_str().unwrap().to_owned();
    let items = world.messages(&id).await;
    let seen: Vec<&str> =
        items.iter().rev().map(|m| m["content"]["type"].as_str().unwrap()).collect();
    assert_eq!(seen, kinds);
}

/// Every fixture of Twilio's kinds arrives as one item with its content (F6, M30, M120). At
/// Twilio alone, whose fixtures are flat forms; the other providers' are read in `shared/wire`.
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
                *value = format!("SM{n:032x}");
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
        let answer = world.signed("/webhooks/twilio/tw", &form).await;
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

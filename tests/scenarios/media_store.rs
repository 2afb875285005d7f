//! Files that callers store, and send: as bytes or from an address, and always to the provider as
//! a link that ends (M41).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{BEGINNING, CUSTOMER, NUMBER, account_body, template_body};
use transom_testkit::{
    Answer, FileFault, FileHost, PhoneContent, PhoneMedia, PhoneMessage, Script, ServedFile,
    WireFault, World,
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR a picture";

async fn upload(world: &World, content_type: &str, query: &str, bytes: &[u8]) -> Answer {
    let path = format!("/v1/media{query}");
    world.raw(&world.key, "POST", &path, content_type, Some(bytes.to_vec()), &[]).await
}

async fn send(world: &World, content: Value) -> Answer {
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let answer = world.post("/v1/messages", body).await;
    world.settle().await;
    answer
}

async fn shown(world: &World, id: &str) -> Value {
    world.get(&format!("/v1/media/{id}")).await.body
}

async fn open(world: &World, url: &str) -> Answer {
    world.raw("", "GET", url.strip_prefix(&world.url).unwrap(), "", None, &[]).await
}

/// The link that the provider was given with the newest send.
fn link(world: &World) -> String {
    let entry = world.sandbox().outbox().last().cloned().unwrap();
    let mut texts = entry.form.iter().map(|(_, value)| value.as_str());
    let held = texts.rfind(|text| text.contains("/local/objects/"));
    let held = held.unwrap_or_else(|| panic!("a link stands in {:?}", entry.form));
    let from = held.find("http").unwrap();
    let end = held[from..].find('"').map_or(held.len(), |end| from + end);
    held[from..end].to_owned()
}

every_provider!(m41_a_stored_file_is_sent_as_a_link_that_ends);
async fn m41_a_stored_file_is_sent_as_a_link_that_ends(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let stored = upload(&world, "image/png", "?filename=leaf.png", PNG).await;
    assert_eq!((stored.status, stored.text("state").as_str()), (201, "stored"), "{}", stored.body);
    let id = stored.text("id");
    assert_eq!(shown(&world, &id).await["filename"], "leaf.png");
    let answer = send(&world, json!({ "type": "image", "media": id })).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let message = world.message(&answer.text("id")).await;
    assert_eq!(message["content"]["media"], json!(id), "{message}");
    assert_eq!(message["content"]["content_type"], "image/png");
    assert_eq!(message["content"]["bytes"], PNG.len());
    assert_eq!(message["content"]["url"], Value::Null, "{message}");
    let url = link(&world);
    let read = open(&world, &url).await;
    assert_eq!((read.status, read.content_type.as_str()), (200, "image/png"));
    assert_eq!(read.body, json!(String::from_utf8_lossy(PNG)));
    // It was signed in the World's first second, and a signature knows whole ones.
    let end = BEGINNING + 4 * 3_600_000;
    for (at, status) in [(end - 1, 200), (end, 403), (end + 1, 403)] {
        world.house.clock().advance_to(Timestamp::from_millis(at));
        assert_eq!(open(&world, &url).await.status, status, "{}", at - end);
    }

    // The header of a template is a file like any other.
    world.opt_in(CUSTOMER).await;
    let mut ready = template_body();
    ready["header"] = json!({ "type": "image" });
    let put = world.put("/v1/accounts/tw/templates/order_ready", ready).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let header = json!({ "type": "image", "media": id, "variable": "file" });
    let template = json!({
        "type": "template", "name": "order_ready", "language": "en",
        "variables": { "1": "Asha", "2": "42" }, "header": header,
    });
    let answer = send(&world, template).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(open(&world, &link(&world)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m41_a_file_is_copied_from_an_address_and_cannot_be_sent_before() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    let host = FileHost::start().await.unwrap();
    let served = ServedFile { status: Some(500), ..ServedFile::of("image/png", PNG) };
    let url = host.put("a.png", served);
    let copied = world.post("/v1/media", json!({ "url": url, "filename": "a.png" })).await;
    assert_eq!((copied.status, copied.text("state").as_str()), (201, "pending"), "{}", copied.body);
    assert_eq!(copied.body["message"], Value::Null);
    world.settle().await;
    let id = copied.text("id");
    let refused = send(&world, json!({ "type": "image", "media": id })).await;
    assert_eq!((refused.status, refused.code()), (409, "media_not_ready"), "{}", refused.body);
    assert!(refused.text("detail").contains("500"), "{}", refused.body);
    let kept = world.message(&refused.text("message")).await;
    assert_eq!(
        (&kept["status"], &kept["failure"]["code"]),
        (&json!("refused"), &json!("media_not_ready"))
    );
    host.put("a.png", ServedFile::of("image/png", PNG));
    world.advance(Millis::from_seconds(60)).await;
    let stored = shown(&world, &id).await;
    assert_eq!((&stored["state"], &stored["bytes"]), (&json!("stored"), &json!(PNG.len())));
    assert_eq!(world.subscriber.of("media.stored").len(), 1);
    assert!(!host.was_shown_secrets());
    assert_eq!(send(&world, json!({ "type": "image", "media": id })).await.status, 202);
    assert_eq!(open(&world, &link(&world)).await.status, 200);

    // Whose address never answers is tried for a day.
    let gone = host.put("b.png", ServedFile { status: Some(404), ..ServedFile::default() });
    let id = world.post("/v1/media", json!({ "url": gone })).await.text("id");
    world.advance(Millis::from_hours(25)).await;
    assert_eq!(shown(&world, &id).await["state"], "expired");
    let refused = send(&world, json!({ "type": "image", "media": id })).await;
    assert_eq!(refused.code(), "media_not_ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m41_what_a_customer_sent_can_be_sent_on_once_it_is_here() {
    let world = World::start().await;
    world.sandbox().fail_next_file(FileFault::Status(500));
    let media = PhoneMedia {
        content_base64: Some("iVBORw0KGgoAAAANSUhEUg==".into()),
        ..PhoneMedia::default()
    };
    let message = PhoneMessage::new(CUSTOMER, NUMBER, PhoneContent::Image(media));
    world.sandbox().phone_send(message).await.unwrap();
    world.settle().await;
    let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
    let id = world.messages(&conversation).await[0]["content"]["media"].clone();
    let early = send(&world, json!({ "type": "image", "media": id })).await;
    assert_eq!((early.status, early.code()), (409, "media_not_ready"));
    world.advance(Millis::from_seconds(60)).await;
    assert_eq!(send(&world, json!({ "type": "image", "media": id })).await.status, 202);
    assert_eq!(open(&world, &link(&world)).await.status, 200);
}

/// The card that is sent, and the file that it becomes.
fn card() -> (Value, &'static str) {
    let contact =
        json!({ "name": "Rao; Ravi", "phones": ["+919800000000"], "emails": ["r@example.com"] });
    let file = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:;Rao\\; Ravi;;;\r\nFN:Rao\\; Ravi\r\n\
                TEL;TYPE=CELL:+919800000000\r\nEMAIL;TYPE=INTERNET:r@example.com\r\nEND:VCARD\r\n";
    (json!({ "type": "contacts", "contacts": [contact] }), file)
}

/// A World whose account sends contact cards, as a file.
async fn world_with_cards() -> World {
    let world = World::start().await;
    assert!(world.facts().cards_are_files);
    let profile = json!({ "sends": ["text", "contacts"] });
    let mut account = account_body(world.provider);
    account["profile"] = profile;
    let put = world.put("/v1/accounts/tw", account).await;
    assert_eq!(put.status, 200, "{}", put.body);
    world.customer_writes("Hello").await;
    world
}

/// The object of a message's own file.
fn own_key(message: &str) -> String {
    format!("messages/{}/{}", &message[4..28], &message[28..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_m41_a_contact_card_goes_as_a_link_to_a_file_where_the_provider_takes_files_alone() {
    let world = world_with_cards().await;
    let (content, file) = card();
    let answer = send(&world, content.clone()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let id = answer.text("id");
    let message = world.message(&id).await;
    assert_eq!(message["status"], "delivered", "{message}");
    assert_eq!(message["content"], content, "callers read what they sent");
    let url = link(&world);
    let read = open(&world, &url).await;
    assert_eq!((read.status, read.content_type.as_str()), (200, "text/vcard"));
    assert_eq!(read.body, json!(file));
    assert_eq!(world.house.objects().keys(), [own_key(&id)]);
    let as_item = format!("/v1/media/med_{}0", &id[4..]);
    assert_eq!(world.get(&as_item).await.code(), "not_found", "it is the provider's business");
    let end = BEGINNING + 4 * 3_600_000;
    for (at, status) in [(end - 1, 200), (end, 403), (end + 1, 403)] {
        world.house.clock().advance_to(Timestamp::from_millis(at));
        assert_eq!(open(&world, &url).await.status, status, "{}", at - end);
    }

    // One file is one card there.
    let two = json!([content["contacts"][0], content["contacts"][0]]);
    let refused = send(&world, json!({ "type": "contacts", "contacts": two })).await;
    assert_eq!((refused.status, refused.code()), (422, "content_unsupported"), "{}", refused.body);
    assert!(refused.text("detail").contains("at most 1"), "{}", refused.body);
    assert_eq!(world.house.objects().keys().len(), 1, "nothing is made of what is refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_a_contact_card_that_is_tried_again_is_the_same_file_and_goes_once() {
    let world = world_with_cards().await;
    let (content, file) = card();
    let mut keys = Vec::new();
    let mut check = async |id: &str| {
        assert_eq!(world.message(id).await["status"], "delivered");
        let read = open(&world, &link(&world)).await;
        assert_eq!((read.status, &read.body), (200, &json!(file)));
        keys.push(own_key(id));
        assert_eq!(world.house.objects().keys(), keys, "one file for each message");
        assert_eq!(world.sandbox().outbox().len(), keys.len(), "each goes once");
        world.pass(Millis::from_seconds(1));
    };

    // Object storage that is ill costs time and no message: nothing is called before its file is
    // there, and every try writes the same one.
    for (fault, times) in
        [(WireFault::Throttle, 1), (WireFault::LoseAnswer, 1), (WireFault::Throttle, 50)]
    {
        world.inject(Script::new().on("Sender", "PutObject", 0, times, fault));
        let id = send(&world, content.clone()).await.text("id");
        world.house.faults().set(None);
        world.advance(Millis::from_seconds(900)).await;
        check(&id).await;
    }

    // The provider asks for patience.
    world.sandbox().fail_next(world.facts().throttles(60));
    let id = send(&world, content.clone()).await.text("id");
    world.advance(Millis::from_seconds(60)).await;
    check(&id).await;

    // It refuses, and a person tries again.
    world.sandbox().fail_next(world.facts().refuses());
    let id = send(&world, content).await.text("id");
    assert_eq!(world.message(&id).await["status"], "failed");
    let again = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert_eq!(again.status, 202, "{}", again.body);
    world.settle().await;
    check(&id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_a_contact_card_that_waits_for_its_file_keeps_its_place_and_holds_up_nobody_else() {
    const OTHER: &str = "+919876543211";
    let world = world_with_cards().await;
    world.writes(OTHER, NUMBER, "Hello").await;
    world.inject(Script::new().on("Sender", "PutObject", 0, 50, WireFault::Throttle));
    let card = send(&world, card().0).await.text("id");
    let behind = send(&world, json!({ "type": "text", "text": "That is he." })).await.text("id");
    let beside = world.send_to(OTHER, "On its way.").await.text("id");
    world.settle().await;
    assert_eq!(world.message(&beside).await["status"], "delivered");
    for waits in [&card, &behind] {
        assert_eq!(world.message(waits).await["status"], "deferred", "{waits}");
    }
    world.house.faults().set(None);
    world.advance(Millis::from_seconds(300)).await;
    let went: Vec<String> = world.sandbox().outbox().iter().map(|e| e.body.clone()).collect();
    assert_eq!(went, ["On its way.", "", "That is he."]);
    for waited in [&card, &behind] {
        assert_eq!(world.message(waited).await["status"], "delivered", "{waited}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m32_a_stored_file_is_held_to_the_profile_by_its_own_bytes() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    let page = upload(&world, "image/png", "", b"<html><script>1</script></html>").await;
    assert_eq!(page.body["content_type"], "application/octet-stream", "{}", page.body);
    let refused = send(&world, json!({ "type": "image", "media": page.text("id") })).await;
    assert_eq!((refused.status, refused.code()), (422, "media_type"), "{}", refused.body);
    let picture = upload(&world, "application/pdf", "", PNG).await;
    assert_eq!(picture.body["content_type"], "image/png", "its bytes tell");
    let declared =
        json!({ "type": "image", "media": picture.text("id"), "content_type": "image/jpeg" });
    assert_eq!(send(&world, declared).await.code(), "media_type", "contradicted");
    let as_audio = json!({ "type": "audio", "media": picture.text("id") });
    assert_eq!(send(&world, as_audio).await.code(), "media_type");
    let unknown = json!({ "type": "image", "media": format!("med_u{}", "a".repeat(31)) });
    for (content, named) in
        [(unknown, "media item"), (json!({ "type": "image", "media": "med_x" }), "med_x")]
    {
        let answer = send(&world, content).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{}", answer.body);
        assert!(answer.text("detail").contains(named), "{}", answer.body);
    }
    assert!(world.sandbox().outbox().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_stored_is_refused_by_name() {
    let world = World::start().await;
    const MAX: usize = 4 * 1024 * 1024;
    for (bytes, status) in [(MAX - 1, 201), (MAX, 201), (MAX + 1, 413)] {
        let answer = upload(&world, "image/png", "", &vec![7; bytes]).await;
        assert_eq!(answer.status, status, "{bytes}: {}", answer.body);
    }
    for (content_type, query, body, status, named) in [
        ("image/png", "", "", 400, "empty"),
        ("", "", "x", 415, "Content-Type"),
        ("nothing", "", "x", 400, "content_type"),
        ("image/png", "?filename=a%2Fb", "x", 400, "filename"),
        ("application/json", "", "{}", 400, "url"),
        ("application/json", "", "{\"url\":\"ftp://x/y\"}", 422, "http"),
        ("application/json", "", "{\"url\":\"https://u:p@x/y\"}", 422, "password"),
        ("application/json", "", "{\"url\":\"https://x/y\",\"filename\":\"a/b\"}", 400, "filename"),
        ("application/json", "", "{\"url\":\"https://x/y\",\"colour\":1}", 400, "colour"),
    ] {
        let answer = upload(&world, content_type, query, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{content_type} {query} {body}: {}", answer.body);
        assert!(answer.text("detail").contains(named), "{}", answer.body);
    }
    // Object storage that is ill is said so, and nothing is promised.
    let fault = transom_testkit::WireFault::Throttle;
    world.inject(transom_testkit::Script::new().on("Desk", "PutObject", 0, 1, fault));
    assert_eq!(upload(&world, "image/png", "", PNG).await.status, 503);
}

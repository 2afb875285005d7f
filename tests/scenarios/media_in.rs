//! The files that customers send: pending with their message, fetched by a job of their own,
//! stored, and served by a link that ends (M30, M42, F7).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use std::time::Duration;
use transom_core::account::Provider;
use transom_core::id::MediaId;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER};
use transom_testkit::{
    Answer, FileFault, FileHost, GupshupShape, PhoneContent, PhoneMedia, PhoneMessage, ServedFile,
    World, WorldPlan,
};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0 a leaf";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom a clip";
const OGG: &[u8] = b"OggS\0\x02 a voice";
const PDF: &[u8] = b"%PDF-1.4 a bill";
const WEBP: &[u8] = b"RIFF\x20\0\0\0WEBPVP8 a sticker";
const CARD: &[u8] =
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ravi Rao\r\nTEL;TYPE=CELL:+919800000000\r\nEND:VCARD\r\n";

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |n: u32| char::from(LETTERS[(n & 63) as usize]);
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let part = |n: usize| u32::from(three.get(n).copied().unwrap_or_default());
        let n = (part(0) << 16) | (part(1) << 8) | part(2);
        text.extend([letter(n >> 18), letter(n >> 12)]);
        text.push(if three.len() > 1 { letter(n >> 6) } else { '=' });
        text.push(if three.len() > 2 { letter(n) } else { '=' });
    }
    text
}

fn media(bytes: &[u8]) -> PhoneMedia {
    PhoneMedia { content_base64: Some(base64(bytes)), ..PhoneMedia::default() }
}

fn message(content: PhoneContent) -> PhoneMessage {
    PhoneMessage::new(CUSTOMER, NUMBER, content)
}

fn image() -> PhoneMessage {
    message(PhoneContent::Image(PhoneMedia { caption: "leaf".to_owned(), ..media(JPEG) }))
}

/// A file of one kind, as the customer sends it and as it is kept.
struct Sample {
    shape: GupshupShape,
    content: PhoneContent,
    kind: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

/// A file of every kind that comes as one at this provider, in every shape that its webhooks have.
fn every_file(world: &World) -> Vec<Sample> {
    let facts = world.facts();
    let mut kinds = vec![
        (PhoneContent::Image(media(JPEG)), "image", "image/jpeg", JPEG),
        (PhoneContent::Video(media(MP4)), "video", "video/mp4", MP4),
        (PhoneContent::Audio(media(OGG)), "audio", "audio/ogg", OGG),
        (PhoneContent::Document(media(PDF)), "document", "application/pdf", PDF),
        (PhoneContent::Sticker(media(WEBP)), "sticker", "image/webp", WEBP),
    ];
    if facts.cards_are_files {
        kinds.push((PhoneContent::Contact(media(CARD)), "contacts", "text/vcard", CARD));
    }
    let samples = facts.file_shapes.iter().flat_map(|shape| {
        kinds.iter().cloned().map(|(content, kind, content_type, bytes)| Sample {
            shape: *shape,
            content,
            kind,
            content_type,
            bytes,
        })
    });
    samples.collect()
}

/// The customer sends a message; answers its provider's id.
async fn sends(world: &World, message: PhoneMessage) -> String {
    let answer = world.sandbox().phone_send(message).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.settle().await;
    answer.sid
}

/// The newest message of the one conversation.
async fn newest(world: &World) -> Value {
    let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
    world.messages(&conversation).await.remove(0)
}

/// What a message says of its file: beside its content, or, of contact cards, in it.
fn file_of(message: &Value) -> &Value {
    let content = &message["content"];
    content.get("file").unwrap_or(content)
}

/// The media item of the newest message.
async fn item(world: &World) -> Value {
    let id = file_of(&newest(world).await)["media"].as_str().unwrap().to_owned();
    shown(world, &id).await
}

async fn shown(world: &World, id: &str) -> Value {
    let answer = world.get(&format!("/v1/media/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Opens a link, as anybody does who has it.
async fn open(world: &World, url: &str) -> Answer {
    let path = url.strip_prefix(&world.url).unwrap();
    world.raw("", "GET", path, "", None, &[]).await
}

async fn retry(world: &World, item: &Value) -> Answer {
    let id = item["id"].as_str().unwrap();
    world.post(&format!("/v1/media/{id}/retry"), json!({})).await
}

fn fail(world: &World, times: usize, fault: &FileFault) {
    for _ in 0..times {
        world.sandbox().fail_next_file(fault.clone());
    }
}

async fn check_served(world: &World, item: &Value, content_type: &str, bytes: &[u8]) {
    assert_eq!(item["state"], "stored", "{item}");
    assert_eq!(item["content_type"], content_type, "{item}");
    assert_eq!(item["bytes"], bytes.len(), "{item}");
    let read = open(world, item["url"].as_str().unwrap()).await;
    assert_eq!((read.status, read.content_type.as_str()), (200, content_type), "{}", read.body);
    assert_eq!(read.body, json!(String::from_utf8_lossy(bytes)));
}

every_provider!(m30_m42_f7_every_file_is_fetched_stored_and_served_by_a_link_that_ends);
async fn m30_m42_f7_every_file_is_fetched_stored_and_served_by_a_link_that_ends(
    provider: Provider,
) {
    let world = World::of(provider).await;
    let samples = every_file(&world);
    let count = samples.len();
    for Sample { shape, content, kind, content_type, bytes } in samples {
        world.sandbox().set_gupshup_shape(shape);
        sends(&world, message(content)).await;
        let message = newest(&world).await;
        assert_eq!(message["content"]["type"], kind, "{message}");
        for inner in ["url", "provider_media_id", "kept_until"] {
            assert_eq!(file_of(&message)[inner], Value::Null, "{kind}: {message}");
        }
        let item = item(&world).await;
        assert_eq!(item["message"], message["id"], "{kind}");
        check_served(&world, &item, content_type, bytes).await;
        let told = world.subscriber.of("media.stored");
        let data = &told.last().unwrap().body["data"];
        assert_eq!(data["media"], item["id"], "{kind}");
        assert_eq!(data["message"], message["id"], "{kind}");
        world.pass(Millis::from_seconds(1));
    }
    assert_eq!(world.subscriber.of("media.stored").len(), count);
    assert_eq!(world.subscriber.of("media.failed").len(), 0);

    let item = item(&world).await;
    let (url, id) = (item["url"].as_str().unwrap(), item["id"].as_str().unwrap());
    assert_eq!(
        item["url_expires_at"],
        json!(world.now().plus(Millis::from_seconds(900)).rfc3339())
    );
    world.pass(Millis::new(899_999));
    assert_eq!(open(&world, url).await.status, 200);
    world.pass(Millis::new(1));
    assert_eq!(open(&world, url).await.status, 403, "at its end");
    world.pass(Millis::new(1));
    assert_eq!(open(&world, url).await.status, 403);
    let fresh = shown(&world, id).await;
    assert_eq!(open(&world, fresh["url"].as_str().unwrap()).await.status, 200);
}

every_provider!(f7_a_file_is_had_after_the_first_try_failed_and_the_webhook_came_again);
async fn f7_a_file_is_had_after_the_first_try_failed_and_the_webhook_came_again(
    provider: Provider,
) {
    let world = World::of(provider).await;
    for (n, sample) in (1..).zip(every_file(&world)) {
        let Sample { shape, content, kind, content_type, bytes } = sample;
        world.sandbox().set_gupshup_shape(shape);
        let read = world.sandbox().files_read();
        fail(&world, 1, &FileFault::Status(404));
        let sid = sends(&world, message(content)).await;
        let missed = item(&world).await;
        let stands = (&missed["state"], &missed["tries"]);
        assert_eq!(stands, (&json!("pending"), &json!(1)), "{kind}: {missed}");
        assert!(missed["error"].as_str().unwrap().contains("404"), "{missed}");
        assert_eq!((&missed["url"], &missed["url_expires_at"]), (&Value::Null, &Value::Null));
        assert_eq!(newest(&world).await["content"]["type"], kind, "the message is shown");

        assert_eq!(world.sandbox().phone_resend(&sid).await.unwrap().status, 200);
        world.settle().await;
        check_served(&world, &item(&world).await, content_type, bytes).await;
        assert_eq!(world.sandbox().files_read(), read + 2, "{kind}");
        let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
        assert_eq!(world.messages(&conversation).await.len(), n, "{kind}");

        // Once more: nothing is left to mend.
        assert_eq!(world.sandbox().phone_resend(&sid).await.unwrap().status, 200);
        world.settle().await;
        assert_eq!(world.sandbox().files_read(), read + 2, "{kind}");
        assert_eq!(world.subscriber.of("media.stored").len(), n, "{kind}");
        world.pass(Millis::from_seconds(1));
    }
    assert_eq!(world.subscriber.of("media.failed").len(), 0);
}

/// How long these Worlds wait for a server of files to begin its answer.
const PATIENCE: Duration = Duration::from_millis(250);

async fn impatient(provider: Provider) -> World {
    let files_begin_within = Some(PATIENCE);
    let provider = Some(provider);
    World::with(WorldPlan { provider, files_begin_within, ..WorldPlan::default() }).await
}

/// The file is here in the end: on a slow machine a sound server may be given up as well.
async fn had_at_last(world: &World) -> Value {
    for _ in 0..20 {
        let item = item(world).await;
        if item["state"] == "stored" {
            return item;
        }
        world.advance(Millis::from_seconds(3600)).await;
    }
    panic!("the file never came: {}", item(world).await);
}

every_provider!(f7_a_server_that_hangs_is_given_up_and_its_file_is_had_later);
async fn f7_a_server_that_hangs_is_given_up_and_its_file_is_had_later(provider: Provider) {
    let world = impatient(provider).await;
    fail(&world, 1, &FileFault::Hang);
    let sid = sends(&world, image()).await;
    let missed = item(&world).await;
    assert_eq!((&missed["state"], &missed["tries"]), (&json!("pending"), &json!(1)), "{missed}");
    assert!(missed["error"].as_str().unwrap().contains("in time"), "{missed}");
    assert!(missed["next_try_at"].is_string(), "{missed}");
    assert_eq!(newest(&world).await["content"]["caption"], "leaf", "the message is shown");
    assert_eq!(world.sandbox().phone_resend(&sid).await.unwrap().status, 200);
    world.settle().await;
    check_served(&world, &had_at_last(&world).await, "image/jpeg", JPEG).await;
}

every_provider!(f7_a_file_whose_bytes_take_long_is_not_cut_off);
async fn f7_a_file_whose_bytes_take_long_is_not_cut_off(provider: Provider) {
    let world = impatient(provider).await;
    fail(&world, 1, &FileFault::Late(PATIENCE * 2));
    sends(&world, image()).await;
    let first = item(&world).await;
    let given_up = first["error"].as_str().is_some_and(|why| why.contains("in time"));
    assert!(first["state"] == "stored" || given_up, "{first}");
    check_served(&world, &had_at_last(&world).await, "image/jpeg", JPEG).await;
}

every_provider!(f7_a_file_is_tried_again_by_itself_and_a_failure_is_told_once);
async fn f7_a_file_is_tried_again_by_itself_and_a_failure_is_told_once(provider: Provider) {
    let world = World::of(provider).await;
    fail(&world, 6, &FileFault::Status(500));
    let sid = sends(&world, image()).await;
    for (minutes, tries, state) in [
        (1, 2, "pending"),
        (2, 3, "pending"),
        (4, 4, "pending"),
        (8, 5, "failed"),
        (16, 6, "failed"),
    ] {
        world.advance(Millis::from_seconds(60 * minutes)).await;
        let now = item(&world).await;
        assert_eq!((&now["state"], &now["tries"]), (&json!(state), &json!(tries)), "{now}");
    }
    let told = world.subscriber.of("media.failed");
    assert_eq!(told.len(), 1, "once, however often it is tried");
    let data = &told[0].body["data"];
    assert_eq!(data["state"], "failed");
    assert!(data["error"].as_str().unwrap().contains("500"), "{data}");
    assert!(data["next_try_at"].is_string(), "{data}");

    // A redelivery begins another round at once, and so does a person.
    fail(&world, 1, &FileFault::Status(500));
    assert_eq!(world.sandbox().phone_resend(&sid).await.unwrap().status, 200);
    world.settle().await;
    let again = item(&world).await;
    assert_eq!((&again["state"], &again["tries"]), (&json!("pending"), &json!(1)), "{again}");
    let answer = retry(&world, &again).await;
    assert_eq!((answer.status, answer.text("state").as_str()), (202, "pending"));
    world.settle().await;
    let stored = item(&world).await;
    check_served(&world, &stored, "image/jpeg", JPEG).await;
    assert_eq!(world.subscriber.of("media.stored").len(), 1);
    let refused = retry(&world, &stored).await;
    assert_eq!((refused.status, refused.code()), (409, "not_retryable"));
    assert_eq!(world.get("/v1/media/med_x").await.code(), "not_found");
}

every_provider!(f7_a_file_that_its_provider_gave_up_has_expired_and_can_still_be_asked_for);
async fn f7_a_file_that_its_provider_gave_up_has_expired_and_can_still_be_asked_for(
    provider: Provider,
) {
    let world = World::of(provider).await;
    fail(&world, 50, &FileFault::Status(404));
    sends(&world, image()).await;
    let until = item(&world).await["kept_until"].as_str().unwrap().to_owned();
    world.advance(Millis::from_hours(24 * 8)).await;
    let expired = item(&world).await;
    assert_eq!(expired["state"], "expired", "{expired}");
    assert_eq!(expired["next_try_at"], Value::Null, "{expired}");
    assert!(until <= world.now().rfc3339());
    let states: Vec<Value> = world
        .subscriber
        .of("media.failed")
        .iter()
        .map(|told| told.body["data"]["state"].clone())
        .collect();
    assert_eq!(states, [json!("failed"), json!("expired")]);
    let read = world.sandbox().files_read();
    assert!((20..50).contains(&read), "{read} tries in a week");
    world.advance(Millis::from_hours(24 * 8)).await;
    assert_eq!(world.sandbox().files_read(), read, "nothing is tried any more");

    // Whoever knows that it is there again asks again.
    while world.sandbox().files_read() < 50 {
        assert_eq!(retry(&world, &expired).await.status, 202);
        world.settle().await;
    }
    assert_eq!(item(&world).await["state"], "expired");
    assert_eq!(retry(&world, &expired).await.status, 202);
    world.settle().await;
    check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
}

every_provider!(m42_what_a_provider_tells_wrongly_is_kept_by_its_bytes_or_not_at_all);
async fn m42_what_a_provider_tells_wrongly_is_kept_by_its_bytes_or_not_at_all(provider: Provider) {
    let world = World::of(provider).await;
    let host = FileHost::start().await.unwrap();
    let elsewhere = host.put("a.jpg", ServedFile::of("image/jpeg", JPEG));
    let stored = [
        FileFault::Typed("text/html".to_owned()),
        FileFault::Typed("application/octet-stream".to_owned()),
        FileFault::Untold,
        FileFault::RedirectTo(elsewhere),
    ];
    for fault in stored {
        fail(&world, 1, &fault);
        sends(&world, image()).await;
        check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
        world.pass(Millis::from_seconds(1));
    }
    assert_eq!(host.asked().len(), 1);
    assert!(!host.was_shown_secrets(), "secrets stay with the provider");

    // What would run in a browser is bytes, whatever was declared.
    let page = PhoneMedia {
        content_type: Some("image/png".to_owned()),
        ..media(b"<!DOCTYPE html><script>alert(1)</script>")
    };
    sends(&world, message(PhoneContent::Image(page))).await;
    let item_of_page = item(&world).await;
    assert_eq!(item_of_page["content_type"], "application/octet-stream", "{item_of_page}");
    world.pass(Millis::from_seconds(1));

    // Too large: final, and told at once.
    fail(&world, 1, &FileFault::Promised(100 * 1024 * 1024 + 1));
    sends(&world, image()).await;
    let large = item(&world).await;
    assert_eq!((&large["state"], &large["next_try_at"]), (&json!("failed"), &Value::Null));
    assert!(large["error"].as_str().unwrap().contains("104857601"), "{large}");
    assert_eq!(world.subscriber.of("media.failed").len(), 1);
    world.pass(Millis::from_seconds(1));

    // Bytes that break off, and a redirect to nowhere, are tried again.
    for fault in [FileFault::Promised(50), FileFault::RedirectTo("http://127.0.0.1:1/".to_owned())]
    {
        fail(&world, 1, &fault);
        sends(&world, image()).await;
        let missed = item(&world).await;
        assert_eq!(
            (&missed["state"], &missed["tries"]),
            (&json!("pending"), &json!(1)),
            "{missed}"
        );
        world.advance(Millis::from_seconds(60)).await;
        check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_bytes_that_are_not_those_described_are_not_kept() {
    let world = World::of(Provider::Meta).await;
    fail(&world, 1, &FileFault::Garbled);
    sends(&world, image()).await;
    let missed = item(&world).await;
    assert_eq!(missed["state"], "pending", "{missed}");
    assert!(missed["error"].as_str().unwrap().contains("describes"), "{missed}");
    world.advance(Millis::from_seconds(60)).await;
    check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m42_a_voice_note_behind_gupshups_api_is_fetched_with_the_key_and_told_by_its_bytes() {
    let world = World::of(Provider::Gupshup).await;
    let mut webhook = world.inbound(message(PhoneContent::Audio(media(OGG))));
    let transom_testkit::Payload::Json(value) = &mut webhook.payload else { panic!("JSON") };
    let url = value.pointer_mut("/payload/payload/url").unwrap();
    let told = url.as_str().unwrap().split('?').next().unwrap().to_owned();
    *url = json!(told.replace("/wa/media/", "/sm/api/wamedia/UsualApp/"));
    value["payload"]["payload"]["contentType"] = Value::Null;
    assert_eq!(world.post_webhook(&webhook).await.status, 200);
    world.settle().await;
    check_served(&world, &item(&world).await, "audio/ogg", OGG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_contacts_without_a_file_are_shown_as_they_came() {
    for provider in [Provider::Meta, Provider::Gupshup] {
        let world = World::of(provider).await;
        sends(&world, message(PhoneContent::Contact(PhoneMedia::default()))).await;
        let content = newest(&world).await["content"].clone();
        assert_eq!(content["contacts"][0]["name"], "Example Contact", "{content}");
        assert_eq!(content["file"], Value::Null, "{content}");
        assert_eq!(world.sandbox().files_read(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_a_contact_card_that_came_as_a_file_is_shown_when_it_is_here() {
    let world = World::start().await;
    fail(&world, 1, &FileFault::Status(500));
    sends(&world, message(PhoneContent::Contact(media(CARD)))).await;
    let early = newest(&world).await["content"].clone();
    assert_eq!((&early["type"], &early["contacts"]), (&json!("contacts"), &json!([])), "{early}");
    world.advance(Millis::from_seconds(60)).await;
    let shown = newest(&world).await;
    let contact = json!({ "name": "Ravi Rao", "phones": ["+919800000000"] });
    assert_eq!(shown["content"]["contacts"], json!([contact]), "{shown}");
    let id = shown["content"]["file"]["media"].as_str().unwrap().to_owned();
    assert_eq!(self::shown(&world, &id).await["state"], "stored");
    let told = world.subscriber.of("message.updated");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body["data"]["message"]["content"]["contacts"], json!([contact]));

    // More cards than a message's own item holds stand beside it.
    world.pass(Millis::from_seconds(1));
    let many =
        b"BEGIN:VCARD\nFN:Somebody with a long name\nTEL:+919800000000\nEND:VCARD\n".repeat(40);
    sends(&world, message(PhoneContent::Contact(media(&many)))).await;
    let shown = newest(&world).await;
    assert_eq!(shown["content"]["contacts"].as_array().unwrap().len(), 40, "{shown}");
}

/// The other function takes messages too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_file_that_comes_by_the_other_road_is_fetched_too() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let webhook = world.inbound(image());
        let webhook = webhook.at(&world.path("status"));
        assert_eq!(world.post_webhook(&webhook).await.status, 200);
        world.settle().await;
        check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_every_file_of_a_post_of_many_is_fetched() {
    let world = World::of(Provider::Meta).await;
    let many: Vec<PhoneMessage> = (0..25)
        .map(|n| {
            let at_ms = Some(world.now().as_millis() - 1000 * (100 - n));
            PhoneMessage { at_ms, ..image() }
        })
        .collect();
    let answer = world.sandbox().post_meta_batch(many).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.settle().await;
    assert_eq!(world.subscriber.of("media.stored").len(), 25);
    assert_eq!(world.sandbox().files_read(), 25, "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_queue_that_cannot_be_reached_costs_time_and_no_file() {
    let world = World::start().await;
    let fault = transom_testkit::WireFault::Unreachable;
    // Events go first; the file's entry is the second call of its function to a queue.
    world.inject(transom_testkit::Script::new().on("Inbound", "SendMessageBatch", 1, 3, fault));
    sends(&world, image()).await;
    assert_eq!(item(&world).await["state"], "pending");
    assert_eq!(world.sandbox().files_read(), 0);
    world.house.faults().set(None);
    world.advance(Millis::from_seconds(900)).await;
    check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_object_storage_that_is_ill_costs_time_and_no_file() {
    let world = World::start().await;
    let fault = transom_testkit::WireFault::Throttle;
    world.inject(transom_testkit::Script::new().on("Media", "PutObject", 0, 1, fault));
    sends(&world, image()).await;
    let missed = item(&world).await;
    assert!(missed["error"].as_str().unwrap().contains("503"), "{missed}");
    world.advance(Millis::from_seconds(60)).await;
    check_served(&world, &item(&world).await, "image/jpeg", JPEG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_ids_lead_to_their_message_and_nobody_reads_without_a_key() {
    let world = World::start().await;
    sends(&world, image()).await;
    let item = item(&world).await;
    let id = MediaId::parse(item["id"].as_str().unwrap()).unwrap();
    assert_eq!(json!(id.message()), item["message"]);
    let path = format!("/v1/media/{id}");
    let answer = world.call_as("", "GET", &path, None, &[]).await;
    assert_eq!((answer.status, answer.code()), (401, "unauthorized"));
    for role in ["agent", "supervisor", "system"] {
        let made = world.post("/v1/keys", json!({ "role": role })).await;
        let key = made.text("key");
        assert_eq!(world.call_as(&key, "GET", &path, None, &[]).await.status, 200, "{role}");
    }
    let unsigned = item["url"].as_str().unwrap().split('?').next().unwrap().to_owned();
    assert_eq!(open(&world, &unsigned).await.status, 403);
}

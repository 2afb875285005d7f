//! What is sent: every kind for every provider, and what is refused before any call.

use serde_json::{Map, Value, json};
use transom_core::account::Provider;
use transom_core::media::{KB, MB};
use transom_testkit::world::{NUMBER, credentials};
use transom_testkit::{AutoStatus, FileHost, ServedFile, World};

/// Every kind, with the limits of WhatsApp itself and captions allowed.
fn widened() -> Value {
    let kinds = [
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "template",
    ];
    json!({ "base": "meta", "sends": kinds })
}

async fn set_profile(world: &World, provider: Provider, profile: Value) {
    let body = json!({
        "provider": provider.as_str(),
        "credentials": credentials(provider),
        "profile": profile,
    });
    let answer = world.put("/v1/accounts/tw", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn send(world: &World, content: Value) -> transom_testkit::Answer {
    let to = transom_testkit::world::CUSTOMER;
    world.post("/v1/messages", json!({ "sender": "support", "to": to, "content": content })).await
}

fn files(host: &FileHost) -> [(&'static str, Value); 5] {
    let put = |name: &str, kind: &str| host.put(name, ServedFile::of(kind, b"a file"));
    [
        ("image", json!({ "url": put("a.jpg", "image/jpeg"), "caption": "leaf" })),
        ("video", json!({ "url": put("a.mp4", "video/mp4"), "caption": "clip" })),
        ("audio", json!({ "url": put("a.ogg", "audio/ogg; codecs=opus") })),
        (
            "document",
            json!({ "url": put("a.pdf", "application/pdf"), "filename": "bill.pdf", "caption": "bill" }),
        ),
        ("sticker", json!({ "url": put("a.webp", "image/webp") })),
    ]
}

/// The names of fixtures, and what is posted to `/v1/messages` for each.
fn contents(provider: Provider, host: &FileHost) -> Vec<(&'static str, Value)> {
    let mut contents =
        vec![("text", json!({ "text": "On its way: https://example.com *now*\n👋" }))];
    contents.extend(files(host));
    contents.push((
        "location",
        json!({ "latitude": 12.9716, "longitude": "77.5946", "name": "Office", "address": "MG Road" }),
    ));
    contents.push((
        "contacts",
        json!({ "contacts": [
            { "name": "Ravi Rao", "phones": ["+919800000000"], "emails": ["ravi@example.com"] },
        ] }),
    ));
    if provider == Provider::Twilio {
        // What Twilio's table does not have: captions and names of documents.
        contents.iter_mut().filter(|(name, _)| *name == "document").for_each(|(_, content)| {
            *content = json!({ "url": content["url"] });
        });
        let sid = "HX11111111111111111111111111111111";
        contents
            .push(("interactive", json!({ "provider_ref": sid, "variables": { "1": "Asha" } })));
    } else {
        contents.push((
            "buttons",
            json!({
                "header": "Order", "body": "Confirm?", "footer": "Thank you",
                "buttons": [{ "id": "yes_42", "title": "Yes" }, { "id": "no_42", "title": "No" }],
            }),
        ));
        contents.push((
            "list",
            json!({
                "header": "Crops", "body": "Choose",
                "list": { "button": "Open", "sections": [{ "title": "Rabi", "rows": [
                    { "id": "crop_wheat", "title": "Wheat", "description": "Winter" },
                ] }] },
            }),
        ));
    }
    contents.extend(templates(provider, host));
    contents
}

/// The kinds of a template's header, with the fixture and the template of each.
const HEADERS: [(&str, &str, &str); 3] = [
    ("image", "template", "order_ready"),
    ("video", "template_video", "order_film"),
    ("document", "template_document", "order_bill"),
];

/// A template with a file of each kind in its header.
fn templates(provider: Provider, host: &FileHost) -> Vec<(&'static str, Value)> {
    let templates = HEADERS.iter().map(|(kind, fixture, template)| {
        let (name, served) = match *kind {
            "image" => ("h.png", "image/png"),
            "video" => ("h.mp4", "video/mp4"),
            _ => ("h.pdf", "application/pdf"),
        };
        let url = host.put(name, ServedFile::of(served, b"x"));
        let mut header = json!({ "type": kind, "url": url });
        if provider == Provider::Twilio {
            header["variable"] = json!("file");
        } else if *kind == "document" {
            header["filename"] = json!("bill.pdf");
        }
        let content = json!({
            "name": template, "language": "en", "variables": { "1": "Asha", "2": "42" },
            "header": header,
        });
        (*fixture, content)
    });
    templates.collect()
}

/// The decoded body of a request, JSON in its fields read, without what belongs to every send.
fn body(provider: Provider, form: &[(String, String)]) -> Value {
    let head: &[&str] = match provider {
        Provider::Twilio => &["From", "To", "StatusCallback"],
        Provider::Gupshup => &["channel", "source", "destination", "src.name"],
        Provider::Meta => {
            &["messaging_product", "recipient_type", "to", "biz_opaque_callback_data"]
        }
    };
    for name in head {
        assert!(form.iter().any(|(key, _)| key == name), "{provider:?} lacks {name}: {form:?}");
    }
    let mut fields = Map::new();
    for (key, value) in form.iter().filter(|(key, _)| !head.contains(&key.as_str())) {
        let read = match provider {
            Provider::Twilio => None,
            Provider::Gupshup | Provider::Meta => {
                serde_json::from_str(value).ok().filter(|v: &Value| v.is_object() || v.is_array())
            }
        };
        let twice = fields.insert(key.clone(), read.unwrap_or_else(|| json!(value)));
        assert_eq!(twice, None, "{key} stands twice");
    }
    Value::Object(fields)
}

fn fixtures(provider: Provider) -> Value {
    let text = match provider {
        Provider::Twilio => include_str!("fixtures/sends/twilio.json"),
        Provider::Gupshup => include_str!("fixtures/sends/gupshup.json"),
        Provider::Meta => include_str!("fixtures/sends/meta.json"),
    };
    serde_json::from_str(text).unwrap()
}

/// A fixture with its places filled.
fn expected(fixture: &Value, places: &[(&str, &str)]) -> Value {
    let mut text = fixture.to_string();
    for (name, value) in places {
        text = text.replace(name, value);
    }
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_m49_every_kind_is_sent_as_each_provider_wants_it() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let host = FileHost::start().await.unwrap();
        let mut profile = widened();
        if provider == Provider::Twilio {
            profile["media"] = json!({ "document": { "caption": false, "filename": false } });
        }
        set_profile(&world, provider, profile).await;
        let made = json!({
            "language": "en", "category": "utility", "status": "unsubmitted",
            "body": "Hi {{1}}", "provider_ref": "HX11111111111111111111111111111111",
        });
        assert_eq!(world.put("/v1/accounts/tw/templates/made", made).await.status, 200);
        for (kind, _, template) in HEADERS {
            let mut ready = transom_testkit::world::template_body();
            ready["header"] = json!({ "type": kind });
            let put = world.put(&format!("/v1/accounts/tw/templates/{template}"), ready).await;
            assert_eq!(put.status, 200, "{}", put.body);
        }
        world.opt_in(transom_testkit::world::CUSTOMER).await;
        world.customer_writes("Hello").await;
        let fixtures = fixtures(provider);
        let mut seen = Vec::new();
        for (name, content) in contents(provider, &host) {
            let kind = match name {
                "buttons" | "list" => "interactive",
                "template_video" | "template_document" => "template",
                name => name,
            };
            let mut full = content.clone();
            full["type"] = json!(kind);
            let answer = send(&world, full).await;
            assert_eq!(answer.status, 202, "{provider:?} {name}: {}", answer.body);
            world.settle().await;
            let entry = world.sandbox().outbox().last().cloned().unwrap();
            let id = answer.text("id");
            let given = content["url"].as_str().or(content["header"]["url"].as_str());
            // Ours, of what the content was made into.
            let url = given.or(entry.media_urls.first().map(String::as_str));
            let reference = format!("{id}.1");
            let places = [("{url}", url.unwrap_or_default()), ("{reference}", &reference)];
            let wanted = expected(&fixtures[name], &places);
            assert_eq!(body(provider, &entry.form), wanted, "{provider:?} {name}");
            let shown = world.message(&id).await;
            assert_eq!(shown["status"], "delivered", "{provider:?} {name}: {shown}");
            assert_eq!(shown["content"]["type"], kind, "{provider:?} {name}");
            seen.push(name);
        }
        let refused = world.sandbox().refused();
        assert!(refused.is_empty(), "{provider:?}: {refused:?}");
        let all: Vec<&String> = fixtures.as_object().unwrap().keys().collect();
        let untried: Vec<_> =
            all.iter().filter(|n| !seen.contains(&n.as_str()) && **n != "reply").collect();
        assert!(untried.is_empty(), "{provider:?}: {untried:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_an_answer_quotes_where_the_provider_can_and_says_so_where_it_cannot() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        let asked = world.customer_writes("Today?").await;
        world.settle().await;
        let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
        let question = world.messages(&conversation).await[0]["id"].as_str().unwrap().to_owned();
        let content = json!({ "type": "text", "text": "Yes, today." });
        let request =
            json!({ "conversation": conversation, "content": content, "reply_to": question });
        let answer = world.post("/v1/messages", request).await;
        assert_eq!(answer.status, 202, "{provider:?}: {}", answer.body);
        world.settle().await;
        let entry = world.sandbox().outbox().last().cloned().unwrap();
        if provider == Provider::Meta {
            let wanted = expected(&fixtures(provider)["reply"], &[("{answered}", &asked.sid)]);
            assert_eq!(body(provider, &entry.form), wanted);
            assert_eq!(answer.body["notices"], Value::Null);
        } else {
            let notice = answer.body["notices"][0].as_str().unwrap();
            assert!(notice.contains(provider.as_str()), "{provider:?}: {notice}");
        }
        assert_eq!(world.message(&answer.text("id")).await["reply_to"], json!(question));
        let strange = json!({
            "conversation": conversation, "content": content,
            "reply_to": format!("msg_{}", "a".repeat(48)),
        });
        assert_eq!(world.post("/v1/messages", strange).await.code(), "not_found", "{provider:?}");
    }
}

/// A refusal before any call, kept with its reason and the profile's name.
async fn check_refused(world: &World, content: Value, code: &str, named: &str) {
    let answer = send(world, content.clone()).await;
    assert_eq!((answer.status, answer.code()), (422, code), "{content}: {}", answer.body);
    let detail = answer.text("detail");
    assert!(detail.contains(named), "{content}: {detail}");
    assert!(!answer.text("remedy").is_empty());
    let kept = world.message(&answer.text("message")).await;
    assert_eq!(kept["status"], "refused", "{content}: {kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m31_m32_m35_m43_each_profile_refuses_by_name_what_it_lacks() {
    let place = json!({ "type": "location", "latitude": 1, "longitude": 2 });
    let card = json!({ "type": "contacts", "contacts": [{ "name": "Ravi" }] });
    let buttons =
        json!({ "type": "interactive", "body": "?", "buttons": [{ "id": "y", "title": "Y" }] });
    let host = FileHost::start().await.unwrap();
    let jpeg = host.put("a.jpg", ServedFile::of("image/jpeg", b"x"));
    let webp = host.put("a.webp", ServedFile::of("image/webp", b"x"));
    let pdf = host.put("a.pdf", ServedFile::of("application/pdf", b"x"));
    let captioned = json!({ "type": "image", "url": jpeg, "caption": "leaf" });
    for (provider, rows) in [
        (
            Provider::Twilio,
            vec![
                (place.clone(), "content_unsupported", "twilio sends no `location`"),
                (card.clone(), "content_unsupported", "twilio sends no `contacts`"),
                (buttons, "content_unsupported", "provider_ref"),
                (json!({ "type": "image", "url": webp }), "media_type", "image/webp"),
                (
                    json!({ "type": "document", "url": pdf, "caption": "x" }),
                    "caption_unsupported",
                    "twilio",
                ),
                (
                    json!({ "type": "document", "url": pdf, "filename": "a.pdf" }),
                    "filename_unsupported",
                    "twilio",
                ),
                (json!({ "type": "poll" }), "content_unsupported", "poll"),
                (json!({ "type": "text", "text": "é".repeat(1601) }), "text_too_long", "1600"),
            ],
        ),
        (
            Provider::Gupshup,
            vec![
                (place, "content_unsupported", "gupshup sends no `location`"),
                (card, "content_unsupported", "gupshup sends no `contacts`"),
                (captioned, "caption_unsupported", "gupshup"),
                (json!({ "type": "sticker", "url": webp }), "content_unsupported", "sticker"),
            ],
        ),
        (
            Provider::Meta,
            vec![
                (
                    json!({ "type": "image", "url": jpeg, "caption": "x".repeat(1025) }),
                    "text_too_long",
                    "1024",
                ),
                (json!({ "type": "sticker", "url": jpeg }), "media_type", "image/webp"),
                (json!({ "type": "text", "text": "x".repeat(4097) }), "text_too_long", "4096"),
            ],
        ),
    ] {
        let world = World::of(provider).await;
        world.customer_writes("Hello").await;
        for (content, code, named) in rows {
            check_refused(&world, content, code, named).await;
        }
        world.settle().await;
        assert!(world.sandbox().outbox().is_empty(), "{provider:?}: nothing was called");
    }
    let world = World::of(Provider::Twilio).await;
    world.customer_writes("Hello").await;
    let sticker = send(&world, json!({ "type": "sticker", "url": webp })).await;
    assert_eq!(sticker.status, 202, "WEBP as a sticker (M32): {}", sticker.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m32_files_are_checked_by_what_their_address_says() {
    let world = World::start().await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    let host = FileHost::start().await.unwrap();
    let sized = |name: &str, bytes: u64| {
        let file = ServedFile { told_bytes: Some(bytes), ..ServedFile::of("image/png", b"x") };
        json!({ "type": "image", "url": host.put(name, file) })
    };
    for (name, bytes) in [("less.png", 5 * MB - 1), ("equal.png", 5 * MB)] {
        let answer = send(&world, sized(name, bytes)).await;
        assert_eq!(answer.status, 202, "{bytes}: {}", answer.body);
        let shown = world.message(&answer.text("id")).await;
        assert_eq!(shown["content"]["bytes"], bytes);
        assert_eq!(shown["content"]["content_type"], "image/png");
    }
    check_refused(&world, sized("more.png", 5 * MB + 1), "media_too_large", "5242881").await;
    let url = host.put("gone.png", ServedFile { status: Some(404), ..ServedFile::default() });
    check_refused(&world, json!({ "type": "image", "url": url }), "media_url", "404").await;
    let there = host.put("there.png", ServedFile::of("image/png", b"x"));
    let url = host.put("moved.png", ServedFile { location: Some(there), ..ServedFile::default() });
    check_refused(&world, json!({ "type": "image", "url": url }), "media_url", "redirect").await;
    assert!(
        !host.asked().iter().any(|(_, name)| name == "there.png"),
        "redirects are not followed"
    );
    let url = host.put("page", ServedFile::of("text/html", b"x"));
    let lying = json!({ "type": "image", "url": url, "content_type": "image/png" });
    check_refused(&world, lying, "media_type", "text/html").await;
    let untyped = ServedFile { bytes: b"x".to_vec(), ..ServedFile::default() };
    let url = host.put("untyped", untyped);
    check_refused(&world, json!({ "type": "image", "url": url }), "media_type", "content_type")
        .await;
    let told = json!({ "type": "image", "url": url, "content_type": "image/png" });
    assert_eq!(send(&world, told).await.status, 202);
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/a.png", "a.png", "http://user:pass@h/a.png"]
    {
        check_refused(&world, json!({ "type": "image", "url": url }), "media_url", "URL").await;
    }
    let too_large = json!({ "type": "image", "url": "http://127.0.0.1:9/a.png",
        "content_type": "image/png", "bytes": 500 * 1024 * KB });
    check_refused(&world, too_large, "media_too_large", "twilio").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m41_an_address_that_is_signed_for_get_alone_is_asked_for_its_first_byte() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    let host = FileHost::start().await.unwrap();
    let large = ServedFile {
        get_only: true,
        told_bytes: Some(5 * MB + 1),
        ..ServedFile::of("image/png", b"x")
    };
    let url = host.put("large.png", large.clone());
    let image = |url: String| json!({ "type": "image", "url": url });
    check_refused(&world, image(url), "media_too_large", "5242881").await;
    let fits = ServedFile { told_bytes: None, ..large };
    let url = host.put("fits.png", fits);
    assert_eq!(send(&world, image(url)).await.status, 202);
    let asked: Vec<String> = host.asked().into_iter().map(|(method, _)| method).collect();
    assert_eq!(asked, ["HEAD", "GET", "HEAD", "GET"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m40_a_links_preview_is_asked_for_where_the_profile_says_so() {
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        world.customer_writes("Hello").await;
        for preview in [false, true] {
            set_profile(&world, provider, json!({ "link_preview": preview })).await;
            assert_eq!(world.send("See https://example.com/a?b=1").await.status, 202);
            world.settle().await;
            let form = world.sandbox().outbox().last().cloned().unwrap().form;
            let body = body(provider, &form);
            match provider {
                Provider::Twilio => assert_eq!(body["Body"], "See https://example.com/a?b=1"),
                Provider::Gupshup => assert_eq!(body["message"]["previewUrl"], preview),
                Provider::Meta => assert_eq!(body["text"]["preview_url"], preview),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m45_m46_m48_texts_pass_unchanged_and_what_is_not_shown_is_said() {
    let text = "Two  spaces\nnext line *bold* _italic_ 🙂 مرحبا e\u{301} 𝒳";
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        world.customer_writes(text).await;
        let answer = world.send(text).await;
        assert_eq!(answer.body["notices"], Value::Null, "{provider:?}");
        world.settle().await;
        assert_eq!(world.sandbox().outbox()[0].body, text, "{provider:?}");
        let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
        let messages = world.messages(&conversation).await;
        assert!(messages.iter().all(|m| m["content"]["text"] == text), "{provider:?}");
        set_profile(&world, provider, json!({ "formatting": "new_lines" })).await;
        let answer = world.send(text).await;
        let notice = answer.body["notices"][0].as_str().unwrap();
        assert!(notice.contains(provider.as_str()), "{notice}");
        assert_eq!(world.send("one\ntwo").await.body["notices"], Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_an_accounts_profile_is_checked_shown_and_kept_to() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    for (profile, named) in [
        (json!({ "text_max": 0 }), "text_max"),
        (json!({ "sends": ["list"] }), "list"),
        (json!({ "sends": ["songs"] }), "songs"),
        (json!({ "media": { "image": { "types": ["png"] } } }), "media.image.types"),
        (json!({ "colour": 1 }), "colour"),
    ] {
        let body = json!({ "provider": "twilio", "profile": profile });
        let answer = world.put("/v1/accounts/tw", body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{named}");
        assert!(answer.text("detail").contains(named), "{}", answer.body);
    }
    let profile =
        json!({ "text_max": 5, "text_unit": "code_points", "sends": ["text", "location"] });
    set_profile(&world, Provider::Twilio, profile.clone()).await;
    let shown = world.get("/v1/accounts/tw").await.body;
    assert_eq!(shown["profile"], profile, "{shown}");
    assert_eq!(world.send("👋👋👋👋👋").await.status, 202);
    assert_eq!(world.send("👋👋👋👋👋👋").await.code(), "text_too_long");
    let place = json!({ "type": "location", "latitude": 1.5, "longitude": -2 });
    assert_eq!(send(&world, place).await.status, 202);
    world.settle().await;
    let form = world.sandbox().outbox().last().cloned().unwrap().form;
    assert_eq!(body(Provider::Twilio, &form)["PersistentAction"], "geo:1.5,-2");
    assert_eq!(world.sandbox().outbox().last().unwrap().from, NUMBER);
}

//! Definitions of templates, and what of them a message must bring (M60, M69, D3).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_testkit::World;
use transom_testkit::world::CUSTOMER;

async fn define(world: &World, name: &str, more: Value) -> Value {
    let mut body = json!({
        "language": "en", "category": "utility", "status": "approved",
        "provider_ref": format!("HX{name:0>32}"),
        "body": "Hi {{1}}",
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    let answer = world.put(&format!("/v1/accounts/tw/templates/{name}"), body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

async fn send(world: &World, name: &str, more: Value) -> transom_testkit::Answer {
    let mut content = json!({ "type": "template", "name": name });
    for (field, value) in more.as_object().unwrap() {
        content[field] = value.clone();
    }
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    world.post("/v1/messages", body).await
}

/// What the provider got of a template: its variables, as the provider's API wants them.
fn got(world: &World) -> Value {
    let outbox = world.sandbox().outbox();
    let last = outbox.last().expect("something was sent");
    serde_json::from_str(last.content_variables.as_deref().unwrap_or("null")).unwrap()
}

every_provider!(m69_header_and_buttons_are_defined_checked_and_sent);
async fn m69_header_and_buttons_are_defined_checked_and_sent(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let header = if provider == Provider::Twilio { "Order {{2}}" } else { "Order {{1}}" };
    let url = if provider == Provider::Twilio { "{{3}}" } else { "{{1}}" };
    let view = define(
        &world,
        "order",
        json!({
            "header": { "type": "text", "text": header },
            "footer": "Reply STOP to opt out",
            "buttons": [
                { "type": "quick_reply", "text": "Thanks" },
                { "type": "url", "text": "Track", "url": format!("https://example.com/{url}") },
            ],
        }),
    )
    .await;
    let names: [&str; 3] = match provider {
        Provider::Twilio => ["2", "1", "3"],
        Provider::Meta | Provider::Gupshup => ["header.1", "1", "button.1.1"],
    };
    assert_eq!(view["variables"], json!(names));
    assert_eq!((&view["kind"], &view["footer"]), (&json!("text"), &json!("Reply STOP to opt out")));
    let listed = world.get("/v1/accounts/tw/templates").await.body;
    assert_eq!(listed["items"].as_array().unwrap()[0], view, "listed as it was answered");

    let refused = send(&world, "order", json!({ "variables": { "1": "Asha" } })).await;
    assert_eq!((refused.status, refused.code()), (422, "template_variables"));
    for name in [names[0], names[2]] {
        assert!(refused.text("detail").contains(name), "{}", refused.body);
    }
    let variables = json!({ names[0]: "42", names[1]: "Asha", names[2]: "x7" });
    let sent = send(&world, "order", json!({ "variables": variables })).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    let expected = match provider {
        Provider::Twilio => json!({ "1": "Asha", "2": "42", "3": "x7" }),
        Provider::Gupshup => json!(["42", "Asha", "x7"]),
        Provider::Meta => json!([
            { "type": "header", "parameters": [{ "type": "text", "text": "42" }] },
            { "type": "body", "parameters": [{ "type": "text", "text": "Asha" }] },
            { "type": "button", "sub_type": "url", "index": "1",
              "parameters": [{ "type": "text", "text": "x7" }] },
        ]),
    };
    assert_eq!(got(&world), expected);
    assert_eq!(world.message(&sent.text("id")).await["status"], "delivered");
}

every_provider!(m69_a_file_of_the_templates_own_is_sent_where_a_message_brings_none);
async fn m69_a_file_of_the_templates_own_is_sent_where_a_message_brings_none(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let url = "https://example.com/leaflet.pdf";
    let view =
        define(&world, "leaflet", json!({ "header": { "type": "document", "url": url } })).await;
    assert_eq!(view["kind"], "media");
    let sent = send(&world, "leaflet", json!({ "variables": ["Asha"] })).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    let form = world.sandbox().outbox().last().unwrap().form.clone();
    let told = form.iter().any(|(_, value)| value.contains(url));
    // At Twilio the file is part of the content.
    assert_eq!(told, provider != Provider::Twilio, "{form:?}");

    define(&world, "leaflet", json!({ "header": { "type": "document" } })).await;
    let refused = send(&world, "leaflet", json!({ "variables": ["Asha"] })).await;
    assert_eq!(refused.code(), "template_variables");
    assert!(refused.text("detail").contains("header (document)"), "{}", refused.body);
}

every_provider!(m69_catalog_and_authentication_templates_are_sent);
async fn m69_catalog_and_authentication_templates_are_sent(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    define(
        &world,
        "shop",
        json!({ "kind": "catalog", "category": "marketing",
                "buttons": [{ "type": "catalog", "text": "View" }] }),
    )
    .await;
    assert_eq!(send(&world, "shop", json!({ "variables": ["Asha"] })).await.status, 202);
    world.settle().await;
    define(
        &world,
        "code",
        json!({ "kind": "authentication", "category": "authentication",
                "body": "{{1}} is your code.", "buttons": [{ "type": "otp" }] }),
    )
    .await;
    let sent = send(&world, "code", json!({ "variables": ["123456"] })).await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    let expected = match provider {
        Provider::Twilio => json!({ "1": "123456" }),
        Provider::Gupshup => json!(["123456", "123456"]),
        Provider::Meta => json!([
            { "type": "body", "parameters": [{ "type": "text", "text": "123456" }] },
            { "type": "button", "sub_type": "url", "index": "0",
              "parameters": [{ "type": "text", "text": "123456" }] },
        ]),
    };
    assert_eq!(got(&world), expected);
    assert_eq!(world.message(&sent.text("id")).await["status"], "delivered");
}

every_provider!(m61_d3_a_profile_can_forbid_media_templates);
async fn m61_d3_a_profile_can_forbid_media_templates(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    let url = "https://example.com/leaflet.pdf";
    define(&world, "leaflet", json!({ "header": { "type": "document", "url": url } })).await;
    let mut account = transom_testkit::world::account_body(provider);
    account["profile"] = json!({ "template_media": false });
    assert_eq!(world.put("/v1/accounts/tw", account).await.status, 200);
    let refused = send(&world, "leaflet", json!({ "variables": ["Asha"] })).await;
    assert_eq!((refused.status, refused.code()), (422, "content_unsupported"));
    assert!(refused.text("detail").contains(provider.as_str()), "{}", refused.body);
    define(&world, "plain", json!({})).await;
    assert_eq!(send(&world, "plain", json!({ "variables": ["Asha"] })).await.status, 202);
}

/// D2: which categories may be sent is data of the account; all by default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m70_d2_the_allowed_categories_are_data_of_the_account() {
    let world = World::start().await;
    world.opt_in(CUSTOMER).await;
    for category in ["marketing", "utility", "authentication"] {
        define(&world, category, json!({ "category": category })).await;
        assert_eq!(send(&world, category, json!({ "variables": ["A"] })).await.status, 202);
    }
    let mut account = transom_testkit::world::account_body(Provider::Twilio);
    account["template_categories"] = json!(["utility", "authentication"]);
    assert_eq!(world.put("/v1/accounts/tw", account).await.status, 200);
    for (category, code) in
        [("marketing", "category_forbidden"), ("utility", ""), ("authentication", "")]
    {
        assert_eq!(send(&world, category, json!({ "variables": ["A"] })).await.code(), code);
    }
}

/// What is wrong with a definition is named, and nothing is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m60_a_definition_that_cannot_be_is_refused_by_its_field() {
    let world = World::start().await;
    for (field, value, named) in [
        ("body", json!("Hi {{1"), "`body`"),
        ("header", json!({ "type": "image" }), "`kind` must be media"),
        ("header", json!({ "type": "poster" }), "header"),
        ("buttons", json!([{ "type": "url", "text": "Go", "url": "ftp://e" }]), "buttons[0].url"),
        ("buttons", json!([{ "type": "url", "text": "Go" }]), "buttons[0]"),
        ("footer", json!("x".repeat(61)), "`footer`"),
        ("kind", json!("carousel"), "`kind` must be one of"),
        ("language", json!("en US"), "`language`"),
    ] {
        let mut body = json!({
            "language": "en", "category": "utility", "status": "approved", "body": "Hi",
            "kind": "text",
        });
        body[field] = value;
        let refused = world.put("/v1/accounts/tw/templates/wrong", body).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{field}");
        assert!(refused.text("detail").contains(named), "{}", refused.body);
    }
    let listed = world.get("/v1/accounts/tw/templates").await.body;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

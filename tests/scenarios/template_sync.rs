//! The providers' own lists of templates, and handing one in for approval (M51, M60, F10).

use crate::every_provider::every_provider;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{ACCOUNT_SID, CUSTOMER};
use transom_testkit::{Answer, Fault, World};

const SYNC: &str = "/v1/accounts/tw/templates/sync";
/// The reference of the usual template.
const USUAL: &str = "HX0123456789abcdef0123456789abcdef";

/// The usual account's list at its provider.
fn list(provider: Provider) -> String {
    match provider {
        Provider::Twilio => format!("twilio/{ACCOUNT_SID}"),
        Provider::Meta => "meta/tw".to_owned(),
        Provider::Gupshup => "gupshup/UsualApp".to_owned(),
    }
}

/// A template as each provider lists it.
fn listed(provider: Provider, name: &str, status: &str, body: &str) -> Value {
    match provider {
        Provider::Twilio => json!({
            "friendly_name": "A friendly name", "language": "en",
            "types": { "twilio/text": { "body": body } },
            "approval_requests": {
                "name": name, "status": status.to_lowercase(), "category": "UTILITY",
                "rejection_reason": "",
            },
        }),
        Provider::Meta => json!({
            "name": name, "language": "en", "status": status, "category": "UTILITY",
            "components": [{ "type": "BODY", "text": body }], "rejected_reason": "NONE",
        }),
        Provider::Gupshup => json!({
            "elementName": name, "languageCode": "en", "status": status, "category": "UTILITY",
            "templateType": "TEXT", "data": body,
        }),
    }
}

async fn sync(world: &World) -> Answer {
    world.post(SYNC, json!({})).await
}

/// The account's templates, by name.
async fn templates(world: &World) -> BTreeMap<String, Value> {
    let body = world.get("/v1/accounts/tw/templates").await.body;
    let items = body["items"].as_array().unwrap().iter();
    items.map(|item| (item["name"].as_str().unwrap().to_owned(), item.clone())).collect()
}

/// How many events of this kind the subscriber heard.
async fn heard(world: &World) -> usize {
    world.settle().await;
    world.subscriber.of("template.updated").len()
}

every_provider!(m60_f10_the_providers_list_is_pulled_with_every_state);
async fn m60_f10_the_providers_list_is_pulled_with_every_state(provider: Provider) {
    let world = World::of(provider).await;
    let states: &[(&str, &str)] = match provider {
        Provider::Twilio => &[
            ("unsubmitted", "unsubmitted"),
            ("rejected", "rejected"),
            ("approved", "approved"),
            ("paused", "paused"),
            ("disabled", "disabled"),
            ("a_word_of_next_year", "a_word_of_next_year"),
        ],
        Provider::Meta | Provider::Gupshup => &[
            ("APPROVED", "approved"),
            ("REJECTED", "rejected"),
            ("PAUSED", "paused"),
            ("DISABLED", "disabled"),
            ("IN_APPEAL", "in_appeal"),
            ("FLAGGED", "flagged"),
            ("A_WORD_OF_NEXT_YEAR", "a_word_of_next_year"),
        ],
    };
    for (index, (word, _)) in states.iter().enumerate() {
        let raw = listed(provider, &format!("t{index}"), word, "Hi {{1}}");
        world.sandbox().list_template(&list(provider), &format!("HX{index}"), raw);
    }
    let answer = sync(&world).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["listed"], states.len() + 1);
    assert_eq!(answer.body["changed"], states.len(), "the usual one is as it was");
    let found = templates(&world).await;
    world.opt_in(CUSTOMER).await;
    for (index, (word, shown)) in states.iter().enumerate() {
        let name = format!("t{index}");
        let template = &found[&name];
        assert_eq!(template["status"], *shown, "{word}");
        assert_eq!(template["provider_ref"], format!("HX{index}"));
        assert_eq!(
            (&template["body"], &template["category"]),
            (&json!("Hi {{1}}"), &json!("utility"))
        );
        let content = json!({ "type": "template", "name": name, "variables": ["Asha"] });
        let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
        let sent = world.post("/v1/messages", body).await;
        if *shown == "approved" {
            assert_eq!(sent.status, 202, "{}", sent.body);
        } else {
            assert_eq!((sent.status, sent.code()), (409, "template_not_approved"), "{word}");
            assert!(sent.text("detail").contains(shown), "{}", sent.body);
        }
    }
    assert_eq!(heard(&world).await, states.len());
    // Nothing has changed since: nothing is told.
    assert_eq!(sync(&world).await.body["changed"], 0);
    assert_eq!(heard(&world).await, states.len());
}

every_provider!(f10_a_list_of_several_pages_is_read_to_its_end);
async fn f10_a_list_of_several_pages_is_read_to_its_end(provider: Provider) {
    let world = World::of(provider).await;
    for index in 0..230 {
        let raw = listed(provider, &format!("t{index}"), "APPROVED", "Hi");
        world.sandbox().list_template(&list(provider), &format!("HX{index:03}"), raw);
    }
    let answer = sync(&world).await;
    assert_eq!((answer.status, &answer.body["listed"]), (200, &json!(231)), "{}", answer.body);
    assert_eq!(templates(&world).await.len(), 231);
}

every_provider!(f10_a_list_that_breaks_off_changes_nothing);
async fn f10_a_list_that_breaks_off_changes_nothing(provider: Provider) {
    let world = World::of(provider).await;
    let before = templates(&world).await;
    let raw = listed(provider, "fresh", "APPROVED", "Hi");
    world.sandbox().unlist_templates(&list(provider));
    world.sandbox().list_template(&list(provider), "HX1", raw);
    let status =
        |status, code| Fault::Status { status, code, retry_after_s: Some(7), taken: false };
    for (fault, http) in [
        (Fault::DropUntaken, 503),
        (Fault::Garbage, 503),
        (status(500, 0), 503),
        (status(429, 0), 503),
        (status(403, 0), 400),
    ] {
        world.sandbox().fail_next_listing(fault);
        let answer = sync(&world).await;
        assert_eq!(answer.status, http, "{fault:?}: {}", answer.body);
        assert_eq!(
            answer.body["retry_at"].is_string(),
            matches!(fault, Fault::Status { .. }) && http == 503
        );
        assert_eq!(templates(&world).await, before, "{fault:?}");
    }
    assert_eq!(sync(&world).await.status, 200);
    assert_eq!(templates(&world).await["fresh"]["status"], "approved");
}

every_provider!(f10_what_the_provider_no_longer_lists_stays_visible_and_is_not_sent);
async fn f10_what_the_provider_no_longer_lists_stays_visible_and_is_not_sent(provider: Provider) {
    let world = World::of(provider).await;
    let draft = json!({ "language": "en", "category": "utility", "body": "A draft" });
    assert_eq!(world.put("/v1/accounts/tw/templates/draft", draft).await.status, 200);
    world.sandbox().unlist_templates(&list(provider));
    let answer = sync(&world).await;
    assert_eq!((answer.status, &answer.body["unlisted"]), (200, &json!(1)), "{}", answer.body);
    let found = templates(&world).await;
    assert_eq!(found["order_ready"]["status"], "unlisted");
    assert_eq!(
        found["draft"]["status"], "unsubmitted",
        "a draft is none of the provider's business"
    );
    world.opt_in(CUSTOMER).await;
    let refused = world.send_template(CUSTOMER).await;
    assert_eq!(refused.code(), "template_not_approved");
    assert!(refused.text("detail").contains("unlisted"), "{}", refused.body);
    // It is listed again.
    world.pass(Millis::from_seconds(1));
    let body = "Hello {{1}}, your order {{2}} is ready.";
    let raw = listed(provider, "order_ready", "APPROVED", body);
    world.sandbox().list_template(&list(provider), USUAL, raw);
    assert_eq!(sync(&world).await.status, 200);
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
}

every_provider!(m69_a_kind_that_is_not_sent_is_kept_and_refused_by_name);
async fn m69_a_kind_that_is_not_sent_is_kept_and_refused_by_name(provider: Provider) {
    let world = World::of(provider).await;
    let mut raw = listed(provider, "tour", "APPROVED", "Look");
    match provider {
        Provider::Twilio => raw["types"] = json!({ "twilio/carousel": { "body": "Look" } }),
        Provider::Meta => {
            raw["components"] = json!([{ "type": "BODY", "text": "Look" }, { "type": "CAROUSEL" }]);
        }
        Provider::Gupshup => raw["templateType"] = json!("CAROUSEL"),
    }
    world.sandbox().list_template(&list(provider), "HX1", raw);
    assert_eq!(sync(&world).await.status, 200);
    let found = templates(&world).await;
    assert_eq!(
        (&found["tour"]["kind"], &found["tour"]["status"]),
        (&json!("carousel"), &json!("approved"))
    );
    world.opt_in(CUSTOMER).await;
    let content = json!({ "type": "template", "name": "tour" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let refused = world.post("/v1/messages", body).await;
    assert_eq!((refused.status, refused.code()), (422, "content_unsupported"));
    assert!(refused.text("detail").contains("carousel"), "{}", refused.body);
}

every_provider!(m51_a_draft_is_handed_in_becomes_pending_and_is_approved);
async fn m51_a_draft_is_handed_in_becomes_pending_and_is_approved(provider: Provider) {
    let world = World::of(provider).await;
    let draft = json!({
        "language": "en", "category": "utility", "body": "Hi {{1}}, see {{2}}",
        "footer": "Thank you",
        "buttons": [
            { "type": "quick_reply", "text": "Yes" },
            { "type": "url", "text": "Track", "url": "https://example.com/{{3}}" },
        ],
    });
    assert_eq!(world.put("/v1/accounts/tw/templates/fresh", draft).await.status, 200);
    world.opt_in(CUSTOMER).await;
    let names = json!({ "1": "Asha", "2": "this", "3": "x" });
    let send = async || {
        let content = json!({ "type": "template", "name": "fresh", "variables": names });
        let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
        world.post("/v1/messages", body).await
    };
    assert!(send().await.text("detail").contains("unsubmitted"));

    let path = "/v1/accounts/tw/templates/fresh/submit";
    let submitted = world.post(path, json!({})).await;
    assert_eq!(submitted.status, 200, "{}", submitted.body);
    assert_eq!(submitted.body["status"], "pending");
    let reference = submitted.text("provider_ref");
    assert!(!reference.is_empty());
    assert!(send().await.text("detail").contains("pending"), "visible, and not approved");
    let at_provider = world.sandbox().listed_templates(&list(provider));
    assert!(at_provider[&reference].to_string().contains("Track"), "{at_provider:?}");

    // A repeat makes no second one.
    assert_eq!(world.post(path, json!({})).await.body, submitted.body);
    assert_eq!(world.sandbox().listed_templates(&list(provider)).len(), at_provider.len());

    world.pass(Millis::from_seconds(61));
    assert_eq!(sync(&world).await.status, 200);
    let found = templates(&world).await;
    assert_eq!(found["fresh"]["status"], "approved");
    assert_eq!(found["fresh"]["buttons"].as_array().unwrap().len(), 2);
    let sent = send().await;
    assert_eq!(sent.status, 202, "{}", sent.body);
    world.settle().await;
    assert_eq!(world.message(&sent.text("id")).await["status"], "delivered");
}

every_provider!(m51_what_cannot_be_handed_in_is_named);
async fn m51_what_cannot_be_handed_in_is_named(provider: Provider) {
    let world = World::of(provider).await;
    let put = async |name: &str, more: Value| {
        let mut body = json!({ "language": "en", "category": "utility", "body": "Hi" });
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        let answer = world.put(&format!("/v1/accounts/tw/templates/{name}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let submit = async |name: &str, body: Value| {
        world.post(&format!("/v1/accounts/tw/templates/{name}/submit"), body).await
    };
    assert_eq!(submit("unknown", json!({})).await.code(), "not_found");
    put("stopped", json!({ "status": "paused" })).await;
    let refused = submit("stopped", json!({})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("detail").contains("paused"), "{}", refused.body);
    put("two", json!({})).await;
    put("two", json!({ "language": "pt_BR" })).await;
    let refused = submit("two", json!({})).await;
    assert!(refused.text("detail").contains("en, pt_BR"), "{}", refused.body);
    assert_eq!(submit("two", json!({ "language": "pt_BR" })).await.body["status"], "pending");
    assert_eq!(submit("two", json!({ "lang": "en" })).await.code(), "invalid_request");
    // The provider says no: its words are shown, and the draft is as it was.
    put("Upper", json!({})).await;
    if provider != Provider::Gupshup {
        let refused = submit("Upper", json!({})).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_request"), "{}", refused.body);
        assert!(refused.text("detail").contains("the provider refused"), "{}", refused.body);
        assert_eq!(templates(&world).await["Upper"]["status"], "unsubmitted");
    }
    // A file needs an example.
    put("poster", json!({ "header": { "type": "image" } })).await;
    let refused = submit("poster", json!({})).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.text("detail").contains("header"), "{}", refused.body);
    // An account that is gone asks nobody.
    assert_eq!(world.delete("/v1/accounts/tw").await.status, 204);
    assert_eq!(sync(&world).await.code(), "integration_removed");
    assert_eq!(submit("Upper", json!({})).await.code(), "integration_removed");
}

/// At Twilio a content is made first. A call that is lost between the two leaves its reference, and
/// the repeat hands that one in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m51_handing_in_twice_makes_one_content() {
    let world = World::of(Provider::Twilio).await;
    let draft = json!({ "language": "en", "category": "utility", "body": "Hi" });
    assert_eq!(world.put("/v1/accounts/tw/templates/Upper", draft).await.status, 200);
    let path = "/v1/accounts/tw/templates/Upper/submit";
    let before = world.sandbox().listed_templates(&list(Provider::Twilio)).len();
    for _ in 0..2 {
        // The content is made, its approval is refused for its name.
        assert_eq!(world.post(path, json!({})).await.status, 400);
    }
    assert_eq!(world.sandbox().listed_templates(&list(Provider::Twilio)).len(), before + 1);
    assert!(templates(&world).await["Upper"]["provider_ref"].as_str().unwrap().starts_with("HX"));
}

//! What providers tell of templates, numbers and accounts, and what follows at once (E12, F10, U15).
//! Twilio tells none of it by webhook.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body, template_body};
use transom_testkit::{World, WorldPlan};

const TELLING: [Provider; 2] = [Provider::Meta, Provider::Gupshup];

/// A change of Meta's, as it comes.
fn change(field: &str, value: &Value, at: Timestamp) -> Value {
    let seconds = at.as_millis() / 1000;
    json!({ "object": "whatsapp_business_account", "entry": [
        { "id": "tw", "time": seconds, "changes": [{ "field": field, "value": value }] },
    ] })
}

/// An event of Gupshup's, as it comes.
fn event(kind: &str, payload: &Value, at: Timestamp) -> Value {
    json!({
        "app": "UsualApp", "appId": "106540352242922", "phone": "14155238886", "version": 2,
        "timestamp": at.as_millis(), "type": kind, "payload": payload,
    })
}

/// A template's state is told.
fn told(provider: Provider, name: &str, word: &str, at: Timestamp) -> Value {
    match provider {
        Provider::Meta => change(
            "message_template_status_update",
            &json!({
                "event": word, "message_template_id": 1_689_556_908_129_832_u64,
                "message_template_name": name, "message_template_language": "en",
                "reason": "NONE", "other_info": { "title": format!("WHY_{word}") },
            }),
            at,
        ),
        Provider::Gupshup => event(
            "template-event",
            &json!({
                "id": "c5ca3b9d", "status": word.to_lowercase(), "elementName": name,
                "languageCode": "en", "rejectedReason": format!("WHY_{word}"),
                "type": "status-update",
            }),
            at,
        ),
        Provider::Twilio => unreachable!("Twilio tells nothing by webhook"),
    }
}

pub(crate) async fn post(world: &World, body: &Value) {
    let answer = world.posts(world.provider, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn usual(world: &World) -> Value {
    world.get("/v1/accounts/tw/templates").await.body["items"][0].clone()
}

async fn kept(world: &World) -> Vec<(String, String)> {
    let body = world.get("/v1/accounts/tw/events").await.body;
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    let items = body["items"].as_array().unwrap().iter();
    items.map(|item| (text(item, "reason"), text(item, "kind"))).collect()
}

/// A paused template stops at once, also what waits in the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_m51_a_stopped_template_stops_what_is_queued() {
    for provider in TELLING {
        let plan = WorldPlan { provider: Some(provider), by_hand: true, ..WorldPlan::default() };
        let world = World::with(plan).await;
        world.opt_in(CUSTOMER).await;
        let queued = world.send_template(CUSTOMER).await;
        assert_eq!((queued.status, queued.text("status").as_str()), (202, "queued"));
        post(&world, &told(provider, "order_ready", "PAUSED", world.now())).await;
        world.settle().await;
        let message = world.message(&queued.text("id")).await;
        assert_eq!(message["status"], "refused", "{provider:?}: {message}");
        assert_eq!(message["failure"]["code"], "template_not_approved");
        assert!(message["failure"]["meaning"].to_string().contains("paused"), "{message}");
        assert_eq!(world.sandbox().outbox().len(), 0);
        let template = usual(&world).await;
        assert_eq!(
            (&template["status"], &template["reason"]),
            (&json!("paused"), &json!("WHY_PAUSED"))
        );
        let heard = world.subscriber.of("template.updated");
        assert_eq!(heard.last().unwrap().body["data"]["status"], "paused");
        assert_eq!(kept(&world).await, [], "it was acted on");
    }
}

/// Every order and every repetition of events ends in the state that was told last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_the_last_word_stands_in_every_order() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for provider in TELLING {
        for (order, last) in orders.iter().zip(["DISABLED", "APPROVED"].iter().cycle()) {
            let world = World::of(provider).await;
            let words = ["PAUSED", "REJECTED", last];
            world.pass(Millis::from_seconds(100));
            for index in order.iter().chain(order) {
                let at = world.now().minus(Millis::from_seconds(30 - 10 * *index as i64));
                post(&world, &told(provider, "order_ready", words[*index], at)).await;
            }
            assert_eq!(usual(&world).await["status"], last.to_lowercase(), "{order:?}");
            world.settle().await;
            // One id for each word that ever stood, however often it was told.
            let heard = world.subscriber.of("template.updated");
            let ids: BTreeSet<&str> = heard.iter().map(|heard| heard.id()).collect();
            assert!(ids.len() <= 3, "{ids:?}");
        }
    }
}

/// Of two words of one instant the more cautious one stands: never approved in doubt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_in_doubt_a_template_is_not_approved() {
    for provider in TELLING {
        for words in [["APPROVED", "PAUSED"], ["PAUSED", "APPROVED"]] {
            let world = World::of(provider).await;
            world.pass(Millis::from_seconds(10));
            for word in words {
                post(&world, &told(provider, "order_ready", word, world.now())).await;
            }
            assert_eq!(usual(&world).await["status"], "paused", "{words:?}");
        }
        // A word that nobody knows is visible, and not sent.
        let world = World::of(provider).await;
        world.opt_in(CUSTOMER).await;
        post(&world, &told(provider, "order_ready", "REVIEWED_TWICE", world.now())).await;
        assert_eq!(usual(&world).await["status"], "reviewed_twice");
        let refused = world.send_template(CUSTOMER).await;
        assert_eq!(refused.code(), "template_not_approved");
        assert!(refused.text("detail").contains("reviewed_twice"), "{}", refused.body);
    }
}

/// Whoever changes a template by hand overrules what was told before, and the provider overrules
/// him, even if its clock is far behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f10_the_provider_has_the_last_word() {
    for provider in TELLING {
        let world = World::of(provider).await;
        let long_ago = Timestamp::from_seconds(1_739_321_024);
        post(&world, &told(provider, "order_ready", "PAUSED", long_ago)).await;
        assert_eq!(usual(&world).await["status"], "paused");
        assert_eq!(
            world.put("/v1/accounts/tw/templates/order_ready", template_body()).await.status,
            200
        );
        assert_eq!(usual(&world).await["status"], "approved");
        // The same event again changes nothing; a later one does.
        post(&world, &told(provider, "order_ready", "PAUSED", long_ago)).await;
        assert_eq!(usual(&world).await["status"], "approved");
        let later = long_ago.plus(Millis::from_seconds(5));
        post(&world, &told(provider, "order_ready", "DISABLED", later)).await;
        assert_eq!(usual(&world).await["status"], "disabled");
        // A clock that is ahead silences nobody: it counts as now.
        let ahead = world.now().plus(Millis::from_hours(1000));
        post(&world, &told(provider, "order_ready", "APPROVED", ahead)).await;
        world.pass(Millis::from_seconds(2));
        post(&world, &told(provider, "order_ready", "PAUSED", world.now())).await;
        assert_eq!(usual(&world).await["status"], "paused");
    }
}

/// Category and quality are told, and each stands by its own time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m70_e12_category_and_quality_of_a_template_are_taken() {
    for provider in TELLING {
        let world = World::of(provider).await;
        let now = world.now();
        let names = json!({
            "message_template_name": "order_ready", "message_template_language": "en",
            "message_template_id": 1, "new_category": "MARKETING", "new_quality_score": "RED",
        });
        let own = json!({ "id": "x", "elementName": "order_ready", "languageCode": "en" });
        let with = |more: Value| {
            let mut payload = own.clone();
            for (key, value) in more.as_object().unwrap() {
                payload[key] = value.clone();
            }
            event("template-event", &payload, now)
        };
        let bodies = match provider {
            Provider::Meta => [
                change("template_category_update", &names, now),
                change("message_template_quality_update", &names, now),
            ],
            Provider::Gupshup | Provider::Twilio => [
                with(
                    json!({ "type": "category-update", "category": { "old": "UTILITY", "new": "MARKETING" } }),
                ),
                with(json!({ "type": "quality-update", "quality": "RED" })),
            ],
        };
        for body in &bodies {
            post(&world, body).await;
        }
        let template = usual(&world).await;
        assert_eq!(
            (&template["category"], &template["quality"], &template["status"]),
            (&json!("marketing"), &json!("red"), &json!("approved"))
        );
        let mut account = account_body(provider);
        account["template_categories"] = json!(["utility"]);
        assert_eq!(world.put("/v1/accounts/tw", account).await.status, 200);
        world.opt_in(CUSTOMER).await;
        assert_eq!(world.send_template(CUSTOMER).await.code(), "category_forbidden");
    }
}

/// A template that bears another name here is known by its reference; one that is not here is kept
/// by name, on both roads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_news_of_an_unknown_template_are_kept() {
    for provider in TELLING {
        let world = World::of(provider).await;
        let body = told(provider, "theirs", "PAUSED", world.now());
        post(&world, &body).await;
        let found = kept(&world).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "unknown_template");
        let mut ours = template_body();
        let reference = if provider == Provider::Meta { "1689556908129832" } else { "c5ca3b9d" };
        ours["provider_ref"] = json!(reference);
        assert_eq!(world.put("/v1/accounts/tw/templates/order_ready", ours).await.status, 200);
        let signed = world.inbound_text("x").at(&world.path("status"));
        let webhook =
            transom_testkit::Webhook { payload: transom_testkit::Payload::Json(body), ..signed };
        assert_eq!(world.post_webhook(&webhook).await.status, 200);
        assert_eq!(usual(&world).await["status"], "paused");
    }
}

fn standing(provider: Provider, meta: &Value, gupshup: &Value, at: Timestamp) -> Value {
    match provider {
        Provider::Meta => change("account_update", meta, at),
        Provider::Gupshup | Provider::Twilio => event("account-event", gupshup, at),
    }
}

pub(crate) fn restricted(provider: Provider, kind: &str, until: Timestamp, at: Timestamp) -> Value {
    let expiration = until.as_millis() / 1000;
    standing(
        provider,
        &json!({ "event": "ACCOUNT_RESTRICTION", "restriction_info": [
            { "restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": expiration + 9 },
            { "restriction_type": kind, "expiration": expiration },
        ] }),
        &json!({ "type": "account-restricted", "status": "ACCOUNT_RESTRICTED", "restrictionInfo": [
            { "restrictionType": kind, "expiration": expiration },
        ] }),
        at,
    )
}

/// A restricted account begins nothing until the very end of it; replies go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_restricted_account_begins_nothing_and_replies_go_on() {
    for provider in TELLING {
        let world = World::of(provider).await;
        let other = "+919876500001";
        world.opt_in(other).await;
        world.customer_writes("Hello").await;
        let until = world.now().plus(Millis::from_hours(1));
        let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING";
        post(&world, &restricted(provider, kind, until, world.now())).await;
        let refused = world.send_template(other).await;
        assert_eq!((refused.status, refused.code()), (409, "sender_restricted"));
        assert_eq!(world.send("Hi").await.status, 202, "a reply");
        let sender = world.get("/v1/senders/support").await.body;
        assert_eq!(sender["health"]["restricted"], "begins");
        assert_eq!(sender["health"]["restricted_until"], until.rfc3339());
        assert!(sender["health"]["effects"].to_string().contains("replies go on"), "{sender}");
        world.settle().await;
        let heard = world.subscriber.of("account.updated");
        assert_eq!(heard.last().unwrap().body["data"]["health"]["restricted"], "begins");
        // Changing account and sender does not lift it.
        assert_eq!(world.put("/v1/accounts/tw", account_body(provider)).await.status, 200);
        assert_eq!(world.put("/v1/senders/support", sender_body(NUMBER)).await.status, 200);
        assert_eq!(world.send_template(other).await.code(), "sender_restricted");
        world.settle().await;
        for (step, code) in [(-1, "sender_restricted"), (0, ""), (1, "")] {
            world.house.clock().advance_to(until.plus(Millis::new(step)));
            assert_eq!(
                world.send_template(other).await.code(),
                code,
                "at {}",
                world.now().rfc3339()
            );
        }
        assert_eq!(
            world.get("/v1/senders/support").await.body["health"]["restricted"],
            Value::Null
        );
    }
}

/// A disabled account sends nothing at all, until the provider says otherwise; words in any order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_disabled_account_sends_nothing_until_it_is_reinstated() {
    for provider in TELLING {
        let ban = |state: &str, at| {
            let word = if state == "DISABLE" { "ACCOUNT_DISABLED" } else { "ACCOUNT_REINSTATED" };
            standing(
                provider,
                &json!({ "event": "DISABLED_UPDATE", "ban_info": { "waba_ban_state": state } }),
                &json!({ "type": "account-disabled", "status": word }),
                at,
            )
        };
        for order in [[0, 1], [1, 0]] {
            let world = World::of(provider).await;
            world.customer_writes("Hello").await;
            world.pass(Millis::from_seconds(20));
            let events = [
                ban("DISABLE", world.now().minus(Millis::from_seconds(10))),
                ban("REINSTATE", world.now()),
            ];
            post(&world, &events[0]).await;
            assert_eq!(world.send("Hi").await.code(), "sender_restricted");
            let health = world.get("/v1/accounts/tw").await.body["health"].clone();
            assert_eq!(
                (&health["restricted"], &health["restricted_until"]),
                (&json!("all"), &Value::Null)
            );
            for index in order {
                post(&world, &events[index]).await;
            }
            assert_eq!(world.send("Hi").await.status, 202, "{order:?}");
        }
    }
}

/// U15: whether the business is verified is shown, with what follows from it; quality and display
/// name too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u15_verification_quality_and_display_name_are_shown_with_their_effect() {
    let world = World::of(Provider::Meta).await;
    let health = async || world.get("/v1/senders/support").await.body["health"].clone();
    let first = health().await;
    assert_eq!((&first["verification"], &first["quality"]), (&Value::Null, &Value::Null));
    assert!(first["effects"][0].as_str().unwrap().contains("Until the business is verified"));
    let now = world.now();
    post(&world, &change("account_update", &json!({ "event": "VERIFIED_ACCOUNT" }), now)).await;
    let number = json!({ "display_phone_number": "1 415 523 8886", "event": "FLAGGED" });
    post(&world, &change("phone_number_quality_update", &number, now)).await;
    let name = json!({
        "display_phone_number": "14155238886", "decision": "REJECTED",
        "requested_verified_name": "Acme Ltd", "rejection_reason": "x",
    });
    post(&world, &change("phone_number_name_update", &name, now)).await;
    let shown = health().await;
    assert_eq!(shown["verification"], "verified");
    assert_eq!(shown["quality"], "flagged");
    assert_eq!(
        (&shown["display_name"], &shown["display_name_decision"]),
        (&json!("Acme Ltd"), &json!("rejected"))
    );
    let effects = shown["effects"].to_string();
    assert!(effects.contains("quality is low") && effects.contains("not approved"), "{effects}");
    assert!(!effects.contains("Until the business is verified"), "{effects}");
    world.settle().await;
    assert_eq!(world.subscriber.of("sender.updated").len(), 2);
    assert_eq!(world.subscriber.of("account.updated").len(), 1);
    // Told again: the same ids.
    post(&world, &change("phone_number_name_update", &name, now)).await;
    world.settle().await;
    let heard = world.subscriber.of("sender.updated");
    let ids: BTreeSet<&str> = heard.iter().map(|heard| heard.id()).collect();
    assert_eq!(ids.len(), 2);
    // A number that is nobody's here is kept.
    let other = json!({ "display_phone_number": "15550000000", "event": "FLAGGED" });
    post(&world, &change("phone_number_quality_update", &other, now)).await;
    assert_eq!(kept(&world).await[0].0, "unknown_sender");
}

/// Another account's news change nothing of ours: only the number of the verified account counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f17_news_of_another_accounts_number_change_nothing() {
    let world = World::of(Provider::Meta).await;
    let (body, secret) = transom_testkit::world::another_account(Provider::Meta);
    assert_eq!(world.put("/v1/accounts/other", body).await.status, 200);
    let number = json!({ "display_phone_number": "14155238886", "event": "FLAGGED" });
    let told = change("phone_number_quality_update", &number, world.now());
    let webhook = transom_testkit::Webhook {
        payload: transom_testkit::Payload::Json(told),
        ..world.inbound_text("x").at("/webhooks/meta/other").signed_with(&secret)
    };
    assert_eq!(world.post_webhook(&webhook).await.status, 200);
    assert_eq!(world.get("/v1/senders/support").await.body["health"]["quality"], Value::Null);
}

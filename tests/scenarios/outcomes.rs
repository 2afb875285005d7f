//! Every fixture of a status and of an event of the account, posted as its provider posts it, has its
//! documented outcome: a fact, or a record of the account (F4, F6, F16).

use crate::fixtures::{VALUE, account_events, fixtures, parse, sent, split};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_testkit::World;

/// What a status does.
#[derive(Debug)]
struct Outcome {
    /// The facts that stand then beside `accepted`, with the code of a failure.
    facts: &'static [(&'static str, Option<&'static str>)],
    /// The kinds under which it is kept for the account, because it says nothing that is acted on.
    kept: &'static [&'static str],
}

const fn fact(of: &'static [(&'static str, Option<&'static str>)]) -> Outcome {
    Outcome { facts: of, kept: &[] }
}

const fn kept(as_kinds: &'static [&'static str]) -> Outcome {
    Outcome { facts: &[], kept: as_kinds }
}

const NOTHING: Outcome = Outcome { facts: &[], kept: &[] };

async fn assert_outcome(world: &World, name: &str, id: &str, outcome: &Outcome) {
    world.settle().await;
    let message = world.message(id).await;
    let mut known: Vec<String> = message["statuses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["status"].as_str().unwrap().to_owned())
        .filter(|status| status != "accepted")
        .collect();
    known.sort();
    let mut expected: Vec<String> = outcome.facts.iter().map(|(f, _)| (*f).to_owned()).collect();
    expected.sort();
    assert_eq!(known, expected, "{name}: {message}");
    let code = outcome.facts.iter().find_map(|(_, code)| *code);
    assert_eq!(message["failure"]["provider_code"].as_str(), code, "{name}");
    let mut events = account_events(world).await;
    events.sort();
    let mut kept: Vec<_> =
        outcome.kept.iter().map(|kind| ("unsupported".to_owned(), (*kind).to_owned())).collect();
    kept.sort();
    assert_eq!(events, kept, "{name}");
}

/// A webhook for each status of a webhook of version 3; of another one, itself.
fn one_by_one(whole: &Value) -> Vec<Value> {
    let place = format!("{VALUE}/statuses");
    let Some(statuses) = whole.pointer(&place).and_then(Value::as_array) else {
        return vec![whole.clone()];
    };
    let alone = |status: &Value| {
        let mut one = whole.clone();
        *one.pointer_mut(&place).unwrap() = json!([status]);
        one
    };
    statuses.iter().map(alone).collect()
}

/// Every fixture must have an outcome, and every outcome its fixture.
fn assert_complete(found: &BTreeMap<String, String>, table: &BTreeMap<&str, Outcome>) {
    let found: Vec<&str> = found.keys().map(String::as_str).collect();
    let known: Vec<&str> = table.keys().copied().collect();
    assert_eq!(found, known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_every_status_of_twilios_has_its_outcome() {
    let table = BTreeMap::from([
        ("status_accepted", NOTHING),
        ("status_canceled", fact(&[("failed", Some("canceled"))])),
        ("status_delivered", fact(&[("delivered", None)])),
        ("status_failed", fact(&[("failed", Some("63024"))])),
        ("status_partially_delivered", kept(&["status:partially_delivered"])),
        ("status_queued", NOTHING),
        ("status_read", fact(&[("read", None)])),
        ("status_scheduled", NOTHING),
        ("status_sending", NOTHING),
        ("status_sent", fact(&[("sent", None)])),
        ("status_undelivered", fact(&[("failed", Some("63016"))])),
    ]);
    let (statuses, _) = split(fixtures("twilio"), &["status_"]);
    assert_complete(&statuses, &table);
    for (name, text) in &statuses {
        let (world, id, sid) = sent(Provider::Twilio).await;
        let form: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(k, v)| {
                let v = if matches!(k, "MessageSid" | "SmsSid") { sid.as_str() } else { v };
                (k.to_owned(), v.to_owned())
            })
            .collect();
        for _ in 0..2 {
            let answer = world.signed(&format!("/status/twilio/tw?ref={id}.1"), &form).await;
            assert_eq!(answer.status, 200, "{name}");
        }
        assert_outcome(&world, name, &id, &table[name.as_str()]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_every_status_of_metas_has_its_outcome() {
    let table = BTreeMap::from([
        ("status_by_id", fact(&[("delivered", None)])),
        ("status_deleted", kept(&["status:deleted"])),
        ("status_delivered", fact(&[("delivered", None)])),
        ("status_failed", fact(&[("failed", Some("131047"))])),
        ("status_group", kept(&["status:delivered:in_group"])),
        ("status_novel", kept(&["status:novel"])),
        ("status_played", kept(&["status:played"])),
        ("status_read", fact(&[("read", None)])),
        ("status_sent", fact(&[("sent", None)])),
        ("status_warning", kept(&["status:warning"])),
        ("status_without_reference", fact(&[("read", None)])),
    ]);
    let (statuses, _) = split(fixtures("meta"), &["status_"]);
    assert_complete(&statuses, &table);
    for (name, text) in &statuses {
        let (world, id, sid) = sent(Provider::Meta).await;
        let mut value = parse(text);
        let status = value.pointer_mut(&format!("{VALUE}/statuses/0")).unwrap();
        status["id"] = json!(sid);
        if status.get("biz_opaque_callback_data").is_some() {
            status["biz_opaque_callback_data"] = json!(format!("{id}.1"));
        }
        for _ in 0..2 {
            assert_eq!(world.posts(Provider::Meta, &value).await.status, 200, "{name}");
        }
        assert_outcome(&world, name, &id, &table[name.as_str()]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_every_status_of_gupshups_has_its_outcome() {
    let table = BTreeMap::from([
        ("event_deleted", kept(&["status:deleted"])),
        ("event_delivered", fact(&[("delivered", None)])),
        ("event_enqueued", NOTHING),
        ("event_failed_bare", fact(&[("failed", Some("unknown"))])),
        ("event_failed_early", fact(&[("failed", Some("1003"))])),
        ("event_failed_late", fact(&[("failed", Some("131047"))])),
        ("event_failed_text_code", fact(&[("failed", Some("470"))])),
        ("event_mismatch", kept(&["status:mismatch"])),
        ("event_other", kept(&["status:other"])),
        ("event_read", fact(&[("read", None)])),
        ("event_read_late", fact(&[("read", None)])),
        ("event_sent", fact(&[("sent", None)])),
        ("event_sent_lite", fact(&[("sent", None)])),
        ("v3_deleted", kept(&["status:deleted"])),
        ("v3_enqueued", NOTHING),
        // Of three failures the first's code stands.
        ("v3_failed", fact(&[("failed", Some("131047"))])),
        (
            "v3_statuses",
            Outcome {
                facts: &[("sent", None), ("delivered", None), ("read", None)],
                kept: &["status:played", "status:sent:without_id"],
            },
        ),
    ]);
    let (mut statuses, _) = split(fixtures("gupshup"), &["event_", "v3_"]);
    // The others are messages and events of the account.
    statuses.retain(|name, _| {
        !["v3_text", "v3_reply", "v3_billing", "v3_set_callback"].contains(&&**name)
    });
    assert_complete(&statuses, &table);
    let enqueued = statuses["event_enqueued"].clone();
    for (name, text) in &statuses {
        let (world, id, sid) = sent(Provider::Gupshup).await;
        let about = |text: &str| parse(&text.replace("ee4a68a0-1203-4c85-8dc3-49d0b3226a35", &sid));
        // From here on WhatsApp's id leads to the message too.
        assert_eq!(world.posts(Provider::Gupshup, &about(&enqueued)).await.status, 200);
        // One after another, because of two failures the first one's code stands; then together.
        let whole = about(text);
        for body in one_by_one(&whole).iter().chain([&whole]) {
            let answer = world.posts(Provider::Gupshup, body).await;
            assert_eq!((answer.status, &answer.body), (200, &json!("")), "{name}");
        }
        assert_outcome(&world, name, &id, &table[name.as_str()]).await;
    }
}

/// Events of the account belong to no conversation: they are kept for it, and shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_every_event_of_an_account_is_kept_and_shown() {
    let metas = BTreeMap::from([
        ("event_account", kept(&["account_update:DISABLED_UPDATE"])),
        ("event_capability", NOTHING),
        ("event_echo", kept(&["smb_message_echoes:text"])),
        ("event_error", kept(&["messages:error:130429"])),
        ("event_group_text", kept(&["message:text:in_group"])),
        ("event_novel", kept(&["novel_field"])),
        ("event_number_quality", kept(&["phone_number_quality_update:ONBOARDING"])),
        ("event_preferences", NOTHING),
        ("event_template", kept(&["message_template_status_update:PAUSED"])),
        ("event_template_category", kept(&["template_category_update:MARKETING"])),
        ("event_template_quality", kept(&["message_template_quality_update:RED"])),
        ("event_user_id", kept(&["user_id_update"])),
    ]);
    let gupshups = BTreeMap::from([
        ("other_account", NOTHING),
        ("other_billing", kept(&["billing-event"])),
        ("other_novel", kept(&["novel-event"])),
        ("other_opted_in", NOTHING),
        ("other_opted_out", NOTHING),
        ("other_preference", NOTHING),
        ("other_sandbox_start", kept(&["user-event:sandbox-start"])),
        ("other_template", kept(&["template-event:status-update"])),
        ("other_template_category", kept(&["template-event:category-update"])),
        ("v3_billing", kept(&["billing-event"])),
        ("v3_set_callback", kept(&["status:set-callback"])),
    ]);
    let (events, _) = split(fixtures("gupshup"), &["other_", "v3_billing", "v3_set_callback"]);
    let tables = [
        (Provider::Meta, split(fixtures("meta"), &["event_"]).0, metas),
        (Provider::Gupshup, events, gupshups),
    ];
    let mut table = Vec::new();
    for (provider, found, outcomes) in tables {
        assert_complete(&found, &outcomes);
        for (name, text) in &found {
            let world = World::of(provider).await;
            for _ in 0..2 {
                assert_eq!(world.posts(provider, &parse(text)).await.status, 200, "{name}");
            }
            world.settle().await;
            assert_eq!(world.get("/v1/conversations").await.body["items"], json!([]), "{name}");
            let events = account_events(&world).await;
            let kinds: Vec<&str> = events.iter().map(|(_, kind)| kind.as_str()).collect();
            assert_eq!(kinds, outcomes[name.as_str()].kept, "{name}");
            let shown = world.get("/v1/accounts/tw/events").await.body;
            for item in shown["items"].as_array().unwrap() {
                assert!(item["id"].as_str().unwrap().starts_with("evt_"), "{name}");
                assert_eq!(item["at"], world.now().rfc3339(), "{name}");
                table.push(json!({ "fixture": name, "kind": item["kind"], "raw": item["raw"] }));
            }
        }
    }
    insta::assert_json_snapshot!("every_event_of_an_account", table);
}

/// The list is an administrator's alone, has pages, and knows its accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f16_the_events_of_an_account_are_listed_in_pages() {
    let world = World::of(Provider::Meta).await;
    let changes: Vec<Value> =
        (0..7).map(|n| json!({ "field": format!("novel_{n}"), "value": { "n": n } })).collect();
    let body = json!({
        "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": changes }],
    });
    assert_eq!(world.posts(Provider::Meta, &body).await.status, 200);
    let mut kinds = Vec::new();
    let mut path = "/v1/accounts/tw/events?limit=3".to_owned();
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        kinds.extend(items.iter().map(|i| i["kind"].as_str().unwrap().to_owned()));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/accounts/tw/events?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..7).map(|n| format!("novel_{n}")).collect();
    assert_eq!(kinds, expected);
    assert_eq!(world.get("/v1/accounts/nobody/events").await.status, 404);
    let odd = world.get("/v1/accounts/tw/events?cursor=nonsense!").await;
    assert_eq!((odd.status, odd.code()), (400, "invalid_request"));
    let key = world.post("/v1/keys", json!({ "role": "supervisor", "agent": "asha" })).await;
    let refused = world.call_as(&key.text("key"), "GET", "/v1/accounts/tw/events", None, &[]).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    // Not kept for ever: it may hold what a customer wrote.
    let account = transom_core::id::AccountId::parse("tw").unwrap();
    let store = &world.house.operator().store;
    assert_eq!(store.unattached(&account, None, 50).await.unwrap().0.len(), 7);
}

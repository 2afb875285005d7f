//! Who changed what of the set-up (M22, M52).

use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body, template_body};
use transom_testkit::{Script, WireFault, World};

async fn listed(world: &World, query: &str) -> Vec<Value> {
    let list = world.get(&format!("/v1/audit?{query}")).await;
    assert_eq!(list.status, 200, "{}", list.body);
    list.body["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m52_m22_the_template_switch_and_a_limit_are_audited() {
    let world = World::start().await;
    let key = world.post("/v1/keys", json!({ "role": "admin", "agent": "asha" })).await;
    let (id, key) = (key.text("id"), key.text("key"));
    let mut sender = sender_body(NUMBER);
    sender["template_messaging"] = json!(false);
    sender["messaging_limit"] = json!(1000);
    let path = "/v1/senders/support";
    world.pass(Millis::from_seconds(1));
    let answer = world.call_as(&key, "PUT", path, Some(&sender), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let newest = listed(&world, "limit=1").await.remove(0);
    assert_eq!(newest["by"], json!({ "key": id, "role": "admin", "agent": "asha" }));
    assert_eq!(newest["call"], "PUT /v1/senders/{sender}");
    assert_eq!((&newest["target"], &newest["status"]), (&json!(path), &json!(200)));
    for (field, before, after) in [
        ("template_messaging", json!(true), json!(false)),
        ("messaging_limit", json!(250), json!(1000)),
    ] {
        assert_eq!((&newest["before"][field], &newest["after"][field]), (&before, &after));
    }
    // What is refused is written down, and changes nothing.
    sender["messaging_limit"] = json!(-1);
    world.pass(Millis::from_seconds(1));
    assert_eq!(world.call_as(&key, "PUT", path, Some(&sender), &[]).await.status, 400);
    let refused = listed(&world, "limit=1").await.remove(0);
    assert_eq!((&refused["status"], &refused["after"]), (&json!(400), &Value::Null));
    // By whom, about what, and when.
    assert_eq!(listed(&world, "by=asha").await.len(), 2);
    assert_eq!(listed(&world, &format!("by={id}")).await.len(), 2);
    assert!(listed(&world, "target=/v1/senders/support").await.len() > 2, "its set-up too");
    assert!(listed(&world, "target=/v1/senders/supp").await.is_empty());
    let now = world.now().rfc3339();
    assert!(listed(&world, &format!("to={now}")).await.len() > 2, "those before");
    world.pass(Millis::from_seconds(1));
    let later = world.now().rfc3339();
    assert!(listed(&world, &format!("from={later}")).await.is_empty());
    for wrong in ["from=yesterday", "limit=0", "cursor=x", "of=me"] {
        assert_eq!(world.get(&format!("/v1/audit?{wrong}")).await.status, 400, "{wrong}");
    }
    let agent = world.post("/v1/keys", json!({ "role": "agent" })).await.text("key");
    assert_eq!(world.call_as(&agent, "GET", "/v1/audit", None, &[]).await.status, 403);
}

/// A template has no path of its own: it is shown in all its languages, before and after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m52_a_templates_change_tells_how_it_stood() {
    let world = World::start().await;
    world.pass(Millis::from_seconds(1));
    let mut template = template_body();
    template["body"] = json!("Dear {{1}}, order {{2}} is ready");
    let path = "/v1/accounts/tw/templates/order_ready";
    assert_eq!(world.put(path, template).await.status, 200);
    let newest = listed(&world, "limit=1").await.remove(0);
    let bodies = |state: &Value| -> Vec<Value> {
        state.as_array().unwrap().iter().map(|t| t["body"].clone()).collect()
    };
    assert_eq!(bodies(&newest["before"]), [template_body()["body"].clone()], "{newest}");
    assert_eq!(bodies(&newest["after"]), [json!("Dear {{1}}, order {{2}} is ready")], "{newest}");
    world.pass(Millis::from_seconds(1));
    let mut german = template_body();
    german["language"] = json!("de");
    assert_eq!(world.put("/v1/accounts/tw/templates/neu", german).await.status, 200);
    let newest = listed(&world, "limit=1").await.remove(0);
    assert_eq!((&newest["before"], bodies(&newest["after"]).len()), (&Value::Null, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_shows_no_secret_and_pages_join() {
    let world = World::of(Provider::Gupshup).await;
    let account = account_body(Provider::Gupshup);
    assert_eq!(world.put("/v1/accounts/tw", account.clone()).await.status, 200);
    assert_eq!(world.post("/v1/accounts/tw/deactivate", json!({})).await.status, 200);
    let key = world.post("/v1/keys", json!({ "role": "system" })).await;
    let made = key.text("key");
    let hook = json!({ "url": "http://127.0.0.1:9/", "events": [] });
    let secret = world.put("/v1/subscriptions/more", hook).await.text("secret");
    assert!(world.delete("/v1/subscriptions/more").await.status < 300);
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/v1/audit?limit=2{cursor}")).await.body;
        all.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let whole = listed(&world, "limit=200").await;
    assert_eq!(all, whole, "pages join without gap");
    let text = json!(whole).to_string();
    for value in account["credentials"].as_object().unwrap().values() {
        let value = value.as_str().unwrap();
        assert!(value == "UsualApp" || !text.contains(value), "{value}");
    }
    assert!(!made.is_empty() && !text.contains(&made), "no key");
    assert!(!secret.is_empty() && !text.contains(&secret), "no signing secret");
    let of = |call: &str| whole.iter().find(|a| a["call"] == call).cloned().unwrap();
    let switched = of("POST /v1/accounts/{account}/deactivate");
    assert_eq!(switched["before"]["state"], "active");
    assert_eq!(switched["after"]["state"], "deactivated");
    let removed = of("DELETE /v1/subscriptions/{id}");
    assert_eq!((&removed["before"]["id"], &removed["after"]), (&json!("more"), &Value::Null));
    let made = of("POST /v1/keys")["after"]["items"].clone();
    let ids: Vec<_> = made.as_array().unwrap().iter().map(|k| k["id"].clone()).collect();
    assert!(ids.contains(&key.body["id"]), "{ids:?}");
    // What is said to and about a customer is no set-up.
    let before = whole.len();
    world.opt_in(CUSTOMER).await;
    world.send("Hi").await;
    assert_eq!(listed(&world, "limit=200").await.len(), before);
}

/// A change whose record cannot be written is not made; one whose end nobody heard of says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_without_a_record_cannot_be() {
    let world = World::start().await;
    let brand = async |name: &str| world.put("/v1/brands/acme", json!({ "name": name })).await;
    world.inject(Script::new().on("Desk", "PutItem", 0, 3, WireFault::Unreachable));
    assert_eq!(brand("Changed").await.status, 503);
    world.house.faults().set(None);
    assert_ne!(world.get("/v1/brands/acme").await.body["name"], "Changed");
    world.pass(Millis::from_seconds(1));
    assert_eq!(brand("Changed").await.status, 200);
    let newest = listed(&world, "target=/v1/brands/acme").await.remove(0);
    assert_eq!((&newest["status"], &newest["after"]["name"]), (&json!(200), &json!("Changed")));
}

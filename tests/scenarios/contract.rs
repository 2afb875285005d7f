//! The contract's shapes and errors, from outside.

use serde_json::json;
use transom_testkit::World;
use transom_testkit::world::{ACCOUNT_SID, AUTH_TOKEN, CUSTOMER, NUMBER, sender_body};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_is_a_problem_document_with_a_code() {
    let world = World::start().await;
    type Case<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, u16, &'a str);
    let cases: [Case<'_>; 12] = [
        ("GET", "/v1/messages/msg_nothing", "application/json", None, 404, "not_found"),
        (
            "GET",
            "/v1/conversations/cnv_abcdefghijklmnopqrstuvwx",
            "application/json",
            None,
            404,
            "not_found",
        ),
        ("GET", "/v1/nothing", "application/json", None, 404, "not_found"),
        ("PATCH", "/v1/accounts/tw", "application/json", Some("{}"), 405, "method_not_allowed"),
        ("POST", "/v1/messages", "text/plain", Some("{}"), 415, "unsupported_media_type"),
        ("POST", "/v1/messages", "application/json", Some("{"), 400, "invalid_request"),
        ("POST", "/v1/messages", "application/json", Some("[]"), 400, "invalid_request"),
        (
            "POST",
            "/v1/messages",
            "application/json",
            Some(
                r#"{"sender":"support","to":"+919876543210","content":{"type":"text","text":"x"},"colour":1}"#,
            ),
            400,
            "invalid_request",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            Some(
                r#"{"sender":"support","to":"919876543210","content":{"type":"text","text":"x"}}"#,
            ),
            422,
            "contact_invalid",
        ),
        (
            "POST",
            "/v1/messages",
            "application/json",
            Some(
                r#"{"sender":"nobody","to":"+919876543210","content":{"type":"text","text":"x"}}"#,
            ),
            404,
            "not_found",
        ),
        ("POST", "/v1/agents/a/unknown", "application/json", Some("{}"), 404, "not_found"),
        ("GET", "/v1/radar", "application/json", None, 501, "not_implemented"),
    ];
    for (method, path, kind, body, status, code) in cases {
        let sent = body.map(|b| b.as_bytes().to_vec());
        let answer = world.raw(&world.key, method, path, kind, sent, &[]).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{method} {path} {body:?}: {}",
            answer.body
        );
        assert_eq!(answer.content_type, "application/problem+json", "{method} {path}");
        assert_eq!(answer.body["status"], status);
        for field in ["type", "title", "detail", "remedy"] {
            assert!(answer.body[field].is_string(), "{method} {path}: {field}");
        }
    }
    let unknown = world
        .post("/v1/messages", json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": "x" }, "colour": 1 }))
        .await;
    assert!(unknown.text("detail").contains("colour"), "{}", unknown.body);
    let typed = world
        .post("/v1/messages", json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": 7 } }))
        .await;
    assert_eq!(typed.code(), "invalid_request");
    assert!(typed.text("detail").contains("text"), "{}", typed.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_huge_and_broken_bodies_get_a_clear_answer() {
    let world = World::start().await;
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes();
    let nested =
        format!("{{\"content\":{}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000)).into_bytes();
    let broken = vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}'];
    let huge = vec![b' '; 2 * 1024 * 1024];
    for (body, expected) in [(deep, 400), (nested, 400), (broken, 400), (huge, 413)] {
        let answer = world
            .raw(&world.key, "POST", "/v1/messages", "application/json", Some(body), &[])
            .await;
        assert_eq!(answer.status, expected, "{}", answer.body);
        assert_eq!(answer.content_type, "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m124_keys_have_roles_and_are_refused_at_once() {
    let world = World::start().await;
    assert_eq!(world.call_as("", "GET", "/v1/conversations", None, &[]).await.status, 401);
    assert_eq!(
        world.call_as("trk_key_wrong", "GET", "/v1/conversations", None, &[]).await.status,
        401
    );
    let made = world.post("/v1/keys", json!({ "role": "agent", "agent": "asha" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let key = made.text("key");
    assert_eq!(world.call_as(&key, "GET", "/v1/conversations", None, &[]).await.status, 200);
    let forbidden = world
        .call_as(&key, "PUT", "/v1/brands/x", Some(&json!({ "name": "X", "active": true })), &[])
        .await;
    assert_eq!((forbidden.status, forbidden.code()), (403, "forbidden"));
    let list = world.get("/v1/keys").await;
    assert!(!list.body.to_string().contains(&key), "a key is answered once");
    // M123: every old key is refused at once.
    assert!(world.post("/v1/keys/revoke-all", json!({})).await.status < 300);
    assert_eq!(world.call_as(&key, "GET", "/v1/conversations", None, &[]).await.status, 401);
    world.customer_writes("Hello").await;
    let agent =
        world.post("/v1/keys", json!({ "role": "agent", "agent": "asha" })).await.text("key");
    let content = json!({ "type": "text", "text": "Hi" });
    let body = json!({ "sender": "support", "to": CUSTOMER, "content": content });
    let sent = world.call_as(&agent, "POST", "/v1/messages", Some(&body), &[]).await;
    let message = world.message(&sent.text("id")).await;
    assert_eq!((&message["origin"], &message["sent_by"]), (&json!("agent"), &json!("asha")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_write_only() {
    let world = World::start().await;
    for path in [
        "/v1/accounts/tw",
        "/v1/accounts",
        "/v1/subscriptions",
        "/v1/subscriptions/all",
        "/v1/keys",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let text = answer.body.to_string();
        assert!(!text.contains(AUTH_TOKEN) && !text.contains("whsec_"), "{path}");
    }
    let credentials = json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN });
    let body =
        json!({ "provider": "twilio", "credentials": credentials, "api_base_url": "ftp://x" });
    assert_eq!(world.put("/v1/accounts/odd", body).await.status, 400);
    let short =
        json!({ "provider": "twilio", "credentials": { "account_sid": "AC1", "auth_token": "x" } });
    let refused = world.put("/v1/accounts/odd", short).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("detail").contains("account_sid"), "{}", refused.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_newest_first_and_pages_join_without_gap() {
    let world = World::start().await;
    for n in 0..25 {
        world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(n % 3)));
        world.writes(&format!("+9198760{n:05}"), NUMBER, "Hello").await;
    }
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v1/conversations?limit=4".to_owned();
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        seen.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["opened_at"].as_str().unwrap().to_owned() + c["id"].as_str().unwrap()),
        );
        match page.body["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/conversations?limit=4&cursor={cursor}"),
            None => break,
        }
    }
    let mut unique = seen.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (25, 25));
    let times: Vec<&str> = seen.iter().map(|s| &s[..24]).collect();
    assert!(times.windows(2).all(|w| w[0] >= w[1]), "{times:?}");
    let bad = world.get("/v1/conversations?cursor=nonsense").await;
    assert_eq!((bad.status, bad.code()), (400, "invalid_request"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u9_a_customer_is_found_by_any_writing_of_the_number() {
    let world = World::start().await;
    world.writes("+15554443322", NUMBER, "Hello").await;
    world.writes(CUSTOMER, NUMBER, "Hello").await;
    for q in [
        "%2B15554443322",
        "15554443322",
        "0015554443322",
        "%2B1%20555%20444-3322",
        "(555)%20444-3322",
        "3322",
    ] {
        let found = world.get(&format!("/v1/conversations?q={q}")).await;
        let items = found.body["items"].as_array().unwrap().clone();
        assert_eq!(items.len(), 1, "{q}: {}", found.body);
        assert_eq!(items[0]["contact"]["phone"], "+15554443322", "{q}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m71_m73_consent_is_kept_with_its_source_and_history() {
    let world = World::start().await;
    let path = format!("/v1/senders/support/contacts/{CUSTOMER}/opt-in");
    world.put(&path, json!({ "source": "sms" })).await;
    world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(10)));
    world.delete(&path).await;
    world.house.clock().advance_to(world.now().plus(transom_core::time::Millis::new(10)));
    world.put(&path, json!({ "source": "qr" })).await;
    world.settle().await;
    let contacts = world.get("/v1/senders/support/contacts?opt_in=in").await;
    assert_eq!(contacts.body["items"].as_array().unwrap().len(), 1, "{}", contacts.body);
    let id = contacts.body["items"][0]["id"].as_str().unwrap().to_owned();
    let history = world.get(&format!("/v1/senders/support/contacts/{id}/consents")).await;
    assert_eq!(history.body["items"].as_array().unwrap().len(), 3, "{}", history.body);
    assert_eq!(world.subscriber.of("contact.opted_in").len(), 2);
    assert_eq!(world.subscriber.of("contact.opted_out").len(), 1);
    // M79: consent without a window.
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    assert_eq!(world.send("Hi").await.code(), "window_never_opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_belongs_to_one_live_sender() {
    let world = World::start().await;
    let refused = world.put("/v1/senders/second", sender_body(NUMBER)).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(refused.text("detail").contains("support"), "{}", refused.body);
    let mut wrong = sender_body("14155238886");
    assert_eq!(world.put("/v1/senders/second", wrong.clone()).await.status, 400);
    wrong["phone"] = json!("+14155238887");
    wrong["account"] = json!("nobody");
    assert_eq!(world.put("/v1/senders/second", wrong).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_of_the_api_is_complete() {
    let world = World::start().await;
    let document = world.call_as("", "GET", "/openapi.json", None, &[]).await;
    assert_eq!(document.status, 200);
    assert!(document.body["openapi"].as_str().unwrap().starts_with("3.1"));
    let text = document.body.to_string();
    for code in transom_core::code::Code::ALL {
        assert!(text.contains(code.as_str()), "{code} stands in the document");
    }
    for path in [
        "/v1/messages",
        "/v1/conversations/{id}",
        "/v1/accounts/{account}",
        "/v1/senders/{sender}/limit",
        "/v1/keys",
    ] {
        assert!(!document.body["paths"][path].is_null(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_later_issues_says_so() {
    let world = World::start().await;
    world.customer_writes("Hello").await;
    let calls = [
        ("GET", "/v1/self-check"),
        ("GET", "/v1/offers"),
        ("PUT", "/v1/agents/asha"),
        ("PUT", "/v1/queues/first"),
    ];
    for (method, path) in calls {
        let body = (method != "GET").then(|| json!({}));
        let answer = world.call(method, path, body.as_ref()).await;
        assert_eq!((answer.status, answer.code()), (501, "not_implemented"), "{method} {path}");
    }
}

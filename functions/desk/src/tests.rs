//! What the router itself answers, without a table: who may come in, and what is not understood.

use crate::openapi::document;
use crate::{calls, router};
use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use tower::ServiceExt;
use transom_app::outbound::OutboundClient;
use transom_app::provider::ProviderClient;
use transom_app::queues::QueueUrls;
use transom_app::{App, Clock, Config, Entropy, Queues};
use transom_store::{KeyRing, Store, Tables};

const ADMIN_KEY: &str = "the-first-key";

/// Every call of the contract.
const CONTRACT: &str = "
GET /v1/accounts · PUT /v1/accounts/{account} · GET /v1/accounts/{account}
DELETE /v1/accounts/{account} · POST /v1/accounts/{account}/deactivate
POST /v1/accounts/{account}/activate · GET /v1/brands · PUT /v1/brands/{brand}
GET /v1/brands/{brand} · DELETE /v1/brands/{brand} · GET /v1/senders · PUT /v1/senders/{sender}
GET /v1/senders/{sender} · DELETE /v1/senders/{sender} · PUT /v1/senders/{sender}/settings
GET /v1/senders/{sender}/settings · PUT /v1/portfolios/{portfolio}
GET /v1/portfolios/{portfolio}/limit · PUT /v1/senders/{sender}/entry-points/{id}
GET /v1/senders/{sender}/entry-points/{id} · DELETE /v1/senders/{sender}/entry-points/{id}
PUT /v1/accounts/{account}/templates/{name} · GET /v1/accounts/{account}/templates
POST /v1/accounts/{account}/templates/sync
POST /v1/accounts/{account}/templates/{name}/submit · GET /v1/subscriptions
PUT /v1/subscriptions/{id} · GET /v1/subscriptions/{id} · DELETE /v1/subscriptions/{id}
GET /v1/deliveries · POST /v1/deliveries/{id}/replay · GET /v1/keys · POST /v1/keys
DELETE /v1/keys/{id} · POST /v1/keys/revoke-all · GET /v1/agents · GET /v1/queues
GET /v1/usage · PUT /v1/prices/{list} · GET /v1/accounts/{account}/wallet
POST /v1/accounts/{account}/wallet/entries · GET /v1/audit · GET /v1/self-check
POST /v1/messages · POST /v1/messages/check · GET /v1/messages/{id}
POST /v1/messages/{id}/retry · POST /v1/messages/{id}/cancel · POST /v1/media
GET /v1/media/{id} · POST /v1/media/{id}/retry · GET /v1/conversations
GET /v1/conversations/{id} · PATCH /v1/conversations/{id} · GET /v1/conversations/{id}/messages
GET /v1/conversations/{id}/events · POST /v1/conversations/{id}/claim
POST /v1/conversations/{id}/assign · POST /v1/conversations/{id}/transfer
POST /v1/conversations/{id}/conference · POST /v1/conversations/{id}/conference/end
POST /v1/conversations/{id}/conference/exit · POST /v1/conversations/{id}/end
POST /v1/conversations/{id}/notes · PUT /v1/senders/{sender}/contacts/{contact}/opt-in
DELETE /v1/senders/{sender}/contacts/{contact}/opt-in · GET /v1/senders/{sender}/contacts
GET /v1/senders/{sender}/contacts/{contact} · DELETE /v1/senders/{sender}/contacts/{contact}
GET /v1/senders/{sender}/contacts/{contact}/consents
GET /v1/senders/{sender}/contacts/{contact}/export · GET /v1/senders/{sender}/limit
PUT /v1/agents/{agent} · DELETE /v1/agents/{agent} · PUT /v1/agents/{agent}/state
PUT /v1/queues/{queue} · PUT /v1/calendars/{calendar} · GET /v1/offers
POST /v1/offers/{id}/accept · POST /v1/offers/{id}/decline · GET /v1/wrap-up-reasons
PUT /v1/wrap-up-reasons/{id} · DELETE /v1/wrap-up-reasons/{id} · GET /v1/canned
PUT /v1/canned/{id} · DELETE /v1/canned/{id} · GET /v1/triggers · PUT /v1/triggers/{id}
DELETE /v1/triggers/{id} · GET /v1/radar";

/// Calls that this build has beside the contract's.
const BESIDE: &str = "GET /v1/accounts/{account}/events · GET /v1/prices/{list}
GET /v1/portfolios/{portfolio}";

/// An app whose table and queues are out of reach: nothing here may need them.
fn app() -> App {
    // Only the first of a process is installed; the others find it there.
    rustls::crypto::ring::default_provider().install_default().ok();
    let dynamo = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .build();
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .build();
    let keys = KeyRing::parse(&KeyRing::generate(&[7; 64])).expect("a key ring");
    let table = || "table".to_owned();
    let tables = Tables { sessions: table(), limits: table(), accounts: table() };
    let hash_key = keys.hash_key().clone();
    let urls = QueueUrls::default();
    let admin_key_sha256 =
        Some(data_encoding::HEXLOWER.encode(&Sha256::digest(ADMIN_KEY.as_bytes())));
    App {
        store: Store::new(aws_sdk_dynamodb::Client::from_conf(dynamo), tables, hash_key, 1),
        queues: Queues::new(aws_sdk_sqs::Client::from_conf(sqs), urls),
        keys,
        provider: ProviderClient::new().expect("a client"),
        objects: transom_app::objects::Objects::new(
            transom_app::objects::client(true).expect("a client"),
            None,
        ),
        outbound: OutboundClient::new(false).expect("a client"),
        clock: Clock::system(),
        entropy: Entropy::new(|bytes| bytes.fill(7)),
        config: Arc::new(Config { admin_key_sha256, ..Config::default() }),
    }
}

struct Answered {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Value,
}

impl Answered {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

async fn ask(request: Request<Body>) -> Answered {
    let response = router(app()).oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Answered { status: parts.status, headers: parts.headers, body }
}

fn request(method: &str, path: &str, key: Option<&str>) -> http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    match key {
        Some(key) => builder.header("authorization", format!("Bearer {key}")),
        None => builder,
    }
}

async fn plain(method: &str, path: &str, key: Option<&str>) -> Answered {
    ask(request(method, path, key).body(Body::empty()).expect("a request")).await
}

async fn post_json(path: &str, body: impl Into<Body>) -> Answered {
    let request = request("POST", path, Some(ADMIN_KEY)).header("content-type", "application/json");
    ask(request.body(body.into()).expect("a request")).await
}

fn listed() -> Vec<(String, String)> {
    let document = document(&calls());
    let paths = document["paths"].as_object().expect("paths");
    let mut listed = Vec::new();
    for (path, item) in paths {
        for method in item.as_object().expect("operations").keys() {
            listed.push((method.to_uppercase(), path.clone()));
        }
    }
    listed
}

#[test]
fn every_call_of_the_contract_is_in_the_document_and_no_other() {
    let contract: BTreeSet<(String, String)> = [CONTRACT, BESIDE]
        .into_iter()
        .flat_map(|calls| calls.split(['·', '\n']))
        .filter_map(|call| call.trim().split_once(' '))
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(listed().into_iter().collect::<BTreeSet<_>>(), contract);
    assert_eq!(calls().len(), contract.len());
}

#[tokio::test]
async fn every_call_of_the_document_is_routed_and_takes_no_one_without_a_key() {
    for (method, path) in listed() {
        let path = path.replace(['{', '}'], "");
        let answered = plain(&method, &path, None).await;
        assert_eq!(answered.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answered.code(), "unauthorized", "{method} {path}");
        assert_eq!(answered.headers["content-type"], "application/problem+json");
        assert_eq!(answered.headers["www-authenticate"], "Bearer");
        assert_eq!(answered.headers["cache-control"], "no-store");
        let wrong = plain(&method, &path, Some("trk_wrong")).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[test]
fn the_document_refers_to_nothing_that_is_missing() {
    let document = document(&calls());
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.1")));
    let text = document.to_string();
    for part in text.split("\"$ref\":\"").skip(1) {
        let reference = part.split('"').next().expect("a reference");
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let ids: Vec<&str> =
        text.split("\"operationId\":\"").skip(1).filter_map(|p| p.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert_eq!(ids.len(), calls().len());
    let roles = document["x-transom-roles"].as_object().expect("roles");
    assert_eq!(roles["admin"].as_array().map(Vec::len), Some(calls().len()));
}

#[tokio::test]
async fn the_document_needs_no_key() {
    let answered = plain("GET", "/openapi.json", None).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.headers["content-type"], "application/json");
    assert_eq!(answered.body["info"]["title"], "Transom");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let unknown = plain("GET", "/v1/nothing", Some(ADMIN_KEY)).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::NOT_FOUND, "not_found"));
    let wrong = plain("PUT", "/v1/messages", Some(ADMIN_KEY)).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.code(), "method_not_allowed");
    assert_eq!(wrong.headers["allow"], "POST");
    let two = plain("POST", "/v1/brands/acme", Some(ADMIN_KEY)).await;
    let allow = two.headers["allow"].to_str().expect("a list");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert!(allow.contains(method.as_str()), "{allow}");
    }
    let later = plain("GET", "/v1/radar", Some(ADMIN_KEY)).await;
    assert_eq!((later.status, later.code()), (StatusCode::NOT_IMPLEMENTED, "not_implemented"));
    let form = plain("GET", "/v1/messages/msg_1", Some(ADMIN_KEY)).await;
    assert_eq!(form.status, StatusCode::NOT_FOUND);
    let bytes = plain("GET", "/v1/messages/%ff", Some(ADMIN_KEY)).await;
    assert_eq!((bytes.status, bytes.code()), (StatusCode::BAD_REQUEST, "invalid_request"));
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let refused = |answered: Answered| (answered.status.as_u16(), answered.code().to_owned());
    let expect = |status: u16, code: &str| (status, code.to_owned());
    // A call that changes no set-up: what does is written down before its body is read.
    let sends = "/v1/messages";
    let without_type = plain("POST", sends, Some(ADMIN_KEY)).await;
    assert_eq!(refused(without_type), expect(415, "unsupported_media_type"));
    for body in ["", "{", "[]", "{}", r#"{"sender":7}"#, r#"{"content":{},"x":1}"#, "{} {}"] {
        assert_eq!(refused(post_json(sends, body).await), expect(400, "invalid_request"), "{body}");
    }
    let named = post_json(sends, r#"{"sender":7}"#).await;
    let detail = named.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("`sender`"), "{detail}");
    let invalid: &[u8] = b"{\"role\":\"\xff\"}";
    assert_eq!(refused(post_json(sends, invalid).await), expect(400, "invalid_request"));
    let deep = format!(r#"{{"content":{}{}}}"#, "[".repeat(9000), "]".repeat(9000));
    let deep = post_json(sends, deep).await;
    assert_eq!(refused(deep), expect(400, "invalid_request"));
    let large = format!(r#"{{"role":"{}"}}"#, "a".repeat(300_000));
    assert_eq!(refused(post_json(sends, large).await), expect(413, "payload_too_large"));
    let query = plain("GET", "/v1/conversations?limit=0", Some(ADMIN_KEY)).await;
    assert_eq!(refused(query), expect(400, "invalid_request"));
    let query = plain("GET", "/v1/conversations?colour=red", Some(ADMIN_KEY)).await;
    assert!(query.body["detail"].as_str().is_some_and(|d| d.contains("colour")));
    let query = plain("GET", "/v1/conversations?tag=vip", Some(ADMIN_KEY)).await;
    assert_eq!(refused(query), expect(501, "not_implemented"));
}

#[tokio::test]
async fn an_idempotency_key_has_a_form() {
    for key in ["", &"k".repeat(256), "tab\there"] {
        let request = request("POST", "/v1/messages", Some(ADMIN_KEY))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        let answered = ask(request.body(Body::from("{}")).expect("a request")).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{key}");
        assert!(answered.body["detail"].as_str().is_some_and(|d| d.contains("Idempotency-Key")));
    }
}

//! The one listener of local mode: API Gateway's routes, the sandbox, the phone, and `/local`.

use crate::house::House;
use crate::template::RouteMatch;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tower::ServiceExt;
use transom_boot::Gateway;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_wire::Webhook;

/// The largest body that API Gateway takes.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The furthest that one call moves the clock: ten years.
const ADVANCE_SECONDS_MAX: i64 = 10 * 365 * 86_400;

/// Everything that local mode answers.
pub fn router(house: &House) -> Router {
    Router::new()
        .route("/local/clock", get(read_clock).post(move_clock))
        .route("/local/outbox", get(outbox))
        .fallback(gateway)
        .with_state(house.clone())
        .nest_service(crate::engine::objects::PATH, house.rooms().objects.router())
        .nest("/sandbox", house.sandbox().router())
        .merge(house.sandbox().phone_router())
}

/// Sends a request to the function that the template's routes name, as API Gateway does.
pub async fn gateway(State(house): State<House>, request: Request<Body>) -> Response<Body> {
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let Some(found) = house.template().route(&method, &path) else {
        return problem(StatusCode::NOT_FOUND, "not_found", "no route of template.yaml matches");
    };
    let Some(router) = house.rooms().routers.get(&found.function).cloned() else {
        return problem(StatusCode::NOT_FOUND, "not_found", "this route's function takes no HTTP");
    };
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        let text = "the gateway takes at most 10 MiB";
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", text);
    };
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    parts.extensions.insert(Gateway {
        params: found.params.clone(),
        raw_path: path.clone(),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        domain: None,
    });
    let request = Request::from_parts(parts, Body::from(body.clone()));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.status().is_success() && method != "GET" {
        after_success(&house, &found, &path, &headers, &body).await;
    }
    response
}

/// The sandbox knows what a true provider knows: which numbers, templates and tokens there are,
/// and which customers have written.
async fn after_success(
    house: &House,
    found: &RouteMatch,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: &Bytes,
) {
    let sets_up = path.starts_with("/v1/accounts") || path.starts_with("/v1/senders");
    if found.function.starts_with("Desk") && !path.contains("/contacts/") && sets_up {
        if let Err(error) = house.sync_sandbox().await {
            tracing::warn!(%error, "the sandbox could not be told of a change");
        }
        return;
    }
    let provider = found.params.get("provider").and_then(|p| Provider::parse(p));
    if let Some(provider) = provider {
        let webhook = Webhook { url: path, query: "", headers, body };
        if let Err(error) = house.note_webhook(provider, &webhook).await {
            tracing::warn!(%error, "the sandbox could not be told of a webhook");
        }
    }
}

async fn read_clock(State(house): State<House>) -> Json<Value> {
    Json(clock(&house))
}

fn clock(house: &House) -> Value {
    let now = house.clock().now();
    json!({ "now": now.rfc3339(), "now_ms": now.as_millis() })
}

/// Moves the clock of the whole process and runs what became due before it answers.
async fn move_clock(State(house): State<House>, body: Bytes) -> Response<Body> {
    let seconds = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|v| v.get("advance_seconds").and_then(Value::as_f64))
        .filter(|s| s.is_finite() && *s >= 0.0 && *s <= ADVANCE_SECONDS_MAX as f64);
    let Some(seconds) = seconds else {
        let text = "send {\"advance_seconds\": N} with N from 0 to 315360000";
        return problem(StatusCode::BAD_REQUEST, "invalid_request", text);
    };
    match house.advance_by(Millis::new((seconds * 1000.0) as i64)).await {
        Ok(()) => Json(clock(&house)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the clock was moved, but not everything became quiet");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", &format!("{error:#}"))
        }
    }
}

async fn outbox(State(house): State<House>) -> Json<Value> {
    Json(json!({ "items": house.sandbox().outbox() }))
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    let body = json!({
        "type": format!("urn:transom:problem:{code}"),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
        "code": code,
    });
    let headers = [(axum::http::header::CONTENT_TYPE, "application/problem+json")];
    (status, headers, body.to_string()).into_response()
}

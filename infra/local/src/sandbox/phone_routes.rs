//! The page that plays the customer, and the JSON calls behind it.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PhoneMessage, Sandbox, SandboxError};

const PAGE: &str = include_str!("phone.html");

/// The page needs nothing from anywhere else, and must not run what a message might smuggle in.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// WhatsApp's largest file at Twilio is 16 MB; base64 makes a third more of it.
const MESSAGE_BYTES_MAX: usize = 24 * 1024 * 1024;

pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/phone", get(page))
        .route("/phone/numbers", get(numbers))
        .route("/phone/state", get(state))
        .route("/phone/messages", post(send).layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX)))
        .route("/phone/resend", post(resend))
        .route("/phone/read", post(read))
        .route("/phone/observed", post(observed))
        .with_state(sandbox)
}

async fn page() -> Response {
    (
        [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (CACHE_CONTROL, "no-store"),
        ],
        PAGE,
    )
        .into_response()
}

async fn numbers(State(sandbox): State<Sandbox>) -> Response {
    Json(json!({"numbers": sandbox.numbers()})).into_response()
}

async fn state(State(sandbox): State<Sandbox>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    Json(sandbox.phone_state(&value("from"), &value("to"))).into_response()
}

/// Takes a whole [`PhoneMessage`], or `{"from","to","text"}` for words.
async fn send(State(sandbox): State<Sandbox>, Json(mut message): Json<Value>) -> Response {
    if let Some(fields) = message.as_object_mut() {
        fields.entry("kind").or_insert_with(|| Value::from("text"));
    }
    match serde_json::from_value::<PhoneMessage>(message) {
        Ok(message) => answer(sandbox.phone_send(message).await),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

#[derive(Debug, Deserialize)]
struct Resend {
    sid: String,
}

async fn resend(State(sandbox): State<Sandbox>, Json(resend): Json<Resend>) -> Response {
    answer(sandbox.phone_resend(&resend.sid).await)
}

#[derive(Debug, Deserialize)]
struct Read {
    from: String,
    to: String,
}

async fn read(State(sandbox): State<Sandbox>, Json(thread): Json<Read>) -> StatusCode {
    let (customer, business) =
        (super::address::bare(&thread.from), super::address::bare(&thread.to));
    sandbox.read_thread(&customer, &business).await;
    StatusCode::NO_CONTENT
}

/// Someone posted an inbound webhook by hand and tells the sandbox of it, with the same form.
async fn observed(State(sandbox): State<Sandbox>, form: Bytes) -> Response {
    let params = form_urlencoded::parse(&form).into_owned().collect();
    match sandbox.note_inbound_form(params) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(&error),
    }
}

fn answer(result: Result<super::PhoneAnswer, SandboxError>) -> Response {
    match result {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &SandboxError) -> Response {
    let status = match error {
        SandboxError::UnknownNumber(_) | SandboxError::UnknownMessage(_) => StatusCode::NOT_FOUND,
        SandboxError::NoInboundUrl(_)
        | SandboxError::BadCustomer(_)
        | SandboxError::BadMedia
        | SandboxError::BadBatch(_) => StatusCode::UNPROCESSABLE_ENTITY,
        SandboxError::NotReached { .. } => StatusCode::BAD_GATEWAY,
    };
    problem(status, &error.to_string())
}

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({"detail": detail}))).into_response()
}

//! The business-facing API: everything under `/v1`, and `GET /openapi.json`.
//!
//! Reads requests, calls one use case each, writes answers. Which calls there are, who may make
//! them, and what they take and answer stands in one table, from which the routes and the
//! document are both made: a call cannot be in one and not in the other. No rule is decided here.

mod accounts;
mod audit;
mod auth;
mod brands;
mod call;
mod contacts;
mod content_shapes;
mod conversations;
mod deliveries;
mod entry_points;
mod examples;
mod input;
mod keys;
mod media;
mod message_body;

mod messages;
mod not_implemented;
mod openapi;
mod portfolios;
mod prices;
mod problem;
mod senders;
mod subscriptions;
mod templates;
mod usage;
mod wallet;

use crate::call::Call;
use crate::problem::Failure;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, HeaderName};
use std::sync::Arc;
use transom_app::{App, Problem};
use transom_core::code::Code;

/// The header that names a request in our logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of a request's id.
const REQUEST_ID_CHARS: usize = 16;

/// The API on `app`.
pub fn router(app: App) -> Router {
    let mut routes = Router::new().route("/openapi.json", get(openapi::show));
    let readers = calls().into_iter().filter_map(|call| call.reader(&app)).collect();
    let audit = audit::Audit { app: app.clone(), readers: Arc::new(readers) };
    for call in calls() {
        let path = call.doc.path;
        routes = routes.route(path, call.guarded(&audit));
    }
    routes
        .method_not_allowed_fallback(wrong_method)
        .fallback(unknown_path)
        .layer(from_fn_with_state(app.clone(), tell))
        .with_state(app)
}

/// What `GET /openapi.json` answers, for those who hold answers against it.
#[must_use]
pub fn document() -> serde_json::Value {
    openapi::document(&calls())
}

/// Every call there is.
fn calls() -> Vec<Call> {
    [
        accounts::calls(),
        audit::calls(),
        brands::calls(),
        senders::calls(),
        entry_points::calls(),
        portfolios::calls(),
        templates::calls(),
        subscriptions::calls(),
        deliveries::calls(),
        keys::calls(),
        prices::calls(),
        wallet::calls(),
        usage::calls(),
        messages::calls(),
        media::calls(),
        conversations::calls(),
        contacts::calls(),
        not_implemented::calls(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn unknown_path() -> Failure {
    Problem::new(Code::NotFound, "no call has this path; GET /openapi.json lists every call").into()
}

async fn wrong_method() -> Failure {
    let detail = "this path does not have this method; the Allow header names those it has";
    Problem::new(Code::MethodNotAllowed, detail).into()
}

/// One line per request, without anything personal: the path is the pattern, not what it holds.
async fn tell(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = format!("req_{}", app.entropy.text(REQUEST_ID_CHARS));
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let code = response.extensions().get::<Code>().map_or("", |code| code.as_str());
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let status = response.status().as_u16();
    tracing::info!(request = %id, %method, path, status, code, "request");
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests;

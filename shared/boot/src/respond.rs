//! How a provider is answered: with what it wants, and never with anything that it would send
//! on to a customer.

use crate::gateway::arrival;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Request, Response, StatusCode};
use transom_app::App;
use transom_app::webhook::Answered;

/// Takes a webhook and answers it: 200 only after everything in it is durable.
pub async fn webhook(app: &App, request: Request<Body>) -> Response<Body> {
    let Some(arrival) = arrival(app, request).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the webhook is too large");
    };
    match app.take_webhook(&arrival, app.clock.now()).await {
        Ok(Answered::Taken { content_type, body }) => {
            answer(StatusCode::OK, content_type, body.to_owned())
        }
        Ok(Answered::Forged) => forged(),
        Ok(Answered::Unparsable(reason)) => plain(StatusCode::BAD_REQUEST, &reason),
        Ok(Answered::TooLarge) => plain(StatusCode::PAYLOAD_TOO_LARGE, "the webhook is too large"),
        Err(error) => {
            tracing::error!(outcome = "not_stored", error = %transom_app::error::chain(&error), "webhook");
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "try again");
            response.headers_mut().insert(RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
            response
        }
    }
}

/// Answers a provider's subscription handshake.
pub async fn handshake(app: &App, request: Request<Body>) -> Response<Body> {
    let Some(arrival) = arrival(app, request).await else { return forged() };
    match app.handshake(&arrival).await {
        Ok(Some(challenge)) => answer(StatusCode::OK, "text/plain; charset=utf-8", challenge),
        Ok(None) => forged(),
        Err(error) => {
            tracing::error!(outcome = "not_answered", error = %transom_app::error::chain(&error), "handshake");
            plain(StatusCode::SERVICE_UNAVAILABLE, "try again")
        }
    }
}

/// The answer to whoever cannot prove to be the provider.
#[must_use]
pub fn forged() -> Response<Body> {
    plain(StatusCode::FORBIDDEN, "the signature is missing or does not match")
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    answer(status, "text/plain; charset=utf-8", text.to_owned())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static(content_type));
    response
}

//! Authentication, and the shape of a refusal.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::accounts::Accounts;

/// A refusal that the HTTP answer tells: it has no code but the HTTP status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: &'static str,
}

impl Refusal {
    /// A 400: the request itself is wrong.
    pub(super) fn bad_request(message: &'static str) -> Self {
        Self { status: 400, message }
    }

    /// The usual refusal with this status.
    pub(super) fn of_status(status: u16) -> Self {
        let message = match status {
            401 => "Authentication Failed",
            429 => "Too Many Requests",
            400..=499 => "Invalid App Details",
            _ => "Internal Server Error",
        };
        Self { status, message }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({"status": "error", "message": self.message});
        (status, Json(body)).into_response()
    }
}

/// The key of the caller, if it opens any app.
pub(super) fn authenticate<'a>(
    accounts: &Accounts,
    headers: &'a HeaderMap,
) -> Result<&'a str, Refusal> {
    headers
        .get("apikey")
        .and_then(|value| value.to_str().ok())
        .filter(|api_key| accounts.knows_key(api_key))
        .ok_or_else(|| Refusal::of_status(401))
}

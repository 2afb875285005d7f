//! Authentication, and the shape of a refusal.

use axum::Json;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::accounts::{Accounts, TwilioAccount};

/// A refusal that the HTTP answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) message: String,
}

impl Refusal {
    /// A 400: the request itself is wrong.
    pub(super) fn bad_request(code: u32, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into() }
    }

    /// The 404 of a resource that does not exist.
    pub(super) fn not_found(path: &str) -> Self {
        Self { status: 404, code: 20404, message: format!("No resource was found at {path}") }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status,
        });
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(body)).into_response()
    }
}

/// The account of the path, if the caller has proved to be it.
pub(super) fn authenticate<'a>(
    accounts: &'a Accounts,
    account_sid: &str,
    headers: &HeaderMap,
) -> Result<&'a TwilioAccount, Refusal> {
    let refusal = || Refusal { status: 401, code: 20003, message: "Authenticate".to_owned() };
    let (user, secret) = basic_credentials(headers).ok_or_else(refusal)?;
    accounts
        .get(account_sid)
        .filter(|account| user == account.account_sid && secret == account.auth_token)
        .ok_or_else(refusal)
}

/// The account that the caller has proved to be, where the path names none.
pub(super) fn authenticate_anyone<'a>(
    accounts: &'a Accounts,
    headers: &HeaderMap,
) -> Result<&'a TwilioAccount, Refusal> {
    let user = basic_credentials(headers).map(|(user, _)| user).unwrap_or_default();
    authenticate(accounts, &user, headers)
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, secret) = decoded.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}

//! Authentication, and the shape of a refusal.

use axum::Json;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::accounts::{Accounts, MetaAccount};

/// A refusal that the HTTP answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: u32,
    pub(super) details: String,
}

impl Refusal {
    /// A 400 with what is wrong.
    pub(super) fn bad_request(code: u32, details: impl Into<String>) -> Self {
        Self { status: 400, code, details: details.into() }
    }

    /// The 400 for a parameter that does not fit.
    pub(super) fn parameter(details: impl Into<String>) -> Self {
        Self::bad_request(100, details)
    }

    /// The refusal of an object that does not exist, or not for this caller.
    pub(super) fn no_object(id: &str) -> Self {
        Self::parameter(format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to \
             missing permissions, or does not support this operation"
        ))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let message = match self.code {
            190 => "Invalid OAuth access token - Cannot parse access token".to_owned(),
            100 => format!("(#100) {}", self.details),
            code => format!("(#{code}) {}", failure_title(code)),
        };
        let body = json!({"error": {
            "message": message,
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "AsandboxTraceId",
        }});
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(body)).into_response()
    }
}

/// The account of the bearer token.
pub(super) fn authenticate<'a>(
    accounts: &'a Accounts,
    headers: &HeaderMap,
) -> Result<&'a MetaAccount, Refusal> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    accounts.account(token).ok_or_else(|| Refusal {
        status: 401,
        code: 190,
        details: "The access token is not valid".to_owned(),
    })
}

/// What Meta calls an error.
pub(in crate::sandbox) fn failure_title(code: u32) -> &'static str {
    match code {
        100 => "Invalid parameter",
        130_429 => "Rate limit hit",
        130_472 => "User's number is part of an experiment",
        131_008 => "Required parameter is missing",
        131_009 => "Parameter value is not valid",
        131_021 => "Recipient cannot be sender",
        131_026 => "Message undeliverable",
        131_030 => "Recipient phone number not in allowed list",
        131_047 => "Re-engagement message",
        131_048 => "Spam rate limit hit",
        131_049 => "This message was not delivered to maintain healthy ecosystem engagement.",
        131_050 => "User has stopped marketing messages",
        131_051 => "Unsupported message type",
        131_053 => "Media upload error",
        131_056 => "(Business Account, Consumer Account) pair rate limit hit",
        132_000 => "Number of parameters does not match the expected number of params",
        132_001 => "Template name does not exist in the translation",
        132_012 => "Parameter format does not match format in the created template",
        132_015 => "Template is paused",
        132_016 => "Template is disabled",
        _ => "Something went wrong",
    }
}

/// What Meta adds to an error that is told by a status.
pub(super) fn failure_details(code: u32) -> &'static str {
    match code {
        131_026 => "Message Undeliverable.",
        131_047 => {
            "Message failed to send because more than 24 hours have passed since the customer \
             last replied to this number."
        }
        131_049 => {
            "In order to maintain a healthy ecosystem engagement, the message failed to be \
             delivered."
        }
        131_053 => "Downloading media from the link failed.",
        _ => "Message failed to send because of an unknown error. Try again later.",
    }
}

//! Failures as callers read them (RFC 9457). This is the one place that maps them to HTTP.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use transom_app::view::ProblemView;
use transom_app::{AppError, Problem};
use transom_core::code::Code;
use transom_core::time::Timestamp;
use transom_store::StoreError;

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A failed request.
#[derive(Debug)]
pub(crate) struct Failure {
    problem: Problem,
    now: Option<Timestamp>,
}

impl Failure {
    /// The same, with `now`: where waiting helps, the answer says for how many seconds.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, now: None }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        problem_of(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        AppError::from(error).into()
    }
}

/// What a caller is told of an error. What is not the caller's to mend is logged here, once.
pub(crate) fn problem_of(error: AppError) -> Problem {
    let code = match &error {
        AppError::Refused(_) => None,
        AppError::Store(StoreError::Unavailable { .. } | StoreError::Contended { .. })
        | AppError::Queue { .. }
        | AppError::Objects { .. }
        | AppError::OutOfTime => Some(Code::Overloaded),
        AppError::Store(StoreError::Corrupt { .. }) | AppError::Keys(_) => Some(Code::Internal),
    };
    match (error, code) {
        (AppError::Refused(problem), _) => *problem,
        (error, code) => {
            let code = code.unwrap_or(Code::Internal);
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, %code, "a request failed");
            Problem::new(
                code,
                "the request was not carried out; repeat it, with the same Idempotency-Key where it has one",
            )
        }
    }
}

/// A problem's HTTP status and body.
pub(crate) fn written(problem: &Problem) -> (StatusCode, String) {
    let status =
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(&ProblemView::from(problem)).unwrap_or_default();
    (status, body)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, body) = written(&self.problem);
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if self.problem.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let (Some(at), Some(now)) = (self.problem.retry_at, self.now) {
            // Rounded up: a caller who comes back by this header is never too early.
            let seconds = at.since(now).get().max(0).saturating_add(999) / 1000;
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self.problem.code);
        response
    }
}

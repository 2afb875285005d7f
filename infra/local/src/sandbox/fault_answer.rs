//! What a send sees of the fault that it meets.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};

use super::Fault;

/// A length that the broken answer promises and never keeps.
const BROKEN_ANSWER_BYTES: u64 = 512;

/// What the caller sees of this fault. `accepted` is the provider's status of success, and
/// `refuse` its shape of a refusal with an HTTP status and an error code.
pub(super) async fn faulty_answer(
    fault: Fault,
    accepted: StatusCode,
    refuse: impl FnOnce(u16, u32) -> Response,
) -> Response {
    match fault {
        Fault::DropAfterRequest | Fault::DropUntaken => broken_answer(),
        Fault::Hang => futures::future::pending().await,
        Fault::Garbage => {
            let headers = [(CONTENT_TYPE, "application/json")];
            (accepted, headers, "<html>not what you hoped for").into_response()
        }
        Fault::Status { status, code, retry_after_s, taken: _ } => {
            let mut response = refuse(status, code);
            if let Some(retry_after_s) = retry_after_s {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_s));
            }
            response
        }
    }
}

/// An answer whose body fails before its first byte: the server gives the connection up before
/// it has written anything, so the caller sees it close without an answer.
fn broken_answer() -> Response {
    let broken = futures::stream::once(async {
        Err::<Bytes, _>(io::Error::other("the sandbox drops this connection by order"))
    });
    let mut response = Body::from_stream(broken).into_response();
    response.headers_mut().insert(CONTENT_LENGTH, BROKEN_ANSWER_BYTES.into());
    response
}

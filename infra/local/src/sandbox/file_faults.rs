//! Faults of files that tests order in advance: each is met by one reading of a file that would
//! have been served.

use super::{Sandbox, push_bounded};
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// What goes wrong with one reading of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFault {
    /// This HTTP status instead of the file: 404 where it is gone, 500 where the storage is ill.
    Status(u16),
    /// Another type than the file's is told.
    Typed(String),
    /// Other bytes come.
    Garbled,
    /// The size is not told.
    Untold,
    /// This size is told, and the bytes break off before.
    Promised(u64),
    /// A redirect to here.
    RedirectTo(String),
    /// The answer begins at once, and its bytes come after this long.
    Late(Duration),
    /// No answer ever comes.
    Hang,
}

/// The faults that wait, and how often files were asked for.
#[derive(Debug, Default)]
pub(super) struct FileFaults {
    next: VecDeque<FileFault>,
    read: usize,
}

impl Sandbox {
    /// The next reading of a file at any provider meets this fault; faults queue up in order.
    pub fn fail_next_file(&self, fault: FileFault) {
        push_bounded(&mut self.state().file_faults.next, fault);
    }

    /// How often a file was read, or tried to be.
    pub fn files_read(&self) -> usize {
        self.state().file_faults.read
    }

    /// A file as its provider serves it, or the fault that waits.
    pub(super) async fn file_answer(&self, content_type: String, bytes: Bytes) -> Response {
        let fault = {
            let mut state = self.state();
            state.file_faults.read += 1;
            state.file_faults.next.pop_front()
        };
        match fault {
            None => ([(CONTENT_TYPE, content_type)], bytes).into_response(),
            Some(FileFault::Status(status)) => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT).into_response()
            }
            Some(FileFault::Typed(told)) => ([(CONTENT_TYPE, told)], bytes).into_response(),
            Some(FileFault::Garbled) => {
                ([(CONTENT_TYPE, content_type)], "not what was sent").into_response()
            }
            Some(FileFault::Untold) => {
                let whole = futures::stream::once(async { Ok::<_, io::Error>(bytes) });
                ([(CONTENT_TYPE, content_type)], Body::from_stream(whole)).into_response()
            }
            Some(FileFault::Promised(size)) => {
                // What was written leaves before the connection breaks.
                let breaks = futures::stream::once(async {
                    tokio::task::yield_now().await;
                    Err(io::Error::other("the sandbox breaks this connection by order"))
                });
                let begins = futures::stream::once(async { Ok(bytes) });
                let broken = futures::StreamExt::chain(begins, breaks);
                let mut response = Body::from_stream(broken).into_response();
                response.headers_mut().insert(CONTENT_LENGTH, size.into());
                response
            }
            Some(FileFault::RedirectTo(url)) => {
                (StatusCode::FOUND, [(LOCATION, url)]).into_response()
            }
            Some(FileFault::Late(by)) => {
                let size = bytes.len();
                let late = futures::stream::once(async move {
                    tokio::time::sleep(by).await;
                    Ok::<_, io::Error>(bytes)
                });
                let told = [(CONTENT_TYPE, content_type)];
                let mut response = (told, Body::from_stream(late)).into_response();
                response.headers_mut().insert(CONTENT_LENGTH, size.into());
                response
            }
            Some(FileFault::Hang) => futures::future::pending().await,
        }
    }
}

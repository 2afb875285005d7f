//! The files of inbound messages: behind Basic authentication, then a redirect to a storage
//! that must not see the credentials, as with the true one.

use std::collections::VecDeque;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answer::{Refusal, authenticate};
use crate::sandbox::Sandbox;

/// Files are large; only the newest are kept.
const MEDIA_KEPT_MAX: usize = 200;

#[derive(Debug, Clone)]
pub(super) struct StoredMedia {
    pub(super) media_sid: String,
    pub(super) account_sid: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

#[derive(Debug, Default)]
pub(super) struct MediaStore {
    /// Where callers reach this provider, such as `http://127.0.0.1:8080/sandbox/twilio`.
    base_url: Option<String>,
    stored: VecDeque<StoredMedia>,
}

impl MediaStore {
    pub(super) fn put(&mut self, media: StoredMedia) {
        self.stored.push_back(media);
        while self.stored.len() > MEDIA_KEPT_MAX {
            self.stored.pop_front();
        }
    }

    /// The address of a file as a webhook tells it.
    pub(super) fn url(&self, account_sid: &str, message_sid: &str, media_sid: &str) -> String {
        let base_url =
            self.base_url.as_deref().unwrap_or("https://api.twilio.com").trim_end_matches('/');
        format!(
            "{base_url}/2010-04-01/Accounts/{account_sid}/Messages/{message_sid}/Media/{media_sid}"
        )
    }

    fn get(&self, media_sid: &str) -> Option<&StoredMedia> {
        self.stored.iter().rev().find(|media| media.media_sid == media_sid)
    }
}

impl Sandbox {
    /// Tells the sandbox under which address its pretend Twilio is reached, so that the media of
    /// inbound messages can be fetched from it.
    pub fn set_twilio_base_url(&self, base_url: &str) {
        self.state().twilio.media.base_url = Some(base_url.to_owned());
    }
}

pub(super) async fn redirect(
    State(sandbox): State<Sandbox>,
    Path((account_sid, message_sid, media_sid)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = sandbox.state();
    authenticate(&state.twilio.accounts, &account_sid, &headers)?;
    let media = &state.twilio.media;
    media
        .get(&media_sid)
        .filter(|media| media.account_sid == account_sid)
        .ok_or_else(|| Refusal::not_found(&media.url(&account_sid, &message_sid, &media_sid)))?;
    let storage = match &media.base_url {
        Some(base_url) => format!("{}/storage/{media_sid}", base_url.trim_end_matches('/')),
        // Relative to this resource, since the prefix of the router is not known here.
        None => format!("../../../../../../storage/{media_sid}"),
    };
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, storage)]).into_response())
}

pub(super) async fn stored(
    State(sandbox): State<Sandbox>,
    Path(media_sid): Path<String>,
) -> Response {
    let media = sandbox.state().twilio.media.get(&media_sid).cloned();
    match media {
        Some(media) => sandbox.file_answer(media.content_type, media.bytes).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) async fn delete(
    State(sandbox): State<Sandbox>,
    Path((account_sid, _, media_sid)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let mut state = sandbox.state();
    authenticate(&state.twilio.accounts, &account_sid, &headers)?;
    let stored = &mut state.twilio.media.stored;
    stored.retain(|media| media.media_sid != media_sid || media.account_sid != account_sid);
    Ok(StatusCode::NO_CONTENT)
}

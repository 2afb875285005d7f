//! The files of inbound messages: their addresses open without any key.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::GupshupState;
use crate::sandbox::Sandbox;

/// Where the true one keeps its files.
const BASE_URL_UNSET: &str = "https://filemanager.gupshup.io";

/// The type of whatever the API's own road serves.
const ANY_BYTES: &str = "application/octet-stream";

impl GupshupState {
    /// The address of a file.
    pub(super) fn media_url(&self, media_id: &str) -> String {
        format!("{}/wa/media/{media_id}?download=false", self.files.base_or(BASE_URL_UNSET))
    }
}

impl Sandbox {
    /// Tells the sandbox under which address its pretend Gupshup is reached, so that the media
    /// of inbound messages can be fetched from it.
    pub fn set_gupshup_base_url(&self, base_url: &str) {
        self.state().gupshup.files.base_url = Some(base_url.to_owned());
    }
}

pub(super) async fn stored(
    State(sandbox): State<Sandbox>,
    Path(media_id): Path<String>,
) -> Response {
    let file = sandbox.state().gupshup.files.get(&media_id).cloned();
    match file {
        Some(file) => sandbox.file_answer(file.content_type, file.bytes).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The API's own road to a file, by the app's name and the file's id: it wants the key, and tells
/// no type (M42).
pub(super) async fn by_id(
    State(sandbox): State<Sandbox>,
    Path((app_name, media_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let file = {
        let state = sandbox.state();
        let key = headers.get("apikey").and_then(|value| value.to_str().ok());
        let known = key.is_some_and(|key| state.gupshup.accounts.is_key_of(&app_name, key));
        if !known {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        state.gupshup.files.get(&media_id).cloned()
    };
    match file {
        Some(file) => sandbox.file_answer(ANY_BYTES.to_owned(), file.bytes).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

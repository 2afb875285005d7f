//! The files of inbound messages: their addresses open without any key.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::GupshupState;
use crate::sandbox::Sandbox;

/// Where the true one keeps its files.
const BASE_URL_UNSET: &str = "https://filemanager.gupshup.io";

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
        Some(file) => ([(CONTENT_TYPE, file.content_type)], file.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

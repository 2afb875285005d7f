//! The files of inbound messages: an id answers a short-lived address, and both want the token.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::MetaState;
use super::answer::{Refusal, authenticate};
use crate::sandbox::Sandbox;

/// Where the true one keeps its files.
const BASE_URL_UNSET: &str = "https://lookaside.fbsbx.com/whatsapp_business";

impl MetaState {
    /// The address of a file.
    pub(super) fn attachment_url(&self, media_id: &str) -> String {
        format!("{}/attachments/{media_id}", self.files.base_or(BASE_URL_UNSET))
    }
}

impl Sandbox {
    /// Tells the sandbox under which address its pretend Meta is reached, so that the media of
    /// inbound messages can be fetched from it.
    pub fn set_meta_base_url(&self, base_url: &str) {
        self.state().meta.files.base_url = Some(base_url.to_owned());
    }
}

pub(super) async fn describe(
    State(sandbox): State<Sandbox>,
    Path((_, media_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if let Some(health) = super::templates::health(&sandbox, &media_id, &headers) {
        return Ok(Json(health).into_response());
    }
    let state = sandbox.state();
    authenticate(&state.meta.accounts, &headers)?;
    let file = state.meta.files.get(&media_id).ok_or_else(|| Refusal::no_object(&media_id))?;
    let answer = json!({
        "messaging_product": "whatsapp",
        "url": state.meta.attachment_url(&media_id),
        "mime_type": file.content_type,
        "sha256": data_encoding::HEXLOWER.encode(&Sha256::digest(&file.bytes)),
        "file_size": file.bytes.len(),
        "id": media_id,
    });
    Ok(Json(answer).into_response())
}

pub(super) async fn attachment(
    State(sandbox): State<Sandbox>,
    Path(media_id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let file = {
        let state = sandbox.state();
        authenticate(&state.meta.accounts, &headers)?;
        let found = state.meta.files.get(&media_id).cloned();
        found.ok_or_else(|| Refusal { status: 404, ..Refusal::no_object(&media_id) })?
    };
    Ok(sandbox.file_answer(file.content_type, file.bytes).await)
}

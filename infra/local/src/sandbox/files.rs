//! The files of inbound messages: their bytes, and the store that serves those of Meta and
//! Gupshup. Twilio's stand behind a redirect of their own.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{PhoneMedia, SandboxError};

/// Files are large; only the newest are kept.
const FILES_KEPT_MAX: usize = 200;

/// The bytes of a file that the caller did not give.
const BYTES_UNSET: &[u8] = b"a file of the sandbox";

/// One file behind an id.
#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    pub(super) id: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// The newest files of one provider, and where callers reach that provider.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) base_url: Option<String>,
    stored: VecDeque<StoredFile>,
}

impl Files {
    pub(super) fn put(&mut self, file: StoredFile) {
        self.stored.push_back(file);
        while self.stored.len() > FILES_KEPT_MAX {
            self.stored.pop_front();
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&StoredFile> {
        self.stored.iter().rev().find(|file| file.id == id)
    }

    /// The base address without its last slash.
    pub(super) fn base_or(&self, unset: &str) -> String {
        self.base_url.as_deref().unwrap_or(unset).trim_end_matches('/').to_owned()
    }
}

/// The bytes of a message's file.
pub(super) fn bytes_of(media: &PhoneMedia) -> Result<Bytes, SandboxError> {
    match &media.content_base64 {
        Some(content) => {
            STANDARD.decode(content).map(Bytes::from).map_err(|_| SandboxError::BadMedia)
        }
        None => Ok(Bytes::from_static(BYTES_UNSET)),
    }
}

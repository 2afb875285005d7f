//! The journal of what the sandbox posted to us.

use serde::{Deserialize, Serialize};

use super::post::{Parcel, PostAnswer};
use super::{Sandbox, SandboxError, push_bounded};

/// One webhook that the sandbox posted, or tried to post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedWebhook {
    /// When it ended, by the process's clock.
    pub at_ms: i64,
    /// The message that it tells of; of a batch, the first.
    pub sid: String,
    /// `inbound`, or the status that it reports.
    pub what: String,
    /// The address that was called, and signed where the provider signs it.
    pub url: String,
    /// The HTTP status of our answer; absent when nothing answered.
    pub answered: Option<u16>,
}

impl Sandbox {
    /// Posts one webhook and notes in the journal what came of it.
    pub(super) async fn post_and_note(
        &self,
        sid: &str,
        what: &str,
        parcel: &Parcel,
    ) -> Result<PostAnswer, SandboxError> {
        let answer = self.post(parcel).await;
        let posted = PostedWebhook {
            at_ms: self.now_ms(),
            sid: sid.to_owned(),
            what: what.to_owned(),
            url: parcel.url.clone(),
            answered: answer.as_ref().ok().map(|answer| answer.status),
        };
        push_bounded(&mut self.state().webhooks, posted);
        let url = parcel.url.clone();
        answer.map_err(|cause| SandboxError::NotReached { sid: sid.to_owned(), url, cause })
    }
}

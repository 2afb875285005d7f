//! The journal of what the sandbox posted to us.

use serde::{Deserialize, Serialize};

/// One webhook that the sandbox posted, or tried to post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedWebhook {
    /// When it ended, by the process's clock.
    pub at_ms: i64,
    /// The message that it tells of.
    pub sid: String,
    /// `inbound`, or the status that it reports.
    pub what: String,
    /// The address that was signed.
    pub url: String,
    /// The HTTP status of our answer; absent when nothing answered.
    pub answered: Option<u16>,
}

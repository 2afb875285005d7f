//! What a host or a test can do wrong with the sandbox, and what it can do about it.

use std::error::Error;
use std::fmt;

/// Why the sandbox could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxError {
    /// No account has this business number.
    UnknownNumber(String),
    /// The account of this business number has no address for inbound webhooks.
    NoInboundUrl(String),
    /// No message has this id.
    UnknownMessage(String),
    /// The sender of a phone message is neither a number nor a user id.
    BadCustomer(String),
    /// The media of a phone message is not valid base64.
    BadMedia,
    /// The messages cannot be told in one body.
    BadBatch(&'static str),
    /// The webhook was signed, but nothing took it.
    NotReached {
        /// The id of the message; it can be sent again by it.
        sid: String,
        /// The address that was tried.
        url: String,
        /// What went wrong there.
        cause: String,
    },
}

impl fmt::Display for SandboxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownNumber(phone) => write!(
                formatter,
                "no account of the sandbox has the number {phone}; register it first"
            ),
            Self::NoInboundUrl(phone) => {
                write!(formatter, "the account of {phone} has no inbound address; set inbound_url")
            }
            Self::UnknownMessage(sid) => write!(formatter, "the sandbox knows no message {sid}"),
            Self::BadCustomer(from) => write!(
                formatter,
                "{from} is not a phone number such as +919876543210, nor a user id such as US.1349"
            ),
            Self::BadMedia => write!(formatter, "the content of the media is not valid base64"),
            Self::BadBatch(why) => write!(formatter, "these messages make no batch: {why}"),
            Self::NotReached { sid, url, cause } => {
                write!(formatter, "nothing took the webhook of {sid} at {url}: {cause}")
            }
        }
    }
}

impl Error for SandboxError {}

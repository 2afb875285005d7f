//! How a use case fails: by something that a caller can mend, or by something that is to be
//! tried again.

use transom_core::code::Code;
use transom_core::template::matching::Nearest;
use transom_core::time::Timestamp;
use transom_store::{KeyRingError, StoreError};

/// A failure with nothing for the caller to mend.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The table could not do its part.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A queue could not do its part.
    #[error("the queue failed to {operation}: {reason}")]
    Queue {
        /// What was attempted.
        operation: &'static str,
        /// The kind of failure.
        reason: String,
    },
    /// Object storage could not do its part.
    #[error("object storage failed to {operation}: {reason}")]
    Objects {
        /// What was attempted.
        operation: &'static str,
        /// The kind of failure.
        reason: String,
    },
    /// Sealed values cannot be opened.
    #[error("the key ring failed")]
    Keys(#[from] KeyRingError),
    /// A batch could not be finished in the time that is left.
    #[error("no time is left for the rest of the batch")]
    OutOfTime,
    /// The request is refused with a code of the contract.
    #[error("refused: {}", .0.code)]
    Refused(Box<Problem>),
}

/// A refusal as a caller reads it (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// What exactly is wrong, and what would be right.
    pub detail: String,
    /// The other codes that apply.
    pub also: Vec<Code>,
    /// When waiting helps, until when.
    pub retry_at: Option<Timestamp>,
    /// The message that was kept with this refusal: its id and its conversation.
    pub message: Option<Box<(String, String)>>,
    /// The template that the text is like, or is.
    pub nearest: Option<Box<Nearest>>,
}

impl Problem {
    /// A problem of `code`; `detail` says what exactly is wrong.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            also: Vec::new(),
            retry_at: None,
            message: None,
            nearest: None,
        }
    }

    /// An error of the request: what is wrong, and what would be right.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// There is no such thing.
    #[must_use]
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what}"))
    }
}

impl From<Problem> for AppError {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

/// An error with everything behind it, for a log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

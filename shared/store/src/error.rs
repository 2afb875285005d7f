//! What can go wrong with the table. A condition that does not hold is a value, not an error.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table was not reached, or refused for now. Everything is safe to repeat.
    #[error("failed to {operation}: {reason}")]
    Unavailable {
        /// What was attempted.
        operation: &'static str,
        /// The service's error code or the kind of transport failure; never an item's content.
        reason: String,
    },
    /// An item does not have the shape that this build writes.
    #[error("failed to read a stored {what}: {reason}")]
    Corrupt {
        /// The kind of item.
        what: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// A writer met others for so long that it gave up; nothing was written.
    #[error("failed to {operation}: too many writers at once")]
    Contended {
        /// What was attempted.
        operation: &'static str,
    },
}

impl StoreError {
    pub(crate) fn unavailable<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let reason = match error {
            SdkError::ServiceError(service) => {
                service.err().code().unwrap_or("an error without a code").to_owned()
            }
            SdkError::TimeoutError(_) => "timeout".to_owned(),
            SdkError::DispatchFailure(_) => "not reached".to_owned(),
            SdkError::ResponseError(_) => "the answer was lost".to_owned(),
            _ => "the request could not be built".to_owned(),
        };
        Self::Unavailable { operation, reason }
    }

    /// True when the service will never take the item as it is, such as one above 400 KB.
    #[must_use]
    pub fn is_unstorable(&self) -> bool {
        matches!(self, Self::Unavailable { reason, .. } if reason == "ValidationException")
    }

    pub(crate) fn corrupt(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Corrupt { what, reason: reason.to_string() }
    }
}

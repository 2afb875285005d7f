//! A message that certainly did not arrive is tried once more (F9).

use crate::{App, AppError, Problem};
use transom_core::code::Code;
use transom_core::due::QUEUED_PATIENCE;
use transom_core::id::MessageId;
use transom_core::message::{Phase, Status};
use transom_core::time::Timestamp;
use transom_store::Updated;

impl App {
    /// Begins a new attempt of a message that certainly did not arrive. Nothing is cleared: the
    /// old attempt's facts stay, and only the new one's own evidence changes what is shown (F9).
    ///
    /// # Errors
    /// `not_retryable` unless it failed; otherwise when something could not be stored.
    pub async fn retry_message(&self, id: &MessageId, now: Timestamp) -> Result<(), AppError> {
        let message = self.known_message(id).await?;
        if message.status() != Status::Failed || message.phase != Phase::Answered {
            let detail = format!("its status is `{}`", message.status().as_str());
            return Err(Problem::new(Code::NotRetryable, detail).into());
        }
        if message.due_at.is_some() && message.watched != Some(message.attempt) {
            // What follows from the attempt before comes first: afterwards only the newest is seen.
            self.finish(&message, now).await?;
        }
        let next = now.plus(QUEUED_PATIENCE);
        if self.store.begin_attempt(id, &message, next).await? == Updated::Changed {
            return Err(Problem::new(Code::NotRetryable, "it is being retried already").into());
        }
        let sender = self.known_sender(&message.sender).await?;
        if let Some(stored) = self.store.message(id).await? {
            self.enqueue(id, &stored, sender.sender.rate_per_second).await;
        }
        Ok(())
    }
}

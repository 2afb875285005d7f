//! A message that waits is withdrawn, or refused, before any call.

use crate::{App, AppError, Problem};
use transom_core::code::Code;
use transom_core::due::QUEUED_PATIENCE;
use transom_core::id::MessageId;
use transom_core::message::Phase;
use transom_core::time::Timestamp;
use transom_store::{Message, RefusalRecord, StoreError, Updated};

/// How often a message that changes what it waits for is looked at again.
const ROUNDS_MAX: u32 = 10;

impl App {
    /// Withdraws a message before any call.
    ///
    /// # Errors
    /// `not_cancellable` once a call was begun; otherwise when something could not be stored.
    pub async fn cancel_message(&self, id: &MessageId, now: Timestamp) -> Result<(), AppError> {
        let message = self.known_message(id).await?;
        if message.phase == Phase::Cancelled {
            // What followed from it may not all have been done.
            return self.finish(&message, now).await;
        }
        match self.end_unsent(&message, Phase::Cancelled, None, now).await? {
            Some(cancelled) => self.finish(&cancelled, now).await,
            None => Err(self.not_cancellable(id).await?.into()),
        }
    }

    async fn not_cancellable(&self, id: &MessageId) -> Result<Problem, AppError> {
        let status = self.known_message(id).await?.status();
        Ok(Problem::new(Code::NotCancellable, format!("its status is `{}`", status.as_str())))
    }

    /// Refuses or cancels a message before any call, whatever it waits for; `None` when it does not
    /// wait any more.
    pub(crate) async fn end_unsent(
        &self,
        message: &Message,
        phase: Phase,
        refusal: Option<&RefusalRecord>,
        now: Timestamp,
    ) -> Result<Option<Message>, AppError> {
        let Some(id) = message.id.clone() else { return Ok(None) };
        let soon = now.plus(QUEUED_PATIENCE);
        let mut stands = message.clone();
        for _ in 0..ROUNDS_MAX {
            let ended = match stands.phase {
                Phase::Queued | Phase::Deferred => {
                    self.store.end_before_call(&id, phase, refusal).await?
                }
                Phase::Held | Phase::Scheduled | Phase::Limited => {
                    self.store.end_waiting(&id, phase, refusal, soon).await?
                }
                Phase::Received
                | Phase::Sending
                | Phase::Answered
                | Phase::Refused
                | Phase::Cancelled => return Ok(None),
            };
            if ended == Updated::Done {
                stands.phase = phase;
                stands.refusal = refusal.cloned();
                return Ok(Some(stands));
            }
            // It moved from one kind of waiting to another: look again.
            match self.store.message(&id).await? {
                Some(message) => stands = message,
                None => return Ok(None),
            }
        }
        Err(StoreError::Contended { operation: "end a message" }.into())
    }
}

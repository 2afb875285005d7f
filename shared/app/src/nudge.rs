//! A reminder to a customer who has been answered and has not written again, before the window
//! closes (U5): one for each window, only to who agreed to be written to, by the same rules as
//! every message (M63).
//!
//! The conversation notes the reminder before it is sent, and its id is made of its time: a run that
//! dies on the way is followed by one that sends the same message, or finds it.

use crate::submit::{SendRequest, Target};
use crate::{App, AppError};
use transom_core::consent::OptIn;
use transom_core::content::Content;
use transom_core::id::MessageId;
use transom_core::message::Origin;
use transom_core::plan::{Plan, overtakes};
use transom_core::time::Timestamp;
use transom_core::window::Window;
use transom_store::{Nudge, Session, Updated};

/// Who is said to have sent it.
const SENT_BY: &str = "nudge";

impl App {
    /// Sends the reminder that is due at `at`, if this is a customer to remind.
    pub(crate) async fn nudge(
        &self,
        session: &Session,
        window: &Window,
        nudge: &Nudge,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if session.consent.state != OptIn::In || !self.is_answered(session).await? {
            return Ok(());
        }
        let noted = session.nudged_at.filter(|noted| *noted >= window.opened_at);
        let at = match noted {
            // This window's has been sent, and the visit that sent it is marked.
            Some(noted) if noted <= session.noticed_until => return Ok(()),
            Some(noted) => noted,
            None => {
                if self.store.note_nudge(session, at).await? == Updated::Changed
                    && !self.is_noted(session, at).await?
                {
                    // The customer wrote: the next look decides anew.
                    return Ok(());
                }
                at
            }
        };
        let tail = self.store.hash_key().tail(&["nudge", session.id.as_str()]);
        let request = SendRequest {
            target: Target::Conversation(session.id.clone()),
            content: Content::Text { text: nudge.text.clone() },
            plan: Plan::default(),
            reply_to: None,
            origin: Origin::Automation,
            sent_by: Some(SENT_BY.to_owned()),
            message: Some(MessageId::new(&session.id, at, &tail)),
        };
        match Box::pin(self.submit(request, now)).await {
            Ok(sent) => {
                tracing::info!(outcome = "nudged", message = %sent.id, "a window is about to close");
                Ok(())
            }
            // It is kept with its reason, like every refused message.
            Err(AppError::Refused(problem)) => {
                tracing::info!(outcome = "not_nudged", conversation = %session.id, code = %problem.code, "a window is about to close");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the reminder of this time stands: noted by another sweep, which sends the same message,
    /// or by this one, whose answer was lost.
    async fn is_noted(&self, session: &Session, at: Timestamp) -> Result<bool, AppError> {
        let stands = self.store.session(&session.id).await?;
        Ok(stands.is_some_and(|stands| stands.nudged_at == Some(at)))
    }

    /// Whether the last word is the business's: who waits for an answer is not reminded of his own
    /// question.
    async fn is_answered(&self, session: &Session) -> Result<bool, AppError> {
        let (newest, _) = self.store.messages(&session.id, None, 1).await?;
        Ok(newest.iter().any(|m| overtakes(m.direction, m.origin, m.phase, m.status())))
    }
}

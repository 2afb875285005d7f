//! The question whether a customer opts in (M78): asked once, after the first message of somebody
//! who has said nothing yet, through the same guard as everything that is sent. That it is to be
//! asked stands in the conversation, set by the very write of the first message: so neither a
//! redelivery nor another webhook asks again, and a crash does not forget it.

use crate::identity::Thread;
use crate::submit::{SendRequest, Target};
use crate::words::Spoken;
use crate::{App, AppError};
use transom_core::consent::{CHAT, Consent, OptIn};
use transom_core::id::MessageId;
use transom_core::message::{Direction, Origin};
use transom_core::prompt::{is_in_time, tapped};
use transom_core::time::{Millis, Timestamp};
use transom_store::{SenderRecord, Session};

/// Among how many of a conversation's newest messages the question is looked for when somebody says
/// what could be its answer.
const NEWEST: u16 = 20;

impl App {
    /// Asks, if one of these messages is the one to ask after. A repeat finds the same message.
    pub(crate) async fn ask_once(
        &self,
        sender: &SenderRecord,
        session: &Session,
        mut received: impl Iterator<Item = &MessageId>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(asked_after) = &session.prompted_by else { return Ok(()) };
        let Some(prompt) = &sender.opt_in_prompt else { return Ok(()) };
        let Some(first) = received.find(|id| id.sortable() == asked_after.as_str()) else {
            return Ok(());
        };
        let Some(account) = self.store.account(&sender.sender.account).await? else {
            return Ok(());
        };
        let request = SendRequest {
            target: Target::Conversation(session.id.clone()),
            content: prompt.content(account.account.profile().composing),
            plan: transom_core::plan::Plan::default(),
            reply_to: None,
            origin: Origin::Automation,
            sent_by: None,
            message: Some(self.question_after(session, first)),
        };
        match self.submit(request, now).await {
            // A refusal is kept with its message; there is nobody here to tell it to.
            Ok(_) | Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The question's id: made of the message that it is asked after, and just behind that.
    fn question_after(&self, session: &Session, first: &MessageId) -> MessageId {
        let tail = self.store.hash_key().tail(&["opt_in_prompt", session.id.as_str()]);
        MessageId::new(&session.id, first.at().plus(Millis::new(1)), &tail)
    }

    /// What a message answers to the question. A tap on one of its buttons always does. A word does
    /// while the question is open and the last that was said to the customer: `yes` to something
    /// else is no consent.
    pub(crate) async fn answer_of(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        spoken: &Spoken<'_>,
    ) -> Result<Option<Consent>, AppError> {
        let Spoken { inbound, at, .. } = spoken;
        let told = |state| match state {
            OptIn::Out => Consent::refused(*at, CHAT),
            OptIn::In | OptIn::Unknown => Consent::new(state, *at, Some(CHAT.to_owned())),
        };
        if let Some(state) = tapped(&inbound.content) {
            return Ok(Some(told(state)));
        }
        let Some(prompt) = &sender.opt_in_prompt else { return Ok(None) };
        let Some(word) = prompt.answer(&inbound.content).map(told) else { return Ok(None) };
        let Some(session) = &thread.session else { return Ok(None) };
        let Some(asked_after) = &session.prompted_by else { return Ok(None) };
        // The word itself, when it comes again, is still its answer.
        let is_open = session.consent.state == OptIn::Unknown || session.consent == word;
        let Ok(first) = MessageId::from_sortable(&session.id, asked_after) else { return Ok(None) };
        let question = self.question_after(session, &first);
        if !is_open {
            return Ok(None);
        }
        let (newest, _) = self.store.messages(&session.id, None, NEWEST).await?;
        // Its id is made of the message before it, which may have come long after it was sent.
        let asked = newest.iter().find(|m| m.id.as_ref() == Some(&question));
        if !asked.is_some_and(|asked| is_in_time(asked.received_at, *at)) {
            return Ok(None);
        }
        let until = at.plus(Millis::from_seconds(1));
        let said = newest.iter().filter(|m| m.direction == Direction::Out);
        let last = said.filter_map(|m| m.id.as_ref()).filter(|id| id.at() < until).max();
        Ok(Some(word).filter(|_| last == Some(&question)))
    }
}

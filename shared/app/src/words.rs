//! What customers themselves say about being written to: by a word (M80), by the token of an entry
//! point (M74-M77), by their answer to a question (M78), and through their provider (peers E13). A word is durable before the message that says it, so that whoever sees
//! the message finds what it said already done.

use crate::identity::{Thread, new_session};
use crate::{App, AppError};
use futures::future::BoxFuture;
use transom_core::consent::{Consent, KEYWORD, OptIn, PROVIDER};
use transom_core::content::Content;
use transom_core::entry_point::find;
use transom_core::id::ConversationId;
use transom_core::time::Timestamp;
use transom_core::window::clamp_user_time;
use transom_store::{AccountRecord, EntryPointRecord, SenderRecord, Session, SessionCreated};
use transom_wire::{ConsentUpdate, Inbound};

impl App {
    /// Writes down what messages say about consent, the oldest first. Answers the conversation, or
    /// `None` when it has become another one's alias meanwhile: then the steps are taken there.
    pub(crate) async fn take_words(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        words: &[Consent],
        now: Timestamp,
    ) -> Result<Option<Session>, AppError> {
        let Some(mut session) = self.ensure_session_of(sender, thread, now).await? else {
            return Ok(None);
        };
        for word in words {
            session = self.record_consent(&session, word, now).await?;
            if session.id != thread.id {
                return Ok(None);
            }
        }
        Ok(Some(session))
    }

    /// The conversation of a thread, made without a window where there is none yet.
    async fn ensure_session_of(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        now: Timestamp,
    ) -> Result<Option<Session>, AppError> {
        if let Some(session) = &thread.session {
            return Ok(Some(session.clone()));
        }
        let session = new_session(sender, thread.id.clone(), &thread.user, now);
        self.find_by_phone(&sender.sender.phone, &session).await?;
        Ok(match self.store.create_session(&session).await? {
            SessionCreated::New => Some(session),
            SessionCreated::Exists(stored) => Some(*stored).filter(|s| s.alias_of.is_none()),
        })
    }

    /// Takes a word that the provider itself has taken from a user.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub(crate) async fn take_consent(
        &self,
        account: &AccountRecord,
        told: ConsentUpdate,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Ok(sender) = self.receiving_sender(account, &told.business).await? else {
            return self.keep_unsupported(account, (told.kind, told.raw), now).await;
        };
        loop {
            let thread = self.thread(&sender, &told.user, now).await?;
            let Some(session) = self.ensure_session_of(&sender, &thread, now).await? else {
                continue;
            };
            let state = if told.agrees { OptIn::In } else { OptIn::Out };
            let word = match told.at.map(|at| clamp_user_time(at, now)) {
                Some(at) => word(state, at, PROVIDER),
                // Without a time a repeat cannot be told from a second word: the same state says
                // nothing new.
                None if session.consent.state == state => return Ok(()),
                None => word(state, now, PROVIDER),
            };
            self.record_consent(&session, &word, now).await?;
            tracing::info!(outcome = "consent", account = %account.account.id, sender = %sender.sender.id, conversation = %session.id, agrees = told.agrees, "told by the provider");
            return Ok(());
        }
    }

    /// The provider refused a send because the user does not want to be written to: so it was when
    /// the call was made. Boxed, because what a refusal cancels is finished as the refused send is.
    pub(crate) fn consent_ended<'a>(
        &'a self,
        conversation: &'a ConversationId,
        called_at: Timestamp,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), AppError>> {
        Box::pin(async move {
            let (_, session) = self.follow_conversation(conversation).await?;
            if let Some(session) = session {
                self.record_consent(&session, &word(OptIn::Out, called_at, PROVIDER), now).await?;
            }
            Ok(())
        })
    }
}

/// A message of which it is asked what it says.
pub(crate) struct Spoken<'a> {
    pub(crate) inbound: &'a Inbound,
    pub(crate) at: Timestamp,
    /// The entry point whose token it bore.
    pub(crate) entry: Option<&'a EntryPointRecord>,
}

impl App {
    /// Looks for tokens of the sender's entry points. One that is known is taken out of its message;
    /// one that is not is ordinary text (M74-M76).
    pub(crate) async fn take_tokens(
        &self,
        sender: &SenderRecord,
        messages: &mut [Inbound],
    ) -> Result<Vec<Option<EntryPointRecord>>, AppError> {
        let mut entries = Vec::with_capacity(messages.len());
        for inbound in messages {
            entries.push(self.take_token(sender, inbound).await?);
        }
        Ok(entries)
    }

    async fn take_token(
        &self,
        sender: &SenderRecord,
        inbound: &mut Inbound,
    ) -> Result<Option<EntryPointRecord>, AppError> {
        let Content::Text { text } = &mut inbound.content else { return Ok(None) };
        let Some(found) = find(text) else { return Ok(None) };
        let entry = self.store.entry_point_of_token(&found.token).await?;
        // The number, not the sender's name: a number added again keeps its codes on the wall.
        let entry = entry.filter(|entry| entry.number == sender.sender.phone);
        if entry.is_some() {
            *text = found.rest;
        }
        Ok(entry)
    }

    /// What one message says about consent. A refusal that is typed beside a token counts.
    pub(crate) async fn word_of(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        spoken: &Spoken<'_>,
    ) -> Result<Option<Consent>, AppError> {
        let Spoken { inbound, at, entry, .. } = spoken;
        let said = sender.keywords.said_by(&inbound.content);
        Ok(match (said, entry) {
            (Some(OptIn::Out), _) => Some(word(OptIn::Out, *at, KEYWORD)),
            (_, Some(entry)) => Some(Consent {
                entry_point: Some(entry.id.to_string()),
                ..word(OptIn::In, *at, entry.kind.as_str())
            }),
            (Some(state), None) => Some(word(state, *at, KEYWORD)),
            (None, None) => self.answer_of(sender, thread, spoken).await?,
        })
    }
}

fn word(state: OptIn, at: Timestamp, source: &str) -> Consent {
    match state {
        OptIn::Out => Consent::refused(at, source),
        OptIn::In | OptIn::Unknown => Consent::new(state, at, Some(source.to_owned())),
    }
}

//! Contacts of a sender, and what they say about consent (M71-M80).
//!
//! Consent belongs to (business number, customer), as the window does; it merges by the time it
//! was given, so that any order of arrival ends in the same state.

use super::conversations::parse_search;
use super::search::Search;
use super::{PAGE_MAX, is_named};
use crate::event::Event;
use crate::hold::opted_out;
use crate::limit::scope_of;
use crate::view::words::LimitScopeWord;
use crate::view::{ContactDetail, List, contact_detail};
use crate::{App, AppError, Problem};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Serialize;
use serde_json::json;
use transom_core::account::{LimitScope, Sender};
use transom_core::code::Code;
use transom_core::consent::{Consent, OptIn};
use transom_core::event::{Cause, EventKind};
use transom_core::id::{ConversationId, SenderId};
use transom_core::identity::{Phone, User};
use transom_core::message::Phase;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::FUTURE_SKEW;
use transom_store::{
    Message, Sealed, SenderRecord, Session, SessionCreated, StoreError, StoredEvent, Updated,
};
use utoipa::ToSchema;

/// How many pages of contacts one call reads.
const PAGES_MAX: u32 = 10;
/// How often a word is merged again because another one came in between.
const ROUNDS_MAX: u32 = 20;
/// The newest messages that an opt-out looks through for queued ones; older ones are refused by
/// the sender itself, which checks consent again just before the call.
const QUEUED_SEEN_MAX: u16 = 200;
/// What contact cursors are sealed for: a pointer holds the customer's digits.
const CURSOR_SEAL: &str = "contacts-cursor";
/// The longest such cursor, in characters.
const CURSOR_CHARS_MAX: usize = 1024;

/// Which contacts are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactFilter {
    /// Those who said this.
    pub opt_in: Option<OptIn>,
    /// Those with, or without, an open window.
    pub active: Option<bool>,
    /// Those whose number or name this is.
    pub q: Option<String>,
    /// The page's size.
    pub limit: u16,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// A word of a customer on consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentView {
    /// `in` or `out`.
    pub state: String,
    /// When it was said.
    pub at: String,
    /// Where: `qr`, `url`, `widget`, `chat`, `sms`, `import`, `keyword`, `provider`, ….
    pub source: Option<String>,
    /// The entry point that it came through.
    pub entry_point: Option<String>,
}

/// The use of a messaging limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitView {
    /// How many customers may be written to first in any 24 hours; `null` is unlimited.
    pub limit: Option<u32>,
    /// How many were.
    pub used: u32,
    /// How many still may.
    pub remaining: Option<u32>,
    /// When the oldest place is free.
    pub next_free_at: Option<String>,
    /// `sender` or `portfolio`: who shares the places.
    #[schema(value_type = LimitScopeWord)]
    pub scope: LimitScope,
}

impl App {
    /// A page of a sender's contacts.
    ///
    /// # Errors
    /// `not_found`, `invalid_request` for a cursor or search that cannot be read, or when the
    /// table cannot be reached.
    pub async fn list_contacts(
        &self,
        sender: &SenderId,
        filter: &ContactFilter,
        now: Timestamp,
    ) -> Result<List<ContactDetail>, AppError> {
        let number = self.known_or_deleted_sender(sender).await?.sender.phone;
        let search = filter.q.as_deref().map(parse_search).transpose()?;
        let text = match search {
            Some(Search::Number(search)) => {
                let found = self.sessions_by_number(&number, &search).await?;
                let fitting = found.iter().map(|s| contact_detail(s, now));
                let items = fitting.filter(|c| filter.keeps(c)).take(usize::from(filter.limit));
                return Ok(List::whole(items.collect()));
            }
            Some(Search::Text(text)) => Some(text),
            None => None,
        };
        let mut after = filter.cursor.as_deref().map(|c| self.open_cursor(c)).transpose()?;
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            // Never more than the page still holds: a pointer page is used up whole.
            let room = usize::from(filter.limit) - items.len();
            let size = u16::try_from(room).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
            let (ids, next) = self.store.pointers(&number, "", after.as_deref(), size).await?;
            let sessions = self.sessions_of(ids).await?;
            let named = |s: &Session| text.as_deref().is_none_or(|text| is_named(s, text));
            let fitting = sessions.iter().flatten().filter(|s| named(s));
            items.extend(fitting.map(|s| contact_detail(s, now)).filter(|c| filter.keeps(c)));
            after = next;
            if after.is_none() || items.len() >= usize::from(filter.limit) {
                break;
            }
        }
        let next_cursor = after.map(|after| self.seal_cursor(&after)).transpose()?;
        Ok(List { items, next_cursor })
    }

    /// A contact of a sender, by number or contact id.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn contact(
        &self,
        sender: &SenderId,
        contact: &str,
        now: Timestamp,
    ) -> Result<ContactDetail, AppError> {
        Ok(contact_detail(&self.contact_session(sender, contact).await?, now))
    }

    /// Everything that a contact said about consent, newest first (M73).
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn consents(
        &self,
        sender: &SenderId,
        contact: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<List<ConsentView>, AppError> {
        let session = self.contact_session(sender, contact).await?;
        let mut until = match cursor {
            Some(text) => super::cursor::read(text)?
                .parse()
                .map(Timestamp::from_millis)
                .map_err(|_| super::cursor::foreign())?,
            None => Timestamp::from_millis(0x0000_ffff_ffff_ffff),
        };
        // What he said under another name stands in that conversation's history.
        let histories: Vec<&ConversationId> =
            std::iter::once(&session.id).chain(session.predecessors()).collect();
        let mut items: Vec<ConsentView> = Vec::new();
        let mut last = None;
        for _ in 0..PAGES_MAX {
            let mut page = Vec::new();
            // From here on every history has been read.
            let mut read_from = None;
            for id in &histories {
                let part = self.store.stored_events(id, Timestamp::ZERO, until, PAGE_MAX).await?;
                if part.len() == usize::from(PAGE_MAX) {
                    read_from = read_from.max(part.last().map(|event| event.at));
                }
                page.extend(part);
            }
            page.retain(|event| Some(event.at) >= read_from);
            page.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
            for event in page {
                let Some(state) = consent_of(&event.kind) else { continue };
                // Words of one instant stand on one page, because the next begins at an instant.
                if items.len() >= usize::from(limit) && last != Some(event.at) {
                    let next = super::cursor::write(&event.at.as_millis().to_string());
                    return Ok(List { items, next_cursor: Some(next) });
                }
                last = Some(event.at);
                items.push(consent_view(state, &event));
            }
            let Some(read_from) = read_from else { return Ok(List { items, next_cursor: None }) };
            until = read_from.minus(Millis::new(1));
        }
        let next = super::cursor::write(&until.as_millis().to_string());
        Ok(List { items, next_cursor: Some(next) })
    }

    /// Records that a contact agrees to be written to (M72).
    ///
    /// # Errors
    /// `not_found`, `contact_invalid`, `invalid_request` for a time in the future, or when
    /// something could not be stored; a repeat is harmless.
    pub async fn opt_in(
        &self,
        sender: &SenderId,
        contact: &str,
        source: Option<String>,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ContactDetail, AppError> {
        let mut word = Consent::new(OptIn::In, said_at(at, now)?, source);
        if at.is_none()
            && let Ok(known) = self.contact_session(sender, contact).await
            && known.consent.at > now
        {
            // Said now, after a refusal that counts to the end of this very second.
            word.at = known.consent.at.plus(Millis::new(1));
        }
        self.take_word(sender, contact, word, now).await
    }

    /// Records that a contact does not want to be written to, and cancels what is queued and
    /// needs consent.
    ///
    /// # Errors
    /// As [`Self::opt_in`].
    pub async fn opt_out(
        &self,
        sender: &SenderId,
        contact: &str,
        source: Option<String>,
        at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<ContactDetail, AppError> {
        let mut word = Consent::new(OptIn::Out, said_at(at, now)?, source);
        if at.is_none() {
            // Said now: no other clock's idea of now may outweigh it.
            let known = self.contact_session(sender, contact).await.map(|s| s.consent.at);
            word.at = word.at.max(known.unwrap_or_default());
        }
        self.take_word(sender, contact, word, now).await
    }

    /// How much of a sender's messaging limit is used (M21).
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn limit(&self, sender: &SenderId, now: Timestamp) -> Result<LimitView, AppError> {
        let sender = self.known_or_deleted_sender(sender).await?.sender;
        let account = self.store.account(&sender.account).await?;
        let account = account
            .ok_or_else(|| Problem::not_found(format!("account `{}`", sender.account)))?
            .account;
        let sender = self.with_limit(sender, &account).await?;
        self.limit_view(
            sender.messaging_limit,
            &scope_of(&sender, &account),
            sender.limit_scope,
            now,
        )
        .await
    }

    /// How much of the places of `scope_key` is used.
    pub(crate) async fn limit_view(
        &self,
        limit: Option<u32>,
        scope_key: &str,
        scope: LimitScope,
        now: Timestamp,
    ) -> Result<LimitView, AppError> {
        let Some(limit) = limit else {
            return Ok(LimitView {
                limit: None,
                used: 0,
                remaining: None,
                next_free_at: None,
                scope,
            });
        };
        let usage = self.store.usage(scope_key, Some(limit), now).await?;
        Ok(LimitView {
            limit: Some(limit),
            used: usage.used,
            remaining: Some(limit.saturating_sub(usage.used)),
            next_free_at: usage.next_free_at.map(Timestamp::rfc3339),
            scope,
        })
    }

    async fn take_word(
        &self,
        sender: &SenderId,
        contact: &str,
        word: Consent,
        now: Timestamp,
    ) -> Result<ContactDetail, AppError> {
        let record = self.known_or_deleted_sender(sender).await?;
        let session = self.ensure_contact(&record.sender, contact, now).await?;
        let session = self.record_consent(&session, &word, now).await?;
        Ok(contact_detail(&session, now))
    }

    /// Merges a word on consent into its conversation, keeps it in the history, tells it, and
    /// cancels what an opt-out forbids: in this order, each step idempotent.
    ///
    /// # Errors
    /// When something could not be stored; a repeat with the same word is harmless.
    pub async fn record_consent(
        &self,
        session: &Session,
        word: &Consent,
        now: Timestamp,
    ) -> Result<Session, AppError> {
        let event = consent_event(session, word);
        // The history holds every word, also one that a later word has overtaken already.
        self.store.put_event(&session.id, &event.stored()).await?;
        let session = self.merge_consent(&session.id, word, now).await?;
        if session.consent == *word {
            self.publish(vec![event]).await?;
            if word.state == OptIn::Out {
                self.cancel_queued_templates(&session, now).await?;
            }
        }
        Ok(session)
    }

    async fn merge_consent(
        &self,
        id: &ConversationId,
        word: &Consent,
        now: Timestamp,
    ) -> Result<Session, AppError> {
        for _ in 0..ROUNDS_MAX {
            let (id, session) = self.follow_conversation(id).await?;
            let unknown = || Problem::not_found(format!("conversation `{id}`"));
            let mut session = session.ok_or_else(unknown)?;
            if !session.consent.is_replaced_by(word) {
                return Ok(session);
            }
            if self.store.set_consent(&id, &session.consent, word, now).await? == Updated::Done {
                session.consent = word.clone();
                session.consent_known_at = Some(now);
                return Ok(session);
            }
        }
        Err(StoreError::Contended { operation: "record a word on consent" }.into())
    }

    async fn cancel_queued_templates(
        &self,
        session: &Session,
        now: Timestamp,
    ) -> Result<(), AppError> {
        // What was queued before two identities became one waits in the other's conversation.
        for id in std::iter::once(&session.id).chain(session.predecessors()) {
            let (messages, _) = self.store.messages(id, None, QUEUED_SEEN_MAX).await?;
            for message in messages {
                self.cancel_for_opt_out(message, now).await?;
            }
        }
        Ok(())
    }

    async fn cancel_for_opt_out(&self, message: Message, now: Timestamp) -> Result<(), AppError> {
        let needs_consent = message.outgoing().is_some_and(|c| c.template().is_some());
        if !needs_consent || !message.phase.is_waiting() {
            return Ok(());
        }
        // `None`: its call has begun, or another request cancelled it.
        let refusal = opted_out(now);
        if let Some(ended) =
            self.end_unsent(&message, Phase::Cancelled, Some(&refusal), now).await?
        {
            self.finish(&ended, now).await?;
        }
        Ok(())
    }

    async fn known_or_deleted_sender(&self, id: &SenderId) -> Result<SenderRecord, AppError> {
        let found = self.store.sender(id).await?;
        found.ok_or_else(|| Problem::not_found(format!("sender `{id}`")).into())
    }

    async fn contact_session(&self, sender: &SenderId, contact: &str) -> Result<Session, AppError> {
        let sender = self.known_or_deleted_sender(sender).await?.sender;
        let unknown = || Problem::not_found("contact of this sender with this number or id");
        let (_, session) = if contact.starts_with("ctc_") {
            let id = ConversationId::from_contact(contact).map_err(|_| unknown())?;
            self.follow_conversation(&id).await?
        } else {
            let user = User::Phone(parse_phone(contact)?);
            self.follow(&self.store.hash_key().conversation(&sender.phone, &user)).await?
        };
        session.filter(|s| s.number == sender.phone).ok_or_else(|| unknown().into())
    }

    /// A contact who never wrote exists from his first word on, so that an opt-out is kept too.
    async fn ensure_contact(
        &self,
        sender: &Sender,
        contact: &str,
        now: Timestamp,
    ) -> Result<Session, AppError> {
        if contact.starts_with("ctc_") {
            return self.contact_session(&sender.id, contact).await;
        }
        let phone = parse_phone(contact)?;
        if phone.canonical() == sender.phone.canonical() {
            let detail = "a sender cannot be a contact of its own number";
            return Err(Problem::new(Code::ContactInvalid, detail).into());
        }
        let user = User::Phone(phone.clone());
        let id = self.store.hash_key().conversation(&sender.phone, &user);
        if let (_, Some(session)) = self.follow(&id).await? {
            return Ok(session);
        }
        self.store.put_pointer(&sender.phone, &phone.reversed(), &id).await?;
        let session = Session::new(
            id,
            sender.phone.clone(),
            sender.id.clone(),
            sender.account.clone(),
            sender.brand.clone(),
            &user,
            now,
        );
        match self.store.create_session(&session).await? {
            SessionCreated::New => Ok(session),
            SessionCreated::Exists(stored) => Ok(*stored),
        }
    }

    fn seal_cursor(&self, pointer: &str) -> Result<String, AppError> {
        let sealed = self.keys.seal(CURSOR_SEAL, pointer.as_bytes(), self.entropy.bytes())?;
        let value = BASE64.decode(sealed.value.as_bytes()).unwrap_or_default();
        Ok(format!("{}.{}", BASE64URL_NOPAD.encode(&value), sealed.key))
    }

    fn open_cursor(&self, text: &str) -> Result<String, Problem> {
        let foreign = super::cursor::foreign;
        let text = Some(text).filter(|t| t.len() <= CURSOR_CHARS_MAX).ok_or_else(foreign)?;
        let (value, key) = text.split_once('.').ok_or_else(foreign)?;
        let value = BASE64URL_NOPAD.decode(value.as_bytes()).map_err(|_| foreign())?;
        let sealed = Sealed { key: key.to_owned(), value: BASE64.encode(&value) };
        let opened = self.keys.open(CURSOR_SEAL, &sealed).map_err(|_| foreign())?;
        String::from_utf8(opened).map_err(|_| foreign())
    }
}

impl ContactFilter {
    fn keeps(&self, contact: &ContactDetail) -> bool {
        self.opt_in.is_none_or(|wanted| wanted == contact.opt_in)
            && self.active.is_none_or(|wanted| wanted == contact.active)
    }
}

fn parse_phone(text: &str) -> Result<Phone, Problem> {
    Phone::parse(text).map_err(|_| {
        Problem::new(
            Code::ContactInvalid,
            "the contact must be a phone number in E.164, such as +919876543210, or a contact id \
             (`ctc_…`)",
        )
    })
}

/// A word of the future would outweigh every later one, so it is refused.
fn said_at(at: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Problem> {
    match at {
        Some(at) if at > now.plus(FUTURE_SKEW) => {
            Err(Problem::invalid("`at` lies in the future; give the time at which it was said"))
        }
        Some(at) if at <= Timestamp::ZERO => {
            Err(Problem::invalid("`at` must be later than 1970-01-01T00:00:00.000Z"))
        }
        Some(at) => Ok(at.min(now)),
        None => Ok(now),
    }
}

fn consent_view(state: &str, event: &StoredEvent) -> ConsentView {
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    let told = |name: &str| data.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    ConsentView {
        state: state.to_owned(),
        at: event.at.rfc3339(),
        source: told("source"),
        entry_point: told("entry_point"),
    }
}

fn consent_of(kind: &str) -> Option<&'static str> {
    if kind == EventKind::ContactOptedIn.as_str() {
        Some("in")
    } else if kind == EventKind::ContactOptedOut.as_str() {
        Some("out")
    } else {
        None
    }
}

fn consent_event(session: &Session, word: &Consent) -> Event {
    let (kind, state) = match word.state {
        OptIn::In => (EventKind::ContactOptedIn, "in"),
        OptIn::Out | OptIn::Unknown => (EventKind::ContactOptedOut, "out"),
    };
    let data = json!({
        "conversation": session.id,
        "contact": session.id.contact(),
        "sender": session.sender,
        "opt_in": state,
        "source": word.source,
        "entry_point": word.entry_point,
        "at": word.at.rfc3339(),
    });
    let source = word.source.clone().unwrap_or_default();
    let cause = Cause::Consent(session.id.clone(), word.at, format!("{state}|{source}"));
    Event::new(kind, &cause, word.at, data).in_conversation(&session.id, &session.sender)
}

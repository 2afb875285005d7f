//! A customer writes: the message, the conversation and its window, the events, in this order,
//! each step idempotent, so that a redelivery takes the same steps and ends in the same state.

use crate::event::Event;
use crate::identity::{Thread, new_session};
use crate::media::Expected;
use crate::record_status::SEARCHED_MAX;
use crate::view;
use crate::words::Spoken;
use crate::{App, AppError};
use futures::stream::StreamExt;
use serde_json::json;
use transom_core::account::{AccountState, Provider};
use transom_core::consent::{Consent, OptIn};
use transom_core::content::Content;
use transom_core::due::next_visit;
use transom_core::event::{Cause, EventKind};
use transom_core::id::MessageId;
use transom_core::identity::User;
use transom_core::message::{Direction, Facts, Origin, Phase};
use transom_core::money::Money;
use transom_core::plan::Plan;
use transom_core::time::Timestamp;
use transom_core::window::{Basis, Channel, Merge, Window, clamp_user_time, merge};
use transom_store::{
    AccountRecord, Claim, Mark, MarkKind, Message, Put, SenderRecord, Session, SessionCreated,
    StoreError, WindowWritten,
};
use transom_wire::{Business, Inbound};

/// How often a conversation is read again because somebody else wrote to it meanwhile. Every
/// round somebody made progress, so this is far above what happens.
const ROUNDS_MAX: u32 = 200;

/// The longest name of a user that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

/// How many messages of one conversation are stored at once.
const CONCURRENT: usize = 8;

impl App {
    /// Stores what one customer wrote to one number of a verified account: usually one message,
    /// in a batch many. One merge into the conversation serves all of them.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub async fn receive(
        &self,
        account: &AccountRecord,
        mut messages: Vec<Inbound>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(first) = messages.first() else { return Ok(()) };
        let sender = match self.receiving_sender(account, &first.business).await? {
            Ok(sender) => sender,
            Err(reason) => {
                for message in &messages {
                    let id = ("message", message.provider_message_id.as_str());
                    self.leave_unattached(account, id, reason, now).await?;
                }
                return Ok(());
            }
        };
        let entries = self.take_tokens(&sender, &mut messages).await?;
        let Some(user) = named(&messages) else { return Ok(()) };
        for _ in 0..ROUNDS_MAX {
            let mut thread = self.thread(&sender, user, now).await?;
            let places = self.places(account, &sender, &thread, &messages, now).await?;
            let mut words: Vec<Consent> = Vec::new();
            for ((place, inbound), entry) in places.iter().zip(&messages).zip(&entries) {
                let spoken = Spoken { inbound, at: place.at, entry: entry.as_ref() };
                words.extend(self.word_of(&sender, &thread, &spoken).await?);
            }
            if !words.is_empty() {
                // None: the conversation became an alias meanwhile; the same steps at its target.
                let Some(session) = self.take_words(&sender, &thread, &words, now).await? else {
                    continue;
                };
                thread.session = Some(session);
            }
            let charged = self.price_of_inbound(account, user, now).await?;
            let by = (&sender, charged.as_ref());
            let stored = self.store_all(account, by, places, &messages, now).await?;
            let merged = self.merge_into_session(&sender, &thread, &messages, &stored, now).await?;
            // None: the conversation became an alias meanwhile; the same steps at its target.
            let Some(session) = merged else { continue };
            let mut events = Vec::new();
            for (place, message) in &stored {
                events.extend(received_events(account, &session, message, place));
            }
            for (place, message) in &stored {
                events.extend(self.change_answered(account, place, message).await?);
            }
            self.publish(events).await?;
            let files = stored.iter().filter_map(|(place, _)| place.file.as_ref());
            self.enqueue_expected(files).await;
            let ids = stored.iter().map(|(place, _)| &place.id);
            self.ask_once(&sender, &session, ids, now).await?;
            Box::pin(self.release_held(&session, now)).await?;
            // Last: the ledger is one item, at which messages meet those of other customers.
            for (_, message) in &stored {
                self.charge_inbound(account, message).await?;
            }
            tracing::info!(outcome = "received", account = %account.account.id, sender = %sender.sender.id, conversation = %session.id, messages = stored.len(), "message");
            return Ok(());
        }
        Err(StoreError::Contended { operation: "receive a message" }.into())
    }

    /// Where and when each message belongs.
    async fn places(
        &self,
        account: &AccountRecord,
        sender: &SenderRecord,
        thread: &Thread,
        messages: &[Inbound],
        now: Timestamp,
    ) -> Result<Vec<Place>, AppError> {
        let mut work = Vec::with_capacity(messages.len());
        for inbound in messages {
            work.push(self.place(account, sender, thread, inbound, now));
        }
        let places: Vec<Result<Place, AppError>> =
            futures::stream::iter(work).buffered(CONCURRENT).collect().await;
        places.into_iter().collect()
    }

    /// Stores each message, oldest first; a redelivered one is what stands there.
    async fn store_all(
        &self,
        account: &AccountRecord,
        (sender, charged): (&SenderRecord, Option<&Money>),
        places: Vec<Place>,
        messages: &[Inbound],
        now: Timestamp,
    ) -> Result<Vec<(Place, Message)>, AppError> {
        let mut work = Vec::with_capacity(messages.len());
        for (mut place, inbound) in places.into_iter().zip(messages) {
            work.push(async move {
                let mut content = inbound.content.clone();
                place.file =
                    self.expect_file(account, sender, &place.id, &mut content, now).await?;
                let arrived = Arrived { inbound, content, charged };
                let message = self.store_message(account, sender, arrived, &place, now).await?;
                Ok::<_, AppError>((place, message))
            });
        }
        let stored: Vec<Result<(Place, Message), AppError>> =
            futures::stream::iter(work).buffered(CONCURRENT).collect().await;
        stored.into_iter().collect()
    }

    /// The sender that may receive, or why none may (M137). Routed by what the payload says, not
    /// by the URL (F17).
    pub(crate) async fn receiving_sender(
        &self,
        account: &AccountRecord,
        business: &Business,
    ) -> Result<Result<SenderRecord, &'static str>, AppError> {
        match account.account.state {
            // A deactivated account's customers are not lost: reactivating restores (M138).
            AccountState::Active | AccountState::Deactivated => {}
            AccountState::Removed => return Ok(Err("integration_removed")),
            AccountState::Deleted => return Ok(Err("account_deleted")),
        }
        Ok(match self.sender_of_business(account, business).await? {
            None => Err("unknown_sender"),
            Some(s) if s.sender.account != account.account.id => Err("unknown_sender"),
            Some(s) if s.sender.deleted_at.is_some() => Err("sender_deleted"),
            Some(s) => Ok(s),
        })
    }

    /// The sender that a payload's business is.
    pub(crate) async fn sender_of_business(
        &self,
        account: &AccountRecord,
        business: &Business,
    ) -> Result<Option<SenderRecord>, AppError> {
        let id = match business {
            Business::Phone(number) => self.store.sender_of_number(number).await?,
            Business::ProviderId(name) => {
                let account_id = &account.account.id;
                let named = self.store.sender_of_provider_id(account_id, Some(name)).await?;
                if named.is_none()
                    && transom_wire::an_account_is_its_number(account.account.provider)
                {
                    self.store.sender_of_provider_id(account_id, None).await?
                } else {
                    named
                }
            }
        };
        match id {
            Some(id) => Ok(self.store.sender(&id).await?),
            None => Ok(None),
        }
    }

    /// The time that counts and the id: from the provider's own time where it always tells it,
    /// otherwise claimed at first sight.
    async fn place(
        &self,
        account: &AccountRecord,
        sender: &SenderRecord,
        thread: &Thread,
        inbound: &Inbound,
        now: Timestamp,
    ) -> Result<Place, AppError> {
        let cause =
            ["inbound", account.account.provider.as_str(), inbound.provider_message_id.as_str()];
        let hashed = self.store.hash_key().tail(&cause);
        let claimed = transom_wire::messages_are_claimed(account.account.provider);
        if let Some(sent_at) = inbound.sent_at.filter(|_| !claimed) {
            // The id is made of the provider's own time, before any clamping, so that every
            // redelivery finds the same item whatever our clock says.
            let mut id = MessageId::new(&thread.id, sent_at, &hashed);
            for earlier in thread.session.iter().flat_map(Session::predecessors) {
                // Before two conversations became one it may have been stored in the other.
                let there = MessageId::new(earlier, sent_at, &hashed);
                if self.store.message(&there).await?.is_some() {
                    id = there;
                    break;
                }
            }
            let at = clamp_user_time(sent_at, now);
            return Ok(Place { id, at, basis: Basis::UserTime, file: None });
        }
        let wanted = match inbound.sent_at {
            Some(sent_at) => Claim {
                at: clamp_user_time(sent_at, now),
                basis: Basis::UserTime,
                message: MessageId::new(&thread.id, sent_at, &hashed),
            },
            None => {
                // The provider's own receipt is nearer to the sending than ours: a webhook may be
                // hours late (M6).
                let at = inbound.got_at.map_or(now, |got_at| got_at.min(now));
                let tail = self.entropy.tail().followed_by(&hashed);
                let message = MessageId::new(&thread.id, at, &tail);
                Claim { at, basis: Basis::Receipt, message }
            }
        };
        let number = &sender.sender.phone;
        let claim = self.store.claim(number, &inbound.provider_message_id, &wanted).await?;
        let there = claim.message.conversation();
        let known = thread.session.iter().flat_map(Session::predecessors).any(|id| *id == there);
        let mut id = claim.message;
        if there != thread.id && !known {
            // First seen where an alias stands now: nobody looks there, so it stands here.
            id = MessageId::from_sortable(&thread.id, id.sortable()).unwrap_or(id);
        }
        Ok(Place { id, at: claim.at, basis: claim.basis, file: None })
    }

    async fn store_message(
        &self,
        account: &AccountRecord,
        sender: &SenderRecord,
        arrived: Arrived<'_>,
        place: &Place,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let Arrived { inbound, content, charged } = arrived;
        let reply_to = self.answered(account, place, inbound.reply_to.as_deref()).await?;
        // What changes a message, or is a provider's notice, is none itself.
        let cost = charged.filter(|_| content.is_a_customers_word()).cloned();
        let mut message = Message {
            id: Some(place.id.clone()),
            direction: Direction::In,
            origin: Origin::Customer,
            sent_by: None,
            account: account.account.id.clone(),
            sender: sender.sender.id.clone(),
            content: Some(content),
            phase: Phase::Received,
            attempt: 0,
            enqueue: 0,
            claimed_at: None,
            claim: None,
            received_at: now,
            provider_message_id: Some(inbound.provider_message_id.clone()),
            answered_as: None,
            sent_as: None,
            counts: false,
            reserved: false,
            cost,
            refusal: None,
            forwarded: inbound.forwarded,
            reply_to,
            reaction: None,
            edited: None,
            deleted: None,
            plan: Plan::default(),
            instead: None,
            held_until: None,
            released_at: None,
            watched: None,
            unconfirmed: None,
            referral: inbound.referral.clone(),
            due_shard: None,
            due_at: None,
            facts: Facts::new(),
        };
        let put = match self.store.put_message(&place.id, &message).await {
            Err(error) if error.is_unstorable() => {
                // Too large for an item: kept by its kind rather than answered with 5xx for ever.
                tracing::error!(outcome = "kept_without_content", message = %place.id, "message");
                let kind = "unstorable".to_owned();
                message.content =
                    Some(Content::Unsupported { kind, raw: std::collections::BTreeMap::new() });
                message.referral = None;
                self.store.put_message(&place.id, &message).await?
            }
            other => other?,
        };
        Ok(match put {
            Put::New => message,
            Put::Exists(stored) => *stored,
        })
    }

    /// A reaction, a correction or a deletion is written at the message that it changes, too (E10).
    /// Of several the latest counts, so their order does not matter.
    async fn change_answered(
        &self,
        account: &AccountRecord,
        place: &Place,
        message: &Message,
    ) -> Result<Option<Event>, AppError> {
        let answered = message.reply_to.as_deref().and_then(|id| MessageId::parse(id).ok());
        let (Some(content), Some(target)) = (&message.content, answered) else { return Ok(None) };
        let (kind, emoji) = match content {
            Content::Reaction { emoji } => (MarkKind::Reaction, emoji.clone()),
            Content::Edit { .. } => (MarkKind::Edited, None),
            Content::Deletion => (MarkKind::Deleted, None),
            Content::Text { .. }
            | Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Sticker(_)
            | Content::Location { .. }
            | Content::Contacts { .. }
            | Content::Button { .. }
            | Content::List { .. }
            | Content::Interactive(_)
            | Content::Template(_)
            | Content::Unsupported { .. } => return Ok(None),
        };
        let mark = Mark { at: place.at, by: place.id.sortable().to_owned(), emoji };
        let Some(changed) = self.store.mark_message(&target, kind, &mark).await? else {
            return Ok(None);
        };
        let cause = Cause::Updated(target, place.id.clone());
        Ok(Some(updated_event(&cause, &changed, account.account.provider, place.at)))
    }

    /// Our id of the message that a customer answers, where it is among the newest ones or its
    /// provider's id is joined to it; otherwise the provider's. Only answers pay for these reads.
    async fn answered(
        &self,
        account: &AccountRecord,
        place: &Place,
        provider_message_id: Option<&str>,
    ) -> Result<Option<String>, AppError> {
        let Some(wanted) = provider_message_id else { return Ok(None) };
        let conversation = place.id.conversation();
        let (recent, _) = self.store.messages(&conversation, None, SEARCHED_MAX).await?;
        let ours = recent.iter().find(|m| m.provider_message_id.as_deref() == Some(wanted));
        let mut id = ours.and_then(|m| m.id.as_ref()).map(ToString::to_string);
        if id.is_none() && !transom_wire::statuses_carry_reference(account.account.provider) {
            // The customer's phone knows the message by WhatsApp's id, its send's answer by another.
            let join = self.store.join(&account.account.id, wanted).await?;
            let joined = join.message.map(|(message, _)| message);
            id = joined.filter(|m| m.conversation() == conversation).map(|m| m.to_string());
        }
        Ok(Some(id.unwrap_or_else(|| wanted.to_owned())))
    }

    /// Merges all messages into their conversation; `None` when that has become an alias.
    async fn merge_into_session(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        messages: &[Inbound],
        stored: &[(Place, Message)],
        now: Timestamp,
    ) -> Result<Option<Session>, AppError> {
        let Some(latest) = messages.last() else { return Ok(None) };
        let mut session = thread.session.clone();
        // Latest first: usually the first writes, and the others find nothing left to do.
        let mut places: Vec<&Place> = stored.iter().map(|(place, _)| place).collect();
        places.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let by_customer = |place: &&Place| {
            let told = stored.iter().find(|(p, _)| p.id == place.id).map(|(_, m)| m);
            told.is_none_or(|m| m.content.as_ref().is_none_or(Content::is_a_customers_word))
        };
        for place in places.into_iter().filter(by_customer) {
            let mut rounds = 0;
            session = loop {
                let merge = Merging { sender, thread, inbound: latest, place, now };
                if let Some(merged) = self.merge_once(session, &merge).await? {
                    break Some(merged);
                }
                rounds += 1;
                if rounds > ROUNDS_MAX {
                    let operation = "merge a message into its conversation";
                    return Err(StoreError::Contended { operation }.into());
                }
                session = self.store.session(&thread.id).await?;
                if session.as_ref().is_some_and(|s| s.alias_of.is_some()) {
                    return Ok(None);
                }
            };
        }
        let Some(session) = session else {
            // Nothing but notices to a conversation that does not exist: it begins without a window.
            return self.begin_without_window(sender, thread, now).await;
        };
        let number = &sender.sender.phone;
        let begun_here =
            stored.iter().any(|(p, _)| session.begun_by.as_deref() == Some(p.id.sortable()));
        if begun_here {
            self.find_by_phone(number, &session).await?;
        }
        Ok(Some(self.learn(number, &session, &thread.user).await?))
    }

    async fn begin_without_window(
        &self,
        sender: &SenderRecord,
        thread: &Thread,
        now: Timestamp,
    ) -> Result<Option<Session>, AppError> {
        let mut session = new_session(sender, thread.id.clone(), &thread.user, now);
        session.inbox_at = Some(now);
        Ok(match self.store.create_session(&session).await? {
            SessionCreated::New => Some(session),
            SessionCreated::Exists(stored) => Some(*stored).filter(|s| s.alias_of.is_none()),
        })
    }

    /// One round: `None` when somebody else wrote meanwhile.
    async fn merge_once(
        &self,
        known: Option<Session>,
        merging: &Merging<'_>,
    ) -> Result<Option<Session>, AppError> {
        let Merging { sender, thread, inbound, place, now } = merging;
        let fresh = known.is_none();
        let mut session =
            known.unwrap_or_else(|| new_session(sender, thread.id.clone(), &thread.user, *now));
        session.sender = sender.sender.id.clone();
        session.account = sender.sender.account.clone();
        session.name = clean_name(inbound.profile_name.as_deref()).or(session.name);
        let merged = merge(session.window().as_ref(), place.at, place.basis, Channel::WHATSAPP);
        let by = place.id.sortable();
        if is_first_of_a_stranger(sender, &session) {
            session.prompted_by = Some(by.to_owned());
        }
        let visit = |w: &Window| {
            // With replies to release, at once: the sweep does it if this function dies before.
            let held = (!session.held.is_empty()).then_some(*now);
            let reminders = sender.reminders();
            held.or_else(|| next_visit(w, session.noticed_until, reminders, Channel::WHATSAPP))
        };
        let written = match &merged {
            Merge::Unchanged => return Ok(Some(session)),
            Merge::Opens(window) if fresh => {
                let first = visit(window);
                session.set_window(window);
                session.opened_by = Some(by.to_owned());
                session.begun_by = Some(by.to_owned());
                session.inbox_at = Some(window.opened_at);
                session.due_at = first;
                return Ok(match self.store.create_session(&session).await? {
                    SessionCreated::New => Some(session),
                    SessionCreated::Exists(_) => None,
                });
            }
            Merge::Opens(window) => {
                self.store.open_window(&session, window, by, visit(window)).await?
            }
            Merge::Extends(window) => {
                self.store.extend_window(&session, window, visit(window)).await?
            }
            Merge::Predates(window) => self.store.predate_window(&session, window, by).await?,
        };
        let WindowWritten::Done { held } = written else { return Ok(None) };
        session.held = held;
        match merged {
            Merge::Opens(window) => {
                if session.inbox_at.is_none() && session.begun_by.is_none() {
                    session.begun_by = Some(by.to_owned());
                }
                session.inbox_at = Some(window.opened_at);
                session.set_window(&window);
                session.opened_by = Some(by.to_owned());
            }
            Merge::Extends(window) => session.set_window(&window),
            Merge::Predates(window) => {
                session.set_window(&window);
                session.opened_by = Some(by.to_owned());
            }
            Merge::Unchanged => {}
        }
        Ok(Some(session))
    }
}

/// Whether this is the first message of somebody who has said nothing about consent, at a sender
/// that asks for it (M78).
fn is_first_of_a_stranger(sender: &SenderRecord, session: &Session) -> bool {
    sender.opt_in_prompt.is_some()
        && session.last_user_at.is_none()
        && session.consent.state == OptIn::Unknown
}

/// What one round of merging works with.
struct Merging<'a> {
    sender: &'a SenderRecord,
    thread: &'a Thread,
    inbound: &'a Inbound,
    place: &'a Place,
    now: Timestamp,
}

/// Where and when a message belongs.
struct Place {
    id: MessageId,
    at: Timestamp,
    basis: Basis,
    /// Its file, where one is to be fetched.
    file: Option<Expected>,
}

/// A message with its content as it is kept.
struct Arrived<'a> {
    inbound: &'a Inbound,
    content: Content,
    /// What it costs, where that is booked.
    charged: Option<&'a Money>,
}

/// The user whom messages of one customer name: one may name him by less than another does.
fn named(messages: &[Inbound]) -> Option<&User> {
    let both = messages.iter().rev().find(|m| matches!(m.user, User::Both(_, _)));
    both.or(messages.first()).map(|m| &m.user)
}

fn clean_name(name: Option<&str>) -> Option<String> {
    let name: String = name?.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// That a message is shown otherwise now.
pub(crate) fn updated_event(
    cause: &Cause,
    message: &Message,
    provider: Provider,
    at: Timestamp,
) -> Event {
    let conversation = message.id.as_ref().map(MessageId::conversation);
    let data = json!({
        "conversation": conversation,
        "sender": message.sender,
        "message": view::message_view(message, provider),
    });
    let event = Event::new(EventKind::MessageUpdated, cause, at, data);
    match conversation {
        Some(conversation) => event.in_conversation(&conversation, &message.sender),
        None => event,
    }
}

/// The events of a received message. A redelivery makes the same ones with the same ids: that
/// it opened the window, or began the conversation, stands in the conversation itself.
fn received_events(
    account: &AccountRecord,
    session: &Session,
    message: &Message,
    place: &Place,
) -> Vec<Event> {
    let conversation = &session.id;
    let sender = &message.sender;
    let mut events = Vec::new();
    if session.begun_by.as_deref() == Some(place.id.sortable()) {
        let cause = Cause::Begun(conversation.clone());
        let data = json!({ "conversation": conversation, "sender": sender });
        events.push(Event::new(EventKind::ConversationOpened, &cause, place.at, data));
    }
    if session.opened_by.as_deref() == Some(place.id.sortable())
        && let Some(window) = session.window()
    {
        let cause = Cause::Opened(conversation.clone(), place.id.clone());
        let data = json!({
            "conversation": conversation,
            "sender": sender,
            "opened_at": place.at.rfc3339(),
            "expires_at": window.expires_at(Channel::WHATSAPP).rfc3339(),
        });
        events.push(Event::new(EventKind::WindowOpened, &cause, place.at, data));
    }
    let cause = Cause::Received(place.id.clone());
    let data = json!({
        "conversation": conversation,
        "sender": sender,
        "message": view::message_view(message, account.account.provider),
    });
    events.push(Event::new(EventKind::MessageReceived, &cause, place.at, data));
    events.into_iter().map(|e| e.in_conversation(conversation, sender)).collect()
}

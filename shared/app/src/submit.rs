//! A message is to be sent: decided, stored as `queued`, its place reserved, put into its
//! queue. A refusal is kept with the message, told once, and never sent (U1, M14).

use crate::agent_limits::Limited;
use crate::event::Event;
use crate::identity::new_session;
use crate::limit::holder;
use crate::new_message::new_message;
use crate::price::cost_of;
use crate::queues::{OutboundEntry, QueueEntry};
use crate::wallet::wallet_of;
use crate::{App, AppError, Problem};
use futures::future::OptionFuture;
use serde_json::json;
use transom_core::account::{Account, Brand, Sender};
use transom_core::code::Code;
use transom_core::content::{Content, TemplateUse};
use transom_core::decide::{Decision, Facts as DecisionFacts, Refusal, SentAs, decide};
use transom_core::event::{Cause, EventKind};
use transom_core::formatting::{self, Formatting};
use transom_core::id::{ConversationId, MessageId, SenderId};
use transom_core::identity::User;
use transom_core::lane::{Lane, Road, lane};
use transom_core::message::{Direction, Origin, Phase, Status};
use transom_core::money::Money;
use transom_core::plan::{Course, Plan, SCHEDULED_AHEAD_MAX, WhenClosed, course};
use transom_core::price::PriceList;
use transom_core::profile::Profile;
use transom_core::template::Template;
use transom_core::template::matching::{Found, find};
use transom_core::template::shorthand::{self, Shorthand};
use transom_core::time::Timestamp;
use transom_core::window::Channel;
use transom_store::{
    AccountRecord, HashKey, Message, Put, RefusalRecord, Reservation, SenderRecord, Session,
    SessionCreated, StoreError, Updated, WalletHead,
};

/// A request to send.
#[derive(Debug, Clone, PartialEq)]
pub struct SendRequest {
    /// From whom, to whom.
    pub target: Target,
    /// What.
    pub content: Content,
    /// What happens when it cannot go out at once.
    pub plan: Plan,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Who wrote it.
    pub origin: Origin,
    /// The agent or key that sends it.
    pub sent_by: Option<String>,
    /// The id that it must have, when a repeat has to make the same message.
    pub message: Option<MessageId>,
}

/// From whom and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// From this sender to this recipient.
    Sender {
        /// The sender.
        sender: SenderId,
        /// The recipient.
        to: Recipient,
    },
    /// In this conversation, from whichever sender has its number.
    Conversation(ConversationId),
}

/// To whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A user.
    User(User),
    /// A contact that is known already.
    Contact(ConversationId),
}

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// What it is sent as.
    pub sent_as: SentAs,
    /// Whether it takes a place of the limit.
    pub counts: bool,
    /// What it will cost, where a price is known.
    pub cost: Option<Money>,
    /// How it stands.
    pub status: Status,
    /// Until when it waits at most, where that is known.
    pub waits_until: Option<Timestamp>,
    /// What of it the customer will not see, where its provider cannot show it.
    pub notices: Vec<String>,
}

/// Everything that a decision is made from, read consistently.
#[derive(Debug, Clone)]
pub(crate) struct SendContext {
    pub(crate) sender: SenderRecord,
    pub(crate) account: AccountRecord,
    pub(crate) brand: Option<Brand>,
    pub(crate) template: Option<Template>,
    /// What a text outside the window was found to be, where that was looked at.
    pub(crate) found: Option<Found>,
    /// The ledger, where it decides: in a sandbox.
    pub(crate) wallet: Option<WalletHead>,
    /// The template in place of the content, where one is asked for and the account has it.
    pub(crate) fallback: Option<Template>,
}

/// Where a message goes, resolved.
pub(crate) struct Resolved {
    sender: SenderRecord,
    pub(crate) user: User,
    pub(crate) conversation: ConversationId,
    pub(crate) session: Option<Session>,
}

/// A request with everything that decides about it.
pub(crate) struct Considered {
    pub(crate) resolved: Resolved,
    pub(crate) context: SendContext,
    /// Why its file cannot be had.
    pub(crate) file: Option<(Code, String)>,
    /// The account's prices for this user.
    pub(crate) prices: Option<PriceList>,
}

impl SendContext {
    /// The template that goes out: of the content, or in its place.
    pub(crate) const fn outgoing_template(&self, is_replaced: bool) -> Option<&Template> {
        if is_replaced { self.fallback.as_ref() } else { self.template.as_ref() }
    }

    /// What becomes of a message now: by its content and what its plan says.
    pub(crate) fn course(
        &self,
        session: Option<&Session>,
        user: &User,
        (content, plan): (&Content, &Plan),
        file: Option<&(Code, String)>,
        now: Timestamp,
    ) -> Course {
        let own = self.decide(session, user, content, (self.template.as_ref(), file), now);
        course(own, plan, || match &plan.fallback {
            Some(fallback) => {
                let instead = Content::Template(fallback.clone());
                self.decide(session, user, &instead, (self.fallback.as_ref(), None), now)
            }
            None => self.decide(session, user, content, (self.template.as_ref(), file), now),
        })
    }

    fn decide(
        &self,
        session: Option<&Session>,
        user: &User,
        content: &Content,
        (template, file): (Option<&Template>, Option<&(Code, String)>),
        now: Timestamp,
    ) -> Decision {
        self.with_facts(session, user, (template, file), now, |facts| decide(facts, content))
    }

    /// Asks a question of everything that decides.
    pub(crate) fn with_facts<T>(
        &self,
        session: Option<&Session>,
        user: &User,
        (template, file): (Option<&Template>, Option<&(Code, String)>),
        now: Timestamp,
        ask: impl FnOnce(&DecisionFacts<'_>) -> T,
    ) -> T {
        let consent = session.map(|s| s.consent.clone()).unwrap_or_default();
        let window = session.and_then(Session::window);
        ask(&DecisionFacts {
            now,
            channel: Channel::WHATSAPP,
            account: &self.account.account,
            sender: &self.sender.sender,
            brand: self.brand.as_ref(),
            conversation_brand: session.and_then(|s| s.brand.as_ref()),
            user,
            consent: &consent,
            window: window.as_ref(),
            template,
            file,
            found: self.found.as_ref(),
            wallet: wallet_of(&self.account, self.wallet.as_ref(), now),
        })
    }
}

impl App {
    /// The id that a new message to `target` will have.
    ///
    /// # Errors
    /// When the target is not known.
    pub async fn new_message_id(
        &self,
        target: &Target,
        now: Timestamp,
    ) -> Result<MessageId, AppError> {
        let resolved = self.resolve(target).await?;
        Ok(MessageId::new(&resolved.conversation, now, &self.entropy.tail()))
    }

    /// Takes a message, or refuses it with the reason.
    ///
    /// # Errors
    /// [`AppError::Refused`] with the code and remedy; otherwise something could not be stored,
    /// and everything is safe to repeat with the same `message`.
    pub async fn submit(
        &self,
        mut request: SendRequest,
        now: Timestamp,
    ) -> Result<Submitted, AppError> {
        let Considered { resolved, context, file, prices } =
            self.consider(&mut request, now).await?;
        let (session, id) = self.place_of(&resolved, request.message.as_ref(), now).await?;
        if let Some(at) = request.plan.send_at {
            self.check_time(at, &id, now).await?;
        }
        let asked = (&request.content, &request.plan);
        let course = context.course(Some(&session), &resolved.user, asked, file.as_ref(), now);
        let mut message = new_message(&request, &context, &id, &course, now);
        message.cost = message.sent_as.and_then(|sent_as| {
            let template = context.outgoing_template(message.instead.is_some());
            cost_of(prices.as_ref(), sent_as, &resolved.user, template, now)
        });
        if session.begun_by.as_deref() == Some(id.sortable()) {
            self.tell_begun(&session).await?;
        }
        let mut stored = match self.store.put_message(&id, &message).await? {
            Put::New => message,
            Put::Exists(stored) => *stored,
        };
        // From here on the message is durable and due: nothing that fails is an error any more.
        if stored.phase == Phase::Queued {
            stored = Box::pin(self.reserve_or_refuse(&context, &session, &id, stored, now)).await;
        }
        if stored.phase == Phase::Held {
            stored = Box::pin(self.hold_or_leave(&session, &id, stored, now)).await;
        }
        self.conclude(&context, &id, stored, now).await
    }

    /// Reads everything that the decision about a request is made from; writes nothing.
    pub(crate) async fn consider(
        &self,
        request: &mut SendRequest,
        now: Timestamp,
    ) -> Result<Considered, AppError> {
        let shorthand = spelled_out(&mut request.content)?;
        let resolved = self.resolve(&request.target).await?;
        let mut context =
            self.send_context(&resolved.sender, &request.content, &request.plan).await?;
        if let (Some(shorthand), Some(template)) = (shorthand, &context.template) {
            request.content = Content::Template(shorthand.used(Some(template)));
        }
        self.recognise(&resolved, &mut context, request, now).await?;
        if let Some(answered) = &request.reply_to {
            self.known_answered(answered, &resolved).await?;
        }
        let profile = context.account.account.profile();
        let (file, prices) = futures::join!(
            self.look_at(&profile, &mut request.content),
            self.prices_for(&context.account, &resolved.user)
        );
        Ok(Considered { resolved, context, file: file?, prices: prices? })
    }

    /// Looks a text that the closed window bars up among the account's templates (M56, M62). In
    /// Gupshup's table one that is a template goes out as that template; elsewhere, and where it is
    /// only like one, the refusal says so. What waits for the customer, or has a template in its
    /// place, is not looked up.
    async fn recognise(
        &self,
        resolved: &Resolved,
        context: &mut SendContext,
        request: &mut SendRequest,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Content::Text { text } = &request.content else { return Ok(()) };
        if request.plan.when_closed != WhenClosed::Refuse {
            return Ok(());
        }
        let window = resolved.session.as_ref().and_then(Session::window);
        if window.is_some_and(|window| window.is_open(now, Channel::WHATSAPP)) {
            return Ok(());
        }
        let account = &context.account.account;
        let mut templates = self.store.templates(&account.id, None).await?;
        templates.retain(|template| account.template_categories.contains(&template.category));
        let matched = match find(text, &templates) {
            Found::Match(matched)
                if context.sender.sender.delivery_table.sends_texts_as_templates() =>
            {
                matched
            }
            found @ (Found::Match(_) | Found::Near(_) | Found::Nothing) => {
                context.found = Some(found);
                return Ok(());
            }
        };
        let template = Some(templates.swap_remove(matched.index));
        let used = TemplateUse {
            name: matched.name,
            language: Some(matched.language),
            variables: matched.variables,
            header: None,
        };
        if request.plan.send_at.is_some() {
            // Whether the window is open then, nobody knows now: the text, or the template.
            request.plan.when_closed = WhenClosed::Template;
            request.plan.fallback = Some(used);
            context.fallback = template;
        } else {
            request.content = Content::Template(used);
            context.template = template;
        }
        Ok(())
    }

    /// The places are taken after the message is durable: a crash in between leaves a queued
    /// message whose dispatch takes them, never a place that nobody holds.
    async fn reserve_or_refuse(
        &self,
        context: &SendContext,
        session: &Session,
        id: &MessageId,
        message: Message,
        now: Timestamp,
    ) -> Message {
        match self.reserve(context, session, id, &message, now).await {
            Ok(reserved) => reserved,
            Err(error) => {
                tracing::warn!(outcome = "left_to_dispatch", message = %id, error = %crate::error::chain(&error), "its place is taken just before the call");
                message
            }
        }
    }

    /// The same for a message that is held: the sweep lets its conversation know it.
    async fn hold_or_leave(
        &self,
        session: &Session,
        id: &MessageId,
        message: Message,
        now: Timestamp,
    ) -> Message {
        match self.keep_held(session, message.clone(), now).await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(outcome = "left_to_the_sweep", message = %id, error = %crate::error::chain(&error), "its conversation does not know yet that it is held");
                message
            }
        }
    }

    /// A time that has passed, or is too far away, is an error of the caller's, unless this is a
    /// repeat: the message was taken while its time was still ahead.
    async fn check_time(
        &self,
        at: Timestamp,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match check_time(at, now) {
            Err(_) if self.store.message(id).await?.is_some() => Ok(()),
            checked => Ok(checked?),
        }
    }

    async fn reserve(
        &self,
        context: &SendContext,
        session: &Session,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let refusal = match self.limits_of(context, session, message, now).await? {
            Some(refusal) => refusal,
            None => return Ok(message.clone()),
        };
        if message.plan.waits_for_a_place && refusal.code == Code::LimitReached {
            let (sender, account) = (&context.sender.sender, &context.account.account);
            if refusal.retry_at.is_some() {
                let reached = self.limit_reached(sender, account, refusal.retry_at, now);
                self.publish(vec![reached]).await?;
            }
            return self.defer_submitted((sender, account), message, now).await;
        }
        let mut message = message.clone();
        if self.store.end_before_call(id, Phase::Refused, Some(&refusal)).await? == Updated::Done {
            message.phase = Phase::Refused;
            message.refusal = Some(refusal);
        } else if let Some(stored) = self.store.message(id).await? {
            message = stored;
        }
        Ok(message)
    }

    /// Takes every place that a message needs, or says which there is none of.
    async fn limits_of(
        &self,
        context: &SendContext,
        session: &Session,
        message: &Message,
        now: Timestamp,
    ) -> Result<Option<RefusalRecord>, AppError> {
        let (sender, account) = (&context.sender.sender, &context.account.account);
        let by = (message.origin, message.sent_by.as_deref());
        if let Some(limited) = Limited::of(sender, session, by, now)
            && let Some(refusal) = self.count_for_agent(&limited, message).await?
        {
            return Ok(Some(refusal));
        }
        let (Some(id), Some(user)) = (&message.id, session.user()) else { return Ok(None) };
        if !message.counts {
            return Ok(None);
        }
        if message.plan.waits_for_a_place
            && self.is_behind_others(sender, account, &user, now).await?
        {
            return Ok(Some(limit_refusal(&context.sender, None, now)));
        }
        let holder = holder(id, message.attempt);
        let taken = self.take_place(sender, account, &user, &holder, now, false).await?;
        match taken {
            Reservation::Full { next_free_at } => {
                Ok(Some(limit_refusal(&context.sender, next_free_at, now)))
            }
            Reservation::Reserved => self.take_budget(context, id, message, now).await,
        }
    }

    async fn defer_submitted(
        &self,
        whose: (&Sender, &Account),
        message: &Message,
        now: Timestamp,
    ) -> Result<Message, AppError> {
        let mut waits = message.clone();
        match (self.defer_for_place(whose, message, now).await?, &message.id) {
            (Updated::Done, _) => waits.phase = Phase::Limited,
            (Updated::Changed, Some(id)) => {
                waits = self.store.message(id).await?.unwrap_or(waits);
            }
            (Updated::Changed, None) => {}
        }
        Ok(waits)
    }

    /// Every step after the message is durable; a repeat takes them again from what is stored.
    async fn conclude(
        &self,
        context: &SendContext,
        id: &MessageId,
        message: Message,
        now: Timestamp,
    ) -> Result<Submitted, AppError> {
        if message.phase == Phase::Queued {
            self.enqueue(id, &message, context.sender.sender.rate_per_second).await;
        }
        if let Some(refusal) = &message.refusal {
            if message.due_at.is_some() {
                self.finish_or_leave(&message, now).await;
            }
            tracing::info!(outcome = "refused", code = %refusal.code, sender = %message.sender, message = %id, "message");
            return Err(kept_problem(id, refusal).into());
        }
        tracing::info!(outcome = message.status().as_str(), sender = %message.sender, message = %id, "message");
        Ok(Submitted {
            id: id.clone(),
            conversation: id.conversation(),
            sent_as: message.sent_as.unwrap_or(SentAs::Session),
            counts: message.counts,
            cost: message.cost.clone(),
            status: message.status(),
            waits_until: waits_until(&message),
            notices: notices(&context.account.account.profile(), &message),
        })
    }

    /// A message that is answered must be one of the conversation's own.
    async fn known_answered(&self, id: &MessageId, resolved: &Resolved) -> Result<(), AppError> {
        let there = id.conversation();
        let mut earlier = resolved.session.iter().flat_map(Session::predecessors);
        if (there == resolved.conversation || earlier.any(|id| *id == there))
            && self.store.message(id).await?.is_some()
        {
            return Ok(());
        }
        Err(Problem::not_found(format!("message `{id}` (`reply_to`) in this conversation")).into())
    }

    /// Puts a queued message's id into its queue. Failing is not an error: the message is
    /// durable and due, and the sweep puts it there.
    pub(crate) async fn enqueue(&self, id: &MessageId, message: &Message, rate: u32) {
        if let Err(error) = self.try_enqueue(id, message, rate).await {
            tracing::warn!(outcome = "enqueue_failed", message = %id, %error, "the sweep will put it into its queue");
        }
    }

    /// The same for one that must be in its queue before a later one follows.
    pub(crate) async fn try_enqueue(
        &self,
        id: &MessageId,
        message: &Message,
        rate: u32,
    ) -> Result<(), AppError> {
        let lane = lane_of(id, message, rate);
        let entry =
            OutboundEntry { message: id.clone(), enqueue: message.enqueue, rate: lane.rate };
        let queued = QueueEntry {
            group: format!("{}#{}", message.sender, lane.index),
            deduplication: format!("{id}.{}", message.enqueue),
            body: serde_json::to_string(&entry).unwrap_or_default(),
        };
        self.queues.send_outbound(lane.road, &queued).await
    }

    async fn resolve(&self, target: &Target) -> Result<Resolved, AppError> {
        match target {
            Target::Sender { sender, to: Recipient::User(user) } => {
                let sender = self.known_sender(sender).await?;
                let number = &sender.sender.phone;
                let key = self.store.hash_key().conversation(number, user);
                let (conversation, session) = self.follow_user(&key, user).await?;
                let user = session.as_ref().and_then(Session::user).unwrap_or(user.clone());
                Ok(Resolved { sender, user, conversation, session })
            }
            Target::Sender { sender, to: Recipient::Contact(conversation) } => {
                let sender = self.known_sender(sender).await?;
                let session = self.known_session(conversation).await?;
                if session.number != sender.sender.phone {
                    let id = conversation.contact();
                    return Err(Problem::not_found(format!("contact `{id}` of this sender")).into());
                }
                resolved(sender, session)
            }
            Target::Conversation(conversation) => {
                let session = self.known_session(conversation).await?;
                let id = self.store.sender_of_number(&session.number).await?;
                let sender = self.known_sender(id.as_ref().unwrap_or(&session.sender)).await?;
                resolved(sender, session)
            }
        }
    }

    pub(crate) async fn known_sender(&self, id: &SenderId) -> Result<SenderRecord, AppError> {
        let found = self.store.sender(id).await?;
        found.ok_or_else(|| Problem::not_found(format!("sender `{id}`")).into())
    }

    async fn known_session(&self, id: &ConversationId) -> Result<Session, AppError> {
        let (_, found) = self.follow_conversation(id).await?;
        found.ok_or_else(|| Problem::not_found(format!("conversation `{id}`")).into())
    }

    /// Reads account, brand and template of a sender, consistently and at once.
    pub(crate) async fn send_context(
        &self,
        sender: &SenderRecord,
        content: &Content,
        plan: &Plan,
    ) -> Result<SendContext, AppError> {
        let account_id = &sender.sender.account;
        let brand = sender.sender.brand.as_ref().map(|id| self.store.brand(id));
        let named = |used: &TemplateUse| {
            let (name, language) = (used.name.clone(), used.language.clone());
            async move { self.store.template(account_id, &name, language.as_deref()).await }
        };
        let (account, brand, template, fallback) = futures::join!(
            self.store.account(account_id),
            OptionFuture::from(brand),
            OptionFuture::from(content.template().map(named)),
            OptionFuture::from(plan.fallback.as_ref().map(named))
        );
        let account =
            account?.ok_or_else(|| Problem::not_found(format!("account `{account_id}`")))?;
        let wallet = match account.account.sandbox && account.has_wallet {
            true => self.store.wallet(account_id).await?,
            false => None,
        };
        let mut sender = sender.clone();
        sender.sender = self.with_limit(sender.sender, &account.account).await?;
        Ok(SendContext {
            wallet,
            sender,
            account,
            brand: brand.transpose()?.flatten(),
            template: template.transpose()?.flatten(),
            fallback: fallback.transpose()?.flatten(),
            found: None,
        })
    }

    /// The conversation that a message goes into, and its id there. Between resolving and writing
    /// the conversation may become another one's alias: nobody looks there, so the message stands
    /// at the target. A repeat takes the same steps, and finds what it stored before.
    async fn place_of(
        &self,
        resolved: &Resolved,
        wanted: Option<&MessageId>,
        now: Timestamp,
    ) -> Result<(Session, MessageId), AppError> {
        let id = wanted
            .cloned()
            .unwrap_or_else(|| MessageId::new(&resolved.conversation, now, &self.entropy.tail()));
        let session = self.ensure_session(resolved, &id, now).await?;
        let session = match &session.alias_of {
            None => session,
            Some(_) => self.known_session(&session.id).await?,
        };
        if id.conversation() == session.id || self.store.message(&id).await?.is_some() {
            return Ok((session, id));
        }
        let corrupt = |e| StoreError::Corrupt { what: "message id", reason: format!("{e:?}") };
        let id = MessageId::from_sortable(&session.id, id.sortable()).map_err(corrupt)?;
        Ok((session, id))
    }

    /// A conversation that the business begins exists before its first message does, so that a
    /// refused message has a place too.
    async fn ensure_session(
        &self,
        resolved: &Resolved,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<Session, AppError> {
        if let Some(session) = &resolved.session {
            let mut session = session.clone();
            if session.inbox_at.is_none() {
                let by = id.sortable();
                if self.store.show_in_inbox(&session, by, now).await? == Updated::Done {
                    session.begun_by.get_or_insert_with(|| by.to_owned());
                } else if let Some(stands) = self.store.session(&session.id).await? {
                    // Another began it, or this one did and its answer was lost on the way.
                    session = stands;
                }
            }
            return Ok(session);
        }
        let sender = &resolved.sender.sender;
        let mut session =
            new_session(&resolved.sender, resolved.conversation.clone(), &resolved.user, now);
        session.inbox_at = Some(now);
        session.begun_by = Some(id.sortable().to_owned());
        if let Some(phone) = resolved.user.phone() {
            self.store.put_pointer(&sender.phone, &phone.reversed(), &session.id).await?;
        }
        match self.store.create_session(&session).await? {
            SessionCreated::New => Ok(session),
            SessionCreated::Exists(stored) => Ok(*stored),
        }
    }

    /// Told by the message that began the conversation, and by every repeat of it.
    async fn tell_begun(&self, session: &Session) -> Result<(), AppError> {
        let cause = Cause::Begun(session.id.clone());
        let data = json!({ "conversation": session.id, "sender": session.sender });
        let event = Event::new(EventKind::ConversationOpened, &cause, session.created_at, data);
        self.publish(vec![event.in_conversation(&session.id, &session.sender)]).await
    }

    pub(crate) async fn known_message(&self, id: &MessageId) -> Result<Message, AppError> {
        let found = self.store.message(id).await?.filter(|m| m.direction == Direction::Out);
        found.ok_or_else(|| Problem::not_found(format!("outbound message `{id}`")).into())
    }
}

fn notices(profile: &Profile, message: &Message) -> Vec<String> {
    unshown(profile, message.content.as_ref(), message.reply_to.is_some())
}

/// What of a message its provider cannot show (M35, M46): said, instead of silently left out.
pub(crate) fn unshown(profile: &Profile, content: Option<&Content>, answers: bool) -> Vec<String> {
    let name = profile.name;
    let mut notices = Vec::new();
    if answers && !profile.reply_context {
        notices.push(format!("{name} cannot quote: the customer sees the answer alone"));
    }
    if let Some(Content::Text { text }) = content
        && profile.formatting == Formatting::NewLines
        && formatting::plain(text) != *text
    {
        notices.push(format!("{name} shows *bold*, _italics_ and ~struck~ as they are written"));
    }
    notices
}

/// A text that is the shorthand of a template is that template (M64).
fn spelled_out(content: &mut Content) -> Result<Option<Shorthand>, Problem> {
    let Content::Text { text } = &*content else { return Ok(None) };
    let Some(read) = shorthand::read(text) else { return Ok(None) };
    let shorthand = read.map_err(|why| Problem::invalid(format!("`content.text`: {why}")))?;
    *content = Content::Template(shorthand.used(None));
    Ok(Some(shorthand))
}

/// Whether a message may be scheduled for this time.
pub(crate) fn check_time(at: Timestamp, now: Timestamp) -> Result<(), Problem> {
    let latest = now.plus(SCHEDULED_AHEAD_MAX);
    if now < at && at <= latest {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "`send_at` must be later than now ({}) and not later than {}",
        now.rfc3339(),
        latest.rfc3339()
    )))
}

fn resolved(sender: SenderRecord, session: Session) -> Result<Resolved, AppError> {
    let user = session.user().ok_or_else(|| {
        Problem::new(Code::ContactInvalid, "this contact has neither a number nor a user id")
    })?;
    let conversation = session.id.clone();
    Ok(Resolved { sender, user, conversation, session: Some(session) })
}

/// The lane of a message's newest attempt.
pub(crate) fn lane_of(id: &MessageId, message: &Message, rate: u32) -> Lane {
    let road = if message.counts { Road::Campaigns } else { Road::Replies };
    lane(rate, road, HashKey::spread(id.conversation().as_str()))
}

/// Until when a message waits at most, where that is known: it is held, its time comes, or the
/// provider asked for patience.
pub(crate) fn waits_until(message: &Message) -> Option<Timestamp> {
    match message.phase {
        Phase::Held => message.held_until,
        Phase::Scheduled => message.plan.send_at,
        Phase::Deferred => message.due_at,
        Phase::Received
        | Phase::Queued
        | Phase::Limited
        | Phase::Sending
        | Phase::Answered
        | Phase::Refused
        | Phase::Cancelled => None,
    }
}

pub(crate) fn refusal_record(refusal: &Refusal, now: Timestamp) -> RefusalRecord {
    RefusalRecord {
        also: refusal.also.clone(),
        detail: refusal.detail.clone(),
        retry_at: refusal.retry_at,
        nearest: refusal.nearest.clone().map(Box::new),
        ..RefusalRecord::new(refusal.code, now)
    }
}

pub(crate) fn limit_refusal(
    sender: &SenderRecord,
    next_free_at: Option<Timestamp>,
    now: Timestamp,
) -> RefusalRecord {
    let limit = sender.sender.messaging_limit.unwrap_or_default();
    RefusalRecord {
        detail: Some(format!("all {limit} places of the rolling 24 hours are taken")),
        retry_at: next_free_at,
        ..RefusalRecord::new(Code::LimitReached, now)
    }
}

fn kept_problem(id: &MessageId, refusal: &RefusalRecord) -> Problem {
    let detail = refusal.detail.clone().unwrap_or_else(|| refusal.code.title().to_owned());
    Problem {
        code: refusal.code,
        detail,
        also: refusal.also.clone(),
        retry_at: refusal.retry_at,
        nearest: refusal.nearest.clone(),
        message: Some(Box::new((id.to_string(), id.conversation().to_string()))),
    }
}

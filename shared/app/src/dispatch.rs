//! The outbound queues reach the provider: claimed, asked again, called once, recorded.
//!
//! The queue is not a state. Every handled entry is recorded in the table and acknowledged; an
//! entry is only given back when the table cannot be reached or no time is left.

use crate::agent_limits::Limited;
use crate::hold::{opted_out, opted_out_since};
use crate::limit::holder;
use crate::price::cost_of;
use crate::provider::Called;
use crate::queues::OutboundEntry;
use crate::submit::{SendContext, limit_refusal, refusal_record};
use crate::{App, AppError, Clock};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use transom_core::code::Code;
use transom_core::decide::SentAs;
use transom_core::due::{MessageDue, message_due};
use transom_core::id::{ConversationId, MessageId};
use transom_core::identity::User;
use transom_core::lane::spacing;
use transom_core::message::{Fact, FactKind, Phase, Source};
use transom_core::money::Money;
use transom_core::plan::{Course, Which};
use transom_core::time::{Millis, Timestamp};
use transom_store::{
    AnswerNames, BeginCall, ClaimSend, Message, RefusalRecord, Reservation, Session, Updated,
};
use transom_wire::{Answer, Outbound, ProviderRequest, Reference};

/// An entry as the queue hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedEntry {
    /// The queue's own id of it, by which it is given back.
    pub receipt: String,
    /// Its group: one lane of one sender.
    pub group: String,
    /// Its body.
    pub body: String,
}

/// How long one entry may need at most: the call's deadline and recording the answer.
const ENTRY_WITHIN: Millis = Millis::from_seconds(25);

/// How long a throttled message waits when the provider does not say.
const BACKOFF_FIRST: Millis = Millis::from_seconds(2);
/// The longest such wait.
const BACKOFF_MAX: Millis = Millis::from_seconds(300);

/// How often a message may be put off before it is given up: with the waits above, a day.
const ENQUEUES_MAX: u32 = 300;

/// How many older messages are looked at to keep a conversation's order.
const OLDER_MAX: u16 = 50;

/// The length of a claim's name, in characters of five bits: two runs never choose the same.
const CLAIM_CHARS: usize = 12;

/// How often writing down what a call has come to is tried: losing it would leave an unknown outcome.
const RECORD_TRIES: u32 = 4;

impl App {
    /// Works on one batch of a queue. Lanes run side by side, a lane's calls are spaced by its
    /// rate, and the calls of one conversation never overlap. Answers the receipts of the
    /// entries to give back: an entry that failed and every later one of its group.
    pub async fn dispatch_batch(
        &self,
        entries: Vec<QueuedEntry>,
        deadline: Timestamp,
    ) -> Vec<String> {
        let mut lanes: BTreeMap<String, Vec<QueuedEntry>> = BTreeMap::new();
        for entry in entries {
            lanes.entry(entry.group.clone()).or_default().push(entry);
        }
        let work = lanes.into_values().map(|lane| self.dispatch_lane(lane, deadline));
        futures::future::join_all(work).await.into_iter().flatten().collect()
    }

    async fn dispatch_lane(&self, entries: Vec<QueuedEntry>, deadline: Timestamp) -> Vec<String> {
        let gate = Gates::new(self.clock.now());
        let gate = &gate;
        let mut given_back = Vec::new();
        let mut busy: BTreeSet<ConversationId> = BTreeSet::new();
        let mut under_way = FuturesUnordered::new();
        let mut entries = entries.into_iter();
        for entry in entries.by_ref() {
            let Some(parsed) = parse_entry(&entry) else { continue };
            let conversation = parsed.message.conversation();
            let mut failed = false;
            while busy.contains(&conversation) {
                let Some((done, receipt)) = under_way.next().await else { break };
                busy.remove(&done);
                failed |= note_failure(receipt, &mut given_back);
            }
            let late = self.clock.now().plus(ENTRY_WITHIN) > deadline;
            if failed || late || !given_back.is_empty() {
                given_back.push(entry.receipt);
                break;
            }
            busy.insert(conversation.clone());
            under_way.push(async move {
                let result = self.dispatch(&parsed, gate, entry.receipt).await;
                (conversation, result)
            });
        }
        given_back.extend(entries.map(|e| e.receipt));
        while let Some((_, receipt)) = under_way.next().await {
            note_failure(receipt, &mut given_back);
        }
        // The last call's pause too, so that the lane's next invocation cannot begin too early.
        let last = gate.last().await;
        self.clock.sleep_until(last).await;
        given_back
    }

    /// Handles one entry; answers its receipt when it must be given back.
    async fn dispatch(
        &self,
        entry: &OutboundEntry,
        gate: &Gates,
        receipt: String,
    ) -> Result<(), String> {
        match self.dispatch_message(entry, gate).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::error!(outcome = "given_back", message = %entry.message, error = %crate::error::chain(&error), "an entry could not be handled");
                Err(receipt)
            }
        }
    }

    async fn dispatch_message(&self, entry: &OutboundEntry, gate: &Gates) -> Result<(), AppError> {
        let id = &entry.message;
        let Some(message) = self.store.message(id).await? else {
            tracing::error!(outcome = "no_such_message", message = %id, "an entry without a message");
            return Ok(());
        };
        match message.phase {
            Phase::Queued => {
                gate.turns.pass(&self.clock, spacing(entry.rate)).await;
                // Boxed: the longest road there is would else make every future around it as large.
                Box::pin(self.cross(id, message, &gate.calls, spacing(entry.rate))).await
            }
            Phase::Sending => self.meet_interrupted(id, &message).await,
            Phase::Refused | Phase::Cancelled => self.refund_ended(&message).await,
            // Put off meanwhile, or handled already.
            Phase::Received
            | Phase::Deferred
            | Phase::Held
            | Phase::Scheduled
            | Phase::Limited
            | Phase::Answered => Ok(()),
        }
    }

    /// A message that was ended while its place was being taken does not keep it.
    async fn refund_ended(&self, message: &Message) -> Result<(), AppError> {
        match message.phase {
            Phase::Refused | Phase::Cancelled => self.refund_place(message).await,
            Phase::Received
            | Phase::Queued
            | Phase::Deferred
            | Phase::Held
            | Phase::Scheduled
            | Phase::Limited
            | Phase::Sending
            | Phase::Answered => Ok(()),
        }
    }

    /// A call was begun by a run that did not live to record its answer. Where it may still be
    /// under way, the sweep looks again later.
    async fn meet_interrupted(&self, id: &MessageId, message: &Message) -> Result<(), AppError> {
        match message_due(message.phase, message.claimed_at, self.clock.now()) {
            MessageDue::MarkUnknown => self.mark_unknown(message, "interrupted").await,
            MessageDue::Wait(until) => {
                self.store.reschedule(id, message, Some(until)).await?;
                Ok(())
            }
            MessageDue::Enqueue { .. } | MessageDue::LookAtHold | MessageDue::Clear => Ok(()),
        }
    }

    /// The road of one queued message: asked again, in order, reserved, claimed, called, recorded.
    async fn cross(
        &self,
        id: &MessageId,
        mut message: Message,
        calls: &Gate,
        pause: Millis,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let Some((context, session, user)) = self.facts_of(&message).await? else {
            let gone = ended(Code::AccountDeleted, "its sender is gone", now);
            return self.refuse_queued(&message, &gone).await;
        };
        if message.released_at.is_some() && opted_out_since(&session, id) {
            return self.refuse_queued(&message, &opted_out(now)).await;
        }
        let content = message.content.clone().unwrap_or_else(empty);
        let asked = (&content, &message.plan);
        let (which, sent_as, counts) = match context.course(Some(&session), &user, asked, None, now)
        {
            Course::Refuse(refusal) => {
                return self.refuse_queued(&message, &refusal_record(&refusal, now)).await;
            }
            Course::Hold(_) => return Box::pin(self.hold_queued(&message, &session, now)).await,
            Course::Send { which, sent_as, counts } => (which, sent_as, counts),
        };
        if let Some(until) = self.must_wait(&message, &session, now).await? {
            return self.put_off(&message, Phase::Queued, until).await;
        }
        message.instead = match which {
            Which::Own => None,
            Which::Fallback(because) => Some(because),
        };
        let content = message.outgoing().unwrap_or_else(empty);
        let context = match which {
            Which::Own => context,
            Which::Fallback(_) => SendContext { template: context.fallback.clone(), ..context },
        };
        let reference = Reference { message: id.clone(), attempt: message.attempt };
        let answered = self.context_of(&context, &message).await?;
        let provider = context.account.account.provider;
        let link = match self.link_for_provider(provider, id, &content, now).await {
            Ok(link) => link,
            Err(error @ AppError::Objects { .. }) => {
                if message.enqueue >= ENQUEUES_MAX {
                    let detail = "its file could be neither stored nor linked, however often";
                    let refusal = ended(Code::MediaNotReady, detail, now);
                    return self.refuse_queued(&message, &refusal).await;
                }
                // Given back, it would hold up its whole lane for as long as storage is ill.
                tracing::warn!(outcome = "put_off", message = %id, error = %crate::error::chain(&error), "its file has no link yet");
                let until = now.plus(backoff(message.enqueue));
                return self.hold_and_put_off(&message, Phase::Queued, until).await;
            }
            Err(error) => return Err(error),
        };
        let sending = Sending { content: &content, link, reference: &reference, answered };
        let request = match self.render(&context, &user, &sending) {
            Ok(request) => request,
            Err(refusal) => return self.refuse_queued(&message, &refusal).await,
        };
        let by = (message.origin, message.sent_by.as_deref());
        if let Some(limited) = Limited::of(&context.sender.sender, &session, by, now)
            && let Some(refusal) = self.count_for_agent(&limited, &message).await?
        {
            return self.refuse_queued(&message, &refusal).await;
        }
        // The customer may have written, or the window have closed: it costs what it is sent as.
        let repriced = match message.sent_as == Some(sent_as) {
            true => None,
            false => Some(self.repriced(&context, &user, sent_as, now).await?),
        };
        if counts {
            // Before it is taken: a message that did not count so far would otherwise end without
            // anybody knowing that it holds a place.
            if !message.may_hold_place() {
                if self.store.note_reserving(id, message.attempt).await? == Updated::Changed {
                    return Ok(());
                }
                message.reserved = true;
            }
            let held = holder(id, message.attempt);
            let (sender, account) = (&context.sender.sender, &context.account.account);
            let taken = self.take_place(sender, account, &user, &held, now, true).await?;
            if let Reservation::Full { next_free_at } = taken {
                if message.plan.waits_for_a_place {
                    self.publish(vec![self.limit_reached(sender, account, next_free_at, now)])
                        .await?;
                    Box::pin(self.defer_for_place((sender, account), &message, now)).await?;
                    return Ok(());
                }
                let refusal = limit_refusal(&context.sender, next_free_at, now);
                return self.refuse_queued(&message, &refusal).await;
            }
            let mut priced = message.clone();
            priced.cost = repriced.clone().unwrap_or(priced.cost);
            if let Some(refusal) = self.take_budget(&context, id, &priced, now).await? {
                return self.refuse_queued(&message, &refusal).await;
            }
        }
        let account_id = &context.account.account.id;
        let claim = self.entropy.text(CLAIM_CHARS);
        let attempt = message.attempt;
        let reserved = message.may_hold_place();
        let instead = message.instead;
        let call = BeginCall {
            attempt,
            account: account_id,
            sent_as,
            counts,
            reserved,
            repriced: repriced.as_ref(),
            instead,
            claim: &claim,
            now,
        };
        match self.store.claim_send(id, &call).await? {
            ClaimSend::Claimed => {}
            ClaimSend::Lost(stands) => {
                // Cancelled meanwhile: the place that was just taken goes back with it.
                return match stands {
                    Some(ended) if ended.may_hold_place() => self.refund_ended(&ended).await,
                    Some(_) | None => Ok(()),
                };
            }
        }
        if message.counts && !counts {
            // The customer wrote while the template waited: it takes no place any more. What fails
            // here keeps nobody from the call, and is taken up again when the message ends.
            if let Err(error) = self.refund_place(&message).await {
                tracing::warn!(outcome = "left_to_its_end", message = %id, error = %crate::error::chain(&error), "a place to give back");
            }
        }
        message.phase = Phase::Sending;
        message.claimed_at = Some(now);
        message.account = account_id.clone();
        message.sent_as = Some(sent_as);
        message.reserved = reserved && !counts;
        message.counts = counts;
        if let Some(cost) = repriced {
            message.cost = cost;
        }
        // Reading and claiming took differently long for each: the calls themselves are spaced too.
        calls.pass(&self.clock, pause).await;
        let called = self.provider.call(context.account.account.provider, request).await;
        self.record_outcome(&context, &message, called).await
    }

    async fn repriced(
        &self,
        context: &SendContext,
        user: &User,
        sent_as: SentAs,
        now: Timestamp,
    ) -> Result<Option<Money>, AppError> {
        let prices = self.prices_for(&context.account, user).await?;
        Ok(cost_of(prices.as_ref(), sent_as, user, context.template.as_ref(), now))
    }

    /// The provider's own id of the message that is answered, where the provider can quote it.
    async fn context_of(
        &self,
        context: &SendContext,
        message: &Message,
    ) -> Result<Option<String>, AppError> {
        let Some(answered) = &message.reply_to else { return Ok(None) };
        if !context.account.account.profile().reply_context {
            return Ok(None);
        }
        let Ok(id) = MessageId::parse(answered) else { return Ok(None) };
        Ok(self.store.message(&id).await?.and_then(|answered| answered.provider_message_id))
    }

    pub(crate) async fn facts_of(
        &self,
        message: &Message,
    ) -> Result<Option<(SendContext, Session, User)>, AppError> {
        let Some(id) = &message.id else { return Ok(None) };
        let content = message.content.clone().unwrap_or_else(empty);
        let conversation = id.conversation();
        let (sender, session) = futures::join!(
            self.store.sender(&message.sender),
            self.follow_conversation(&conversation)
        );
        let (Some(sender), (_, Some(session))) = (sender?, session?) else { return Ok(None) };
        let Some(user) = session.user() else { return Ok(None) };
        let context = self.send_context(&sender, &content, &message.plan).await?;
        Ok(Some((context, session, user)))
    }

    /// Until when a message must wait so that it does not overtake one that the provider put off.
    async fn must_wait(
        &self,
        message: &Message,
        session: &Session,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, AppError> {
        let Some(not_before) = session.out_not_before else { return Ok(None) };
        let Some(id) = &message.id else { return Ok(None) };
        let (older, _) = self.store.messages(&session.id, Some(id.sortable()), OLDER_MAX).await?;
        let waiting = older.iter().any(|m| matches!(m.phase, Phase::Deferred | Phase::Queued));
        if waiting {
            return Ok(Some(not_before.max(now).plus(BACKOFF_FIRST)));
        }
        if now < not_before {
            return Ok(Some(not_before));
        }
        // The hold stands while anything of the conversation waits, so that a new message does not
        // slip in before those that were put off behind this one.
        let (newest, _) = self.store.messages(&session.id, None, OLDER_MAX).await?;
        let others = newest.iter().any(|m| m.phase == Phase::Deferred && m.id.as_ref() != Some(id));
        if !others {
            self.store.release_hold(&session.id, not_before).await?;
        }
        Ok(None)
    }

    fn render(
        &self,
        context: &SendContext,
        user: &User,
        sending: &Sending<'_>,
    ) -> Result<ProviderRequest, RefusalRecord> {
        let Sending { content, link, reference, answered } = sending;
        let now = self.clock.now();
        let refused = |detail: String| ended(Code::ContentUnsupported, &detail, now);
        let account = &context.account;
        let credentials = self.credentials(account).map_err(|_| {
            ended(Code::AccountDeactivated, "its credentials cannot be opened", now)
        })?;
        let provider = account.account.provider;
        let base = self.api_base(account);
        let status_url = format!(
            "{}{}/{}/{}",
            self.config.public_url.as_deref().unwrap_or_default(),
            self.config.status_path,
            provider.as_str(),
            account.account.id
        );
        let outbound = Outbound {
            from: &context.sender.sender.phone,
            from_provider_id: context.sender.sender.provider_id.as_deref(),
            to: user,
            content,
            template: context.template.as_ref(),
            link: link.as_deref(),
            context: answered.as_deref(),
            link_preview: account.account.profile().link_preview,
            reference,
            status_url: &status_url,
        };
        transom_wire::render(&credentials, &base, &outbound).map_err(|e| refused(e.to_string()))
    }

    /// The address of an account's API.
    pub(crate) fn api_base(&self, account: &transom_store::AccountRecord) -> String {
        let provider = account.account.provider;
        let sandbox =
            self.config.sandbox_url.as_ref().map(|u| format!("{u}/{}", provider.as_str()));
        let own = account.api_base_url.clone().or(sandbox);
        own.unwrap_or_else(|| transom_wire::api_base_url(provider).to_owned())
    }

    async fn record_outcome(
        &self,
        context: &SendContext,
        message: &Message,
        called: Called,
    ) -> Result<(), AppError> {
        let answer = match called {
            Called::NotReached => Answer::Throttled { after: None, code: "not_reached".to_owned() },
            Called::Answered(answer) => answer,
        };
        match answer {
            Answer::Accepted { provider_message_id, wa_id } => {
                let number = &context.sender.sender.phone;
                let answered_as = wa_id
                    .zip(message.id.as_ref())
                    .and_then(|(wa_id, id)| self.other_writing(number, &id.conversation(), &wa_id));
                let names =
                    AnswerNames { provider_message_id: Some(provider_message_id), answered_as };
                self.record_answer(message, FactKind::Accepted, None, names).await
            }
            Answer::Refused { code } => {
                self.record_answer(message, FactKind::Failed, Some(code), AnswerNames::default())
                    .await
            }
            Answer::Unknown { code } => {
                self.record_answer(message, FactKind::Unknown, Some(code), AnswerNames::default())
                    .await
            }
            Answer::Throttled { after, code } => {
                if message.enqueue >= ENQUEUES_MAX {
                    return self
                        .record_answer(
                            message,
                            FactKind::Failed,
                            Some(code),
                            AnswerNames::default(),
                        )
                        .await;
                }
                let wait = after.unwrap_or_else(|| backoff(message.enqueue));
                let until = self.clock.now().plus(wait);
                tracing::warn!(outcome = "throttled", message = ?message.id.as_ref().map(ToString::to_string), code, "put off");
                self.insist(|| self.hold_and_put_off(message, Phase::Sending, until)).await
            }
        }
    }

    /// Writes an answer down, repeatedly if need be, and takes what follows from it.
    async fn record_answer(
        &self,
        message: &Message,
        kind: FactKind,
        code: Option<String>,
        names: AnswerNames,
    ) -> Result<(), AppError> {
        let Some(id) = message.id.clone() else { return Ok(()) };
        let source = if kind == FactKind::Unknown { Source::Transom } else { Source::Provider };
        let fact = Fact { at: self.clock.now(), source, code };
        let record = || self.store.record_answer(&id, message.attempt, kind, &fact, &names);
        if self.insist(record).await? == Updated::Changed {
            // Somebody else has recorded how it ended.
            return Ok(());
        }
        tracing::info!(outcome = kind.as_str(), message = %id, sender = %message.sender, code = fact.code.as_deref().unwrap_or_default(), "provider call");
        let mut answered = message.clone();
        answered.phase = Phase::Answered;
        answered.provider_message_id = names.provider_message_id;
        answered.answered_as = names.answered_as;
        let now = fact.at;
        answered.facts.insert((message.attempt, kind), fact);
        // The answer is durable; what follows from it is the sweep's if it fails here.
        self.finish_or_leave(&answered, now).await;
        Ok(())
    }

    /// Tries repeatedly to write down what a call has come to.
    async fn insist<T, E, F>(&self, write: impl Fn() -> F) -> Result<T, AppError>
    where
        F: Future<Output = Result<T, E>>,
        E: Into<AppError>,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            match write().await {
                Ok(written) => return Ok(written),
                Err(error) if tries >= RECORD_TRIES => return Err(error.into()),
                Err(_) => {
                    let wait = Millis::new(100 << tries);
                    self.clock.sleep_until(self.clock.now().plus(wait)).await;
                }
            }
        }
    }

    /// First the hold, so that no later message slips through between the two writes.
    async fn hold_and_put_off(
        &self,
        message: &Message,
        from: Phase,
        until: Timestamp,
    ) -> Result<(), AppError> {
        if let Some(id) = &message.id {
            let (conversation, _) = self.follow_conversation(&id.conversation()).await?;
            self.store.hold_back(&conversation, until).await?;
        }
        self.put_off(message, from, until).await
    }

    /// A call whose answer nobody recorded: never repeated, always visible.
    pub(crate) async fn mark_unknown(&self, message: &Message, why: &str) -> Result<(), AppError> {
        self.record_answer(message, FactKind::Unknown, Some(why.to_owned()), AnswerNames::default())
            .await
    }

    async fn put_off(
        &self,
        message: &Message,
        from: Phase,
        until: Timestamp,
    ) -> Result<(), AppError> {
        let Some(id) = &message.id else { return Ok(()) };
        self.store.defer(id, from, until).await?;
        Ok(())
    }

    async fn refuse_queued(
        &self,
        message: &Message,
        refusal: &RefusalRecord,
    ) -> Result<(), AppError> {
        let Some(id) = &message.id else { return Ok(()) };
        // An opt-out takes back what needs consent; a text that its window has left behind is refused
        // like any other.
        let by_window = refusal.also.iter().any(|code| code.is_window());
        let cancelled = refusal.code == Code::OptedOut && !by_window;
        let phase = if cancelled { Phase::Cancelled } else { Phase::Refused };
        if self.store.end_before_call(id, phase, Some(refusal)).await? == Updated::Changed {
            return Ok(());
        }
        let mut ended = message.clone();
        ended.phase = phase;
        ended.refusal = Some(refusal.clone());
        tracing::info!(outcome = "refused", code = %refusal.code, message = %id, sender = %message.sender, "before the call");
        self.finish_or_leave(&ended, self.clock.now()).await;
        Ok(())
    }
}

/// What one call sends.
struct Sending<'a> {
    content: &'a transom_core::content::Content,
    /// Where the provider fetches its file.
    link: Option<String>,
    reference: &'a Reference,
    /// The provider's own id of the message that is answered.
    answered: Option<String>,
}

/// The two places where the messages of one lane wait: for their turn, before they are asked
/// again, and for the call itself.
struct Gates {
    turns: Gate,
    calls: Gate,
}

impl Gates {
    fn new(now: Timestamp) -> Self {
        Self { turns: Gate::new(now), calls: Gate::new(now) }
    }

    /// When the lane's next invocation may begin.
    async fn last(&self) -> Timestamp {
        let turns = *self.turns.next.lock().await;
        turns.max(*self.calls.next.lock().await)
    }
}

/// A place where messages wait for a time that is kept between them.
struct Gate {
    next: tokio::sync::Mutex<Timestamp>,
}

impl Gate {
    fn new(now: Timestamp) -> Self {
        Self { next: tokio::sync::Mutex::new(now) }
    }

    /// Waits for a turn, first come, first served, and takes it.
    async fn pass(&self, clock: &Clock, spacing: Millis) {
        let mut next = self.next.lock().await;
        clock.sleep_until(*next).await;
        *next = clock.now().plus(spacing);
    }
}

fn parse_entry(entry: &QueuedEntry) -> Option<OutboundEntry> {
    let parsed = serde_json::from_str(&entry.body);
    if parsed.is_err() {
        // It can never be read: acknowledged, so that it does not block its group. Its message,
        // if there is one, is still due in the table.
        tracing::error!(outcome = "unreadable_entry", "an entry of the outbound queue");
    }
    parsed.ok()
}

fn note_failure(result: Result<(), String>, given_back: &mut Vec<String>) -> bool {
    match result {
        Ok(()) => false,
        Err(receipt) => {
            given_back.push(receipt);
            true
        }
    }
}

fn backoff(enqueue: u32) -> Millis {
    let doubled = BACKOFF_FIRST.get().saturating_mul(1 << enqueue.saturating_sub(1).min(10));
    Millis::new(doubled.min(BACKOFF_MAX.get()))
}

fn ended(code: Code, detail: &str, now: Timestamp) -> RefusalRecord {
    RefusalRecord { detail: Some(detail.to_owned()), ..RefusalRecord::new(code, now) }
}

fn empty() -> transom_core::content::Content {
    transom_core::content::Content::Text { text: String::new() }
}

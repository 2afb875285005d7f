//! Messages: `M#<sortable>`, with a long body beside them in `B#<sortable>`, so that a status
//! costs one unit however long the text.

use crate::item::{Conditional, Expression, Item, Query, decode, encode, encode_value, n, s};
use crate::sessions::partition;
use crate::{Store, StoreError, Updated};
use serde::{Deserialize, Serialize};
use transom_core::content::{Content, TemplateUse};
use transom_core::decide::SentAs;
use transom_core::id::{AccountId, ConversationId, MessageId, SenderId};
use transom_core::identity::Phone;
use transom_core::message::{Direction, Fact, FactKind, Facts, Origin, Phase, Status, shown};
use transom_core::money::Money;
use transom_core::plan::{Lapse, Plan};
use transom_core::template::matching::Nearest;
use transom_core::time::Timestamp;

/// The largest body, in bytes of JSON, that stands in the message's own item.
const INLINE_BODY_BYTES_MAX: usize = 500;

/// Why a message was refused by a rule, kept with it for ever (U1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// The code.
    pub code: transom_core::code::Code,
    /// The other codes that applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<transom_core::code::Code>,
    /// What exactly did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When.
    pub at: Timestamp,
    /// When waiting helps, until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Why it did not go out although it was held for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse: Option<Lapse>,
    /// The template that the text is like, or is (M62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Box<Nearest>>,
}

impl RefusalRecord {
    /// A refusal by `code` at `at`, and nothing more to say about it.
    #[must_use]
    pub const fn new(code: transom_core::code::Code, at: Timestamp) -> Self {
        Self {
            code,
            also: Vec::new(),
            detail: None,
            at,
            retry_at: None,
            lapse: None,
            nearest: None,
        }
    }
}

/// That an attempt was not delivered in its sender's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The attempt.
    #[serde(rename = "n")]
    pub attempt: u32,
    /// When its time was over.
    #[serde(rename = "t")]
    pub at: Timestamp,
}

/// A message in either direction. Field names are short in the item and long here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, which locates it.
    #[serde(skip)]
    pub id: Option<MessageId>,
    /// Which way it goes.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// Who wrote it.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// The agent or key that sent it.
    #[serde(rename = "by", default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<String>,
    /// The account.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// The sender.
    #[serde(rename = "se")]
    pub sender: SenderId,
    /// What it holds; `None` only while the body has not been read.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Where it stands on our road.
    #[serde(rename = "ph")]
    pub phase: Phase,
    /// The newest attempt, from 1; 0 for inbound.
    #[serde(rename = "n", default)]
    pub attempt: u32,
    /// How often it was put into a queue.
    #[serde(rename = "q", default)]
    pub enqueue: u32,
    /// When its newest call was begun.
    #[serde(rename = "cl", default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// The name under which that call was begun: who begins one knows its own by it when the answer
    /// was lost on the way.
    #[serde(rename = "ck", default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// When it was received or submitted.
    #[serde(rename = "r")]
    pub received_at: Timestamp,
    /// The provider's id of it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// The number that the provider's answer calls the recipient by, where that differs from the
    /// one that it was sent to.
    #[serde(rename = "wa", default, skip_serializing_if = "Option::is_none")]
    pub answered_as: Option<Phone>,
    /// What it is sent as.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub sent_as: Option<SentAs>,
    /// Whether it takes a place of the limit.
    #[serde(rename = "ct", default, skip_serializing_if = "std::ops::Not::not")]
    pub counts: bool,
    /// Whether it may hold a place although it does not count: it counted once, or was about to.
    #[serde(rename = "rs", default, skip_serializing_if = "std::ops::Not::not")]
    pub reserved: bool,
    /// What it was expected to cost when it was taken; `None` where no price was known.
    #[serde(rename = "co", default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Why a rule refused it.
    #[serde(rename = "rf", default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalRecord>,
    /// Whether the customer forwarded it (M141).
    #[serde(rename = "fw", default, skip_serializing_if = "std::ops::Not::not")]
    pub forwarded: bool,
    /// What it answers: our id, or the provider's where ours is not known.
    #[serde(rename = "rt", default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The customer's reaction.
    #[serde(rename = "rx", default, skip_serializing_if = "Option::is_none")]
    pub reaction: Option<Mark>,
    /// That the customer corrected it.
    #[serde(rename = "ed", default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Mark>,
    /// That it was deleted for everyone.
    #[serde(rename = "dl", default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Mark>,
    /// What was asked for in case it cannot go out at once.
    #[serde(rename = "pl", default, skip_serializing_if = "Plan::is_plain")]
    pub plan: Plan,
    /// Why the template of its plan goes out in place of its content, where it does.
    #[serde(rename = "fb", default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<transom_core::code::Code>,
    /// Until when it is held.
    #[serde(rename = "hu", default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// When it was released.
    #[serde(rename = "re", default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
    /// The attempt that is watched until it arrives, with everything else done.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<u32>,
    /// The attempt that did not arrive in its time.
    #[serde(rename = "uc", default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Unconfirmed>,
    /// Where the user came from.
    #[serde(rename = "rl", default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<std::collections::BTreeMap<String, String>>,
    /// The shard of the due index, while something is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_shard: Option<String>,
    /// When the sweep must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// What is known of each attempt.
    #[serde(skip)]
    pub facts: Facts,
}

impl Message {
    /// The status to show.
    #[must_use]
    pub fn status(&self) -> Status {
        shown(self.phase, self.attempt, &self.facts)
    }

    /// Whether it may hold a place of the limit, so that there may be one to give back.
    #[must_use]
    pub const fn may_hold_place(&self) -> bool {
        self.counts || self.reserved
    }

    /// Whether the newest attempt was taken and not delivered in its time. Only its own later
    /// evidence clears this (F9).
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        let flagged = self.unconfirmed.as_ref().is_some_and(|u| u.attempt == self.attempt);
        flagged && matches!(self.status(), Status::Accepted | Status::Sent)
    }

    /// Whether somebody must know that the customer does not have it, or may not (U1, U10).
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        self.status().is_undelivered() || self.is_unconfirmed()
    }

    /// What the customer gets, or would: the template in its place where that goes out.
    #[must_use]
    pub fn outgoing(&self) -> Option<Content> {
        match (self.instead, &self.plan.fallback) {
            (Some(_), Some(fallback)) => Some(Content::Template(fallback.clone())),
            (_, _) => self.content.clone(),
        }
    }
}

/// What a later message of the customer did to this one. The field names are short because they
/// stand in an item that an update pays for as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// The place of the message that did it; of several the latest counts.
    #[serde(rename = "k")]
    pub by: String,
    /// The emoji of a reaction; none where it was taken back.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

/// Which mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// [`Message::reaction`]
    Reaction,
    /// [`Message::edited`]
    Edited,
    /// [`Message::deleted`]
    Deleted,
}

impl MarkKind {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Reaction => "rx",
            Self::Edited => "ed",
            Self::Deleted => "dl",
        }
    }

    fn of(self, message: &Message) -> Option<&Mark> {
        match self {
            Self::Reaction => message.reaction.as_ref(),
            Self::Edited => message.edited.as_ref(),
            Self::Deleted => message.deleted.as_ref(),
        }
    }

    fn set(self, message: &mut Message, mark: Mark) {
        match self {
            Self::Reaction => message.reaction = Some(mark),
            Self::Edited => message.edited = Some(mark),
            Self::Deleted => message.deleted = Some(mark),
        }
    }
}

/// What became of a new message.
#[derive(Debug, Clone, PartialEq)]
pub enum Put {
    /// It is stored.
    New,
    /// It stood there already.
    Exists(Box<Message>),
}

/// What a call to the provider is begun with.
#[derive(Debug, Clone, Copy)]
pub struct BeginCall<'a> {
    /// The attempt.
    pub attempt: u32,
    /// The account that it goes through.
    pub account: &'a AccountId,
    /// What it is sent as.
    pub sent_as: SentAs,
    /// Whether it takes a place of the limit.
    pub counts: bool,
    /// Whether it may hold one all the same, to be given back after this.
    pub reserved: bool,
    /// What it costs as that, where it is sent as something else than was decided at first.
    pub repriced: Option<&'a Option<Money>>,
    /// Why its plan's template goes out in place of its content, where it does.
    pub instead: Option<transom_core::code::Code>,
    /// A name of this one beginning, different each time.
    pub claim: &'a str,
    /// When.
    pub now: Timestamp,
}

/// What became of a claim to send.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimSend {
    /// The call may be made.
    Claimed,
    /// Another has, or had, the message: this is how it stands.
    Lost(Option<Box<Message>>),
}

/// What a provider's answer to a send calls the message and its recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerNames {
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// The recipient's number, where it is not the one that the message was sent to.
    pub answered_as: Option<Phone>,
}

/// What became of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordFact {
    /// It is stored; this is how the message stood before.
    Recorded(Box<Message>),
    /// No such message, or not this account's.
    Unmatched,
}

fn fact_name(attempt: u32, kind: FactKind) -> String {
    format!("f{attempt}_{}", kind.as_str())
}

fn fact_key(name: &str) -> Option<(u32, FactKind)> {
    let (attempt, kind) = name.strip_prefix('f')?.split_once('_')?;
    Some((attempt.parse().ok()?, FactKind::parse(kind)?))
}

pub(crate) fn sort_key(id: &MessageId) -> String {
    format!("M#{}", id.sortable())
}

pub(crate) fn phase_value(phase: Phase) -> &'static str {
    match phase {
        Phase::Received => "received",
        Phase::Queued => "queued",
        Phase::Deferred => "deferred",
        Phase::Held => "held",
        Phase::Scheduled => "scheduled",
        Phase::Limited => "limited",
        Phase::Sending => "sending",
        Phase::Answered => "answered",
        Phase::Refused => "refused",
        Phase::Cancelled => "cancelled",
    }
}

pub(crate) fn read_message(
    conversation: &ConversationId,
    mut item: Item,
) -> Result<Message, StoreError> {
    let sortable = crate::item::text_of(&item, "sk")
        .and_then(|sk| sk.strip_prefix("M#"))
        .unwrap_or_default()
        .to_owned();
    let mut facts = Facts::new();
    let names: Vec<String> = item.keys().filter(|k| fact_key(k).is_some()).cloned().collect();
    for name in names {
        if let (Some(key), Some(value)) = (fact_key(&name), item.remove(&name)) {
            let fact: Fact = serde_dynamo::from_attribute_value(value)
                .map_err(|e| StoreError::corrupt("fact", e))?;
            facts.insert(key, fact);
        }
    }
    let mut message: Message = decode("message", item)?;
    message.id = Some(
        MessageId::from_sortable(conversation, &sortable)
            .map_err(|e| StoreError::corrupt("message", e))?,
    );
    message.facts = facts;
    Ok(message)
}

impl Store {
    /// Stores a message unless it exists, its long body before it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_message(&self, id: &MessageId, message: &Message) -> Result<Put, StoreError> {
        let conversation = id.conversation();
        let mut message = message.clone();
        message.due_shard = message.due_at.map(|_| self.due_shard(id.as_str()));
        let body = serde_json::to_vec(&(&message.content, &message.plan.fallback));
        let large = body.is_ok_and(|json| json.len() > INLINE_BODY_BYTES_MAX);
        if large && let Some(content) = message.content.take() {
            self.put_body(id, &content, message.plan.fallback.take().as_ref()).await?;
        }
        let mut item = encode("message", &message)?;
        for ((attempt, kind), fact) in &message.facts {
            item.insert(fact_name(*attempt, *kind), encode_value("fact", fact)?);
        }
        item.insert("pk".into(), s(partition(&conversation)));
        item.insert("sk".into(), s(sort_key(id)));
        let expression = Expression::default().when("attribute_not_exists(pk)");
        match self.put(&self.tables.sessions, item, expression).await? {
            Conditional::Done(_) => Ok(Put::New),
            Conditional::Failed(Some(item)) => {
                let mut stored = read_message(&conversation, item)?;
                self.fill_body(&mut stored).await?;
                Ok(Put::Exists(Box::new(stored)))
            }
            Conditional::Failed(None) => {
                Err(StoreError::Contended { operation: "store a message" })
            }
        }
    }

    /// Written before its message and never updated: the same cause writes the same body.
    async fn put_body(
        &self,
        id: &MessageId,
        content: &Content,
        fallback: Option<&TemplateUse>,
    ) -> Result<(), StoreError> {
        let mut item = Item::from([
            ("pk".to_owned(), s(partition(&id.conversation()))),
            ("sk".to_owned(), s(format!("B#{}", id.sortable()))),
            ("c".to_owned(), encode_value("body", content)?),
        ]);
        if let Some(fallback) = fallback {
            item.insert("f".to_owned(), encode_value("body", fallback)?);
        }
        let expression = Expression::default().when("attribute_not_exists(pk)");
        self.put(&self.tables.sessions, item, expression).await.map(|_| ())
    }

    pub(crate) async fn fill_body(&self, message: &mut Message) -> Result<(), StoreError> {
        if message.content.is_some() {
            return Ok(());
        }
        let Some(id) = &message.id else { return Ok(()) };
        let pk = partition(&id.conversation());
        let sk = format!("B#{}", id.sortable());
        let Some(mut item) = self.get(&self.tables.sessions, &pk, &sk).await? else {
            return Err(StoreError::corrupt("message", "its body is missing"));
        };
        let value = item.remove("c").ok_or_else(|| StoreError::corrupt("body", "it is empty"))?;
        let content = serde_dynamo::from_attribute_value(value)
            .map_err(|e| StoreError::corrupt("body", e))?;
        message.content = Some(content);
        if let Some(value) = item.remove("f") {
            let fallback = serde_dynamo::from_attribute_value(value)
                .map_err(|e| StoreError::corrupt("body", e))?;
            message.plan.fallback = Some(fallback);
        }
        Ok(())
    }

    /// Reads a message with its body, consistently.
    ///
    /// # Errors
    /// When the table cannot be reached, or the item is not one of ours.
    pub async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let conversation = id.conversation();
        let pk = partition(&conversation);
        let Some(item) = self.get(&self.tables.sessions, &pk, &sort_key(id)).await? else {
            return Ok(None);
        };
        let mut message = read_message(&conversation, item)?;
        self.fill_body(&mut message).await?;
        Ok(Some(message))
    }

    /// A page of a conversation's messages, newest first, older than `before` (a sortable part).
    /// The second value continues the list.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn messages(
        &self,
        conversation: &ConversationId,
        before: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<Message>, Option<String>), StoreError> {
        let mut messages = Vec::new();
        let upper = before.map_or_else(|| "M#~".to_owned(), |b| format!("M#{b}"));
        let mut start = before.map(|b| {
            Item::from([
                ("pk".to_owned(), s(partition(conversation))),
                ("sk".to_owned(), s(format!("M#{b}"))),
            ])
        });
        loop {
            let keys = Expression::default()
                .value(":pk", s(partition(conversation)))
                .value(":low", s("M#"))
                .value(":high", s(&upper))
                .when("pk = :pk AND sk BETWEEN :low AND :high");
            let wanted = usize::from(limit).saturating_sub(messages.len());
            let page = self
                .query(Query {
                    table: &self.tables.sessions,
                    index: None,
                    keys,
                    forward: false,
                    limit: i32::try_from(wanted).unwrap_or(i32::MAX).max(1),
                    consistent: true,
                    start: start.take(),
                })
                .await?;
            for item in page.items {
                let mut message = read_message(conversation, item)?;
                self.fill_body(&mut message).await?;
                messages.push(message);
            }
            start = page.last;
            if start.is_none() || messages.len() >= usize::from(limit) {
                break;
            }
        }
        let next = start.and_then(|_| messages.last()).and_then(|m| m.id.as_ref());
        let next = next.map(|id| id.sortable().to_owned());
        Ok((messages, next))
    }

    /// Begins a call: `queued` becomes `sending`, for this attempt alone.
    ///
    /// | stored phase | stored attempt | then |
    /// |---|---|---|
    /// | queued | as decided on | `Claimed` |
    /// | sending, under this very `claim` | as decided on | `Claimed`: its answer was lost once |
    /// | anything else | any | `Lost`: another delivery of the same entry was here |
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn claim_send(
        &self,
        id: &MessageId,
        call: &BeginCall<'_>,
    ) -> Result<ClaimSend, StoreError> {
        let BeginCall {
            attempt,
            account,
            sent_as,
            counts,
            reserved,
            repriced,
            instead,
            claim,
            now,
        } = *call;
        let mut expression = Expression::default()
            .set("ph = :sending")
            .set("cl = :now")
            .set("ck = :claim")
            .value(":claim", s(claim))
            .set("a = :account")
            .value(":account", s(account.as_str()))
            .set("#as = :as")
            .set("ct = :ct")
            .name("#as", "as")
            .value(":as", encode_value("message", &sent_as)?)
            .value(":ct", aws_sdk_dynamodb::types::AttributeValue::Bool(counts))
            .value(":sending", s(phase_value(Phase::Sending)))
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":now", n(now.as_millis()))
            .value(":attempt", n(attempt))
            .name("#n", "n")
            .when("ph = :queued AND #n = :attempt");
        if reserved && !counts {
            expression = expression
                .set("rs = :rs")
                .value(":rs", aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        }
        expression = match repriced {
            None => expression,
            Some(None) => expression.remove("co"),
            Some(Some(cost)) => {
                expression.set("co = :cost").value(":cost", encode_value("message", cost)?)
            }
        };
        expression = match &instead {
            Some(code) => expression.set("fb = :fb").value(":fb", encode_value("message", code)?),
            None => expression.remove("fb"),
        };
        match self.update_message(id, expression).await? {
            Conditional::Done(_) => Ok(ClaimSend::Claimed),
            Conditional::Failed(None) => Ok(ClaimSend::Lost(None)),
            Conditional::Failed(Some(item)) => {
                let stands = read_message(&id.conversation(), item)?;
                let ours = stands.phase == Phase::Sending && stands.attempt == attempt;
                if ours && stands.claim.as_deref() == Some(claim) {
                    return Ok(ClaimSend::Claimed);
                }
                Ok(ClaimSend::Lost(Some(Box::new(stands))))
            }
        }
    }

    /// Notes that a queued message that did not count is about to take a place, before it does:
    /// whoever ends it from here on gives that back.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn note_reserving(
        &self,
        id: &MessageId,
        attempt: u32,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("rs = :rs")
            .name("#n", "n")
            .value(":rs", aws_sdk_dynamodb::types::AttributeValue::Bool(true))
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":attempt", n(attempt))
            .when("ph = :queued AND #n = :attempt");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Records what the provider answered to an attempt. Set once: a repeat changes nothing. An
    /// answer that comes after the attempt was called unknown stands beside that and outweighs it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn record_answer(
        &self,
        id: &MessageId,
        attempt: u32,
        kind: FactKind,
        fact: &Fact,
        names: &AnswerNames,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("ph = :answered")
            .set("#f = if_not_exists(#f, :fact)")
            .name("#f", &fact_name(attempt, kind))
            .name("#n", "n")
            .value(":answered", s(phase_value(Phase::Answered)))
            .value(":sending", s(phase_value(Phase::Sending)))
            .value(":fact", encode_value("fact", fact)?)
            .value(":attempt", n(attempt));
        if let Some(provider_id) = &names.provider_message_id {
            expression = expression.set("p = :p").value(":p", s(provider_id));
        }
        if let Some(phone) = &names.answered_as {
            expression = expression.set("wa = :wa").value(":wa", s(phone.as_str()));
        }
        // That nobody knows is only true while nobody has said anything else.
        let expression = match kind {
            FactKind::Unknown => expression.when("#n = :attempt AND ph = :sending"),
            FactKind::Accepted
            | FactKind::Sent
            | FactKind::Delivered
            | FactKind::Read
            | FactKind::Failed => expression.when("#n = :attempt AND ph IN (:sending, :answered)"),
        };
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Records a status of a verified account's message. Set once, in any order.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn record_fact(
        &self,
        id: &MessageId,
        attempt: u32,
        kind: FactKind,
        fact: &Fact,
        account: &AccountId,
    ) -> Result<RecordFact, StoreError> {
        let expression = Expression::default()
            .set("#f = if_not_exists(#f, :fact)")
            .name("#f", &fact_name(attempt, kind))
            .name("#n", "n")
            .name("#d", "d")
            .value(":fact", encode_value("fact", fact)?)
            .value(":account", s(account.as_str()))
            .value(":out", s("out"))
            .value(":attempt", n(attempt))
            .when("a = :account AND #d = :out AND #n >= :attempt");
        match self.update_message(id, expression).await? {
            Conditional::Done(Some(item)) => {
                Ok(RecordFact::Recorded(Box::new(read_message(&id.conversation(), item)?)))
            }
            Conditional::Done(None) | Conditional::Failed(_) => Ok(RecordFact::Unmatched),
        }
    }

    /// Removes the visit of a message that has ended and from which nothing follows any more.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn settle(&self, id: &MessageId) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .remove("due_at")
            .remove("due_shard")
            .value(":answered", s(phase_value(Phase::Answered)))
            .value(":refused", s(phase_value(Phase::Refused)))
            .value(":cancelled", s(phase_value(Phase::Cancelled)))
            .when("attribute_exists(due_at) AND ph IN (:answered, :refused, :cancelled)");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Keeps the visit of an answered attempt from which everything has followed, so that somebody
    /// looks whether it arrives; moves it to `visit`, where that is earlier.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn watch_attempt(
        &self,
        id: &MessageId,
        attempt: u32,
        visit: Option<Timestamp>,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("w = :attempt")
            .name("#n", "n")
            .value(":attempt", n(attempt))
            .value(":answered", s(phase_value(Phase::Answered)))
            .when("ph = :answered AND #n = :attempt AND attribute_exists(due_at)");
        if let Some(visit) = visit {
            expression = expression.set("due_at = :visit").value(":visit", n(visit.as_millis()));
        }
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Shows that an attempt was not delivered in its time, unless there is evidence about it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn flag_unconfirmed(
        &self,
        id: &MessageId,
        flag: &Unconfirmed,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("uc = :flag")
            .name("#n", "n")
            .name("#delivered", &fact_name(flag.attempt, FactKind::Delivered))
            .name("#read", &fact_name(flag.attempt, FactKind::Read))
            .name("#failed", &fact_name(flag.attempt, FactKind::Failed))
            .value(":flag", encode_value("message", flag)?)
            .value(":attempt", n(flag.attempt))
            .value(":answered", s(phase_value(Phase::Answered)))
            .when(
                "ph = :answered AND #n = :attempt AND attribute_not_exists(#delivered) \
                 AND attribute_not_exists(#read) AND attribute_not_exists(#failed)",
            );
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Refuses or cancels a message before any call of its attempt. Its visit stays until what
    /// follows from this is done.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn end_before_call(
        &self,
        id: &MessageId,
        phase: Phase,
        refusal: Option<&RefusalRecord>,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("ph = :ended")
            .value(":ended", s(phase_value(phase)))
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":deferred", s(phase_value(Phase::Deferred)))
            .when("ph IN (:queued, :deferred)");
        if let Some(refusal) = refusal {
            expression = expression
                .set("rf = :refusal")
                .value(":refusal", encode_value("refusal", refusal)?);
        }
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Puts a message off until `until`, from the phase it was seen in.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn defer(
        &self,
        id: &MessageId,
        from: Phase,
        until: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :deferred")
            .set("due_at = :until")
            .set("due_shard = :shard")
            .value(":deferred", s(phase_value(Phase::Deferred)))
            .value(":from", s(phase_value(from)))
            .value(":until", n(until.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .when("ph = :from");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Counts one more entry into a queue and sets the next visit, if the message still stands
    /// as it was read. `counts` says which of the queues it is.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn count_enqueue(
        &self,
        id: &MessageId,
        seen: &Message,
        counts: bool,
        next_visit: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :queued")
            .set("q = :next_q")
            .set("ct = :ct")
            .value(":ct", aws_sdk_dynamodb::types::AttributeValue::Bool(counts))
            .set("due_at = :visit")
            .set("due_shard = :shard")
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":from", s(phase_value(seen.phase)))
            .value(":next_q", n(seen.enqueue.saturating_add(1)))
            .value(":q", n(seen.enqueue))
            .value(":visit", n(next_visit.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .when("ph = :from AND q = :q");
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Begins a new attempt of a message that certainly did not arrive.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn begin_attempt(
        &self,
        id: &MessageId,
        seen: &Message,
        next_visit: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("ph = :queued")
            .set("#n = :next_n")
            .set("q = :next_q")
            .set("due_at = :visit")
            .set("due_shard = :shard")
            // The provider's names belong to the attempt that it answered.
            .remove("p")
            .remove("wa")
            .name("#n", "n")
            .value(":queued", s(phase_value(Phase::Queued)))
            .value(":from", s(phase_value(seen.phase)))
            .value(":n", n(seen.attempt))
            .value(":next_n", n(seen.attempt.saturating_add(1)))
            .value(":next_q", n(seen.enqueue.saturating_add(1)))
            .value(":visit", n(next_visit.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .name("#delivered", &fact_name(seen.attempt, FactKind::Delivered))
            .name("#read", &fact_name(seen.attempt, FactKind::Read))
            .when(
                "ph = :from AND #n = :n AND attribute_not_exists(#delivered) AND attribute_not_exists(#read)",
            );
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Moves or clears a message's visit, if nothing that it was decided on has changed.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn reschedule(
        &self,
        id: &MessageId,
        seen: &Message,
        next: Option<Timestamp>,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .value(":seen", n(seen.due_at.unwrap_or_default().as_millis()))
            .value(":from", s(phase_value(seen.phase)))
            .when("due_at = :seen AND ph = :from");
        expression = match next {
            Some(next) => expression.set("due_at = :next").value(":next", n(next.as_millis())),
            None => expression.remove("due_at").remove("due_shard"),
        };
        Ok(updated(&self.update_message(id, expression).await?))
    }

    /// Leaves a mark at a message, unless a later one of its kind stands there. Answers the message
    /// with the mark, also when this very mark stood there already; `None` when it was overtaken, or
    /// there is no such message.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn mark_message(
        &self,
        id: &MessageId,
        kind: MarkKind,
        mark: &Mark,
    ) -> Result<Option<Message>, StoreError> {
        let expression = Expression::default()
            .set("#m = :mark")
            .name("#m", kind.attribute())
            .name("#k", "k")
            .value(":mark", encode_value("mark", mark)?)
            .value(":by", s(&mark.by))
            .when("attribute_exists(pk) AND (attribute_not_exists(#m) OR #m.#k < :by)");
        let stands = match self.update_message(id, expression).await? {
            Conditional::Done(before) => before,
            Conditional::Failed(stands) => stands,
        };
        let Some(item) = stands.filter(|item| item.contains_key("pk")) else { return Ok(None) };
        let mut message = read_message(&id.conversation(), item)?;
        if kind.of(&message).is_some_and(|stands| stands.by > mark.by) {
            return Ok(None);
        }
        kind.set(&mut message, mark.clone());
        self.fill_body(&mut message).await?;
        Ok(Some(message))
    }

    /// Completes what a message holds, once: its own item where it fits there, beside it otherwise.
    /// Answers the message as it is then; `None` when there is no such message.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn complete_content(
        &self,
        id: &MessageId,
        content: &Content,
    ) -> Result<Option<Message>, StoreError> {
        let length = serde_json::to_vec(content).map_or(0, |json| json.len());
        let expression = if length > INLINE_BODY_BYTES_MAX {
            self.put_body(id, content, None).await?;
            Expression::default().remove("c")
        } else {
            Expression::default().set("c = :c").value(":c", encode_value("message", content)?)
        };
        match self.update_message(id, expression.when("attribute_exists(pk)")).await? {
            Conditional::Failed(_) | Conditional::Done(None) => Ok(None),
            Conditional::Done(Some(item)) => {
                let mut message = read_message(&id.conversation(), item)?;
                message.content = Some(content.clone());
                Ok(Some(message))
            }
        }
    }

    pub(crate) async fn update_message(
        &self,
        id: &MessageId,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        let pk = partition(&id.conversation());
        self.update(&self.tables.sessions, &pk, &sort_key(id), expression).await
    }
}

pub(crate) fn updated(result: &Conditional) -> Updated {
    match result {
        Conditional::Done(_) => Updated::Done,
        Conditional::Failed(_) => Updated::Changed,
    }
}

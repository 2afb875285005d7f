//! What was received and sent, and what it cost (M83, M97): counted from the messages themselves when
//! it is asked for. Nothing is written for it, so nothing can be counted twice, and a repeated webhook
//! or a crash changes nothing (ADR 37).

use super::cursor::{read_inbox, write_inbox};
use crate::price::cost_of_inbound;
use crate::view::{CostView, cost_view};
use crate::{App, AppError, Problem};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use std::collections::BTreeMap;
use transom_core::country::Country;
use transom_core::id::{AccountId, ConversationId, SenderId};
use transom_core::identity::Phone;
use transom_core::message::{Direction, FactKind, Phase, Status, may_have_happened};
use transom_core::money::{Amount, Currency, Money};
use transom_core::price::PriceList;
use transom_core::template::Category;
use transom_core::time::{Millis, Timestamp};
use transom_store::{InboxCursor, InboxEntry, Message, Session};
use utoipa::ToSchema;

/// How many conversations one page counts.
const PAGE: u16 = 1000;
/// How many are read at once.
const AT_ONCE: usize = 32;
/// The longest span of one question.
const SPAN_MAX: Millis = Millis::from_hours(24 * 366);
/// The span of a question that names none.
const SPAN_DEFAULT: Millis = Millis::from_hours(24 * 30);

/// By what counts are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageBy {
    /// The sender.
    Sender,
    /// The template's category; `service` for what is sent without one, `inbound`.
    Category,
    /// The customer's country.
    Country,
    /// Who sent it.
    Agent,
    /// The day, of UTC.
    Day,
}

impl UsageBy {
    /// Every one there is, by its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("sender", Self::Sender),
        ("category", Self::Category),
        ("country", Self::Country),
        ("agent", Self::Agent),
        ("day", Self::Day),
    ];
}

/// A question, as it stands in the query.
#[derive(Debug, Clone, Default)]
pub struct UsageQuestion {
    /// Of which sender; of all when absent.
    pub sender: Option<String>,
    /// From when on.
    pub from: Option<String>,
    /// Until before when.
    pub to: Option<String>,
    /// By what, with commas between.
    pub by: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// Counts and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageView {
    /// From when on.
    pub from: String,
    /// Until before when.
    pub to: String,
    /// A row for each sender, category, country, agent and day that was asked for; one row where
    /// nothing was.
    pub items: Vec<UsageRow>,
    /// How many conversations were counted on this page.
    pub conversations: usize,
    /// What `cursor` continues the count with, the rows to be added up; `null` at its end.
    pub next_cursor: Option<String>,
}

/// A row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageRow {
    /// The sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// `marketing`, `utility`, `authentication`, `service`, `inbound`, or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Two letters, or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The agent or key; `customer` for what came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The day, of UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Messages of customers.
    pub received: u64,
    /// Messages sent within a window, and not known to have failed.
    pub session: u64,
    /// Templates sent outside one, and not known to have failed.
    pub template: u64,
    /// Of both, those of which nobody knows whether they went out.
    pub unknown: u64,
    /// Messages that were called for and certainly did not arrive; they cost nothing.
    pub failed: u64,
    /// What those that are priced cost, for each currency.
    pub costs: Vec<CostView>,
    /// How many have no price, and are in no sum.
    pub unpriced: u64,
}

/// A question, read.
struct Asked {
    sender: Option<SenderId>,
    from: Timestamp,
    to: Timestamp,
    by: Vec<UsageBy>,
}

/// What a row counts.
#[derive(Default)]
struct Counts {
    received: u64,
    session: u64,
    template: u64,
    unknown: u64,
    failed: u64,
    costs: BTreeMap<Currency, Amount>,
    unpriced: u64,
}

type Key = BTreeMap<UsageBy, String>;

/// A conversation with what is to be counted of it.
struct Counted {
    country: Option<Country>,
    messages: Vec<Message>,
}

impl App {
    /// Counts and cost of a span of time, a page of conversations at a time.
    ///
    /// # Errors
    /// `invalid_request` naming the parameter, `not_found`, or when the table cannot be reached.
    pub async fn count_usage(
        &self,
        question: &UsageQuestion,
        now: Timestamp,
    ) -> Result<UsageView, AppError> {
        let asked = read(question, now)?;
        let after = question.cursor.as_deref().map(read_inbox).transpose()?;
        let numbers = self.counted_numbers(asked.sender.as_ref()).await?;
        let entries = self.counted_page(&numbers, after.as_ref()).await?;
        let full = entries.len() >= usize::from(PAGE);
        let next = entries.last().filter(|_| full).map(|last| {
            write_inbox(&InboxCursor { at: last.at, conversation: last.conversation.clone() })
        });
        let asked = &asked;
        let ids: Vec<ConversationId> = entries.iter().map(|e| e.conversation.clone()).collect();
        let counted: Vec<Counted> = stream::iter(ids)
            .map(|id| async move { self.counted(&id, asked).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let items = self.sum_up(asked, &counted).await?;
        Ok(UsageView {
            from: asked.from.rfc3339(),
            to: asked.to.rfc3339(),
            items,
            conversations: entries.len(),
            next_cursor: next,
        })
    }

    /// The numbers whose conversations are looked at, those of deleted senders included.
    async fn counted_numbers(&self, sender: Option<&SenderId>) -> Result<Vec<Phone>, AppError> {
        let mut numbers: Vec<Phone> = match sender {
            Some(id) => {
                let record = self.store.sender(id).await?;
                let record = record.ok_or_else(|| Problem::not_found(format!("sender `{id}`")))?;
                vec![record.sender.phone]
            }
            None => self.store.senders().await?.into_iter().map(|s| s.sender.phone).collect(),
        };
        numbers.sort();
        numbers.dedup();
        Ok(numbers)
    }

    async fn counted_page(
        &self,
        numbers: &[Phone],
        after: Option<&InboxCursor>,
    ) -> Result<Vec<InboxEntry>, AppError> {
        let mut entries = Vec::new();
        for number in numbers {
            entries.extend(self.store.inbox(number, after, PAGE).await?);
        }
        entries.sort_by(|a, b| (b.at, &b.conversation).cmp(&(a.at, &a.conversation)));
        entries.truncate(usize::from(PAGE));
        Ok(entries)
    }

    /// A conversation's messages of the span, and those that one before it keeps (ADR 10).
    async fn counted(&self, id: &ConversationId, asked: &Asked) -> Result<Counted, AppError> {
        let session = self.store.session(id).await?;
        let user = session.as_ref().and_then(Session::user);
        let country = user.as_ref().and_then(Country::of);
        let mut messages = self.store.messages_between(id, asked.from, asked.to).await?;
        for earlier in session.iter().flat_map(Session::predecessors) {
            messages.extend(self.store.messages_between(earlier, asked.from, asked.to).await?);
        }
        if let Some(sender) = &asked.sender {
            messages.retain(|m| m.sender == *sender);
        }
        Ok(Counted { country, messages })
    }

    async fn sum_up(&self, asked: &Asked, counted: &[Counted]) -> Result<Vec<UsageRow>, AppError> {
        let mut known = Known::default();
        let mut rows: BTreeMap<Key, Counts> = BTreeMap::new();
        for Counted { country, messages } in counted {
            for message in messages {
                let Some(what) = what_of(message) else { continue };
                self.look_up(&mut known, message, *country, what).await?;
                let category = known.category(message, what);
                let key = key_of(asked, message, *country, &category);
                rows.entry(key).or_default().add(message, what, &known, *country);
            }
        }
        Ok(rows.into_iter().map(|(key, counts)| row(key, counts)).collect())
    }

    /// Reads what a message's price and category are looked up in, once for each account.
    async fn look_up(
        &self,
        known: &mut Known,
        message: &Message,
        country: Option<Country>,
        what: What,
    ) -> Result<(), AppError> {
        let account = &message.account;
        if what == What::Received && !known.prices.contains_key(&(account.clone(), country)) {
            let list = match self.store.account(account).await? {
                Some(record) => self.store.prices(&record.price_list(), country).await?,
                None => None,
            };
            known.prices.insert((account.clone(), country), list);
        }
        let template = message.outgoing().is_some_and(|c| c.template().is_some());
        if template && !known.categories.contains_key(account) {
            let templates = self.store.templates(account, None).await?;
            let named = templates.into_iter().map(|t| (t.name, t.category)).collect();
            known.categories.insert(account.clone(), named);
        }
        Ok(())
    }
}

/// What was read on the way.
#[derive(Default)]
struct Known {
    prices: BTreeMap<(AccountId, Option<Country>), Option<PriceList>>,
    categories: BTreeMap<AccountId, BTreeMap<String, Category>>,
}

impl Known {
    fn category(&self, message: &Message, what: What) -> String {
        if what == What::Received {
            return "inbound".to_owned();
        }
        let outgoing = message.outgoing();
        let Some(used) = outgoing.as_ref().and_then(|c| c.template()) else {
            return "service".to_owned();
        };
        let named = self.categories.get(&message.account).and_then(|n| n.get(&used.name));
        let name = match named {
            Some(Category::Marketing) => "marketing",
            Some(Category::Utility) => "utility",
            Some(Category::Authentication) => "authentication",
            None => "unknown",
        };
        name.to_owned()
    }

    fn inbound_cost(&self, message: &Message, country: Option<Country>) -> Option<Money> {
        let list = self.prices.get(&(message.account.clone(), country))?.as_ref()?;
        let at = message.id.as_ref().map_or(message.received_at, |id| id.at());
        cost_of_inbound(list, country, at)
    }
}

/// What a message counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Received,
    Sent { template: bool, unknown: bool },
    Failed,
}

/// `None` for a message that was never called for.
fn what_of(message: &Message) -> Option<What> {
    if message.direction == Direction::In {
        return Some(What::Received);
    }
    if !matches!(message.phase, Phase::Answered | Phase::Sending) {
        return None;
    }
    let status = message.status();
    let failed = message.facts.contains_key(&(message.attempt, FactKind::Failed));
    if failed && !may_have_happened(&message.facts, message.attempt) {
        return Some(What::Failed);
    }
    let unknown = matches!(status, Status::Unknown | Status::Sending);
    let template = message.sent_as == Some(transom_core::decide::SentAs::Template);
    Some(What::Sent { template, unknown })
}

impl Counts {
    fn add(&mut self, message: &Message, what: What, known: &Known, country: Option<Country>) {
        let cost = match what {
            What::Failed => {
                self.failed += 1;
                return;
            }
            What::Received => {
                self.received += 1;
                known.inbound_cost(message, country)
            }
            What::Sent { template, unknown } => {
                self.template += u64::from(template);
                self.session += u64::from(!template);
                self.unknown += u64::from(unknown);
                message.cost.clone()
            }
        };
        match cost {
            None => self.unpriced += 1,
            Some(Money { amount, currency }) => {
                let sum = self.costs.entry(currency).or_default();
                *sum = sum.plus(amount);
            }
        }
    }
}

fn key_of(asked: &Asked, message: &Message, country: Option<Country>, category: &str) -> Key {
    let at = message.id.as_ref().map_or(message.received_at, |id| id.at());
    let value = |by: &UsageBy| match by {
        UsageBy::Sender => message.sender.to_string(),
        UsageBy::Category => category.to_owned(),
        UsageBy::Country => country.map_or_else(|| "unknown".to_owned(), |c| c.to_string()),
        UsageBy::Agent => match message.direction {
            Direction::In => "customer".to_owned(),
            Direction::Out => message.sent_by.clone().unwrap_or_else(|| "unknown".to_owned()),
        },
        UsageBy::Day => at.rfc3339().chars().take(10).collect(),
    };
    asked.by.iter().map(|by| (*by, value(by))).collect()
}

fn row(mut key: Key, counts: Counts) -> UsageRow {
    let cost = |(currency, amount)| cost_view(Some(&Money { amount, currency }));
    UsageRow {
        sender: key.remove(&UsageBy::Sender),
        category: key.remove(&UsageBy::Category),
        country: key.remove(&UsageBy::Country),
        agent: key.remove(&UsageBy::Agent),
        day: key.remove(&UsageBy::Day),
        received: counts.received,
        session: counts.session,
        template: counts.template,
        unknown: counts.unknown,
        failed: counts.failed,
        costs: counts.costs.into_iter().filter_map(cost).collect(),
        unpriced: counts.unpriced,
    }
}

fn read(question: &UsageQuestion, now: Timestamp) -> Result<Asked, Problem> {
    let time = |name: &str, text: &Option<String>| {
        let whole = text.as_ref().map(|text| match text.len() {
            10 => format!("{text}T00:00:00Z"),
            _ => text.clone(),
        });
        let read = whole.as_deref().map(Timestamp::parse_rfc3339).transpose();
        let right = "must be a day such as 2026-11-20, or an RFC 3339 time";
        read.map_err(|_| Problem::invalid(format!("`{name}` {right}")))
    };
    // What is written in this very millisecond counts.
    let to = time("to", &question.to)?.unwrap_or(now.plus(Millis::new(1)));
    let from = time("from", &question.from)?.unwrap_or(to.minus(SPAN_DEFAULT));
    if from >= to {
        return Err(Problem::invalid("`from` must be before `to`"));
    }
    if to.since(from) > SPAN_MAX {
        return Err(Problem::invalid("`from` and `to` must lie 366 days apart at most"));
    }
    let mut by = Vec::new();
    for name in question.by.as_deref().unwrap_or_default().split(',').filter(|n| !n.is_empty()) {
        let found = UsageBy::ALL.iter().find(|(known, _)| *known == name.trim());
        let Some((_, found)) = found else {
            let names: Vec<&str> = UsageBy::ALL.iter().map(|(name, _)| *name).collect();
            let detail = format!("`by` must be of {}, with commas between", names.join(", "));
            return Err(Problem::invalid(detail));
        };
        if !by.contains(found) {
            by.push(*found);
        }
    }
    let sender = question.sender.as_deref().map(SenderId::parse).transpose();
    let sender = sender.map_err(|_| Problem::not_found("sender with this name"))?;
    Ok(Asked { sender, from, to, by })
}

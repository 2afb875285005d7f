//! How many messages agents may send (M25, M26), in the limits' table. Written only for senders
//! that set such a limit.
//!
//! | item in `A#<number>` | attributes |
//! |---|---|
//! | `U#<keyed hash of the user>` | `held`: the messages of agents to him that count, each with its time |
//! | `G#<keyed hash of the agent>` | `days`: how many he sent on each of the last days |
//! | `M#<message>.<attempt>` | `day`: on which it was counted for its agent; gone after 60 days |
//!
//! Every step is guarded by what it was decided on, and known again by its message: a repeat counts
//! nothing twice.

use crate::item::{Conditional, Expression, Item, encode_value, n, number_of, s};
use crate::transact::Transacted;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use std::collections::{BTreeMap, HashMap};
use transom_core::agent_limit::{ByDay, Counting, ToOne, day_of, one_more_of, one_more_to};
use transom_core::identity::Phone;
use transom_core::time::{Millis, Timestamp};

/// How often one count begins again before it gives up.
const ROUNDS_MAX: u32 = 20;

/// How long it is known on which day a message was counted: longer than that counts.
const KNOWN: Millis = Millis::from_hours(60 * 24);

/// A message of an agent that asks to be counted.
#[derive(Debug, Clone, Copy)]
pub struct AgentSend<'a> {
    /// The business number.
    pub number: &'a Phone,
    /// Its user, canonical.
    pub user: &'a str,
    /// The agent.
    pub agent: &'a str,
    /// `<message>.<attempt>`.
    pub holder: &'a str,
    /// The present.
    pub now: Timestamp,
}

/// Whether a message is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It is, or was already.
    Yes,
    /// The limit is reached.
    Full {
        /// When there is a place again.
        free_at: Timestamp,
    },
}

fn partition(number: &Phone) -> String {
    format!("A#{}", number.digits())
}

fn held_of(item: Option<&Item>) -> Result<ToOne, StoreError> {
    match item.and_then(|item| item.get("held")) {
        None => Ok(ToOne::new()),
        Some(value) => serde_dynamo::from_attribute_value(value.clone())
            .map_err(|e| StoreError::corrupt("agent limit", e)),
    }
}

fn days_of(item: Option<&Item>) -> Result<ByDay, StoreError> {
    let Some(value) = item.and_then(|item| item.get("days")) else { return Ok(ByDay::new()) };
    let named: BTreeMap<String, u32> = serde_dynamo::from_attribute_value(value.clone())
        .map_err(|e| StoreError::corrupt("agent limit", e))?;
    let read = |(day, sent): (String, u32)| Some((day.parse().ok()?, sent));
    Ok(named.into_iter().filter_map(read).collect())
}

fn days_value(days: &ByDay) -> AttributeValue {
    let named = days.iter().map(|(day, sent)| (day.to_string(), n(*sent)));
    AttributeValue::M(named.collect::<HashMap<_, _>>())
}

impl Store {
    fn user_counter(&self, user: &str) -> String {
        format!("U#{}", self.hash_key.name(&["agents to", user]))
    }

    fn agent_counter(&self, agent: &str) -> String {
        format!("G#{}", self.hash_key.name(&["agent", agent]))
    }

    /// Counts a message to a customer who wrote last at `last_user_at` (M25).
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn count_to_user(
        &self,
        send: &AgentSend<'_>,
        limit: u32,
        last_user_at: Option<Timestamp>,
    ) -> Result<Counted, StoreError> {
        let (pk, sk) = (partition(send.number), self.user_counter(send.user));
        for round in 0..ROUNDS_MAX {
            self.back_off(round, send.holder).await;
            let item = self.get(&self.tables.limits, &pk, &sk).await?;
            let held = held_of(item.as_ref())?;
            match one_more_to(&held, limit, last_user_at, send.holder, send.now) {
                Counting::Counted => return Ok(Counted::Yes),
                Counting::Full { free_at } => return Ok(Counted::Full { free_at }),
                Counting::Count(live) => {
                    if self.write_held(&pk, &sk, item.is_some().then_some(&held), &live).await? {
                        return Ok(Counted::Yes);
                    }
                }
            }
        }
        Err(StoreError::Contended { operation: "count a message to a customer" })
    }

    async fn write_held(
        &self,
        pk: &str,
        sk: &str,
        seen: Option<&ToOne>,
        held: &ToOne,
    ) -> Result<bool, StoreError> {
        let expression =
            Expression::default().set("held = :held").value(":held", encode_value("held", held)?);
        let expression = match seen {
            None => expression.when("attribute_not_exists(pk)"),
            Some(seen) => {
                expression.value(":seen", encode_value("held", seen)?).when("held = :seen")
            }
        };
        let written = self.update(&self.tables.limits, pk, sk, expression).await?;
        Ok(matches!(written, Conditional::Done(_)))
    }

    /// Counts a message of an agent (M26).
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn count_of_agent(
        &self,
        send: &AgentSend<'_>,
        limit: u32,
    ) -> Result<Counted, StoreError> {
        let (pk, sk) = (partition(send.number), self.agent_counter(send.agent));
        let marker = format!("M#{}", send.holder);
        for round in 0..ROUNDS_MAX {
            self.back_off(round, send.holder).await;
            let table = &self.tables.limits;
            let read = self.read_together(table, &pk, [&marker, &sk]).await?;
            let Some([counted, item]) = read else { continue };
            if counted.is_some() {
                return Ok(Counted::Yes);
            }
            let days = days_of(item.as_ref())?;
            let live = match one_more_of(&days, limit, send.now) {
                Counting::Counted => return Ok(Counted::Yes),
                Counting::Full { free_at } => return Ok(Counted::Full { free_at }),
                Counting::Count(live) => live,
            };
            let counted = Item::from([
                ("pk".to_owned(), s(&pk)),
                ("sk".to_owned(), s(&marker)),
                ("day".to_owned(), n(day_of(send.now))),
                ("ttl".to_owned(), n(send.now.plus(KNOWN).as_millis() / 1000)),
            ]);
            let put = Put::builder()
                .table_name(table)
                .set_item(Some(counted))
                .condition_expression("attribute_not_exists(pk)")
                .build()
                .map_err(|e| StoreError::corrupt("agent limit", e))?;
            let seen = item.is_some().then_some(&days);
            let steps = vec![
                TransactWriteItem::builder().put(put).build(),
                self.days_step(&pk, &sk, seen, &live)?,
            ];
            if matches!(self.transact(steps).await?, Transacted::Done) {
                return Ok(Counted::Yes);
            }
        }
        Err(StoreError::Contended { operation: "count a message of an agent" })
    }

    fn days_step(
        &self,
        pk: &str,
        sk: &str,
        seen: Option<&ByDay>,
        days: &ByDay,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .update_expression("SET #days = :days")
            .expression_attribute_names("#days", "days")
            .expression_attribute_values(":days", days_value(days));
        let update = match seen {
            None => update.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => update
                .expression_attribute_values(":seen", days_value(seen))
                .condition_expression("#days = :seen"),
        };
        let update = update.build().map_err(|e| StoreError::corrupt("agent limit", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// How many an agent sent on each day: what [`Store::count_of_agent`] decides on.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn sent_by_agent(&self, number: &Phone, agent: &str) -> Result<ByDay, StoreError> {
        let (pk, sk) = (partition(number), self.agent_counter(agent));
        days_of(self.get(&self.tables.limits, &pk, &sk).await?.as_ref())
    }

    /// The messages of agents to a customer: what [`Store::count_to_user`] decides on.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn sent_to_user(&self, number: &Phone, user: &str) -> Result<ToOne, StoreError> {
        let (pk, sk) = (partition(number), self.user_counter(user));
        held_of(self.get(&self.tables.limits, &pk, &sk).await?.as_ref())
    }

    /// Sets what an agent has sent, as an import from another system does.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_sent_by_agent(
        &self,
        number: &Phone,
        agent: &str,
        days: &ByDay,
    ) -> Result<(), StoreError> {
        let (pk, sk) = (partition(number), self.agent_counter(agent));
        let expression = Expression::default()
            .set("#days = :days")
            .name("#days", "days")
            .value(":days", days_value(days));
        self.update(&self.tables.limits, &pk, &sk, expression).await.map(|_| ())
    }

    /// A message certainly did not happen: it counts no more. Harmless where it never did.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn uncount(&self, send: &AgentSend<'_>) -> Result<(), StoreError> {
        self.uncount_to_user(send).await?;
        self.uncount_of_agent(send).await
    }

    async fn uncount_to_user(&self, send: &AgentSend<'_>) -> Result<(), StoreError> {
        let (pk, sk) = (partition(send.number), self.user_counter(send.user));
        for round in 0..ROUNDS_MAX {
            self.back_off(round, send.holder).await;
            let item = self.get(&self.tables.limits, &pk, &sk).await?;
            let held = held_of(item.as_ref())?;
            let mut rest = held.clone();
            if rest.remove(send.holder).is_none() {
                return Ok(());
            }
            if self.write_held(&pk, &sk, Some(&held), &rest).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: "uncount a message to a customer" })
    }

    async fn uncount_of_agent(&self, send: &AgentSend<'_>) -> Result<(), StoreError> {
        let (pk, sk) = (partition(send.number), self.agent_counter(send.agent));
        let marker = format!("M#{}", send.holder);
        for round in 0..ROUNDS_MAX {
            self.back_off(round, send.holder).await;
            let table = &self.tables.limits;
            let read = self.read_together(table, &pk, [&marker, &sk]).await?;
            let Some([counted, item]) = read else { continue };
            let Some(day) = counted.as_ref().and_then(|c| number_of(c, "day")) else {
                return Ok(());
            };
            let days = days_of(item.as_ref())?;
            let mut rest = days.clone();
            if let Some(sent) = rest.get_mut(&day) {
                *sent = sent.saturating_sub(1);
            }
            rest.retain(|_, sent| *sent > 0);
            let delete = Delete::builder()
                .table_name(table)
                .key("pk", s(&pk))
                .key("sk", s(&marker))
                .condition_expression("attribute_exists(pk)")
                .build()
                .map_err(|e| StoreError::corrupt("agent limit", e))?;
            let steps = vec![
                TransactWriteItem::builder().delete(delete).build(),
                self.days_step(&pk, &sk, item.is_some().then_some(&days), &rest)?,
            ];
            if matches!(self.transact(steps).await?, Transacted::Done) {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: "uncount a message of an agent" })
    }
}

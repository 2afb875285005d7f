//! Budgets (E11): what a sender's conversations have cost in a period, exactly, under any number of
//! writers. The rolling limit's way: a marker for each attempt beside one sum, both in one transaction.
//!
//! | item in `BUDGET#<sender>` | attributes |
//! |---|---|
//! | `P#<period>` | `spent`: the sum of the holders of this period, in millionths |
//! | `H#<message>.<attempt>` | `amount`, and the `period` that it was taken from |

use crate::item::{Item, n, number_of, s, text_of};
use crate::transact::Transacted;
use crate::{Store, StoreError};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use transom_core::budget::Period;
use transom_core::id::SenderId;
use transom_core::money::Amount;
use transom_core::time::Millis;

/// How often one reservation begins again before it gives up.
const ROUNDS_MAX: u32 = 40;

/// For how long after its period a holder can still be given back.
const KEPT: Millis = Millis::from_hours(45 * 24);

/// What became of a reservation in a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BudgetTaken {
    /// The amount is reserved, or was already.
    Taken,
    /// It is more than is left.
    Reached {
        /// What is spent or reserved.
        spent: Amount,
    },
}

/// A request for a part of a budget.
#[derive(Debug, Clone, Copy)]
pub struct BudgetWanted<'a> {
    /// Whose budget.
    pub sender: &'a SenderId,
    /// Of which period.
    pub period: &'a Period,
    /// How much there is.
    pub most: Amount,
    /// How much is wanted.
    pub amount: Amount,
    /// `<message>.<attempt>`.
    pub holder: &'a str,
}

fn partition(sender: &SenderId) -> String {
    format!("BUDGET#{sender}")
}

fn holder_key(holder: &str) -> String {
    format!("H#{holder}")
}

fn period_key(period: &str) -> String {
    format!("P#{period}")
}

impl Store {
    /// Takes a part of a budget. Repeating it takes no second one.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn take_budget(&self, wanted: &BudgetWanted<'_>) -> Result<BudgetTaken, StoreError> {
        for round in 0..ROUNDS_MAX {
            self.back_off(round, wanted.holder).await;
            match self.transact(self.budget_steps(wanted)?).await? {
                // The holder is there: this is a repeat.
                Transacted::Done | Transacted::Failed(0) => return Ok(BudgetTaken::Taken),
                Transacted::Failed(_) => {
                    let period = &wanted.period.name;
                    let spent = self.budget_spent(wanted.sender, period).await?;
                    // Something was given back in between: there may be room now.
                    if spent.plus(wanted.amount) > wanted.most {
                        return Ok(BudgetTaken::Reached { spent });
                    }
                }
                Transacted::Again => {}
            }
        }
        Err(StoreError::Contended { operation: "take a part of the budget" })
    }

    fn budget_steps(
        &self,
        wanted: &BudgetWanted<'_>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let BudgetWanted { sender, period, most, amount, holder } = *wanted;
        let ttl = period.ends_at.plus(KEPT).as_millis().div_euclid(1000);
        let marker = Put::builder()
            .table_name(&self.tables.limits)
            .item("pk", s(partition(sender)))
            .item("sk", s(holder_key(holder)))
            .item("amount", n(amount.micros()))
            .item("period", s(&period.name))
            .item("ttl", n(ttl))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("budget", e))?;
        let room = most.minus(amount);
        let condition = if room < Amount::ZERO {
            // No sum is so small; the marker alone can say that this is a repeat.
            "attribute_exists(spent) AND spent <= :room"
        } else {
            "attribute_not_exists(spent) OR spent <= :room"
        };
        let sum = Update::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(partition(sender)))
            .key("sk", s(period_key(&period.name)))
            .update_expression("SET spent = if_not_exists(spent, :zero) + :amount")
            .condition_expression(condition)
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":amount", n(amount.micros()))
            .expression_attribute_values(":room", n(room.micros()))
            .build()
            .map_err(|e| StoreError::corrupt("budget", e))?;
        Ok(vec![
            TransactWriteItem::builder().put(marker).build(),
            TransactWriteItem::builder().update(sum).build(),
        ])
    }

    /// What is spent or reserved of a sender's budget in a period.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn budget_spent(
        &self,
        sender: &SenderId,
        period: &str,
    ) -> Result<Amount, StoreError> {
        let item = self.get(&self.tables.limits, &partition(sender), &period_key(period)).await?;
        let spent = item.and_then(|item| number_of(&item, "spent")).unwrap_or(0);
        Ok(Amount::from_micros(spent))
    }

    /// Gives back what an attempt took that certainly did not happen. Harmless where it took nothing.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn give_budget_back(
        &self,
        sender: &SenderId,
        holder: &str,
    ) -> Result<(), StoreError> {
        let pk = partition(sender);
        for round in 0..ROUNDS_MAX {
            self.back_off(round, holder).await;
            let held = self.get(&self.tables.limits, &pk, &holder_key(holder)).await?;
            let Some(item) = held else { return Ok(()) };
            match self.transact(self.budget_back_steps(&pk, holder, &item)?).await? {
                Transacted::Done => return Ok(()),
                Transacted::Failed(_) | Transacted::Again => {}
            }
        }
        Err(StoreError::Contended { operation: "give a part of the budget back" })
    }

    fn budget_back_steps(
        &self,
        pk: &str,
        holder: &str,
        item: &Item,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let corrupt = |why: &str| StoreError::corrupt("budget", why);
        let amount = number_of(item, "amount").ok_or_else(|| corrupt("no `amount`"))?;
        let period = text_of(item, "period").ok_or_else(|| corrupt("no `period`"))?;
        let marker = Delete::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(pk))
            .key("sk", s(holder_key(holder)))
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("budget", e))?;
        let sum = Update::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(pk))
            .key("sk", s(period_key(period)))
            .update_expression("SET spent = spent - :amount")
            .condition_expression("spent >= :amount")
            .expression_attribute_values(":amount", n(amount))
            .build()
            .map_err(|e| StoreError::corrupt("budget", e))?;
        Ok(vec![
            TransactWriteItem::builder().delete(marker).build(),
            TransactWriteItem::builder().update(sum).build(),
        ])
    }
}

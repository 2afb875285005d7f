//! A sender's budget, as the use cases meet it: taken at submit, looked at again before the call,
//! given back like the limit's place.

use crate::limit::holder;
use crate::submit::SendContext;
use crate::{App, AppError};
use transom_core::budget::{Budget, OverBudget, Period};
use transom_core::code::Code;
use transom_core::id::MessageId;
use transom_core::money::{Amount, Money};
use transom_core::time::Timestamp;
use transom_store::{BudgetTaken, BudgetWanted, Message, RefusalRecord};

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BudgetLook {
    pub(crate) budget: Budget,
    pub(crate) spent: Amount,
    pub(crate) period: Period,
}

impl App {
    /// Takes a message's cost from its sender's budget; why not, where that is not possible. A sender
    /// without a budget writes nothing.
    pub(crate) async fn take_budget(
        &self,
        context: &SendContext,
        id: &MessageId,
        message: &Message,
        now: Timestamp,
    ) -> Result<Option<RefusalRecord>, AppError> {
        let Some(budget) = &context.sender.budget else { return Ok(None) };
        let period = budget.period(now);
        let amount = match budget.wanted(message.cost.as_ref()) {
            Ok(amount) => amount,
            Err(over) => return Ok(Some(budget_refusal(budget, &over, &period, now))),
        };
        let wanted = BudgetWanted {
            sender: &context.sender.sender.id,
            period: &period,
            most: budget.most.amount,
            amount,
            holder: &holder(id, message.attempt),
        };
        match self.store.take_budget(&wanted).await? {
            BudgetTaken::Taken => Ok(None),
            BudgetTaken::Reached { spent } => {
                let over = OverBudget::Spent { cost: amount, spent };
                Ok(Some(budget_refusal(budget, &over, &period, now)))
            }
        }
    }

    /// How a sender's budget stands, without taking anything.
    pub(crate) async fn look_at_budget(
        &self,
        context: &SendContext,
        now: Timestamp,
    ) -> Result<Option<BudgetLook>, AppError> {
        let Some(budget) = &context.sender.budget else { return Ok(None) };
        let period = budget.period(now);
        let spent = self.store.budget_spent(&context.sender.sender.id, &period.name).await?;
        Ok(Some(BudgetLook { budget: budget.clone(), spent, period }))
    }
}

impl BudgetLook {
    /// Why a message of this cost would be refused.
    pub(crate) fn refuses(&self, cost: Option<&Money>, now: Timestamp) -> Option<RefusalRecord> {
        let over = match self.budget.wanted(cost) {
            Ok(amount) if self.budget.has_room(self.spent, amount) => return None,
            Ok(cost) => OverBudget::Spent { cost, spent: self.spent },
            Err(over) => over,
        };
        Some(budget_refusal(&self.budget, &over, &self.period, now))
    }
}

/// Waiting helps only where the budget is spent.
fn budget_refusal(
    budget: &Budget,
    over: &OverBudget,
    period: &Period,
    now: Timestamp,
) -> RefusalRecord {
    let most = &budget.most;
    let (detail, retry_at) = match over {
        OverBudget::Unpriced => {
            let detail = "what it costs is not known, and a budget lets nothing go that is not \
                          priced: put its price into the account's list";
            (detail.to_owned(), None)
        }
        OverBudget::OtherCurrency(cost) => {
            let detail = format!(
                "it is priced in {}, and the sender's budget is in {}; give both one currency",
                cost.currency, most.currency
            );
            (detail, None)
        }
        OverBudget::Spent { cost, spent } => {
            let detail = format!(
                "{spent} of {most} are spent or reserved in {}, and it costs {cost}",
                period.name
            );
            // One that costs more than the whole budget never fits.
            (detail, (*cost <= most.amount).then_some(period.ends_at))
        }
    };
    RefusalRecord { detail: Some(detail), retry_at, ..RefusalRecord::new(Code::BudgetReached, now) }
}

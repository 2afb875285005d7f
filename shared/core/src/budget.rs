//! A sender's budget (E11): how much may be spent in a day or a month on conversations that the
//! business begins. Replies go on.

use crate::money::{Amount, Money};
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// For how long a budget is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A day of UTC.
    Day,
    /// A calendar month of UTC.
    Month,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How much.
    pub most: Money,
    /// For how long.
    pub per: Per,
}

/// One day or month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its name: `2026-11-20` or `2026-11`.
    pub name: String,
    /// When the next one begins.
    pub ends_at: Timestamp,
}

/// Why a budget does not let a message go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverBudget {
    /// What the message costs is not known, and an unknown amount keeps no budget.
    Unpriced,
    /// It is priced in another currency.
    OtherCurrency(Money),
    /// It would cost more than is left.
    Spent {
        /// What it costs.
        cost: Amount,
        /// What is spent or reserved already.
        spent: Amount,
    },
}

impl Budget {
    /// The period that an instant lies in.
    #[must_use]
    pub fn period(&self, at: Timestamp) -> Period {
        let day = Millis::from_hours(24);
        let since = at.as_millis().rem_euclid(day.get());
        let midnight = at.minus(Millis::new(since));
        let text = at.rfc3339();
        let part = |length: usize| text.get(..length).unwrap_or_default().to_owned();
        match self.per {
            Per::Day => Period { name: part(10), ends_at: midnight.plus(day) },
            Per::Month => {
                let name = part(7);
                // The first midnight of another month: at most 31 days on.
                let days =
                    (1_i64..=31).map(|n| midnight.plus(Millis::from_hours(n.saturating_mul(24))));
                let mut later = days.filter(|d| d.rfc3339().get(..7) != Some(name.as_str()));
                let ends_at = later.next().unwrap_or(midnight.plus(day));
                Period { name, ends_at }
            }
        }
    }

    /// What a message of this cost would take of the budget.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub fn wanted(&self, cost: Option<&Money>) -> Result<Amount, OverBudget> {
        let cost = cost.ok_or(OverBudget::Unpriced)?;
        if cost.currency != self.most.currency {
            return Err(OverBudget::OtherCurrency(cost.clone()));
        }
        Ok(cost.amount)
    }

    /// Whether so much more may be spent.
    #[must_use]
    pub fn has_room(&self, spent: Amount, cost: Amount) -> bool {
        spent.plus(cost) <= self.most.amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn money(text: &str, currency: &str) -> Money {
        Money {
            amount: Amount::parse(text).expect("an amount"),
            currency: Currency::parse(currency).expect("a currency"),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("a time")
    }

    #[test]
    fn e11_a_period_begins_at_midnight_and_on_the_first() {
        for (per, now, name, ends_at) in [
            (Per::Day, "2026-11-20T23:59:59.999Z", "2026-11-20", "2026-11-21T00:00:00Z"),
            (Per::Day, "2026-11-21T00:00:00.000Z", "2026-11-21", "2026-11-22T00:00:00Z"),
            (Per::Day, "2026-11-21T00:00:00.001Z", "2026-11-21", "2026-11-22T00:00:00Z"),
            (Per::Month, "2026-11-30T23:59:59.999Z", "2026-11", "2026-12-01T00:00:00Z"),
            (Per::Month, "2026-12-01T00:00:00.000Z", "2026-12", "2027-01-01T00:00:00Z"),
            (Per::Month, "2026-12-01T00:00:00.001Z", "2026-12", "2027-01-01T00:00:00Z"),
            (Per::Month, "2028-02-01T10:00:00.000Z", "2028-02", "2028-03-01T00:00:00Z"),
        ] {
            let budget = Budget { most: money("1", "USD"), per };
            let expected = Period { name: name.to_owned(), ends_at: at(ends_at) };
            assert_eq!(budget.period(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn e11_a_budget_is_exact_to_the_millionth() {
        let budget = Budget { most: money("1", "USD"), per: Per::Day };
        let amount = |text: &str| Amount::parse(text).expect("an amount");
        assert!(budget.has_room(amount("0.5"), amount("0.499999")));
        assert!(budget.has_room(amount("0.5"), amount("0.5")));
        assert!(!budget.has_room(amount("0.5"), amount("0.500001")));
        assert_eq!(budget.wanted(None), Err(OverBudget::Unpriced));
        let euros = money("0.5", "EUR");
        assert_eq!(budget.wanted(Some(&euros)), Err(OverBudget::OtherCurrency(euros.clone())));
        assert_eq!(budget.wanted(Some(&money("0.5", "USD"))), Ok(amount("0.5")));
    }
}

//! What a message costs (M66, M82, M83): an estimate from a price list that an administrator gives.
//!
//! | Fee | Charged on | Depends on |
//! |---|---|---|
//! | WhatsApp's | templates outside a window | the customer's country, the template's category |
//! | the provider's, such as Gupshup's | each message: template, session, inbound | often nothing |
//!
//! A list may hold any number of fees; their sum is the cost. What is not known is absent: a message
//! for which the list has no price costs `None`, never zero. What is free is said so, by a price of 0.

use crate::country::Country;
use crate::decide::SentAs;
use crate::money::{Amount, Currency, Money};
use crate::template::Category;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a price is charged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    /// A template outside a window.
    Template,
    /// Whatever is sent within one.
    Session,
    /// What a customer sends (M83).
    Inbound,
}

impl Charged {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Template, Self::Session, Self::Inbound];

    /// The kind as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Session => "session",
            Self::Inbound => "inbound",
        }
    }
}

impl From<SentAs> for Charged {
    fn from(sent_as: SentAs) -> Self {
        match sent_as {
            SentAs::Template => Self::Template,
            SentAs::Session => Self::Session,
        }
    }
}

/// One price.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Price {
    /// Whose fee: `whatsapp`, `gupshup`, …; any name.
    pub fee: String,
    /// What it is charged on.
    pub on: Charged,
    /// For customers of this country; for all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// For templates of this category; for all messages when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// For one message.
    pub amount: Amount,
    /// From when on it holds.
    pub from: Timestamp,
}

/// A price list, or as much of one as may concern one country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList {
    /// Of which currency every price is.
    pub currency: Currency,
    /// Which fees are charged on what: a fee for which no price fits is not known, one that is not
    /// charged adds nothing.
    pub fees: BTreeSet<(Charged, String)>,
    /// The prices.
    pub prices: Vec<Price>,
}

/// What is to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priced {
    /// What it is.
    pub on: Charged,
    /// The customer's country, where it is known.
    pub country: Option<Country>,
    /// The template's category, where it is a template.
    pub category: Option<Category>,
    /// When.
    pub at: Timestamp,
}

impl PriceList {
    /// A list of these prices.
    #[must_use]
    pub fn of(currency: Currency, prices: Vec<Price>) -> Self {
        let fees = prices.iter().map(|p| (p.on, p.fee.clone())).collect();
        Self { currency, fees, prices }
    }

    /// What one message costs; `None` where the list does not say.
    #[must_use]
    pub fn cost(&self, what: &Priced) -> Option<Money> {
        let mut sum = None;
        for (_, fee) in self.fees.iter().filter(|(on, _)| *on == what.on) {
            let amount = self.price(fee, what)?.amount;
            sum = Some(sum.unwrap_or(Amount::ZERO).plus(amount));
        }
        sum.map(|amount| Money { amount, currency: self.currency.clone() })
    }

    /// The price of one fee: one for the country before one for all, one for the category before one
    /// for all, and the latest that has begun.
    fn price(&self, fee: &str, what: &Priced) -> Option<&Price> {
        let fits = |p: &&Price| {
            p.fee == fee
                && p.on == what.on
                && p.from <= what.at
                && (p.country.is_none() || p.country == what.country)
                && (p.category.is_none() || p.category == what.category)
        };
        let closeness = |p: &&Price| (p.country.is_some(), p.category.is_some(), p.from);
        self.prices.iter().filter(fits).max_by_key(closeness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).expect("an amount")
    }

    fn country(text: &str) -> Option<Country> {
        Some(Country::parse(text).expect("a country"))
    }

    fn price(fee: &str, on: Charged, what: (&str, Option<Category>), cost: &str) -> Price {
        let (letters, category) = what;
        let country = (letters != "*").then(|| country(letters)).flatten();
        let from = Timestamp::ZERO;
        Price { fee: fee.into(), on, country, category, amount: amount(cost), from }
    }

    /// WhatsApp's fee by country and category, Gupshup's on everything.
    fn list() -> PriceList {
        let utility = Some(Category::Utility);
        let marketing = Some(Category::Marketing);
        PriceList::of(
            Currency::parse("USD").expect("a currency"),
            vec![
                price("whatsapp", Charged::Template, ("IN", utility), "0.0014"),
                price("whatsapp", Charged::Template, ("IN", marketing), "0.0107"),
                price("whatsapp", Charged::Template, ("BR", None), "0.0068"),
                price("gupshup", Charged::Template, ("*", None), "0.001"),
                price("gupshup", Charged::Session, ("*", None), "0.001"),
                price("gupshup", Charged::Inbound, ("*", None), "0.001"),
            ],
        )
    }

    fn cost(on: Charged, letters: &str, category: Option<Category>) -> Option<String> {
        let what = Priced { on, country: country(letters), category, at: Timestamp::ZERO };
        list().cost(&what).map(|money| money.to_string())
    }

    #[test]
    fn m82_cost_by_kind_country_and_category() {
        let (utility, marketing) = (Some(Category::Utility), Some(Category::Marketing));
        let usd = |text: &str| Some(format!("{text} USD"));
        assert_eq!(cost(Charged::Template, "IN", utility), usd("0.0024"));
        assert_eq!(cost(Charged::Template, "IN", marketing), usd("0.0117"));
        assert_eq!(cost(Charged::Template, "BR", utility), usd("0.0078"), "one price for all");
        assert_eq!(
            cost(Charged::Session, "IN", None),
            usd("0.001"),
            "WhatsApp charges templates alone"
        );
        assert_eq!(cost(Charged::Inbound, "DE", None), usd("0.001"), "M83");
        // Not known is not free.
        assert_eq!(cost(Charged::Template, "DE", utility), None);
        assert_eq!(cost(Charged::Template, "IN", Some(Category::Authentication)), None);
        let nothing = PriceList::of(Currency::parse("USD").expect("a currency"), Vec::new());
        let what =
            Priced { on: Charged::Session, country: None, category: None, at: Timestamp::ZERO };
        assert_eq!(nothing.cost(&what), None);
    }

    #[test]
    fn m82_a_price_holds_from_its_day_on() {
        let day = |n: i64| Timestamp::from_millis(n * 86_400_000);
        let dated = |cost: &str, from| Price {
            from,
            ..price("whatsapp", Charged::Template, ("IN", None), cost)
        };
        let prices = vec![dated("0.01", day(10)), dated("0.02", day(20))];
        let list = PriceList::of(Currency::parse("USD").expect("a currency"), prices);
        let at = |at: Timestamp| {
            let what = Priced { on: Charged::Template, country: country("IN"), category: None, at };
            list.cost(&what).map(|m| m.amount.to_string())
        };
        let ms = crate::time::Millis::new(1);
        for (from, before, then) in
            [(day(10), None, Some("0.01")), (day(20), Some("0.01"), Some("0.02"))]
        {
            assert_eq!(at(from.minus(ms)).as_deref(), before);
            assert_eq!(at(from).as_deref(), then);
            assert_eq!(at(from.plus(ms)).as_deref(), then);
        }
    }
}

//! Price lists: what messages cost, as an administrator gives it (M66, M82, M83).

use super::name;
use crate::view::words::{CategoryWord, ChargedWord};
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::country::Country;
use transom_core::id::PriceListId;
use transom_core::money::{Amount, Currency};
use transom_core::price::{Charged, Price, PriceList};
use transom_core::template::Category;
use transom_core::time::Timestamp;
use utoipa::ToSchema;

/// The most prices of a list: every country with every category, several times over.
const PRICES_MAX: usize = 4000;
/// The most prices of one country, or of none: a send reads them all.
const OF_ONE_COUNTRY_MAX: usize = 200;
/// The fee of a price that names none.
const FEE_DEFAULT: &str = "whatsapp";
/// The longest name of a fee.
const FEE_CHARS_MAX: usize = 32;
/// Characters of a version's name.
const VERSION_CHARS: usize = 12;

/// A price list as callers give it; it replaces the one before.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceListBody {
    /// Three capital letters.
    #[schema(example = "USD")]
    pub currency: String,
    /// The prices, 4000 at most.
    pub prices: Vec<PriceBody>,
}

/// One price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceBody {
    /// Whose fee: any name; `whatsapp` by default. A message costs the sum of the fees that are
    /// charged on its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "whatsapp")]
    pub fee: Option<String>,
    /// `template` (the default: outside a window), `session` (within one) or `inbound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ChargedWord>)]
    pub on: Option<Charged>,
    /// For customers of this country (two letters); for all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "IN")]
    pub country: Option<String>,
    /// For templates of this category; for all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CategoryWord>)]
    pub category: Option<Category>,
    /// For one message: a decimal text, never a number. What is free is "0".
    #[schema(example = "0.0014")]
    pub amount: String,
    /// From when on it holds: a day or a time; always by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-01-01")]
    pub from: Option<String>,
}

/// A price list as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceListView {
    /// Its name.
    pub id: String,
    /// Of which currency every price is.
    pub currency: String,
    /// The prices.
    pub prices: Vec<PriceBody>,
    /// When it was last changed.
    pub updated_at: String,
}

impl App {
    /// Replaces a price list.
    ///
    /// # Errors
    /// `invalid_request` naming the price, or when it could not be stored; it is then as it was.
    pub async fn put_prices(
        &self,
        id: &str,
        body: &PriceListBody,
        now: Timestamp,
    ) -> Result<PriceListView, AppError> {
        let id = name("list", PriceListId::parse(id))?;
        let list = read(body)?;
        let version = self.entropy.text(VERSION_CHARS);
        self.store.put_prices(&id, &list, &version, now).await?;
        Ok(shown(&id, list, now))
    }

    /// A price list.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_prices(&self, id: &str) -> Result<PriceListView, AppError> {
        let unknown = || Problem::not_found("price list with this name");
        let id = PriceListId::parse(id).map_err(|_| unknown())?;
        let (list, updated_at) = self.store.price_list(&id).await?.ok_or_else(unknown)?;
        Ok(shown(&id, list, updated_at))
    }
}

fn shown(id: &PriceListId, list: PriceList, updated_at: Timestamp) -> PriceListView {
    let mut prices = list.prices;
    prices.sort();
    let from = |at: Timestamp| (at != Timestamp::ZERO).then(|| at.rfc3339());
    let price = |p: Price| PriceBody {
        fee: Some(p.fee),
        on: Some(p.on),
        country: p.country.map(|c| c.to_string()),
        category: p.category,
        amount: p.amount.to_string(),
        from: from(p.from),
    };
    PriceListView {
        id: id.to_string(),
        currency: list.currency.to_string(),
        prices: prices.into_iter().map(price).collect(),
        updated_at: updated_at.rfc3339(),
    }
}

fn read(body: &PriceListBody) -> Result<PriceList, Problem> {
    let currency =
        Currency::parse(&body.currency).map_err(|e| Problem::invalid(format!("`currency` {e}")))?;
    if body.prices.len() > PRICES_MAX {
        return Err(Problem::invalid(format!("`prices` has more than {PRICES_MAX} entries")));
    }
    let mut prices = Vec::with_capacity(body.prices.len());
    let mut of_country: BTreeMap<Option<Country>, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (index, given) in body.prices.iter().enumerate() {
        let price = read_price(given)
            .map_err(|(field, why)| Problem::invalid(format!("`prices[{index}].{field}` {why}")))?;
        let key = (price.fee.clone(), price.on, price.country, price.category, price.from);
        if !seen.insert(key) {
            let detail = format!("`prices[{index}]` stands there twice; give each price one day");
            return Err(Problem::invalid(detail));
        }
        let count = of_country.entry(price.country).or_default();
        *count += 1;
        if *count > OF_ONE_COUNTRY_MAX {
            let detail = format!(
                "`prices[{index}]`: more than {OF_ONE_COUNTRY_MAX} prices of one country, or of none"
            );
            return Err(Problem::invalid(detail));
        }
        prices.push(price);
    }
    Ok(PriceList::of(currency, prices))
}

fn read_price(given: &PriceBody) -> Result<Price, (&'static str, String)> {
    let fee = given.fee.as_deref().unwrap_or(FEE_DEFAULT);
    let is_name = (1..=FEE_CHARS_MAX).contains(&fee.len())
        && fee.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        let why = format!("must be 1 to {FEE_CHARS_MAX} of a-z, 0-9 and `_`, such as whatsapp");
        return Err(("fee", why));
    }
    let on = given.on.unwrap_or(Charged::Template);
    if on == Charged::Inbound && given.category.is_some() {
        return Err((
            "category",
            "cannot be given with `on` inbound: customers send no templates".into(),
        ));
    }
    let country = given.country.as_deref().map(Country::parse).transpose();
    let amount = Amount::parse(&given.amount).map_err(|e| ("amount", e.to_string()))?;
    if amount < Amount::ZERO {
        return Err(("amount", "must not be below 0".to_owned()));
    }
    Ok(Price {
        fee: fee.to_owned(),
        on,
        country: country.map_err(|e| ("country", e.to_string()))?,
        category: given.category,
        amount,
        from: given.from.as_deref().map_or(Ok(Timestamp::ZERO), day_or_time)?,
    })
}

/// A day (its first instant in UTC) or a time.
fn day_or_time(text: &str) -> Result<Timestamp, (&'static str, String)> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse_rfc3339(&whole)
        .map_err(|_| ("from", "must be a day such as 2026-01-01, or an RFC 3339 time".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(more: &str) -> Result<PriceList, String> {
        let text = format!(r#"{{"currency":"USD","prices":[{{"amount":"0.1"{more}}}]}}"#);
        let body: PriceListBody = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        read(&body).map_err(|p| p.detail)
    }

    #[test]
    fn m82_every_mistake_of_a_price_is_named() {
        assert!(price("").is_ok());
        for (more, named) in [
            (r#","country":"in""#, "`prices[0].country`"),
            (r#","country":"ZZ""#, "`prices[0].country`"),
            (r#","fee":"Whats App""#, "`prices[0].fee`"),
            (r#","on":"outbound""#, "outbound"),
            (r#","on":"inbound","category":"utility""#, "`prices[0].category`"),
            (r#","from":"tomorrow""#, "`prices[0].from`"),
            (r#","from":"2026-13-01""#, "`prices[0].from`"),
        ] {
            let why = price(more).expect_err(more);
            assert!(why.contains(named), "{more}: {why}");
        }
        let read_all = |text: &str| {
            let body: PriceListBody = serde_json::from_str(text).map_err(|e| e.to_string())?;
            read(&body).map(|_| ()).map_err(|p| p.detail)
        };
        for (text, named) in [
            (r#"{"currency":"usd","prices":[]}"#, "`currency`"),
            (r#"{"currency":"USD","prices":[{"amount":"-1"}]}"#, "`prices[0].amount`"),
            (r#"{"currency":"USD","prices":[{"amount":"0.0000001"}]}"#, "`prices[0].amount`"),
            (r#"{"currency":"USD","prices":[{"amount":0.1}]}"#, "string"),
            (r#"{"currency":"USD","prices":[{"amount":"1"},{"amount":"2"}]}"#, "`prices[1]`"),
        ] {
            let why = read_all(text).expect_err(text);
            assert!(why.contains(named), "{text}: {why}");
        }
    }
}

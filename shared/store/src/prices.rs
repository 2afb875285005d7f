//! Price lists: a head with what holds in every country, and an item for each country, so that a
//! send reads two small items however long the list is.
//!
//! A list is too long for one transaction. Its countries are written under a version of their own
//! first; the head, which names the version, is replaced last, and a reader sees the old list or the
//! new one. The version before stays, for whoever read the head a moment ago. Whoever was overtaken
//! by two knows it by the head, which says which countries there are, and reads again.
//!
//! Nobody removes a version that may still become the head: a writer removes his own tries that
//! failed, and the version before the last, which the head names. What a dead writer left is removed
//! when it is so old that nobody can be writing it any more.

use crate::item::{Conditional, Expression, Item, decode, encode_value, n, number_of, s, text_of};
use crate::{Store, StoreError, Updated};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::country::Country;
use transom_core::id::PriceListId;
use transom_core::money::Currency;
use transom_core::price::{Charged, Price, PriceList};
use transom_core::time::{Millis, Timestamp};

/// How often a list is written, or read, again because others replaced it at the same time.
const ROUNDS_MAX: u32 = 5;

/// Longer than anybody can be writing a version.
const WRITTEN_WITHIN: Millis = Millis::from_hours(1);

/// The sort key of a list's head.
const HEAD: &str = ".";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    currency: Currency,
    /// The version whose countries hold.
    version: String,
    /// The version that held before it; its countries are kept.
    #[serde(default)]
    before: Option<String>,
    /// The countries that have prices of their own; a head of an earlier build does not say.
    #[serde(default)]
    countries: Option<BTreeSet<Country>>,
    fees: BTreeSet<(Charged, String)>,
    /// The prices of no country in particular.
    general: Vec<Price>,
    updated_at: Timestamp,
}

fn partition(list: &PriceListId) -> String {
    format!("PRICES#{list}")
}

fn country_key(version: &str, country: Country) -> String {
    format!("{version}#{country}")
}

/// Whether the head that stands there is this very one: its answer was lost once.
fn is_version(head: Option<&Item>, version: &str) -> bool {
    let doc = head.and_then(|item| item.get("doc")).and_then(|doc| doc.as_m().ok());
    doc.is_some_and(|doc| text_of(doc, "version") == Some(version))
}

impl Store {
    /// Replaces a price list. `version` names this writing and is used once.
    ///
    /// # Errors
    /// When the table cannot be reached, or others replace it at the same time; the list is then as
    /// it was, or theirs.
    pub async fn put_prices(
        &self,
        id: &PriceListId,
        list: &PriceList,
        version: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for round in 0..ROUNDS_MAX {
            let version = format!("{version}{round}");
            if self.put_version(id, list, &version, now).await? == Updated::Done {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: "replace a price list" })
    }

    /// One try: the head is only written while it is the one that was read before the countries, so
    /// that it names the version which held until then.
    async fn put_version(
        &self,
        id: &PriceListId,
        list: &PriceList,
        version: &str,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let (previous, outdated) =
            self.price_head(id).await?.map_or((None, None), |h| (Some(h.version), h.before));
        let mut by_country: BTreeMap<Country, Vec<&Price>> = BTreeMap::new();
        let mut general = Vec::new();
        for price in &list.prices {
            match price.country {
                Some(country) => by_country.entry(country).or_default().push(price),
                None => general.push(price.clone()),
            }
        }
        let countries: BTreeSet<Country> = by_country.keys().copied().collect();
        for (country, prices) in by_country {
            let item = Item::from([
                ("pk".to_owned(), s(partition(id))),
                ("sk".to_owned(), s(country_key(version, country))),
                ("at".to_owned(), n(now.as_millis())),
                ("prices".to_owned(), encode_value("price list", &prices)?),
            ]);
            self.put(&self.tables.accounts, item, Expression::default()).await?;
        }
        let head = Head {
            currency: list.currency.clone(),
            version: version.to_owned(),
            before: previous.clone(),
            countries: Some(countries),
            fees: list.fees.clone(),
            general,
            updated_at: now,
        };
        let item = Item::from([
            ("pk".to_owned(), s(partition(id))),
            ("sk".to_owned(), s(HEAD)),
            ("doc".to_owned(), encode_value("price list", &head)?),
        ]);
        let expression = match &previous {
            None => Expression::default().when("attribute_not_exists(pk)"),
            Some(seen) => Expression::default()
                .name("#version", "version")
                .value(":seen", s(seen))
                .when("doc.#version = :seen"),
        };
        match self.put(&self.tables.accounts, item, expression).await? {
            Conditional::Done(_) => {}
            Conditional::Failed(stands) if is_version(stands.as_ref(), version) => {}
            Conditional::Failed(_) => {
                self.forget_prices(id, |tried, _| tried == version).await?;
                return Ok(Updated::Changed);
            }
        }
        let abandoned = now.minus(WRITTEN_WITHIN);
        let is_dead = |found: &str, at: Option<Timestamp>| {
            let is_kept = found == version || previous.as_deref() == Some(found);
            outdated.as_deref() == Some(found) || (!is_kept && at.is_some_and(|at| at < abandoned))
        };
        self.forget_prices(id, is_dead).await?;
        Ok(Updated::Done)
    }

    /// Removes what belongs to dead versions, each told with the time of its writing.
    async fn forget_prices(
        &self,
        id: &PriceListId,
        is_dead: impl Fn(&str, Option<Timestamp>) -> bool + Send,
    ) -> Result<(), StoreError> {
        let items = self.all(&self.tables.accounts, &partition(id), "").await?;
        for item in &items {
            let Some(key) = text_of(item, "sk") else { continue };
            let Some((version, _)) = key.split_once('#') else { continue };
            if is_dead(version, number_of(item, "at").map(Timestamp::from_millis)) {
                let expression = Expression::default();
                self.delete(&self.tables.accounts, &partition(id), key, expression).await?;
            }
        }
        Ok(())
    }

    /// How many items a list has, its head and what is not read any more included; for tests.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn price_items(&self, id: &PriceListId) -> Result<usize, StoreError> {
        Ok(self.all(&self.tables.accounts, &partition(id), "").await?.len())
    }

    async fn price_head(&self, id: &PriceListId) -> Result<Option<Head>, StoreError> {
        let item = self.get(&self.tables.accounts, &partition(id), HEAD).await?;
        let Some(mut item) = item else { return Ok(None) };
        let doc = item.remove("doc").and_then(|doc| doc.as_m().ok().cloned());
        let doc = doc.ok_or_else(|| StoreError::corrupt("price list", "it is no map"))?;
        decode("price list", doc).map(Some)
    }

    /// The prices that may concern customers of `country`, or of none that is known.
    ///
    /// # Errors
    /// When the table cannot be reached, or the list is replaced faster than it is read.
    pub async fn prices(
        &self,
        id: &PriceListId,
        country: Option<Country>,
    ) -> Result<Option<PriceList>, StoreError> {
        for _ in 0..ROUNDS_MAX {
            let Some(head) = self.price_head(id).await? else { return Ok(None) };
            let mut prices = head.general;
            let promised = |country: &Country| {
                head.countries.as_ref().is_none_or(|countries| countries.contains(country))
            };
            if let Some(country) = country.filter(promised) {
                let key = country_key(&head.version, country);
                match self.get(&self.tables.accounts, &partition(id), &key).await? {
                    Some(item) => prices.extend(read_prices(item)?),
                    None if head.countries.is_some() => continue,
                    None => {}
                }
            }
            return Ok(Some(PriceList { currency: head.currency, fees: head.fees, prices }));
        }
        Err(StoreError::Contended { operation: "read a price list" })
    }

    /// A whole list, and when it was last changed.
    ///
    /// # Errors
    /// When the table cannot be reached, or the list is replaced faster than it is read.
    pub async fn price_list(
        &self,
        id: &PriceListId,
    ) -> Result<Option<(PriceList, Timestamp)>, StoreError> {
        for _ in 0..ROUNDS_MAX {
            let Some(head) = self.price_head(id).await? else { return Ok(None) };
            let prefix = format!("{}#", head.version);
            let items = self.all(&self.tables.accounts, &partition(id), &prefix).await?;
            if items.len() < head.countries.map_or(0, |countries| countries.len()) {
                continue;
            }
            let mut prices = head.general;
            for item in items {
                prices.extend(read_prices(item)?);
            }
            let list = PriceList { currency: head.currency, fees: head.fees, prices };
            return Ok(Some((list, head.updated_at)));
        }
        Err(StoreError::Contended { operation: "read a price list" })
    }
}

fn read_prices(mut item: Item) -> Result<Vec<Price>, StoreError> {
    let value =
        item.remove("prices").ok_or_else(|| StoreError::corrupt("price list", "it is empty"))?;
    serde_dynamo::from_attribute_value(value).map_err(|e| StoreError::corrupt("price list", e))
}

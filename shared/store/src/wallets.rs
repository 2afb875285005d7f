//! Wallets: the ledger of an account, an entry for everything that was booked and their sum, changed
//! together, so that each entry counts exactly once.
//!
//! | item in `WALLET#<account>` | attributes |
//! |---|---|
//! | `HEAD` | `balance` in millionths, `currency`, `low_below`, and `low_by`: the entry that took it below |
//! | `E#<time>#<id>` | an entry; its id is that of its cause |
//! | `K#<id>` | the caller's id of an entry: the entry's key and a hash of what was asked |

use crate::item::{Conditional, Expression, Item, Query, decode, encode, n, number_of, s, text_of};
use crate::transact::Transacted;
use crate::{Store, StoreError, Updated};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use transom_core::id::AccountId;
use transom_core::money::{Amount, Currency};
use transom_core::time::Timestamp;

/// How often a booking begins again before it gives up.
const ROUNDS_MAX: u32 = 40;

const HEAD: &str = "HEAD";

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Money that was paid in.
    Credit,
    /// A correction, up or down.
    Adjustment,
    /// What a message cost.
    Charge,
    /// The cost of a message that certainly did not arrive.
    Refund,
}

/// An entry of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletEntry {
    /// Its id: the caller's, or `<message>.<attempt>` and what happened.
    pub id: String,
    /// What it is.
    pub kind: EntryKind,
    /// How the balance changes.
    pub amount: Amount,
    /// When.
    pub at: Timestamp,
    /// What a person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The key that booked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A ledger's sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletHead {
    /// What is left.
    pub balance: Amount,
    /// Of what.
    pub currency: Currency,
    /// Below which balance it is low.
    pub low_below: Option<Amount>,
    /// The entry that took it below.
    pub low_by: Option<String>,
}

/// What became of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booked {
    /// It is booked.
    New,
    /// It was booked before, by this entry.
    Before(WalletEntry),
    /// The caller's id stands for something else.
    Mismatch,
    /// There is no such ledger, or it is of another currency.
    NoWallet,
}

/// What a caller asks to be booked once.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The caller's id of it.
    pub id: &'a str,
    /// A hash of what was asked.
    pub hash: &'a str,
}

fn partition(account: &AccountId) -> String {
    format!("WALLET#{account}")
}

fn entry_key(entry: &WalletEntry) -> String {
    format!("E#{:013}#{}", entry.at.as_millis().max(0), entry.id)
}

fn read_entry(item: Item) -> Result<WalletEntry, StoreError> {
    decode("wallet entry", item)
}

impl Store {
    /// Books a caller's entry; the first one opens the ledger.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn book_asked(
        &self,
        account: &AccountId,
        entry: &WalletEntry,
        currency: &Currency,
        low_below: Option<Amount>,
        asked: Asked<'_>,
    ) -> Result<Booked, StoreError> {
        let claim = Put::builder()
            .table_name(&self.tables.limits)
            .item("pk", s(partition(account)))
            .item("sk", s(format!("K#{}", asked.id)))
            .item("entry", s(entry_key(entry)))
            .item("hash", s(asked.hash))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("wallet", e))?;
        let mut head = self
            .head_change(account, entry.amount)
            .expression_attribute_values(":currency", s(currency.as_str()));
        let low = low_below.map(|below| n(below.micros()));
        let expression =
            "SET balance = if_not_exists(balance, :zero) + :amount, currency = :currency";
        head = match low {
            Some(below) => head
                .update_expression(format!("{expression}, low_below = :below"))
                .expression_attribute_values(":below", below),
            None => head.update_expression(expression),
        };
        let head = head
            .condition_expression("attribute_not_exists(currency) OR currency = :currency")
            .expression_attribute_values(":zero", n(0))
            .build()
            .map_err(|e| StoreError::corrupt("wallet", e))?;
        let steps = vec![
            TransactWriteItem::builder().put(claim).build(),
            TransactWriteItem::builder().put(self.entry_put(account, entry)?).build(),
            TransactWriteItem::builder().update(head).build(),
        ];
        for round in 0..ROUNDS_MAX {
            self.back_off(round, asked.id).await;
            match self.transact(steps.clone()).await? {
                Transacted::Done => return Ok(Booked::New),
                Transacted::Failed(2) => return Ok(Booked::NoWallet),
                Transacted::Failed(_) => return self.booked_before(account, asked).await,
                Transacted::Again => {}
            }
        }
        Err(StoreError::Contended { operation: "book an entry" })
    }

    async fn booked_before(
        &self,
        account: &AccountId,
        asked: Asked<'_>,
    ) -> Result<Booked, StoreError> {
        let pk = partition(account);
        let claim = self.get(&self.tables.limits, &pk, &format!("K#{}", asked.id)).await?;
        let missing = || StoreError::corrupt("wallet", "an entry without its claim");
        let claim = claim.ok_or_else(missing)?;
        if text_of(&claim, "hash") != Some(asked.hash) {
            return Ok(Booked::Mismatch);
        }
        let key = text_of(&claim, "entry").ok_or_else(missing)?;
        let entry = self.get(&self.tables.limits, &pk, key).await?.ok_or_else(missing)?;
        read_entry(entry).map(Booked::Before)
    }

    /// Books what follows from a message, once for each id.
    ///
    /// # Errors
    /// When the table cannot be reached, or stays contended.
    pub async fn book(
        &self,
        account: &AccountId,
        entry: &WalletEntry,
        currency: &Currency,
    ) -> Result<Booked, StoreError> {
        let head = self
            .head_change(account, entry.amount)
            .update_expression("SET balance = balance + :amount")
            .condition_expression("currency = :currency")
            .expression_attribute_values(":currency", s(currency.as_str()))
            .build()
            .map_err(|e| StoreError::corrupt("wallet", e))?;
        let steps = vec![
            TransactWriteItem::builder().put(self.entry_put(account, entry)?).build(),
            TransactWriteItem::builder().update(head).build(),
        ];
        for round in 0..ROUNDS_MAX {
            self.back_off(round, &entry.id).await;
            match self.transact(steps.clone()).await? {
                Transacted::Done => return Ok(Booked::New),
                Transacted::Failed(0) => return Ok(Booked::Before(entry.clone())),
                Transacted::Failed(_) => return Ok(Booked::NoWallet),
                Transacted::Again => {}
            }
        }
        Err(StoreError::Contended { operation: "book an entry" })
    }

    fn head_change(
        &self,
        account: &AccountId,
        amount: Amount,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.limits)
            .key("pk", s(partition(account)))
            .key("sk", s(HEAD))
            .expression_attribute_values(":amount", n(amount.micros()))
    }

    fn entry_put(&self, account: &AccountId, entry: &WalletEntry) -> Result<Put, StoreError> {
        let mut item = encode("wallet entry", entry)?;
        item.insert("pk".to_owned(), s(partition(account)));
        item.insert("sk".to_owned(), s(entry_key(entry)));
        Put::builder()
            .table_name(&self.tables.limits)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| StoreError::corrupt("wallet entry", e))
    }

    /// Whether an entry stands in a ledger.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn is_booked(
        &self,
        account: &AccountId,
        entry: &WalletEntry,
    ) -> Result<bool, StoreError> {
        let pk = partition(account);
        Ok(self.get(&self.tables.limits, &pk, &entry_key(entry)).await?.is_some())
    }

    /// A ledger's sum; `None` where it was never opened.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn wallet(&self, account: &AccountId) -> Result<Option<WalletHead>, StoreError> {
        let item = self.get(&self.tables.limits, &partition(account), HEAD).await?;
        item.as_ref().map(read_head).transpose()
    }

    /// A page of a ledger, newest first, older than `before`. The second value continues it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn wallet_entries(
        &self,
        account: &AccountId,
        before: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<WalletEntry>, Option<String>), StoreError> {
        let start = before.map(|key| {
            Item::from([
                ("pk".to_owned(), s(partition(account))),
                ("sk".to_owned(), s(format!("E#{key}"))),
            ])
        });
        let keys = Expression::default()
            .value(":pk", s(partition(account)))
            .value(":entries", s("E#"))
            .when("pk = :pk AND begins_with(sk, :entries)");
        let page = self
            .query(Query {
                table: &self.tables.limits,
                index: None,
                keys,
                forward: false,
                limit: i32::from(limit),
                consistent: true,
                start,
            })
            .await?;
        let last = page.last.as_ref().and_then(|item| text_of(item, "sk"));
        let next = last.and_then(|sk| sk.strip_prefix("E#")).map(str::to_owned);
        let entries = page.items.into_iter().map(read_entry).collect::<Result<_, _>>()?;
        Ok((entries, next))
    }

    /// Marks a ledger as low by the entry that took it below, or takes the mark back. `Done` where
    /// it is low by this very entry: a repeat answers the same.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn mark_low(
        &self,
        account: &AccountId,
        entry: &WalletEntry,
    ) -> Result<Updated, StoreError> {
        let pk = partition(account);
        let Some(head) = self.wallet(account).await? else { return Ok(Updated::Changed) };
        let Some(below) = head.low_below else { return Ok(Updated::Changed) };
        let is_low = head.balance < below;
        let expression = match (&head.low_by, is_low) {
            (Some(by), true) => {
                let mine = *by == entry.id;
                return Ok(if mine { Updated::Done } else { Updated::Changed });
            }
            (None, false) => return Ok(Updated::Changed),
            (None, true) => Expression::default()
                .set("low_by = :me")
                .value(":me", s(&entry.id))
                .when("attribute_not_exists(low_by) AND balance < low_below"),
            (Some(by), false) => Expression::default()
                .remove("low_by")
                .value(":by", s(by))
                .when("low_by = :by AND balance >= low_below"),
        };
        match self.update(&self.tables.limits, &pk, HEAD, expression).await? {
            Conditional::Done(_) if is_low => Ok(Updated::Done),
            Conditional::Done(_) | Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }
}

fn read_head(item: &Item) -> Result<WalletHead, StoreError> {
    let corrupt = |why: &str| StoreError::corrupt("wallet", why);
    let currency = text_of(item, "currency").and_then(|text| Currency::parse(text).ok());
    Ok(WalletHead {
        balance: Amount::from_micros(number_of(item, "balance").ok_or_else(|| corrupt("no sum"))?),
        currency: currency.ok_or_else(|| corrupt("no currency"))?,
        low_below: number_of(item, "low_below").map(Amount::from_micros),
        low_by: text_of(item, "low_by").map(str::to_owned),
    })
}

//! The accounts table: what administrators set up.
//!
//! Every thing has an item of its own (`<KIND>#<name>`) and an entry in its kind's list
//! (`LIST#<KIND>`), so that no partition carries all reads of a kind and lists need no index.

use crate::item::{Conditional, Expression, Item, decode, encode_value, n, s, text_of};
use crate::{Health, Sealed, Store, StoreError, Updated};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use transom_core::account::{Account, AccountState, Brand, Portfolio, Sender};
use transom_core::budget::Budget;
use transom_core::due::{Reminders, Threshold};
use transom_core::id::{AccountId, BrandId, PortfolioId, PriceListId, SenderId, SubscriptionId};
use transom_core::identity::Phone;
use transom_core::keywords::Keywords;
use transom_core::limit::LimitChange;
use transom_core::onboarding::Onboarding;
use transom_core::plan::HoldPolicy;
use transom_core::prompt::OptInPrompt;
use transom_core::time::{Millis, Timestamp};

/// An account with its sealed credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountRecord {
    /// What the rules see.
    pub account: Account,
    /// The credentials, sealed for this account.
    pub credentials: Sealed,
    /// Where its provider's API is, when not the provider's own host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_base_url: Option<String>,
    /// Its price list, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<PriceListId>,
    /// Whether it keeps a ledger, in which its messages are booked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_wallet: bool,
    /// When the provider refused a message for want of a balance, as long as that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_refused_at: Option<Timestamp>,
    /// Which message that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_refused_by: Option<String>,
    /// Since when evidence says that it can pay again: an older refusal that is told later, or once
    /// more, says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_cleared_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What its provider told of its standing: kept beside it, and not changed with it.
    #[serde(skip)]
    pub health: Health,
}

impl AccountRecord {
    /// The price list that its messages are priced by: `default` unless it names another.
    #[must_use]
    pub fn price_list(&self) -> PriceListId {
        self.prices.clone().unwrap_or_else(PriceListId::of_all)
    }
}

/// A sender with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SenderRecord {
    /// What the rules see.
    pub sender: Sender,
    /// Who is warned before a window closes, and when.
    pub expiring: Vec<Threshold>,
    /// The words by which customers opt out and in, beside those of every sender.
    #[serde(default, skip_serializing_if = "Keywords::is_empty")]
    pub keywords: Keywords,
    /// What may be spent on conversations that it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Its way to WhatsApp, where an administrator follows it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onboarding: Option<Onboarding>,
    /// How its messages wait, and what is done about those that nobody answers.
    #[serde(default)]
    pub waiting: Waiting,
    /// What a customer is asked who wrote without having opted in anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_in_prompt: Option<OptInPrompt>,
    /// The latest word on its messaging limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_changed: Option<LimitChange>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What its provider told of its standing: kept beside it, and not changed with it.
    #[serde(skip)]
    pub health: Health,
}

/// A portfolio with the latest word on its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortfolioRecord {
    /// What the rules see.
    pub portfolio: Portfolio,
    /// The latest word on its messaging limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_changed: Option<LimitChange>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How a sender's messages wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// How long replies are held, and what is done with overtaken ones.
    #[serde(default)]
    pub hold: HoldPolicy,
    /// After how long an accepted message that was not delivered is shown as unconfirmed; nobody
    /// watches without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed_after_s: Option<u32>,
    /// How customers are reminded before their window closes, if at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nudge: Option<Nudge>,
}

/// A reminder to customers who were answered and have not written again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    /// How long before the window closes.
    pub before_s: u32,
    /// What they read.
    pub text: String,
}

impl SenderRecord {
    /// What is done before a window closes.
    #[must_use]
    pub fn reminders(&self) -> Reminders<'_> {
        let nudge = self.waiting.nudge.as_ref();
        let nudge = nudge.map(|n| Millis::from_seconds(i64::from(n.before_s)));
        Reminders { ladder: &self.expiring, nudge }
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works at the desk.
    Agent,
    /// Sees everything at the desk.
    Supervisor,
    /// Another system: sends and reads.
    System,
    /// Sets everything up.
    Admin,
}

impl Role {
    /// The role as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::System => "system",
            Self::Admin => "admin",
        }
    }
}

/// An API key, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id, which names it in lists and when it is deleted.
    pub id: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: String,
    /// What it may do.
    pub role: Role,
    /// Whom it acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A subscription to events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// Its name.
    pub id: SubscriptionId,
    /// Where events are posted.
    pub url: String,
    /// Which kinds; empty means all.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// For which senders; empty means all.
    #[serde(default)]
    pub senders: BTreeSet<SenderId>,
    /// The signing secret, sealed.
    pub secret: Sealed,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The sort key of a thing's own item.
pub(crate) const SELF: &str = ".";

/// Stands for every name that the provider may give to an account's number.
const ANY_PROVIDER_ID: &str = "*";

fn route_key(account: &AccountId, provider_id: &str) -> String {
    format!("ROUTE#{account}#{provider_id}")
}

struct Kind {
    prefix: &'static str,
    what: &'static str,
}

/// What the partition of an account begins with.
pub(crate) const ACCOUNT_PREFIX: &str = "ACCOUNT";

const ACCOUNT: Kind = Kind { prefix: ACCOUNT_PREFIX, what: "account" };
/// What the partition of a sender begins with.
pub(crate) const SENDER_PREFIX: &str = "SENDER";

const SENDER: Kind = Kind { prefix: SENDER_PREFIX, what: "sender" };
const BRAND: Kind = Kind { prefix: "BRAND", what: "brand" };
const PORTFOLIO: Kind = Kind { prefix: "PORTFOLIO", what: "portfolio" };
const KEY: Kind = Kind { prefix: "KEY", what: "key" };
const SUBSCRIPTION: Kind = Kind { prefix: "SUBSCRIPTION", what: "subscription" };

impl Store {
    async fn read_thing<T: DeserializeOwned>(
        &self,
        kind: &Kind,
        id: &str,
    ) -> Result<Option<T>, StoreError> {
        let found = self.read_beside(kind, id).await?;
        Ok(found.map(|(thing, _)| thing))
    }

    /// A thing, and what was told of its standing.
    async fn read_beside<T: DeserializeOwned>(
        &self,
        kind: &Kind,
        id: &str,
    ) -> Result<Option<(T, Health)>, StoreError> {
        let pk = format!("{}#{id}", kind.prefix);
        let Some(item) = self.get(&self.tables.accounts, &pk, SELF).await? else {
            return Ok(None);
        };
        let health = Health::of(&item);
        Ok(Some((read_doc(kind.what, item)?, health)))
    }

    async fn write_thing<T: Serialize>(
        &self,
        kind: &Kind,
        id: &str,
        value: &T,
        more: Vec<TransactWriteItem>,
    ) -> Result<Updated, StoreError> {
        let thing = self.doc_set(&format!("{}#{id}", kind.prefix), kind.what, value)?;
        let entry = Put::builder()
            .table_name(&self.tables.accounts)
            .item("pk", s(format!("LIST#{}", kind.prefix)))
            .item("sk", s(id))
            .build()
            .map_err(|e| StoreError::corrupt(kind.what, e))?;
        let mut items = vec![
            TransactWriteItem::builder().update(thing).build(),
            TransactWriteItem::builder().put(entry).build(),
        ];
        items.extend(more);
        self.write_together(items).await
    }

    async fn remove_thing(&self, kind: &Kind, id: &str) -> Result<(), StoreError> {
        let delete = |pk: String, sk: &str| {
            Delete::builder()
                .table_name(&self.tables.accounts)
                .key("pk", s(pk))
                .key("sk", s(sk))
                .build()
                .map(|d| TransactWriteItem::builder().delete(d).build())
                .map_err(|e| StoreError::corrupt(kind.what, e))
        };
        let items = vec![
            delete(format!("{}#{id}", kind.prefix), SELF)?,
            delete(format!("LIST#{}", kind.prefix), id)?,
        ];
        self.write_together(items).await.map(|_| ())
    }

    /// Sets what a thing is, and leaves what was told of its standing.
    fn doc_set<T: Serialize>(
        &self,
        pk: &str,
        what: &'static str,
        value: &T,
    ) -> Result<Update, StoreError> {
        Update::builder()
            .table_name(&self.tables.accounts)
            .key("pk", s(pk))
            .key("sk", s(SELF))
            .update_expression("SET doc = :doc")
            .expression_attribute_values(":doc", encode_value(what, value)?)
            .build()
            .map_err(|e| StoreError::corrupt(what, e))
    }

    async fn list_things<T: DeserializeOwned>(&self, kind: &Kind) -> Result<Vec<T>, StoreError> {
        Ok(self.list_beside(kind).await?.into_iter().map(|(thing, _)| thing).collect())
    }

    async fn list_beside<T: DeserializeOwned>(
        &self,
        kind: &Kind,
    ) -> Result<Vec<(T, Health)>, StoreError> {
        let entries = self.all(&self.tables.accounts, &format!("LIST#{}", kind.prefix), "").await?;
        let mut things = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(id) = text_of(&entry, "sk") else { continue };
            things.extend(self.read_beside(kind, id).await?);
        }
        Ok(things)
    }

    /// Reads an account.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn account(&self, id: &AccountId) -> Result<Option<AccountRecord>, StoreError> {
        Ok(self.read_beside(&ACCOUNT, id.as_str()).await?.map(account_with))
    }

    /// Stores an account.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_account(&self, record: &AccountRecord) -> Result<Updated, StoreError> {
        self.write_thing(&ACCOUNT, record.account.id.as_str(), record, Vec::new()).await
    }

    /// Changes an account's state alone, if it is one of `from`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_account_state(
        &self,
        id: &AccountId,
        from: &[AccountState],
        to: AccountState,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("doc.account.#state = :to")
            .set("doc.updated_at = :now")
            .name("#state", "state")
            .value(":to", encode_value("state", &to)?)
            .value(":now", n(now.as_millis()));
        let mut options = Vec::new();
        for (index, state) in from.iter().enumerate() {
            let placeholder = format!(":from{index}");
            expression = expression.value(&placeholder, encode_value("state", state)?);
            options.push(placeholder);
        }
        let condition = format!("doc.account.#state IN ({})", options.join(", "));
        let expression = expression.when(&condition);
        let pk = format!("{}#{id}", ACCOUNT.prefix);
        match self.update(&self.tables.accounts, &pk, SELF, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn accounts(&self) -> Result<Vec<AccountRecord>, StoreError> {
        Ok(self.list_beside(&ACCOUNT).await?.into_iter().map(account_with).collect())
    }

    /// Reads a sender; a deleted one is still there, as a tombstone.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn sender(&self, id: &SenderId) -> Result<Option<SenderRecord>, StoreError> {
        Ok(self.read_beside(&SENDER, id.as_str()).await?.map(sender_with))
    }

    /// Which sender a business number belongs to.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn sender_of_number(&self, number: &Phone) -> Result<Option<SenderId>, StoreError> {
        let pk = format!("NUMBER#{}", number.digits());
        let item = self.get(&self.tables.accounts, &pk, SELF).await?;
        item.and_then(|i| text_of(&i, "sender").map(str::to_owned))
            .map(|text| SenderId::parse(&text).map_err(|e| StoreError::corrupt("number", e)))
            .transpose()
    }

    /// Which sender of an account the provider's own name of a number belongs to. Without such a
    /// name, the account's latest sender.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn sender_of_provider_id(
        &self,
        account: &AccountId,
        provider_id: Option<&str>,
    ) -> Result<Option<SenderId>, StoreError> {
        let pk = route_key(account, provider_id.unwrap_or(ANY_PROVIDER_ID));
        let item = self.get(&self.tables.accounts, &pk, SELF).await?;
        item.and_then(|i| text_of(&i, "sender").map(str::to_owned))
            .map(|text| SenderId::parse(&text).map_err(|e| StoreError::corrupt("route", e)))
            .transpose()
    }

    /// Stores a sender and points its number at it, if the number still belongs to `number_of`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_sender(
        &self,
        record: &SenderRecord,
        number_of: Option<&SenderId>,
    ) -> Result<Updated, StoreError> {
        let id = record.sender.id.as_str();
        let mut number = Put::builder()
            .table_name(&self.tables.accounts)
            .item("pk", s(format!("NUMBER#{}", record.sender.phone.digits())))
            .item("sk", s(SELF))
            .item("sender", s(id));
        number = match number_of {
            Some(seen) => number
                .condition_expression("sender = :seen")
                .expression_attribute_values(":seen", s(seen.as_str())),
            None => number.condition_expression("attribute_not_exists(pk)"),
        };
        let number = number.build().map_err(|e| StoreError::corrupt("number", e))?;
        let mut more = vec![TransactWriteItem::builder().put(number).build()];
        // The provider's own names of the number lead to it too: Meta's phone-number id, Gupshup's
        // app id; and for a provider that names only the account, its latest sender.
        // A tombstone leads nowhere new.
        let live = record.sender.deleted_at.is_none();
        let names = record.sender.provider_id.as_deref().into_iter().chain([ANY_PROVIDER_ID]);
        for name in names.filter(|_| live) {
            let route = Put::builder()
                .table_name(&self.tables.accounts)
                .item("pk", s(route_key(&record.sender.account, name)))
                .item("sk", s(SELF))
                .item("sender", s(id))
                .build()
                .map_err(|e| StoreError::corrupt("route", e))?;
            more.push(TransactWriteItem::builder().put(route).build());
        }
        self.write_thing(&SENDER, id, record, more).await
    }

    /// All senders, by name, tombstones included.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn senders(&self) -> Result<Vec<SenderRecord>, StoreError> {
        Ok(self.list_beside(&SENDER).await?.into_iter().map(sender_with).collect())
    }

    /// Reads a brand; a deleted one is still there, as a tombstone.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn brand(&self, id: &BrandId) -> Result<Option<Brand>, StoreError> {
        self.read_thing(&BRAND, id.as_str()).await
    }

    /// Stores a brand.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_brand(&self, brand: &Brand) -> Result<Updated, StoreError> {
        self.write_thing(&BRAND, brand.id.as_str(), brand, Vec::new()).await
    }

    /// All brands, by name, tombstones included.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn brands(&self) -> Result<Vec<Brand>, StoreError> {
        self.list_things(&BRAND).await
    }

    /// Reads a portfolio.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn portfolio(&self, id: &PortfolioId) -> Result<Option<PortfolioRecord>, StoreError> {
        self.read_thing(&PORTFOLIO, id.as_str()).await
    }

    /// Stores a portfolio.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_portfolio(&self, record: &PortfolioRecord) -> Result<Updated, StoreError> {
        self.write_thing(&PORTFOLIO, record.portfolio.id.as_str(), record, Vec::new()).await
    }

    /// Changes a sender's limit alone, if the latest word on it is the one that was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_sender_limit(
        &self,
        seen: &SenderRecord,
        limit: Option<u32>,
        change: &LimitChange,
    ) -> Result<Updated, StoreError> {
        let key = (&SENDER, seen.sender.id.as_str());
        self.set_limit(
            key,
            "doc.sender.messaging_limit",
            seen.limit_changed.as_ref(),
            limit,
            change,
        )
        .await
    }

    /// Changes a portfolio's limit alone, if the latest word on it is the one that was read.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_portfolio_limit(
        &self,
        seen: &PortfolioRecord,
        limit: Option<u32>,
        change: &LimitChange,
    ) -> Result<Updated, StoreError> {
        let key = (&PORTFOLIO, seen.portfolio.id.as_str());
        let place = "doc.portfolio.messaging_limit";
        self.set_limit(key, place, seen.limit_changed.as_ref(), limit, change).await
    }

    async fn set_limit(
        &self,
        (kind, id): (&Kind, &str),
        place: &str,
        seen: Option<&LimitChange>,
        limit: Option<u32>,
        change: &LimitChange,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set(&format!("{place} = :limit"))
            .set("doc.limit_changed = :change")
            .value(":limit", encode_value("limit", &limit)?)
            .value(":change", encode_value("limit", change)?);
        expression = match seen {
            Some(seen) => expression
                .when("doc.limit_changed = :seen")
                .value(":seen", encode_value("limit", seen)?),
            None => {
                expression.when("attribute_exists(pk) AND attribute_not_exists(doc.limit_changed)")
            }
        };
        let pk = format!("{}#{id}", kind.prefix);
        match self.update(&self.tables.accounts, &pk, SELF, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    /// Reads an API key by its id.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        self.read_thing(&KEY, id).await
    }

    /// Stores an API key.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_key(&self, key: &KeyRecord) -> Result<Updated, StoreError> {
        self.write_thing(&KEY, &key.id, key, Vec::new()).await
    }

    /// Removes an API key: it is refused from this instant.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete_key(&self, id: &str) -> Result<(), StoreError> {
        self.remove_thing(&KEY, id).await
    }

    /// All API keys.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.list_things(&KEY).await
    }

    /// Reads a subscription.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn subscription(&self, id: &str) -> Result<Option<SubscriptionRecord>, StoreError> {
        self.read_thing(&SUBSCRIPTION, id).await
    }

    /// Stores a subscription.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_subscription(
        &self,
        record: &SubscriptionRecord,
    ) -> Result<Updated, StoreError> {
        self.write_thing(&SUBSCRIPTION, record.id.as_str(), record, Vec::new()).await
    }

    /// Removes a subscription.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete_subscription(&self, id: &str) -> Result<(), StoreError> {
        self.remove_thing(&SUBSCRIPTION, id).await
    }

    /// All subscriptions, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn subscriptions(&self) -> Result<Vec<SubscriptionRecord>, StoreError> {
        self.list_things(&SUBSCRIPTION).await
    }
}

/// An account with what was told of its standing, which the rules see too.
fn account_with((mut record, health): (AccountRecord, Health)) -> AccountRecord {
    record.account.restriction = health.restricted();
    record.health = health;
    record
}

fn sender_with((mut record, health): (SenderRecord, Health)) -> SenderRecord {
    record.health = health;
    record
}

pub(crate) fn read_doc<T: DeserializeOwned>(
    what: &'static str,
    mut item: Item,
) -> Result<T, StoreError> {
    let doc = item.remove("doc").ok_or_else(|| StoreError::corrupt(what, "it is empty"))?;
    let doc = doc.as_m().map_err(|_| StoreError::corrupt(what, "it is no map"))?.clone();
    decode(what, doc)
}

//! An account's wallet: the ledger that is kept here, and the provider's own word that a balance is
//! used up (M59, M81).

use crate::event::Event;
use crate::price::cost_of_inbound;
use crate::view::words::WalletEntryKindWord;
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::json;
use transom_core::code::Code;
use transom_core::country::Country;
use transom_core::event::{Cause, EventKind};
use transom_core::id::AccountId;
use transom_core::identity::User;
use transom_core::message::{Fact, FactKind, may_have_happened};
use transom_core::money::{Amount, Currency, Money};
use transom_core::time::Timestamp;
use transom_core::wallet::{PROBE_AFTER, Wallet};
use transom_store::{
    AccountRecord, Asked, Booked, EntryKind, Message, Updated, WalletEntry, WalletHead,
};
use transom_wire::Reference;
use utoipa::ToSchema;

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 200;
/// The longest id that a caller gives an entry, in characters.
const ID_CHARS_MAX: usize = 128;
/// Characters of an entry's id that nobody gave.
const ENTRY_CHARS: usize = 16;

/// An entry as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletEntryBody {
    /// The caller's own id of it: booked once, however often it is posted. An `Idempotency-Key`
    /// does the same.
    pub id: Option<String>,
    /// `credit` (the default) or `adjustment`, which may be below 0.
    #[schema(value_type = Option<WalletEntryKindWord>)]
    pub kind: Option<EntryKind>,
    /// How much: a decimal text, never a number.
    #[schema(example = "1.00")]
    pub amount: String,
    /// Three capital letters: the first entry's is the ledger's.
    #[schema(example = "USD")]
    pub currency: String,
    /// From now on `wallet.low` is told when the balance falls below this.
    #[schema(example = "0.25")]
    pub low_below: Option<String>,
    /// What it is for, 200 characters at most.
    pub note: Option<String>,
}

/// An entry as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WalletEntryView {
    /// Its id.
    pub id: String,
    /// `credit`, `adjustment`, `charge` or `refund`.
    #[schema(value_type = WalletEntryKindWord)]
    pub kind: EntryKind,
    /// How it changed the balance.
    pub amount: String,
    /// When.
    pub at: String,
    /// The message that it is for.
    pub message: Option<String>,
    /// What it is for.
    pub note: Option<String>,
    /// The key that booked it.
    pub by: Option<String>,
}

/// A wallet as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WalletView {
    /// The account.
    pub account: String,
    /// What is left by this ledger; `null` where it was never opened.
    pub balance: Option<String>,
    /// Of what.
    pub currency: Option<String>,
    /// Below which balance `wallet.low` is told.
    pub low_below: Option<String>,
    /// Whether it is below.
    pub low: bool,
    /// `funded`, or `empty`: nothing is sent.
    pub state: &'static str,
    /// When the provider last refused a message for want of a balance.
    pub refused_at: Option<String>,
    /// When sends are tried again by themselves.
    pub retry_at: Option<String>,
    /// The entries, newest first.
    pub items: Vec<WalletEntryView>,
    /// What `cursor` continues the entries with; `null` at their end.
    pub next_cursor: Option<String>,
}

impl From<&WalletEntry> for WalletEntryView {
    fn from(entry: &WalletEntry) -> Self {
        let message = entry.id.split('.').next().filter(|id| id.starts_with("msg_"));
        Self {
            id: entry.id.clone(),
            kind: entry.kind,
            amount: entry.amount.to_string(),
            at: entry.at.rfc3339(),
            message: message.map(str::to_owned),
            note: entry.note.clone(),
            by: entry.by.clone(),
        }
    }
}

impl App {
    /// A wallet, with a page of its entries.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_wallet(
        &self,
        id: &str,
        limit: u16,
        cursor: Option<&str>,
        now: Timestamp,
    ) -> Result<WalletView, AppError> {
        let account = self.existing_account(id).await?;
        let name = &account.account.id;
        let head = self.store.wallet(name).await?;
        let (entries, next_cursor) = self.store.wallet_entries(name, cursor, limit).await?;
        let wallet = wallet_of(&account, head.as_ref(), now);
        let (state, retry_at) = match wallet {
            Wallet::Funded => ("funded", None),
            Wallet::Empty { until } => ("empty", until),
        };
        let below = head.as_ref().and_then(|h| h.low_below);
        Ok(WalletView {
            account: name.to_string(),
            balance: head.as_ref().map(|h| h.balance.to_string()),
            currency: head.as_ref().map(|h| h.currency.to_string()),
            low_below: below.map(|b| b.to_string()),
            low: head.as_ref().zip(below).is_some_and(|(h, below)| h.balance < below),
            state,
            refused_at: account.balance_refused_at.map(Timestamp::rfc3339),
            retry_at: retry_at.map(Timestamp::rfc3339),
            items: entries.iter().map(WalletEntryView::from).collect(),
            next_cursor,
        })
    }

    /// Books an entry by hand; the first one opens the ledger. Credit lets an account send again
    /// that the provider has refused.
    ///
    /// # Errors
    /// `invalid_request` naming the field, `idempotency_mismatch`, or when it could not be stored.
    pub async fn book_wallet_entry(
        &self,
        id: &str,
        body: &WalletEntryBody,
        key: Option<(&str, &str)>,
        by: &str,
        now: Timestamp,
    ) -> Result<WalletEntryView, AppError> {
        let account = self.existing_account(id).await?;
        let name = &account.account.id;
        let read = read_entry(body)?;
        let named = match (body.id.as_deref(), key) {
            (Some(own), _) => self.store.hash_key().name(&["wallet", name.as_str(), own]),
            (None, Some((api_key, key))) => {
                self.store.hash_key().name(&["wallet", name.as_str(), api_key, key])
            }
            (None, None) => self.entropy.text(ENTRY_CHARS),
        };
        let entry = WalletEntry {
            id: format!("ent_{named}"),
            kind: read.kind,
            amount: read.amount,
            at: now,
            note: body.note.clone(),
            by: Some(by.to_owned()),
        };
        let hash = self.store.hash_key().name(&[
            "entry",
            &format!("{:?}", entry.kind),
            &entry.amount.to_string(),
            read.currency.as_str(),
            body.note.as_deref().unwrap_or_default(),
            body.low_below.as_deref().unwrap_or_default(),
        ]);
        let asked = Asked { id: &named, hash: &hash };
        // First that there is a ledger: were it the other way round, a crash in between would leave
        // one that no message is booked in.
        self.store.begin_wallet(name).await?;
        let booked =
            self.store.book_asked(name, &entry, &read.currency, read.low_below, asked).await?;
        let entry = match booked {
            Booked::New => entry,
            Booked::Before(stored) => stored,
            Booked::Mismatch => {
                let detail = "this id was used for another entry; use a new one";
                return Err(Problem::new(Code::IdempotencyMismatch, detail).into());
            }
            Booked::NoWallet => return Err(self.other_currency(name).await),
        };
        if entry.amount > Amount::ZERO {
            self.store.clear_balance_refused(name, now).await?;
        }
        self.tell_low(name, &entry).await?;
        Ok(WalletEntryView::from(&entry))
    }

    async fn other_currency(&self, account: &AccountId) -> AppError {
        match self.store.wallet(account).await {
            Ok(head) => {
                let own = head.map(|h| h.currency.to_string()).unwrap_or_default();
                Problem::invalid(format!("`currency` must be {own}, the ledger's own")).into()
            }
            Err(error) => error.into(),
        }
    }

    /// Told by the entry that took a balance below its mark, and by every repeat of it.
    async fn tell_low(&self, account: &AccountId, entry: &WalletEntry) -> Result<(), AppError> {
        if self.store.mark_low(account, entry).await? == Updated::Changed {
            return Ok(());
        }
        let head = self.store.wallet(account).await?;
        let cause = Cause::Changed(format!("wallet:{account}:{}", entry.id), entry.at);
        let data = json!({
            "account": account,
            "balance": head.as_ref().map(|h| h.balance.to_string()),
            "currency": head.as_ref().map(|h| h.currency.to_string()),
            "low_below": head.as_ref().and_then(|h| h.low_below).map(|b| b.to_string()),
            "reason": "below",
        });
        self.publish(vec![Event::new(EventKind::WalletLow, &cause, entry.at, data)]).await
    }

    /// What a message of this customer costs, where a ledger is kept that it is booked in (M83).
    pub(crate) async fn price_of_inbound(
        &self,
        account: &AccountRecord,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<Money>, AppError> {
        if !account.has_wallet {
            return Ok(None);
        }
        let prices = self.prices_for(account, user).await?;
        Ok(prices.and_then(|prices| cost_of_inbound(&prices, Country::of(user), now)))
    }

    /// Books what a customer's message costs, once however often it comes (M83).
    pub(crate) async fn charge_inbound(
        &self,
        account: &AccountRecord,
        message: &Message,
    ) -> Result<(), AppError> {
        let Some(id) = &message.id else { return Ok(()) };
        let reference = Reference { message: id.clone(), attempt: message.attempt };
        self.charge(account, &reference, message, "").await
    }

    /// What a fact about a message does to its account's wallet. A message is paid for when the
    /// provider has it, and not when it certainly did not arrive; each is booked once.
    pub(crate) async fn book_fact(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        after: &Message,
        kind: FactKind,
        fact: &Fact,
    ) -> Result<(), AppError> {
        let attempt = reference.attempt;
        let has = |kind| after.facts.contains_key(&(attempt, kind));
        match kind {
            FactKind::Accepted => self.charge(account, reference, after, "").await?,
            FactKind::Sent | FactKind::Delivered | FactKind::Read => {
                self.pays_again(account, after, attempt, fact).await?;
                if !has(FactKind::Accepted) {
                    self.charge(account, reference, after, "").await?;
                }
                // It was given back for a failure that this outweighs.
                if has(FactKind::Failed) && kind != FactKind::Sent {
                    let refund = entry_of(reference, after, EntryKind::Refund, ".refund");
                    let stands = match &refund {
                        Some((entry, _)) if account.has_wallet => {
                            self.store.is_booked(&account.account.id, entry).await?
                        }
                        Some(_) | None => false,
                    };
                    if stands {
                        self.charge(account, reference, after, ".again").await?;
                    }
                }
            }
            FactKind::Failed => {
                if !may_have_happened(&after.facts, attempt) {
                    self.refund_charge(account, reference, after).await?;
                }
            }
            FactKind::Unknown => {}
        }
        Ok(())
    }

    async fn charge(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        after: &Message,
        again: &str,
    ) -> Result<(), AppError> {
        let charge = entry_of(reference, after, EntryKind::Charge, again);
        let Some((entry, currency)) = charge.filter(|_| account.has_wallet) else { return Ok(()) };
        let name = &account.account.id;
        if self.store.book(name, &entry, &currency).await? == Booked::NoWallet {
            tracing::warn!(outcome = "not_booked", account = %name, message = %reference.message, "the ledger is of another currency than the price list");
            return Ok(());
        }
        self.tell_low(name, &entry).await
    }

    async fn refund_charge(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        after: &Message,
    ) -> Result<(), AppError> {
        let charge = entry_of(reference, after, EntryKind::Charge, "");
        let refund = entry_of(reference, after, EntryKind::Refund, ".refund");
        let (Some((charge, _)), Some((refund, currency))) = (charge, refund) else { return Ok(()) };
        let name = &account.account.id;
        if !account.has_wallet || !self.store.is_booked(name, &charge).await? {
            return Ok(());
        }
        self.store.book(name, &refund, &currency).await?;
        self.tell_low(name, &refund).await
    }

    /// The provider refuses an account for want of a balance: its sends stop, and somebody is told
    /// once, by the refusal that began it and by every repeat of that.
    pub(crate) async fn note_balance_refused(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        fact: &Fact,
    ) -> Result<(), AppError> {
        let name = &account.account.id;
        let by = reference.to_string();
        let begun = self.store.set_balance_refused(name, fact.at, PROBE_AFTER, &by).await?;
        if begun == Updated::Changed {
            return Ok(());
        }
        let cause = Cause::Changed(format!("wallet:{name}:{by}"), fact.at);
        let data = json!({
            "account": name,
            "balance": null,
            "currency": null,
            "low_below": null,
            "reason": "refused",
            "retry_at": fact.at.plus(PROBE_AFTER).rfc3339(),
        });
        self.publish(vec![Event::new(EventKind::WalletLow, &cause, fact.at, data)]).await
    }

    /// A message that was called for after the refusal went out: the account can pay again. A
    /// provider's mere acceptance says nothing yet; it may refuse later.
    async fn pays_again(
        &self,
        account: &AccountRecord,
        after: &Message,
        attempt: u32,
        fact: &Fact,
    ) -> Result<(), AppError> {
        let Some(refused_at) = account.balance_refused_at else { return Ok(()) };
        let called_at = after.claimed_at.filter(|_| attempt == after.attempt);
        if called_at.is_some_and(|at| at > refused_at) {
            self.store.clear_balance_refused(&account.account.id, fact.at).await?;
        }
        Ok(())
    }
}

/// Whether an account can pay.
pub(crate) fn wallet_of(
    account: &AccountRecord,
    head: Option<&WalletHead>,
    now: Timestamp,
) -> Wallet {
    let sandbox_balance = head.filter(|_| account.account.sandbox).map(|h| h.balance);
    Wallet::of(account.balance_refused_at, sandbox_balance, now)
}

/// The entry that an attempt of a message makes, where its cost is known.
fn entry_of(
    reference: &Reference,
    message: &Message,
    kind: EntryKind,
    suffix: &str,
) -> Option<(WalletEntry, Currency)> {
    let Money { amount, currency } = message.cost.clone()?;
    let amount = match kind {
        EntryKind::Charge => Amount::ZERO.minus(amount),
        EntryKind::Refund | EntryKind::Credit | EntryKind::Adjustment => amount,
    };
    let entry = WalletEntry {
        id: format!("{reference}{suffix}"),
        kind,
        amount,
        at: reference.message.at(),
        note: None,
        by: None,
    };
    Some((entry, currency))
}

/// An entry, read.
struct Read {
    kind: EntryKind,
    amount: Amount,
    currency: Currency,
    low_below: Option<Amount>,
}

fn read_entry(body: &WalletEntryBody) -> Result<Read, Problem> {
    let amount_of = |field: &str, text: &str| {
        Amount::parse(text).map_err(|e| Problem::invalid(format!("`{field}` {e}")))
    };
    let kind = body.kind.unwrap_or(EntryKind::Credit);
    let amount = amount_of("amount", &body.amount)?;
    match kind {
        EntryKind::Credit if amount <= Amount::ZERO => {
            return Err(Problem::invalid("`amount` of a credit must be above 0"));
        }
        EntryKind::Charge | EntryKind::Refund => {
            let detail =
                "`kind` must be credit or adjustment; messages book their charges themselves";
            return Err(Problem::invalid(detail));
        }
        EntryKind::Credit | EntryKind::Adjustment => {}
    }
    let currency =
        Currency::parse(&body.currency).map_err(|e| Problem::invalid(format!("`currency` {e}")))?;
    let low_below = body.low_below.as_deref().map(|t| amount_of("low_below", t)).transpose()?;
    let printable = |text: &str, most: usize| {
        (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    if body.note.as_deref().is_some_and(|note| !printable(note, NOTE_CHARS_MAX)) {
        let detail = format!("`note` must be 1 to {NOTE_CHARS_MAX} printable characters");
        return Err(Problem::invalid(detail));
    }
    if body.id.as_deref().is_some_and(|id| !printable(id, ID_CHARS_MAX)) {
        let detail = format!("`id` must be 1 to {ID_CHARS_MAX} printable characters");
        return Err(Problem::invalid(detail));
    }
    Ok(Read { kind, amount, currency, low_below })
}

//! Accounts, senders and brands, as far as the rules look at them.

use crate::agent_limit::AgentLimits;
use crate::delivery::DeliveryTable;
use crate::id::{AccountId, BrandId, PortfolioId, SenderId};
use crate::identity::Phone;
use crate::news::Restriction;
use crate::profile::{Profile, ProfileChanges};
use crate::template::Category;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The provider that an account belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Twilio, WhatsApp over Programmable Messaging.
    Twilio,
    /// Gupshup, self-serve and partner.
    Gupshup,
    /// Meta's own Cloud API.
    Meta,
}

impl Provider {
    /// Every provider there is.
    pub const ALL: [Self; 3] = [Self::Twilio, Self::Gupshup, Self::Meta];

    /// The provider as paths and payloads name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Gupshup => "gupshup",
            Self::Meta => "meta",
        }
    }

    /// Reads a provider's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }

    /// The rules of this provider for what is sent, before an account changes them.
    #[must_use]
    pub fn profile(self) -> Profile {
        Profile::of(self)
    }
}

/// Whether an account may be used (M137, M138).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// In use.
    Active,
    /// Switched off; reactivating restores everything.
    Deactivated,
    /// The integration was removed: history stays readable, nothing is sent or received.
    Removed,
    /// Deleted for good.
    Deleted,
}

/// An account as the rules see it. Credentials are not here: the rules need none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name.
    pub id: AccountId,
    /// Its provider.
    pub provider: Provider,
    /// Whether it may be used.
    pub state: AccountState,
    /// The portfolio whose limit its senders may share (D11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio: Option<PortfolioId>,
    /// The template categories that may be sent (D2: all by default).
    pub template_categories: BTreeSet<Category>,
    /// What it changes of its provider's profile (D3-D6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileChanges>,
    /// Whether it is the provider's sandbox: texts alone (M84).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sandbox: bool,
    /// What its provider does not let it do; told beside the account, and not stored with it.
    #[serde(skip)]
    pub restriction: Option<Restriction>,
}

impl Account {
    /// The rules for what is sent through this account.
    #[must_use]
    pub fn profile(&self) -> Profile {
        let own = Profile::of(self.provider);
        let changed = match &self.profile {
            None => own,
            Some(changes) => own.changed(changes),
        };
        if self.sandbox { changed.of_a_sandbox() } else { changed }
    }
}

/// Whose places a sender's business-initiated conversations take (D11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// The sender's own.
    Sender,
    /// Its portfolio's.
    Portfolio,
}

/// A sender: one business number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Its name.
    pub id: SenderId,
    /// The account that it sends through.
    pub account: AccountId,
    /// The business number.
    pub phone: Phone,
    /// The brand that it speaks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<BrandId>,
    /// The provider's own name for it, where the provider routes by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The template switch (M52).
    pub template_messaging: bool,
    /// Users per rolling 24 hours that may be written to first; `None` is unlimited (M21).
    pub messaging_limit: Option<u32>,
    /// Whose places are taken.
    pub limit_scope: LimitScope,
    /// Messages a second that the provider takes from it (M24).
    pub rate_per_second: u32,
    /// How many messages agents may send (M25, M26); off unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_limits: Option<AgentLimits>,
    /// Which delivery table decides about its messages (M53-M59).
    #[serde(default)]
    pub delivery_table: DeliveryTable,
    /// Until when the provider has restricted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_until: Option<Timestamp>,
    /// When it was deleted; its conversations are interrupted since (M50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A portfolio: senders that share one messaging limit (D11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    /// Its name.
    pub id: PortfolioId,
    /// Users per rolling 24 hours that its senders together may write to first; `None` is unlimited.
    pub messaging_limit: Option<u32>,
}

/// A brand (M136).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brand {
    /// Its name in paths.
    pub id: BrandId,
    /// Its name for people.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

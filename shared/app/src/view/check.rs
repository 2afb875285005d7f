//! What would become of a message, as callers read it.

use super::words::{AccountStateWord, CategoryWord, CodeWord, OptInWord, PerWord, SentAsWord};
use super::{CostView, NearestView, WindowView};
use crate::error::Problem;
use serde::Serialize;
use transom_core::account::AccountState;
use transom_core::budget::Per;
use transom_core::code::Code;
use transom_core::consent::OptIn;
use transom_core::decide::SentAs;
use transom_core::template::Category;
use transom_core::time::Timestamp;
use utoipa::ToSchema;

/// What would become of a message now, and why. Nothing was sent, reserved or stored.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CheckView {
    /// Whether it would be taken.
    pub allowed: bool,
    /// The code that it would be refused with.
    #[schema(value_type = Option<CodeWord>, example = "window_expired")]
    pub code: Option<Code>,
    /// The other codes that apply, in the order of the contract.
    #[schema(value_type = Vec<CodeWord>)]
    pub also: Vec<Code>,
    /// The rule that decides, by its row of the rule book (`docs/codes.md`).
    #[schema(example = "M8")]
    pub rule: String,
    /// What exactly does not fit.
    pub detail: Option<String>,
    /// One sentence that a person can act on.
    pub remedy: Option<&'static str>,
    /// When waiting helps, until when.
    pub retry_at: Option<String>,
    /// The template that the text is like, or is, and where the two differ.
    pub nearest: Option<NearestView>,
    /// `session` or `template`: what it would be sent as.
    #[schema(value_type = Option<SentAsWord>)]
    pub sent_as: Option<SentAs>,
    /// Whether it would take a place of the messaging limit.
    pub counts_against_limit: bool,
    /// The facts that decided; `null` where the request was refused before any was read.
    pub inputs: Option<CheckInputs>,
    /// What would be allowed instead, the cheapest first, and last what goes out only when the
    /// customer writes or a place is free. Each was decided upon like the message.
    pub alternatives: Vec<AlternativeView>,
    /// What is allowed and may yet go wrong.
    pub warnings: Vec<WarningView>,
    /// What of it the customer would not see, because the provider cannot show it.
    pub notices: Vec<String>,
    /// What it would cost; `null` where no price is known.
    pub cost: Option<CostView>,
}

/// The facts of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CheckInputs {
    /// The instant of the decision.
    pub at: String,
    /// The sender.
    pub sender: String,
    /// Its account.
    pub account: String,
    /// The account's provider.
    pub provider: &'static str,
    /// `active`, `deactivated`, `removed` or `deleted`.
    #[schema(value_type = AccountStateWord)]
    pub account_state: AccountState,
    /// The sender's brand.
    pub brand: Option<String>,
    /// Whether that is in use; `null` where there is none.
    pub brand_active: Option<bool>,
    /// The conversation; `null` where this message would begin it.
    pub conversation: Option<String>,
    /// The customer service window.
    pub window: WindowView,
    /// `unknown`, `in` or `out`.
    #[schema(value_type = OptInWord)]
    pub opt_in: OptIn,
    /// The sender's template switch.
    pub template_messaging: bool,
    /// The template that the content names, where the account has it.
    pub template: Option<CheckTemplate>,
    /// Until when the provider has restricted the sender.
    pub restricted_until: Option<String>,
    /// `funded`, or `empty` where the account cannot pay.
    pub balance: &'static str,
    /// The sender's budget; `null` where it has none.
    pub budget: Option<CheckBudget>,
    /// The messaging limit; `null` where the sender has none.
    pub limit: Option<CheckLimit>,
}

/// A template, as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckTemplate {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What it is for.
    #[schema(value_type = CategoryWord)]
    pub category: Category,
    /// Its state.
    pub status: String,
}

/// The messaging limit, as it stands for this customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckLimit {
    /// How many customers may be written to first in any 24 hours.
    pub limit: u32,
    /// How many were.
    pub used: u32,
    /// How many more may be.
    pub remaining: u32,
    /// Whether this customer is one of them, so that another message takes no further place.
    pub holds_a_place: bool,
    /// When the next place is free.
    pub next_free_at: Option<String>,
}

/// The sender's budget, as it stands in this period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckBudget {
    /// How much may be spent.
    pub amount: String,
    /// Of what.
    pub currency: String,
    /// `day` or `month`.
    #[schema(value_type = PerWord)]
    pub per: Per,
    /// What is spent or reserved.
    pub spent: String,
    /// When the next period begins.
    pub resets_at: String,
}

/// Something that would be allowed instead.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlternativeView {
    /// `text`, `template`, `ask_consent`, `wait`, `hold` or `defer`.
    #[serde(rename = "do")]
    #[schema(example = "template")]
    pub kind: &'static str,
    /// What that is, in a few words.
    pub detail: String,
    /// The template to send.
    pub template: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// From when on.
    pub at: Option<String>,
    /// What it would cost; `null` where no price is known.
    pub cost: Option<CostView>,
}

/// Something that may yet go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WarningView {
    /// What it is about: `certain_until`, `held`, `scheduled`, `fallback` or
    /// `deferred`.
    pub about: &'static str,
    /// What may happen.
    pub detail: String,
}

impl CheckView {
    /// A request that was refused before any fact was read.
    #[must_use]
    pub fn unread(problem: &Problem, rule: &str) -> Self {
        Self {
            allowed: false,
            code: Some(problem.code),
            also: problem.also.clone(),
            rule: rule.to_owned(),
            detail: Some(problem.detail.clone()),
            remedy: Some(problem.code.remedy()),
            nearest: None,
            retry_at: problem.retry_at.map(Timestamp::rfc3339),
            sent_as: None,
            counts_against_limit: false,
            inputs: None,
            alternatives: Vec::new(),
            warnings: Vec::new(),
            notices: Vec::new(),
            cost: None,
        }
    }
}

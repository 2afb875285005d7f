//! May this message be sent, and as what? One pure function for every caller: the API, the
//! desk, a rule, and the sender just before the call (M8, M53-M58, M62, M63, M136-M140).

use crate::account::{Account, AccountState, Brand, Sender};
use crate::code::Code;
use crate::consent::Consent;
use crate::content::{Content, TemplateUse};
use crate::delivery::{Conditions, Kind, barred};
use crate::id::BrandId;
use crate::identity::User;
use crate::profile::Profile;
use crate::template::matching::{Found, Nearest};
use crate::template::{Template, TemplateKind, TemplateStatus};
use crate::time::Timestamp;
use crate::wallet::Wallet;
use crate::window::{Channel, Window};
use serde::{Deserialize, Serialize};

/// Everything that decides.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The instant of the decision.
    pub now: Timestamp,
    /// How the channel's windows behave.
    pub channel: Channel,
    /// The sender's account.
    pub account: &'a Account,
    /// The sender.
    pub sender: &'a Sender,
    /// The sender's brand, where the sender has one and it was found.
    pub brand: Option<&'a Brand>,
    /// The brand that the conversation was begun for; `None` when it is new or had none.
    pub conversation_brand: Option<&'a BrandId>,
    /// Who is written to.
    pub user: &'a User,
    /// The user's latest word on consent.
    pub consent: &'a Consent,
    /// The window, where the user has ever written.
    pub window: Option<&'a Window>,
    /// The template that the content names, where the account has it.
    pub template: Option<&'a Template>,
    /// Why the content's file cannot be had, where that was looked at: `media_url` or
    /// `media_not_ready`, and what exactly.
    pub file: Option<&'a (Code, String)>,
    /// What a text outside the window was found to be among the account's approved templates;
    /// `None` where that was not looked at.
    pub found: Option<&'a Found>,
    /// Whether the account can pay.
    pub wallet: Wallet,
}

/// What a message is sent, and charged, as (M53-M56, M108).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentAs {
    /// Within the window.
    Session,
    /// Outside it.
    Template,
}

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first code of the contract's order that applies.
    pub code: Code,
    /// The others that apply, in that order.
    pub also: Vec<Code>,
    /// What exactly does not fit, where the code alone does not say it.
    pub detail: Option<String>,
    /// When waiting helps, until when.
    pub retry_at: Option<Timestamp>,
    /// The template that the text is like, or is (M62).
    pub nearest: Option<Nearest>,
    /// Whether it is the closed window that bars the message, and nothing that comes before it: the
    /// message may wait for the customer, or be replaced by a template.
    pub by_window: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may be sent.
    Send {
        /// As what.
        sent_as: SentAs,
        /// Whether it takes a place of the messaging limit: exactly when it is business-initiated,
        /// a template outside an open window (M23).
        counts: bool,
    },
    /// It may not.
    Refuse(Refusal),
}

/// Decides whether `content` may be sent.
#[must_use]
pub fn decide(facts: &Facts<'_>, content: &Content) -> Decision {
    let open = facts.window.is_some_and(|w| w.is_open(facts.now, facts.channel));
    // The order of the contract: account, sender, brand, content, consent, template, window, wallet.
    let mut found: Vec<(Code, Option<String>)> = Vec::new();
    let begins = content.template().is_some() && !open;
    found.extend(road_blocked(facts, begins).into_iter().map(|code| (code, None)));
    found.extend(content_misfit(facts, content));
    // In an open window nothing bars a free-form message any more, in either table.
    let by_window = found.is_empty() && content.template().is_none() && !open;
    found.extend(undeliverable(facts, content, open));
    let mut found = found.into_iter();
    if let Some((code, detail)) = found.next() {
        let also: Vec<Code> = found.map(|(code, _)| code).collect();
        let retry_at = match facts.wallet {
            Wallet::Empty { until } if code == Code::InsufficientBalance => until,
            Wallet::Empty { .. } | Wallet::Funded => None,
        };
        let nearest = nearest(facts).filter(|_| code.asks_for_a_template());
        return Decision::Refuse(Refusal { code, also, detail, retry_at, nearest, by_window });
    }
    if open {
        Decision::Send { sent_as: SentAs::Session, counts: false }
    } else {
        Decision::Send { sent_as: SentAs::Template, counts: true }
    }
}

/// Why a free-form reply is not possible now, or `None`: what a conversation shows as `reply`.
#[must_use]
pub fn reply_blocked(facts: &Facts<'_>) -> Option<Code> {
    let open = facts.window.is_some_and(|w| w.is_open(facts.now, facts.channel));
    road_blocked(facts, false).into_iter().next().or_else(|| (!open).then(|| closed_window(facts)))
}

/// An account that cannot pay sends nothing, replies included (M59).
fn wallet_empty(wallet: Wallet) -> Option<String> {
    match wallet {
        Wallet::Funded => None,
        Wallet::Empty { until: None } => Some("the sandbox's wallet has no balance".to_owned()),
        Wallet::Empty { until: Some(until) } => Some(format!(
            "the provider refuses its messages for want of a balance; it is tried again at {}",
            until.rfc3339()
        )),
    }
}

fn closed_window(facts: &Facts<'_>) -> Code {
    if facts.window.is_some() { Code::WindowExpired } else { Code::WindowNeverOpened }
}

/// What blocks every message: account, sender, brand, in this order. A restriction concerns only
/// what the business `begins`; replies go on (peers E12).
fn road_blocked(facts: &Facts<'_>, begins: bool) -> Vec<Code> {
    let mut found = Vec::new();
    match facts.account.state {
        AccountState::Active => {}
        AccountState::Deactivated => found.push(Code::AccountDeactivated),
        AccountState::Removed => found.push(Code::IntegrationRemoved),
        AccountState::Deleted => found.push(Code::AccountDeleted),
    }
    if facts.sender.deleted_at.is_some() {
        found.push(Code::Interrupted);
    }
    let own = begins && facts.sender.restricted_until.is_some_and(|until| facts.now < until);
    let accounts = facts.account.restriction.filter(|it| it.holds(facts.now));
    if own || accounts.is_some_and(|it| begins || it.replies_too) {
        found.push(Code::SenderRestricted);
    }
    found.extend(brand_blocked(facts));
    found
}

fn brand_blocked(facts: &Facts<'_>) -> Option<Code> {
    let own = facts.sender.brand.as_ref()?;
    match facts.brand {
        None => return Some(Code::BrandDeleted),
        Some(brand) if brand.deleted_at.is_some() => return Some(Code::BrandDeleted),
        Some(brand) if !brand.active => return Some(Code::BrandInactive),
        Some(_) => {}
    }
    facts.conversation_brand.filter(|b| *b != own).map(|_| Code::BrandMismatch)
}

fn content_misfit(facts: &Facts<'_>, content: &Content) -> Vec<(Code, Option<String>)> {
    let profile = facts.account.profile();
    let mut found = Vec::new();
    if !profile.sends_to_user_id && facts.user.phone().is_none() {
        found.push((Code::UserIdUnsupported, None));
    }
    if facts.user.phone().is_some_and(|p| p.canonical() == facts.sender.phone.canonical()) {
        found.push((
            Code::ContactInvalid,
            Some("a sender cannot write to its own number".to_owned()),
        ));
    }
    if let Some(template) = facts.template.filter(|_| profile.can_send(content)) {
        found.extend(
            kind_misfit(&profile, template, content)
                .map(|detail| (Code::ContentUnsupported, Some(detail))),
        );
    }
    let misfit = profile.misfit(content);
    // A file that cannot be had, or that is refused anyway and was not asked for, has no type that
    // anybody knows; saying so too helps nobody.
    let type_unknown = content.media().is_some_and(|media| media.content_type.is_none());
    let unasked = type_unknown && (facts.file.is_some() || misfit.len() > 1);
    let misfit = misfit.into_iter().filter(|(code, _)| !unasked || *code != Code::MediaType);
    let sendable = profile.can_send(content);
    let file = facts.file.filter(|_| sendable).cloned();
    found.extend(file.into_iter().chain(misfit).map(|(code, detail)| (code, Some(detail))));
    found
}

/// Why this provider does not send the template, whatever its state: its kind, or its file (M69,
/// D3).
fn kind_misfit(profile: &Profile, template: &Template, content: &Content) -> Option<String> {
    let (name, provider) = (&template.name, profile.name);
    match &template.kind {
        TemplateKind::Other(kind) => {
            Some(format!("`{name}` is of the kind `{kind}`, which is not sent through {provider}"))
        }
        // A file that the message brings is checked with its own type and size.
        TemplateKind::Text
        | TemplateKind::Media
        | TemplateKind::Catalog
        | TemplateKind::Authentication => {
            let own_file = template.file().is_some() && content.media().is_none();
            (own_file && !profile.template_media)
                .then(|| format!("{provider} takes no file in a template's header"))
        }
    }
}

/// What the delivery table, the template itself and the wallet bar, in the contract's order.
fn undeliverable(facts: &Facts<'_>, content: &Content, open: bool) -> Vec<(Code, Option<String>)> {
    let conditions = Conditions {
        active: open,
        templates_on: facts.sender.template_messaging,
        opt_in: facts.consent.state,
        balance: matches!(facts.wallet, Wallet::Funded),
    };
    let kind = match (content.template(), facts.found) {
        (Some(_), _) => Kind::Template,
        (None, Some(Found::Near(_))) => Kind::FreeForm { near: true },
        (None, Some(Found::Match(_) | Found::Nothing) | None) => Kind::FreeForm { near: false },
    };
    let mut barred = barred(facts.sender.delivery_table, conditions, kind);
    // Where nobody looked, nobody says that it is none.
    barred.mismatch = barred.mismatch.filter(|_| facts.found.is_some());
    let mut found: Vec<(Code, Option<String>)> =
        barred.consent.into_iter().chain(barred.switch).map(|code| (code, None)).collect();
    if let Some(used) = content.template() {
        found.extend(template_misfit(facts, used));
    }
    let detail = nearest(facts).map(|nearest| {
        let Nearest { name, language, differs } = nearest;
        format!("the nearest template is `{name}` ({language}): {differs}")
    });
    found.extend(barred.mismatch.map(|code| (code, detail.clone())));
    if barred.window {
        // Where the wording is a template's, the remedy is to send that.
        let detail = detail.filter(|_| barred.mismatch.is_none());
        found.push((closed_window(facts), detail));
    }
    found.extend(barred.wallet.map(|code| (code, wallet_empty(facts.wallet))));
    found
}

/// The template that the text is like, or is.
fn nearest(facts: &Facts<'_>) -> Option<Nearest> {
    match facts.found? {
        Found::Near(nearest) => Some(nearest.clone()),
        Found::Match(matched) => Some(Nearest {
            name: matched.name.clone(),
            language: matched.language.clone(),
            differs: "nothing differs; send it as this template".to_owned(),
        }),
        Found::Nothing => None,
    }
}

/// What of the template itself does not fit.
fn template_misfit(facts: &Facts<'_>, used: &TemplateUse) -> Vec<(Code, Option<String>)> {
    let mut found = Vec::new();
    let Some(template) = facts.template else {
        found.push((Code::TemplateUnknown, Some(format!("no template `{}`", used.name))));
        return found;
    };
    if template.status != TemplateStatus::Approved {
        let detail = format!("`{}` is {}", template.name, template.status.as_str());
        found.push((Code::TemplateNotApproved, Some(detail)));
    }
    if let Some(misfit) = template.variables_misfit(used) {
        found.push((Code::TemplateVariables, Some(misfit)));
    }
    if !facts.account.template_categories.contains(&template.category) {
        found.push((Code::CategoryForbidden, None));
    }
    found
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

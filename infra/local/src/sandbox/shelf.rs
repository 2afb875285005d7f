//! The providers' own lists of templates, in the shape in which each provider lists them.
//!
//! A template that was set up here stands on its account's list, as if it had been made at the
//! provider; a draft does not. Tests put onto a list whatever a provider may list.

use serde_json::Value;
use std::collections::BTreeMap;
use transom_core::template::{Template, TemplateStatus};

use super::{Fault, Sandbox};

/// How long the pretend review of a template takes, in milliseconds.
pub(super) const REVIEW_MS: i64 = 60_000;

/// The queue of faults that calls about templates meet.
const FAULTS: &str = "templates";

/// One template of a list.
#[derive(Debug, Clone)]
pub(super) struct Shelved {
    /// As the provider lists it.
    pub(super) raw: Value,
    /// When it was handed in.
    pub(super) since_ms: i64,
    /// As it was set up here last.
    known: Option<Template>,
}

/// The lists, by provider and account, each by the provider's reference.
#[derive(Debug, Default)]
pub(super) struct Shelves(BTreeMap<String, BTreeMap<String, Shelved>>);

impl Shelves {
    /// An account's list, in the order of its references.
    pub(super) fn list<'a>(
        &'a self,
        account: &str,
    ) -> impl Iterator<Item = (&'a String, &'a Shelved)> + use<'a> {
        self.0.get(account).into_iter().flatten()
    }

    pub(super) fn get_mut(&mut self, account: &str, id: &str) -> Option<&mut Shelved> {
        self.0.get_mut(account)?.get_mut(id)
    }

    pub(super) fn put(&mut self, account: &str, id: &str, raw: Value, since_ms: i64) {
        let shelved = Shelved { raw, since_ms, known: None };
        self.0.entry(account.to_owned()).or_default().insert(id.to_owned(), shelved);
    }

    /// Puts a template that was set up here onto its list, unless it stands there as it is.
    pub(super) fn note(
        &mut self,
        account: &str,
        id: &str,
        template: &Template,
        now_ms: i64,
        raw: impl FnOnce() -> Value,
    ) {
        let list = self.0.entry(account.to_owned()).or_default();
        let there = list.get(id);
        let is_draft = matches!(
            template.status,
            TemplateStatus::Unsubmitted | TemplateStatus::Unlisted | TemplateStatus::Deleted
        );
        let is_other = matches!(template.kind, transom_core::template::TemplateKind::Other(_));
        let stands = there.is_some_and(|there| there.known.as_ref() == Some(template));
        if is_draft || stands || (is_other && there.is_some()) {
            return;
        }
        // What the provider was handed in is shown as it was; only our own word on it is new.
        let handed_in = there.is_some_and(|there| {
            there.known.is_none() && template.status == TemplateStatus::Pending
        });
        let since_ms = there.map_or(now_ms, |there| there.since_ms);
        let raw = match there.filter(|_| handed_in) {
            Some(there) => there.raw.clone(),
            None => raw(),
        };
        let known = Some(template.clone());
        list.insert(id.to_owned(), Shelved { raw, since_ms, known });
    }
}

impl Sandbox {
    /// Puts a template onto an account's list at its provider, in that provider's own shape:
    /// `meta/<business account>`, `twilio/<account SID>` or `gupshup/<app name>`.
    pub fn list_template(&self, account: &str, id: &str, raw: Value) {
        let now_ms = self.now_ms();
        self.state().shelves.put(account, id, raw, now_ms);
    }

    /// Takes everything off an account's list.
    pub fn unlist_templates(&self, account: &str) {
        self.state().shelves.0.remove(account);
    }

    /// What an account's list holds, by the provider's reference.
    pub fn listed_templates(&self, account: &str) -> BTreeMap<String, Value> {
        let state = self.state();
        state.shelves.list(account).map(|(id, it)| (id.clone(), it.raw.clone())).collect()
    }

    /// The next call about templates meets this fault.
    pub fn fail_next_listing(&self, fault: Fault) {
        self.state().faults.push(Some(FAULTS.to_owned()), fault);
    }

    pub(super) fn listing_fault(&self) -> Option<Fault> {
        self.state().faults.take_own(FAULTS)
    }
}

/// The state that a list shows: what was handed in long enough ago has passed its review.
pub(super) fn reviewed(word: &str, since_ms: i64, now_ms: i64) -> String {
    let waits = matches!(word.to_ascii_lowercase().as_str(), "pending" | "received");
    if waits && now_ms - since_ms >= REVIEW_MS {
        let approved = if word == word.to_uppercase() { "APPROVED" } else { "approved" };
        return approved.to_owned();
    }
    word.to_owned()
}

/// Our word for a state, as Meta and Gupshup write it.
pub(super) fn upper(status: &TemplateStatus) -> String {
    status.as_str().to_ascii_uppercase()
}

/// A reference for a template that was set up without one: the same each time.
pub(super) fn made_id(name: &str, language: &str) -> String {
    let sum = format!("{name}#{language}")
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{:016}", sum % 10_000_000_000_000_000)
}

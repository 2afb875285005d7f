//! What would be allowed instead of a message that is refused (E5). Nothing here is said by a
//! table: each candidate is put before [`decide`] again, so what is offered is allowed.

use crate::code::Code;
use crate::consent::{Consent, OptIn};
use crate::content::{Content, TemplateUse};
use crate::decide::{Decision, Facts, decide};
use crate::template::Template;
use crate::time::Timestamp;

/// Something that would be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alternative<'a> {
    /// A free-form text now: the window is open, and a text needs no consent there (D10).
    Text,
    /// This template now.
    Template(&'a Template),
    /// The same message, or this template in its place, once the customer's consent is recorded.
    AskConsent(Option<&'a Template>),
    /// The same message from this instant on.
    Wait(Timestamp),
    /// The same message with `when_closed: hold`: it waits until the customer writes (U3).
    Hold,
    /// The same message with `when_limited: defer`: it waits for a place of the limit.
    Defer,
}

/// What stands around a refusal.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'a> {
    /// The code that was answered.
    pub code: Code,
    /// The others that apply.
    pub also: &'a [Code],
    /// When waiting helps, until when.
    pub retry_at: Option<Timestamp>,
    /// Whether no conversation can be begun now, because a limit or a budget is used up.
    pub full: bool,
}

/// What would be allowed instead of `content`, of the account's `templates` those that fit.
#[must_use]
pub fn alternatives<'a>(
    facts: &Facts<'_>,
    content: &Content,
    refused: &Refused<'_>,
    templates: &'a [Template],
) -> Vec<Alternative<'a>> {
    let mut found = Vec::new();
    let text = Content::Text { text: "…".to_owned() };
    if content.template().is_some() && allowed(facts, &text, refused.full) {
        found.push(Alternative::Text);
    }
    let asked = content.template().map(|used| used.name.as_str());
    // Only where the message itself cannot go: a text that is merely too long is shortened.
    if refused.code.asks_for_a_template() || asked.is_some() {
        let others = templates.iter().filter(|t| asked != Some(t.name.as_str()));
        found.extend(others.filter(|t| takes(facts, t, refused.full)).map(Alternative::Template));
    }
    if facts.consent.state == OptIn::Unknown {
        let consenting = Consent { state: OptIn::In, ..facts.consent.clone() };
        let agreed = Facts { consent: &consenting, ..*facts };
        if refused.code == Code::NotOptedIn && allowed(&agreed, content, refused.full) {
            found.push(Alternative::AskConsent(None));
        } else if refused.code.asks_for_a_template() {
            let first = templates.iter().find(|t| takes(&agreed, t, refused.full));
            found.extend(first.map(|t| Alternative::AskConsent(Some(t))));
        }
    }
    if let Some(at) = refused.retry_at.filter(|_| refused.also.is_empty()) {
        found.push(Alternative::Wait(at));
    }
    if refused.code == Code::LimitReached && refused.full {
        found.push(Alternative::Defer);
    }
    if matches!(decide(facts, content), Decision::Refuse(own) if own.by_window) {
        found.push(Alternative::Hold);
    }
    found
}

fn takes(facts: &Facts<'_>, template: &Template, full: bool) -> bool {
    let with = Facts { template: Some(template), file: None, ..*facts };
    allowed(&with, &Content::Template(example(template)), full)
}

fn allowed(facts: &Facts<'_>, content: &Content, full: bool) -> bool {
    match decide(facts, content) {
        Decision::Send { counts, .. } => !(counts && full),
        Decision::Refuse(_) => false,
    }
}

/// A use of a template with something in each of its places.
fn example(template: &Template) -> TemplateUse {
    TemplateUse {
        name: template.name.clone(),
        language: Some(template.language.clone()),
        variables: template.slots().into_iter().map(|slot| (slot.key, "…".to_owned())).collect(),
        header: None,
    }
}

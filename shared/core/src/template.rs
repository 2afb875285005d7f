//! Message templates (M51-M70).

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a template is for (M23, D2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Offers and news.
    Marketing,
    /// Orders, appointments and the like.
    Utility,
    /// One-time passwords.
    Authentication,
}

impl Category {
    /// Every category there is.
    pub const ALL: [Self; 3] = [Self::Marketing, Self::Utility, Self::Authentication];
}

/// Whether a template may be sent. Only `approved` may (M51, F10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum TemplateStatus {
    /// Not sent in for approval.
    Unsubmitted,
    /// Waiting for WhatsApp's answer.
    Pending,
    /// May be sent.
    Approved,
    /// Refused by WhatsApp.
    Rejected,
    /// Paused by WhatsApp for its quality.
    Paused,
    /// Disabled by WhatsApp.
    Disabled,
    /// A state that this build does not know: visible, and never taken for approved.
    Unknown(String),
}

impl TemplateStatus {
    /// The state as callers read it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unsubmitted => "unsubmitted",
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Unknown(text) => text,
        }
    }
}

impl From<String> for TemplateStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "unsubmitted" => Self::Unsubmitted,
            "pending" | "received" => Self::Pending,
            "approved" => Self::Approved,
            "rejected" => Self::Rejected,
            "paused" => Self::Paused,
            "disabled" => Self::Disabled,
            _ => Self::Unknown(text),
        }
    }
}

impl From<TemplateStatus> for String {
    fn from(status: TemplateStatus) -> String {
        status.as_str().to_owned()
    }
}

/// A template's definition in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language, as the provider writes it (`en`, `pt_BR`).
    pub language: String,
    /// What it is for.
    pub category: Category,
    /// Whether it may be sent.
    pub status: TemplateStatus,
    /// Its text, with placeholders such as `{{1}}` or `{{name}}`.
    pub body: String,
    /// The provider's own reference: Twilio's `HX…`, Gupshup's or Meta's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
}

impl Template {
    /// The names of the placeholders in the body.
    #[must_use]
    pub fn placeholders(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut rest = self.body.as_str();
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((name, tail)) = after.split_once("}}") else {
                break;
            };
            names.insert(name.trim().to_owned());
            rest = tail;
        }
        names
    }

    /// What does not fit between the body's placeholders and `variables`; `None` when all does.
    #[must_use]
    pub fn variables_misfit(&self, variables: &BTreeMap<String, String>) -> Option<String> {
        let wanted = self.placeholders();
        let missing: Vec<&str> =
            wanted.iter().filter(|n| !variables.contains_key(*n)).map(String::as_str).collect();
        let extra: Vec<&str> =
            variables.keys().filter(|n| !wanted.contains(*n)).map(String::as_str).collect();
        let empty: Vec<&str> = variables
            .iter()
            .filter(|(_, v)| v.trim().is_empty())
            .map(|(n, _)| n.as_str())
            .collect();
        let mut parts = Vec::new();
        for (what, names) in [("missing", missing), ("unknown", extra), ("empty", empty)] {
            if !names.is_empty() {
                parts.push(format!("{what}: {}", names.join(", ")));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The body with `variables` filled in.
    #[must_use]
    pub fn filled(&self, variables: &BTreeMap<String, String>) -> String {
        let mut text = String::with_capacity(self.body.len());
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            text.push_str(before);
            let Some((name, tail)) = after.split_once("}}") else {
                text.push_str("{{");
                rest = after;
                continue;
            };
            text.push_str(variables.get(name.trim()).map_or("", String::as_str));
            rest = tail;
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(body: &str) -> Template {
        Template {
            name: "order".into(),
            language: "en".into(),
            category: Category::Utility,
            status: TemplateStatus::Approved,
            body: body.into(),
            provider_ref: None,
        }
    }

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn misfits_are_named() {
        let t = template("Hi {{1}}, order {{2}}.");
        assert_eq!(t.variables_misfit(&variables(&[("1", "A"), ("2", "B")])), None);
        let misfit = t.variables_misfit(&variables(&[("1", ""), ("x", "B")])).unwrap();
        assert_eq!(misfit, "missing: 2; unknown: x; empty: 1");
        assert_eq!(t.filled(&variables(&[("1", "A"), ("2", "B")])), "Hi A, order B.");
        assert_eq!(template("{{ broken").filled(&BTreeMap::new()), "{{ broken");
    }

    #[test]
    fn m51_an_unknown_state_is_visible_and_never_approved() {
        let status = TemplateStatus::from("in_appeal".to_owned());
        assert_eq!(status.as_str(), "in_appeal");
        assert_ne!(status, TemplateStatus::Approved);
    }
}

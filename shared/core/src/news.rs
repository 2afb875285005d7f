//! What a provider tells of an account, one of its numbers or one of its templates, in one
//! language for all providers.

use crate::template::{Category, TemplateStatus};
use crate::time::Timestamp;

/// Something that a provider tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Of a template.
    Template(TemplateNews),
    /// Of a number.
    Number(HealthNews),
    /// Of the whole account, and so of all its numbers.
    Account(HealthNews),
}

/// A change of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateNews {
    /// The name at the provider.
    pub name: String,
    /// The language at the provider.
    pub language: String,
    /// The provider's reference.
    pub provider_ref: Option<String>,
    /// What has changed.
    pub change: TemplateChange,
}

/// What has changed of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateChange {
    /// Its state.
    Status {
        /// The state now.
        status: TemplateStatus,
        /// Why, where told.
        reason: Option<String>,
    },
    /// Its category.
    Category(Category),
    /// Its quality, as the provider says it.
    Quality(String),
}

/// A change of a number's or an account's standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthNews {
    /// Its quality, as the provider says it.
    Quality(String),
    /// Whether the business behind it is verified, as the provider says it.
    Verification(String),
    /// What the provider decided of a display name.
    DisplayName {
        /// The name.
        name: String,
        /// The decision, as the provider says it.
        decision: String,
    },
    /// It may not send for a time.
    Restricted(Restriction),
    /// It may send again.
    Unrestricted,
}

/// What an account or a number may not do, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restriction {
    /// Until when; without an end until the provider says so.
    pub until: Option<Timestamp>,
    /// Whether replies are refused too, and not only what the business begins.
    pub replies_too: bool,
}

impl Restriction {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_ends_at_its_instant() {
        let at = Timestamp::from_millis;
        let restriction = |until| Restriction { until, replies_too: false };
        for (now, holds) in [(9, true), (10, false), (11, false)] {
            assert_eq!(restriction(Some(at(10))).holds(at(now)), holds);
        }
        assert!(restriction(None).holds(at(i64::MAX)));
    }
}

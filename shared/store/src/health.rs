//! What was told of a number's or an account's standing: attributes beside its own item, each
//! merged by the order of [`Told`], so that who changes the thing itself does not undo them.

use crate::accounts::{ACCOUNT_PREFIX, SELF, SENDER_PREFIX};
use crate::item::{Conditional, Expression, Item, s, text_of};
use crate::{Store, StoreError};
use transom_core::id::{AccountId, SenderId};
use transom_core::news::Restriction;
use transom_core::time::Timestamp;
use transom_core::told::Told;

/// What may be told of a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthFact {
    /// A number's quality.
    Quality,
    /// A number's display name, with what was decided of it.
    DisplayName,
    /// Whether the business of an account is verified.
    Verification,
    /// What an account may not do.
    Restriction,
}

impl HealthFact {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Quality => "hq",
            Self::DisplayName => "hn",
            Self::Verification => "hv",
            Self::Restriction => "hr",
        }
    }
}

/// Whose standing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthOf<'a> {
    /// A number's.
    Sender(&'a SenderId),
    /// An account's.
    Account(&'a AccountId),
}

/// What was told of a standing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// Its quality.
    pub quality: Option<Told>,
    /// Its display name: what was decided, and the name.
    pub display_name: Option<Told>,
    /// Whether the business is verified.
    pub verification: Option<Told>,
    /// What it may not do.
    pub restriction: Option<Told>,
}

/// What came of a word on a standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthTold {
    /// It stands, now or from an earlier time that it came.
    Stands,
    /// A later word stands.
    Superseded,
    /// There is no such number or account.
    Unknown,
}

const FREE: &str = "free";
const BEGINS: &str = "begins";
const ALL: &str = "all";

impl Health {
    /// What stands beside an item.
    pub(crate) fn of(item: &Item) -> Self {
        let told = |fact: HealthFact| text_of(item, fact.attribute()).and_then(Told::parse);
        Self {
            quality: told(HealthFact::Quality),
            display_name: told(HealthFact::DisplayName),
            verification: told(HealthFact::Verification),
            restriction: told(HealthFact::Restriction),
        }
    }

    /// What it may not do.
    #[must_use]
    pub fn restricted(&self) -> Option<Restriction> {
        let told = self.restriction.as_ref()?;
        let until = told.note().and_then(|ms| ms.parse().ok()).map(Timestamp::from_millis);
        match told.word() {
            FREE => None,
            word => Some(Restriction { until, replies_too: word == ALL }),
        }
    }
}

/// A word on what an account may not do; of two of one instant the stricter one stands.
#[must_use]
pub fn restriction_told(restriction: Option<Restriction>, at: Timestamp) -> Told {
    match restriction {
        None => Told::new(at, 0, FREE, None),
        Some(Restriction { until, replies_too }) => {
            let (caution, word) = if replies_too { (2, ALL) } else { (1, BEGINS) };
            let until = until.map(|until| until.as_millis().to_string());
            Told::new(at, caution, word, until.as_deref())
        }
    }
}

impl Store {
    /// Writes a word on a standing down, unless a later one stands.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn tell_health(
        &self,
        whose: HealthOf<'_>,
        fact: HealthFact,
        told: &Told,
    ) -> Result<HealthTold, StoreError> {
        let pk = match whose {
            HealthOf::Sender(id) => format!("{SENDER_PREFIX}#{id}"),
            HealthOf::Account(id) => format!("{ACCOUNT_PREFIX}#{id}"),
        };
        let (attribute, text) = (fact.attribute(), told.text());
        let expression = Expression::default()
            .set(&format!("{attribute} = :told"))
            .value(":told", s(text.clone()))
            .when(&format!(
                "attribute_exists(pk) AND (attribute_not_exists({attribute}) OR {attribute} < :told)"
            ));
        Ok(match self.update(&self.tables.accounts, &pk, SELF, expression).await? {
            Conditional::Done(_) => HealthTold::Stands,
            Conditional::Failed(None) => HealthTold::Unknown,
            Conditional::Failed(Some(there)) => match text_of(&there, attribute) {
                Some(stands) if *stands == text => HealthTold::Stands,
                Some(_) | None => HealthTold::Superseded,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_reads_back_and_the_stricter_one_outranks() {
        let at = Timestamp::from_millis(5);
        let until = Some(Timestamp::from_millis(1_800_000_000_000));
        let kinds = [
            None,
            Some(Restriction { until, replies_too: false }),
            Some(Restriction { until: None, replies_too: true }),
        ];
        let told = kinds.map(|kind| restriction_told(kind, at));
        for (told, kind) in told.iter().zip(kinds) {
            let health = Health { restriction: Some(told.clone()), ..Health::default() };
            assert_eq!(health.restricted(), kind);
        }
        assert!(told.is_sorted());
    }
}

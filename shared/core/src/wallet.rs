//! Whether an account can pay for what it sends (M59, M81, M84).
//!
//! Only evidence stops sends: the provider's own refusal for want of a balance, or, in a provider's
//! sandbox, the ledger that is kept here. A refusal counts for [`PROBE_AFTER`]: then messages go again,
//! and the provider's next answer says how it stands. An entry of credit, or a message that is taken,
//! ends it at once.

use crate::money::Amount;
use crate::time::{Millis, Timestamp};

/// How long a refusal for want of a balance stops an account, until it is tried again.
pub const PROBE_AFTER: Millis = Millis::from_seconds(15 * 60);

/// Whether an account can pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wallet {
    /// Nothing says that it cannot.
    #[default]
    Funded,
    /// Something says so.
    Empty {
        /// Until when that counts; `None` until it is recharged.
        until: Option<Timestamp>,
    },
}

impl Wallet {
    /// What is known: when the provider last refused for want of a balance, and what the ledger of a
    /// sandbox says.
    #[must_use]
    pub fn of(
        refused_at: Option<Timestamp>,
        sandbox_balance: Option<Amount>,
        now: Timestamp,
    ) -> Self {
        if sandbox_balance.is_some_and(|balance| balance <= Amount::ZERO) {
            return Self::Empty { until: None };
        }
        match refused_at.map(|at| at.plus(PROBE_AFTER)) {
            Some(until) if now < until => Self::Empty { until: Some(until) },
            Some(_) | None => Self::Funded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m59_a_refusal_counts_until_the_next_try() {
        let refused = Timestamp::from_millis(1_000);
        let until = refused.plus(PROBE_AFTER);
        let of = |now| Wallet::of(Some(refused), None, now);
        assert_eq!(of(refused), Wallet::Empty { until: Some(until) });
        assert_eq!(of(until.minus(Millis::new(1))), Wallet::Empty { until: Some(until) });
        assert_eq!(of(until), Wallet::Funded);
        assert_eq!(of(until.plus(Millis::new(1))), Wallet::Funded);
        assert_eq!(until.since(refused).get(), 15 * 60 * 1000);
        assert_eq!(Wallet::of(None, None, refused), Wallet::Funded);
    }

    #[test]
    fn m84_a_sandbox_needs_a_balance() {
        let of = |micros| Wallet::of(None, Some(Amount::from_micros(micros)), Timestamp::ZERO);
        assert_eq!(of(1), Wallet::Funded);
        assert_eq!(of(0), Wallet::Empty { until: None });
        assert_eq!(of(-1), Wallet::Empty { until: None });
    }
}

//! Consent (M71-M80): three states, merged by the time they were given.

use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a user agreed to be written to first (M72). Neither `Unknown` nor `Out` permits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptIn {
    /// Never opted in or out.
    #[default]
    Unknown,
    /// Opted in, for this business.
    In,
    /// Opted out.
    Out,
}

/// The latest word of a user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    /// What was said.
    pub state: OptIn,
    /// When; the epoch when nothing was said.
    pub at: Timestamp,
    /// Where it came from: `qr`, `url`, `widget`, `chat`, `sms`, `import`, … (M73).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The entry point that it came through, where it came through one (M74-M76).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
}

/// The source of a word that the customer wrote.
pub const KEYWORD: &str = "keyword";
/// The source of an answer to the question that a customer is asked in the chat.
pub const CHAT: &str = "chat";
/// The source of a word that the provider tells of its own knowledge: the customer stopped or
/// resumed there.
pub const PROVIDER: &str = "provider";

impl Consent {
    /// A word, as it was said somewhere.
    #[must_use]
    pub fn new(state: OptIn, at: Timestamp, source: Option<String>) -> Self {
        Self { state, at, source, entry_point: None }
    }

    /// A refusal that the customer sent at `at`, where that may be a time in whole seconds: it
    /// counts to the end of its second, so that nothing of the same second outweighs it by a
    /// fraction that nobody told.
    #[must_use]
    pub fn refused(at: Timestamp, source: &str) -> Self {
        let told_in_seconds = at.as_millis().checked_rem(1000) == Some(0);
        let at = if told_in_seconds { at.plus(Millis::new(999)) } else { at };
        Self::new(OptIn::Out, at, Some(source.to_owned()))
    }

    /// Whether `new` replaces what is known: the later word counts, and of two words of one
    /// instant the refusal, so that any order of arrival ends in the same state.
    #[must_use]
    pub fn is_replaced_by(&self, new: &Self) -> bool {
        let weight = |c: &Self| {
            let out = match c.state {
                OptIn::Out => 2,
                OptIn::In => 1,
                OptIn::Unknown => 0,
            };
            (c.at, out)
        };
        weight(new) > weight(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m80_a_refusal_in_whole_seconds_counts_to_the_end_of_its_second() {
        let at = Timestamp::from_millis;
        let agreed = Consent::new(OptIn::In, at(5_500), None);
        assert!(agreed.is_replaced_by(&Consent::refused(at(5_000), KEYWORD)));
        assert!(!agreed.is_replaced_by(&Consent::refused(at(4_000), KEYWORD)));
        assert!(!agreed.is_replaced_by(&Consent::refused(at(5_499), KEYWORD)), "told exactly");
        for (ms, replaces) in [(5_998, false), (5_999, false), (6_000, true), (6_001, true)] {
            let again = Consent::new(OptIn::In, at(ms), None);
            let refused = Consent::refused(at(5_000), KEYWORD);
            assert_eq!(refused.is_replaced_by(&again), replaces, "{ms}");
            assert_eq!(again.is_replaced_by(&refused), !replaces, "{ms}");
        }
    }

    #[test]
    fn m72_the_later_word_counts_in_any_order() {
        let word = |state, ms| Consent::new(state, Timestamp::from_millis(ms), None);
        let words =
            [word(OptIn::In, 1), word(OptIn::Out, 5), word(OptIn::In, 5), word(OptIn::In, 3)];
        for skip in 0..words.len() {
            let mut known = Consent::default();
            for i in 0..words.len() {
                let w = &words[(i + skip) % words.len()];
                if known.is_replaced_by(w) {
                    known = w.clone();
                }
            }
            assert_eq!(known.state, OptIn::Out);
        }
    }
}

//! Consent (M71-M80): three states, merged by the time they were given.

use crate::time::Timestamp;
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
}

impl Consent {
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
    fn m72_the_later_word_counts_in_any_order() {
        let word = |state, ms| Consent { state, at: Timestamp::from_millis(ms), source: None };
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

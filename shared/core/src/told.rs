//! What a provider or an administrator told of a thing that changes, such as a template's state.
//!
//! Such words come late, twice and out of order. The later one stands; of two of one instant the
//! more cautious one, so that nothing is ever taken for approved in doubt. Kept as a text whose
//! order is that of the words, a table can merge them with one condition.

use crate::time::Timestamp;

/// The last instant that is told apart: the year 2286, thirteen digits of milliseconds.
const LAST_MS: i64 = 9_999_999_999_999;
/// The longest word and note, in characters.
const CHARS_MAX: usize = 200;

/// A word, when it was said, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    at: Timestamp,
    caution: u8,
    word: String,
    note: Option<String>,
}

impl Told {
    /// A word of an instant. The higher `caution`, 0 to 9, the more it forbids.
    #[must_use]
    pub fn new(at: Timestamp, caution: u8, word: &str, note: Option<&str>) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-._:".contains(c) { c } else { '_' };
        let word = word.chars().map(plain).take(CHARS_MAX).collect();
        let note = note.map(str::trim).filter(|note| !note.is_empty());
        let note = note.map(|note| note.chars().take(CHARS_MAX).collect());
        let at = Timestamp::from_millis(at.as_millis().clamp(0, LAST_MS));
        Self { at, caution: caution.min(9), word, note }
    }

    /// When it was said.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What was said.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Why, or what else belongs to it.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// As it is stored: these texts are ordered as the words are.
    #[must_use]
    pub fn text(&self) -> String {
        let (ms, note) = (self.at.as_millis(), self.note.as_deref().unwrap_or_default());
        format!("{ms:013}#{}#{}#{note}", self.caution, self.word)
    }

    /// Reads what was stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '#');
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let caution = parts.next()?.parse().ok()?;
        let word = parts.next()?.to_owned();
        let note = parts.next()?;
        Some(Self { at, caution, word, note: (!note.is_empty()).then(|| note.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(ms: i64, caution: u8, word: &str, note: &str) -> Told {
        Told::new(Timestamp::from_millis(ms), caution, word, Some(note))
    }

    #[test]
    fn the_texts_are_ordered_as_the_words_are() {
        let words = [
            told(9, 9, "z", "z"),
            told(10, 0, "approved", ""),
            told(10, 0, "approved", "x"),
            told(10, 0, "approved_twice", ""),
            told(10, 1, "disabled", "!"),
            told(10, 1, "paused", ""),
            told(100, 0, "approved", ""),
            told(1_795_168_800_000, 0, "a", ""),
            told(LAST_MS + 5, 0, "a", ""),
        ];
        for pair in words.windows(2) {
            let [a, b] = pair else { continue };
            assert!(a < b && a.text() < b.text(), "{} {}", a.text(), b.text());
        }
        for word in words {
            assert_eq!(Told::parse(&word.text()), Some(word));
        }
    }

    #[test]
    fn whatever_is_told_reads_back() {
        for (word, note) in [("a#b c\n", "x#y#z"), ("", ""), ("é", " \u{202e} "), ("A-b.c:d", "é")]
        {
            let told = told(5, 3, word, note);
            assert_eq!(Told::parse(&told.text()), Some(told.clone()), "{word:?} {note:?}");
            assert!(!told.word().contains('#'));
        }
        for (length, kept) in [(199, 199), (200, 200), (201, 200)] {
            let text = "a".repeat(length);
            let told = told(5, 3, &text, &text);
            assert_eq!((told.word().len(), told.note().map(str::len)), (kept, Some(kept)));
        }
        assert_eq!(Told::parse("garbage"), None);
    }
}

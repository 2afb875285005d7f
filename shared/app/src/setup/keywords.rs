//! A sender's own words for opting out and in.

use crate::Problem;
use serde::{Deserialize, Serialize};
use transom_core::keywords::{Keywords, Spoken, folded};
use utoipa::ToSchema;

/// The most words of one list.
const WORDS_MAX: usize = 50;
/// The longest word, in characters.
const WORD_CHARS_MAX: usize = 40;

/// Words that a whole message is compared with, whatever its case, accents and punctuation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeywordsBody {
    /// Words that opt out.
    #[serde(default)]
    #[schema(example = json!(["fin"]))]
    pub stop: Vec<String>,
    /// Words that opt in.
    #[serde(default)]
    #[schema(example = json!(["quiero"]))]
    pub start: Vec<String>,
}

impl From<&Keywords> for KeywordsBody {
    fn from(words: &Keywords) -> Self {
        Self { stop: words.stop.clone(), start: words.start.clone() }
    }
}

impl KeywordsBody {
    /// Reads the lists; a word must say one thing alone.
    pub(super) fn read(&self) -> Result<Keywords, Problem> {
        let stop = list("keywords.stop", &self.stop)?;
        let start = list("keywords.start", &self.start)?;
        let read = Keywords { stop, start };
        let of_all = Keywords::default();
        for (index, word) in read.stop.iter().enumerate() {
            if of_all.meaning(word) == Some(Spoken::Start) {
                return Err(other_side("keywords.stop", index, "opts in"));
            }
        }
        for (index, word) in read.start.iter().enumerate() {
            if read.meaning(word) == Some(Spoken::Stop) {
                return Err(other_side("keywords.start", index, "opts out"));
            }
        }
        Ok(read)
    }
}

fn list(field: &str, given: &[String]) -> Result<Vec<String>, Problem> {
    if given.len() > WORDS_MAX {
        return Err(Problem::invalid(format!("`{field}` has more than {WORDS_MAX} words")));
    }
    let mut words = Vec::with_capacity(given.len());
    for (index, word) in given.iter().enumerate() {
        let word = word.trim();
        if word.chars().count() > WORD_CHARS_MAX || folded(word).is_empty() {
            let detail = format!(
                "`{field}[{index}]` must be 1 to {WORD_CHARS_MAX} characters, some of them letters \
                 or digits"
            );
            return Err(Problem::invalid(detail));
        }
        words.push(word.to_owned());
    }
    Ok(words)
}

fn other_side(field: &str, index: usize, does: &str) -> Problem {
    Problem::invalid(format!(
        "`{field}[{index}]` is a word that {does}; a word says one thing alone"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(stop: &[&str], start: &[&str]) -> String {
        let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let body = KeywordsBody { stop: owned(stop), start: owned(start) };
        body.read().map(|_| String::new()).unwrap_or_else(|p| p.detail)
    }

    #[test]
    fn m80_a_sender_s_words_are_checked_one_by_one() {
        assert_eq!(why(&["fin", "STOP"], &["quiero", "start"]), "");
        assert!(why(&["ok", "!?"], &[]).contains("`keywords.stop[1]`"));
        for (length, fits) in [(39, true), (40, true), (41, false)] {
            let word = "x".repeat(length);
            assert_eq!(why(&[&word], &[]).is_empty(), fits, "{length}");
            assert_eq!(why(&[], &[&word]).is_empty(), fits, "{length}");
        }
        assert!(why(&[&"x".repeat(41)], &[]).contains("1 to 40"));
        assert!(why(&["Start!"], &[]).contains("`keywords.stop[0]` is a word that opts in"));
        assert!(why(&[], &["ja", "Stop"]).contains("`keywords.start[1]` is a word that opts out"));
        assert!(why(&["Fin"], &["fin."]).contains("`keywords.start[0]`"));
        for (number, fits) in [(49, true), (50, true), (51, false)] {
            let words = vec!["a"; number];
            assert_eq!(why(&words, &[]).is_empty(), fits, "{number}");
            assert_eq!(why(&[], &words).is_empty(), fits, "{number}");
        }
        assert!(why(&vec!["a"; 51], &[]).contains("more than 50"));
    }
}

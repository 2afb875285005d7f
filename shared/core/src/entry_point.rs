//! Entry points: codes, links and widgets by which a customer opts in before his first message
//! (M74-M77). Each puts a text into the customer's hand that bears its token; the message that
//! brings the token back is the consent.

use serde::{Deserialize, Serialize};

/// Characters of a token: 80 bits in base 32, more than anybody guesses.
pub const TOKEN_CHARS: usize = 16;
/// What stands before a token in a message. It says to the customer what it is for.
const BEFORE: &str = "[opt-in:";
/// What stands behind it.
const BEHIND: char = ']';

/// What kind of thing an entry point is; also the source of the consent that comes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A code to be scanned (M74).
    Qr,
    /// A link (M75).
    Url,
    /// A form on the business's own page (M76).
    Widget,
}

impl EntryKind {
    /// The kind as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Url => "url",
            Self::Widget => "widget",
        }
    }
}

/// The text that the customer sends: the business's words and the token.
#[must_use]
pub fn prefilled(text: &str, token: &str) -> String {
    format!("{text} {BEFORE}{token}{BEHIND}")
}

/// A token in a message, and the message without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The token, in lower case.
    pub token: String,
    /// What the customer said beside it.
    pub rest: String,
}

/// Looks for a token. Only what has a token's form is looked up, so an ordinary message costs
/// nothing.
#[must_use]
pub fn find(text: &str) -> Option<Found> {
    // Of one length with `text`, so that places in one are places in the other.
    let lower = text.to_ascii_lowercase();
    let begin = lower.find(BEFORE)?;
    let (before, _) = text.split_at_checked(begin)?;
    let (_, from) = lower.split_at_checked(begin.checked_add(BEFORE.len())?)?;
    let (token, _) = from.split_at_checked(TOKEN_CHARS)?;
    if !is_token(token) {
        return None;
    }
    let end = begin.checked_add(BEFORE.len())?.checked_add(TOKEN_CHARS)?;
    let behind = text.split_at_checked(end)?.1.strip_prefix(BEHIND)?;
    let parts = [before.trim(), behind.trim()];
    let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(Found { token: token.to_owned(), rest: said.join(" ") })
}

/// Whether a text has the form of a token.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.len() == TOKEN_CHARS
        && text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
}

/// Whether a text could be taken for one that bears a token.
#[must_use]
pub fn bears_mark(text: &str) -> bool {
    text.to_ascii_lowercase().contains(BEFORE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "abcdefgh234567ij";

    fn rest(text: &str) -> Option<String> {
        find(text).map(|found| {
            assert_eq!(found.token, TOKEN);
            found.rest
        })
    }

    #[test]
    fn m74_a_token_is_found_wherever_it_stands_and_the_rest_is_what_was_said() {
        let sent = prefilled("Hello!", TOKEN);
        assert_eq!(sent, "Hello! [opt-in:abcdefgh234567ij]");
        assert_eq!(rest(&sent).as_deref(), Some("Hello!"));
        assert_eq!(rest(&format!("[Opt-In:{}]", TOKEN.to_uppercase())).as_deref(), Some(""));
        let both = format!("Olá \u{1f44b} [opt-in:{TOKEN}]\nquero um orçamento");
        assert_eq!(rest(&both).as_deref(), Some("Olá \u{1f44b} quero um orçamento"));
    }

    #[test]
    fn what_has_another_form_is_ordinary_text() {
        for text in [
            "Hello",
            "[opt-in:]",
            "[opt-in:abcdefgh234567ij",
            "[opt-in:abcdefgh234567i]",
            "[opt-in:abcdefgh234567ijk]",
            "[opt-in:abcdefgh234567i1]",
            "[opt-in:abcdefgh234567 j]",
            "[opt-in:éééééééé]",
            "opt-in:abcdefgh234567ij",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}

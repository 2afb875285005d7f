//! Searching by a number in any writing (U9), or by a name.
//!
//! Pointers hold the digits back to front, so that every writing of a number that ends alike is
//! a prefix. What a pointer finds is compared once more, because two countries' numbers may end
//! alike, and because WhatsApp itself writes some numbers in two ways.

use phonenumber::Mode;
use std::collections::BTreeSet;
use transom_core::identity::Phone;

/// The fewest digits that are searched as a number: fewer are a text.
const DIGITS_MIN: usize = 4;
/// The most: no number is longer, with an international prefix and a trunk digit.
const DIGITS_MAX: usize = 20;
/// How many of the last digits pointers are asked for: enough to be few, and behind every digit
/// that two writings of one number differ in.
const TAIL_DIGITS: usize = 8;
/// The longest search text, in characters.
const TEXT_CHARS_MAX: usize = 100;
/// The countries whose numbers are written in two ways: Brazil, Mexico, Argentina.
const FOLDED_COUNTRIES: [&str; 3] = ["55", "52", "54"];

/// What a caller searches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Search {
    /// A number.
    Number(NumberSearch),
    /// A text, in lower case.
    Text(String),
}

/// A number in some writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberSearch {
    /// What was written: cleaned, with `+` where there was one.
    written: String,
    /// What the number may end with.
    endings: BTreeSet<String>,
}

impl Search {
    /// Reads a search; `None` when it is empty or absurdly long.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
            return None;
        }
        Some(
            NumberSearch::parse(text).map_or_else(|| Self::Text(text.to_lowercase()), Self::Number),
        )
    }
}

impl NumberSearch {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("whatsapp:").unwrap_or(text);
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let written: String = text.chars().filter(|c| !is_filling(*c)).map(plain_digit).collect();
        let digits = written.strip_prefix('+').unwrap_or(&written);
        let is_number = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number {
            return None;
        }
        let ending = match digits.strip_prefix("00") {
            Some(international) => international,
            // A national writing begins with one trunk digit that the number does not have.
            None => digits.strip_prefix('0').unwrap_or(digits),
        };
        let endings = BTreeSet::from([digits.to_owned(), ending.to_owned()]);
        Some(Self { written, endings })
    }

    /// The number's canonical digits, for every number that the writing may stand for when it
    /// is dialled from the country of `number`.
    fn canonicals(&self, number: &Phone) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut add = |digits: &str| {
            if let Ok(phone) = Phone::from_digits(digits) {
                found.insert(phone.canonical());
            }
        };
        for ending in &self.endings {
            add(ending);
            for country in FOLDED_COUNTRIES {
                add(&format!("{country}{ending}"));
            }
        }
        let region = phonenumber::parse(None, number.as_str()).ok().and_then(|n| n.country().id());
        if let Ok(parsed) = phonenumber::parse(region, &self.written) {
            let e164 = parsed.format().mode(Mode::E164).to_string();
            add(e164.trim_start_matches('+'));
        }
        found
    }

    /// The prefixes that `number`'s pointers are asked for.
    pub(super) fn prefixes(&self, number: &Phone) -> BTreeSet<String> {
        let tail = |digits: &str| digits.chars().rev().take(TAIL_DIGITS).collect::<String>();
        self.endings
            .iter()
            .map(|d| tail(d))
            .chain(self.canonicals(number).iter().map(|d| tail(d)))
            .filter(|prefix| prefix.len() >= DIGITS_MIN)
            .collect()
    }

    /// Whether `phone`, a customer of `number`, is one that the writing stands for.
    pub(super) fn matches(&self, number: &Phone, phone: &Phone) -> bool {
        let canonical = phone.canonical();
        self.endings.iter().any(|e| phone.digits().ends_with(e) || canonical.ends_with(e))
            || self.canonicals(number).contains(&canonical)
    }
}

/// What people, and the programs that they copy from, put between digits: spaces of every kind,
/// brackets, dashes, dots, slashes, and marks of direction.
fn is_filling(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '/' | '[' | ']')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// The digits of other scripts, and the wide ones, as plain digits.
fn plain_digit(c: char) -> char {
    const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    let value = |zero: char| u32::from(c).checked_sub(u32::from(zero)).filter(|d| *d < 10);
    match ZEROS.into_iter().find_map(value) {
        Some(digit) => char::from_digit(digit, 10).unwrap_or(c),
        None if c == '\u{ff0b}' => '+',
        None => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(number: &str, phone: &str, written: &str) -> bool {
        let number = Phone::parse(number).expect("a number");
        let phone = Phone::parse(phone).expect("a number");
        let Some(Search::Number(search)) = Search::parse(written) else { return false };
        let pointed = search.prefixes(&number).iter().any(|p| phone.reversed().starts_with(p));
        pointed && search.matches(&number, &phone)
    }

    #[test]
    fn u9_every_writing_finds_the_number() {
        let us = "+14155238886";
        let india = "+911234567890";
        for written in [
            "+91 98765 43210",
            "+91-98765-43210",
            "tel:+919876543210",
            "0091 98765 43210",
            "919876543210",
            "9876543210",
            "09876543210",
            "(0) 98765.43210",
            "3210",
            "43210",
            "+९१ ९८७६५ ४३२१०",
            "\u{202a}+91\u{a0}98765\u{2011}43210\u{202c}",
        ] {
            assert!(finds(us, "+919876543210", written), "{written}");
            assert!(finds(india, "+919876543210", written), "{written}");
        }
        assert!(finds("+4930123456", "+4915112345678", "0151 / 12345678"));
        assert!(finds("+442071234567", "+447911123456", "07911 123456"));
    }

    #[test]
    fn u9_so_many_digits_are_a_number_and_more_or_fewer_are_a_text() {
        let is_number =
            |length: usize| matches!(Search::parse(&"9".repeat(length)), Some(Search::Number(_)));
        let around = |edge: usize| [edge - 1, edge, edge + 1].map(is_number);
        assert_eq!(around(DIGITS_MIN), [false, true, true]);
        assert_eq!(around(DIGITS_MAX), [true, true, false]);
    }

    #[test]
    fn u9_brazil_mexico_and_argentina_are_found_in_both_writings() {
        for (number, stored, written) in [
            ("+551132654321", "+5511987654321", "+55 11 8765-4321"),
            ("+551132654321", "+551187654321", "+55 11 98765-4321"),
            ("+551132654321", "+551187654321", "(11) 98765-4321"),
            ("+14155238886", "+551187654321", "11 98765-4321"),
            ("+14155238886", "+5215512345678", "+52 55 1234 5678"),
            ("+525598765432", "+525512345678", "+52 1 55 1234 5678"),
            ("+14155238886", "+5491123456789", "+54 11 2345-6789"),
            ("+541143210000", "+541123456789", "+54 9 11 2345-6789"),
        ] {
            assert!(finds(number, stored, written), "{stored} by {written}");
        }
    }

    #[test]
    fn other_numbers_are_not_found() {
        assert!(!finds("+14155238886", "+919876543210", "+91 98765 43211"));
        assert!(!finds("+14155238886", "+919876543210", "9999"));
        // The last eight digits are alike, the numbers are not.
        assert!(!finds("+14155238886", "+449876543210", "+919876543210"));
    }

    #[test]
    fn everything_else_is_a_text() {
        for written in ["Ana", "12a4", "123", "US.1349", "+", "call 5551234"] {
            let text = written.to_lowercase();
            assert_eq!(Search::parse(written), Some(Search::Text(text)), "{written}");
        }
        assert_eq!(Search::parse("  "), None);
        assert_eq!(Search::parse(&"x".repeat(101)), None);
    }
}

//! Who a message is from: business numbers, users, and the writings of one number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a phone number in E.164.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a phone number in E.164, such as +919876543210 (`+`, 8 to 15 digits, the first not 0)"
)]
pub struct PhoneError;

/// A phone number in E.164: `+` and 8 to 15 digits, the first not 0 (M105).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Reads a number in E.164.
    ///
    /// # Errors
    /// When it is written in any other way.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        text.strip_prefix('+').ok_or(PhoneError).and_then(Self::from_digits)
    }

    /// Reads the digits of a number in E.164, as providers write it without the `+`.
    ///
    /// # Errors
    /// When there are other characters, too few or too many digits, or a leading 0.
    pub fn from_digits(digits: &str) -> Result<Self, PhoneError> {
        let fits = (8..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if fits { Ok(Self(format!("+{digits}"))) } else { Err(PhoneError) }
    }

    /// The number as `+` and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or_default()
    }

    /// The digits with what WhatsApp itself writes in two ways folded to one: Brazil's ninth
    /// digit and Argentina's 9 are dropped, and Mexico's 1. Two numbers of one user fold to
    /// the same text (U9).
    #[must_use]
    pub fn canonical(&self) -> String {
        let digits = self.digits();
        let drop_at = |index: usize| {
            digits.char_indices().filter_map(|(i, c)| (i != index).then_some(c)).collect::<String>()
        };
        let nth = |n: usize| digits.as_bytes().get(n).copied();
        match digits.len() {
            // +55 AA 9 NNNNNNNN: mobiles of eight digits start with 6 to 9; landlines never had a ninth.
            13 if digits.starts_with("55")
                && nth(4) == Some(b'9')
                && nth(5).is_some_and(|d| d >= b'6') =>
            {
                drop_at(4)
            }
            // +52 1 NNNNNNNNNN
            13 if digits.starts_with("521") => drop_at(2),
            // +54 9 NNNNNNNNNN
            13 if digits.starts_with("549") => drop_at(2),
            _ => digits.to_owned(),
        }
    }

    /// The digits back to front, so that "ends with" is a prefix search (U9).
    #[must_use]
    pub fn reversed(&self) -> String {
        self.digits().chars().rev().collect()
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows the last four digits only: a number must not reach a log by way of `{:?}`.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail: String = self.reversed().chars().take(4).collect();
        write!(f, "Phone(…{})", tail.chars().rev().collect::<String>())
    }
}

impl TryFrom<String> for Phone {
    type Error = PhoneError;
    fn try_from(text: String) -> Result<Self, PhoneError> {
        Self::parse(&text)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> String {
        phone.0
    }
}

/// A provider's business-scoped user id (BSUID), such as `US.13491208655302741918`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(String);

/// Why a text is not a business-scoped user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a business-scoped user id, such as US.13491208655302741918")]
pub struct UserIdError;

impl UserId {
    /// Reads an id of the form `CC.…`: two letters, a dot, and up to 128 letters or digits.
    ///
    /// # Errors
    /// When it is of any other form.
    pub fn parse(text: &str) -> Result<Self, UserIdError> {
        let fits = text.split_once('.').is_some_and(|(country, rest)| {
            country.len() == 2
                && country.bytes().all(|b| b.is_ascii_uppercase())
                && !rest.is_empty()
                && rest.len() <= 128
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        });
        if fits { Ok(Self(text.to_owned())) } else { Err(UserIdError) }
    }

    /// The id as the provider writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

impl TryFrom<String> for UserId {
    type Error = UserIdError;
    fn try_from(text: String) -> Result<Self, UserIdError> {
        Self::parse(&text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> String {
        id.0
    }
}

/// A WhatsApp user: by phone, by business-scoped id, or by both. Never by neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// Known by the phone number alone.
    Phone(Phone),
    /// Known by the business-scoped id alone: the phone is absent or comes later.
    Id(UserId),
    /// The provider named both, and so said that they are one user.
    Both(Phone, UserId),
}

impl User {
    /// A user from what a payload names; `None` when it names neither.
    #[must_use]
    pub fn from_parts(phone: Option<Phone>, user_id: Option<UserId>) -> Option<Self> {
        match (phone, user_id) {
            (Some(phone), Some(id)) => Some(Self::Both(phone, id)),
            (Some(phone), None) => Some(Self::Phone(phone)),
            (None, Some(id)) => Some(Self::Id(id)),
            (None, None) => None,
        }
    }

    /// The phone number, where it is known.
    #[must_use]
    pub fn phone(&self) -> Option<&Phone> {
        match self {
            Self::Phone(phone) | Self::Both(phone, _) => Some(phone),
            Self::Id(_) => None,
        }
    }

    /// The business-scoped id, where it is known.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::Id(id) | Self::Both(_, id) => Some(id),
            Self::Phone(_) => None,
        }
    }

    /// What names the user in the conversation's keyed hash: the folded phone where there is
    /// one, otherwise the id. The prefixes keep the two kinds apart.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Phone(phone) | Self::Both(phone, _) => format!("p:{}", phone.canonical()),
            Self::Id(id) => format!("u:{}", id.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m105_international_numbers_are_read_and_other_writings_refused() {
        for good in ["+919876543210", "+14155238886", "+5511987654321", "+4915112345678"] {
            assert_eq!(Phone::parse(good).unwrap().as_str(), good);
        }
        for (digits, fits) in
            [(7, false), (8, true), (9, true), (14, true), (15, true), (16, false)]
        {
            assert_eq!(Phone::parse(&format!("+{}", "9".repeat(digits))).is_ok(), fits, "{digits}");
        }
        for bad in ["919876543210", "+0919876543", "+91 98765", "+९१९८७६५४३२१०", ""]
        {
            assert!(Phone::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn u9_two_writings_of_one_number_fold_to_one() {
        let same = |a: &str, b: &str| {
            assert_eq!(Phone::parse(a).unwrap().canonical(), Phone::parse(b).unwrap().canonical());
        };
        same("+5511987654321", "+551187654321");
        same("+5215512345678", "+525512345678");
        same("+5491123456789", "+541123456789");
        let apart = |a: &str, b: &str| {
            assert_ne!(Phone::parse(a).unwrap().canonical(), Phone::parse(b).unwrap().canonical());
        };
        apart("+5511987654321", "+5511987654322");
        // A Brazilian landline has eight digits and no ninth to fold: mobiles start with 6 to 9.
        apart("+551132654321", "+5511932654321");
        apart("+551152654321", "+5511952654321");
        same("+551162654321", "+5511962654321");
        same("+551172654321", "+5511972654321");
        // A number of other length is of another plan.
        for (one, other) in [("+551198765432", "+55118765432"), ("+52155123456", "+5255123456")] {
            apart(one, other);
        }
    }

    #[test]
    fn u9_an_id_without_a_number_is_read_to_its_length() {
        for (length, fits) in [(0, false), (1, true), (127, true), (128, true), (129, false)] {
            assert_eq!(
                UserId::parse(&format!("US.{}", "1".repeat(length))).is_ok(),
                fits,
                "{length}"
            );
        }
        for (country, fits) in [("U", false), ("US", true), ("USA", false)] {
            assert_eq!(UserId::parse(&format!("{country}.1")).is_ok(), fits, "{country}");
        }
    }

    #[test]
    fn debug_shows_no_number() {
        let shown = format!("{:?}", Phone::parse("+919876543210").unwrap());
        assert_eq!(shown, "Phone(…3210)");
    }
}

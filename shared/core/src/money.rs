//! Amounts of money: whole millionths of a currency's unit, written as decimal texts. Never a
//! floating-point number, and what is not known is absent, never zero.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Digits behind the point.
const FRACTION_DIGITS: usize = 6;
/// Millionths in a unit.
const UNIT: i64 = 1_000_000;
/// The largest amount that is read, in units: sums of a million such stay far from an overflow.
const UNITS_MAX: i64 = 1_000_000;

/// An amount, in millionths of a unit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(i64);

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a decimal text such as \"0.0073\": at most 1000000, at most six digits behind the point"
)]
pub struct AmountError;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The amount in millionths.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads a decimal text.
    ///
    /// # Errors
    /// When it is written in another way, too large, or finer than a millionth.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || fraction.len() > FRACTION_DIGITS {
            return Err(AmountError);
        }
        let units: i64 = whole.parse().map_err(|_| AmountError)?;
        let millionths: i64 =
            format!("{fraction:0<FRACTION_DIGITS$}").parse().map_err(|_| AmountError)?;
        let micros = units.checked_mul(UNIT).and_then(|m| m.checked_add(millionths));
        let most = UNITS_MAX.saturating_mul(UNIT);
        let micros = micros.filter(|m| *m <= most).ok_or(AmountError)?;
        Ok(Self(if negative { micros.saturating_neg() } else { micros }))
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times this.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let unit = UNIT.unsigned_abs();
        let (whole, rest) = (magnitude.div_euclid(unit), magnitude.rem_euclid(unit));
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{rest:06}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl TryFrom<String> for Amount {
    type Error = AmountError;
    fn try_from(text: String) -> Result<Self, AmountError> {
        Self::parse(&text)
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

/// A currency: three capital letters, as ISO 4217 writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

/// Why a text is no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency's three capital letters, such as USD")]
pub struct CurrencyError;

impl Currency {
    /// Reads a currency's letters.
    ///
    /// # Errors
    /// When these are not three capital letters.
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        let fits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if fits { Ok(Self(text.to_owned())) } else { Err(CurrencyError) }
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(text: String) -> Result<Self, CurrencyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

/// An amount of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_and_written_to_the_millionth() {
        for (text, micros) in [
            ("0", 0),
            ("1", 1_000_000),
            ("0.0073", 7_300),
            ("0.00001", 10),
            ("0.000001", 1),
            ("-0.5", -500_000),
            ("999999.999999", 999_999_999_999),
            ("1000000", 1_000_000_000_000),
            ("12.34", 12_340_000),
        ] {
            let read = Amount::parse(text);
            assert_eq!(read, Ok(Amount::from_micros(micros)), "{text}");
            assert_eq!(read.map(|a| a.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Amount::parse("1.50").map(|a| a.to_string()), Ok("1.5".to_owned()));
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "+1",
            "1,5",
            "1e3",
            "0.0000001",
            "1000000.000001",
            "--1",
            " 1",
            "NaN",
            "99999999999999999999",
            "1.2.3",
            "٣",
        ] {
            assert_eq!(Amount::parse(wrong), Err(AmountError), "{wrong}");
        }
    }

    #[test]
    fn sums_are_exact() {
        let tenth = Amount::parse("0.1").unwrap_or_default();
        let sum = (0..10).fold(Amount::ZERO, |sum, _| sum.plus(tenth));
        assert_eq!(sum.to_string(), "1", "ten tenths are one, which no float says");
        assert_eq!(tenth.times(3).to_string(), "0.3");
        assert_eq!(Amount::ZERO.minus(tenth).to_string(), "-0.1");
    }

    #[test]
    fn a_currency_has_three_capital_letters() {
        assert!(Currency::parse("USD").is_ok());
        for wrong in ["usd", "US", "USDT", "U$D", ""] {
            assert_eq!(Currency::parse(wrong), Err(CurrencyError), "{wrong}");
        }
    }
}

//! Instants and spans, in whole milliseconds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A span of time in milliseconds. Never negative by construction of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(i64);

impl Millis {
    /// A span of `ms` milliseconds.
    #[must_use]
    pub const fn new(ms: i64) -> Self {
        Self(ms)
    }

    /// A span of `s` seconds.
    #[must_use]
    pub const fn from_seconds(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// A span of `h` hours.
    #[must_use]
    pub const fn from_hours(h: i64) -> Self {
        Self(h.saturating_mul(3_600_000))
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The span in whole seconds, rounded down.
    #[must_use]
    pub const fn whole_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The span as the standard library's type; a negative span is zero.
    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
///
/// Milliseconds, because the contract speaks in milliseconds, DynamoDB's numbers are exact
/// for them, and every provider's seconds fit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant there is.
    pub const ZERO: Self = Self(0);

    /// The instant `ms` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// The instant `s` seconds after the epoch.
    #[must_use]
    pub const fn from_seconds(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The instant `span` later.
    #[must_use]
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The instant `span` earlier.
    #[must_use]
    pub const fn minus(self, span: Millis) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this instant; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// The instant as RFC 3339 in UTC with milliseconds, as the contract writes every time.
    #[must_use]
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| self.0.to_string(), |t| format!("{t:.3}"))
    }

    /// Reads an RFC 3339 time (any offset, any precision; fractions of a millisecond are cut).
    ///
    /// # Errors
    /// When the text is not such a time.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| TimeError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// The text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 time such as 2026-11-20T10:00:00.000Z")]
pub struct TimeError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_milliseconds_in_utc() {
        let t = Timestamp::from_millis(1_763_632_800_123);
        assert_eq!(t.rfc3339(), "2025-11-20T10:00:00.123Z");
        assert_eq!(Timestamp::parse_rfc3339("2025-11-20T11:00:00.1239+01:00"), Ok(t));
        assert_eq!(Timestamp::from_seconds(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert!(Timestamp::parse_rfc3339("tomorrow").is_err());
    }
}

//! What a provider takes, as data (D4, D5, D6).

use crate::content::{Content, ContentKind};

/// How a provider counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextUnit {
    /// UTF-16 code units, as Twilio counts: an emoji outside the basic plane is two.
    Utf16,
    /// Unicode code points.
    CodePoints,
}

/// The rules of one provider for what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The provider's name, for refusals (D4).
    pub name: &'static str,
    /// The longest text (M28, M29).
    pub text_max: usize,
    /// What `text_max` counts.
    pub text_unit: TextUnit,
    /// The kinds that this build sends for the provider.
    pub sends: &'static [ContentKind],
    /// Whether a business-scoped user id may be written to.
    pub sends_to_user_id: bool,
    /// Messages a second unless the sender says otherwise (M24).
    pub rate_per_second: u32,
}

impl Profile {
    /// Twilio (001): 1600 characters (M28), 80 a second.
    pub const TWILIO: Self = Self {
        name: "twilio",
        text_max: 1600,
        text_unit: TextUnit::Utf16,
        sends: &[ContentKind::Text, ContentKind::Template],
        sends_to_user_id: true,
        rate_per_second: 80,
    };

    /// Gupshup (002): 4096 characters, 20 a second (M24).
    pub const GUPSHUP: Self = Self {
        name: "gupshup",
        text_max: 4096,
        text_unit: TextUnit::CodePoints,
        sends: &[ContentKind::Text, ContentKind::Template],
        sends_to_user_id: false,
        rate_per_second: 20,
    };

    /// Meta Cloud API: 4096 characters (M29), 80 a second.
    pub const META: Self = Self {
        name: "meta",
        text_max: 4096,
        text_unit: TextUnit::CodePoints,
        sends: &[ContentKind::Text, ContentKind::Template],
        sends_to_user_id: true,
        rate_per_second: 80,
    };

    /// The length of `text` in this provider's unit.
    #[must_use]
    pub fn text_length(&self, text: &str) -> usize {
        match self.text_unit {
            TextUnit::Utf16 => text.encode_utf16().count(),
            TextUnit::CodePoints => text.chars().count(),
        }
    }

    /// Whether `content` is of a kind that is sent through this provider.
    #[must_use]
    pub fn can_send(&self, content: &Content) -> bool {
        self.sends.contains(&content.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m48_texts_are_counted_in_the_providers_unit() {
        assert_eq!(Profile::TWILIO.text_length("a👋"), 3);
        assert_eq!(Profile::META.text_length("a👋"), 2);
        assert_eq!(Profile::META.text_length("नमस्ते"), 6);
    }
}

//! Identifiers: opaque, prefixed, and free of anything personal.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters of the keyed hash that names a conversation (120 bits in base 32).
const CONVERSATION_CHARS: usize = 24;
/// Characters of a message's time: milliseconds since the epoch in hexadecimal.
const TIME_CHARS: usize = 12;
/// Characters of what tells two messages of one millisecond apart.
const TAIL_CHARS: usize = 12;
/// Characters of chance in the identifier of a file that a caller stored (155 bits in base 32).
const UPLOAD_CHARS: usize = 31;
/// The longest name that a caller may give to an account, a sender, a brand, ….
const NAME_CHARS_MAX: usize = 64;

/// Why a text is not the identifier it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not this kind of identifier.
    #[error("is not an identifier of the form {expected}")]
    Form {
        /// The form that would be right.
        expected: &'static str,
    },
    /// A caller's name with characters outside the allowed ones, or too long.
    #[error("must be 1 to 64 characters of a-z, A-Z, 0-9, `-`, `_` and `.`")]
    Name,
}

fn lower_alnum(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The identifier as callers see it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

/// A conversation: `cnv_` and a keyed hash of (business number, user).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConversationId(String);
text_type!(ConversationId);

impl ConversationId {
    /// Reads an identifier that a caller sent.
    ///
    /// # Errors
    /// When it is not `cnv_` and 24 lower-case characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        match text.strip_prefix("cnv_") {
            Some(rest) if rest.len() == CONVERSATION_CHARS && lower_alnum(rest) => {
                Ok(Self(text.to_owned()))
            }
            Some(_) | None => Err(IdError::Form { expected: "cnv_… (24 characters)" }),
        }
    }

    /// The hash without its prefix.
    #[must_use]
    pub fn hash(&self) -> &str {
        self.0.strip_prefix("cnv_").unwrap_or_default()
    }

    /// The contact of this conversation: one to one with it, because consent belongs to
    /// (business, user) as the window does.
    #[must_use]
    pub fn contact(&self) -> String {
        format!("ctc_{}", self.hash())
    }

    /// The conversation of a contact identifier.
    ///
    /// # Errors
    /// When it is not `ctc_` and 24 lower-case characters.
    pub fn from_contact(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("ctc_")
            .and_then(|rest| Self::parse(&format!("cnv_{rest}")).ok())
            .ok_or(IdError::Form { expected: "ctc_… (24 characters)" })
    }
}

/// A message: `msg_`, its conversation, its time and a tail. It locates its own item, so that
/// no index is paid for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);
text_type!(MessageId);

impl MessageId {
    /// The identifier of a message of `conversation` at `at`; `tail` tells those of one
    /// millisecond apart and orders them.
    #[must_use]
    pub fn new(conversation: &ConversationId, at: Timestamp, tail: &MessageTail) -> Self {
        Self(format!("msg_{}{:012x}{}", conversation.hash(), at.as_millis().max(0), tail.0))
    }

    /// Reads an identifier that a caller sent.
    ///
    /// # Errors
    /// When it is not of the form that this service hands out.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        const LEN: usize = CONVERSATION_CHARS + TIME_CHARS + TAIL_CHARS;
        match text.strip_prefix("msg_") {
            Some(rest)
                if rest.len() == LEN
                    && lower_alnum(rest)
                    && rest
                        .bytes()
                        .skip(CONVERSATION_CHARS)
                        .take(TIME_CHARS)
                        .all(|b| b.is_ascii_hexdigit()) =>
            {
                Ok(Self(text.to_owned()))
            }
            Some(_) | None => Err(IdError::Form { expected: "msg_… (48 characters)" }),
        }
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.0.get(from..to).unwrap_or_default()
    }

    /// The conversation that the message belongs to.
    #[must_use]
    pub fn conversation(&self) -> ConversationId {
        ConversationId(format!("cnv_{}", self.part(4, 4 + CONVERSATION_CHARS)))
    }

    /// Time and tail: what the message is sorted by inside its conversation.
    #[must_use]
    pub fn sortable(&self) -> &str {
        self.part(4 + CONVERSATION_CHARS, 4 + CONVERSATION_CHARS + TIME_CHARS + TAIL_CHARS)
    }

    /// The message of `conversation` whose [`Self::sortable`] part is `sortable`.
    ///
    /// # Errors
    /// When `sortable` is not such a part.
    pub fn from_sortable(conversation: &ConversationId, sortable: &str) -> Result<Self, IdError> {
        Self::parse(&format!("msg_{}{sortable}", conversation.hash()))
    }

    /// The time inside the identifier.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        let hex = self.part(4 + CONVERSATION_CHARS, 4 + CONVERSATION_CHARS + TIME_CHARS);
        Timestamp::from_millis(i64::from_str_radix(hex, 16).unwrap_or(0))
    }

    /// The identifier of the message's media item. WhatsApp carries one file in a message.
    #[must_use]
    pub fn media(&self) -> MediaId {
        MediaId(format!("med_{}0", self.part(4, self.0.len())))
    }
}

/// A media item: `med_` and the message that it came with, so that it locates its own item, or
/// `med_u` and chance, for one that a caller stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaId(String);
text_type!(MediaId);

impl MediaId {
    /// The identifier of a file that belongs to no message, made of `chance`: 31 lower-case
    /// characters of five bits, so that nobody guesses it.
    ///
    /// # Errors
    /// When `chance` is anything else.
    pub fn of_upload(chance: &str) -> Result<Self, IdError> {
        Self::parse(&format!("med_u{chance}"))
    }

    /// Reads an identifier that a caller sent.
    ///
    /// # Errors
    /// When it is not of the form that this service hands out.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        const FORM: IdError = IdError::Form { expected: "med_…" };
        let id = Self(text.to_owned());
        let rest = text.strip_prefix("med_").ok_or(FORM)?;
        let is_upload = rest.strip_prefix('u').is_some_and(|r| r.len() == UPLOAD_CHARS);
        if lower_alnum(rest) && (is_upload || id.message().is_some()) { Ok(id) } else { Err(FORM) }
    }

    /// The message that it came with; `None` for one that a caller stored.
    #[must_use]
    pub fn message(&self) -> Option<MessageId> {
        let rest = self.0.strip_prefix("med_")?.strip_suffix('0')?;
        MessageId::parse(&format!("msg_{rest}")).ok()
    }
}

/// Twelve lower-case characters that tell messages of one millisecond apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageTail(String);

impl MessageTail {
    /// Takes exactly twelve lower-case alphanumeric characters.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() == TAIL_CHARS && lower_alnum(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Form { expected: "12 lower-case characters" })
        }
    }

    /// The first half of this tail, which orders, before the first half of `other`, which tells
    /// its cause.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Self {
        let half = TAIL_CHARS / 2;
        let first = self.0.chars().take(half);
        Self(first.chain(other.0.chars().take(half)).collect())
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);
        text_type!($name);

        impl $name {
            /// Reads a name that a caller chose.
            ///
            /// # Errors
            /// When it is empty, longer than 64 characters, or has other characters than
            /// letters, digits, `-`, `_` and `.`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let fits = !text.is_empty()
                    && text.len() <= NAME_CHARS_MAX
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
                if fits { Ok(Self(text.to_owned())) } else { Err(IdError::Name) }
            }
        }
    };
}

name_type!(
    /// An account at a provider: one set of credentials.
    AccountId
);
name_type!(
    /// A sender: one business number on one account.
    SenderId
);
name_type!(
    /// A brand, which a sender speaks for.
    BrandId
);
name_type!(
    /// A portfolio: senders that share one messaging limit (D11).
    PortfolioId
);
name_type!(
    /// A price list.
    PriceListId
);
name_type!(
    /// An entry point of a sender: a code, a link or a form (M74-M76).
    EntryPointId
);
name_type!(
    /// A subscription to events.
    SubscriptionId
);

impl PriceListId {
    /// The list of every account that names none.
    #[must_use]
    pub fn of_all() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_locates_its_item() {
        let conversation = ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2").unwrap();
        let tail = MessageTail::parse("0123456789ab").unwrap();
        let at = Timestamp::from_millis(1_763_632_800_123);
        let id = MessageId::new(&conversation, at, &tail);
        let read = MessageId::parse(id.as_str()).unwrap();
        assert_eq!(read.conversation(), conversation);
        assert_eq!(read.at(), at);
        assert_eq!(MessageId::from_sortable(&conversation, read.sortable()).unwrap(), id);
        assert_eq!(ConversationId::from_contact(&conversation.contact()).unwrap(), conversation);
    }

    #[test]
    fn a_media_id_locates_its_item() {
        let conversation = ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2").unwrap();
        let tail = MessageTail::parse("0123456789ab").unwrap();
        let message = MessageId::new(&conversation, Timestamp::from_millis(1), &tail);
        let id = message.media();
        assert_eq!(MediaId::parse(id.as_str()).unwrap().message(), Some(message));
        let upload = MediaId::of_upload(&"a".repeat(31)).unwrap();
        assert_eq!(MediaId::parse(upload.as_str()).unwrap().message(), None);
        for wrong in
            ["", "med_", "med_x", "med_u", &format!("{id}0"), &id.as_str().replace('w', "W")]
        {
            assert!(MediaId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wrong_forms_are_refused() {
        for text in ["", "cnv_", "msg_abc", "cnv_ABCDEFGHIJKLMNOPQRSTUVWX", "ctc_é"] {
            assert!(ConversationId::parse(text).is_err(), "{text}");
            assert!(MessageId::parse(text).is_err(), "{text}");
        }
        assert!(AccountId::parse("a/b").is_err());
        for offset in [-1_isize, 0, 1] {
            let of = |length: usize| "a".repeat(length.saturating_add_signed(offset));
            let conversation = ConversationId::parse(&format!("cnv_{}", of(24)));
            assert_eq!(conversation.is_ok(), offset == 0, "{offset}");
            assert_eq!(MessageId::parse(&format!("msg_{}", of(48))).is_ok(), offset == 0);
            assert_eq!(MessageTail::parse(&of(12)).is_ok(), offset == 0);
            assert_eq!(MediaId::of_upload(&of(31)).is_ok(), offset == 0);
        }
        for (length, fits) in [(0, false), (1, true), (63, true), (64, true), (65, false)] {
            assert_eq!(AccountId::parse(&"a".repeat(length)).is_ok(), fits, "{length}");
        }
        assert!(AccountId::parse("demo-twilio").is_ok());
    }
}

//! Names made by a keyed hash: they say nothing to whoever does not hold the key.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use transom_core::event::{Cause, EventKind};
use transom_core::id::{ConversationId, MessageTail};
use transom_core::identity::{Phone, User};

/// The key behind conversation ids. Made once, backed up, never rotated: another key would
/// give every conversation another name.
#[derive(Clone)]
pub struct HashKey(Arc<[u8; 32]>);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(…)")
    }
}

impl HashKey {
    /// A key of 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Arc::new(bytes))
    }

    fn digest(&self, parts: &[&str]) -> [u8; 32] {
        // A key of any length is taken by HMAC; this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The conversation of (business number, user).
    ///
    /// # Panics
    /// Never: 24 characters of base 32 are such an identifier.
    #[must_use]
    pub fn conversation(&self, number: &Phone, user: &User) -> ConversationId {
        let hash = self.digest(&["conversation", number.as_str(), &user.canonical()]);
        let text = lower32(&hash, 24);
        #[expect(clippy::expect_used, reason = "24 characters of base 32 always fit")]
        ConversationId::parse(&format!("cnv_{text}")).expect("a base-32 hash is an identifier")
    }

    /// A message's tail made from its cause, so that a redelivery finds the same item.
    ///
    /// # Panics
    /// Never: 12 characters of base 32 are a tail.
    #[must_use]
    pub fn tail(&self, cause: &[&str]) -> MessageTail {
        let text = lower32(&self.digest(cause), 12);
        #[expect(clippy::expect_used, reason = "12 characters of base 32 always fit")]
        MessageTail::parse(&text).expect("a base-32 hash is a tail")
    }

    /// A name for anything else that must not tell what it names.
    #[must_use]
    pub fn name(&self, parts: &[&str]) -> String {
        lower32(&self.digest(parts), 24)
    }

    /// A number derived from `text`, to choose a shard or a lane by.
    #[must_use]
    pub fn spread(text: &str) -> u64 {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        hash.iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
    }

    /// The id of an event: from its cause alone, so that a repeat carries the same id.
    #[must_use]
    pub fn event(kind: EventKind, cause: &Cause) -> String {
        let hash: [u8; 32] = Sha256::digest(cause.text(kind).as_bytes()).into();
        format!("evt_{}", lower32(&hash, 26))
    }
}

fn lower32(bytes: &[u8], chars: usize) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase().chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u9_all_writings_of_a_number_name_one_conversation() {
        let key = HashKey::new([7; 32]);
        let number = Phone::parse("+14155238886").expect("a number");
        let id = |text: &str| {
            key.conversation(&number, &User::Phone(Phone::parse(text).expect("a number")))
        };
        assert_eq!(id("+5511987654321"), id("+551187654321"));
        assert_ne!(id("+5511987654321"), id("+5511987654322"));
        let other = Phone::parse("+14155238887").expect("a number");
        let user = User::Phone(Phone::parse("+919876543210").expect("a number"));
        assert_ne!(key.conversation(&number, &user), key.conversation(&other, &user));
        assert_ne!(
            key.conversation(&number, &user),
            HashKey::new([8; 32]).conversation(&number, &user)
        );
    }
}

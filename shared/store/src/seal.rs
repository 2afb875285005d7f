//! Credentials at rest: sealed with an authenticated cipher, the key id and the account as
//! associated data, so that a sealed value cannot be moved to another account.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::HashKey;

/// Several sealing keys at once: the last is used to seal, all to open. Beside them stands the
/// hash key, which is never rotated.
#[derive(Clone)]
pub struct KeyRing {
    keys: Arc<BTreeMap<String, [u8; 32]>>,
    newest: String,
    hash_key: HashKey,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

/// The key ring cannot be used, or a sealed value cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// The document is not a key ring.
    #[error("the key ring is not usable: {0}")]
    Form(String),
    /// The key that sealed a value is not on the ring.
    #[error("the key `{0}` is not on the key ring; add it back to open what it sealed")]
    Missing(String),
    /// The value was altered, or belongs to another account.
    #[error("a sealed value does not open for this account")]
    Altered,
}

#[derive(Deserialize, Serialize)]
struct Document {
    keys: Vec<DocumentKey>,
    hash_key: String,
}

#[derive(Deserialize, Serialize)]
struct DocumentKey {
    id: String,
    key: String,
}

/// A sealed value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The key that sealed it.
    pub key: String,
    /// Nonce and ciphertext, in base 64.
    pub value: String,
}

const NONCE_BYTES: usize = 24;

fn key_bytes(text: &str, what: &str) -> Result<[u8; 32], KeyRingError> {
    BASE64
        .decode(text.trim().as_bytes())
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .ok_or_else(|| KeyRingError::Form(format!("{what} is not 32 bytes in base 64")))
}

impl KeyRing {
    /// Reads `{"keys":[{"id":"k1","key":"<base64>"}],"hash_key":"<base64>"}`.
    ///
    /// # Errors
    /// When the document has another form, or no key.
    pub fn parse(json: &str) -> Result<Self, KeyRingError> {
        let document: Document = serde_json::from_str(json)
            .map_err(|e| KeyRingError::Form(format!("line {}, column {}", e.line(), e.column())))?;
        let newest = document
            .keys
            .last()
            .map(|k| k.id.clone())
            .ok_or_else(|| KeyRingError::Form("it holds no key".to_owned()))?;
        let mut keys = BTreeMap::new();
        for key in &document.keys {
            keys.insert(key.id.clone(), key_bytes(&key.key, &format!("key `{}`", key.id))?);
        }
        let hash_key = HashKey::new(key_bytes(&document.hash_key, "hash_key")?);
        Ok(Self { keys: Arc::new(keys), newest, hash_key })
    }

    /// A new ring from 64 random bytes, as the document that [`Self::parse`] reads.
    #[must_use]
    pub fn generate(random: &[u8; 64]) -> String {
        let (sealing, hashing) = random.split_at(32);
        let document = Document {
            keys: vec![DocumentKey { id: "k1".to_owned(), key: BASE64.encode(sealing) }],
            hash_key: BASE64.encode(hashing),
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    /// The key that names conversations.
    #[must_use]
    pub const fn hash_key(&self) -> &HashKey {
        &self.hash_key
    }

    /// Seals `plain` for `account`. `nonce` must be random and never used again.
    ///
    /// # Errors
    /// Only when the value is absurdly large.
    pub fn seal(
        &self,
        account: &str,
        plain: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Sealed, KeyRingError> {
        let key = &self.newest;
        let cipher = self.cipher(key)?;
        let aad = associated(key, account);
        let sealed = cipher
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| KeyRingError::Altered)?;
        let mut value = nonce.to_vec();
        value.extend_from_slice(&sealed);
        Ok(Sealed { key: key.clone(), value: BASE64.encode(&value) })
    }

    /// Opens what was sealed for `account`.
    ///
    /// # Errors
    /// When the key is missing, or the value was altered or belongs to another account.
    pub fn open(&self, account: &str, sealed: &Sealed) -> Result<Vec<u8>, KeyRingError> {
        let cipher = self.cipher(&sealed.key)?;
        let value = BASE64.decode(sealed.value.as_bytes()).map_err(|_| KeyRingError::Altered)?;
        let (nonce, body) = value.split_at_checked(NONCE_BYTES).ok_or(KeyRingError::Altered)?;
        let aad = associated(&sealed.key, account);
        cipher
            .decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad: &aad })
            .map_err(|_| KeyRingError::Altered)
    }

    fn cipher(&self, key: &str) -> Result<XChaCha20Poly1305, KeyRingError> {
        let bytes = self.keys.get(key).ok_or_else(|| KeyRingError::Missing(key.to_owned()))?;
        Ok(XChaCha20Poly1305::new(bytes.into()))
    }
}

/// Both parts with their lengths, so that no two pairs give the same bytes.
fn associated(key: &str, account: &str) -> Vec<u8> {
    format!("{}:{key}|{}:{account}", key.len(), account.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_account_alone() {
        let ring = KeyRing::parse(&KeyRing::generate(&[3; 64])).expect("a ring");
        let sealed = ring.seal("acc", b"secret", [9; 24]).expect("sealed");
        assert!(!sealed.value.contains("secret"));
        assert_eq!(ring.open("acc", &sealed).expect("opened"), b"secret");
        assert_eq!(ring.open("other", &sealed), Err(KeyRingError::Altered));
        let moved = Sealed { key: "k2".to_owned(), ..sealed.clone() };
        assert_eq!(ring.open("acc", &moved), Err(KeyRingError::Missing("k2".to_owned())));
        let other = KeyRing::parse(&KeyRing::generate(&[4; 64])).expect("a ring");
        assert_eq!(other.open("acc", &sealed), Err(KeyRingError::Altered));
    }

    #[test]
    fn a_wrong_ring_is_named() {
        for text in [
            "",
            "{}",
            r#"{"keys":[],"hash_key":""}"#,
            r#"{"keys":[{"id":"a","key":"x"}],"hash_key":""}"#,
        ] {
            assert!(matches!(KeyRing::parse(text), Err(KeyRingError::Form(_))), "{text}");
        }
    }
}

//! API keys: answered once, stored as a hash, compared in constant time.

use super::title;
use crate::view::List;
use crate::view::words::RoleWord;
use crate::{App, AppError, Problem};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use transom_core::code::Code;
use transom_core::time::Timestamp;
use transom_store::{KeyRecord, Role};
use utoipa::ToSchema;

/// Characters of a key's id (80 bits).
const ID_CHARS: usize = 16;
/// Characters of a key's secret (200 bits).
const SECRET_CHARS: usize = 40;
/// The longest key that is looked at, in bytes.
const KEY_BYTES_MAX: usize = 256;
/// What the configured key is called where keys are named.
const BOOTSTRAP: &str = "key_bootstrap";

/// A key as callers ask for it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// `agent`, `supervisor`, `system` or `admin`.
    #[schema(value_type = RoleWord, example = "system")]
    pub role: Role,
    /// Whom it acts for.
    pub agent: Option<String>,
}

/// A key as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    pub id: String,
    /// What it may do.
    #[schema(value_type = RoleWord)]
    pub role: Role,
    /// Whom it acts for.
    pub agent: Option<String>,
    /// When it was made.
    pub created_at: String,
}

/// A new key, with the key itself: it is answered once.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewKeyView {
    /// Its id.
    pub id: String,
    /// The key itself: `Authorization: Bearer <key>`.
    #[schema(example = "trk_…")]
    pub key: String,
    /// What it may do.
    #[schema(value_type = RoleWord)]
    pub role: Role,
    /// Whom it acts for.
    pub agent: Option<String>,
    /// When it was made.
    pub created_at: String,
}

/// Shows no key.
impl std::fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKeyView({})", self.id)
    }
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The key's id.
    pub key_id: String,
    /// What it may do.
    pub role: Role,
    /// Whom it acts for.
    pub agent: Option<String>,
}

impl From<&KeyRecord> for KeyView {
    fn from(record: &KeyRecord) -> Self {
        Self {
            id: record.id.clone(),
            role: record.role,
            agent: record.agent.clone(),
            created_at: record.created_at.rfc3339(),
        }
    }
}

impl App {
    /// Makes a key.
    ///
    /// # Errors
    /// `invalid_request` naming the field, or when it could not be stored.
    pub async fn create_key(&self, body: &KeyBody, now: Timestamp) -> Result<NewKeyView, AppError> {
        let agent = body.agent.as_deref().map(|a| title("agent", a)).transpose()?;
        let id = format!("key_{}", self.entropy.text(ID_CHARS));
        let key = format!("trk_{id}_{}", self.entropy.text(SECRET_CHARS));
        let record = KeyRecord { id, sha256: hash(&key), role: body.role, agent, created_at: now };
        self.store.put_key(&record).await?;
        let KeyView { id, role, agent, created_at } = KeyView::from(&record);
        Ok(NewKeyView { id, key, role, agent, created_at })
    }

    /// All stored keys, without the keys themselves.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn list_keys(&self) -> Result<List<KeyView>, AppError> {
        let records = self.store.keys().await?;
        Ok(List::whole(records.iter().map(KeyView::from).collect()))
    }

    /// Removes a key: it is refused from this instant.
    ///
    /// # Errors
    /// `not_found`, or when it could not be removed.
    pub async fn delete_key(&self, id: &str) -> Result<(), AppError> {
        let unknown = || Problem::not_found("key with this id");
        if !is_key_id(id) || self.store.key(id).await?.is_none() {
            return Err(unknown().into());
        }
        self.store.delete_key(id).await?;
        Ok(())
    }

    /// Removes every stored key; how many. The configured one stays.
    ///
    /// # Errors
    /// When one could not be removed; a repeat removes the rest.
    pub async fn revoke_all_keys(&self) -> Result<usize, AppError> {
        let records = self.store.keys().await?;
        for record in &records {
            self.store.delete_key(&record.id).await?;
        }
        Ok(records.len())
    }

    /// Who holds the key `bearer`.
    ///
    /// # Errors
    /// `unauthorized`, or when the table cannot be reached.
    pub async fn principal_of(&self, bearer: &str) -> Result<Principal, AppError> {
        let unknown =
            || Problem::new(Code::Unauthorized, "the key of the Authorization header is not valid");
        if bearer.len() > KEY_BYTES_MAX {
            return Err(unknown().into());
        }
        let hashed = hash(bearer);
        if self.config.admin_key_sha256.as_ref().is_some_and(|known| is_same(known, &hashed)) {
            let key_id = BOOTSTRAP.to_owned();
            return Ok(Principal { key_id, role: Role::Admin, agent: None });
        }
        let id = key_id(bearer).ok_or_else(unknown)?;
        let record = self.store.key(id).await?.filter(|record| is_same(&record.sha256, &hashed));
        let KeyRecord { id: key_id, role, agent, .. } = record.ok_or_else(unknown)?;
        Ok(Principal { key_id, role, agent })
    }
}

/// The id inside a key `trk_<id>_<secret>`.
fn key_id(key: &str) -> Option<&str> {
    let (id, _) = key.strip_prefix("trk_")?.rsplit_once('_')?;
    is_key_id(id).then_some(id)
}

fn is_key_id(text: &str) -> bool {
    text.strip_prefix("key_").is_some_and(|rest| {
        rest.len() == ID_CHARS && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

fn hash(key: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(key.as_bytes()))
}

fn is_same(known: &str, given: &str) -> bool {
    known.to_ascii_lowercase().as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_id_and_nothing_else_does() {
        let key = "trk_key_abcdefghijklmno2_secret";
        assert_eq!(key_id(key), Some("key_abcdefghijklmno2"));
        for other in ["", "trk_", "trk_key_abc_x", "key_abcdefghijklmno2_x", "trk_KEY_A_b", "é"] {
            assert_eq!(key_id(other), None, "{other}");
        }
        assert!(is_same(&hash(key).to_uppercase(), &hash(key)));
        assert!(!is_same(&hash(key), &hash("trk")));
    }
}

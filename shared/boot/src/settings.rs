//! The environment, read once. The names stand in `template.yaml`, which is also what local
//! mode reads them from.

use std::collections::BTreeMap;
use transom_app::queues::QueueUrls;
use transom_store::Tables;

/// The environment does not say what a function needs to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing.
    #[error(
        "the environment variable {0} is not set; template.yaml sets it for every function that needs it"
    )]
    Missing(&'static str),
    /// A variable cannot be read.
    #[error("the environment variable {name} is `{value}`, but must be {expected}")]
    Unreadable {
        /// Its name.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// What a function is configured with.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The tables.
    pub sessions_table: String,
    /// The limits' table; empty for a function that has nothing to do with limits.
    pub limits_table: String,
    /// The accounts' table.
    pub accounts_table: String,
    /// The queues that the function sends to.
    pub queues: QueueUrls,
    /// Where the key ring is kept; a function without one cannot open credentials.
    pub key_ring_secret: Option<String>,
    /// The public base URL that providers were told.
    pub public_url: Option<String>,
    /// The path under which statuses are received.
    pub status_path: String,
    /// Where the bucket of media is; a function without one neither writes nor links to files.
    pub media_bucket_url: Option<String>,
    /// The shards of the due index.
    pub due_shards: u32,
    /// The hash of the key that sets everything up first.
    pub admin_key_sha256: Option<String>,
}

impl Settings {
    /// Reads the environment as `names` gives it.
    ///
    /// # Errors
    /// When something that every function needs is missing, or a number is none.
    pub fn read(names: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        let text =
            |name: &str| names.get(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let needed = |name: &'static str| text(name).ok_or(SettingsError::Missing(name));
        let due_shards = match text("TRANSOM_DUE_SHARDS") {
            None => 1,
            Some(value) => value.parse().map_err(|_| SettingsError::Unreadable {
                name: "TRANSOM_DUE_SHARDS",
                value,
                expected: "a whole number from 1",
            })?,
        };
        Ok(Self {
            sessions_table: needed("TRANSOM_SESSIONS_TABLE")?,
            limits_table: text("TRANSOM_LIMITS_TABLE").unwrap_or_default(),
            accounts_table: needed("TRANSOM_ACCOUNTS_TABLE")?,
            queues: QueueUrls {
                replies: text("TRANSOM_REPLIES_QUEUE_URL"),
                campaigns: text("TRANSOM_CAMPAIGNS_QUEUE_URL"),
                media: text("TRANSOM_MEDIA_QUEUE_URL"),
                events: text("TRANSOM_EVENTS_QUEUE_URL"),
            },
            key_ring_secret: text("TRANSOM_KEY_RING_SECRET_ARN"),
            public_url: text("TRANSOM_PUBLIC_URL").map(|u| u.trim_end_matches('/').to_owned()),
            status_path: text("TRANSOM_STATUS_PATH").unwrap_or_else(|| "/status".to_owned()),
            media_bucket_url: text("TRANSOM_MEDIA_BUCKET_URL"),
            due_shards,
            admin_key_sha256: text("TRANSOM_ADMIN_KEY_SHA256").map(|h| h.to_lowercase()),
        })
    }

    /// The tables' names.
    #[must_use]
    pub fn tables(&self) -> Tables {
        Tables {
            sessions: self.sessions_table.clone(),
            limits: self.limits_table.clone(),
            accounts: self.accounts_table.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = Settings::read(&BTreeMap::new()).expect_err("nothing is set");
        assert!(error.to_string().contains("TRANSOM_SESSIONS_TABLE"));
        let mut names = BTreeMap::from([
            ("TRANSOM_SESSIONS_TABLE".to_owned(), "s".to_owned()),
            ("TRANSOM_ACCOUNTS_TABLE".to_owned(), "a".to_owned()),
            ("TRANSOM_PUBLIC_URL".to_owned(), "https://x.example/".to_owned()),
        ]);
        let settings = Settings::read(&names).expect("complete");
        assert_eq!(settings.public_url.as_deref(), Some("https://x.example"));
        names.insert("TRANSOM_DUE_SHARDS".to_owned(), "many".to_owned());
        let error = Settings::read(&names).expect_err("no number");
        assert!(error.to_string().contains("whole number"));
    }
}

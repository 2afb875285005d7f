//! What authorises an app at Gupshup, and what its webhooks carry.

use crate::Credentials;
use crate::credentials::{Given, Unfit};

/// The fields.
pub const CREDENTIALS: &[&str] = &["app_name", "api_key", "webhook_token"];

pub(crate) fn credentials(given: &Given<'_>) -> Result<Credentials, Unfit> {
    Ok(Credentials::Gupshup {
        app_name: given.secret("app_name")?,
        api_key: given.secret("api_key")?,
        webhook_token: given.secret("webhook_token")?,
    })
}

//! What authorises an app at Meta, signs its webhooks and answers its handshake.

use crate::Credentials;
use crate::credentials::{Given, Unfit};

/// The fields.
pub const CREDENTIALS: &[&str] = &["access_token", "app_secret", "verify_token"];

pub(crate) fn credentials(given: &Given<'_>) -> Result<Credentials, Unfit> {
    Ok(Credentials::Meta {
        access_token: given.secret("access_token")?,
        app_secret: given.secret("app_secret")?,
        verify_token: given.secret("verify_token")?,
    })
}

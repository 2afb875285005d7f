//! What authorises an app at Meta, signs its webhooks and answers its handshake.

use crate::Credentials;
use crate::credentials::{Given, Unfit, previous};

/// The fields.
pub const CREDENTIALS: &[&str] = &["access_token", "app_secret", "verify_token"];

pub(crate) fn credentials(
    given: &Given<'_>,
    known: Option<&Credentials>,
) -> Result<Credentials, Unfit> {
    let app_secret = given.secret("app_secret")?;
    let previous_app_secret = match known {
        Some(Credentials::Meta { app_secret: stands, previous_app_secret: before, .. }) => {
            previous(stands, before.as_deref(), &app_secret)
        }
        _ => None,
    };
    Ok(Credentials::Meta {
        access_token: given.secret("access_token")?,
        app_secret,
        previous_app_secret,
        verify_token: given.secret("verify_token")?,
    })
}

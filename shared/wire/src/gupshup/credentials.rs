//! What authorises an app at Gupshup, and what its webhooks carry.

use crate::Credentials;
use crate::credentials::{Given, Unfit, previous};

/// The fields.
pub const CREDENTIALS: &[&str] = &["app_name", "api_key", "webhook_token"];

pub(crate) fn credentials(
    given: &Given<'_>,
    known: Option<&Credentials>,
) -> Result<Credentials, Unfit> {
    let app_name = given.secret("app_name")?;
    let webhook_token = given.secret("webhook_token")?;
    // Another app has another token, not a newer one.
    let previous_webhook_token = match known {
        Some(Credentials::Gupshup {
            app_name: name,
            webhook_token: stands,
            previous_webhook_token: before,
            ..
        }) if *name == app_name => previous(stands, before.as_deref(), &webhook_token),
        _ => None,
    };
    let api_key = given.secret("api_key")?;
    Ok(Credentials::Gupshup { app_name, api_key, webhook_token, previous_webhook_token })
}

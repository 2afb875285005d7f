//! Whether Gupshup sent a webhook. Gupshup signs nothing: what tells it from others is a
//! secret in the URL that it was told, or in a header that its subscription was told to send.

use crate::{Forged, Webhook};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

const TOKEN_PARAMETER: &str = "token";
const TOKEN_HEADER: &str = "x-transom-token";

/// Checks that a webhook carries the account's token, in its query or in its header; every
/// token that it carries is compared whatever the others gave.
///
/// # Errors
/// [`Forged`] when no token is there, or none is the account's.
pub fn verify(webhook_token: &str, webhook: &Webhook<'_>) -> Result<(), Forged> {
    let header = webhook.headers.get(TOKEN_HEADER).cloned();
    let claimed: Vec<String> = form_urlencoded::parse(webhook.query.as_bytes())
        .filter(|(key, _)| key == TOKEN_PARAMETER)
        .map(|(_, value)| value.into_owned())
        .chain(header)
        .filter(|token| !token.is_empty())
        .collect();
    if claimed.is_empty() {
        return Err(Forged::Missing);
    }
    // An empty token is a missing one: nothing may match it.
    let mut matches = Choice::from(0);
    for token in &claimed {
        matches |= digest(token).ct_eq(&digest(webhook_token));
    }
    if bool::from(matches) && !webhook_token.is_empty() { Ok(()) } else { Err(Forged::Mismatch) }
}

/// Compared in place of the token itself, so that the time tells nothing of its length either.
fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

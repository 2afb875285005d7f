//! Whether Meta sent a webhook, how Meta signs one, and the handshake that sets one up.
//!
//! `X-Hub-Signature-256` is `sha256=` and the hexadecimal HMAC-SHA256 of the raw body under the
//! app's secret. The SHA-1 signature beside it is not looked at.

use super::parse::BODY_BYTES_MAX;
use crate::{Forged, Webhook};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;
use subtle::{Choice, ConstantTimeEq as _};

const SIGNATURE_HEADER: &str = "x-hub-signature-256";
/// The longest challenge that is answered, in bytes. Meta's are short numbers.
const CHALLENGE_BYTES_MAX: usize = 256;

/// Checks that Meta sent this webhook.
///
/// Meta writes what is not ASCII as `\u00e9` and signs that. A body that arrives with those
/// escapes undone is taken when its escaped form fits: both are the same JSON. Both forms are
/// computed whatever the first gave.
///
/// # Errors
/// [`Forged`] when the signature is missing or fits no form of the body.
pub fn verify(app_secret: &str, webhook: &Webhook<'_>) -> Result<(), Forged> {
    let claimed = webhook
        .headers
        .get(SIGNATURE_HEADER)
        .filter(|signature| !signature.is_empty())
        .ok_or(Forged::Missing)?;
    // An empty secret is a missing one: anybody could sign with it. What is too long to be read
    // is not worth its hash.
    if app_secret.is_empty() || webhook.body.len() > BODY_BYTES_MAX {
        return Err(Forged::Mismatch);
    }
    let fits = |body: &[u8]| {
        signature(app_secret, body)
            .map_or(Choice::from(0), |own| own.as_bytes().ct_eq(claimed.as_bytes()))
    };
    let mut signed = fits(webhook.body);
    if let Some(escaped) = escaped(webhook.body) {
        signed |= fits(escaped.as_bytes());
    }
    if bool::from(signed) { Ok(()) } else { Err(Forged::Mismatch) }
}

/// Signs as Meta does: the value of `X-Hub-Signature-256` for exactly these bytes.
#[must_use]
pub fn sign(app_secret: &str, body: &[u8]) -> String {
    signature(app_secret, body).unwrap_or_default()
}

/// The answer to Meta's GET that sets up a webhook: the challenge, or `None` when the request
/// is not of that kind or does not know the token. It is to be sent as `text/plain`.
#[must_use]
pub fn handshake(verify_token: &str, query: &str) -> Option<String> {
    let of = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v)
    };
    let (mode, token, challenge) = (of("hub.mode")?, of("hub.verify_token")?, of("hub.challenge")?);
    let knows_token = verify_token.as_bytes().ct_eq(token.as_bytes());
    let is_token_set = !verify_token.is_empty();
    let is_plain = (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len())
        && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=+/".contains(&b));
    (bool::from(knows_token) && is_token_set && mode == "subscribe" && is_plain)
        .then(|| challenge.into_owned())
}

/// `None` never happens: HMAC takes a key of any length.
fn signature(app_secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

/// The body with everything beyond ASCII as `\u` and lower-case digits of its UTF-16 units;
/// `None` when there is nothing to escape or the body is no text.
fn escaped(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.is_ascii())?;
    let mut escaped = String::with_capacity(text.len().saturating_mul(2));
    let mut units = [0; 2];
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                // Writing into a text cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Some(escaped)
}

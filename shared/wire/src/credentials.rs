//! An account's credentials as callers give them: by provider, complete, and never answered.

use crate::{Credentials, gupshup, meta, twilio};
use serde_json::{Map, Value};
use transom_core::account::Provider;

/// The longest secret, in bytes: the longest token that a provider gives out is far shorter.
const SECRET_BYTES_MAX: usize = 1024;

/// Credentials that a provider would not know. The text names the field, quotes no value, and says
/// what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub String);

/// The fields of a provider's credentials.
const fn fields(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Twilio => twilio::CREDENTIALS,
        Provider::Gupshup => gupshup::CREDENTIALS,
        Provider::Meta => meta::CREDENTIALS,
    }
}

/// Reads the credentials of `provider`; `known` are those that stand, so that a secret that was
/// rotated stays valid on webhooks that were signed before.
///
/// # Errors
/// [`Unfit`] when a field is missing, unknown or of another form.
pub fn read_credentials(
    provider: Provider,
    given: &Map<String, Value>,
    known: Option<&Credentials>,
) -> Result<Credentials, Unfit> {
    let given = Given { provider, fields: given };
    given.only_known()?;
    match provider {
        Provider::Twilio => twilio::credentials(&given, known),
        Provider::Gupshup => gupshup::credentials(&given, known),
        Provider::Meta => meta::credentials(&given, known),
    }
}

/// The secret before `given`: the one that stands if that is another, else the one before it.
pub(crate) fn previous(stands: &str, before: Option<&str>, given: &str) -> Option<String> {
    if stands == given { before.map(str::to_owned) } else { Some(stands.to_owned()) }
}

/// What a caller gave.
pub(crate) struct Given<'a> {
    provider: Provider,
    fields: &'a Map<String, Value>,
}

impl Given<'_> {
    fn expected(&self) -> String {
        format!("{} takes {}", self.provider.as_str(), fields(self.provider).join(", "))
    }

    fn only_known(&self) -> Result<(), Unfit> {
        let names = fields(self.provider);
        let Some(unknown) = self.fields.keys().find(|k| !names.contains(&k.as_str())) else {
            return Ok(());
        };
        let unknown: String = unknown.chars().take(40).collect();
        Err(Unfit(format!("`credentials.{unknown}` is not known: {}", self.expected())))
    }

    /// A field that must be there.
    pub(crate) fn secret(&self, field: &str) -> Result<String, Unfit> {
        let value = self.fields.get(field).and_then(Value::as_str).unwrap_or_default();
        let fits = !value.is_empty()
            && value.len() <= SECRET_BYTES_MAX
            && value.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| value.to_owned()).ok_or_else(|| {
            Unfit(format!(
                "`credentials.{field}` must be 1 to {SECRET_BYTES_MAX} printable characters \
                 without spaces: {}",
                self.expected()
            ))
        })
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_signs_webhooks_has_one_before_it_at_every_provider() {
        let twilio =
            json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "one"});
        let meta = json!({"access_token": "a", "app_secret": "one", "verify_token": "v"});
        let gupshup = json!({"app_name": "n", "api_key": "k", "webhook_token": "one"});
        for (provider, field, mut given) in [
            (Provider::Twilio, "auth_token", twilio),
            (Provider::Meta, "app_secret", meta),
            (Provider::Gupshup, "webhook_token", gupshup),
        ] {
            let mut known = None;
            let mut kept = Vec::new();
            for secret in ["one", "two", "two", "three"] {
                given[field] = json!(secret);
                let fields = given.as_object().cloned().unwrap_or_default();
                let read = read_credentials(provider, &fields, known.as_ref()).expect("it fits");
                let stored = serde_json::to_value(&read).expect("it is stored");
                kept.push(stored[format!("previous_{field}")].as_str().map(str::to_owned));
                known = Some(read);
            }
            let texts: Vec<_> = kept.iter().map(Option::as_deref).collect();
            assert_eq!(texts, [None, Some("one"), Some("one"), Some("two")], "{provider:?}");
        }
    }
}

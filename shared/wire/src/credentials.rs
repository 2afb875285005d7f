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
        Provider::Gupshup => gupshup::credentials(&given),
        Provider::Meta => meta::credentials(&given),
    }
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

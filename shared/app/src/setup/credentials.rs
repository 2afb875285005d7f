//! An account's credentials as callers give them: by provider, complete, and never answered.

use crate::Problem;
use serde_json::{Map, Value};
use transom_core::account::Provider;
use transom_wire::Credentials;

/// The longest secret, in bytes: the longest token that a provider gives out is far shorter.
const SECRET_BYTES_MAX: usize = 1024;

/// The fields of a provider's credentials.
const fn fields(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Twilio => &["account_sid", "auth_token"],
        Provider::Gupshup => &["app_name", "api_key", "webhook_token"],
        Provider::Meta => &["access_token", "app_secret", "verify_token"],
    }
}

/// Reads the credentials of `provider`; `known` are those that stand, so that a rotated auth
/// token stays valid on webhooks that were signed before the rotation.
pub(super) fn parse(
    provider: Provider,
    given: &Map<String, Value>,
    known: Option<&Credentials>,
) -> Result<Credentials, Problem> {
    let names = fields(provider);
    let expected = || format!("{} takes {}", provider.as_str(), names.join(", "));
    if let Some(unknown) = given.keys().find(|k| !names.contains(&k.as_str())) {
        let unknown: String = unknown.chars().take(40).collect();
        return Err(Problem::invalid(format!(
            "`credentials.{unknown}` is not known: {}",
            expected()
        )));
    }
    let secret = |field: &str| {
        let value = given.get(field).and_then(Value::as_str).unwrap_or_default();
        let fits = !value.is_empty()
            && value.len() <= SECRET_BYTES_MAX
            && value.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| value.to_owned()).ok_or_else(|| {
            Problem::invalid(format!(
                "`credentials.{field}` must be 1 to {SECRET_BYTES_MAX} printable characters \
                 without spaces: {}",
                expected()
            ))
        })
    };
    Ok(match provider {
        Provider::Twilio => {
            let account_sid = secret("account_sid")?;
            if !is_account_sid(&account_sid) {
                return Err(Problem::invalid(
                    "`credentials.account_sid` must be `AC` and 32 hexadecimal characters",
                ));
            }
            let auth_token = secret("auth_token")?;
            let previous_auth_token = previous_token(known, &account_sid, &auth_token);
            Credentials::Twilio { account_sid, auth_token, previous_auth_token }
        }
        Provider::Gupshup => Credentials::Gupshup {
            app_name: secret("app_name")?,
            api_key: secret("api_key")?,
            webhook_token: secret("webhook_token")?,
        },
        Provider::Meta => Credentials::Meta {
            access_token: secret("access_token")?,
            app_secret: secret("app_secret")?,
            verify_token: secret("verify_token")?,
        },
    })
}

fn is_account_sid(text: &str) -> bool {
    text.strip_prefix("AC")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn previous_token(
    known: Option<&Credentials>,
    account_sid: &str,
    auth_token: &str,
) -> Option<String> {
    match known? {
        Credentials::Twilio { account_sid: sid, auth_token: token, previous_auth_token } => {
            if sid != account_sid {
                return None;
            }
            if token == auth_token { previous_auth_token.clone() } else { Some(token.clone()) }
        }
        Credentials::Gupshup { .. } | Credentials::Meta { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SID: &str = "AC0123456789abcdef0123456789abcdef";

    fn read(given: Value, known: Option<&Credentials>) -> Result<Credentials, String> {
        let given = given.as_object().cloned().unwrap_or_default();
        parse(Provider::Twilio, &given, known).map_err(|p| p.detail)
    }

    fn twilio(token: &str, previous: Option<&str>) -> Credentials {
        Credentials::Twilio {
            account_sid: SID.to_owned(),
            auth_token: token.to_owned(),
            previous_auth_token: previous.map(str::to_owned),
        }
    }

    #[test]
    fn a_rotated_token_is_kept_for_webhooks_on_their_way() {
        let first = read(json!({"account_sid": SID, "auth_token": "one"}), None);
        assert_eq!(first, Ok(twilio("one", None)));
        let second = json!({"account_sid": SID, "auth_token": "two"});
        let rotated = read(second.clone(), first.as_ref().ok());
        assert_eq!(rotated, Ok(twilio("two", Some("one"))));
        assert_eq!(read(second, rotated.as_ref().ok()), rotated);
    }

    #[test]
    fn what_does_not_fit_is_named_and_no_secret_is_quoted() {
        for (given, named) in [
            (json!({"account_sid": SID, "auth_token": "t", "token": "hush"}), "credentials.token"),
            (json!({"account_sid": "AC1", "auth_token": "hush"}), "credentials.account_sid"),
            (json!({"account_sid": SID}), "credentials.auth_token"),
            (json!({"account_sid": SID, "auth_token": ""}), "credentials.auth_token"),
            (json!({"account_sid": SID, "auth_token": "hush hush"}), "credentials.auth_token"),
            (json!({"account_sid": SID, "auth_token": 7}), "credentials.auth_token"),
        ] {
            let detail = read(given, None).expect_err("refused");
            assert!(detail.contains(named), "{detail}");
            assert!(!detail.contains("hush"), "{detail}");
        }
    }
}

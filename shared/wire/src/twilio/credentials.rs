//! What authorises an account at Twilio, and what its webhooks are signed with.

use crate::Credentials;
use crate::credentials::{Given, Unfit, previous};

/// The fields.
pub const CREDENTIALS: &[&str] = &["account_sid", "auth_token"];

pub(crate) fn credentials(
    given: &Given<'_>,
    known: Option<&Credentials>,
) -> Result<Credentials, Unfit> {
    let account_sid = given.secret("account_sid")?;
    if !is_account_sid(&account_sid) {
        let form = "`credentials.account_sid` must be `AC` and 32 hexadecimal characters";
        return Err(Unfit(form.to_owned()));
    }
    let auth_token = given.secret("auth_token")?;
    let previous_auth_token = match known {
        Some(Credentials::Twilio {
            account_sid: sid,
            auth_token: stands,
            previous_auth_token: before,
        }) if *sid == account_sid => previous(stands, before.as_deref(), &auth_token),
        _ => None,
    };
    Ok(Credentials::Twilio { account_sid, auth_token, previous_auth_token })
}

fn is_account_sid(text: &str) -> bool {
    text.strip_prefix("AC")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use transom_core::account::Provider;

    const SID: &str = "AC0123456789abcdef0123456789abcdef";

    fn read(given: Value, known: Option<&Credentials>) -> Result<Credentials, String> {
        let given = given.as_object().cloned().unwrap_or_default();
        crate::read_credentials(Provider::Twilio, &given, known).map_err(|unfit| unfit.0)
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
            let detail = read(given, None).err().unwrap_or_default();
            assert!(detail.contains(named), "{detail}");
            assert!(!detail.contains("hush"), "{detail}");
        }
    }
}

//! The form of a send: reads it, and refuses at once what Gupshup refuses at once.

use serde_json::Value;

use super::accounts::{Accounts, Template};
use super::answer::Refusal;
use super::content::Content;
use crate::sandbox::{TemplateStatus, address};

/// Gupshup's own refusals that are told by an event.
const WALLET_EMPTY: u32 = 1003;
const TEMPLATE_UNMATCHED: u32 = 4003;
const TEMPLATE_PAUSED: u32 = 4005;

/// WhatsApp's refusals that are told by an event.
const OUTSIDE_WINDOW: u32 = 470;
const PARAMETERS_UNMATCHED: u32 = 132_000;

/// An acceptable send.
#[derive(Debug)]
pub(super) struct SendForm {
    pub(super) app_name: String,
    pub(super) business: String,
    pub(super) customer: String,
    pub(super) content: Content,
    pub(super) template: Option<TemplateUse>,
}

/// A template with its values.
#[derive(Debug)]
pub(super) struct TemplateUse {
    pub(super) id: String,
    pub(super) params: Vec<String>,
}

impl SendForm {
    /// Everything that Gupshup checks before it answers.
    pub(super) fn read(
        accounts: &Accounts,
        api_key: &str,
        pairs: &[(String, String)],
        with_template: bool,
    ) -> Result<Self, Refusal> {
        let value = |name: &str| {
            pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
        };
        if value("channel") != "whatsapp" {
            return Err(Refusal::bad_request("Invalid Channel"));
        }
        let no_app = || Refusal::bad_request("Invalid App Details");
        let app = accounts
            .app(value("src.name"))
            .filter(|app| app.api_key == api_key)
            .ok_or_else(no_app)?;
        let business = digits(value("source")).ok_or_else(no_app)?;
        if accounts.owner_of(&business).is_none_or(|owner| owner.app_name != app.app_name) {
            return Err(no_app());
        }
        let customer = digits(value("destination"))
            .filter(|customer| *customer != business)
            .ok_or(Refusal::bad_request("Invalid Destination"))?;
        let message = value("message");
        let template = with_template.then(|| read_template(value("template"))).transpose()?;
        let content = if template.is_some() && message.is_empty() {
            Content::none()
        } else {
            Content::read(message)?
        };
        Ok(Self { app_name: app.app_name.clone(), business, customer, content, template })
    }

    /// The code with which the message fails after the 202, if it does.
    pub(super) fn late_refusal(
        &self,
        accounts: &Accounts,
        wallet_empty: bool,
        window_open: bool,
    ) -> Option<u32> {
        if wallet_empty {
            return Some(WALLET_EMPTY);
        }
        match &self.template {
            None => (!window_open).then_some(OUTSIDE_WINDOW),
            Some(used) => template_refusal(accounts.template(&used.id), used),
        }
    }
}

/// Whether Gupshup itself says no with this code; all others come from WhatsApp.
pub(super) fn is_gupshups_own(code: u32) -> bool {
    matches!(code, 500 | 1001..=1013 | 4001..=4005)
}

fn template_refusal(template: Option<Template>, used: &TemplateUse) -> Option<u32> {
    let Some(template) = template else {
        return Some(TEMPLATE_UNMATCHED);
    };
    match template.status {
        TemplateStatus::Approved => {
            (used.params.len() != template.param_count).then_some(PARAMETERS_UNMATCHED)
        }
        TemplateStatus::Paused => Some(TEMPLATE_PAUSED),
        TemplateStatus::Unsubmitted
        | TemplateStatus::Received
        | TemplateStatus::Pending
        | TemplateStatus::Rejected
        | TemplateStatus::Disabled => Some(TEMPLATE_UNMATCHED),
    }
}

/// The bare number behind digits without `+`.
fn digits(text: &str) -> Option<String> {
    let phone = format!("+{text}");
    address::is_phone(&phone).then_some(phone)
}

fn read_template(text: &str) -> Result<TemplateUse, Refusal> {
    let invalid = || Refusal::bad_request("Invalid Template");
    let template: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let id = template["id"].as_str().filter(|id| !id.is_empty()).ok_or_else(invalid)?;
    let params = if template["params"].is_null() {
        Vec::new()
    } else {
        serde_json::from_value(template["params"].clone()).map_err(|_| invalid())?
    };
    Ok(TemplateUse { id: id.to_owned(), params })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(digits("919876543210").as_deref(), Some("+919876543210"));
        assert_eq!(digits("+919876543210"), None);
        assert_eq!(digits("US.1349"), None);
        assert_eq!(digits(""), None);
    }

    #[test]
    fn a_template_has_an_id_and_params_of_text() {
        assert!(read_template(r#"{"id":"t","params":["a","b"]}"#).is_ok());
        assert!(read_template(r#"{"id":"t"}"#).is_ok());
        assert!(read_template(r#"{"id":"t","params":[1]}"#).is_err());
        assert!(read_template(r#"{"params":[]}"#).is_err());
        assert!(read_template("").is_err());
    }

    #[test]
    fn each_state_of_a_template_fails_in_its_own_way() {
        let used = TemplateUse { id: "t".to_owned(), params: vec!["a".to_owned()] };
        let refusal =
            |param_count, status| template_refusal(Some(Template { param_count, status }), &used);
        assert_eq!(refusal(1, TemplateStatus::Approved), None);
        assert_eq!(refusal(2, TemplateStatus::Approved), Some(132_000));
        assert_eq!(refusal(1, TemplateStatus::Paused), Some(4005));
        assert_eq!(refusal(1, TemplateStatus::Pending), Some(4003));
        assert_eq!(template_refusal(None, &used), Some(4003));
    }
}

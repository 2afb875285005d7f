//! The head of a send: reads it, and refuses at once what Meta refuses at once.

use serde_json::Value;

use super::accounts::{Accounts, Number};
use super::answer::Refusal;
use super::content::{Content, TemplateUse};
use crate::sandbox::{TemplateStatus, address};

/// The longest text that statuses echo.
const REFERENCE_CHARS_MAX: usize = 512;

/// What a body asks for.
#[derive(Debug)]
pub(super) enum Request {
    /// A message to a customer.
    Send(Box<SendRequest>),
    /// Blue ticks on a message of the customer.
    MarkRead { message_id: String },
}

/// An acceptable send.
#[derive(Debug)]
pub(super) struct SendRequest {
    /// The recipient as it was written.
    pub(super) input: String,
    /// The bare address of the recipient.
    pub(super) customer: String,
    pub(super) content: Content,
    pub(super) reference: Option<String>,
}

impl Request {
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        if body["messaging_product"] != "whatsapp" {
            return Err(Refusal::parameter("The parameter messaging_product is required."));
        }
        if body["status"] == "read" {
            let message_id = required(body, "message_id")?;
            return Ok(Self::MarkRead { message_id });
        }
        let (input, customer) = recipient(body)?;
        let content = Content::read(body)?;
        let reference = reference(body)?;
        check_context(body)?;
        Ok(Self::Send(Box::new(SendRequest { input, customer, content, reference })))
    }
}

impl SendRequest {
    /// What depends on the number that sends and on the templates there are.
    pub(super) fn validate(&self, accounts: &Accounts, number: &Number) -> Result<(), Refusal> {
        if let Some(template) = &self.content.template {
            check_template(accounts, template)?;
        }
        if self.customer == number.phone {
            return Err(Refusal::bad_request(131_021, "Sender and recipient are the same."));
        }
        let allowed =
            number.allowed.as_ref().is_none_or(|allowed| allowed.contains(&self.customer));
        if allowed {
            Ok(())
        } else {
            Err(Refusal::bad_request(
                131_030,
                "Recipient phone number not in allowed list: Add recipient phone number to \
                 recipient list and try again.",
            ))
        }
    }
}

/// The text under `name`, which may be neither absent nor empty.
pub(super) fn required(object: &Value, name: &str) -> Result<String, Refusal> {
    match &object[name] {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Null | Value::String(_) => {
            Err(Refusal::parameter(format!("The parameter {name} is required.")))
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Refusal::parameter(format!("Param {name} must be a string.")))
        }
    }
}

/// `to` wins over `recipient`.
fn recipient(body: &Value) -> Result<(String, String), Refusal> {
    if !matches!(body["recipient_type"].as_str(), None | Some("individual")) {
        let details = "Param recipient_type must be one of {INDIVIDUAL}.";
        return Err(Refusal::bad_request(131_009, details));
    }
    let invalid = |details: &str| Refusal::bad_request(131_009, details);
    if body["to"].is_null() && !body["recipient"].is_null() {
        let input = required(body, "recipient")?;
        return if address::is_user_id(&input) {
            Ok((input.clone(), input))
        } else {
            Err(invalid("Param recipient is not a valid user ID."))
        };
    }
    let input = required(body, "to")?;
    let digits: String = input.chars().filter(|character| !" +-().".contains(*character)).collect();
    let customer = format!("+{digits}");
    if address::is_phone(&customer) {
        Ok((input, customer))
    } else {
        Err(invalid("Recipient phone number is not valid."))
    }
}

fn reference(body: &Value) -> Result<Option<String>, Refusal> {
    let reference = &body["biz_opaque_callback_data"];
    if reference.is_null() {
        return Ok(None);
    }
    let fits = |text: &&str| text.chars().count() <= REFERENCE_CHARS_MAX;
    let text = reference.as_str().filter(fits).map(str::to_owned);
    text.map(Some).ok_or_else(|| {
        Refusal::parameter(format!(
            "Param biz_opaque_callback_data must be a string of at most {REFERENCE_CHARS_MAX} \
             characters."
        ))
    })
}

fn check_context(body: &Value) -> Result<(), Refusal> {
    if body["context"].is_null() {
        return Ok(());
    }
    required(&body["context"], "message_id").map(|_| ())
}

fn check_template(accounts: &Accounts, used: &TemplateUse) -> Result<(), Refusal> {
    let unknown = || Refusal {
        status: 404,
        code: 132_001,
        details: format!("template name ({}) does not exist in {}", used.name, used.language),
    };
    let template = accounts.template(&used.name, &used.language).ok_or_else(unknown)?;
    let stopped = |code| Err(Refusal::bad_request(code, "The template cannot be sent now."));
    match template.status {
        TemplateStatus::Approved => {}
        TemplateStatus::Paused => return stopped(132_015),
        TemplateStatus::Disabled => return stopped(132_016),
        TemplateStatus::Unsubmitted
        | TemplateStatus::Received
        | TemplateStatus::Pending
        | TemplateStatus::Rejected => return Err(unknown()),
    }
    if used.parameter_count == template.variable_count {
        Ok(())
    } else {
        let (given, expected) = (used.parameter_count, template.variable_count);
        Err(Refusal::bad_request(
            132_000,
            format!(
                "number of localizable_params ({given}) does not match the expected number of \
                 params ({expected})"
            ),
        ))
    }
}

//! The form of a send: reads it, and refuses at once what Twilio refuses at once.

use std::collections::BTreeMap;

use url::Url;

use super::accounts::{Accounts, Template, TemplateStatus, TwilioAccount};
use super::answer::Refusal;
use crate::sandbox::{OutboxKind, address};

/// The longest text or caption, in characters.
const BODY_CHARS_MAX: usize = 1600;

/// The most files of one message of any channel.
const MEDIA_URLS_MAX: usize = 10;

/// What the form asks for. Of a repeated key the first value counts, except for media.
#[derive(Debug, Clone, Default)]
pub(super) struct SendForm {
    to: String,
    from: String,
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
    pub(super) content_sid: Option<String>,
    pub(super) content_variables: Option<String>,
    pub(super) status_callback: Option<String>,
    has_location: bool,
}

/// The two ends of an acceptable send, without the channel's prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) business: String,
    pub(super) customer: String,
}

impl SendForm {
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let first =
            |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let filled = |name: &str| first(name).filter(|value| !value.is_empty());
        Self {
            to: first("To").unwrap_or_default(),
            from: first("From").unwrap_or_default(),
            body: first("Body").unwrap_or_default(),
            media_urls: pairs
                .iter()
                .filter(|(key, value)| key == "MediaUrl" && !value.is_empty())
                .map(|(_, value)| value.clone())
                .collect(),
            content_sid: filled("ContentSid"),
            content_variables: filled("ContentVariables"),
            // Present but empty is no address either, so this one is kept when empty.
            status_callback: first("StatusCallback"),
            has_location: filled("PersistentAction")
                .is_some_and(|action| action.starts_with("geo:")),
        }
    }

    pub(super) fn kind(&self) -> OutboxKind {
        if self.content_sid.is_some() {
            OutboxKind::Template
        } else if !self.media_urls.is_empty() {
            OutboxKind::Media
        } else if self.has_location {
            OutboxKind::Location
        } else {
            OutboxKind::Text
        }
    }

    /// Everything that Twilio checks before it answers.
    pub(super) fn validate(
        &self,
        accounts: &Accounts,
        account: &TwilioAccount,
    ) -> Result<Ends, Refusal> {
        let ends = self.ends(accounts, account)?;
        self.validate_content(accounts)?;
        match &self.status_callback {
            Some(url) if !is_callback_url(url) => Err(Refusal::bad_request(
                21609,
                format!("The 'StatusCallback' URL {url} is not a valid URL."),
            )),
            Some(_) | None => Ok(ends),
        }
    }

    fn ends(&self, accounts: &Accounts, account: &TwilioAccount) -> Result<Ends, Refusal> {
        let customer = address::wire_customer(&self.to).ok_or_else(|| {
            Refusal::bad_request(21211, format!("Invalid 'To' Phone Number: {}", self.to))
        })?;
        let business = address::wire_phone(&self.from).ok_or_else(|| {
            Refusal::bad_request(21212, format!("Invalid 'From' Phone Number: {}", self.from))
        })?;
        let owned = accounts
            .owner_of(business)
            .is_some_and(|owner| owner.account_sid == account.account_sid);
        if !owned {
            return Err(Refusal::bad_request(
                63007,
                "No WhatsApp channel belongs to the specified From address",
            ));
        }
        if business == customer {
            return Err(Refusal::bad_request(63031, "From and To must not be the same address"));
        }
        Ok(Ends { business: business.to_owned(), customer: customer.to_owned() })
    }

    fn validate_content(&self, accounts: &Accounts) -> Result<(), Refusal> {
        if let Some(content_sid) = &self.content_sid {
            if accounts.template(content_sid).is_none() {
                return Err(Refusal::bad_request(
                    21655,
                    format!("The ContentSid {content_sid} is invalid"),
                ));
            }
        } else if self.body.is_empty() && self.media_urls.is_empty() {
            return Err(Refusal::bad_request(
                21619,
                "A text message body, media urls or content is required",
            ));
        }
        if self.body.chars().count() > BODY_CHARS_MAX {
            return Err(Refusal::bad_request(
                21617,
                format!("The message body exceeds {BODY_CHARS_MAX} characters"),
            ));
        }
        if self.media_urls.len() > MEDIA_URLS_MAX {
            return Err(Refusal::bad_request(21623, "Too many media urls"));
        }
        if let Some(url) = self.media_urls.iter().find(|url| !is_http_url(url)) {
            return Err(Refusal::bad_request(21620, format!("Invalid media URL: {url}")));
        }
        match &self.content_variables {
            Some(variables) if read_variables(variables).is_none() => {
                Err(Refusal::bad_request(21656, "The ContentVariables parameter is invalid"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The code with which WhatsApp refuses the message after the 201, if it does.
    pub(super) fn late_refusal(&self, accounts: &Accounts, window_open: bool) -> Option<u32> {
        let template =
            self.content_sid.as_deref().and_then(|content_sid| accounts.template(content_sid));
        match template {
            None => (!window_open).then_some(63016),
            Some(template) => template_refusal(template, window_open)
                .or_else(|| self.lacks_variables(template).then_some(63028)),
        }
    }

    /// Values beyond those that the template has places for are ignored, as Twilio does.
    fn lacks_variables(&self, template: Template) -> bool {
        let given = self
            .content_variables
            .as_deref()
            .and_then(read_variables)
            .map_or(0, |variables| variables.len());
        given < template.variable_count
    }
}

/// Within the window any content goes out as an ordinary message, approved or not; only what
/// WhatsApp itself has stopped is stopped there too.
fn template_refusal(template: Template, window_open: bool) -> Option<u32> {
    match template.status {
        TemplateStatus::Approved => None,
        TemplateStatus::Paused => Some(63041),
        TemplateStatus::Disabled => Some(63040),
        TemplateStatus::Unsubmitted => (!window_open).then_some(63016),
        TemplateStatus::Received | TemplateStatus::Pending | TemplateStatus::Rejected => {
            (!window_open).then_some(63040)
        }
    }
}

/// A JSON object of strings; nothing else is taken.
fn read_variables(variables: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(variables).ok()
}

fn is_http_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Unlike the true one this takes loopback addresses: the receiver is on this machine.
fn is_callback_url(url: &str) -> bool {
    is_http_url(url)
        && Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(|host| !host.contains('_')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callback_hosts_with_an_underscore_are_no_addresses() {
        assert!(is_callback_url("http://127.0.0.1:8080/status/twilio/x?ref=1"));
        assert!(!is_callback_url("https://my_host.example/x"));
        assert!(!is_callback_url("ftp://host.example/x"));
        assert!(!is_callback_url("/status"));
        assert!(!is_callback_url(""));
    }

    #[test]
    fn variables_are_an_object_of_strings() {
        assert!(read_variables(r#"{"1":"Asha"}"#).is_some());
        assert!(read_variables(r#"["Asha"]"#).is_none());
        assert!(read_variables(r#"{"1":2}"#).is_none());
        assert!(read_variables("Asha").is_none());
    }

    #[test]
    fn unapproved_content_needs_the_window() {
        let template = |status| Template { variable_count: 0, status };
        let refusal = |status, open| template_refusal(template(status), open);
        assert_eq!(refusal(TemplateStatus::Approved, false), None);
        assert_eq!(refusal(TemplateStatus::Unsubmitted, true), None);
        assert_eq!(refusal(TemplateStatus::Unsubmitted, false), Some(63016));
        assert_eq!(refusal(TemplateStatus::Pending, false), Some(63040));
        assert_eq!(refusal(TemplateStatus::Paused, true), Some(63041));
    }
}

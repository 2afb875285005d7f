//! Templates at their providers: their own lists, and asking for approval.
//!
//! Nothing here is sent to a customer, so a call whose outcome nobody knows may be made again.

use crate::{Credentials, Unrenderable, explain, gupshup, meta, twilio};
use transom_core::account::Provider;
use transom_core::template::{Button, Template, TemplateStatus};
use transom_core::time::Millis;

/// The most templates that one page of a provider's list is asked for.
pub(crate) const PAGE: usize = 100;
/// The longest wait that a provider is believed, in seconds: a caller stands behind this.
const RETRY_AFTER_SECONDS_MAX: i64 = 3600;
/// The most that is shown of a provider's own words, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// A request to a provider's management API, ready to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// How.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers, with lower-case names; they hold secrets.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiRequest({:?} {}, {} bytes)", self.method, self.url, self.body.len())
    }
}

/// An answer of a provider's management API, as it stood on the wire.
#[derive(Debug, Clone, Copy)]
pub struct ApiAnswer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The header of that name.
    pub retry_after: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// Why a provider did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declined {
    /// Nothing changes by asking again as it is.
    Refused {
        /// The provider's code, or its HTTP status.
        code: String,
        /// What the provider says.
        words: String,
    },
    /// It may be asked again later.
    Later {
        /// After how long, where it tells.
        after: Option<Millis>,
        /// Its code or HTTP status.
        code: String,
    },
    /// Its answer cannot be read.
    Unreadable,
}

/// A page of a provider's own templates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplatePage {
    /// The templates, each with its state.
    pub templates: Vec<Template>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
}

/// What asking for approval has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The provider's reference of the template.
    pub provider_ref: Option<String>,
    /// The template's state; absent while another call is needed.
    pub status: Option<TemplateStatus>,
}

/// The request that tells in whose name an account's templates stand, for a provider where its
/// number leads there. `provider_id` is the provider's own name of one of the account's numbers.
///
/// # Errors
/// [`Unrenderable`] when the account has no number that leads there.
pub fn ask_template_owner(
    credentials: &Credentials,
    base_url: &str,
    provider_id: Option<&str>,
) -> Result<Option<ApiRequest>, Unrenderable> {
    match credentials {
        Credentials::Twilio { .. } | Credentials::Gupshup { .. } => Ok(None),
        Credentials::Meta { access_token, .. } => {
            meta::ask_template_owner(access_token, base_url, provider_id).map(Some)
        }
    }
}

/// In whose name an account's templates stand, where nobody need be asked: Gupshup's app.
#[must_use]
pub fn template_owner(credentials: &Credentials, provider_id: Option<&str>) -> Option<String> {
    match credentials {
        Credentials::Twilio { .. } | Credentials::Meta { .. } => None,
        Credentials::Gupshup { app_name, .. } => Some(provider_id.unwrap_or(app_name).to_owned()),
    }
}

/// Reads the answer to [`ask_template_owner`].
///
/// # Errors
/// [`Declined`].
pub fn read_template_owner(provider: Provider, answer: &ApiAnswer<'_>) -> Result<String, Declined> {
    match provider {
        Provider::Meta => meta::read_template_owner(answer),
        Provider::Twilio | Provider::Gupshup => Err(Declined::Unreadable),
    }
}

/// The request for a page of an account's templates; `owner` is in whose name they stand.
///
/// # Errors
/// [`Unrenderable`] when it cannot be written.
pub fn list_templates(
    credentials: &Credentials,
    base_url: &str,
    owner: Option<&str>,
    cursor: Option<&str>,
) -> Result<ApiRequest, Unrenderable> {
    match credentials {
        Credentials::Twilio { account_sid, auth_token, .. } => {
            Ok(twilio::list_templates(account_sid, auth_token, base_url, cursor))
        }
        Credentials::Gupshup { api_key, .. } => {
            Ok(gupshup::list_templates(api_key, base_url, owned(owner)?))
        }
        Credentials::Meta { access_token, .. } => {
            Ok(meta::list_templates(access_token, base_url, owned(owner)?, cursor))
        }
    }
}

/// Reads a page of templates.
///
/// # Errors
/// [`Declined`].
pub fn read_templates(
    provider: Provider,
    answer: &ApiAnswer<'_>,
) -> Result<TemplatePage, Declined> {
    match provider {
        Provider::Twilio => twilio::read_templates(answer),
        Provider::Gupshup => gupshup::read_templates(answer),
        Provider::Meta => meta::read_templates(answer),
    }
}

/// The next request that asks for a template's approval: its only one, except at Twilio, where
/// the content is made first.
///
/// # Errors
/// [`Unrenderable`] when the provider has no form for it, or wants an example that is missing.
pub fn submit_template(
    credentials: &Credentials,
    base_url: &str,
    owner: Option<&str>,
    template: &Template,
) -> Result<ApiRequest, Unrenderable> {
    match credentials {
        Credentials::Twilio { account_sid, auth_token, .. } => {
            twilio::submit_template(account_sid, auth_token, base_url, template)
        }
        Credentials::Gupshup { api_key, .. } => {
            gupshup::submit_template(api_key, base_url, owned(owner)?, template)
        }
        Credentials::Meta { access_token, .. } => {
            meta::submit_template(access_token, base_url, owned(owner)?, template)
        }
    }
}

/// Reads the answer to [`submit_template`].
///
/// # Errors
/// [`Declined`].
pub fn read_submission(provider: Provider, answer: &ApiAnswer<'_>) -> Result<Submission, Declined> {
    match provider {
        Provider::Twilio => twilio::read_submission(answer),
        Provider::Gupshup => gupshup::read_submission(answer),
        Provider::Meta => meta::read_submission(answer),
    }
}

fn owned(owner: Option<&str>) -> Result<&str, Unrenderable> {
    owner.ok_or_else(|| Unrenderable("nobody knows in whose name the templates stand".to_owned()))
}

/// What an answer that is no success means: its code where it has one, else its status.
pub(crate) fn declined(
    provider: Provider,
    answer: &ApiAnswer<'_>,
    code: Option<String>,
    words: Option<&str>,
) -> Declined {
    let status = answer.status;
    let http = format!("http_{status}");
    let pace =
        code.as_deref().is_some_and(|code| explain(provider, code).concern == crate::Concern::Pace);
    if pace || matches!(status, 408 | 429 | 500..) {
        let after = answer
            .retry_after
            .and_then(|text| text.trim().parse::<u32>().ok())
            .map(|seconds| Millis::from_seconds(i64::from(seconds).min(RETRY_AFTER_SECONDS_MAX)));
        return Declined::Later { after, code: code.unwrap_or(http) };
    }
    let words = words.unwrap_or_default().chars().filter(|c| !c.is_control());
    Declined::Refused { code: code.unwrap_or(http), words: words.take(WORDS_CHARS_MAX).collect() }
}

/// A word of a provider for a state that all of them use in one sense, in any letters; what is
/// none of these keeps its name, and is never taken for approved (F10).
pub(crate) fn status(word: &str) -> TemplateStatus {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "approved" | "reinstated" => TemplateStatus::Approved,
        "pending" | "submitted" | "received" | "in_review" => TemplateStatus::Pending,
        "rejected" | "failed" => TemplateStatus::Rejected,
        "appealed" | "in_appeal" => TemplateStatus::InAppeal,
        // Gupshup's spelling.
        "desactivated" | "deactivated" => TemplateStatus::Disabled,
        _ => TemplateStatus::from(word),
    }
}

/// The body as an example, each placeholder with a word in its place: reviewers want to see one.
pub(crate) fn example(text: &str) -> String {
    let mut example = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        example.push_str(before);
        example.push_str(&sample(name.trim()));
        rest = tail;
    }
    example.push_str(rest);
    example
}

/// An example for one placeholder.
pub(crate) fn sample(name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii_digit()) {
        format!("sample {name}")
    } else {
        name.to_owned()
    }
}

/// The label of a button, or its kind's own.
pub(crate) fn label<'a>(button: &'a Button, usual: &'a str) -> &'a str {
    button.label().unwrap_or(usual)
}

/// A name for a template that our own rules for names allow.
#[must_use]
pub fn template_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    text.trim().chars().map(plain).take(512).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F10: every word that a provider documents, and one that nobody does.
    #[test]
    fn f10_every_documented_state_is_mapped_and_unknown_ones_are_never_approved() {
        let approved = ["APPROVED", "approved", "REINSTATED"];
        for word in approved {
            assert_eq!(status(word), TemplateStatus::Approved, "{word}");
        }
        for (word, shown) in [
            ("PENDING", "pending"),
            ("SUBMITTED", "pending"),
            ("received", "pending"),
            ("IN_REVIEW", "pending"),
            ("REJECTED", "rejected"),
            ("FAILED", "rejected"),
            ("PAUSED", "paused"),
            ("DISABLED", "disabled"),
            ("DESACTIVATED", "disabled"),
            ("APPEALED", "in_appeal"),
            ("IN_APPEAL", "in_appeal"),
            ("FLAGGED", "flagged"),
            ("LOCKED", "locked"),
            ("ARCHIVED", "archived"),
            ("UNARCHIVED", "unarchived"),
            ("DELETED", "deleted"),
            ("PENDING_DELETION", "pending_deletion"),
            ("LIMIT_EXCEEDED", "limit_exceeded"),
            ("SANDBOX_REQUESTED", "sandbox_requested"),
            ("unsubmitted", "unsubmitted"),
            ("a word of next year", "a word of next year"),
        ] {
            assert_eq!(status(word).as_str(), shown, "{word}");
            assert_ne!(status(word), TemplateStatus::Approved, "{word}");
        }
    }

    #[test]
    fn an_example_fills_every_placeholder() {
        assert_eq!(example("Hi {{1}}, {{ name }} {{"), "Hi sample 1, name {{");
    }
}

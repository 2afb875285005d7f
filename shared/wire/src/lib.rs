//! Bytes to core and back, a folder per provider: verify, parse, render, classify.
//!
//! Pure: no async, no I/O, no clock, no store type. A provider is one folder here and one arm
//! in each function of this page and of `credentials`; nothing outside this room spells a
//! provider's field, or asks which provider it is.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod credentials;
mod file;
pub mod gupshup;
mod json;
pub mod meta;
mod templates;
mod tier;
pub mod twilio;
mod vcard;

pub use templates::{
    ApiAnswer, ApiRequest, Declined, Method, Submission, TemplatePage, ask_template_owner,
    list_templates, read_submission, read_template_owner, read_templates, submit_template,
    template_name, template_owner,
};
pub use vcard::read_vcard;

pub use credentials::{Unfit, read_credentials};
pub use file::{
    Described, FileRequest, FileSource, FileStep, Unfetchable, fetch_file, read_described,
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use transom_core::account::Provider;
use transom_core::content::Content;
use transom_core::id::MessageId;
use transom_core::identity::{Phone, User};
use transom_core::message::FactKind;
use transom_core::news::News;
use transom_core::template::Template;
use transom_core::time::{Millis, Timestamp};

/// An account's secrets at its provider. They are sealed where they are stored; `Debug` shows
/// none of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
pub enum Credentials {
    /// Twilio.
    Twilio {
        /// `AC` and 32 hexadecimal characters.
        account_sid: String,
        /// The primary auth token: it signs webhooks and authorises sends.
        auth_token: String,
        /// The token before a rotation, still accepted on webhooks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_auth_token: Option<String>,
    },
    /// Gupshup.
    Gupshup {
        /// The app's name.
        app_name: String,
        /// The API key that authorises sends.
        api_key: String,
        /// What the webhook URL carries as `token`.
        webhook_token: String,
        /// The token before a rotation, still accepted on webhooks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_webhook_token: Option<String>,
    },
    /// Meta Cloud API.
    Meta {
        /// The token that authorises sends.
        access_token: String,
        /// The secret that signs webhooks.
        app_secret: String,
        /// The secret before a rotation, still accepted on webhooks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_app_secret: Option<String>,
        /// The answer to the subscription handshake.
        verify_token: String,
    },
}

impl Credentials {
    /// The app's own name, where the provider has apps.
    #[must_use]
    pub fn app_name(&self) -> Option<&str> {
        match self {
            Self::Gupshup { app_name, .. } => Some(app_name),
            Self::Twilio { .. } | Self::Meta { .. } => None,
        }
    }

    /// The provider that these are for.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        match self {
            Self::Twilio { .. } => Provider::Twilio,
            Self::Gupshup { .. } => Provider::Gupshup,
            Self::Meta { .. } => Provider::Meta,
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials::{:?}(…)", self.provider())
    }
}

/// A webhook as it stood on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// The public URL that the provider was told, with the raw path and query of this request;
    /// built from configuration, never from `Host`.
    pub url: &'a str,
    /// The raw query, without `?`; empty when there is none.
    pub query: &'a str,
    /// The headers, with lower-case names.
    pub headers: &'a BTreeMap<String, String>,
    /// The raw body. A signature covers these very bytes.
    pub body: &'a [u8],
}

/// A webhook's authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// The header that carries the signature is missing.
    #[error("the signature is missing")]
    Missing,
    /// It does not match.
    #[error("the signature does not match")]
    Mismatch,
}

/// A webhook that is not of the form that its provider sends: no form, or no JSON. The text names
/// what is wrong and quotes nothing of the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsable(pub String);

/// What a webhook tells. One webhook may hold many.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A customer wrote. Boxed, because it is much larger than the others.
    Message(Box<Inbound>),
    /// Something became known about a message that was sent.
    Status(StatusUpdate),
    /// A user's word on being written to, as the provider itself took it.
    Consent(Box<ConsentUpdate>),
    /// A messaging limit as the provider has set it.
    Limit(Box<LimitUpdate>),
    /// Something that the house acts on, of a template, a number or the account.
    Tells(Box<Tells>),
    /// What belongs to no message of a conversation: an event of the account, or what cannot be
    /// read. Kept by its name and fields (F6).
    Other {
        /// What the provider calls it, or what it lacks.
        kind: String,
        /// Its fields, as far as they may be kept.
        raw: BTreeMap<String, String>,
    },
}

/// Something that a provider tells of a template, a number or the account.
#[derive(Debug, Clone, PartialEq)]
pub struct Tells {
    /// What.
    pub news: News,
    /// The number that it is about, where one is named.
    pub business: Option<Business>,
    /// When it happened, where told. A time in whole seconds counts to the end of its second.
    pub at: Option<Timestamp>,
    /// What the provider calls it: it is kept by this where nothing here is meant.
    pub kind: String,
    /// Its fields, as far as they may be kept.
    pub raw: BTreeMap<String, String>,
}

/// Which of the business's numbers a payload is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Business {
    /// By the number itself.
    Phone(Phone),
    /// By the provider's own name for it, such as Meta's phone-number id.
    ProviderId(String),
}

/// A customer's message.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// To whom.
    pub business: Business,
    /// From whom.
    pub user: User,
    /// The user's own name for himself.
    pub profile_name: Option<String>,
    /// The provider's id of the message: what a redelivery repeats.
    pub provider_message_id: String,
    /// When the user sent it, where the provider tells.
    pub sent_at: Option<Timestamp>,
    /// When the provider got it, where it tells that in place of `sent_at`.
    pub got_at: Option<Timestamp>,
    /// What it holds.
    pub content: Content,
    /// Whether it was forwarded (M141).
    pub forwarded: bool,
    /// The provider's id of the message that it answers.
    pub reply_to: Option<String>,
    /// Where the user came from, when an advertisement or a post led here.
    pub referral: Option<BTreeMap<String, String>>,
}

/// Our own reference to one attempt of one message, handed to the provider with the send and
/// returned by it with every status: it locates the message without an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The message.
    pub message: MessageId,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl Reference {
    /// Reads `<message>.<attempt>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (message, attempt) = text.rsplit_once('.')?;
        let attempt = attempt.parse().ok().filter(|a| (1..=9999).contains(a))?;
        Some(Self { message: MessageId::parse(message).ok()?, attempt })
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.message, self.attempt)
    }
}

/// Something about a message that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    /// Our own reference, where it came back.
    pub reference: Option<Reference>,
    /// The provider's id of the message.
    pub provider_message_id: String,
    /// The provider's second id of the message, where it has one: Gupshup's events carry its
    /// own id and WhatsApp's, and those that come late carry WhatsApp's alone.
    pub other_id: Option<String>,
    /// From which of the business's numbers it was sent, where told.
    pub business: Option<Business>,
    /// To whom it was sent, where told.
    pub user: Option<User>,
    /// What is known now; `None` when the status says no more than the send's own answer did.
    pub fact: Option<FactKind>,
    /// The provider's time of the event, where told.
    pub at: Option<Timestamp>,
    /// The provider's code, for a failure.
    pub code: Option<String>,
}

/// A user's word on being written to, told by the provider: he stopped or resumed there.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentUpdate {
    /// Which of the business's numbers it concerns.
    pub business: Business,
    /// Who said it.
    pub user: User,
    /// Whether he agrees.
    pub agrees: bool,
    /// When, where told.
    pub at: Option<Timestamp>,
    /// What the provider calls it, should it belong to no sender of ours.
    pub kind: String,
    /// Its fields, for the same case.
    pub raw: BTreeMap<String, String>,
}

/// A messaging limit, told by the provider (M22).
#[derive(Debug, Clone, PartialEq)]
pub struct LimitUpdate {
    /// Whose number it is about; without one, every number of the account.
    pub business: Option<Business>,
    /// The new figure; `None` is unlimited.
    pub limit: Option<u32>,
    /// When it was set, where told.
    pub at: Option<Timestamp>,
    /// What the provider calls it, should it belong to no sender of ours.
    pub kind: String,
    /// Its fields, for the same case.
    pub raw: BTreeMap<String, String>,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outbound<'a> {
    /// The business number.
    pub from: &'a Phone,
    /// The provider's own name for it, where it has one.
    pub from_provider_id: Option<&'a str>,
    /// The customer.
    pub to: &'a User,
    /// What to send.
    pub content: &'a Content,
    /// The template's definition, when `content` is a template.
    pub template: Option<&'a Template>,
    /// Where the provider fetches the content's file, when it has one (M41).
    pub link: Option<&'a str>,
    /// The provider's own id of the message that is answered.
    pub context: Option<&'a str>,
    /// Whether a preview of a text's first link is asked for (M40).
    pub link_preview: bool,
    /// Our reference to this attempt.
    pub reference: &'a Reference,
    /// Where statuses are to be posted, without our reference.
    pub status_url: &'a str,
}

/// A file that a content is made into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// Its type.
    pub content_type: &'static str,
    /// The name that it is saved under.
    pub filename: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A request to a provider, ready to be written.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderRequest {
    /// The absolute URL. The method is always POST.
    pub url: String,
    /// The headers, with lower-case names; they hold secrets.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for ProviderRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProviderRequest(POST {}, {} bytes)", self.url, self.body.len())
    }
}

/// A message that cannot be written for the provider although the rules allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unrenderable(pub String);

impl Outbound<'_> {
    /// The address of the content's file.
    fn link(&self) -> Result<&str, Unrenderable> {
        self.link.ok_or_else(|| Unrenderable("the message's file has no address".to_owned()))
    }
}

/// What a provider's answer to a send means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has the message.
    Accepted {
        /// Its id of the message.
        provider_message_id: String,
        /// The user as the provider writes him, when that differs from what was sent.
        wa_id: Option<String>,
    },
    /// It does not have the message and asks to wait.
    Throttled {
        /// How long, where it tells.
        after: Option<Millis>,
        /// Its code.
        code: String,
    },
    /// It does not have the message and never will in this form.
    Refused {
        /// Its code.
        code: String,
    },
    /// It may or may not have the message.
    Unknown {
        /// Its code or HTTP status.
        code: String,
    },
}

/// Whom a provider's code concerns, and so what may still be sent (F11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// This user only.
    User,
    /// The whole account or sender: stop and alert.
    Account,
    /// The account's money: nothing more goes out until it is recharged (M59).
    Balance,
    /// This content or template.
    Content,
    /// The pace: wait.
    Pace,
    /// The closed window: a template is needed, and our own window was wrong.
    Window,
    /// Nobody knows whether it was sent.
    Outcome,
}

/// A provider's code, explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// Whom it concerns.
    pub concern: Concern,
    /// What it means, as a fragment.
    pub meaning: &'static str,
    /// Whether the same message may be sent again later.
    pub retryable: bool,
    /// One sentence that a person can act on.
    pub remedy: &'static str,
}

/// Checks that a webhook comes from the holder of `credentials`. Nothing is parsed before this.
///
/// # Errors
/// [`Forged`] when the authentication is missing or does not match.
pub fn verify(credentials: &Credentials, webhook: &Webhook<'_>) -> Result<(), Forged> {
    match credentials {
        Credentials::Twilio { auth_token, previous_auth_token, .. } => {
            twilio::verify(auth_token, previous_auth_token.as_deref(), webhook)
        }
        Credentials::Gupshup { webhook_token, previous_webhook_token, .. } => {
            let previous = previous_webhook_token.as_deref();
            by_either(webhook_token, previous, |token| gupshup::verify(token, webhook))
        }
        Credentials::Meta { app_secret, previous_app_secret, .. } => {
            let previous = previous_app_secret.as_deref();
            by_either(app_secret, previous, |secret| meta::verify(secret, webhook))
        }
    }
}

/// By the secret or the one before it; both are looked at whatever the first gave.
fn by_either(
    secret: &str,
    previous: Option<&str>,
    verify: impl Fn(&str) -> Result<(), Forged>,
) -> Result<(), Forged> {
    let by_previous = previous.map(&verify);
    verify(secret).or_else(|forged| by_previous.unwrap_or(Err(forged)))
}

/// Reads a verified webhook. Every item that it holds comes out, also those of unknown kind.
///
/// # Errors
/// [`Unparsable`] when it is not what the provider sends.
pub fn parse(provider: Provider, webhook: &Webhook<'_>) -> Result<Vec<Item>, Unparsable> {
    match provider {
        Provider::Twilio => twilio::parse(webhook),
        Provider::Gupshup => gupshup::parse(webhook),
        Provider::Meta => meta::parse(webhook),
    }
}

/// Answers a provider's subscription handshake: the text to answer, or `None` when it is not the
/// provider, or the provider has none.
#[must_use]
pub fn handshake(credentials: &Credentials, query: &str) -> Option<String> {
    match credentials {
        Credentials::Meta { verify_token, .. } => meta::handshake(verify_token, query),
        Credentials::Twilio { .. } | Credentials::Gupshup { .. } => None,
    }
}

/// The content type and body that the provider wants to its webhook.
#[must_use]
pub const fn acknowledgement(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::Twilio => ("text/xml", "<Response/>"),
        Provider::Gupshup | Provider::Meta => ("text/plain", ""),
    }
}

/// The provider's own API host, used unless the account names another.
#[must_use]
pub const fn api_base_url(provider: Provider) -> &'static str {
    match provider {
        Provider::Twilio => "https://api.twilio.com",
        Provider::Gupshup => "https://api.gupshup.io",
        Provider::Meta => "https://graph.facebook.com",
    }
}

/// Writes a send for its provider.
///
/// # Errors
/// [`Unrenderable`] when the provider has no form for it; nothing was sent.
pub fn render(
    credentials: &Credentials,
    base_url: &str,
    outbound: &Outbound<'_>,
) -> Result<ProviderRequest, Unrenderable> {
    match credentials {
        Credentials::Twilio { account_sid, auth_token, .. } => {
            twilio::render(account_sid, auth_token, base_url, outbound)
        }
        Credentials::Gupshup { app_name, api_key, .. } => {
            gupshup::render(app_name, api_key, base_url, outbound)
        }
        Credentials::Meta { access_token, .. } => meta::render(access_token, base_url, outbound),
    }
}

/// The file that stands for a content at a provider which has no fields for it; `None` where the
/// provider takes the content as it is. It is served at [`Outbound::link`]. The same content makes
/// the same bytes, so that it may be made again for a retry.
#[must_use]
pub fn made_file(provider: Provider, content: &Content) -> Option<MadeFile> {
    match provider {
        Provider::Twilio => twilio::made_file(content),
        Provider::Gupshup | Provider::Meta => None,
    }
}

/// Reads the provider's answer to a send. `retry_after` is the header of that name.
#[must_use]
pub fn classify(provider: Provider, status: u16, retry_after: Option<&str>, body: &[u8]) -> Answer {
    match provider {
        Provider::Twilio => twilio::classify(status, retry_after, body),
        Provider::Gupshup => gupshup::classify(status, retry_after, body),
        Provider::Meta => meta::classify(status, retry_after, body),
    }
}

/// Whether a message of this provider may come without the time at which the user sent it, or a
/// second time in another shape. What is chosen for such a message at first sight is claimed.
#[must_use]
pub const fn messages_are_claimed(provider: Provider) -> bool {
    match provider {
        Provider::Twilio | Provider::Gupshup => true,
        Provider::Meta => false,
    }
}

/// Whether a provider's statuses bring our own reference back. Where they do not, the send's
/// answer and the statuses are joined by the provider's id.
#[must_use]
pub const fn statuses_carry_reference(provider: Provider) -> bool {
    match provider {
        Provider::Twilio | Provider::Meta => true,
        Provider::Gupshup => false,
    }
}

/// Whether an account of this provider has one number, and names itself rather than that.
#[must_use]
pub const fn an_account_is_its_number(provider: Provider) -> bool {
    match provider {
        Provider::Gupshup => true,
        Provider::Twilio | Provider::Meta => false,
    }
}

/// Explains a provider's code. Total: an unknown code has a stated default.
#[must_use]
pub fn explain(provider: Provider, code: &str) -> Explanation {
    match provider {
        Provider::Twilio => twilio::explain(code),
        Provider::Gupshup => gupshup::explain(code),
        Provider::Meta => meta::explain(code),
    }
}

/// Whether a code says that the user does not want to be written to, so that his consent has ended
/// whatever we know of it (peers E13).
#[must_use]
pub fn ends_consent(provider: Provider, code: &str) -> bool {
    match provider {
        Provider::Twilio => code == twilio::OPTED_OUT,
        // Meta's codes pass through Gupshup unchanged.
        Provider::Gupshup => code == gupshup::OPTED_OUT || code == meta::OPTED_OUT,
        Provider::Meta => code == meta::OPTED_OUT,
    }
}

/// What a code that nobody has classified is taken for: final for this message, and nobody
/// else is stopped by it.
pub const UNKNOWN_CODE: Explanation = Explanation {
    concern: Concern::User,
    meaning: "the provider gave a code that this build does not know",
    retryable: false,
    remedy: "Look the code up in the provider's documentation before sending again.",
};

//! Every code that a caller may be answered with, its HTTP status and its remedy.
//!
//! One table, so that the service, its documentation and its tests cannot differ.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($( $variant:ident $text:literal $status:literal $title:literal $remedy:literal; )*) => {
        /// A code of the contract (`http-api.md`, "Codes").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $( #[doc = $title] $variant, )*
        }

        impl Code {
            /// Every code there is, in the order of the contract.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The code as callers read it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// The HTTP status that the code is answered with.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )* }
            }

            /// A short summary, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )* }
            }

            /// One sentence that a person can act on.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $( Self::$variant => $remedy, )* }
            }
        }
    };
}

codes! {
    WindowExpired "window_expired" 409 "The customer service window has closed"
        "Send an approved template, or wait until the customer writes again.";
    WindowNeverOpened "window_never_opened" 409 "The customer has never written to this number"
        "Send an approved template to a customer who has opted in; free-form messages need a customer's message first.";
    BrandInactive "brand_inactive" 409 "The sender's brand is inactive"
        "Activate the brand: PUT /v1/brands/{brand} with active true.";
    BrandDeleted "brand_deleted" 409 "The sender's brand has been deleted"
        "Create the brand again, or give the sender another brand.";
    BrandMismatch "brand_mismatch" 409 "The conversation belongs to another brand than its sender"
        "Align the sender's brand with the conversation's.";
    IntegrationRemoved "integration_removed" 409 "The integration has been removed"
        "The conversation can only be read; add the account and number again to resume it.";
    AccountDeactivated "account_deactivated" 409 "The account is deactivated"
        "Reactivate the account: POST /v1/accounts/{account}/activate.";
    AccountDeleted "account_deleted" 409 "The account has been deleted"
        "The conversation can no longer be used with this account; add a new account.";
    SenderRestricted "sender_restricted" 409 "The provider has restricted this sender"
        "Wait until the restriction ends, or resolve it with the provider; replies go on where the provider allows them.";
    Interrupted "interrupted" 409 "The sender of this conversation has been deleted"
        "End the conversation; nothing else is possible until the number is added again.";
    NotOptedIn "not_opted_in" 409 "The customer has not opted in"
        "Record the customer's consent first: PUT /v1/senders/{sender}/contacts/{contact}/opt-in.";
    OptedOut "opted_out" 409 "The customer has opted out"
        "Do not write to this customer; only a new consent changes this.";
    TemplateMessagingOff "template_messaging_off" 409 "Template messaging is switched off for this sender"
        "Switch it on: PUT /v1/senders/{sender} with template_messaging true.";
    TemplateNotApproved "template_not_approved" 409 "The template is not approved"
        "Wait for its approval, or use an approved template.";
    InsufficientBalance "insufficient_balance" 409 "The account's wallet is empty"
        "Recharge the wallet at the provider.";
    ConversationEnded "conversation_ended" 409 "The conversation has ended"
        "Write to the customer through a new conversation.";
    AlreadyOwned "already_owned" 409 "Another agent owns the conversation"
        "Ask its owner to transfer it.";
    NotOwner "not_owner" 409 "You do not own the conversation"
        "Claim the conversation, or ask its owner.";
    OfferGone "offer_gone" 409 "The offer is no longer open"
        "Take another offer from GET /v1/offers.";
    AgentNotAvailable "agent_not_available" 409 "The agent is not available"
        "Choose another agent or a queue.";
    NotRetryable "not_retryable" 409 "The message cannot be retried"
        "Only failed messages are retried; send a new message instead.";
    NotCancellable "not_cancellable" 409 "The message can no longer be cancelled"
        "Only held, deferred, scheduled and queued messages are cancelled.";
    MediaNotReady "media_not_ready" 409 "The media item is not stored yet"
        "Try again when its state is `stored`.";
    IdempotencyInProgress "idempotency_in_progress" 409 "The first request with this Idempotency-Key is still running"
        "Repeat the request in a moment.";

    TemplateUnknown "template_unknown" 422 "There is no such template"
        "Define it: PUT /v1/accounts/{account}/templates/{name}, or check its name and language.";
    TemplateMismatch "template_mismatch" 422 "The text matches no approved template"
        "Use the template's exact wording.";
    TemplateVariables "template_variables" 422 "The variables do not fit the template"
        "Give exactly the variables that the template's body names.";
    CategoryForbidden "category_forbidden" 422 "The account does not allow templates of this category"
        "Use another category, or allow it in the account's template_categories.";
    TextTooLong "text_too_long" 422 "The text is longer than the provider allows"
        "Shorten the text, or send it in parts.";
    TextEmpty "text_empty" 422 "The text is empty"
        "Send at least one character that is not white space.";
    MediaType "media_type" 422 "The media type is not allowed"
        "Use one of the types that the provider allows.";
    MediaTooLarge "media_too_large" 422 "The media item is too large"
        "Send a smaller file.";
    MediaUrl "media_url" 422 "The media URL cannot be used"
        "Give a public https URL.";
    CaptionUnsupported "caption_unsupported" 422 "The provider allows no caption here"
        "Send the caption as a text of its own.";
    FilenameUnsupported "filename_unsupported" 422 "The provider allows no file name here"
        "Leave the file name out.";
    ContentUnsupported "content_unsupported" 422 "The provider cannot send this kind of content"
        "Send a kind that the sender's provider supports, such as text.";
    ContactInvalid "contact_invalid" 422 "The recipient cannot be written to"
        "Give a phone number in E.164, such as +919876543210, that is not the sender's own.";
    UserIdUnsupported "user_id_unsupported" 422 "The provider does not send to business-scoped user ids"
        "Give the customer's phone number.";
    WrapUpRequired "wrap_up_required" 422 "A wrap-up reason is required"
        "Choose one from GET /v1/wrap-up-reasons.";
    IdempotencyMismatch "idempotency_mismatch" 422 "The Idempotency-Key was used with another body"
        "Use a new key for a new message.";

    LimitReached "limit_reached" 429 "The messaging limit is reached"
        "Wait until retry_at, when a place in the rolling 24 hours is free; replies in an open window are not limited.";
    AgentUserLimit "agent_user_limit" 429 "The agent has sent this customer as many messages as allowed"
        "Wait for the customer's answer.";
    AgentMonthLimit "agent_month_limit" 429 "The agent has sent as many messages in 30 days as allowed"
        "Wait, or raise the sender's agent_limits.";
    BudgetReached "budget_reached" 429 "The sender's budget is used up"
        "Raise the budget in the sender's settings.";
    RateLimited "rate_limited" 429 "Too many requests"
        "Repeat the request after retry_at.";

    InvalidRequest "invalid_request" 400 "The request is not valid"
        "Correct what `detail` names.";
    Unauthorized "unauthorized" 401 "A valid key is missing"
        "Send `Authorization: Bearer <key>` with a key from POST /v1/keys.";
    Forbidden "forbidden" 403 "The key's role does not allow this"
        "Use a key with a role that does.";
    NotFound "not_found" 404 "There is no such thing"
        "Check the path and the identifier.";
    MethodNotAllowed "method_not_allowed" 405 "The path does not have this method"
        "Use a method of the Allow header.";
    PayloadTooLarge "payload_too_large" 413 "The body is too large"
        "Send a smaller body.";
    UnsupportedMediaType "unsupported_media_type" 415 "The body's type is not understood"
        "Send application/json.";
    Internal "internal" 500 "Something went wrong on our side"
        "Repeat the request; nothing is half done.";
    NotImplemented "not_implemented" 501 "This is not implemented yet"
        "See the CHANGELOG for what is.";
    Overloaded "overloaded" 503 "The service is busy"
        "Repeat the request in a moment.";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The four reasons of the source documents for which a reply is blocked (M136-M139), and the
/// interruption by a deleted sender (M50).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedReason {
    /// The brand is inactive, deleted, or not the sender's (M136).
    SessionEnded,
    /// The integration has been removed (M137).
    IntegrationRemoved,
    /// The account is deactivated or deleted (M138).
    AccountDeactivated,
    /// The window has closed or was never open (M139).
    SessionExpired,
    /// The sender has been deleted (M50).
    Interrupted,
}

impl BlockedReason {
    /// The reason that a refusal code belongs to; `None` for codes that do not concern replies.
    #[must_use]
    pub fn of(code: Code) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other code concerns no reply")]
        match code {
            Code::BrandInactive | Code::BrandDeleted | Code::BrandMismatch => {
                Some(Self::SessionEnded)
            }
            Code::IntegrationRemoved => Some(Self::IntegrationRemoved),
            Code::AccountDeactivated | Code::AccountDeleted => Some(Self::AccountDeactivated),
            Code::WindowExpired | Code::WindowNeverOpened => Some(Self::SessionExpired),
            Code::Interrupted => Some(Self::Interrupted),
            _ => None,
        }
    }

    /// The reason as callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionEnded => "session_ended",
            Self::IntegrationRemoved => "integration_removed",
            Self::AccountDeactivated => "account_deactivated",
            Self::SessionExpired => "session_expired",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_a_title_and_a_remedy_sentence() {
        for code in Code::ALL {
            assert!((400..=599).contains(&code.status()), "{code}");
            assert!(!code.title().is_empty(), "{code}");
            assert!(code.remedy().ends_with('.'), "{code}");
            let spelled = format!("{code:?}").chars().fold(String::new(), |mut text, c| {
                if c.is_ascii_uppercase() && !text.is_empty() {
                    text.push('_');
                }
                text.push(c.to_ascii_lowercase());
                text
            });
            assert_eq!(spelled, code.as_str());
        }
    }
}

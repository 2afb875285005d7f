//! What Meta's codes mean, in words that a person can act on. Many codes share one.

use crate::{Concern, Explanation};

const RETRYABLE: bool = true;
const FINAL: bool = false;

pub(super) const TOKEN: Explanation = row(
    Concern::Account,
    FINAL,
    "Meta did not accept the access token",
    "Store a new access token of a system user; sends go on once it is accepted.",
);
pub(super) const PERMISSION: Explanation = row(
    Concern::Account,
    FINAL,
    "the access token may not send for this WhatsApp Business account",
    "Give the app and the token's system user the permission whatsapp_business_messaging for this account.",
);
pub(super) const NUMBER_GONE: Explanation = row(
    Concern::Account,
    FINAL,
    "the sender's phone number id is wrong, or Meta has deleted the number",
    "Check the sender's phone number ID in Meta's WhatsApp Manager.",
);
pub(super) const POLICY_BLOCK: Explanation = row(
    Concern::Account,
    FINAL,
    "Meta has blocked the account for a violation of its policies",
    "Appeal in Meta's Business Manager; nothing can be sent until Meta lifts the block.",
);
pub(super) const LOCKED: Explanation = row(
    Concern::Account,
    FINAL,
    "Meta has locked the WhatsApp Business account",
    "Appeal in Meta's Business Manager; nothing can be sent until Meta unlocks the account.",
);
pub(super) const DISPLAY_NAME: Explanation = row(
    Concern::Account,
    FINAL,
    "the sender's display name has not been approved",
    "Have the display name approved in Meta's WhatsApp Manager.",
);
pub(super) const PAYMENT: Explanation = row(
    Concern::Balance,
    FINAL,
    "the account's means of payment is not in order",
    "Put the means of payment right in Meta's Business Manager.",
);
pub(super) const CERTIFICATE: Explanation = row(
    Concern::Account,
    FINAL,
    "the sender's certificate is not valid, so its number is not registered",
    "Register the number again at Meta.",
);
pub(super) const NOT_REGISTERED: Explanation = row(
    Concern::Account,
    FINAL,
    "the sender's number is not registered",
    "Register the number at Meta before sending from it.",
);
pub(super) const REGISTRATION: Explanation = row(
    Concern::Account,
    FINAL,
    "the sender's number is not in order at Meta",
    "Look at the number's registration in Meta's WhatsApp Manager.",
);
pub(super) const UNKNOWN_ERROR: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "Meta had an error that it does not explain",
    "Wait a few minutes, then send again.",
);
pub(super) const UNAVAILABLE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "Meta's service was not available",
    "Wait a few minutes, then send again.",
);
pub(super) const APP_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "the app made too many calls",
    "Wait, or lower the rate of all that uses this app.",
);
pub(super) const ACCOUNT_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "too many calls were made for the WhatsApp Business account",
    "Wait, or lower the rate of all that uses this account.",
);
pub(super) const THROUGHPUT: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "the sender exceeded its rate",
    "Wait, or lower the sender's rate.",
);
pub(super) const SPAM_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "Meta restricts the sender because its messages were blocked or reported",
    "Wait, and look at the number's quality in Meta's WhatsApp Manager before sending more.",
);
pub(super) const PAIR_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "too many messages went from this sender to this user in a short time",
    "Wait; one message every six seconds reaches one user.",
);
pub(super) const MAINTENANCE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "Meta is upgrading the sender's number",
    "Wait a minute, then send again.",
);
pub(super) const LIMIT_LOWERED: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "Meta lowered the messaging limit because templates were in the wrong category",
    "Wait, and correct the templates' categories in Meta's WhatsApp Manager.",
);
pub(super) const REGISTER_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "the sender's number was registered too often",
    "Wait up to three days before registering the number again.",
);
pub(super) const WINDOW: Explanation = row(
    Concern::Window,
    FINAL,
    "the customer service window is closed",
    "Send an approved template.",
);
pub(super) const EXPERIMENT: Explanation = row(
    Concern::User,
    FINAL,
    "Meta holds marketing messages back from this user for an experiment",
    "Do not repeat it within 24 hours; it may be sent after the customer writes.",
);
pub(super) const COUNTRY: Explanation = row(
    Concern::User,
    FINAL,
    "the account may not write to users in the recipient's country",
    "Do not write to this customer, or look up the restriction in Meta's Business Manager.",
);
pub(super) const TO_ITSELF: Explanation = row(
    Concern::User,
    FINAL,
    "the recipient is the sender itself",
    "Send to another number than the sender's.",
);
pub(super) const UNDELIVERABLE: Explanation = row(
    Concern::User,
    FINAL,
    "WhatsApp cannot deliver to the recipient",
    "Check the customer's number; it may not use WhatsApp, or use a version that is too old.",
);
pub(super) const NOT_ALLOWED: Explanation = row(
    Concern::User,
    FINAL,
    "the recipient is not on the test number's list",
    "Add the recipient to the test number's list at Meta, or use a real number.",
);
pub(super) const HELD_BACK: Explanation = row(
    Concern::User,
    FINAL,
    "Meta chose not to deliver this marketing message to this user",
    "Do not repeat it; wait at least 24 hours before another marketing message to this customer.",
);
pub(super) const STOPPED: Explanation = row(
    Concern::User,
    FINAL,
    "the recipient has stopped marketing messages from this sender",
    "Record the opt-out and send no more marketing until the customer resumes it.",
);
pub(super) const NEEDS_PHONE: Explanation = row(
    Concern::User,
    FINAL,
    "this template is sent to phone numbers only, and the recipient's is hidden",
    "Ask the customer for his number, or send another template.",
);
pub(super) const IDENTITY: Explanation = row(
    Concern::User,
    FINAL,
    "the recipient's identity has changed since it was last confirmed",
    "Confirm the customer's identity again before sending.",
);
pub(super) const PARAMETER: Explanation = row(
    Concern::Content,
    FINAL,
    "the request has a field that is missing or not valid",
    "Correct the message; the provider's log names the field.",
);
pub(super) const KIND: Explanation = row(
    Concern::Content,
    FINAL,
    "WhatsApp does not support this kind of message",
    "Send another kind of message.",
);
pub(super) const MEDIA_IN: Explanation = row(
    Concern::Content,
    RETRYABLE,
    "WhatsApp could not download the media that the user sent",
    "Ask the customer to send it once more, below 100 MB.",
);
pub(super) const MEDIA_OUT: Explanation = row(
    Concern::Content,
    RETRYABLE,
    "Meta could not fetch the media or does not take its type",
    "Check that the media's address is public and its type allowed, then send once more.",
);
pub(super) const METHOD: Explanation = row(
    Concern::Content,
    FINAL,
    "the account is not set up for sending this message in this way",
    "Check the account's Marketing Messages API in Meta's Business Manager; other messages go on.",
);
pub(super) const GROUP: Explanation = row(
    Concern::Content,
    FINAL,
    "WhatsApp did not accept a message for a group",
    "Write to users, not to groups.",
);
pub(super) const VARIABLES: Explanation = row(
    Concern::Content,
    FINAL,
    "the template's variables do not fit its definition",
    "Compare the template's variables with its definition in Meta's WhatsApp Manager.",
);
pub(super) const NO_TEMPLATE: Explanation = row(
    Concern::Content,
    FINAL,
    "the template does not exist in this language or has not been approved",
    "Correct the template's name and language, or wait for its approval.",
);
pub(super) const TEMPLATE_LONG: Explanation = row(
    Concern::Content,
    FINAL,
    "the template's text becomes too long with its variables",
    "Shorten the variables; the whole text may have 1024 characters.",
);
pub(super) const TEMPLATE_POLICY: Explanation = row(
    Concern::Content,
    FINAL,
    "the template's content violates a policy of WhatsApp",
    "Change the template so that it keeps WhatsApp's policy.",
);
pub(super) const TEMPLATE_PAUSED: Explanation = row(
    Concern::Content,
    FINAL,
    "WhatsApp has paused the template for its quality",
    "Use another template until WhatsApp lifts the pause.",
);
pub(super) const TEMPLATE_DISABLED: Explanation = row(
    Concern::Content,
    FINAL,
    "WhatsApp has disabled the template for its quality",
    "Make a new template with other content.",
);
pub(super) const FLOW_BLOCKED: Explanation = row(
    Concern::Content,
    FINAL,
    "the flow that the message carries is blocked",
    "Correct the flow in Meta's WhatsApp Manager.",
);
pub(super) const FLOW_THROTTLED: Explanation = row(
    Concern::Content,
    FINAL,
    "the flow that the message carries is throttled",
    "Correct the flow's endpoint; Meta throttles one that answers badly.",
);
pub(super) const PAYMENT_TERMS: Explanation = row(
    Concern::Content,
    FINAL,
    "the terms for payments have not been accepted",
    "Accept WhatsApp's terms for payments in Meta's Business Manager; other messages go on.",
);
pub(super) const TIMEOUT: Explanation = row(
    Concern::Outcome,
    FINAL,
    "the provider did not answer in time and may or may not have the message",
    "Wait for a status of this message before sending again: the customer may already have it.",
);
pub(super) const CONNECTION_LOST: Explanation = row(
    Concern::Outcome,
    FINAL,
    "the connection broke before the provider answered, so it may or may not have the message",
    "Wait for a status of this message before sending again: the customer may already have it.",
);
pub(super) const UNTOLD: Explanation = row(
    Concern::User,
    FINAL,
    "the provider reported a failure and gave no code",
    "Look at the number's insights in Meta's WhatsApp Manager before sending again.",
);
pub(super) const HTTP_REFUSED: Explanation = row(
    Concern::User,
    FINAL,
    "the provider's address refused the request without one of the provider's codes",
    "Check the account's API address and what stands between the service and the provider.",
);
pub(super) const HTTP_RATE: Explanation = row(
    Concern::Pace,
    RETRYABLE,
    "the provider received too many requests and did not process this one",
    "Wait; the message may be sent again without risk.",
);
pub(super) const HTTP_OPEN: Explanation = row(
    Concern::Outcome,
    FINAL,
    "the provider's answer does not tell whether it has the message",
    "Wait for a status of this message before sending again: the customer may already have it.",
);

const fn row(
    concern: Concern,
    retryable: bool,
    meaning: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation { concern, meaning, retryable, remedy }
}

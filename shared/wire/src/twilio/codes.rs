//! Every code of Twilio's that this build knows, in one table: whom it concerns, what it means
//! and what a person can do about it.
//!
//! `Concern::Account` stops a whole sender, so it is given only where no message at all can
//! get through; trouble between Twilio and WhatsApp that passes by itself is `Concern::Pace`.

use crate::{Concern, Explanation, UNKNOWN_CODE};

/// The code of a failure that was told without one.
pub(super) const UNTOLD: &str = "unknown";
/// The code of a message that was withdrawn at the provider.
pub(super) const CANCELED: &str = "canceled";
/// The longest text that is taken for a code, in characters.
const CODE_CHARS_MAX: usize = 32;

const RETRYABLE: bool = true;
const FINAL: bool = false;

/// The recipient said STOP to the number or its service.
pub(crate) const OPTED_OUT: &str = "21610";

/// Every known code with its explanation. Texts in place of numbers are ours, for failures that
/// Twilio gave no number.
pub const KNOWN_CODES: &[(&str, Explanation)] = &[
    // The REST API
    (
        "20003",
        row(
            Concern::Account,
            FINAL,
            "the provider did not accept the account's credentials",
            "Store the account's current auth token; sends go on once it is accepted.",
        ),
    ),
    (
        "20404",
        row(
            Concern::Account,
            FINAL,
            "the provider does not know the account or resource that the send names",
            "Check the account SID and the API address of the account.",
        ),
    ),
    (
        "20429",
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider received too many requests and did not process this one",
            "Wait; the message may be sent again without risk.",
        ),
    ),
    (
        "20500",
        row(
            Concern::Outcome,
            FINAL,
            "the provider had an internal error and may or may not have the message",
            "Look in the provider's message log before sending again: the customer may already have it.",
        ),
    ),
    (
        "21211",
        row(
            Concern::User,
            FINAL,
            "the recipient's address is not valid",
            "Correct the customer's number.",
        ),
    ),
    (
        "21212",
        row(
            Concern::Account,
            FINAL,
            "the sender's address is not valid",
            "Check the sender's number against the provider's list of WhatsApp senders.",
        ),
    ),
    (
        "21408",
        row(
            Concern::User,
            FINAL,
            "the account may not send to the recipient's region",
            "Enable the region in the provider's geographic permissions, or do not write to this customer.",
        ),
    ),
    (
        "21606",
        row(
            Concern::Account,
            FINAL,
            "the sender's number cannot be used for WhatsApp",
            "Register the number as a WhatsApp sender at the provider, or use another sender.",
        ),
    ),
    (
        "21609",
        row(
            Concern::Account,
            FINAL,
            "the provider cannot use our address for statuses",
            "Give the service a public https address whose host has no underscore.",
        ),
    ),
    (
        "21610",
        row(
            Concern::User,
            FINAL,
            "the recipient has unsubscribed from this sender",
            "Record the opt-out and do not write until the customer consents again.",
        ),
    ),
    (
        "21611",
        row(
            Concern::Pace,
            RETRYABLE,
            "the sender's queue at the provider is full",
            "Wait until the queue has drained, or lower the sender's rate.",
        ),
    ),
    (
        "21617",
        row(
            Concern::Content,
            FINAL,
            "the text is longer than the provider allows",
            "Shorten the text to 1600 characters, or send it in parts.",
        ),
    ),
    (
        "21619",
        row(
            Concern::Content,
            FINAL,
            "the message holds neither a text nor media",
            "Give the message a text or a template.",
        ),
    ),
    (
        "21620",
        row(
            Concern::Content,
            FINAL,
            "the media's address is not valid",
            "Give a public https URL that answers with the file itself.",
        ),
    ),
    (
        "21623",
        row(
            Concern::Content,
            FINAL,
            "the message holds more media than the provider allows",
            "Send one media item in each message.",
        ),
    ),
    (
        "21654",
        row(
            Concern::Content,
            FINAL,
            "the template's content SID is missing",
            "Store the template's content SID (HX…) as its provider_ref.",
        ),
    ),
    (
        "21655",
        row(
            Concern::Content,
            FINAL,
            "the template's content SID is not known to the provider",
            "Correct the template's provider_ref from the provider's list of content templates.",
        ),
    ),
    (
        "21656",
        row(
            Concern::Content,
            FINAL,
            "the template's variables are not valid",
            "Give every variable of the template a text that is not empty.",
        ),
    ),
    // Delivery
    (
        "30001",
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider's queue overflowed",
            "Wait, and lower the sender's rate if it happens again.",
        ),
    ),
    (
        "63001",
        row(
            Concern::Account,
            FINAL,
            "WhatsApp did not accept the provider's credentials for the sender",
            "Reconnect the sender to its WhatsApp Business account at the provider.",
        ),
    ),
    (
        "63003",
        row(
            Concern::User,
            FINAL,
            "WhatsApp does not find the recipient",
            "Check the customer's number; it may not use WhatsApp.",
        ),
    ),
    (
        "63005",
        row(
            Concern::Content,
            FINAL,
            "WhatsApp did not accept the content",
            "Change the content; its format or its subject is not allowed.",
        ),
    ),
    (
        "63007",
        row(
            Concern::Account,
            FINAL,
            "the sender's number belongs to no WhatsApp channel",
            "Register the number as a WhatsApp sender at the provider.",
        ),
    ),
    (
        "63009",
        row(
            Concern::Pace,
            RETRYABLE,
            "WhatsApp answered the provider with an error",
            "Wait a few minutes, then send again.",
        ),
    ),
    (
        "63010",
        row(
            Concern::Pace,
            RETRYABLE,
            "the provider had an internal error while delivering",
            "Wait a few minutes, then send again.",
        ),
    ),
    (
        "63012",
        row(
            Concern::Pace,
            RETRYABLE,
            "WhatsApp was not available to the provider",
            "Wait a few minutes, then send again.",
        ),
    ),
    (
        "63013",
        row(
            Concern::Content,
            FINAL,
            "the message violates WhatsApp's policy",
            "Change the content so that it keeps WhatsApp's business policy.",
        ),
    ),
    (
        "63014",
        row(
            Concern::User,
            FINAL,
            "the recipient has blocked the sender",
            "Do not write to this customer until the customer writes again.",
        ),
    ),
    (
        "63015",
        row(
            Concern::User,
            FINAL,
            "the recipient has not joined the provider's sandbox",
            "Have the recipient send the join text to the sandbox number, or use a real sender.",
        ),
    ),
    (
        "63016",
        row(
            Concern::Window,
            FINAL,
            "the customer service window is closed",
            "Send an approved template.",
        ),
    ),
    (
        "63017",
        row(
            Concern::Pace,
            RETRYABLE,
            "the sender exceeded its rate at WhatsApp",
            "Wait, or lower the sender's rate.",
        ),
    ),
    (
        "63018",
        row(
            Concern::Pace,
            RETRYABLE,
            "a rate or messaging limit of WhatsApp is reached",
            "Wait until the limit has room; a higher limit is earned by quality and use.",
        ),
    ),
    (
        "63019",
        row(
            Concern::Content,
            RETRYABLE,
            "the provider could not fetch the media",
            "Check that the media's address is public, then send once more.",
        ),
    ),
    (
        "63020",
        row(
            Concern::Account,
            FINAL,
            "the WhatsApp Business account is not in order at Meta",
            "Open Meta's Business Manager and resolve what it names, such as an invitation or a payment.",
        ),
    ),
    (
        "63021",
        row(
            Concern::Content,
            FINAL,
            "WhatsApp found the content invalid",
            "Check the template's variables and the message's format.",
        ),
    ),
    (
        "63022",
        row(
            Concern::Account,
            FINAL,
            "the sender's registration at WhatsApp is not valid",
            "Have the provider register the sender and its display name again.",
        ),
    ),
    (
        "63023",
        row(
            Concern::Pace,
            RETRYABLE,
            "WhatsApp reported a general error",
            "Wait a few minutes, then send again; ask the provider if it goes on.",
        ),
    ),
    (
        "63024",
        row(
            Concern::User,
            FINAL,
            "the recipient is not a WhatsApp user",
            "Reach the customer by another channel, or correct the number.",
        ),
    ),
    (
        "63026",
        row(
            Concern::Pace,
            RETRYABLE,
            "WhatsApp slowed the sender down because its messages look like spam",
            "Wait, send less, and write only to customers who expect it.",
        ),
    ),
    (
        "63027",
        row(
            Concern::Content,
            FINAL,
            "the template does not exist in this language",
            "Use a language in which the template is approved.",
        ),
    ),
    (
        "63028",
        row(
            Concern::Content,
            FINAL,
            "the number of variables does not fit the template",
            "Give exactly the variables that the approved template names.",
        ),
    ),
    (
        "63029",
        row(
            Concern::Content,
            RETRYABLE,
            "the receiver could not fetch the media or the template",
            "Check that the media's address is public, then send once more.",
        ),
    ),
    (
        "63030",
        row(
            Concern::Content,
            FINAL,
            "the message has a parameter that its kind does not allow",
            "Leave the parameter out, or use another kind of message.",
        ),
    ),
    (
        "63031",
        row(
            Concern::User,
            FINAL,
            "the sender and the recipient are the same number",
            "Write to another number.",
        ),
    ),
    (
        "63032",
        row(
            Concern::User,
            FINAL,
            "WhatsApp withholds the message from this user as part of an experiment",
            "Reach the customer by another channel; sending again soon changes nothing.",
        ),
    ),
    (
        "63033",
        row(
            Concern::User,
            FINAL,
            "the recipient has blocked the sender or opted out",
            "Do not write to this customer until the customer writes again.",
        ),
    ),
    (
        "63034",
        row(
            Concern::Content,
            FINAL,
            "the media is larger than WhatsApp allows",
            "Send a smaller file; a WhatsApp message carries 16 MB at most.",
        ),
    ),
    (
        "63037",
        row(
            Concern::Content,
            RETRYABLE,
            "the media could not be uploaded to WhatsApp",
            "Send once more; if it fails again, check the file.",
        ),
    ),
    (
        "63038",
        row(
            Concern::Pace,
            RETRYABLE,
            "the account's limit of messages for a day is reached",
            "Wait until the next day, or have the provider raise the limit.",
        ),
    ),
    (
        "63040",
        row(
            Concern::Content,
            FINAL,
            "the template is not approved",
            "Wait for the template's approval, or use an approved one.",
        ),
    ),
    (
        "63041",
        row(
            Concern::Content,
            FINAL,
            "WhatsApp has paused the template for its quality",
            "Use another template until WhatsApp lifts the pause.",
        ),
    ),
    (
        "63049",
        row(
            Concern::User,
            FINAL,
            "Meta chose not to deliver this marketing message to this user",
            "Do not repeat it; wait at least 24 hours before another marketing message to this customer.",
        ),
    ),
    (
        "63051",
        row(
            Concern::Account,
            FINAL,
            "the sender is locked at WhatsApp",
            "Have the provider unlock the sender; a number without traffic for a month is locked.",
        ),
    ),
    (
        "63062",
        row(
            Concern::Content,
            FINAL,
            "Meta's terms for marketing messages have not been accepted",
            "Accept the terms of the Marketing Messages API in Meta's Business Manager; other messages go on.",
        ),
    ),
    (
        "63112",
        row(
            Concern::Account,
            FINAL,
            "Meta has disabled the WhatsApp Business account or the sender",
            "Appeal in Meta's Business Manager; nothing can be sent until Meta restores it.",
        ),
    ),
    // Twilio's calls to us, seen in its debugger only
    (
        "11200",
        row(
            Concern::Account,
            FINAL,
            "the provider could not get an answer from our webhook",
            "Check that the service's public address answers.",
        ),
    ),
    (
        "11205",
        row(
            Concern::Account,
            FINAL,
            "the provider could not connect to our webhook in time",
            "Check that the service's public address is reachable and answers within 15 seconds.",
        ),
    ),
    (
        "11215",
        row(
            Concern::Account,
            FINAL,
            "our webhook redirected the provider too often",
            "Give the provider the service's final address, without redirects.",
        ),
    ),
    // Our own, where Twilio gave none
    (
        "timeout",
        row(
            Concern::Outcome,
            FINAL,
            "the provider did not answer in time and may or may not have the message",
            "Look in the provider's message log before sending again: the customer may already have it.",
        ),
    ),
    (
        "connection_lost",
        row(
            Concern::Outcome,
            FINAL,
            "the connection broke before the provider answered, so it may or may not have the message",
            "Look in the provider's message log before sending again: the customer may already have it.",
        ),
    ),
    (
        "canceled",
        row(
            Concern::User,
            RETRYABLE,
            "the message was withdrawn at the provider before it was sent",
            "Send it again if it is still wanted.",
        ),
    ),
    (
        "unknown",
        row(
            Concern::User,
            FINAL,
            "the provider reported a failure and gave no code",
            "Look the message up in the provider's log before sending again.",
        ),
    ),
];

/// An HTTP status that tells that the request was refused, without Twilio's own words for it.
const HTTP_REFUSED: Explanation = row(
    Concern::User,
    FINAL,
    "the provider's address refused the request without one of the provider's codes",
    "Check the account's API address and what stands between the service and the provider.",
);
/// An HTTP status that leaves open what happened.
const HTTP_OPEN: Explanation = row(
    Concern::Outcome,
    FINAL,
    "the provider's answer does not tell whether it has the message",
    "Look in the provider's message log before sending again: the customer may already have it.",
);

/// Explains a code: Twilio's numbers, our `timeout`, `connection_lost`, `canceled`, `unknown`,
/// and `http_<status>`. Total: any other text is [`UNKNOWN_CODE`].
#[must_use]
pub fn explain(code: &str) -> Explanation {
    if let Some(status) = code.strip_prefix("http_") {
        return http(status);
    }
    KNOWN_CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(UNKNOWN_CODE, |(_, explanation)| *explanation)
}

/// Whether a text from outside may be stored and shown as a code.
pub(super) fn is_written_as_code(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= CODE_CHARS_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn http(status: &str) -> Explanation {
    match status.parse::<u16>() {
        Ok(408) => HTTP_OPEN,
        Ok(429) => explain("20429"),
        Ok(400..=499) => HTTP_REFUSED,
        Ok(100..=599) => HTTP_OPEN,
        Ok(_) | Err(_) => UNKNOWN_CODE,
    }
}

const fn row(
    concern: Concern,
    retryable: bool,
    meaning: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation { concern, meaning, retryable, remedy }
}

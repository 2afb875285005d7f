//! Every row of the mission, in our own words, and what it takes to keep it.

/// What a row takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A test whose name bears the row's number.
    Tested,
    /// A line in `docs/providers/sign-up.md`: it tells how a vendor's own sign-up works.
    Written,
    /// A statement of this repository as a whole; where it stands.
    Stated(&'static str),
    /// A part of the house that is still to be built. Tests may exist already.
    Later(&'static str),
}

use Kept::{Later, Stated, Tested, Written};

/// A row: its number, what it asks for, what it takes.
pub(crate) type Row = (&'static str, &'static str, Kept);

/// The agents' desk and its console.
const DESK: Kept = Later("the agents' desk");
/// Free text that is recognised as a template.
const BY_TEXT: Kept = Later("templates recognised by their text");
/// What operators and finance see.
const OPERATIONS: Kept = Later("operations");

/// A part of the mission with its rows.
pub(crate) type Part = (&'static str, &'static [Row]);

/// The parts.
pub(crate) const PARTS: &[Part] = &[
    (
        "A1. Conversation and window",
        &[
            ("M1", "A customer's first message begins one conversation", Tested),
            ("M2", "Replies go out through the provider at once", Tested),
            ("M3", "Each message of the customer opens a window of 24 hours", Tested),
            ("M4", "Within it, free-form messages without number", Tested),
            ("M5", "Each new one of his begins the countdown again", Tested),
            ("M6", "Counted from when he sent it, not from its receipt", Tested),
            ("M7", "The same, told by a second source", Tested),
            ("M8", "Outside the window only a template", Tested),
            ("M9", "A template opens nothing; the answer to it does", Tested),
            ("M10", "A window belongs to one business number and one user", Tested),
            ("M11", "A late reply is kept with a lasting mark that it did not go out", Tested),
            ("M12", "A message after the end opens the window again", Tested),
            ("M13", "Expiring comes before expired, with the time left", Tested),
            ("M14", "A refusal is answered and told as an event, one to one", Tested),
            ("M15", "The rule is the same at every provider", Tested),
            ("M16", "Media, too, only within the window", Tested),
            ("M17", "Pictures, videos, audio and documents within it", Tested),
            ("M18", "Active is who wrote within 24 hours", Tested),
            ("M19", "The length of a window is the channel's", Tested),
            ("M20", "Answers to customers are never limited", Tested),
        ],
    ),
    (
        "A2. Limits and rates",
        &[
            ("M21", "250 customers may be written to first in rolling 24 hours", Tested),
            ("M22", "The limit is data and can grow", Tested),
            ("M23", "Only templates outside a window count", Tested),
            ("M24", "20 messages a second", Tested),
            ("M25", "10 messages of agents to one user, until he answers", Tested),
            ("M26", "100,000 messages of an agent in 30 days", Tested),
            ("M27", "The order of sending is kept, that of arrival is shown", Tested),
            ("M28", "1,600 characters at Twilio", Tested),
            ("M29", "4,096 characters elsewhere", Tested),
        ],
    ),
    (
        "A3. Media and formatting",
        &[
            ("M30", "Eight kinds come in", Tested),
            ("M31", "Six kinds go out, others are refused by name", Tested),
            ("M32", "Images: types and 5 MB; WEBP for stickers alone", Tested),
            ("M33", "Audio: types and 16 MB", Tested),
            ("M34", "Video: types and 16 MB", Tested),
            ("M35", "Documents: types and 16 MB, no caption or name", Tested),
            ("M36", "Gupshup's documents", Tested),
            ("M37", "Gupshup's images", Tested),
            ("M38", "Gupshup's audio", Tested),
            ("M39", "Gupshup's video", Tested),
            ("M40", "Links in texts", Tested),
            ("M41", "Files go out by address, not as bytes", Tested),
            ("M42", "A file of Gupshup's is fetched with the key, its type is looked at", Tested),
            ("M43", "Captions only where the profile has them", Tested),
            ("M44", "What makes an album", Tested),
            ("M45", "Spaces, lines, bold, italics, emoticons pass", Tested),
            ("M46", "A profile that knows new lines alone", Tested),
            ("M47", "The marks of bold, italics and struck text", Tested),
            ("M48", "Unicode, counted as the provider counts", Tested),
            ("M49", "Pictures and files may be attached", Tested),
            ("M50", "A sender that is deleted interrupts its conversations", Tested),
        ],
    ),
    (
        "A4. Templates",
        &[
            ("M51", "Only approved ones go out; the state is named", Tested),
            ("M52", "The template switch, audited", Tested),
            ("M53", "Off and active: as a session message", Tested),
            ("M54", "Off and inactive: not sent", Tested),
            ("M55", "On and active, opted in: as a session message", Tested),
            ("M56", "On and inactive, opted in, matching: as a template", BY_TEXT),
            ("M57", "On and inactive, opted in, not matching: not sent", Tested),
            ("M58", "On and not opted in: not sent", Tested),
            ("M59", "Four conditions, sixteen cells, each with its reason", Tested),
            ("M60", "The approved ones are listed, synchronised and asked for", Tested),
            ("M61", "Media in a template where its definition has it", Tested),
            ("M62", "A near miss names the template and the difference", BY_TEXT),
            ("M63", "Automation passes the same guard", Tested),
            ("M64", "Templates by shorthand", BY_TEXT),
            ("M65", "Free text outside the window fails visibly", Tested),
            ("M66", "The cost is shown before the send", Tested),
            ("M67", "A macro passes the same guard", DESK),
            ("M68", "A rule's send is guarded and attributed", DESK),
            ("M69", "Catalog templates are a kind", Tested),
            ("M70", "Which categories may be sent is data", Tested),
        ],
    ),
    (
        "A5. Consent",
        &[
            ("M71", "A template needs consent", Tested),
            ("M72", "Unknown, in, out, with the whole history", Tested),
            ("M73", "Where a consent came from; contacts by consent and activity", Tested),
            ("M74", "By QR code", Tested),
            ("M75", "By link", Tested),
            ("M76", "By widget", Tested),
            ("M77", "Written before the first message is", Tested),
            ("M78", "Who writes directly is asked exactly once", Tested),
            ("M79", "Consent by SMS opens no window", Tested),
            ("M80", "Opt-out at any time, for what waits too", Tested),
        ],
    ),
    (
        "A6. Money, sandbox, going live",
        &[
            ("M81", "An opening credit in the wallet", Tested),
            ("M82", "Fees by destination country and kind", Tested),
            ("M83", "Inbound messages are counted", Tested),
            ("M84", "A sandbox sends text alone", Tested),
            ("M85", "A keyword leads to an app and is stripped", Tested),
            ("M86", "What must be there before going live", Tested),
            ("M87", "How long an approval takes, and whom to ask after 15 days", Tested),
            ("M88", "A Business Manager's id has 15 or 16 digits", Tested),
            ("M89", "Where that id is found", Written),
            ("M90", "Which numbers can be used", Tested),
            ("M91", "The certificate needs a display name", Tested),
            ("M92", "How the display name is shown", Written),
            ("M93", "Where the picture is changed", Written),
            ("M94", "A number that is in an app must leave it first", Tested),
            ("M95", "What to do when the code does not come", Written),
            ("M96", "WhatsApp alone decides on accounts", Written),
            ("M97", "Every count is per sender", Tested),
            ("M98", "Changing between the two products", Written),
        ],
    ),
    (
        "A7. API and webhooks",
        &[
            ("M99", "A REST API to embed", Tested),
            ("M100", "Events are posted, signed and retried", Tested),
            ("M101", "Accepted is not yet sent", Tested),
            ("M102", "Statuses come as events and find their message", Tested),
            ("M103", "A thousand events in one post, in any order", Tested),
            ("M104", "Gupshup's old names and its new ones", Tested),
            ("M105", "Numbers of any country", Tested),
            ("M106", "A profile that takes numbers of one country alone", Tested),
            ("M107", "Two answers that the source does not give", Written),
            ("M108", "Session messages and template messages", Tested),
            ("M109", "What the source says of other channels", Written),
        ],
    ),
    (
        "A9. What users miss",
        &[
            ("U1", "The mark of what did not go out stays for ever", Tested),
            ("U2", "Every send ends in a known state", Tested),
            ("U3", "A late reply goes out when the window reopens, once", Tested),
            ("U4", "Windows that lapse over a weekend are seen before", DESK),
            ("U5", "A reminder before the window closes", Tested),
            ("U6", "Warnings at thresholds, each once", Tested),
            ("U7", "A policy for what becomes of a closed conversation", DESK),
            ("U8", "A new conversation links the one before it", DESK),
            ("U9", "Search by any writing of a number", Tested),
            ("U10", "What nobody confirmed is flagged", Tested),
            ("U11", "An API's reply is a reply like any other", Tested),
            ("U12", "What the business's own phone sends is shown", DESK),
            ("U13", "Many numbers, apart from each other", Tested),
            ("U14", "No tier, no licence fee", Stated("the licence: MIT or Apache-2.0")),
            ("U15", "The state of the business's verification is shown", Tested),
            ("U16", "A follow-up by template in one step, with its cost", Tested),
            ("U17", "Somebody on call when a window would lapse", DESK),
            ("U18", "A mention never leaves the house", DESK),
            ("U19", "An automatic answer extends no window", DESK),
            ("U20", "What M97, M124 and M125 miss", DESK),
            ("U21", "A dropped transfer loses nothing", DESK),
            ("U22", "An administrator can look for himself", OPERATIONS),
        ],
    ),
    (
        "Decisions where the sources disagree",
        &[
            ("D1", "The same number added again resumes its conversations", Tested),
            ("D2", "Which categories may be sent is the account's data", Tested),
            ("D3", "A template's own definition says whether it has media", Tested),
            ("D4", "Captions are a field of the profile", Tested),
            ("D5", "Lengths are fields of the profile, in the provider's unit", Tested),
            ("D6", "One table of media for each profile", Tested),
            ("D7", "Stickers come in always, go out where the profile has them", Tested),
            ("D8", "Free text to begin with is refused, a template is not", Tested),
            ("D9", "A template needs consent, not a first message", Tested),
            ("D10", "Without consent a reply within the window goes, a template does not", Tested),
            ("D11", "The limit's scope and size are data", Tested),
            ("D12", "At exactly 24 hours the window is closed", Tested),
            ("D13", "A place is taken at submission, given back if nothing was sent", Tested),
            ("D14", "Expiring is a matter of time alone", Tested),
            ("D15", "What masking keeps", DESK),
        ],
    ),
    (
        "Failures that others shipped",
        &[
            ("F1", "The message behind a template is lost", Tested),
            ("F2", "Acknowledged, then lost", Tested),
            ("F3", "A status before the send's answer is dropped", Tested),
            ("F4", "A status goes backwards", Tested),
            ("F5", "The customer gets it twice", Tested),
            ("F6", "Only the first item of a batch is read", Tested),
            ("F7", "A file that failed once is lost for ever", Tested),
            ("F8", "The window is wrong", Tested),
            ("F9", "A retry that clears the failure and sends nothing", Tested),
            ("F10", "Templates drift", Tested),
            ("F11", "A throttle becomes a failure, or stops everything", Tested),
            ("F12", "One customer, several conversations", Tested),
            ("F13", "Forged webhooks", Tested),
            ("F14", "Order is lost under load", Tested),
            ("F15", "A storm of warnings", Tested),
            ("F16", "A reply is discarded in silence; texts in logs", Tested),
            ("F17", "The wrong number's conversation", Tested),
            ("F18", "One user's identity given to another", Tested),
        ],
    ),
];

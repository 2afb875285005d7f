//! The events that subscribers may ask for, and the cause that each one's id is made from.

use crate::fetch::MediaState;
use crate::id::{ConversationId, MediaId, MessageId};
use crate::message::FactKind;
use crate::time::{Millis, Timestamp};

macro_rules! kinds {
    ($( $variant:ident $text:literal; )*) => {
        /// A kind of event (`http-api.md`, "Events").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            $( #[doc = concat!("`", $text, "`")] $variant, )*
        }

        impl EventKind {
            /// Every kind that the contract names.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The kind as subscribers read it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }
    };
}

kinds! {
    MessageReceived "message.received";
    MessageStatus "message.status";
    MessageUpdated "message.updated";
    MessageRefused "message.refused";
    MessageFailed "message.failed";
    MessageUnknown "message.unknown";
    MessageUnconfirmed "message.unconfirmed";
    MessageReleased "message.released";
    MediaStored "media.stored";
    MediaFailed "media.failed";
    ConversationOpened "conversation.opened";
    ConversationEnded "conversation.ended";
    ConversationAssigned "conversation.assigned";
    ConversationTransferred "conversation.transferred";
    ConversationInterrupted "conversation.interrupted";
    TransferDropped "transfer.dropped";
    ConferenceRequested "conference.requested";
    ConferenceJoined "conference.joined";
    ConferenceEnded "conference.ended";
    OfferCreated "offer.created";
    OfferAccepted "offer.accepted";
    OfferExpired "offer.expired";
    AgentState "agent.state";
    WindowOpened "window.opened";
    WindowExpiring "window.expiring";
    WindowExpired "window.expired";
    ContactOptedIn "contact.opted_in";
    ContactOptedOut "contact.opted_out";
    LimitReached "limit.reached";
    LimitRaised "limit.raised";
    LimitLowered "limit.lowered";
    WalletLow "wallet.low";
    BudgetReached "budget.reached";
    TemplateUpdated "template.updated";
    AccountUpdated "account.updated";
    SenderUpdated "sender.updated";
}

impl EventKind {
    /// Reads a kind.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.as_str() == text)
    }
}

/// What made an event happen. Its text is hashed into the event's id, so that the same cause
/// always carries the same id and two causes never share one (design §2, principle 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A message was stored.
    Received(MessageId),
    /// A message was changed by a later one, or completed by its own file.
    Updated(MessageId, MessageId),
    /// A fact about an attempt became known.
    Fact(MessageId, u32, FactKind),
    /// A rule refused the message; an attempt can be refused only once.
    Refused(MessageId, u32),
    /// An attempt was not delivered in its time.
    Unconfirmed(MessageId, u32),
    /// A held message was released, at this instant.
    Released(MessageId, Timestamp),
    /// A message opened a window.
    Opened(ConversationId, MessageId),
    /// A threshold of one countdown passed.
    Expiring(ConversationId, Timestamp, Millis),
    /// One countdown ended.
    Expired(ConversationId, Timestamp),
    /// The user gave or took back consent, by one way.
    Consent(ConversationId, Timestamp, String),
    /// A conversation was begun.
    Begun(ConversationId),
    /// How the fetching of a media item stands, in its round: a retry begins another one.
    Media(MediaId, u32, MediaState),
    /// A change by an administrator, named by what was changed and when.
    Changed(String, Timestamp),
}

impl Cause {
    /// The text to hash. Nothing personal: identifiers, times and names of kinds.
    #[must_use]
    pub fn text(&self, kind: EventKind) -> String {
        let kind = kind.as_str();
        match self {
            Self::Received(id) => format!("{kind}|{id}"),
            Self::Updated(id, by) => format!("{kind}|{id}|{by}"),
            Self::Fact(id, attempt, fact) => format!("{kind}|{id}|{attempt}|{}", fact.as_str()),
            Self::Refused(id, attempt) => format!("{kind}|{id}|{attempt}"),
            Self::Unconfirmed(id, attempt) => format!("{kind}|{id}|{attempt}"),
            Self::Released(id, at) => format!("{kind}|{id}|{}", at.as_millis()),
            Self::Opened(conversation, id) => format!("{kind}|{conversation}|{id}"),
            Self::Expiring(conversation, ends, threshold) => {
                format!("{kind}|{conversation}|{}|{}", ends.as_millis(), threshold.get())
            }
            Self::Expired(conversation, ends) => {
                format!("{kind}|{conversation}|{}", ends.as_millis())
            }
            Self::Consent(conversation, at, state) => {
                format!("{kind}|{conversation}|{}|{state}", at.as_millis())
            }
            Self::Begun(conversation) => format!("{kind}|{conversation}"),
            Self::Media(id, round, state) => format!("{kind}|{id}|{round}|{}", state.as_str()),
            Self::Changed(what, at) => format!("{kind}|{what}|{}", at.as_millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(EventKind::parse("message.lost"), None);
    }
}

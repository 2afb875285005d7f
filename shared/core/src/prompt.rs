//! The question that a customer is asked who wrote without having opted in anywhere (M78): once,
//! with three answers, because he may also say nothing.

use crate::consent::OptIn;
use crate::content::Content;
use crate::interactive::{Choice, Composing, Interactive};
use crate::keywords::folded;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// What the button that agrees carries.
pub const AGREES: &str = "transom-opt-in";
/// What the button that declines carries.
pub const DECLINES: &str = "transom-opt-out";
/// How long a word answers the question; a tap on its button always does.
pub const ANSWERED_WITHIN: Millis = Millis::from_hours(24);

/// The question, as an administrator wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptInPrompt {
    /// The question.
    pub text: String,
    /// The answer that agrees.
    pub accept: String,
    /// The answer that declines.
    pub decline: String,
    /// Where the provider wants buttons to be made beforehand: its reference of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
}

impl OptInPrompt {
    /// What is sent: buttons where the provider takes them, otherwise the words to answer with.
    #[must_use]
    pub fn content(&self, composing: Composing) -> Content {
        match (composing, &self.provider_ref) {
            (Composing::InTheMessage, _) => Content::Interactive(Interactive {
                body: self.text.clone(),
                buttons: vec![choice(AGREES, &self.accept), choice(DECLINES, &self.decline)],
                ..Interactive::default()
            }),
            (Composing::Beforehand, Some(made)) => Content::Interactive(Interactive {
                provider_ref: Some(made.clone()),
                ..Interactive::default()
            }),
            (Composing::Beforehand, None) => {
                let Self { text, accept, decline, .. } = self;
                Content::Text { text: format!("{text}\n\n{accept} / {decline}") }
            }
        }
    }

    /// What a word would answer, were it an answer to the question.
    #[must_use]
    pub fn answer(&self, content: &Content) -> Option<OptIn> {
        let text = match content {
            Content::Text { text } | Content::Button { text, .. } => text,
            Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Document(_)
            | Content::Sticker(_)
            | Content::Location { .. }
            | Content::Contacts { .. }
            | Content::List { .. }
            | Content::Interactive(_)
            | Content::Template(_)
            | Content::Reaction { .. }
            | Content::Edit { .. }
            | Content::Deletion
            | Content::Unsupported { .. } => return None,
        };
        let said = folded(text);
        if said == folded(&self.decline) {
            Some(OptIn::Out)
        } else if said == folded(&self.accept) {
            Some(OptIn::In)
        } else {
            None
        }
    }
}

fn choice(id: &str, title: &str) -> Choice {
    Choice { id: id.to_owned(), title: title.to_owned(), description: None }
}

/// What a tap on one of the question's own buttons says, whenever it comes.
#[must_use]
pub fn tapped(content: &Content) -> Option<OptIn> {
    let Content::Button { payload: Some(payload), .. } = content else { return None };
    match payload.as_str() {
        AGREES => Some(OptIn::In),
        DECLINES => Some(OptIn::Out),
        _ => None,
    }
}

/// Whether a word said at `at` is in time for a question asked at `asked_at`. Both may be told in
/// whole seconds.
#[must_use]
pub fn is_in_time(asked_at: Timestamp, at: Timestamp) -> bool {
    at.plus(Millis::from_seconds(1)) > asked_at && at <= asked_at.plus(ANSWERED_WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt() -> OptInPrompt {
        OptInPrompt {
            text: "May we write to you?".to_owned(),
            accept: "Yes".to_owned(),
            decline: "No, thanks".to_owned(),
            provider_ref: None,
        }
    }

    #[test]
    fn m78_the_question_has_two_answers_and_silence() {
        let says = |text: &str| prompt().answer(&Content::Text { text: text.to_owned() });
        assert_eq!(says("YES!"), Some(OptIn::In));
        assert_eq!(says("no thanks"), Some(OptIn::Out));
        assert_eq!(says("yes please"), None);
        let tap = |payload: &str| {
            tapped(&Content::Button { text: "x".to_owned(), payload: Some(payload.to_owned()) })
        };
        assert_eq!(tap(AGREES), Some(OptIn::In));
        assert_eq!(tap(DECLINES), Some(OptIn::Out));
        assert_eq!(tap("yes"), None);
        assert_eq!(tapped(&Content::Text { text: AGREES.to_owned() }), None, "nobody types it");
    }

    #[test]
    fn m78_buttons_where_the_provider_has_them_and_words_elsewhere() {
        let Content::Interactive(buttons) = prompt().content(Composing::InTheMessage) else {
            panic!("no buttons")
        };
        let ids: Vec<&str> = buttons.buttons.iter().map(|b| b.id.as_str()).collect();
        assert_eq!(ids, [AGREES, DECLINES]);
        let Content::Text { text } = prompt().content(Composing::Beforehand) else {
            panic!("no text")
        };
        assert_eq!(text, "May we write to you?\n\nYes / No, thanks");
        let made = OptInPrompt { provider_ref: Some("HX1".to_owned()), ..prompt() };
        assert!(
            matches!(made.content(Composing::Beforehand), Content::Interactive(i) if i.provider_ref.as_deref() == Some("HX1"))
        );
    }

    #[test]
    fn m78_a_word_answers_for_24_hours() {
        let asked = Timestamp::from_millis(10_001);
        let in_time = |ms| is_in_time(asked, Timestamp::from_millis(ms));
        assert!(in_time(10_000), "the same second, told in whole seconds");
        for (ms, fits) in [(9_000, false), (9_001, false), (9_002, true), (9_003, true)] {
            assert_eq!(in_time(ms), fits, "{ms}");
        }
        let day = 24 * 3_600_000;
        for (offset, fits) in [(-1, true), (0, true), (1, false)] {
            assert_eq!(in_time(10_001 + day + offset), fits, "{offset}");
        }
    }
}

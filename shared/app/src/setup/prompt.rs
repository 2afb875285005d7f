//! The question whether a customer opts in, as it is set up.

use crate::Problem;
use serde::{Deserialize, Serialize};
use transom_core::keywords::{Keywords, Spoken, folded};
use transom_core::prompt::OptInPrompt;
use utoipa::ToSchema;

/// The longest question, in characters: what stands above WhatsApp's buttons.
const TEXT_CHARS_MAX: usize = 1024;
/// The longest answer, in characters: a button of WhatsApp's.
const ANSWER_CHARS_MAX: usize = 20;
/// The longest reference of a provider, in characters.
const REF_CHARS_MAX: usize = 128;

/// The question that is asked after the first message of a customer who has not opted in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptBody {
    /// The question, 1 to 1024 characters.
    #[schema(example = "May we write to you about your orders?")]
    pub text: String,
    /// The answer that agrees, 1 to 20 characters; `Yes` by default.
    #[serde(default = "yes")]
    pub accept: String,
    /// The answer that declines, 1 to 20 characters; `No` by default.
    #[serde(default = "no")]
    pub decline: String,
    /// Where the provider wants buttons to be made beforehand, as Twilio does: its reference of
    /// them. Without it the answers are asked for in words there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
}

fn yes() -> String {
    "Yes".to_owned()
}

fn no() -> String {
    "No".to_owned()
}

impl From<&OptInPrompt> for PromptBody {
    fn from(prompt: &OptInPrompt) -> Self {
        Self {
            text: prompt.text.clone(),
            accept: prompt.accept.clone(),
            decline: prompt.decline.clone(),
            provider_ref: prompt.provider_ref.clone(),
        }
    }
}

impl PromptBody {
    pub(super) fn read(&self, keywords: &Keywords) -> Result<OptInPrompt, Problem> {
        let text = part("text", &self.text, TEXT_CHARS_MAX)?;
        let accept = part("accept", &self.accept, ANSWER_CHARS_MAX)?;
        let decline = part("decline", &self.decline, ANSWER_CHARS_MAX)?;
        let says_nothing = |answer: &str| folded(answer).is_empty();
        if says_nothing(&accept) || says_nothing(&decline) || folded(&accept) == folded(&decline) {
            return Err(Problem::invalid(
                "`opt_in_prompt.accept` and `opt_in_prompt.decline` must be two different words",
            ));
        }
        if keywords.meaning(&accept) == Some(Spoken::Stop) {
            return Err(Problem::invalid("`opt_in_prompt.accept` is a word that opts out"));
        }
        if keywords.meaning(&decline) == Some(Spoken::Start) {
            return Err(Problem::invalid("`opt_in_prompt.decline` is a word that opts in"));
        }
        let provider_ref = self.provider_ref.as_ref().map(|made| {
            let fits = (1..=REF_CHARS_MAX).contains(&made.len())
                && made.bytes().all(|b| b.is_ascii_graphic());
            let wrong = || {
                let right = format!("1 to {REF_CHARS_MAX} printable characters without spaces");
                Problem::invalid(format!("`opt_in_prompt.provider_ref` must be {right}"))
            };
            if fits { Ok(made.clone()) } else { Err(wrong()) }
        });
        Ok(OptInPrompt { text, accept, decline, provider_ref: provider_ref.transpose()? })
    }
}

fn part(field: &str, given: &str, max: usize) -> Result<String, Problem> {
    let text = given.trim();
    // WhatsApp may count in either way; the larger count fits both.
    let length = text.encode_utf16().count().max(text.chars().count());
    if (1..=max).contains(&length) && !text.chars().any(|c| c.is_control() && c != '\n') {
        return Ok(text.to_owned());
    }
    Err(Problem::invalid(format!("`opt_in_prompt.{field}` must be 1 to {max} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str, accept: &str, decline: &str) -> String {
        let body = PromptBody {
            text: text.to_owned(),
            accept: accept.to_owned(),
            decline: decline.to_owned(),
            provider_ref: None,
        };
        body.read(&Keywords::default()).map(|_| String::new()).unwrap_or_else(|p| p.detail)
    }

    #[test]
    fn m78_a_question_has_two_different_answers() {
        assert_eq!(why("May we?", "Yes", "No"), "");
        assert_eq!(why("May we?", "Start", "Stop"), "", "the same words say the same");
        assert!(why("", "Yes", "No").contains("`opt_in_prompt.text`"));
        let x = |length: usize| "x".repeat(length);
        let fits = |answers: [String; 3]| answers.map(|why| why.is_empty());
        let exact = [true, true, false];
        assert_eq!(fits([1023, 1024, 1025].map(|n| why(&x(n), "Yes", "No"))), exact);
        assert_eq!(fits([19, 20, 21].map(|n| why("May we?", &x(n), "No"))), exact);
        assert_eq!(fits([19, 20, 21].map(|n| why("May we?", "Yes", &x(n)))), exact);
        assert!(why(&x(1025), "Yes", "No").contains("1 to 1024"));
        assert!(why("May we?", &x(21), "No").contains("`opt_in_prompt.accept`"));
        assert!(why("May we?", "Ok", "OK!").contains("two different"));
        assert!(why("May we?", "!", "No").contains("two different"));
        assert!(why("May we?", "Stop", "No").contains("opts out"));
        assert!(why("May we?", "Yes", "Start").contains("opts in"));
    }
}

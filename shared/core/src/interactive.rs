//! Buttons and lists that a business composes for one message (providers 1.4, 2.5, 3.4, 3.5).

use crate::code::Code;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// WhatsApp's limits, in characters or in number. The larger of UTF-16 units and code points is
/// counted, because nobody states which one WhatsApp counts.
const BUTTONS_MAX: usize = 3;
const BUTTON_TITLE_MAX: usize = 20;
const BUTTON_ID_MAX: usize = 256;
const BUTTONS_BODY_MAX: usize = 1024;
const HEADER_MAX: usize = 60;
const FOOTER_MAX: usize = 60;
const LIST_BODY_MAX: usize = 4096;
const SECTIONS_MAX: usize = 10;
const ROWS_MAX: usize = 10;
const SECTION_TITLE_MAX: usize = 24;
const ROW_TITLE_MAX: usize = 24;
const ROW_ID_MAX: usize = 200;
const ROW_DESCRIPTION_MAX: usize = 72;

/// A message with buttons or a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interactive {
    /// The text above the buttons.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// A line above the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A line below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// Up to three buttons; or `list`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<Choice>,
    /// A list to choose from; or `buttons`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<Menu>,
    /// Where the provider wants such content to be made beforehand: its own reference of it, as
    /// Twilio's `HX…`. Nothing else but `variables` is given then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_ref: Option<String>,
    /// The values of that content's placeholders.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// A button, or a row of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What comes back when the customer taps it.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// A second line; rows only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// What opens it.
    pub button: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its title; may be empty when there is one section only.
    #[serde(default)]
    pub title: String,
    /// Its rows.
    pub rows: Vec<Choice>,
}

/// How a provider takes buttons and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Composing {
    /// In the message itself.
    InTheMessage,
    /// As content that was made beforehand and has a reference of its own.
    Beforehand,
}

/// The larger of both ways to count.
fn length(text: &str) -> usize {
    text.encode_utf16().count().max(text.chars().count())
}

type Misfit = (Code, String);

fn unsupported(detail: String) -> Misfit {
    (Code::ContentUnsupported, detail)
}

/// A part that must not be empty and not be longer than allowed.
fn check_part(what: &str, text: &str, max: usize) -> Result<(), Misfit> {
    if text.trim().is_empty() {
        return Err(unsupported(format!("{what} is empty")));
    }
    check_length(what, text, max)
}

fn check_length(what: &str, text: &str, max: usize) -> Result<(), Misfit> {
    let length = length(text);
    if length <= max {
        return Ok(());
    }
    Err((Code::TextTooLong, format!("{what} has {length} characters, at most {max} are allowed")))
}

impl Interactive {
    /// What does not fit WhatsApp, or the way in which `profile` takes such content.
    ///
    /// # Errors
    /// The code, and what exactly.
    pub fn check(&self, profile: &str, composing: Composing) -> Result<(), Misfit> {
        match composing {
            Composing::InTheMessage if self.provider_ref.is_some() => Err(unsupported(format!(
                "{profile} takes buttons and lists in the message itself: leave `provider_ref` out"
            ))),
            Composing::InTheMessage => self.check_composed(),
            Composing::Beforehand if self.provider_ref.as_deref().is_none_or(str::is_empty) => {
                Err(unsupported(format!(
                    "{profile} sends buttons and lists only as content that was made there \
                     beforehand: give its `provider_ref`"
                )))
            }
            Composing::Beforehand if self.is_composed() => Err(unsupported(format!(
                "{profile} takes body, buttons and list from the content that `provider_ref` \
                 names: leave them out"
            ))),
            Composing::Beforehand => Ok(()),
        }
    }

    fn is_composed(&self) -> bool {
        !self.body.is_empty()
            || self.header.is_some()
            || self.footer.is_some()
            || !self.buttons.is_empty()
            || self.list.is_some()
    }

    fn check_composed(&self) -> Result<(), Misfit> {
        if let Some(header) = &self.header {
            check_part("the header", header, HEADER_MAX)?;
        }
        if let Some(footer) = &self.footer {
            check_part("the footer", footer, FOOTER_MAX)?;
        }
        if self.body.trim().is_empty() {
            return Err((Code::TextEmpty, "the body is empty".to_owned()));
        }
        match &self.list {
            Some(_) if !self.buttons.is_empty() => {
                Err(unsupported("give `buttons` or `list`, not both".to_owned()))
            }
            Some(list) => {
                check_length("the body", &self.body, LIST_BODY_MAX)?;
                list.check()
            }
            None => {
                check_length("the body", &self.body, BUTTONS_BODY_MAX)?;
                check_buttons(&self.buttons)
            }
        }
    }
}

fn check_buttons(buttons: &[Choice]) -> Result<(), Misfit> {
    if !(1..=BUTTONS_MAX).contains(&buttons.len()) {
        let count = buttons.len();
        return Err(unsupported(format!("{count} buttons; 1 to {BUTTONS_MAX} are allowed")));
    }
    for button in buttons {
        check_part("a button's title", &button.title, BUTTON_TITLE_MAX)?;
        check_part("a button's id", &button.id, BUTTON_ID_MAX)?;
        if button.description.is_some() {
            return Err(unsupported("a button has no description; a list's row has".to_owned()));
        }
    }
    check_distinct("button", buttons.iter())
}

impl Menu {
    fn check(&self) -> Result<(), Misfit> {
        check_part("the list's button", &self.button, BUTTON_TITLE_MAX)?;
        let sections = self.sections.len();
        if !(1..=SECTIONS_MAX).contains(&sections) {
            let detail = format!("{sections} sections; 1 to {SECTIONS_MAX} are allowed");
            return Err(unsupported(detail));
        }
        let rows: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        if rows > ROWS_MAX || self.sections.iter().any(|section| section.rows.is_empty()) {
            return Err(unsupported(format!(
                "{rows} rows; each section has at least one and all together at most {ROWS_MAX}"
            )));
        }
        for section in &self.sections {
            if sections > 1 {
                check_part("a section's title", &section.title, SECTION_TITLE_MAX)?;
            }
            check_length("a section's title", &section.title, SECTION_TITLE_MAX)?;
            for row in &section.rows {
                check_part("a row's title", &row.title, ROW_TITLE_MAX)?;
                check_part("a row's id", &row.id, ROW_ID_MAX)?;
                let description = row.description.as_deref().unwrap_or_default();
                check_length("a row's description", description, ROW_DESCRIPTION_MAX)?;
            }
        }
        check_distinct("row", self.sections.iter().flat_map(|section| &section.rows))
    }
}

/// The customer's answer names its choice by the id.
fn check_distinct<'a>(what: &str, choices: impl Iterator<Item = &'a Choice>) -> Result<(), Misfit> {
    let mut seen = BTreeSet::new();
    for choice in choices {
        if !seen.insert(choice.id.as_str()) {
            return Err(unsupported(format!("two {what}s have the id `{}`", choice.id)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(n: usize) -> Choice {
        Choice { id: format!("id{n}"), title: format!("Choice {n}"), description: None }
    }

    fn buttons(count: usize) -> Interactive {
        Interactive {
            body: "Confirm?".into(),
            buttons: (0..count).map(choice).collect(),
            ..Interactive::default()
        }
    }

    fn list(rows: &[usize]) -> Interactive {
        let mut next = 0..;
        let mut section = |count: usize| Section {
            title: "Rabi".into(),
            rows: next.by_ref().take(count).map(choice).collect(),
        };
        let sections = rows.iter().map(|count| section(*count)).collect();
        Interactive {
            body: "Choose".into(),
            list: Some(Menu { button: "Open".into(), sections }),
            ..Interactive::default()
        }
    }

    fn code(content: &Interactive) -> Option<Code> {
        content.check("meta", Composing::InTheMessage).err().map(|(code, _)| code)
    }

    #[test]
    fn numbers_of_buttons_and_rows_are_exact() {
        for (content, expected) in [
            (buttons(1), None),
            (buttons(2), None),
            (buttons(3), None),
            (buttons(4), Some(Code::ContentUnsupported)),
            (buttons(0), Some(Code::ContentUnsupported)),
            (list(&[9]), None),
            (list(&[10]), None),
            (list(&[11]), Some(Code::ContentUnsupported)),
            (list(&[5, 5]), None),
            (list(&[5, 6]), Some(Code::ContentUnsupported)),
            (list(&[1, 0]), Some(Code::ContentUnsupported)),
            (list(&[1; 9]), None),
            (list(&[1; 10]), None),
            (list(&[1; 11]), Some(Code::ContentUnsupported)),
            (list(&[]), Some(Code::ContentUnsupported)),
        ] {
            assert_eq!(code(&content), expected, "{content:?}");
        }
        let mut both = list(&[1]);
        both.buttons = vec![choice(9)];
        assert_eq!(code(&both), Some(Code::ContentUnsupported));
        let mut twice = buttons(2);
        twice.buttons[1].id = twice.buttons[0].id.clone();
        assert_eq!(code(&twice), Some(Code::ContentUnsupported));
    }

    #[test]
    fn every_length_is_exact() {
        type Set = fn(&mut Interactive, String);
        let rows: [(Interactive, usize, Set); 11] = [
            (buttons(1), BUTTONS_BODY_MAX, |c, t| c.body = t),
            (buttons(1), HEADER_MAX, |c, t| c.header = Some(t)),
            (buttons(1), FOOTER_MAX, |c, t| c.footer = Some(t)),
            (buttons(1), BUTTON_TITLE_MAX, |c, t| c.buttons[0].title = t),
            (buttons(1), BUTTON_ID_MAX, |c, t| c.buttons[0].id = t),
            (list(&[1]), LIST_BODY_MAX, |c, t| c.body = t),
            (list(&[1]), BUTTON_TITLE_MAX, |c, t| c.list.as_mut().unwrap().button = t),
            (list(&[1]), SECTION_TITLE_MAX, |c, t| {
                c.list.as_mut().unwrap().sections[0].title = t;
            }),
            (list(&[1]), ROW_TITLE_MAX, |c, t| {
                c.list.as_mut().unwrap().sections[0].rows[0].title = t;
            }),
            (list(&[1]), ROW_ID_MAX, |c, t| {
                c.list.as_mut().unwrap().sections[0].rows[0].id = t;
            }),
            (list(&[1]), ROW_DESCRIPTION_MAX, |c, t| {
                c.list.as_mut().unwrap().sections[0].rows[0].description = Some(t);
            }),
        ];
        for (content, max, set) in rows {
            for (length, expected) in
                [(max - 1, None), (max, None), (max + 1, Some(Code::TextTooLong))]
            {
                let mut content = content.clone();
                set(&mut content, "x".repeat(length));
                assert_eq!(code(&content), expected, "{length} of {max}");
            }
        }
        // The larger count is taken.
        for (title, expected) in [
            ("👋".repeat(9) + "a", None),
            ("👋".repeat(10), None),
            ("👋".repeat(10) + "a", Some(Code::TextTooLong)),
        ] {
            let mut emoji = buttons(1);
            emoji.buttons[0].title = title;
            assert_eq!(code(&emoji), expected, "{:?}", emoji.buttons);
        }
        assert_eq!(code(&Interactive::default()), Some(Code::TextEmpty));
    }

    #[test]
    fn what_is_made_beforehand_has_a_reference_and_nothing_else() {
        let check = |content: &Interactive| content.check("twilio", Composing::Beforehand);
        let (code, detail) = check(&buttons(1)).unwrap_err();
        assert_eq!(code, Code::ContentUnsupported);
        assert!(detail.contains("twilio") && detail.contains("provider_ref"), "{detail}");
        let mut made = Interactive { provider_ref: Some("HX1".into()), ..Interactive::default() };
        assert_eq!(check(&made), Ok(()));
        made.body = "x".into();
        assert!(check(&made).is_err());
        made.body.clear();
        assert!(made.check("meta", Composing::InTheMessage).is_err());
    }
}

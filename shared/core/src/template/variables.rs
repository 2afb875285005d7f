//! A template's placeholders: where they stand, under which names a message fills them, and the
//! text with its values.
//!
//! A placeholder is filled by its own name. Where the same name stands in two parts, as at Meta,
//! which counts from 1 in each, the body's keeps it, and the others are called `header.<name>`
//! and `button.<place>.<name>`, the places counted from 0.

use super::{Button, Header, Template};
use crate::content::TemplateUse;
use std::collections::{BTreeMap, BTreeSet};

/// The name of a coupon's code, which stands in a button that has no text to hold a placeholder.
const COUPON: &str = "code";

/// Which part of a template a placeholder stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Its header.
    Header,
    /// Its text.
    Body,
    /// One of its buttons, counted from 0.
    Button(usize),
}

/// A placeholder of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Where it stands.
    pub place: Place,
    /// Its name there.
    pub name: String,
    /// The name of the variable that fills it.
    pub key: String,
}

impl Template {
    /// The names of the placeholders in the body.
    #[must_use]
    pub fn placeholders(&self) -> BTreeSet<String> {
        names(&self.body).into_iter().collect()
    }

    /// Every placeholder, once for each part, in the order in which the customer reads them.
    #[must_use]
    pub fn slots(&self) -> Vec<Slot> {
        let mut found: Vec<(Place, String)> = Vec::new();
        let mut add = |place, text: &str| {
            for name in names(text) {
                if !found.contains(&(place, name.clone())) {
                    found.push((place, name));
                }
            }
        };
        match &self.header {
            Some(Header::Text { text }) => add(Place::Header, text),
            Some(Header::Image(file) | Header::Video(file) | Header::Document(file)) => {
                add(Place::Header, file.url.as_deref().unwrap_or_default());
            }
            None => {}
        }
        add(Place::Body, &self.body);
        for (index, button) in self.buttons.iter().enumerate() {
            match button {
                Button::Url { url, .. } => add(Place::Button(index), url),
                Button::CopyCode { .. } => add(Place::Button(index), &format!("{{{{{COUPON}}}}}")),
                Button::QuickReply { .. }
                | Button::Phone { .. }
                | Button::Otp { .. }
                | Button::Catalog { .. }
                | Button::Other { .. } => {}
            }
        }
        let key = |(place, name): &(Place, String)| {
            let others = found.iter().filter(|(other, same)| same == name && other != place);
            let shared = others.count() > 0;
            match place {
                Place::Header if shared => format!("header.{name}"),
                Place::Button(index) if shared => format!("button.{index}.{name}"),
                Place::Header | Place::Body | Place::Button(_) => name.clone(),
            }
        };
        let keys: Vec<String> = found.iter().map(key).collect();
        let slots = found.into_iter().zip(keys);
        slots.map(|((place, name), key)| Slot { place, name, key }).collect()
    }

    /// What does not fit between the template's placeholders and what a message brings; `None`
    /// when all does.
    #[must_use]
    pub fn variables_misfit(&self, used: &TemplateUse) -> Option<String> {
        let wanted: BTreeSet<String> = self.slots().into_iter().map(|slot| slot.key).collect();
        let variables = &used.variables;
        let mut missing: Vec<&str> =
            wanted.iter().filter(|n| !variables.contains_key(*n)).map(String::as_str).collect();
        let mut extra: Vec<&str> =
            variables.keys().filter(|n| !wanted.contains(*n)).map(String::as_str).collect();
        let empty: Vec<&str> = variables
            .iter()
            .filter(|(_, v)| v.trim().is_empty())
            .map(|(n, _)| n.as_str())
            .collect();
        let kind = self.header.as_ref().and_then(Header::file_kind);
        let needed = format!("header ({})", kind.map_or("", crate::media::MediaKind::as_str));
        let own_file = self.file().is_some_and(|file| file.url.is_some());
        let mut wrong = None;
        match (kind, &used.header) {
            (Some(_), None) if !own_file => missing.push(&needed),
            (Some(kind), Some(given)) if given.kind != kind => {
                let (kind, given) = (kind.as_str(), given.kind.as_str());
                wrong = Some(format!("header: the template wants the type {kind}, not {given}"));
            }
            (None, Some(_)) => extra.push("header"),
            (Some(_), None | Some(_)) | (None, None) => {}
        }
        let mut parts = Vec::new();
        for (what, names) in [("missing", missing), ("unknown", extra), ("empty", empty)] {
            if !names.is_empty() {
                parts.push(format!("{what}: {}", names.join(", ")));
            }
        }
        parts.extend(wrong);
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// The body with `variables` filled in.
    #[must_use]
    pub fn filled(&self, variables: &BTreeMap<String, String>) -> String {
        fill(&self.body, |name| variables.get(name).map_or("", String::as_str))
    }
}

/// `text` with a value for each placeholder.
#[must_use]
pub(super) fn fill<'a>(text: &str, value: impl Fn(&str) -> &'a str) -> String {
    let mut filled = String::with_capacity(text.len());
    for part in parts(text) {
        match part {
            Part::Literal(literal) => filled.push_str(literal),
            Part::Placeholder(name) => filled.push_str(value(name)),
        }
    }
    filled
}

/// The names of the placeholders of a text, in their order, each as often as it stands there.
pub(super) fn names(text: &str) -> Vec<String> {
    let named = parts(text).into_iter().filter_map(|part| match part {
        Part::Literal(_) => None,
        Part::Placeholder(name) => Some(name.to_owned()),
    });
    named.collect()
}

/// A piece of a template's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// What always stands there.
    Literal(&'a str),
    /// What each message fills.
    Placeholder(&'a str),
}

/// A text taken apart. Braces that are never closed are literal.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else { break };
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        parts.push(Part::Placeholder(name.trim()));
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{HeaderMedia, Media};
    use crate::media::MediaKind;
    use crate::template::{Category, HeaderFile};

    fn template(body: &str) -> Template {
        Template::new("order", "en", Category::Utility, body)
    }

    fn used(pairs: &[(&str, &str)]) -> TemplateUse {
        let variables = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        TemplateUse { name: "order".into(), language: None, variables, header: None }
    }

    fn with_file(mut used: TemplateUse, kind: MediaKind) -> TemplateUse {
        used.header = Some(HeaderMedia { kind, media: Media::default(), variable: None });
        used
    }

    fn keys(template: &Template) -> Vec<String> {
        template.slots().into_iter().map(|slot| slot.key).collect()
    }

    #[test]
    fn misfits_are_named() {
        let t = template("Hi {{1}}, order {{2}}.");
        let good = used(&[("1", "A"), ("2", "B")]);
        assert_eq!(t.variables_misfit(&good), None);
        let misfit = t.variables_misfit(&used(&[("1", ""), ("x", "B")])).unwrap();
        assert_eq!(misfit, "missing: 2; unknown: x; empty: 1");
        assert_eq!(t.filled(&good.variables), "Hi A, order B.");
        assert_eq!(template("{{ broken").filled(&BTreeMap::new()), "{{ broken");
    }

    #[test]
    fn a_name_that_stands_in_two_parts_is_told_apart() {
        let mut t = template("Hi {{1}}, {{2}} and {{1}}");
        t.header = Some(Header::Text { text: "Order {{1}}".into() });
        t.buttons = vec![
            Button::QuickReply { text: "Yes".into(), payload: None },
            Button::Url { text: "Track".into(), url: "https://example.com/{{1}}".into() },
            Button::CopyCode { example: None },
        ];
        assert_eq!(keys(&t), ["header.1", "1", "2", "button.1.1", "code"]);
        t.header = Some(Header::Text { text: "Order {{3}}".into() });
        t.buttons = vec![Button::Url { text: "Track".into(), url: "https://e.com/{{4}}".into() }];
        assert_eq!(keys(&t), ["3", "1", "2", "4"], "who numbers through needs no prefix");
    }

    #[test]
    fn d3_the_definition_says_whether_a_file_belongs_to_it() {
        let mut t = template("Hi");
        let plain = used(&[]);
        let image = with_file(plain.clone(), MediaKind::Image);
        assert_eq!(t.variables_misfit(&plain), None);
        assert_eq!(t.variables_misfit(&image).unwrap(), "unknown: header");
        t.header = Some(Header::Image(HeaderFile::default()));
        assert_eq!(t.variables_misfit(&plain).unwrap(), "missing: header (image)");
        assert_eq!(t.variables_misfit(&image), None);
        let video = with_file(plain.clone(), MediaKind::Video);
        assert!(t.variables_misfit(&video).unwrap().contains("type image, not video"));
        let url = Some("https://example.com/a.png".to_owned());
        t.header = Some(Header::Image(HeaderFile { url, ..HeaderFile::default() }));
        assert_eq!(t.variables_misfit(&plain), None, "it has a file of its own");
        assert_eq!(t.variables_misfit(&image), None);
    }
}

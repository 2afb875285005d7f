//! The shorthand by which help desks write a template into a text (M64), as Sunshine Conversations
//! reads it: `&((namespace=[[…]] template=[[order_ready]] language=[[en]] body_text=[[Asha]]
//! body_text=[[42]]))&`. Values may stand without brackets, as long as they hold no space.

use super::{Place, Template};
use crate::content::{HeaderMedia, Media, TemplateUse};
use crate::media::MediaKind;

const BEGIN: &str = "&((";
const END: &str = "))&";

/// A template as the shorthand names it: its values have an order, and no names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shorthand {
    name: String,
    language: Option<String>,
    file: Option<HeaderMedia>,
    header: Vec<String>,
    body: Vec<String>,
    buttons: Vec<String>,
}

/// The shorthand that a text is; `None` for every other text.
///
/// # Errors
/// What of a shorthand cannot be read, and what would be right.
pub fn read(text: &str) -> Option<Result<Shorthand, String>> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    Some(fields(inner).and_then(put_together))
}

impl Shorthand {
    /// The use of a template that it stands for: its values fill the template's places in their
    /// order, those of the text in the order of their numbers. A value too many keeps a name that no
    /// template has, so that it is named and not lost. Without the template, only what it names.
    #[must_use]
    pub fn used(&self, template: Option<&Template>) -> TemplateUse {
        let slots = template.map(Template::slots).unwrap_or_default();
        let mut body: Vec<_> = slots.iter().filter(|slot| slot.place == Place::Body).collect();
        if body.iter().all(|slot| slot.name.parse::<u32>().is_ok()) {
            body.sort_by_key(|slot| slot.name.parse::<u32>().unwrap_or_default());
        }
        let header = slots.iter().filter(|slot| slot.place == Place::Header);
        let buttons = slots.iter().filter(|slot| matches!(slot.place, Place::Button(_)));
        let parts = [
            ("header_text", &self.header, header.map(|slot| &slot.key).collect::<Vec<_>>()),
            ("body_text", &self.body, body.into_iter().map(|slot| &slot.key).collect()),
            ("button_url", &self.buttons, buttons.map(|slot| &slot.key).collect()),
        ];
        let variables = parts.into_iter().flat_map(|(part, values, keys)| {
            values.iter().enumerate().map(move |(n, value)| {
                let beyond = || format!("{part} {}", n.saturating_add(1));
                (keys.get(n).map_or_else(beyond, ToString::to_string), value.clone())
            })
        });
        TemplateUse {
            name: self.name.clone(),
            language: self.language.clone(),
            variables: variables.collect(),
            header: self.file.clone(),
        }
    }
}

fn fields(inner: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut fields = Vec::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| "the shorthand is made of `name=[[value]]`".to_owned())?;
        let name = name.trim();
        let (value, later) = match after.strip_prefix("[[") {
            Some(quoted) => quoted
                .split_once("]]")
                .ok_or_else(|| format!("`{name}` has `[[` that is not closed by `]]`"))?,
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        fields.push((name, value));
        rest = later.trim_start();
    }
    Ok(fields)
}

fn put_together(fields: Vec<(&str, &str)>) -> Result<Shorthand, String> {
    let mut found = Shorthand::default();
    for (name, value) in fields {
        let value = value.to_owned();
        match name {
            "template" => found.name = value,
            "language" => found.language = Some(value),
            // WhatsApp does without a namespace, and a refusal here says why by itself.
            "namespace" | "fallback" | "policy" => {}
            "body_text" => found.body.push(value),
            "header_text" => found.header.push(value),
            "button_url" => found.buttons.push(value),
            "header_image" => found.file = Some(file(MediaKind::Image, value)),
            "header_video" => found.file = Some(file(MediaKind::Video, value)),
            "header_document" => found.file = Some(file(MediaKind::Document, value)),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(format!(
                    "the shorthand has no `{shown}`: it takes template, language, namespace, \
                     fallback, header_text, header_image, header_video, header_document, \
                     body_text and button_url"
                ));
            }
        }
    }
    if found.name.trim().is_empty() {
        return Err("the shorthand names no `template`".to_owned());
    }
    Ok(found)
}

fn file(kind: MediaKind, url: String) -> HeaderMedia {
    let media = Media { url: Some(url), ..Media::default() };
    HeaderMedia { kind, media, variable: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Button, Category, Header};

    fn good(text: &str) -> Shorthand {
        read(text).unwrap().unwrap()
    }

    fn template(body: &str) -> Template {
        Template::new("t", "en", Category::Utility, body)
    }

    /// What fills the template's places, as `variables` name them.
    fn filled(text: &str, template: &Template) -> Vec<(String, String)> {
        let used = good(text).used(Some(template));
        assert_eq!(template.variables_misfit(&used), None, "{text}");
        used.variables.into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn m64_the_shorthand_is_read() {
        let text = "&((namespace=[[XXX]] template=[[order_ready]] fallback=[[Your order]] \
                    language=[[en]] body_text=[[Asha Rao]] body_text=[[42]]))&";
        let used = good(text).used(None);
        assert_eq!((used.name.as_str(), used.language.as_deref()), ("order_ready", Some("en")));
        let values = pairs(&[("1", "Asha Rao"), ("2", "42")]);
        assert_eq!(filled(text, &template("Hello {{1}}, {{2}} is ready")), values);
        assert_eq!(filled(text, &template("{{2}} is ready, {{1}}")), values, "by number");
        let named = pairs(&[("name", "Asha Rao"), ("order", "42")]);
        assert_eq!(filled(text, &template("Hello {{name}}, {{order}} is ready")), named);
        let bare = good(" &((template=order_ready language=en_US))& ").used(None);
        assert_eq!((bare.name.as_str(), bare.language.as_deref()), ("order_ready", Some("en_US")));
        let file = good("&((template=[[t]] header_image=[[https://e.com/a.png]]))&").used(None);
        let file = file.header.unwrap();
        let url = file.media.url.as_deref();
        assert_eq!((file.kind, url), (MediaKind::Image, Some("https://e.com/a.png")));
    }

    #[test]
    fn m64_values_fill_the_places_of_header_and_buttons_whatever_their_names() {
        let mut whole = template("Hello {{1}}");
        whole.header = Some(Header::Text { text: "Order {{1}}".into() });
        let url = |url: &str| Button::Url { text: "Open".into(), url: url.into() };
        whole.buttons = vec![
            Button::QuickReply { text: "Yes".into(), payload: None },
            url("https://example.com/{{1}}"),
        ];
        let text = "&((template=[[t]] header_text=[[A-42]] body_text=[[Asha]] button_url=[[a]]))&";
        let values = pairs(&[("1", "Asha"), ("button.1.1", "a"), ("header.1", "A-42")]);
        assert_eq!(filled(text, &whole), values);
        // Where a name stands in one part only, it is the variable's own.
        let mut plain = template("It is ready");
        plain.buttons = vec![url("https://example.com/{{1}}")];
        let text = "&((template=[[t]] button_url=[[a]]))&";
        assert_eq!(filled(text, &plain), pairs(&[("1", "a")]));
        // One too many is named.
        let used = good("&((template=[[t]] body_text=[[a]]))&").used(Some(&plain));
        assert!(plain.variables_misfit(&used).unwrap().contains("body_text 1"));
    }

    #[test]
    fn m64_other_texts_are_texts_and_what_cannot_be_read_is_named() {
        for text in ["Hello", "&((", "&(( no end", "(( ))", ""] {
            assert_eq!(read(text), None, "{text}");
        }
        for (text, named) in [
            ("&((language=[[en]]))&", "names no `template`"),
            ("&((template=[[t))&", "not closed"),
            ("&((template=[[t]] colour=[[red]]))&", "no `colour`"),
            ("&((template))&", "name=[[value]]"),
        ] {
            let why = read(text).unwrap().unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }
}

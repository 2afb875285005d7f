//! The shorthand by which help desks write a template into a text (M64), as Sunshine Conversations
//! reads it: `&((namespace=[[…]] template=[[order_ready]] language=[[en]] body_text=[[Asha]]
//! body_text=[[42]]))&`. Values may stand without brackets, as long as they hold no space.

use crate::content::{HeaderMedia, Media, TemplateUse};
use crate::media::MediaKind;
use std::collections::BTreeMap;

const BEGIN: &str = "&((";
const END: &str = "))&";

/// The template that a text is the shorthand of; `None` for every other text.
///
/// # Errors
/// What of a shorthand cannot be read, and what would be right.
pub fn read(text: &str) -> Option<Result<TemplateUse, String>> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    Some(fields(inner).and_then(used))
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

fn used(fields: Vec<(&str, &str)>) -> Result<TemplateUse, String> {
    let mut template = None;
    let mut language = None;
    let mut variables = BTreeMap::new();
    let mut header = None;
    let (mut bodies, mut urls) = (0_usize, 0_usize);
    for (name, value) in fields {
        match name {
            "template" => template = Some(value.to_owned()),
            "language" => language = Some(value.to_owned()),
            // WhatsApp does without a namespace, and a refusal here says why by itself.
            "namespace" | "fallback" | "policy" => {}
            "body_text" => {
                bodies = bodies.saturating_add(1);
                variables.insert(bodies.to_string(), value.to_owned());
            }
            "header_text" => {
                variables.insert("header.1".to_owned(), value.to_owned());
            }
            "header_image" => header = Some(file(MediaKind::Image, value)),
            "header_video" => header = Some(file(MediaKind::Video, value)),
            "header_document" => header = Some(file(MediaKind::Document, value)),
            "button_url" => {
                variables.insert(format!("button.{urls}.1"), value.to_owned());
                urls = urls.saturating_add(1);
            }
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
    let name = template.filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| "the shorthand names no `template`".to_owned())?;
    Ok(TemplateUse { name, language, variables, header })
}

fn file(kind: MediaKind, url: &str) -> HeaderMedia {
    let media = Media { url: Some(url.to_owned()), ..Media::default() };
    HeaderMedia { kind, media, variable: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> TemplateUse {
        read(text).unwrap().unwrap()
    }

    #[test]
    fn m64_the_shorthand_is_read() {
        let used = good(
            "&((namespace=[[XXX]] template=[[order_ready]] fallback=[[Your order]] language=[[en]] \
             body_text=[[Asha Rao]] body_text=[[42]]))&",
        );
        assert_eq!((used.name.as_str(), used.language.as_deref()), ("order_ready", Some("en")));
        assert_eq!(
            (used.variables["1"].as_str(), used.variables["2"].as_str()),
            ("Asha Rao", "42")
        );
        let bare = good(" &((template=order_ready language=en_US))& ");
        assert_eq!((bare.name.as_str(), bare.language.as_deref()), ("order_ready", Some("en_US")));
        let file =
            good("&((template=[[t]] header_image=[[https://e.com/a.png]]))&").header.unwrap();
        assert_eq!(
            (file.kind, file.media.url.as_deref()),
            (MediaKind::Image, Some("https://e.com/a.png"))
        );
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

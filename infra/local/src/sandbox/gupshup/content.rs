//! The `message` of a send: a JSON text, with the limits that Gupshup checks before it answers.

use serde_json::Value;
use url::Url;

use super::answer::Refusal;
use crate::sandbox::OutboxKind;

/// Limits in characters.
const TEXT_CHARS_MAX: usize = 4096;
const CAPTION_CHARS_MAX: usize = 1024;
const TITLE_CHARS_MAX: usize = 20;

/// Limits in number.
const QUICK_REPLIES_MAX: usize = 3;
const ROWS_MAX: usize = 10;

/// A readable message.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) kind: OutboxKind,
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
}

impl Content {
    /// A template without a file.
    pub(super) fn none() -> Self {
        Self::plain(OutboxKind::Template, "")
    }

    pub(super) fn read(message: &str) -> Result<Self, Refusal> {
        let message: Value = serde_json::from_str(message).map_err(|_| invalid())?;
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        match text("type") {
            "text" => {
                let body = text("text");
                check(!body.is_empty() && fits(body, TEXT_CHARS_MAX))?;
                Ok(Self::plain(OutboxKind::Text, body))
            }
            kind @ ("image" | "video" | "audio" | "file" | "sticker" | "document") => {
                media(kind, &message)
            }
            "location" => {
                check(degrees(&message["latitude"]) && degrees(&message["longitude"]))?;
                Ok(Self::plain(OutboxKind::Location, text("name")))
            }
            "contact" => {
                let name = message["contact"]["name"]["formattedName"].as_str();
                Ok(Self::plain(OutboxKind::Media, name.ok_or_else(invalid)?))
            }
            "quick_reply" => {
                check(options(&message["options"], QUICK_REPLIES_MAX))?;
                let body = message["content"]["text"].as_str().ok_or_else(invalid)?;
                check(fits(body, CAPTION_CHARS_MAX))?;
                Ok(Self::plain(OutboxKind::Template, body))
            }
            "list" => {
                let items = message["items"].as_array().ok_or_else(invalid)?;
                let rows: Vec<Value> = items
                    .iter()
                    .filter_map(|item| item["options"].as_array().cloned())
                    .flatten()
                    .collect();
                check((1..=ROWS_MAX).contains(&rows.len()) && fits(text("body"), TEXT_CHARS_MAX))?;
                Ok(Self::plain(OutboxKind::Template, text("body")))
            }
            _ => Err(invalid()),
        }
    }

    fn plain(kind: OutboxKind, body: &str) -> Self {
        Self { kind, body: body.to_owned(), media_urls: Vec::new() }
    }
}

fn media(kind: &str, message: &Value) -> Result<Content, Refusal> {
    // The file of a template's header stands in Meta's shape.
    let own = if kind == "image" { "originalUrl" } else { "url" };
    let link = message[kind]["link"].as_str().or_else(|| message[own].as_str());
    let link = link.unwrap_or_default();
    let is_address = Url::parse(link)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    check(is_address)?;
    let caption = message["caption"].as_str().unwrap_or_default();
    check(fits(caption, CAPTION_CHARS_MAX))?;
    let media_urls = vec![link.to_owned()];
    Ok(Content { kind: OutboxKind::Media, body: caption.to_owned(), media_urls })
}

fn options(options: &Value, count_max: usize) -> bool {
    options.as_array().is_some_and(|options| {
        (1..=count_max).contains(&options.len())
            && options.iter().all(|option| {
                option["title"]
                    .as_str()
                    .is_some_and(|title| !title.is_empty() && fits(title, TITLE_CHARS_MAX))
            })
    })
}

fn degrees(value: &Value) -> bool {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).is_some()
}

fn fits(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max
}

fn check(holds: bool) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(invalid()) }
}

fn invalid() -> Refusal {
    Refusal::bad_request("Invalid Message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        for message in [
            r#"{"type":"text","text":"hello","previewUrl":false}"#,
            r#"{"type":"image","originalUrl":"https://x/a.jpg","previewUrl":"https://x/a.jpg"}"#,
            r#"{"type":"image","image":{"link":"https://x/a.jpg"}}"#,
            r#"{"type":"file","url":"https://x/a.pdf","filename":"a.pdf","caption":"bill"}"#,
            r#"{"type":"location","longitude":77.5946,"latitude":"12.9716","name":"Office"}"#,
            r#"{"type":"contact","contact":{"name":{"formattedName":"Example Contact"}}}"#,
            r#"{"type":"quick_reply","content":{"type":"text","text":"Confirm?"},
                "options":[{"type":"text","title":"Yes","postbackText":"yes_42"}]}"#,
            r#"{"type":"list","body":"Choose","items":[{"options":[{"title":"Wheat"}]}]}"#,
        ] {
            assert!(Content::read(message).is_ok(), "{message}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = format!(r#"{{"type":"text","text":"{}"}}"#, "x".repeat(4097));
        for message in [
            "hello",
            "",
            r#"{"type":"text","text":""}"#,
            r#"{"type":"video","url":"a.mp4"}"#,
            r#"{"type":"poll"}"#,
            r#"{"type":"quick_reply","content":{"text":"?"},"options":[]}"#,
            &long,
        ] {
            assert!(Content::read(message).is_err(), "{message}");
        }
    }
}

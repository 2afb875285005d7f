//! What a send says: each type with the limits that Meta checks before it answers.

use serde_json::Value;
use url::Url;

use super::answer::Refusal;
use super::request::required;
use crate::sandbox::OutboxKind;

/// Limits in characters.
const TEXT_CHARS_MAX: usize = 4096;
const CAPTION_CHARS_MAX: usize = 1024;
const BUTTON_BODY_CHARS_MAX: usize = 1024;
const BUTTON_TITLE_CHARS_MAX: usize = 20;
const BUTTON_ID_CHARS_MAX: usize = 256;
const ROW_TITLE_CHARS_MAX: usize = 24;
const ROW_ID_CHARS_MAX: usize = 200;

/// Limits in number.
const BUTTONS_MAX: usize = 3;
const ROWS_MAX: usize = 10;

/// Spaces that a parameter of a template may hold in a row.
const PARAMETER_SPACES_MAX: usize = 4;

/// A readable message.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) kind: OutboxKind,
    pub(super) body: String,
    pub(super) media_urls: Vec<String>,
    pub(super) template: Option<TemplateUse>,
}

/// A template with its values.
#[derive(Debug)]
pub(super) struct TemplateUse {
    pub(super) name: String,
    pub(super) language: String,
    pub(super) parameter_count: usize,
    /// The components as they stood on the wire.
    pub(super) components: Option<String>,
}

impl Content {
    pub(super) fn read(body: &Value) -> Result<Self, Refusal> {
        let kind = if body["type"].is_null() { Some("text") } else { body["type"].as_str() };
        let kind = kind.unwrap_or_default();
        let part = &body[kind];
        if part.is_null() && is_known(kind) {
            return Err(Refusal::parameter(format!("The parameter {kind} is required.")));
        }
        match kind {
            "text" => text(part),
            "image" | "video" | "audio" | "document" | "sticker" => media(kind, part),
            "location" => location(part),
            "contacts" => contacts(part),
            "reaction" => reaction(part),
            "interactive" => interactive(part),
            "template" => template(part),
            _ => Err(Refusal::bad_request(131_051, "Message type is not supported.")),
        }
    }

    fn plain(kind: OutboxKind, body: String) -> Self {
        Self { kind, body, media_urls: Vec::new(), template: None }
    }
}

fn is_known(kind: &str) -> bool {
    const KNOWN: [&str; 11] = [
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "reaction",
        "interactive",
        "template",
    ];
    KNOWN.contains(&kind)
}

fn text(part: &Value) -> Result<Content, Refusal> {
    let body = limited(part, "body", TEXT_CHARS_MAX)?;
    Ok(Content::plain(OutboxKind::Text, body))
}

fn media(kind: &str, part: &Value) -> Result<Content, Refusal> {
    let link = part["link"].as_str().unwrap_or_default();
    let has_id = part["id"].as_str().is_some_and(|id| !id.is_empty());
    if !has_id && link.is_empty() {
        let details = format!("Param {kind} must have one of id and link.");
        return Err(Refusal::parameter(details));
    }
    if !link.is_empty() && !is_web_address(link) {
        return Err(Refusal::parameter(format!("Param {kind}['link'] is not a valid URI.")));
    }
    let caption = part["caption"].as_str().unwrap_or_default();
    if !caption.is_empty() && matches!(kind, "audio" | "sticker") {
        return Err(Refusal::parameter(format!("Unexpected key caption on param {kind}.")));
    }
    check_chars("caption", caption, CAPTION_CHARS_MAX)?;
    let media_urls = if link.is_empty() { Vec::new() } else { vec![link.to_owned()] };
    let body = caption.to_owned();
    Ok(Content { kind: OutboxKind::Media, body, media_urls, template: None })
}

fn location(part: &Value) -> Result<Content, Refusal> {
    for name in ["latitude", "longitude"] {
        let degrees = part[name].as_f64().or_else(|| part[name].as_str()?.parse().ok());
        if degrees.is_none() {
            return Err(Refusal::parameter(format!("Param location['{name}'] is not valid.")));
        }
    }
    let name = part["name"].as_str().unwrap_or_default().to_owned();
    Ok(Content::plain(OutboxKind::Location, name))
}

fn contacts(part: &Value) -> Result<Content, Refusal> {
    let cards = part.as_array().map(Vec::as_slice).unwrap_or_default();
    let first = cards.first().ok_or_else(|| {
        Refusal::parameter("The parameter contacts must have at least 1 element.")
    })?;
    let name = required(&first["name"], "formatted_name")?;
    Ok(Content::plain(OutboxKind::Media, name))
}

fn reaction(part: &Value) -> Result<Content, Refusal> {
    required(part, "message_id")?;
    let emoji = part["emoji"].as_str();
    let emoji = emoji.ok_or_else(|| Refusal::parameter("The parameter emoji is required."))?;
    Ok(Content::plain(OutboxKind::Text, emoji.to_owned()))
}

fn interactive(part: &Value) -> Result<Content, Refusal> {
    let kind = required(part, "type")?;
    let action = &part["action"];
    let body_max = match kind.as_str() {
        "button" => {
            check_buttons(action)?;
            BUTTON_BODY_CHARS_MAX
        }
        "list" => {
            check_rows(action)?;
            TEXT_CHARS_MAX
        }
        _ => return Err(invalid("Interactive type is not supported by the sandbox.")),
    };
    let body = limited(&part["body"], "text", body_max)?;
    Ok(Content::plain(OutboxKind::Template, body))
}

fn check_buttons(action: &Value) -> Result<(), Refusal> {
    let buttons = action["buttons"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !(1..=BUTTONS_MAX).contains(&buttons.len()) {
        return Err(invalid("The number of buttons must be between 1 and 3."));
    }
    for button in buttons {
        limited(&button["reply"], "id", BUTTON_ID_CHARS_MAX).map_err(as_invalid)?;
        limited(&button["reply"], "title", BUTTON_TITLE_CHARS_MAX).map_err(as_invalid)?;
    }
    Ok(())
}

fn check_rows(action: &Value) -> Result<(), Refusal> {
    limited(action, "button", BUTTON_TITLE_CHARS_MAX).map_err(as_invalid)?;
    let sections = action["sections"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<_> =
        sections.iter().filter_map(|section| section["rows"].as_array()).flatten().collect();
    if !(1..=ROWS_MAX).contains(&rows.len()) {
        return Err(invalid("The number of rows in all sections must be between 1 and 10."));
    }
    for row in rows {
        limited(row, "id", ROW_ID_CHARS_MAX).map_err(as_invalid)?;
        limited(row, "title", ROW_TITLE_CHARS_MAX).map_err(as_invalid)?;
    }
    Ok(())
}

fn template(part: &Value) -> Result<Content, Refusal> {
    let name = required(part, "name")?;
    let language = required(&part["language"], "code")?;
    let components = part["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut parameter_count = 0;
    let mut named = Vec::new();
    // What fills a button repeats or completes the texts, and is counted on its own.
    let texts = |component: &&Value| component["type"] != "button";
    for component in components.iter().filter(texts) {
        let parameters = component["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for parameter in parameters.iter().filter(|parameter| fills_a_place(parameter)) {
            check_parameter(parameter)?;
            parameter_count += 1;
            if component["type"] == "body" {
                named.push(!parameter["parameter_name"].is_null());
            }
        }
    }
    if named.contains(&true) && named.contains(&false) {
        let details = "Named and positional parameters must not be mixed.";
        return Err(Refusal::bad_request(132_012, details));
    }
    let components = (!part["components"].is_null()).then(|| part["components"].to_string());
    let used = TemplateUse { name, language, parameter_count, components };
    let template = Some(used);
    let media_urls = Vec::new();
    Ok(Content { kind: OutboxKind::Template, body: String::new(), media_urls, template })
}

/// The header's file and the payload of a button fill no place in a text.
fn fills_a_place(parameter: &Value) -> bool {
    let kind = parameter["type"].as_str().unwrap_or_default();
    matches!(kind, "text" | "currency" | "date_time")
}

fn check_parameter(parameter: &Value) -> Result<(), Refusal> {
    if parameter["type"] != "text" {
        return Ok(());
    }
    let text = required(parameter, "text").map_err(|_| {
        Refusal::bad_request(131_008, "Parameter of type text is missing text value")
    })?;
    let spaces = " ".repeat(PARAMETER_SPACES_MAX + 1);
    if text.contains(['\n', '\t']) || text.contains(&spaces) {
        return Err(Refusal::parameter(
            "Param text cannot have new-line/tab characters or more than 4 consecutive spaces",
        ));
    }
    Ok(())
}

fn limited(object: &Value, name: &str, chars_max: usize) -> Result<String, Refusal> {
    let text = required(object, name)?;
    check_chars(name, &text, chars_max)?;
    Ok(text)
}

fn check_chars(name: &str, text: &str, chars_max: usize) -> Result<(), Refusal> {
    if text.chars().count() <= chars_max {
        return Ok(());
    }
    Err(Refusal::parameter(format!("Param {name} must be at most {chars_max} characters long.")))
}

fn invalid(details: &str) -> Refusal {
    Refusal::bad_request(131_009, details)
}

/// The parts of an interactive message are refused as values, not as parameters.
fn as_invalid(refusal: Refusal) -> Refusal {
    Refusal { code: 131_009, ..refusal }
}

fn is_web_address(link: &str) -> bool {
    Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(body: &Value) -> Option<u32> {
        Content::read(body).err().map(|refusal| refusal.code)
    }

    #[test]
    fn each_type_is_read() {
        for body in [
            json!({"text": {"body": "hello"}}),
            json!({"type": "image", "image": {"link": "https://x/a.jpg", "caption": "leaf"}}),
            json!({"type": "audio", "audio": {"id": "1013"}}),
            json!({"type": "location", "location": {"latitude": "12.9", "longitude": 77.5}}),
            json!({"type": "contacts", "contacts": [{"name": {"formatted_name": "Ravi"}}]}),
            json!({"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": ""}}),
            json!({"type": "interactive", "interactive": {"type": "button",
                "body": {"text": "Confirm?"}, "action": {"buttons": [
                {"type": "reply", "reply": {"id": "yes_42", "title": "Yes"}}]}}}),
            json!({"type": "interactive", "interactive": {"type": "list",
                "body": {"text": "Choose"}, "action": {"button": "Open", "sections": [
                {"title": "Rabi", "rows": [{"id": "crop_wheat", "title": "Wheat"}]}]}}}),
        ] {
            assert_eq!(code(&body), None, "{body}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = "x".repeat(4097);
        for (body, expected) in [
            (json!({"type": "text"}), 100),
            (json!({"type": "text", "text": {"body": ""}}), 100),
            (json!({"type": "text", "text": {"body": long}}), 100),
            (json!({"type": "poll", "poll": {}}), 131_051),
            (json!({"type": "image", "image": {"link": "leaf.jpg"}}), 100),
            (json!({"type": "image", "image": {}}), 100),
            (
                json!({"type": "interactive", "interactive": {"type": "button", "body": {"text": "?"},
                "action": {"buttons": []}}}),
                131_009,
            ),
            (
                json!({"type": "template", "template": {"name": "a", "language": {"code": "en"},
                "components": [{"type": "body", "parameters": [{"type": "text"}]}]}}),
                131_008,
            ),
            (
                json!({"type": "template", "template": {"name": "a", "language": {"code": "en"},
                "components": [{"type": "body", "parameters": [
                {"type": "text", "text": "a\nb"}]}]}}),
                100,
            ),
        ] {
            assert_eq!(code(&body), Some(expected), "{body}");
        }
    }

    #[test]
    fn only_places_in_texts_count_as_parameters() {
        let body = json!({"type": "template", "template": {"name": "a", "language": {"code": "en"},
            "components": [
                {"type": "header", "parameters": [
                    {"type": "image", "image": {"link": "https://x/a.jpg"}}]},
                {"type": "body", "parameters": [
                    {"type": "text", "text": "Asha"}, {"type": "text", "text": "42"}]},
                {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [
                    {"type": "payload", "payload": "confirm_42"}]},
                {"type": "button", "sub_type": "url", "index": "1", "parameters": [
                    {"type": "text", "text": "42"}]}]}});
        let content = Content::read(&body).expect("a template");
        assert_eq!(content.template.map(|used| used.parameter_count), Some(2));
    }
}

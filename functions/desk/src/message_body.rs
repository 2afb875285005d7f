//! The body of `POST /v1/messages`, read into what the rules decide on.

use crate::content_shapes::{ContentBody, FallbackBody, RecipientBody};
use crate::conversations::conversation_id;
use crate::input::parse_part;
use crate::senders::sender_id;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use transom_app::Problem;
use transom_app::submit::{Recipient, Target};
use transom_core::code::Code;
use transom_core::content::{ContactCard, Content, HeaderMedia, Media, TemplateUse};
use transom_core::id::{ConversationId, MessageId};
use transom_core::identity::{Phone, User, UserId};
use transom_core::interactive::Interactive;
use transom_core::media::{MediaKind, MediaType};
use transom_core::plan::{Plan, WhenClosed};
use transom_core::time::Timestamp;
use utoipa::ToSchema;

/// The longest name of a kind of content, in characters.
const KIND_CHARS_MAX: usize = 64;
/// The most contact cards of one message.
const CARDS_MAX: usize = 257;
/// The longest name, number or address of a contact card or a place, in characters.
const FIELD_CHARS_MAX: usize = 1024;
/// The longest field that is kept of a content which is refused, in characters.
const RAW_CHARS_MAX: usize = 1024;
/// The fields that are kept of it.
const RAW_FIELDS: [&str; 5] = ["url", "media", "caption", "filename", "content_type"];

/// A message to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageBody {
    /// From whom, with `to`; or give `conversation`.
    #[schema(example = "support")]
    sender: Option<String>,
    /// To whom: a phone in E.164, a contact id, or `{"user_id":"US.…"}`.
    #[schema(value_type = Option<RecipientBody>, example = "+919876543210")]
    to: Option<Value>,
    /// The conversation, instead of `sender` and `to`.
    conversation: Option<String>,
    /// What to send, by its `type`. `text`: `text`. `image` `video` `audio` `document` `sticker`:
    /// `url` or `media`, `caption?`, `filename?`, `content_type?`, `bytes?`. `location`:
    /// `latitude`, `longitude`, `name?`, `address?`. `contacts`: `contacts` of `name`, `phones`,
    /// `emails`. `interactive`: `body`, `header?`, `footer?`, and `buttons` of `id` and `title`
    /// or a `list` of `button` and `sections`; or `provider_ref` and `variables?`. `template`:
    /// `name`, `language?`, `variables?` as a list or map, `header?` of `type` and `url` or
    /// `media`. What the sender's provider does not take is refused by name.
    #[schema(value_type = ContentBody, example = json!({"type": "text", "text": "On its way."}))]
    content: Value,
    /// When the window is closed: `refuse` (the default); `hold`: it waits, as long as the sender's
    /// settings say, and is released once when the customer writes; `template`: `fallback` goes out
    /// in its place. A template needs no open window, so there it changes nothing.
    when_closed: Option<String>,
    /// The template that goes out in place of the content with `when_closed: template`: a template
    /// content, which passes the same rules.
    #[schema(value_type = Option<FallbackBody>)]
    fallback: Option<Value>,
    /// When the limit is reached: `refuse` (the default), or `defer`: it waits, in the order of the
    /// requests, and is sent when a place frees.
    when_limited: Option<String>,
    /// The message that it answers.
    reply_to: Option<String>,
    /// When to send: later than now, at most 90 days ahead. Every rule is asked again then.
    #[schema(example = "2030-01-01T09:00:00Z")]
    send_at: Option<String>,
}

/// A message to send, read.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) target: Target,
    pub(crate) content: Content,
    pub(crate) plan: Plan,
    pub(crate) reply_to: Option<MessageId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextBody {
    #[serde(rename = "type")]
    _kind: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateBody {
    #[serde(rename = "type")]
    _kind: String,
    name: String,
    language: Option<String>,
    variables: Option<Value>,
    header: Option<HeaderBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderBody {
    #[serde(rename = "type")]
    kind: MediaKind,
    url: Option<String>,
    media: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
    bytes: Option<u64>,
    variable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaBody {
    #[serde(rename = "type")]
    kind: MediaKind,
    url: Option<String>,
    media: Option<String>,
    caption: Option<String>,
    filename: Option<String>,
    content_type: Option<String>,
    bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocationBody {
    #[serde(rename = "type")]
    _kind: String,
    latitude: Value,
    longitude: Value,
    name: Option<String>,
    address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactsBody {
    #[serde(rename = "type")]
    _kind: String,
    contacts: Vec<CardBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardBody {
    name: String,
    #[serde(default)]
    phones: Vec<String>,
    #[serde(default)]
    emails: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserIdBody {
    user_id: String,
}

impl MessageBody {
    /// Reads everything that the fields hold.
    pub(crate) fn read(&self) -> Result<Parsed, Problem> {
        let target = self.target()?;
        let content = content(&self.content)?;
        let plan = self.plan()?;
        let reply_to = self.reply_to.as_deref().map(MessageId::parse).transpose();
        let reply_to = reply_to.map_err(|e| Problem::invalid(format!("`reply_to` {e}")))?;
        Ok(Parsed { target, content, plan, reply_to })
    }

    fn plan(&self) -> Result<Plan, Problem> {
        let when_closed = match self.when_closed.as_deref() {
            None | Some("refuse") => WhenClosed::Refuse,
            Some("hold") => WhenClosed::Hold,
            Some("template") => WhenClosed::Template,
            Some(_) => {
                let detail = "`when_closed` must be one of refuse, hold, template";
                return Err(Problem::invalid(detail));
            }
        };
        let waits_for_a_place = match self.when_limited.as_deref() {
            None | Some("refuse") => false,
            Some("defer") => true,
            Some(_) => {
                return Err(Problem::invalid("`when_limited` must be one of refuse, defer"));
            }
        };
        let fallback = match (when_closed, &self.fallback) {
            (WhenClosed::Template, None) => {
                let detail = "`when_closed: template` needs `fallback`, a template content";
                return Err(Problem::invalid(detail));
            }
            (WhenClosed::Refuse | WhenClosed::Hold, Some(_)) => {
                let detail = "`fallback` belongs to `when_closed: template`";
                return Err(Problem::invalid(detail));
            }
            (_, None) => None,
            (_, Some(value)) => Some(fallback(value)?),
        };
        let send_at = self.send_at.as_deref().map(Timestamp::parse_rfc3339).transpose();
        let send_at = send_at.map_err(|_| {
            Problem::invalid("`send_at` must be a time such as 2030-01-01T09:00:00Z")
        })?;
        Ok(Plan { when_closed, fallback, waits_for_a_place, send_at })
    }

    fn target(&self) -> Result<Target, Problem> {
        match (&self.conversation, &self.sender, &self.to) {
            (Some(id), None, None) => Ok(Target::Conversation(conversation_id(id)?)),
            (None, Some(sender), Some(to)) => {
                Ok(Target::Sender { to: recipient(to)?, sender: sender_id(sender)? })
            }
            (None, None, _) => Err(Problem::invalid("`sender` is missing; or give `conversation`")),
            (None, Some(_), None) => Err(Problem::invalid("`to` is missing")),
            (Some(_), _, _) => Err(Problem::invalid(
                "`conversation` stands instead of `sender` and `to`; give one or the other",
            )),
        }
    }
}

fn recipient(to: &Value) -> Result<Recipient, Problem> {
    let invalid = |detail: String| Problem::new(Code::ContactInvalid, detail);
    if let Some(text) = to.as_str() {
        if text.starts_with("ctc_") {
            let id = ConversationId::from_contact(text);
            return id.map(Recipient::Contact).map_err(|_| Problem::not_found("such contact"));
        }
        let phone = Phone::parse(text).map_err(|e| invalid(format!("`to` {e}")))?;
        return Ok(Recipient::User(User::Phone(phone)));
    }
    if to.is_object() {
        let UserIdBody { user_id } = parse_part("to", to)?;
        let id = UserId::parse(&user_id).map_err(|e| invalid(format!("`to.user_id` {e}")))?;
        return Ok(Recipient::User(User::Id(id)));
    }
    Err(Problem::invalid(
        "`to` must be a phone in E.164, a contact id (`ctc_…`), or {\"user_id\":\"US.…\"}",
    ))
}

/// The template that stands in for the content.
fn fallback(value: &Value) -> Result<TemplateUse, Problem> {
    let wrong = || {
        Problem::invalid(
            "`fallback` must be a template content, such as \
             {\"type\":\"template\",\"name\":\"order_ready\"}",
        )
    };
    if value.get("type").and_then(Value::as_str) != Some("template") {
        return Err(wrong());
    }
    let read = content(value).map_err(|problem| {
        let detail = problem.detail.replace("`content", "`fallback");
        Problem { detail, ..problem }
    })?;
    let Content::Template(used) = read else { return Err(wrong()) };
    Ok(used)
}

fn content(value: &Value) -> Result<Content, Problem> {
    let kind = value.get("type").and_then(Value::as_str);
    let kind = kind.filter(|k| (1..=KIND_CHARS_MAX).contains(&k.chars().count()));
    let Some(kind) = kind else {
        return Err(Problem::invalid(
            "`content` must be an object with a `type`, such as {\"type\":\"text\",\"text\":\"Hi\"}",
        ));
    };
    match kind {
        "text" => {
            let TextBody { text, .. } = parse_part("content", value)?;
            Ok(Content::Text { text })
        }
        "template" => {
            let body: TemplateBody = parse_part("content", value)?;
            let TemplateBody { name, language, variables, header, .. } = body;
            let variables = variables.as_ref().map(variables_of).transpose()?.unwrap_or_default();
            let header = header.map(header_of).transpose()?;
            Ok(Content::Template(TemplateUse { name, language, variables, header }))
        }
        kind if MediaKind::parse(kind).is_some() => {
            let body: MediaBody = parse_part("content", value)?;
            let kind = body.kind;
            Ok(kind.content(media_of("content", body)?))
        }
        "location" => location(&parse_part("content", value)?),
        "contacts" => contacts(parse_part("content", value)?),
        "interactive" => interactive(value),
        other => Ok(Content::Unsupported { kind: other.to_owned(), raw: raw(value) }),
    }
}

fn media_of(path: &str, body: MediaBody) -> Result<Media, Problem> {
    let url = body.url.filter(|url| !url.is_empty());
    let media = body.media.filter(|media| !media.is_empty());
    if url.is_some() == media.is_some() {
        let detail = format!("`{path}` needs `url` or `media`, one of them");
        return Err(Problem::invalid(detail));
    }
    if let Some(told) = body.content_type.as_deref()
        && !MediaType::is_well_formed(told)
    {
        let detail = format!("`{path}.content_type` must be a media type, such as image/png");
        return Err(Problem::invalid(detail));
    }
    let filename = body.filename.filter(|name| !name.is_empty());
    if filename.as_deref().is_some_and(|name| !is_file_name(name)) {
        let detail = format!("`{path}.filename` must be a name without folders, up to 240 bytes");
        return Err(Problem::invalid(detail));
    }
    Ok(Media {
        media,
        url,
        content_type: body.content_type,
        filename,
        bytes: body.bytes,
        caption: body.caption.filter(|caption| !caption.is_empty()),
        ..Media::default()
    })
}

/// A file name as phones show it: no folder, no control character.
pub(crate) fn is_file_name(name: &str) -> bool {
    (1..=240).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
}

fn header_of(body: HeaderBody) -> Result<HeaderMedia, Problem> {
    let HeaderBody { kind, url, media, filename, content_type, bytes, variable } = body;
    if !matches!(kind, MediaKind::Image | MediaKind::Video | MediaKind::Document) {
        let detail = "`content.header.type` must be image, video or document";
        return Err(Problem::invalid(detail));
    }
    let body = MediaBody { kind, url, media, caption: None, filename, content_type, bytes };
    Ok(HeaderMedia { kind, media: media_of("content.header", body)?, variable })
}

fn location(body: &LocationBody) -> Result<Content, Problem> {
    let degrees = |name: &str, value: &Value, most: f64| {
        let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
        let read = text.parse::<f64>().ok().filter(|d| (-most..=most).contains(d));
        let detail = format!("`content.{name}` must be degrees from -{most} to {most}");
        read.map(|d| d.to_string()).ok_or_else(|| Problem::invalid(detail))
    };
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (name, address) = (filled(&body.name), filled(&body.address));
    short("content.name", name.as_deref().unwrap_or_default())?;
    short("content.address", address.as_deref().unwrap_or_default())?;
    Ok(Content::Location {
        latitude: degrees("latitude", &body.latitude, 90.0)?,
        longitude: degrees("longitude", &body.longitude, 180.0)?,
        name,
        address,
    })
}

fn contacts(body: ContactsBody) -> Result<Content, Problem> {
    if !(1..=CARDS_MAX).contains(&body.contacts.len()) {
        return Err(Problem::invalid(format!("`content.contacts` must be 1 to {CARDS_MAX} cards")));
    }
    let mut contacts = Vec::with_capacity(body.contacts.len());
    for (index, card) in body.contacts.into_iter().enumerate() {
        let path = format!("content.contacts[{index}]");
        if card.name.trim().is_empty() {
            return Err(Problem::invalid(format!("`{path}.name` is empty")));
        }
        let fields = card.phones.iter().chain(&card.emails).chain([&card.name]);
        for field in fields {
            short(&path, field)?;
        }
        contacts.push(ContactCard { name: card.name, phones: card.phones, emails: card.emails });
    }
    Ok(Content::Contacts { contacts, file: None })
}

fn short(path: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() <= FIELD_CHARS_MAX {
        return Ok(());
    }
    Err(Problem::invalid(format!("`{path}` is longer than {FIELD_CHARS_MAX} characters")))
}

fn interactive(value: &Value) -> Result<Content, Problem> {
    let mut fields = value.clone();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("type");
    }
    Ok(Content::Interactive(parse_part::<Interactive>("content", &fields)?))
}

/// What is kept of a content that is refused: enough to see what was meant.
fn raw(value: &Value) -> BTreeMap<String, String> {
    let kept = |field: &&str| {
        let text = value.get(field)?.as_str()?;
        Some(((*field).to_owned(), text.chars().take(RAW_CHARS_MAX).collect()))
    };
    RAW_FIELDS.iter().filter_map(kept).collect()
}

/// Variables as a list (`1`, `2`, …) or as a map.
fn variables_of(value: &Value) -> Result<BTreeMap<String, String>, Problem> {
    if let Some(list) = value.as_array() {
        let named = list.iter().enumerate().map(|(index, value)| {
            let text = scalar(&format!("content.variables[{index}]"), value)?;
            Ok(((index + 1).to_string(), text))
        });
        return named.collect();
    }
    if let Some(map) = value.as_object() {
        let named = map.iter().map(|(name, value)| {
            Ok((name.clone(), scalar(&format!("content.variables.{name}"), value)?))
        });
        return named.collect();
    }
    if value.is_null() {
        return Ok(BTreeMap::new());
    }
    Err(Problem::invalid("`content.variables` must be a list or a map"))
}

fn scalar(path: &str, value: &Value) -> Result<String, Problem> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if value.is_number() {
        return Ok(value.to_string());
    }
    Err(Problem::invalid(format!("`{path}` must be a text or a number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::parse;
    use serde_json::json;

    fn read(body: &Value) -> Result<Parsed, Problem> {
        parse::<MessageBody>(body.to_string().as_bytes())?.read()
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({
            "sender": "support", "to": "+919876543210", "content": {"type": "text", "text": "Hi"},
        });
        body[field] = value;
        body
    }

    #[test]
    fn every_recipient_is_read() {
        for to in [json!("+919876543210"), json!("ctc_abcdefghijklmnopqrstuvw2")] {
            assert!(read(&with("to", to)).is_ok());
        }
        assert!(read(&with("to", json!({"user_id": "US.13491208655302741918"}))).is_ok());
        let conversation = json!({
            "conversation": "cnv_abcdefghijklmnopqrstuvw2", "content": {"type": "text", "text": ""},
        });
        assert!(read(&conversation).is_ok());
    }

    #[test]
    fn variables_are_a_list_or_a_map_of_texts_and_numbers() {
        let template = |variables: Value| {
            let content = json!({"type": "template", "name": "t", "variables": variables});
            read(&with("content", content)).map(|p| p.content)
        };
        let expected = |pairs: &[(&str, &str)]| {
            let variables = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let (name, language, header) = ("t".to_owned(), None, None);
            Ok(Content::Template(TemplateUse { name, language, variables, header }))
        };
        assert_eq!(template(json!(["A", 7])), expected(&[("1", "A"), ("2", "7")]));
        assert_eq!(template(json!({"name": 1.5})), expected(&[("name", "1.5")]));
        assert_eq!(template(json!([])), expected(&[]));
        let refused = template(json!(["A", {}])).expect_err("refused");
        assert!(refused.detail.contains("content.variables[1]"), "{}", refused.detail);
    }

    #[test]
    fn every_kind_is_read_and_unknown_ones_are_left_to_the_rules() {
        let url = "https://example.com/a";
        for content in [
            json!({"type": "image", "url": url, "caption": "A"}),
            json!({"type": "document", "media": "med_x", "filename": "a.pdf", "bytes": 3}),
            json!({"type": "location", "latitude": 12.9, "longitude": "77.5", "name": "Office"}),
            json!({"type": "contacts", "contacts": [{"name": "Asha", "phones": ["+91 98"]}]}),
            json!({"type": "interactive", "body": "?", "buttons": [{"id": "y", "title": "Yes"}]}),
            json!({"type": "interactive", "provider_ref": "HX1", "variables": {"1": "x"}}),
            json!({"type": "template", "name": "t", "header": {"type": "image", "url": url}}),
        ] {
            let kind = content["type"].clone();
            let read = read(&with("content", content)).map(|p| p.content.kind().as_str());
            assert_eq!(read, Ok(kind.as_str().unwrap_or_default()));
        }
        let poll = json!({"type": "poll", "url": "https://example.com/a.png", "caption": "A"});
        let content = read(&with("content", poll)).map(|p| p.content);
        assert!(
            matches!(content, Ok(Content::Unsupported { kind, raw }) if kind == "poll" && raw.len() == 2)
        );
    }

    #[test]
    fn files_places_and_cards_that_cannot_be_are_named() {
        for (content, named) in [
            (json!({"type": "image"}), "`url` or `media`"),
            (json!({"type": "image", "url": "u", "media": "m"}), "`url` or `media`"),
            (json!({"type": "image", "url": "u", "text": "x"}), "`text`"),
            (json!({"type": "image", "url": "u", "content_type": "png"}), "content_type"),
            (json!({"type": "document", "url": "u", "filename": "../a"}), "filename"),
            (json!({"type": "location", "latitude": 91, "longitude": 0}), "latitude"),
            (json!({"type": "location", "latitude": "x", "longitude": 0}), "latitude"),
            (json!({"type": "location", "latitude": 0, "longitude": -180.1}), "longitude"),
            (json!({"type": "contacts", "contacts": []}), "contacts"),
            (json!({"type": "contacts", "contacts": [{"name": " "}]}), "contacts[0].name"),
            (json!({"type": "interactive", "body": "?", "rows": []}), "rows"),
            (
                json!({"type": "template", "name": "t", "header": {"type": "audio", "url": "u"}}),
                "header.type",
            ),
        ] {
            let problem = read(&with("content", content.clone())).expect_err(named);
            assert_eq!(problem.code, Code::InvalidRequest, "{content}");
            assert!(problem.detail.contains(named), "{content}: {}", problem.detail);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (field, value, code, named) in [
            ("to", json!("919876543210"), Code::ContactInvalid, "`to`"),
            ("to", json!(919), Code::InvalidRequest, "`to`"),
            ("to", json!({"user": "x"}), Code::InvalidRequest, "`to"),
            ("to", Value::Null, Code::InvalidRequest, "`to`"),
            ("content", json!({"text": "Hi"}), Code::InvalidRequest, "`type`"),
            ("content", json!("Hi"), Code::InvalidRequest, "`content`"),
            ("content", json!({"type": "text"}), Code::InvalidRequest, "`text`"),
            ("content", json!({"type": "text", "text": 1}), Code::InvalidRequest, "content.text"),
            ("content", json!({"type": "text", "text": "", "x": 1}), Code::InvalidRequest, "`x`"),
            ("when_closed", json!("template"), Code::InvalidRequest, "`fallback`"),
            (
                "fallback",
                json!({"type": "template", "name": "t"}),
                Code::InvalidRequest,
                "when_closed",
            ),
            ("when_closed", json!("wait"), Code::InvalidRequest, "when_closed"),
            ("when_limited", json!("wait"), Code::InvalidRequest, "when_limited"),
            ("send_at", json!("tomorrow"), Code::InvalidRequest, "send_at"),
            ("reply_to", json!("msg_1"), Code::InvalidRequest, "reply_to"),
            ("conversation", json!("cnv_x"), Code::InvalidRequest, "conversation"),
            ("priority", json!(1), Code::InvalidRequest, "priority"),
        ] {
            let problem = read(&with(field, value)).expect_err(field);
            assert_eq!(problem.code, code, "{field}: {}", problem.detail);
            assert!(problem.detail.contains(named), "{field}: {}", problem.detail);
        }
    }
}

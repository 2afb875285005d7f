//! Sends, as Meta wants them: one JSON body, with a bearer token.

use super::composed::{self, Card, Composed};
use crate::{Outbound, ProviderRequest, Unrenderable};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use transom_core::content::{Content, HeaderMedia, Media, TemplateUse};
use transom_core::identity::User;
use transom_core::media::MediaKind;
use transom_core::template::{Button, Category, Header, Place, Template};

/// The version of the API that is spoken unless the account's base URL names another, as in
/// `https://graph.facebook.com/v26.0`: the first documented one in which users may be addressed
/// by their business-scoped ids.
const VERSION: &str = "v25.0";

/// A send. `to` and `recipient` exclude each other: Meta drops an id in `to` silently (F18).
#[derive(Serialize)]
struct Send<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Answered<'a>>,
    #[serde(flatten)]
    body: Body<'a>,
    biz_opaque_callback_data: String,
}

/// The message that is quoted.
#[derive(Serialize)]
struct Answered<'a> {
    message_id: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Body<'a> {
    Text { text: Text<'a> },
    Image { image: File<'a> },
    Video { video: File<'a> },
    Audio { audio: File<'a> },
    Document { document: File<'a> },
    Sticker { sticker: File<'a> },
    Location { location: Spot<'a> },
    Contacts { contacts: Vec<Card<'a>> },
    Interactive { interactive: Composed<'a> },
    Template { template: Named<'a> },
}

#[derive(Serialize)]
struct Spot<'a> {
    latitude: &'a str,
    longitude: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
}

#[derive(Serialize)]
struct Text<'a> {
    body: &'a str,
    preview_url: bool,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    language: Language<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Language<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    parameters: Vec<Parameter<'a>>,
}

#[derive(Serialize)]
struct Parameter<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_name: Option<Cow<'a, str>>,
    #[serde(flatten)]
    value: Filling<'a>,
}

/// What fills a place: a text, or the header's file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Filling<'a> {
    Text(&'a str),
    Image(File<'a>),
    Video(File<'a>),
    Document(File<'a>),
    CouponCode(&'a str),
}

/// Writes a send for Meta. `base_url` may end with a version (`/v26.0`), which then counts.
///
/// # Errors
/// [`Unrenderable`] for content that Meta has no form for, for a file without an address, for a
/// sender whose phone-number id nobody has told us, and for a template that cannot be addressed
/// or filled.
pub fn render(
    access_token: &str,
    base_url: &str,
    outbound: &Outbound<'_>,
) -> Result<ProviderRequest, Unrenderable> {
    let (to, recipient) = match outbound.to {
        // With the `+`: without it Meta may put the business's own country code before it.
        User::Phone(phone) | User::Both(phone, _) => (Some(phone.as_str()), None),
        User::Id(id) => (None, Some(id.as_str())),
    };
    let send = Send {
        messaging_product: "whatsapp",
        recipient_type: "individual",
        to,
        recipient,
        context: outbound.context.map(|message_id| Answered { message_id }),
        body: body(outbound)?,
        biz_opaque_callback_data: outbound.reference.to_string(),
    };
    let body = serde_json::to_vec(&send)
        .map_err(|_| Unrenderable("the message cannot be written as JSON".to_owned()))?;
    Ok(ProviderRequest {
        url: url(base_url, outbound.from_provider_id)?,
        headers: vec![
            ("authorization", format!("Bearer {access_token}")),
            ("content-type", "application/json".to_owned()),
        ],
        body,
    })
}

fn url(base_url: &str, number_id: Option<&str>) -> Result<String, Unrenderable> {
    let number_id = number_id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Unrenderable(
            "the sender has no provider_id: store the phone number ID that Meta's WhatsApp \
             Manager shows beside the number"
                .to_owned(),
        )
    })?;
    Ok(format!("{}/messages", of_thing(base_url, number_id)))
}

/// The address of a thing of Meta's by its id.
pub(super) fn of_thing(base_url: &str, id: &str) -> String {
    format!("{}/{}", versioned(base_url), utf8_percent_encode(id, NON_ALPHANUMERIC))
}

/// The API's address with its version, which `base_url` may name itself.
pub(super) fn versioned(base_url: &str) -> String {
    let base_url = base_url.trim_end_matches('/');
    match base_url.rsplit('/').next().filter(|last| is_version(last)) {
        Some(_) => base_url.to_owned(),
        None => format!("{base_url}/{VERSION}"),
    }
}

fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn body<'a>(outbound: &Outbound<'a>) -> Result<Body<'a>, Unrenderable> {
    let file = |media: &'a Media| file(media, outbound);
    Ok(match outbound.content {
        // Meta fetches a preview of the first link only when it is asked to.
        Content::Text { text } => {
            Body::Text { text: Text { body: text, preview_url: outbound.link_preview } }
        }
        Content::Image(media) => Body::Image { image: file(media)? },
        Content::Video(media) => Body::Video { video: file(media)? },
        Content::Audio(media) => Body::Audio { audio: file(media)? },
        Content::Document(media) => Body::Document { document: file(media)? },
        Content::Sticker(media) => Body::Sticker { sticker: file(media)? },
        Content::Location { latitude, longitude, name, address } => Body::Location {
            location: Spot {
                latitude,
                longitude,
                name: name.as_deref(),
                address: address.as_deref(),
            },
        },
        Content::Contacts { contacts, .. } => {
            Body::Contacts { contacts: contacts.iter().map(composed::card).collect() }
        }
        Content::Interactive(content) => {
            Body::Interactive { interactive: composed::interactive(content) }
        }
        Content::Template(used) => Body::Template { template: template(used, outbound)? },
        Content::Button { .. }
        | Content::List { .. }
        | Content::Reaction { .. }
        | Content::Edit { .. }
        | Content::Deletion
        | Content::Unsupported { .. } => {
            return Err(Unrenderable("this kind is not sent through meta".to_owned()));
        }
    })
}

/// A file by its address: Meta fetches it and keeps it for ten minutes.
#[derive(Serialize)]
struct File<'a> {
    link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
}

impl<'a> File<'a> {
    const fn of(link: &'a str) -> Self {
        Self { link, caption: None, filename: None }
    }
}

fn file<'a>(media: &'a Media, outbound: &Outbound<'a>) -> Result<File<'a>, Unrenderable> {
    let link = outbound
        .link
        .ok_or_else(|| Unrenderable("the message's file has no address".to_owned()))?;
    Ok(File { link, caption: media.caption(), filename: media.filename.as_deref() })
}

fn template<'a>(used: &'a TemplateUse, outbound: &Outbound<'a>) -> Result<Named<'a>, Unrenderable> {
    let (defined, to): (Option<&'a Template>, _) = (outbound.template, outbound.to);
    let language = defined.map(|template| template.language.as_str());
    let code = language.or(used.language.as_deref()).ok_or_else(|| {
        Unrenderable(format!(
            "the template `{}` has no language: define it, or name its language in the message",
            used.name
        ))
    })?;
    let is_code = defined.is_some_and(|template| template.category == Category::Authentication);
    if is_code && to.phone().is_none() {
        return Err(Unrenderable(
            "WhatsApp sends authentication templates to phone numbers only: ask the customer for \
             his number"
                .to_owned(),
        ));
    }
    let parts = Parts::of(used, defined)?;
    let mut components = Vec::new();
    let header = match (&used.header, defined.and_then(own_file)) {
        (Some(header), _) => Some(in_header(header, outbound)?),
        (None, Some((kind, link))) => Some(file_parameter(kind, File::of(link))?),
        (None, None) => parts.header,
    };
    components.extend(header.map(|parameter| Component {
        r#type: "header",
        sub_type: None,
        index: None,
        parameters: vec![parameter],
    }));
    if !parts.body.is_empty() {
        let parameters = parameters(&used.name, &parts.body)?;
        components.push(Component { r#type: "body", sub_type: None, index: None, parameters });
    }
    components.extend(parts.buttons);
    if is_code {
        components.extend(code_button(&parts.body));
    }
    Ok(Named { name: &used.name, language: Language { code }, components })
}

/// The file that a template brings itself.
fn own_file(template: &Template) -> Option<(MediaKind, &str)> {
    let kind = template.header.as_ref().and_then(Header::file_kind)?;
    template.file()?.url.as_deref().map(|url| (kind, url))
}

/// A message's variables, by the part of the template that each belongs to.
struct Parts<'a> {
    header: Option<Parameter<'a>>,
    body: BTreeMap<&'a str, &'a str>,
    buttons: Vec<Component<'a>>,
}

impl<'a> Parts<'a> {
    fn of(used: &'a TemplateUse, defined: Option<&Template>) -> Result<Self, Unrenderable> {
        let given = used.variables.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let mut parts = Self { header: None, body: given.collect(), buttons: Vec::new() };
        for slot in defined.map(Template::slots).unwrap_or_default() {
            let value = |parts: &mut Self| {
                parts.body.remove(slot.key.as_str()).ok_or_else(|| {
                    Unrenderable(format!("the template's placeholder `{}` has no value", slot.key))
                })
            };
            match slot.place {
                Place::Body => {}
                Place::Header => {
                    let is_number = slot.name.parse::<u32>().is_ok();
                    let name = (!is_number).then(|| Cow::Owned(slot.name.clone()));
                    parts.header = Some(parameter(name, value(&mut parts)?));
                }
                Place::Button(index) => {
                    let text = value(&mut parts)?;
                    let button = defined.and_then(|template| template.buttons.get(index));
                    let (sub_type, r#type, value) = match button {
                        Some(Button::CopyCode { .. }) => {
                            ("copy_code", "coupon_code", Filling::CouponCode(text))
                        }
                        Some(
                            Button::QuickReply { .. }
                            | Button::Url { .. }
                            | Button::Phone { .. }
                            | Button::Otp { .. }
                            | Button::Catalog { .. }
                            | Button::Other { .. },
                        )
                        | None => ("url", "text", Filling::Text(text)),
                    };
                    parts.buttons.push(Component {
                        r#type: "button",
                        sub_type: Some(sub_type),
                        index: Some(index.to_string()),
                        parameters: vec![Parameter { r#type, parameter_name: None, value }],
                    });
                }
            }
        }
        Ok(parts)
    }
}

/// The body's parameters: in the order of their numbers, or by name, but never mixed.
fn parameters<'a>(
    name: &str,
    variables: &BTreeMap<&'a str, &'a str>,
) -> Result<Vec<Parameter<'a>>, Unrenderable> {
    let numbered: BTreeMap<u32, &'a str> =
        variables.iter().filter_map(|(key, text)| Some((key.parse().ok()?, *text))).collect();
    if numbered.len() == variables.len() {
        return Ok(numbered.into_values().map(|text| parameter(None, text)).collect());
    }
    if numbered.is_empty() {
        let named = |(key, text): (&&'a str, &&'a str)| parameter(Some(Cow::Borrowed(*key)), text);
        return Ok(variables.iter().map(named).collect());
    }
    Err(Unrenderable(format!(
        "the variables of the template `{name}` are partly numbered and partly named: WhatsApp \
         takes either numbers or names"
    )))
}

/// An authentication template names its code twice: in its text and for the button that every
/// such template has.
fn code_button<'a>(variables: &BTreeMap<&'a str, &'a str>) -> Option<Component<'a>> {
    let code = variables.values().next().filter(|_| variables.len() == 1)?;
    Some(Component {
        r#type: "button",
        sub_type: Some("url"),
        index: Some("0".to_owned()),
        parameters: vec![parameter(None, code)],
    })
}

const fn parameter<'a>(parameter_name: Option<Cow<'a, str>>, text: &'a str) -> Parameter<'a> {
    Parameter { r#type: "text", parameter_name, value: Filling::Text(text) }
}

fn in_header<'a>(
    header: &'a HeaderMedia,
    outbound: &Outbound<'a>,
) -> Result<Parameter<'a>, Unrenderable> {
    file_parameter(header.kind, File { caption: None, ..file(&header.media, outbound)? })
}

fn file_parameter(kind: MediaKind, file: File<'_>) -> Result<Parameter<'_>, Unrenderable> {
    let value = match kind {
        MediaKind::Image => Filling::Image(File { filename: None, ..file }),
        MediaKind::Video => Filling::Video(File { filename: None, ..file }),
        MediaKind::Document => Filling::Document(file),
        MediaKind::Audio | MediaKind::Sticker => {
            return Err(Unrenderable(
                "a template's header is an image, a video or a document".to_owned(),
            ));
        }
    };
    Ok(Parameter { r#type: kind.as_str(), parameter_name: None, value })
}

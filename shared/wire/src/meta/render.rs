//! Sends, as Meta wants them: one JSON body, with a bearer token.

use crate::{Outbound, ProviderRequest, Unrenderable};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use std::collections::BTreeMap;
use transom_core::content::{Content, TemplateUse};
use transom_core::identity::User;
use transom_core::template::{Category, Template};

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
    #[serde(flatten)]
    body: Body<'a>,
    biz_opaque_callback_data: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Body<'a> {
    Text { text: Text<'a> },
    Template { template: Named<'a> },
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
    index: Option<&'static str>,
    parameters: Vec<Parameter<'a>>,
}

#[derive(Serialize)]
struct Parameter<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_name: Option<&'a str>,
    text: &'a str,
}

/// Writes a send for Meta. `base_url` may end with a version (`/v26.0`), which then counts.
///
/// # Errors
/// [`Unrenderable`] for content other than texts and templates, for a sender whose phone-number
/// id nobody has told us, and for a template that cannot be addressed or filled.
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
    let number_id = utf8_percent_encode(number_id, NON_ALPHANUMERIC);
    let base_url = base_url.trim_end_matches('/');
    let version = base_url.rsplit('/').next().filter(|last| is_version(last));
    Ok(match version {
        Some(_) => format!("{base_url}/{number_id}/messages"),
        None => format!("{base_url}/{VERSION}/{number_id}/messages"),
    })
}

fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn body<'a>(outbound: &Outbound<'a>) -> Result<Body<'a>, Unrenderable> {
    match outbound.content {
        // Meta fetches a preview of the first link only when it is asked to.
        Content::Text { text } => Ok(Body::Text { text: Text { body: text, preview_url: false } }),
        Content::Template(used) => {
            Ok(Body::Template { template: template(used, outbound.template, outbound.to)? })
        }
        Content::Image(_)
        | Content::Video(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::Sticker(_)
        | Content::Location { .. }
        | Content::Contacts { .. }
        | Content::Button { .. }
        | Content::List { .. }
        | Content::Unsupported { .. } => {
            Err(Unrenderable("only texts and templates are sent through meta yet".to_owned()))
        }
    }
}

fn template<'a>(
    used: &'a TemplateUse,
    defined: Option<&'a Template>,
    to: &User,
) -> Result<Named<'a>, Unrenderable> {
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
    let mut components = Vec::new();
    if !used.variables.is_empty() {
        let parameters = parameters(&used.name, &used.variables)?;
        components.push(Component { r#type: "body", sub_type: None, index: None, parameters });
    }
    if is_code {
        components.extend(code_button(&used.variables));
    }
    Ok(Named { name: &used.name, language: Language { code }, components })
}

/// The body's parameters: in the order of their numbers, or by name, but never mixed.
fn parameters<'a>(
    name: &str,
    variables: &'a BTreeMap<String, String>,
) -> Result<Vec<Parameter<'a>>, Unrenderable> {
    let numbered: BTreeMap<u32, &str> = variables
        .iter()
        .filter_map(|(key, text)| Some((key.parse().ok()?, text.as_str())))
        .collect();
    if numbered.len() == variables.len() {
        return Ok(numbered.into_values().map(|text| parameter(None, text)).collect());
    }
    if numbered.is_empty() {
        return Ok(variables
            .iter()
            .map(|(key, text)| parameter(Some(key.as_str()), text))
            .collect());
    }
    Err(Unrenderable(format!(
        "the variables of the template `{name}` are partly numbered and partly named: WhatsApp \
         takes either numbers or names"
    )))
}

/// An authentication template names its code twice: in its text and for the button that every
/// such template has.
fn code_button(variables: &BTreeMap<String, String>) -> Option<Component<'_>> {
    let code = variables.values().next().filter(|_| variables.len() == 1)?;
    Some(Component {
        r#type: "button",
        sub_type: Some("url"),
        index: Some("0"),
        parameters: vec![parameter(None, code)],
    })
}

const fn parameter<'a>(parameter_name: Option<&'a str>, text: &'a str) -> Parameter<'a> {
    Parameter { r#type: "text", parameter_name, text }
}

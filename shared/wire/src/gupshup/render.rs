//! A send as Gupshup's self-serve API wants it: a form with JSON in its fields. It takes no
//! reference of ours and no address for statuses; those belong to the app's subscription.

use super::message_body as message;
use crate::{Outbound, ProviderRequest, Unrenderable};
use serde::Serialize;
use transom_core::content::{Content, TemplateUse};
use transom_core::identity::User;
use transom_core::template::{Button, Place, Template};

const TEXT_PATH: &str = "/wa/api/v1/msg";
const TEMPLATE_PATH: &str = "/wa/api/v1/template/msg";

/// A text. The fields are structs', and not a map's, so that their order is always the same.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TextMessage<'a> {
    r#type: &'static str,
    text: &'a str,
    preview_url: bool,
}

/// A template with its values.
#[derive(Debug, Serialize)]
struct TemplateMessage<'a> {
    id: &'a str,
    params: Vec<&'a str>,
}

/// Writes a send for Gupshup.
///
/// # Errors
/// [`Unrenderable`] for content that Gupshup has no form for, for a file without an address, for
/// a user whose number is hidden, and for a template whose Gupshup id or one of whose values
/// nobody has told us.
pub fn render(
    app_name: &str,
    api_key: &str,
    base_url: &str,
    outbound: &Outbound<'_>,
) -> Result<ProviderRequest, Unrenderable> {
    if api_key.is_empty() || !api_key.bytes().all(|b| b.is_ascii_graphic()) {
        return refused("the account's api_key is empty or has characters that no header can hold");
    }
    let (path, field, value) = match outbound.content {
        Content::Template(used) => {
            let template = TemplateMessage {
                id: template_id(outbound.template)?,
                params: parameters(outbound.template, used)?,
            };
            (TEMPLATE_PATH, "template", written(&template)?)
        }
        Content::Text { text } => {
            let preview_url = outbound.link_preview;
            let message = TextMessage { r#type: "text", text, preview_url };
            (TEXT_PATH, "message", written(&message)?)
        }
        other @ (Content::Image(_)
        | Content::Video(_)
        | Content::Audio(_)
        | Content::Document(_)
        | Content::Sticker(_)
        | Content::Location { .. }
        | Content::Contacts { .. }
        | Content::Button { .. }
        | Content::List { .. }
        | Content::Reaction { .. }
        | Content::Edit { .. }
        | Content::Deletion
        | Content::Interactive(_)
        | Content::Unsupported { .. }) => {
            (TEXT_PATH, "message", written(&message::of(other, outbound)?)?)
        }
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("channel", "whatsapp");
    form.append_pair("source", outbound.from.digits());
    form.append_pair("destination", destination(outbound.to)?);
    form.append_pair(field, &value);
    if let Content::Template(used) = outbound.content
        && let Some(file) = message::in_header(used, outbound)?
    {
        form.append_pair("message", &written(&file)?);
    }
    form.append_pair("src.name", app_name);
    Ok(ProviderRequest {
        url: format!("{}{path}", base_url.trim_end_matches('/')),
        headers: vec![
            ("apikey", api_key.to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ],
        body: form.finish().into_bytes(),
    })
}

fn refused<T>(why: &str) -> Result<T, Unrenderable> {
    Err(Unrenderable(why.to_owned()))
}

fn written(message: &impl Serialize) -> Result<String, Unrenderable> {
    serde_json::to_string(message)
        .map_err(|_| Unrenderable("the message cannot be written as JSON".to_owned()))
}

fn destination(user: &User) -> Result<&str, Unrenderable> {
    match user {
        User::Phone(phone) | User::Both(phone, _) => Ok(phone.digits()),
        User::Id(_) => refused(
            "this customer's number is hidden, and gupshup's self-serve API writes to numbers only",
        ),
    }
}

fn template_id(template: Option<&Template>) -> Result<&str, Unrenderable> {
    let template = defined(template)?;
    template.provider_ref.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| {
        Unrenderable(format!(
            "the template `{}` ({}) has no provider_ref: define it again with the template id \
             that Gupshup's list of templates shows",
            template.name, template.language
        ))
    })
}

fn defined(template: Option<&Template>) -> Result<&Template, Unrenderable> {
    template.ok_or_else(|| Unrenderable("the template's definition is missing".to_owned()))
}

/// The values in the order of their placeholders: Gupshup's parameters have no names. The header's
/// come first, then the body's, then the buttons', of which a one-time password's repeats the
/// body's.
fn parameters<'a>(
    template: Option<&Template>,
    used: &'a TemplateUse,
) -> Result<Vec<&'a str>, Unrenderable> {
    let template = defined(template)?;
    let slots = template.slots();
    let of = |wanted: fn(&Place) -> bool| {
        slots.iter().filter(move |slot| wanted(&slot.place)).map(|slot| slot.key.clone())
    };
    let mut keys: Vec<String> = of(|place| matches!(place, Place::Header)).collect();
    keys.extend(in_order(template));
    keys.extend(of(|place| matches!(place, Place::Button(_))));
    if template.buttons.iter().any(|button| matches!(button, Button::Otp { .. })) {
        keys.extend(in_order(template).into_iter().take(1));
    }
    let value = |key: String| {
        used.variables
            .get(&key)
            .map(String::as_str)
            .ok_or_else(|| Unrenderable(format!("the template's placeholder `{key}` has no value")))
    };
    keys.into_iter().map(value).collect()
}

/// Each placeholder once: numbers by their value, so that 10 follows 9, and names as they first
/// appear in the body.
fn in_order(template: &Template) -> Vec<String> {
    let mut names: Vec<String> = template.placeholders().into_iter().collect();
    if names.iter().all(|name| name.parse::<u32>().is_ok()) {
        names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
    } else {
        names.sort_by_cached_key(|name| first_place(&template.body, name));
    }
    names
}

/// How many placeholders stand before the first one of that name.
fn first_place(body: &str, name: &str) -> usize {
    body.split("{{")
        .skip(1)
        .position(|rest| rest.split_once("}}").is_some_and(|(found, _)| found.trim() == name))
        .unwrap_or(usize::MAX)
}

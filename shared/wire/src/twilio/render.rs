//! A send as Twilio wants it: `POST …/Messages.json`, a form with HTTP Basic authentication.

use super::address;
use super::status::REFERENCE_PARAMETER;
use crate::vcard::vcard;
use crate::{MadeFile, Outbound, ProviderRequest, Reference, Unrenderable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use transom_core::content::{Content, TemplateUse};
use transom_core::template::Template;

/// Writes a send for Twilio.
///
/// # Errors
/// [`Unrenderable`] for content that Twilio has no form for, for a file without an address, and
/// for a template whose Twilio content SID nobody has told us.
pub fn render(
    account_sid: &str,
    auth_token: &str,
    base_url: &str,
    outbound: &Outbound<'_>,
) -> Result<ProviderRequest, Unrenderable> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("From", &address::of_phone(outbound.from));
    form.append_pair("To", &address::of_user(outbound.to));
    match outbound.content {
        Content::Text { text } => {
            form.append_pair("Body", text);
        }
        Content::Template(used) => {
            form.append_pair("ContentSid", content_sid(outbound.template)?);
            let variables = with_header(used, outbound)?;
            if !variables.is_empty() {
                form.append_pair("ContentVariables", &json_object(&variables)?);
            }
        }
        Content::Interactive(made) => {
            // Buttons and lists exist at Twilio as content resources only.
            let sid = made.provider_ref.as_deref().filter(|sid| !sid.is_empty());
            let sid = sid.ok_or_else(|| {
                Unrenderable("twilio sends buttons and lists by their content SID only".to_owned())
            })?;
            form.append_pair("ContentSid", sid);
            if !made.variables.is_empty() {
                form.append_pair("ContentVariables", &json_object(&made.variables)?);
            }
        }
        Content::Image(media)
        | Content::Video(media)
        | Content::Audio(media)
        | Content::Document(media)
        | Content::Sticker(media) => {
            if let Some(caption) = media.caption() {
                form.append_pair("Body", caption);
            }
            form.append_pair("MediaUrl", outbound.link()?);
        }
        // What `made_file` makes of them.
        Content::Contacts { .. } => {
            form.append_pair("MediaUrl", outbound.link()?);
        }
        Content::Location { latitude, longitude, name, address } => {
            let place = format!("{latitude},{longitude}");
            // Twilio wants a body beside the place: what it is called. The label is the line below.
            let title = name.as_deref().or(address.as_deref());
            form.append_pair("Body", title.unwrap_or(&place));
            let below = address.as_deref().filter(|_| name.is_some());
            let label = below.map(|label| format!("|{label}")).unwrap_or_default();
            form.append_pair("PersistentAction", &format!("geo:{place}{label}"));
        }
        Content::Button { .. }
        | Content::List { .. }
        | Content::Reaction { .. }
        | Content::Edit { .. }
        | Content::Deletion
        | Content::Unsupported { .. } => {
            return Err(Unrenderable("this kind is not sent through twilio".to_owned()));
        }
    }
    form.append_pair("StatusCallback", &status_callback(outbound.status_url, outbound.reference));

    let account = utf8_percent_encode(account_sid, NON_ALPHANUMERIC);
    let base_url = base_url.trim_end_matches('/');
    let basic = STANDARD.encode(format!("{account_sid}:{auth_token}"));
    Ok(ProviderRequest {
        url: format!("{base_url}/2010-04-01/Accounts/{account}/Messages.json"),
        headers: vec![
            ("authorization", format!("Basic {basic}")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ],
        body: form.finish().into_bytes(),
    })
}

/// Contact cards as the vCard file that Twilio takes: it has no fields for them. Its name has no
/// blank and few characters, as Twilio asks of what stands in `Content-Disposition`.
pub(crate) fn made_file(content: &Content) -> Option<MadeFile> {
    let Content::Contacts { contacts, file: None } = content else { return None };
    Some(MadeFile {
        content_type: "text/vcard",
        filename: "contact.vcf",
        bytes: vcard(contacts).into_bytes(),
    })
}

fn content_sid(template: Option<&Template>) -> Result<&str, Unrenderable> {
    let template =
        template.ok_or_else(|| Unrenderable("the template's definition is missing".to_owned()))?;
    template.provider_ref.as_deref().filter(|sid| !sid.is_empty()).ok_or_else(|| {
        Unrenderable(format!(
            "the template `{}` ({}) has no provider_ref: define it again with the content SID \
             (HX…) that the Twilio console shows",
            template.name, template.language
        ))
    })
}

/// The variables, the header's file among them: at Twilio a content has one set of names for all
/// its parts, and the file stands in a placeholder like any other.
fn with_header(
    used: &TemplateUse,
    outbound: &Outbound<'_>,
) -> Result<BTreeMap<String, String>, Unrenderable> {
    let mut variables = used.variables.clone();
    for slot in outbound.template.map(Template::slots).unwrap_or_default() {
        let Some(value) = (slot.key != slot.name).then(|| variables.remove(&slot.key)).flatten()
        else {
            continue;
        };
        let there = variables.entry(slot.name.clone()).or_insert_with(|| value.clone());
        if *there != value {
            return Err(Unrenderable(format!(
                "twilio has one placeholder `{}` for the whole template: `{}` must have the same \
                 value",
                slot.name, slot.key
            )));
        }
    }
    if let Some(header) = &used.header {
        let defined = outbound.template.and_then(|template| template.file()?.variable.as_deref());
        let name = header.variable.as_deref().or(defined).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            Unrenderable(
                "twilio fills a template's header through a placeholder of its content: name it \
                 in `header.variable`"
                    .to_owned(),
            )
        })?;
        variables.insert(name.to_owned(), outbound.link()?.to_owned());
    }
    Ok(variables)
}

fn json_object(variables: &BTreeMap<String, String>) -> Result<String, Unrenderable> {
    serde_json::to_string(variables)
        .map_err(|_| Unrenderable("the template's variables cannot be written as JSON".to_owned()))
}

/// `status_url` with our reference in its query. A fragment stays last: Twilio reads its
/// connection overrides there.
fn status_callback(status_url: &str, reference: &Reference) -> String {
    let (address, fragment) = match status_url.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (status_url, String::new()),
    };
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{REFERENCE_PARAMETER}={reference}{fragment}")
}

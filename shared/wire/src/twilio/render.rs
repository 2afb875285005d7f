//! A send as Twilio wants it: `POST …/Messages.json`, a form with HTTP Basic authentication.

use super::address;
use super::status::REFERENCE_PARAMETER;
use crate::{Outbound, ProviderRequest, Reference, Unrenderable};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use transom_core::content::Content;
use transom_core::template::Template;

/// Writes a send for Twilio.
///
/// # Errors
/// [`Unrenderable`] for content other than texts and templates, and for a template whose
/// Twilio content SID nobody has told us.
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
            if !used.variables.is_empty() {
                form.append_pair("ContentVariables", &json_object(&used.variables)?);
            }
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
            return Err(Unrenderable(
                "only texts and templates are sent through twilio yet".to_owned(),
            ));
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

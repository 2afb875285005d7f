//! Templates at Gupshup: `GET` and `POST /wa/app/{app}/template`.

use super::json;
use crate::Unrenderable;
use crate::meta;
use crate::templates::{
    self, ApiAnswer, ApiRequest, Declined, Method, Submission, TemplatePage, label,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::template::{
    Button, Category, CodeButton, Header, HeaderFile, Template, TemplateKind, TemplateStatus,
};

/// What the review is told of the subject where nobody says it.
const VERTICAL: &str = "TEXT";

/// The request for an app's templates: all of them, in one answer.
pub(crate) fn list_templates(api_key: &str, base_url: &str, app: &str) -> ApiRequest {
    let headers = vec![("apikey", api_key.to_owned())];
    ApiRequest { method: Method::Get, url: url(base_url, app), headers, body: Vec::new() }
}

/// Reads them.
pub(crate) fn read_templates(answer: &ApiAnswer<'_>) -> Result<TemplatePage, Declined> {
    let body = body(answer)?;
    let told = body.get("templates").and_then(Value::as_array).ok_or(Declined::Unreadable)?;
    Ok(TemplatePage { templates: told.iter().filter_map(template).collect(), next: None })
}

/// The request that makes a template and asks for its approval.
pub(crate) fn submit_template(
    api_key: &str,
    base_url: &str,
    app: &str,
    template: &Template,
) -> Result<ApiRequest, Unrenderable> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("elementName", &template.name);
    form.append_pair("languageCode", &template.language);
    form.append_pair("category", &template.category.as_str().to_ascii_uppercase());
    form.append_pair("templateType", form_of(template)?);
    form.append_pair("vertical", VERTICAL);
    form.append_pair("content", &template.body);
    form.append_pair("example", &templates::example(&template.body));
    form.append_pair("enableSample", "true");
    match &template.header {
        Some(Header::Text { text }) => {
            form.append_pair("header", text);
            form.append_pair("exampleHeader", &templates::example(text));
        }
        Some(Header::Image(file) | Header::Video(file) | Header::Document(file)) => {
            let handle = file.example.as_deref().filter(|example| !example.is_empty());
            let handle = handle.ok_or_else(|| {
                Unrenderable(
                    "gupshup wants an example of the header's file: upload one there and give \
                     its handle in `header.example`"
                        .to_owned(),
                )
            })?;
            form.append_pair("exampleMedia", handle);
        }
        None => {}
    }
    if let Some(footer) = &template.footer {
        form.append_pair("footer", footer);
    }
    let buttons = template.buttons.iter().map(button).collect::<Result<Vec<Value>, _>>()?;
    if !buttons.is_empty() {
        form.append_pair("buttons", &Value::Array(buttons).to_string());
    }
    Ok(ApiRequest {
        method: Method::Post,
        url: url(base_url, app),
        headers: vec![
            ("apikey", api_key.to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ],
        body: form.finish().into_bytes(),
    })
}

/// Reads what that has come to.
pub(crate) fn read_submission(answer: &ApiAnswer<'_>) -> Result<Submission, Declined> {
    let body = body(answer)?;
    let made = body.get("template").ok_or(Declined::Unreadable)?;
    let provider_ref = json::text(made, "id").ok_or(Declined::Unreadable)?;
    let status = json::text(made, "status");
    let status = status.map_or(TemplateStatus::Pending, |word| templates::status(&word));
    Ok(Submission { provider_ref: Some(provider_ref), status: Some(status) })
}

fn url(base_url: &str, app: &str) -> String {
    let app = utf8_percent_encode(app, NON_ALPHANUMERIC);
    format!("{}/wa/app/{app}/template", base_url.trim_end_matches('/'))
}

fn body(answer: &ApiAnswer<'_>) -> Result<Value, Declined> {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    let refused = json::text(&body, "status").is_some_and(|status| status == "error");
    if (200..300).contains(&answer.status) && !refused {
        return if body.is_object() { Ok(body) } else { Err(Declined::Unreadable) };
    }
    let words = json::text(&body, "message");
    Err(templates::declined(Provider::Gupshup, answer, None, words.as_deref()))
}

/// A listed template. Its parts stand in `containerMeta`, which is JSON inside a text; where it is
/// missing, `data` has the text.
fn template(told: &Value) -> Option<Template> {
    let name = templates::template_name(&json::text(told, "elementName")?);
    let language = json::text(told, "languageCode")?;
    let category = meta::category(&json::text(told, "category").unwrap_or_default());
    let parts = json::object(told, "containerMeta");
    let parts = parts.as_deref().unwrap_or(&Value::Null);
    let body = json::text(parts, "data").or_else(|| json::text(told, "data"));
    let mut template = Template::new(&name, &language, category, &body.unwrap_or_default());
    template.status = json::text(told, "status")
        .map_or(TemplateStatus::Unknown(String::new()), |word| templates::status(&word));
    template.provider_ref = json::text(told, "id");
    template.quality = json::text(told, "quality").map(|quality| quality.to_ascii_lowercase());
    template.reason = json::text(told, "reason");
    template.footer = json::text(parts, "footer");
    let mut unknown = None;
    let form = json::text(told, "templateType").unwrap_or_else(|| "TEXT".to_owned());
    template.header = match form.to_ascii_uppercase().as_str() {
        "TEXT" | "CATALOG" => json::text(parts, "header").map(|text| Header::Text { text }),
        "IMAGE" => Some(Header::Image(HeaderFile::default())),
        "VIDEO" => Some(Header::Video(HeaderFile::default())),
        "DOCUMENT" => Some(Header::Document(HeaderFile::default())),
        other => {
            unknown = Some(json::name(other).to_lowercase());
            None
        }
    };
    for told in json::elements(parts, "buttons") {
        let button = button_of(told);
        if let Button::Other { kind, .. } = &button {
            unknown = Some(kind.clone());
        }
        template.buttons.push(button);
    }
    template.kind = match unknown {
        Some(kind) => TemplateKind::Other(kind),
        None if form.eq_ignore_ascii_case("catalog") => TemplateKind::Catalog,
        None if category == Category::Authentication => TemplateKind::Authentication,
        None => template.kind_of_parts(),
    };
    Some(template)
}

fn button_of(told: &Value) -> Button {
    let label = json::text(told, "text");
    let text = label.clone().unwrap_or_default();
    match json::text(told, "type").unwrap_or_default().to_ascii_uppercase().as_str() {
        "QUICK_REPLY" => Button::QuickReply { text, payload: None },
        "URL" => Button::Url { text, url: json::text(told, "url").unwrap_or_default() },
        "PHONE_NUMBER" => {
            Button::Phone { text, phone: json::text(told, "phone_number").unwrap_or_default() }
        }
        "COPY_CODE" | "COUPON_CODE" => Button::CopyCode { example: None },
        "OTP" => {
            let otp = match json::text(told, "otp_type").unwrap_or_default().as_str() {
                "ONE_TAP" => CodeButton::OneTap,
                "ZERO_TAP" => CodeButton::ZeroTap,
                _ => CodeButton::CopyCode,
            };
            Button::Otp { otp, text: label }
        }
        "CATALOG" => Button::Catalog { text: label },
        other => Button::Other { kind: json::name(other).to_lowercase(), text: label },
    }
}

/// Gupshup's word for the form of a template.
fn form_of(template: &Template) -> Result<&'static str, Unrenderable> {
    Ok(match (&template.kind, &template.header) {
        (TemplateKind::Other(kind), _) => {
            return Err(Unrenderable(format!("a template of the kind `{kind}` is not made here")));
        }
        (TemplateKind::Catalog, _) => "CATALOG",
        (_, Some(Header::Image(_))) => "IMAGE",
        (_, Some(Header::Video(_))) => "VIDEO",
        (_, Some(Header::Document(_))) => "DOCUMENT",
        (TemplateKind::Text | TemplateKind::Media | TemplateKind::Authentication, _) => "TEXT",
    })
}

fn button(button: &Button) -> Result<Value, Unrenderable> {
    Ok(match button {
        Button::QuickReply { text, .. } => json!({"type": "QUICK_REPLY", "text": text}),
        Button::Url { text, url } => {
            let example = templates::example(url);
            json!({"type": "URL", "text": text, "url": url, "example": [example]})
        }
        Button::Phone { text, phone } => {
            json!({"type": "PHONE_NUMBER", "text": text, "phone_number": phone})
        }
        Button::CopyCode { example } => {
            json!({"type": "COPY_CODE", "example": example.as_deref().unwrap_or("SAMPLE10")})
        }
        Button::Otp { otp: CodeButton::CopyCode, .. } => {
            json!({"type": "OTP", "otp_type": "COPY_CODE", "text": label(button, "Copy code")})
        }
        Button::Otp { otp: CodeButton::OneTap | CodeButton::ZeroTap, .. } => {
            return Err(Unrenderable(
                "one-tap and zero-tap buttons name an app: make this template at gupshup, then \
                 sync"
                    .to_owned(),
            ));
        }
        Button::Catalog { .. } => json!({"type": "CATALOG", "text": label(button, "View catalog")}),
        Button::Other { kind, .. } => {
            return Err(Unrenderable(format!("a button of the kind `{kind}` is not made here")));
        }
    })
}

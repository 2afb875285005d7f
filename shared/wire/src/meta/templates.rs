//! Templates at Meta: `GET` and `POST /{WABA}/message_templates`. The business account is found
//! through one of its numbers: a number's health names it.

use super::json::{self, elements};
use super::render::of_thing;
use crate::Unrenderable;
use crate::templates::{
    self, ApiAnswer, ApiRequest, Declined, Method, PAGE, Submission, TemplatePage, label, sample,
};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::template::{
    Button, Category, CodeButton, Header, HeaderFile, Template, TemplateKind, TemplateStatus,
};

/// What is asked of each template.
const FIELDS: &str = "id,name,language,status,category,components,quality_score,rejected_reason";

/// The request for a number's health, which names its business account.
pub(crate) fn ask_template_owner(
    access_token: &str,
    base_url: &str,
    number_id: Option<&str>,
) -> Result<ApiRequest, Unrenderable> {
    let number_id = number_id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Unrenderable(
            "no sender of this account has a provider_id: store the phone number ID that Meta's \
             WhatsApp Manager shows beside the number"
                .to_owned(),
        )
    })?;
    let url = of_thing(base_url, number_id);
    Ok(request(access_token, Method::Get, format!("{url}?fields=health_status"), Vec::new()))
}

/// Reads a number's health.
pub(crate) fn read_template_owner(answer: &ApiAnswer<'_>) -> Result<String, Declined> {
    let body = body(answer)?;
    let health = body.get("health_status").unwrap_or(&Value::Null);
    let of_account = |entity: &&Value| json::text(entity, "entity_type") == Some("WABA");
    let account = elements(health, "entities").iter().find(of_account);
    account.and_then(|account| json::scalar(account, "id")).ok_or(Declined::Unreadable)
}

/// The request for a page of a business account's templates.
pub(crate) fn list_templates(
    access_token: &str,
    base_url: &str,
    account: &str,
    cursor: Option<&str>,
) -> ApiRequest {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("fields", FIELDS).append_pair("limit", &PAGE.to_string());
    if let Some(after) = cursor {
        query.append_pair("after", after);
    }
    let url = format!("{}/message_templates?{}", of_thing(base_url, account), query.finish());
    request(access_token, Method::Get, url, Vec::new())
}

/// Reads a page.
pub(crate) fn read_templates(answer: &ApiAnswer<'_>) -> Result<TemplatePage, Declined> {
    let body = body(answer)?;
    let data = body.get("data").and_then(Value::as_array).ok_or(Declined::Unreadable)?;
    let paging = body.get("paging").unwrap_or(&Value::Null);
    let more = json::text(paging, "next").is_some();
    let after = paging.get("cursors").and_then(|cursors| json::owned(cursors, "after"));
    Ok(TemplatePage {
        templates: data.iter().filter_map(template).collect(),
        next: after.filter(|_| more),
    })
}

/// The request that makes a template and asks for its approval.
pub(crate) fn submit_template(
    access_token: &str,
    base_url: &str,
    account: &str,
    template: &Template,
) -> Result<ApiRequest, Unrenderable> {
    let body = json!({
        "name": template.name,
        "language": template.language,
        "category": template.category.as_str().to_ascii_uppercase(),
        "components": components(template)?,
    });
    let url = format!("{}/message_templates", of_thing(base_url, account));
    Ok(request(access_token, Method::Post, url, body.to_string().into_bytes()))
}

/// Reads what that has come to.
pub(crate) fn read_submission(answer: &ApiAnswer<'_>) -> Result<Submission, Declined> {
    let body = body(answer)?;
    let provider_ref = json::scalar(&body, "id").ok_or(Declined::Unreadable)?;
    let status = json::text(&body, "status").map_or(TemplateStatus::Pending, templates::status);
    Ok(Submission { provider_ref: Some(provider_ref), status: Some(status) })
}

fn request(access_token: &str, method: Method, url: String, body: Vec<u8>) -> ApiRequest {
    let mut headers = vec![("authorization", format!("Bearer {access_token}"))];
    if !body.is_empty() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    ApiRequest { method, url, headers, body }
}

fn body(answer: &ApiAnswer<'_>) -> Result<Value, Declined> {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    let error = body.get("error");
    if (200..300).contains(&answer.status) && error.is_none() {
        return if body.is_object() { Ok(body) } else { Err(Declined::Unreadable) };
    }
    let code = error.and_then(|error| json::scalar(error, "code"));
    let told = |key| error.and_then(|error| json::text(error, key));
    let words = told("error_user_msg").or_else(|| told("message"));
    Err(templates::declined(Provider::Meta, answer, code, words))
}

/// A listed template. One without a name or language cannot be sent, and none is without.
fn template(told: &Value) -> Option<Template> {
    let name = templates::template_name(json::text(told, "name")?);
    let language = json::text(told, "language")?;
    let category = category(json::text(told, "category").unwrap_or_default());
    let mut template = Template::new(&name, language, category, "");
    template.status = json::text(told, "status")
        .map_or(TemplateStatus::Unknown(String::new()), templates::status);
    template.provider_ref = json::scalar(told, "id");
    let quality = told.get("quality_score").unwrap_or(&Value::Null);
    template.quality = json::text(quality, "score").map(str::to_ascii_lowercase);
    let reason = json::text(told, "rejected_reason").filter(|reason| *reason != "NONE");
    template.reason = reason.map(str::to_owned);
    let mut unknown = None;
    for component in elements(told, "components") {
        read_component(component, &mut template, &mut unknown);
    }
    template.kind = match unknown {
        Some(kind) => TemplateKind::Other(kind),
        None if category == Category::Authentication => TemplateKind::Authentication,
        None => template.kind_of_parts(),
    };
    Some(template)
}

fn read_component(told: &Value, template: &mut Template, unknown: &mut Option<String>) {
    let text = || json::text(told, "text").unwrap_or_default().to_owned();
    match json::text(told, "type").unwrap_or_default().to_ascii_uppercase().as_str() {
        "BODY" => template.body = text(),
        "FOOTER" => template.footer = json::owned(told, "text"),
        "HEADER" => match json::text(told, "format").unwrap_or("TEXT") {
            "TEXT" => template.header = Some(Header::Text { text: text() }),
            "IMAGE" => template.header = Some(Header::Image(HeaderFile::default())),
            "VIDEO" => template.header = Some(Header::Video(HeaderFile::default())),
            "DOCUMENT" => template.header = Some(Header::Document(HeaderFile::default())),
            other => *unknown = Some(json::name(&format!("{other}_header")).to_lowercase()),
        },
        "BUTTONS" => {
            for button in elements(told, "buttons") {
                let button = read_button(button);
                if let Button::Other { kind, .. } = &button {
                    *unknown = Some(kind.clone());
                }
                template.buttons.push(button);
            }
        }
        other => *unknown = Some(json::name(other).to_lowercase()),
    }
}

fn read_button(told: &Value) -> Button {
    let kind = json::text(told, "type").unwrap_or_default().to_ascii_uppercase();
    let label = json::owned(told, "text");
    let text = || label.clone().unwrap_or_default();
    match kind.as_str() {
        "QUICK_REPLY" => Button::QuickReply { text: text(), payload: None },
        "URL" => Button::Url { text: text(), url: json::owned(told, "url").unwrap_or_default() },
        "PHONE_NUMBER" => Button::Phone {
            text: text(),
            phone: json::scalar(told, "phone_number").unwrap_or_default(),
        },
        "COPY_CODE" => Button::CopyCode { example: None },
        "OTP" => {
            let otp = match json::text(told, "otp_type").unwrap_or_default() {
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

/// A category; the names of former years, and those of next year, count as marketing, which is
/// allowed least.
pub(crate) fn category(word: &str) -> Category {
    match word.to_ascii_uppercase().as_str() {
        "UTILITY" | "TRANSACTIONAL" => Category::Utility,
        "AUTHENTICATION" | "OTP" => Category::Authentication,
        _ => Category::Marketing,
    }
}

fn components(template: &Template) -> Result<Vec<Value>, Unrenderable> {
    let mut components = Vec::new();
    if template.kind == TemplateKind::Authentication {
        // Meta words such a template itself.
        components.push(json!({"type": "BODY", "add_security_recommendation": false}));
    } else {
        components.extend(header(template)?);
        components.push(body_component(&template.body));
    }
    if let Some(footer) = &template.footer {
        components.push(json!({"type": "FOOTER", "text": footer}));
    }
    let mut buttons = Vec::with_capacity(template.buttons.len());
    for button in &template.buttons {
        buttons.push(self::button(button)?);
    }
    if buttons.is_empty() {
        match template.kind {
            TemplateKind::Catalog => {
                buttons.push(json!({"type": "CATALOG", "text": "View catalog"}))
            }
            TemplateKind::Authentication => {
                buttons.push(json!({"type": "OTP", "otp_type": "COPY_CODE"}));
            }
            TemplateKind::Text | TemplateKind::Media | TemplateKind::Other(_) => {}
        }
    }
    if !buttons.is_empty() {
        components.push(json!({"type": "BUTTONS", "buttons": buttons}));
    }
    Ok(components)
}

fn header(template: &Template) -> Result<Option<Value>, Unrenderable> {
    let handle = |file: &HeaderFile, format: &str| {
        let handle = file.example.as_deref().filter(|example| !example.is_empty());
        let handle = handle.ok_or_else(|| {
            Unrenderable(
                "Meta wants an example of the header's file: upload one through its Resumable \
                 Upload API and give the handle in `header.example`"
                    .to_owned(),
            )
        })?;
        let example = json!({"header_handle": [handle]});
        Ok(Some(json!({"type": "HEADER", "format": format, "example": example})))
    };
    match &template.header {
        None => Ok(None),
        Some(Header::Image(file)) => handle(file, "IMAGE"),
        Some(Header::Video(file)) => handle(file, "VIDEO"),
        Some(Header::Document(file)) => handle(file, "DOCUMENT"),
        Some(Header::Text { text }) => {
            let mut header = json!({"type": "HEADER", "format": "TEXT", "text": text});
            let names = named(text);
            if let (Some(name), Some(header)) = (names.first(), header.as_object_mut()) {
                let example = if is_number(name) {
                    json!({"header_text": [sample(name)]})
                } else {
                    let named = json!([{"param_name": name, "example": sample(name)}]);
                    json!({"header_text_named_params": named})
                };
                header.insert("example".to_owned(), example);
            }
            Ok(Some(header))
        }
    }
}

fn body_component(text: &str) -> Value {
    let names = named(text);
    let mut body = json!({"type": "BODY", "text": text});
    if let (Some(first), Some(body)) = (names.first(), body.as_object_mut()) {
        let example = if is_number(first) {
            let samples: Vec<String> = names.iter().map(|name| sample(name)).collect();
            json!({"body_text": [samples]})
        } else {
            let told = |name: &String| json!({"param_name": name, "example": sample(name)});
            let params: Vec<Value> = names.iter().map(told).collect();
            json!({"body_text_named_params": params})
        };
        body.insert("example".to_owned(), example);
    }
    body
}

fn button(button: &Button) -> Result<Value, Unrenderable> {
    Ok(match button {
        Button::QuickReply { text, .. } => json!({"type": "QUICK_REPLY", "text": text}),
        Button::Url { text, url } => {
            let mut told = json!({"type": "URL", "text": text, "url": url});
            if let (true, Some(told)) = (url.contains("{{"), told.as_object_mut()) {
                told.insert("example".to_owned(), json!([templates::example(url)]));
            }
            told
        }
        Button::Phone { text, phone } => {
            json!({"type": "PHONE_NUMBER", "text": text, "phone_number": phone})
        }
        Button::CopyCode { example } => {
            json!({"type": "COPY_CODE", "example": example.as_deref().unwrap_or("SAMPLE10")})
        }
        Button::Otp { otp: CodeButton::CopyCode, .. } => {
            json!({"type": "OTP", "otp_type": "COPY_CODE"})
        }
        Button::Otp { otp: CodeButton::OneTap | CodeButton::ZeroTap, .. } => {
            return Err(Unrenderable(
                "one-tap and zero-tap buttons name an app: make this template in Meta's WhatsApp \
                 Manager, then sync"
                    .to_owned(),
            ));
        }
        Button::Catalog { .. } => json!({"type": "CATALOG", "text": label(button, "View catalog")}),
        Button::Other { kind, .. } => {
            return Err(Unrenderable(format!("a button of the kind `{kind}` is not made here")));
        }
    })
}

/// The placeholders of a text, each once, numbers by their value.
fn named(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for part in text.split("{{").skip(1) {
        let Some((name, _)) = part.split_once("}}") else { continue };
        let name = name.trim().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.iter().all(|name| is_number(name)) {
        names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
    }
    names
}

fn is_number(name: &str) -> bool {
    name.parse::<u32>().is_ok()
}

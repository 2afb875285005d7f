//! Templates at Twilio: content resources, each with an approval of WhatsApp's. They stand at a
//! host of their own.

use crate::Unrenderable;
use crate::templates::{
    self, ApiAnswer, ApiRequest, Declined, Method, PAGE, Submission, TemplatePage, label,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use transom_core::account::Provider;
use transom_core::template::{
    Button, Category, CodeButton, Header, HeaderFile, Template, TemplateKind, TemplateStatus,
};

/// Where messages are sent, and where contents stand instead.
const API_HOST: &str = "https://api.twilio.com";
const CONTENT_HOST: &str = "https://content.twilio.com";

/// The request for a page of an account's contents with their approvals.
pub(crate) fn list_templates(
    account_sid: &str,
    auth_token: &str,
    base_url: &str,
    cursor: Option<&str>,
) -> ApiRequest {
    // The cursor is the query of Twilio's own address of the next page.
    let query = cursor.map_or_else(|| format!("PageSize={PAGE}"), str::to_owned);
    let url = format!("{}/v1/ContentAndApprovals?{query}", content_host(base_url));
    request(account_sid, auth_token, Method::Get, url, Vec::new())
}

/// Reads a page.
pub(crate) fn read_templates(answer: &ApiAnswer<'_>) -> Result<TemplatePage, Declined> {
    let body = body(answer)?;
    let contents = body.get("contents").and_then(Value::as_array).ok_or(Declined::Unreadable)?;
    let next = body.get("meta").and_then(|meta| text(meta, "next_page_url"));
    // Only its query is followed, never its host.
    let next = next.and_then(|url| url.split_once('?')).map(|(_, query)| query.to_owned());
    Ok(TemplatePage { templates: contents.iter().filter_map(template).collect(), next })
}

/// The request that makes the content, or, where it is made, asks for its approval.
pub(crate) fn submit_template(
    account_sid: &str,
    auth_token: &str,
    base_url: &str,
    template: &Template,
) -> Result<ApiRequest, Unrenderable> {
    let host = content_host(base_url);
    let (url, body) = match template.provider_ref.as_deref().filter(|sid| !sid.is_empty()) {
        Some(sid) => {
            let sid = utf8_percent_encode(sid, NON_ALPHANUMERIC);
            let category = template.category.as_str().to_ascii_uppercase();
            let body = json!({"name": template.name, "category": category});
            (format!("{host}/v1/Content/{sid}/ApprovalRequests/whatsapp"), body)
        }
        None => (format!("{host}/v1/Content"), content(template)?),
    };
    Ok(request(account_sid, auth_token, Method::Post, url, body.to_string().into_bytes()))
}

/// Reads what that has come to: a content's SID, or an approval's state.
pub(crate) fn read_submission(answer: &ApiAnswer<'_>) -> Result<Submission, Declined> {
    let body = body(answer)?;
    let sid = text(&body, "sid").filter(|sid| sid.starts_with("HX")).map(str::to_owned);
    let status = text(&body, "status").map(templates::status);
    if sid.is_none() && status.is_none() {
        return Err(Declined::Unreadable);
    }
    Ok(Submission { provider_ref: sid, status })
}

fn content_host(base_url: &str) -> &str {
    let base_url = base_url.trim_end_matches('/');
    if base_url == API_HOST { CONTENT_HOST } else { base_url }
}

fn request(
    account_sid: &str,
    auth_token: &str,
    method: Method,
    url: String,
    body: Vec<u8>,
) -> ApiRequest {
    let basic = STANDARD.encode(format!("{account_sid}:{auth_token}"));
    let mut headers = vec![("authorization", format!("Basic {basic}"))];
    if !body.is_empty() {
        headers.push(("content-type", "application/json".to_owned()));
    }
    ApiRequest { method, url, headers, body }
}

fn body(answer: &ApiAnswer<'_>) -> Result<Value, Declined> {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
    if (200..300).contains(&answer.status) {
        return if body.is_object() { Ok(body) } else { Err(Declined::Unreadable) };
    }
    let code = body.get("code").and_then(Value::as_u64).map(|code| code.to_string());
    Err(templates::declined(Provider::Twilio, answer, code, text(&body, "message")))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A content as a template. Its name is the one that WhatsApp knows it by, where it was handed in.
fn template(told: &Value) -> Option<Template> {
    let approval = told.get("approval_requests").unwrap_or(&Value::Null);
    let name = text(approval, "name").or_else(|| text(told, "friendly_name"));
    let sid = text(told, "sid")?;
    let name = templates::template_name(name.unwrap_or(sid));
    let language = text(told, "language").unwrap_or("en");
    let category = match text(approval, "category").unwrap_or_default().to_uppercase().as_str() {
        "UTILITY" => Category::Utility,
        "AUTHENTICATION" => Category::Authentication,
        _ => Category::Marketing,
    };
    let mut template = Template::new(&name, language, category, "");
    template.status =
        text(approval, "status").map_or(TemplateStatus::Unsubmitted, templates::status);
    template.reason = text(approval, "rejection_reason").map(str::to_owned);
    template.provider_ref = Some(sid.to_owned());
    let types = told.get("types").and_then(Value::as_object);
    let (kind, content) = types.and_then(best)?;
    read_content(kind, content, &mut template);
    Some(template)
}

/// A content may have several forms, for several channels: the one that WhatsApp shows.
fn best(types: &Map<String, Value>) -> Option<(&str, &Value)> {
    let of_whatsapp = types.iter().find(|(kind, _)| kind.starts_with("whatsapp/"));
    let richest = || types.iter().find(|(kind, _)| *kind != "twilio/text");
    let (kind, content) = of_whatsapp.or_else(richest).or_else(|| types.iter().next())?;
    Some((kind.as_str(), content))
}

fn read_content(kind: &str, content: &Value, template: &mut Template) {
    let body = text(content, "body").unwrap_or_default();
    body.clone_into(&mut template.body);
    let mut unknown = None;
    match kind {
        "twilio/text" => {}
        "twilio/media" => template.header = file(list(content, "media").first()),
        "twilio/quick-reply" | "twilio/call-to-action" => {}
        "twilio/card" | "whatsapp/card" => {
            if body.is_empty() {
                text(content, "title").unwrap_or_default().clone_into(&mut template.body);
                template.footer = text(content, "subtitle").map(str::to_owned);
            } else {
                template.footer = text(content, "footer").map(str::to_owned);
            }
            let line = text(content, "header_text");
            template.header = line
                .map(|line| Header::Text { text: line.to_owned() })
                .or_else(|| file(list(content, "media").first()));
        }
        "whatsapp/authentication" => {
            template.category = Category::Authentication;
            if template.body.is_empty() {
                "{{1}} is your verification code.".clone_into(&mut template.body);
            }
        }
        "twilio/catalog" => template.footer = text(content, "subtitle").map(str::to_owned),
        other => unknown = Some(other.rsplit('/').next().unwrap_or(other).to_owned()),
    }
    for action in list(content, "actions") {
        let button = button_of(action);
        if let Button::Other { kind, .. } = &button {
            unknown = Some(kind.clone());
        }
        template.buttons.push(button);
    }
    template.kind = match (unknown, kind) {
        (Some(kind), _) => TemplateKind::Other(kind),
        (None, "whatsapp/authentication") => TemplateKind::Authentication,
        (None, "twilio/catalog") => TemplateKind::Catalog,
        (None, _) => template.kind_of_parts(),
    };
}

/// A file is the content's own, or a placeholder that each message fills. Its kind is told by its
/// ending alone; an address that tells none is taken for a picture, the commonest.
fn file(url: Option<&Value>) -> Option<Header> {
    let url = url?.as_str()?;
    let placeholder = url.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    let file = match placeholder {
        Some(name) => {
            HeaderFile { variable: Some(name.trim().to_owned()), ..HeaderFile::default() }
        }
        None => HeaderFile { url: Some(url.to_owned()), ..HeaderFile::default() },
    };
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let ending = path.rsplit('.').next().unwrap_or_default();
    Some(match ending {
        "mp4" | "3gp" => Header::Video(file),
        "pdf" | "doc" | "docx" | "ppt" | "pptx" | "xls" | "xlsx" | "txt" => Header::Document(file),
        _ => Header::Image(file),
    })
}

fn button_of(told: &Value) -> Button {
    let label = text(told, "title").or_else(|| text(told, "copy_code_text")).map(str::to_owned);
    let title = label.clone().unwrap_or_default();
    let owned = |key| text(told, key).map(str::to_owned);
    match text(told, "type").unwrap_or("QUICK_REPLY").to_ascii_uppercase().as_str() {
        "QUICK_REPLY" => Button::QuickReply { text: title, payload: owned("id") },
        "URL" => Button::Url { text: title, url: owned("url").unwrap_or_default() },
        "PHONE_NUMBER" => Button::Phone { text: title, phone: owned("phone").unwrap_or_default() },
        // An authentication's button copies its code; a coupon's says which.
        "COPY_CODE" if told.get("code").is_none() => {
            Button::Otp { otp: CodeButton::CopyCode, text: label }
        }
        "COPY_CODE" => Button::CopyCode { example: owned("code") },
        other => Button::Other { kind: other.to_ascii_lowercase(), text: label },
    }
}

/// A content of this template.
fn content(template: &Template) -> Result<Value, Unrenderable> {
    let mut variables = Map::new();
    for slot in template.slots() {
        let sample = templates::sample(&slot.name);
        variables.insert(slot.name, Value::String(sample));
    }
    if let Some(name) = template.file().and_then(|file| file.variable.clone()) {
        let example = template.file().and_then(|file| file.example.clone());
        let example = example.ok_or_else(|| {
            Unrenderable(
                "twilio wants an example of the header's file: give its address in \
                 `header.example`"
                    .to_owned(),
            )
        })?;
        variables.insert(name, Value::String(example));
    }
    let (kind, form) = form(template)?;
    Ok(json!({
        "friendly_name": template.name,
        "language": template.language,
        "variables": variables,
        "types": {kind: form},
    }))
}

fn form(template: &Template) -> Result<(&'static str, Value), Unrenderable> {
    let body = &template.body;
    let own = template.kind == TemplateKind::Catalog;
    let made = template.buttons.iter().filter(|_| !own).map(action);
    let actions = made.collect::<Result<Vec<Value>, Unrenderable>>()?;
    let file = template.file().map(|file| match (&file.url, &file.variable) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(name)) => Ok(format!("{{{{{name}}}}}")),
        (None, None) => Err(Unrenderable(
            "twilio wants the header's file: its address in `header.url`, or the name of a \
             placeholder in `header.variable`"
                .to_owned(),
        )),
    });
    let file = file.transpose()?;
    Ok(match &template.kind {
        TemplateKind::Authentication => ("whatsapp/authentication", json!({"actions": actions})),
        TemplateKind::Catalog => {
            let mut form = json!({"body": body, "dynamic_items": ""});
            if let (Some(footer), Some(form)) = (&template.footer, form.as_object_mut()) {
                form.insert("subtitle".to_owned(), json!(footer));
            }
            ("twilio/catalog", form)
        }
        TemplateKind::Other(kind) => {
            return Err(Unrenderable(format!("a template of the kind `{kind}` is not made here")));
        }
        TemplateKind::Text | TemplateKind::Media => {
            if template.header.is_none() && template.footer.is_none() && actions.is_empty() {
                return Ok(("twilio/text", json!({"body": body})));
            }
            if let (Some(file), None, true) = (&file, &template.footer, actions.is_empty()) {
                return Ok(("twilio/media", json!({"body": body, "media": [file]})));
            }
            let mut form = json!({"body": body, "actions": actions});
            if let Some(form) = form.as_object_mut() {
                if let Some(footer) = &template.footer {
                    form.insert("footer".to_owned(), json!(footer));
                }
                if let Some(Header::Text { text }) = &template.header {
                    form.insert("header_text".to_owned(), json!(text));
                }
                if let Some(file) = file {
                    form.insert("media".to_owned(), json!([file]));
                }
            }
            ("whatsapp/card", form)
        }
    })
}

fn action(button: &Button) -> Result<Value, Unrenderable> {
    Ok(match button {
        Button::QuickReply { text, payload } => {
            json!({"type": "QUICK_REPLY", "title": text, "id": payload.as_deref().unwrap_or(text)})
        }
        Button::Url { text, url } => json!({"type": "URL", "title": text, "url": url}),
        Button::Phone { text, phone } => {
            json!({"type": "PHONE_NUMBER", "title": text, "phone": phone})
        }
        Button::CopyCode { .. } => {
            json!({"type": "COPY_CODE", "title": "Copy code", "code": "{{code}}"})
        }
        Button::Otp { otp: CodeButton::CopyCode, .. } => {
            json!({"type": "COPY_CODE", "copy_code_text": label(button, "Copy code")})
        }
        Button::Otp { otp: CodeButton::OneTap | CodeButton::ZeroTap, .. } => {
            return Err(Unrenderable(
                "one-tap and zero-tap buttons name an app: twilio makes the copy_code alone"
                    .to_owned(),
            ));
        }
        Button::Catalog { .. } | Button::Other { .. } => {
            let kind = button.kind();
            return Err(Unrenderable(format!("a button of the kind `{kind}` is not made here")));
        }
    })
}

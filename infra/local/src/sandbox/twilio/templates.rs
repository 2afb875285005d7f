//! The content API: `/v1/ContentAndApprovals`, `/v1/Content` and a content's approval request.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use transom_core::template::{Button, Header, Template, TemplateKind};

use super::answer::{Refusal, authenticate_anyone};
use crate::sandbox::Sandbox;
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::shelf::reviewed;

/// Twilio's page, unless the caller asks for another.
const PAGE: usize = 50;
const PAGE_MAX: usize = 500;

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::OK, ordered).await;
    }
    page(&sandbox, &query.unwrap_or_default(), &headers)
        .map_or_else(IntoResponse::into_response, |page| Json(page).into_response())
}

fn page(sandbox: &Sandbox, query: &str, headers: &HeaderMap) -> Result<Value, Refusal> {
    let now_ms = sandbox.now_ms();
    let state = sandbox.state();
    let account = authenticate_anyone(&state.twilio.accounts, headers)?;
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let size = asked("PageSize").unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let page = asked("Page").unwrap_or_default();
    let account_sid = &account.account_sid;
    let mut rest = state.shelves.list(&format!("twilio/{account_sid}")).skip(page * size);
    let contents: Vec<Value> = rest
        .by_ref()
        .take(size)
        .map(|(sid, it)| {
            let mut raw = it.raw.clone();
            raw["sid"] = json!(sid);
            raw["account_sid"] = json!(account_sid);
            if let Some(word) = raw["approval_requests"]["status"].as_str() {
                raw["approval_requests"]["status"] = json!(reviewed(word, it.since_ms, now_ms));
            }
            raw
        })
        .collect();
    let next = rest.next().map(|_| {
        let address = "https://content.twilio.com/v1/ContentAndApprovals";
        format!("{address}?PageSize={size}&Page={}&PageToken=PT{}", page + 1, page + 1)
    });
    Ok(json!({
        "contents": contents,
        "meta": {"page": page, "page_size": size, "next_page_url": next, "key": "contents"},
    }))
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::CREATED, ordered).await;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    make(&sandbox, &headers, body).map_or_else(IntoResponse::into_response, |made| {
        (StatusCode::CREATED, Json(made)).into_response()
    })
}

fn make(sandbox: &Sandbox, headers: &HeaderMap, mut body: Value) -> Result<Value, Refusal> {
    let (now_ms, sid) = (sandbox.now_ms(), sandbox.new_sid("HX"));
    let state = &mut *sandbox.state();
    let account_sid = authenticate_anyone(&state.twilio.accounts, headers)?.account_sid.clone();
    let one_type = body["types"].as_object().is_some_and(|types| !types.is_empty());
    if !one_type || !body["language"].is_string() {
        return Err(Refusal::bad_request(20001, "language and types are required"));
    }
    body["approval_requests"] = json!({"status": "unsubmitted", "name": "", "category": ""});
    let mut made = body.clone();
    made["sid"] = json!(sid);
    state.shelves.put(&format!("twilio/{account_sid}"), &sid, body, now_ms);
    Ok(made)
}

pub(super) async fn approve(
    State(sandbox): State<Sandbox>,
    Path(sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::CREATED, ordered).await;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    hand_in(&sandbox, &sid, &headers, &body).map_or_else(IntoResponse::into_response, |made| {
        (StatusCode::CREATED, Json(made)).into_response()
    })
}

fn hand_in(
    sandbox: &Sandbox,
    sid: &str,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Value, Refusal> {
    let now_ms = sandbox.now_ms();
    let state = &mut *sandbox.state();
    let account_sid = authenticate_anyone(&state.twilio.accounts, headers)?.account_sid.clone();
    let name = body["name"].as_str().unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(Refusal::bad_request(20001, "name must be lower case with underscores"));
    }
    let path = || Refusal::not_found(&format!("/v1/Content/{sid}"));
    let it = state.shelves.get_mut(&format!("twilio/{account_sid}"), sid).ok_or_else(path)?;
    let approval = json!({
        "name": name, "category": body["category"], "content_type": "twilio/text",
        "status": "received", "rejection_reason": "", "allow_category_change": true,
    });
    it.raw["approval_requests"] = approval.clone();
    it.since_ms = now_ms;
    Ok(approval)
}

impl Sandbox {
    /// A template that was set up here stands on its account's list at Twilio.
    pub fn note_twilio_template(&self, account_sid: &str, template: &Template) {
        let now_ms = self.now_ms();
        let Some(sid) = template.provider_ref.clone() else { return };
        let list = format!("twilio/{account_sid}");
        self.state().shelves.note(&list, &sid, template, now_ms, || listed(template));
    }
}

fn listed(template: &Template) -> Value {
    let (kind, content) = content(template);
    let mut types = Map::new();
    types.insert(kind.to_owned(), content);
    json!({
        "friendly_name": template.name, "language": template.language, "types": types,
        "approval_requests": {
            "name": template.name, "status": template.status.as_str(), "rejection_reason": "",
            "category": template.category.as_str().to_ascii_uppercase(),
        },
    })
}

fn content(template: &Template) -> (&'static str, Value) {
    let body = &template.body;
    let actions: Vec<Value> = template.buttons.iter().map(action).collect();
    match &template.kind {
        TemplateKind::Authentication => {
            ("whatsapp/authentication", json!({"body": body, "actions": actions}))
        }
        TemplateKind::Catalog => ("twilio/catalog", json!({"body": body})),
        TemplateKind::Text | TemplateKind::Media | TemplateKind::Other(_) => {
            let file = template.file().map(|file| {
                let placeholder = file.variable.as_ref().map(|name| format!("{{{{{name}}}}}"));
                file.url.clone().or(placeholder).unwrap_or_default()
            });
            let line = match &template.header {
                Some(Header::Text { text }) => Some(text),
                Some(Header::Image(_) | Header::Video(_) | Header::Document(_)) | None => None,
            };
            if actions.is_empty() && line.is_none() && template.footer.is_none() {
                return match file {
                    Some(file) => ("twilio/media", json!({"body": body, "media": [file]})),
                    None => ("twilio/text", json!({"body": body})),
                };
            }
            let media: Vec<String> = file.into_iter().collect();
            let card = json!({
                "body": body, "header_text": line, "footer": template.footer, "media": media,
                "actions": actions,
            });
            ("whatsapp/card", card)
        }
    }
}

fn action(button: &Button) -> Value {
    match button {
        Button::QuickReply { text, payload } => {
            json!({"type": "QUICK_REPLY", "title": text, "id": payload})
        }
        Button::Url { text, url } => json!({"type": "URL", "title": text, "url": url}),
        Button::Phone { text, phone } => {
            json!({"type": "PHONE_NUMBER", "title": text, "phone": phone})
        }
        Button::CopyCode { .. } => {
            json!({"type": "COPY_CODE", "title": "Copy code", "code": "{{code}}"})
        }
        Button::Otp { text, .. } => json!({"type": "COPY_CODE", "copy_code_text": text}),
        Button::Catalog { text } | Button::Other { text, .. } => {
            json!({"type": "CATALOG", "title": text})
        }
    }
}

fn ordered(status: u16, code: u32) -> Response {
    Refusal { status, code, message: "A fault that the test ordered".to_owned() }.into_response()
}

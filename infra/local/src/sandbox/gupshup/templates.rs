//! `GET` and `POST /wa/app/{app}/template`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use transom_core::template::{Button, Header, Template, TemplateKind};

use super::answer::{Refusal, authenticate};
use crate::sandbox::Sandbox;
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::shelf::{made_id, reviewed, upper};

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::OK, ordered).await;
    }
    all(&sandbox, &app, &headers)
        .map_or_else(IntoResponse::into_response, |all| Json(all).into_response())
}

fn all(sandbox: &Sandbox, app: &str, headers: &HeaderMap) -> Result<Value, Refusal> {
    let now_ms = sandbox.now_ms();
    let state = sandbox.state();
    let api_key = authenticate(&state.gupshup.accounts, headers)?;
    let app = state.gupshup.accounts.app_by_id(app).filter(|app| app.api_key == api_key);
    let app = app.ok_or_else(|| Refusal::bad_request("Invalid App Details"))?;
    let told = state.shelves.list(&format!("gupshup/{}", app.app_name));
    let templates: Vec<Value> = told
        .map(|(id, it)| {
            let mut raw = it.raw.clone();
            raw["id"] = json!(id);
            raw["appId"] = json!(app.app_id);
            let word = raw["status"].as_str().unwrap_or_default().to_owned();
            raw["status"] = json!(reviewed(&word, it.since_ms, now_ms));
            raw
        })
        .collect();
    Ok(json!({"status": "success", "templates": templates}))
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    Path(app): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::OK, ordered).await;
    }
    take(&sandbox, &app, &headers, &body)
        .map_or_else(IntoResponse::into_response, |made| Json(made).into_response())
}

fn take(sandbox: &Sandbox, app: &str, headers: &HeaderMap, body: &Bytes) -> Result<Value, Refusal> {
    let (now_ms, id) = (sandbox.now_ms(), sandbox.new_uuid());
    let state = &mut *sandbox.state();
    let api_key = authenticate(&state.gupshup.accounts, headers)?;
    let app = state.gupshup.accounts.app_by_id(app).filter(|app| app.api_key == api_key);
    let app = app.ok_or_else(|| Refusal::bad_request("Invalid App Details"))?;
    let field = |name: &str| {
        let mut pairs = form_urlencoded::parse(body);
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    for name in ["elementName", "languageCode", "category", "templateType", "vertical", "content"] {
        if field(name).is_none_or(|value| value.is_empty()) {
            return Err(Refusal::bad_request("Invalid Template Details"));
        }
    }
    if field("content").is_some_and(|text| text.contains("{{")) && field("example").is_none() {
        return Err(Refusal::bad_request("Example is required"));
    }
    let list = format!("gupshup/{}", app.app_name);
    let twice = state.shelves.list(&list).any(|(_, it)| {
        it.raw["elementName"] == json!(field("elementName"))
            && it.raw["languageCode"] == json!(field("languageCode"))
    });
    if twice {
        return Err(Refusal::bad_request(
            "Template Already exists with same namespace and elementName and languageCode",
        ));
    }
    let buttons = field("buttons").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let meta = json!({
        "appId": app.app_id, "data": field("content"), "header": field("header"),
        "footer": field("footer"), "buttons": buttons, "sampleText": field("example"),
    });
    let raw = json!({
        "elementName": field("elementName"), "languageCode": field("languageCode"),
        "category": field("category"), "templateType": field("templateType"),
        "vertical": field("vertical"), "data": field("content"), "status": "PENDING",
        "containerMeta": meta.to_string(),
    });
    let mut made = raw.clone();
    made["id"] = json!(id);
    state.shelves.put(&list, &id, raw, now_ms);
    Ok(json!({"status": "success", "template": made}))
}

impl Sandbox {
    /// A template that was set up here stands on its app's list at Gupshup.
    pub fn note_gupshup_template(&self, app_name: &str, template: &Template) {
        let now_ms = self.now_ms();
        let id = template.provider_ref.clone();
        let id = id.unwrap_or_else(|| made_id(&template.name, &template.language));
        let list = format!("gupshup/{app_name}");
        self.state().shelves.note(&list, &id, template, now_ms, || listed(template));
    }
}

fn listed(template: &Template) -> Value {
    let (form, line) = match (&template.kind, &template.header) {
        (TemplateKind::Catalog, _) => ("CATALOG".to_owned(), None),
        (_, Some(Header::Text { text })) => ("TEXT".to_owned(), Some(text)),
        (_, Some(header)) => {
            let kind = header.file_kind().map_or("IMAGE", |kind| kind.as_str());
            (kind.to_ascii_uppercase(), None)
        }
        (_, None) => ("TEXT".to_owned(), None),
    };
    let buttons: Vec<Value> = template.buttons.iter().map(button).collect();
    let meta = json!({
        "data": template.body, "header": line, "footer": template.footer, "buttons": buttons,
    });
    json!({
        "elementName": template.name, "languageCode": template.language,
        "category": template.category.as_str().to_ascii_uppercase(), "templateType": form,
        "vertical": "TEXT", "data": template.body, "status": upper(&template.status),
        "containerMeta": meta.to_string(),
    })
}

fn button(button: &Button) -> Value {
    match button {
        Button::QuickReply { text, .. } => json!({"type": "QUICK_REPLY", "text": text}),
        Button::Url { text, url } => json!({"type": "URL", "text": text, "url": url}),
        Button::Phone { text, phone } => {
            json!({"type": "PHONE_NUMBER", "text": text, "phone_number": phone})
        }
        Button::CopyCode { .. } => json!({"type": "COPY_CODE"}),
        Button::Otp { otp, text } => {
            let otp = otp.as_str().to_ascii_uppercase();
            json!({"type": "OTP", "otp_type": otp, "text": text})
        }
        Button::Catalog { text } => json!({"type": "CATALOG", "text": text}),
        Button::Other { kind, text } => json!({"type": kind.to_ascii_uppercase(), "text": text}),
    }
}

fn ordered(status: u16, _code: u32) -> Response {
    Refusal::of_status(status).into_response()
}

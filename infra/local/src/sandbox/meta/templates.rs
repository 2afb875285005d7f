//! `GET` and `POST /{version}/{waba}/message_templates`, and a number's health.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use transom_core::template::{Button, Header, Template};

use super::answer::{Refusal, authenticate};
use super::request::required;
use crate::sandbox::Sandbox;
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::shelf::{made_id, reviewed, upper};

/// Meta's page, unless the caller asks for another.
const PAGE: usize = 25;
const PAGE_MAX: usize = 1000;

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Path((version, waba)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::OK, ordered).await;
    }
    page(&sandbox, &version, &waba, &query.unwrap_or_default(), &headers)
        .map_or_else(IntoResponse::into_response, |page| Json(page).into_response())
}

fn page(
    sandbox: &Sandbox,
    version: &str,
    waba: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Value, Refusal> {
    let now_ms = sandbox.now_ms();
    let state = sandbox.state();
    let account = authenticate(&state.meta.accounts, headers)?;
    if account.waba_id != waba {
        return Err(Refusal::no_object(waba));
    }
    let asked = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let limit = asked("limit").and_then(|text| text.parse().ok()).unwrap_or(PAGE);
    let limit: usize = limit.clamp(1, PAGE_MAX);
    let from: usize = match asked("after") {
        None => 0,
        Some(cursor) => {
            let place = cursor.strip_prefix("QVFI").and_then(|place| place.parse().ok());
            place.ok_or_else(|| Refusal::parameter("Invalid cursor"))?
        }
    };
    let mut rest = state.shelves.list(&format!("meta/{waba}")).skip(from);
    let data: Vec<Value> = rest
        .by_ref()
        .take(limit)
        .map(|(id, it)| {
            let mut raw = it.raw.clone();
            raw["id"] = json!(id);
            let word = raw["status"].as_str().unwrap_or_default().to_owned();
            raw["status"] = json!(reviewed(&word, it.since_ms, now_ms));
            raw
        })
        .collect();
    let after = format!("QVFI{}", from + data.len());
    let mut paging = json!({"cursors": {"before": format!("QVFI{from}"), "after": after}});
    if rest.next().is_some() {
        let address = format!("https://graph.facebook.com/{version}/{waba}/message_templates");
        paging["next"] = json!(format!("{address}?after={after}&limit={limit}"));
    }
    Ok(json!({"data": data, "paging": paging}))
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    Path((_, waba)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(fault) = sandbox.listing_fault() {
        return faulty_answer(fault, StatusCode::OK, ordered).await;
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    take(&sandbox, &waba, &headers, body)
        .map_or_else(IntoResponse::into_response, |made| Json(made).into_response())
}

fn take(
    sandbox: &Sandbox,
    waba: &str,
    headers: &HeaderMap,
    mut body: Value,
) -> Result<Value, Refusal> {
    let (now_ms, id) = (sandbox.now_ms(), sandbox.new_digits());
    let state = &mut *sandbox.state();
    let account = authenticate(&state.meta.accounts, headers)?;
    if account.waba_id != waba {
        return Err(Refusal::no_object(waba));
    }
    let name = required(&body, "name")?;
    let language = required(&body, "language")?;
    let category = required(&body, "category")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(plain) {
        return Err(Refusal::parameter("name can only have lowercase letters and underscores"));
    }
    if !matches!(category.as_str(), "MARKETING" | "UTILITY" | "AUTHENTICATION") {
        return Err(Refusal::parameter("Param category must be one of {AUTHENTICATION, …}"));
    }
    check_examples(&body)?;
    let list = format!("meta/{waba}");
    let twice = state
        .shelves
        .list(&list)
        .any(|(_, it)| it.raw["name"] == body["name"] && it.raw["language"] == body["language"]);
    if twice {
        let details = format!("There is already {language} content for this template");
        return Err(Refusal::parameter(details));
    }
    body["status"] = json!("PENDING");
    state.shelves.put(&list, &id, body, now_ms);
    Ok(json!({"id": id, "status": "PENDING", "category": category}))
}

/// Meta refuses a text with placeholders that has no example.
fn check_examples(body: &Value) -> Result<(), Refusal> {
    let components = body["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !components.iter().any(|component| component["type"] == "BODY") {
        return Err(Refusal::parameter("Param components must have a BODY"));
    }
    for component in components {
        let text = component["text"].as_str().unwrap_or_default();
        let file = component["type"] == "HEADER" && component["format"] != "TEXT";
        if (text.contains("{{") || file) && component["example"].is_null() {
            let kind = component["type"].as_str().unwrap_or_default();
            return Err(Refusal::parameter(format!("Component {kind} is missing its example")));
        }
    }
    Ok(())
}

/// The health of one of the account's numbers, if it is one; it names the business account.
pub(super) fn health(sandbox: &Sandbox, id: &str, headers: &HeaderMap) -> Option<Value> {
    let state = sandbox.state();
    let account = authenticate(&state.meta.accounts, headers).ok()?;
    state.meta.accounts.number(&account.access_token, id)?;
    let entity = |kind: &str, id: &str| json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"});
    let entities = [entity("PHONE_NUMBER", id), entity("WABA", &account.waba_id)];
    Some(json!({
        "health_status": {"can_send_message": "AVAILABLE", "entities": entities}, "id": id,
    }))
}

impl Sandbox {
    /// A template that was set up here stands on its account's list at Meta.
    pub fn note_meta_template(&self, waba: &str, template: &Template) {
        let now_ms = self.now_ms();
        let id = template.provider_ref.clone();
        let id = id.unwrap_or_else(|| made_id(&template.name, &template.language));
        let list = format!("meta/{waba}");
        self.state().shelves.note(&list, &id, template, now_ms, || listed(template));
    }
}

fn listed(template: &Template) -> Value {
    let mut components = Vec::new();
    match &template.header {
        Some(Header::Text { text }) => {
            components.push(json!({"type": "HEADER", "format": "TEXT", "text": text}));
        }
        Some(header) => {
            let format = header.file_kind().map_or("IMAGE", |kind| kind.as_str());
            let format = format.to_ascii_uppercase();
            components.push(json!({"type": "HEADER", "format": format}));
        }
        None => {}
    }
    components.push(json!({"type": "BODY", "text": template.body}));
    if let Some(footer) = &template.footer {
        components.push(json!({"type": "FOOTER", "text": footer}));
    }
    if !template.buttons.is_empty() {
        let buttons: Vec<Value> = template.buttons.iter().map(button).collect();
        components.push(json!({"type": "BUTTONS", "buttons": buttons}));
    }
    json!({
        "name": template.name, "language": template.language, "status": upper(&template.status),
        "category": template.category.as_str().to_ascii_uppercase(), "components": components,
        "rejected_reason": "NONE",
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
        Button::Otp { otp, .. } => {
            json!({"type": "OTP", "otp_type": otp.as_str().to_ascii_uppercase()})
        }
        Button::Catalog { text } => json!({"type": "CATALOG", "text": text}),
        Button::Other { kind, text } => json!({"type": kind.to_ascii_uppercase(), "text": text}),
    }
}

fn ordered(status: u16, code: u32) -> Response {
    Refusal { status, code, details: "A fault that the test ordered".to_owned() }.into_response()
}

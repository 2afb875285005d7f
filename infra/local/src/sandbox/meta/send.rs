//! `POST /{version}/{phone_number_id}/messages`: takes a message or refuses it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Refusal, authenticate};
use super::request::{Request, SendRequest};
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::provider::Provider;
use crate::sandbox::reports::{self, Report};
use crate::sandbox::sent::Sent;
use crate::sandbox::{
    Direction, Fault, OutboxEntry, RefusedSend, Sandbox, State as Shared, push_bounded,
};

/// The code with which WhatsApp refuses a free-form message outside the window.
const OUTSIDE_WINDOW: u32 = 131_047;

/// What became of a request under the lock.
enum Outcome {
    Refused(Refusal),
    MarkedRead,
    Taken { sid: String, json: Value, reports: Vec<Report>, fault: Option<Fault> },
    Lost(Fault),
}

/// A send that passed every check, and the number that sends it.
struct Admitted {
    request: Box<SendRequest>,
    business: String,
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    Path((version, phone_number_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let json = read_json(&headers, &body);
    match decide(&sandbox, &version, &phone_number_id, &headers, &json) {
        Outcome::Refused(refusal) => refusal.into_response(),
        Outcome::MarkedRead => Json(json!({"success": true})).into_response(),
        Outcome::Taken { sid, json, reports, fault } => {
            reports::spawn(&sandbox, sid, reports);
            match fault {
                Some(fault) => faulty_answer(fault, StatusCode::OK, ordered_refusal).await,
                None => Json(json).into_response(),
            }
        }
        Outcome::Lost(fault) => faulty_answer(fault, StatusCode::OK, ordered_refusal).await,
    }
}

/// Only JSON is read; with any other type, or when it is broken, no parameters are found.
fn read_json(headers: &HeaderMap, body: &Bytes) -> Value {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if is_json { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null }
}

fn decide(
    sandbox: &Sandbox,
    version: &str,
    phone_number_id: &str,
    headers: &HeaderMap,
    json: &Value,
) -> Outcome {
    let now_ms = sandbox.now_ms();
    let per_second = sandbox.inner.rate_per_second;
    let state = &mut *sandbox.state();
    let admitted = check_version(version)
        .and_then(|()| admit(state, phone_number_id, headers, json, now_ms, per_second));
    match admitted {
        Ok(None) => Outcome::MarkedRead,
        Ok(Some(admitted)) => {
            let fault = state.faults.take(&admitted.business);
            match fault {
                Some(fault) if !fault.takes_message() => Outcome::Lost(fault),
                Some(_) | None => {
                    let sid = sandbox.new_wamid(&admitted.request.customer, Direction::Out);
                    let (json, reports) = take(state, &sid, admitted, json, now_ms);
                    Outcome::Taken { sid, json, reports, fault }
                }
            }
        }
        Err(refusal) => {
            let refused = RefusedSend {
                at_ms: now_ms,
                provider: Provider::Meta.name().to_owned(),
                status: refusal.status,
                code: refusal.code,
                form: pairs(json),
            };
            push_bounded(&mut state.refused, refused);
            Outcome::Refused(refusal)
        }
    }
}

/// `v` and a number: which one makes no difference here.
fn check_version(version: &str) -> Result<(), Refusal> {
    let is_version = version
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.parse::<f32>().is_ok());
    if is_version { Ok(()) } else { Err(Refusal::bad_request(2500, "Unknown path components")) }
}

/// `None` is a message of the customer that was marked as read.
fn admit(
    state: &mut Shared,
    phone_number_id: &str,
    headers: &HeaderMap,
    json: &Value,
    now_ms: i64,
    per_second: usize,
) -> Result<Option<Admitted>, Refusal> {
    let accounts = &state.meta.accounts;
    let account = authenticate(accounts, headers)?;
    let number = accounts
        .number(&account.access_token, phone_number_id)
        .ok_or_else(|| Refusal::no_object(phone_number_id))?;
    let business = number.phone.clone();
    let request = match Request::read(json)? {
        Request::MarkRead { message_id } => {
            let known = state
                .received
                .get(&message_id)
                .is_some_and(|delivery| delivery.told.iter().any(|told| told.business == business));
            let unknown = || Refusal::bad_request(131_009, "message_id is not valid.");
            return if known { Ok(None) } else { Err(unknown()) };
        }
        Request::Send(request) => request,
    };
    request.validate(accounts, number)?;
    if !state.recent_sends.admit(&business, now_ms, per_second) {
        let details = "Message failed to send because there were too many messages sent from \
                       this phone number in a short period of time.";
        return Err(Refusal::bad_request(130_429, details));
    }
    if !state.meta.pairs.admit(&business, &request.customer, now_ms) {
        let details = "Message failed to send because there were too many messages sent from \
                       this phone number to the same phone number in a short period of time.";
        return Err(Refusal::bad_request(131_056, details));
    }
    Ok(Some(Admitted { request, business }))
}

/// Enters the message into everything that knows of messages.
fn take(
    state: &mut Shared,
    sid: &str,
    admitted: Admitted,
    json: &Value,
    now_ms: i64,
) -> (Value, Vec<Report>) {
    let Admitted { request, business } = admitted;
    let SendRequest { input, customer, content, reference } = *request;
    let window_ends_ms = state.threads.window_ends_ms(&customer, &business, now_ms);
    let is_template = content.template.is_some();
    let refusal = (!is_template && window_ends_ms.is_none()).then_some(OUTSIDE_WINDOW);
    let reports = reports::planned(state.autostatus, state.read_receipts, refusal, "failed");
    let written = state.meta.wa_ids.get(&customer).unwrap_or(&customer);
    let answer = answer(&input, written, sid, is_template);
    let shown = shown(&content);
    let (content_sid, content_variables) = match content.template {
        Some(used) => (Some(used.name), used.components),
        None => (None, None),
    };
    let entry = OutboxEntry {
        at_ms: now_ms,
        provider: Provider::Meta.name().to_owned(),
        sid: sid.to_owned(),
        from: business.clone(),
        to: customer.clone(),
        kind: content.kind,
        body: content.body,
        content_sid,
        content_variables,
        media_urls: content.media_urls,
        status_callback: None,
        form: pairs(json),
    };
    let sent = Sent {
        provider: Provider::Meta,
        sid: sid.to_owned(),
        whatsapp_id: sid.to_owned(),
        business,
        customer,
        status: "accepted".to_owned(),
        error_code: None,
        is_template,
        window_ends_ms,
        reference,
    };
    state.take(sent, entry, shown);
    (answer, reports)
}

fn answer(input: &str, customer: &str, sid: &str, is_template: bool) -> Value {
    let contact = match customer.strip_prefix('+') {
        Some(digits) => json!({"input": input, "wa_id": digits}),
        None => json!({"input": input, "user_id": customer}),
    };
    let message = if is_template {
        json!({"id": sid, "message_status": "accepted"})
    } else {
        json!({"id": sid})
    };
    json!({"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]})
}

/// What the phone shows of it.
fn shown(content: &super::content::Content) -> String {
    let mut parts = Vec::new();
    if let Some(used) = &content.template {
        parts.push(format!("{} {}", used.name, used.components.as_deref().unwrap_or("[]")));
    }
    if !content.body.is_empty() {
        parts.push(content.body.clone());
    }
    parts.extend(content.media_urls.iter().cloned());
    parts.join("\n")
}

/// The top level of a body: texts as they are, all else as JSON.
fn pairs(json: &Value) -> Vec<(String, String)> {
    let Some(fields) = json.as_object() else {
        return Vec::new();
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn ordered_refusal(status: u16, code: u32) -> Response {
    let details = "A fault that the test ordered".to_owned();
    Refusal { status, code, details }.into_response()
}

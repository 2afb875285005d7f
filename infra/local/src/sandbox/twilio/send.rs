//! `POST …/Messages.json`: takes a message or refuses it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::answer::{Refusal, authenticate};
use super::form::{Ends, SendForm};
use super::messages::Message;
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::provider::Provider;
use crate::sandbox::reports::{self, Report};
use crate::sandbox::{
    Direction, Fault, OutboxEntry, RefusedSend, Sandbox, State as Shared, ThreadEntry, push_bounded,
};

/// What became of a request under the lock.
enum Outcome {
    Refused(Refusal),
    Taken { sid: String, json: Value, reports: Vec<Report>, fault: Option<Fault> },
    Lost(Fault),
}

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    Path(account_sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let pairs = read_pairs(&headers, &body);
    match decide(&sandbox, &account_sid, &headers, pairs) {
        Outcome::Refused(refusal) => refusal.into_response(),
        Outcome::Taken { sid, json, reports, fault } => {
            reports::spawn(&sandbox, sid, reports);
            match fault {
                Some(fault) => faulty_answer(fault, StatusCode::CREATED, ordered_refusal).await,
                None => (StatusCode::CREATED, Json(json)).into_response(),
            }
        }
        Outcome::Lost(fault) => faulty_answer(fault, StatusCode::CREATED, ordered_refusal).await,
    }
}

/// Only a form is read; with any other type Twilio finds no parameters.
fn read_pairs(headers: &HeaderMap, body: &Bytes) -> Vec<(String, String)> {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if is_form { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() }
}

fn decide(
    sandbox: &Sandbox,
    account_sid: &str,
    headers: &HeaderMap,
    pairs: Vec<(String, String)>,
) -> Outcome {
    let now_ms = sandbox.now_ms();
    let sid = sandbox.new_sid("SM");
    let per_second = sandbox.inner.rate_per_second;
    let state = &mut *sandbox.state();
    let form = SendForm::read(&pairs);
    match admit(state, account_sid, headers, &form, now_ms, per_second) {
        Ok(ends) => {
            let fault = state.faults.take(&ends.business);
            match fault {
                Some(fault) if !fault.takes_message() => Outcome::Lost(fault),
                Some(_) | None => {
                    let (json, reports) =
                        take(state, account_sid, &sid, &form, ends, pairs, now_ms);
                    Outcome::Taken { sid, json, reports, fault }
                }
            }
        }
        Err(refusal) => {
            let refused = RefusedSend {
                at_ms: now_ms,
                provider: Provider::Twilio.name().to_owned(),
                status: refusal.status,
                code: refusal.code,
                form: pairs,
            };
            push_bounded(&mut state.refused, refused);
            Outcome::Refused(refusal)
        }
    }
}

fn admit(
    state: &mut Shared,
    account_sid: &str,
    headers: &HeaderMap,
    form: &SendForm,
    now_ms: i64,
    per_second: usize,
) -> Result<Ends, Refusal> {
    let accounts = &state.twilio.accounts;
    let account = authenticate(accounts, account_sid, headers)?;
    let ends = form.validate(accounts, account)?;
    if state.recent_sends.admit(&ends.business, now_ms, per_second) {
        Ok(ends)
    } else {
        Err(Refusal { status: 429, code: 20429, message: "Too Many Requests".to_owned() })
    }
}

/// Enters the message into everything that knows of messages.
fn take(
    state: &mut Shared,
    account_sid: &str,
    sid: &str,
    form: &SendForm,
    ends: Ends,
    pairs: Vec<(String, String)>,
    now_ms: i64,
) -> (Value, Vec<Report>) {
    let window_open = state.threads.window_open(&ends.customer, &ends.business, now_ms);
    let refusal = form.late_refusal(&state.twilio.accounts, window_open);
    let reports = reports::planned(state.autostatus, state.read_receipts, refusal, "undelivered");
    let message = Message {
        sid: sid.to_owned(),
        account_sid: account_sid.to_owned(),
        direction: Direction::Out,
        business: ends.business.clone(),
        customer: ends.customer.clone(),
        body: form.body.clone(),
        media_count: form.media_urls.len(),
        status: "queued".to_owned(),
        error_code: None,
        created_ms: now_ms,
        updated_ms: now_ms,
        sent_ms: None,
        status_callback: form.status_callback.clone(),
        inbound: Vec::new(),
    };
    let json = message.json();
    state.twilio.messages.insert(sid, message);
    let entry = thread_entry(sid, form, now_ms);
    state.threads.push(&ends.customer, &ends.business, entry);
    let entry = OutboxEntry {
        at_ms: now_ms,
        provider: Provider::Twilio.name().to_owned(),
        sid: sid.to_owned(),
        from: ends.business,
        to: ends.customer,
        kind: form.kind(),
        body: form.body.clone(),
        content_sid: form.content_sid.clone(),
        content_variables: form.content_variables.clone(),
        media_urls: form.media_urls.clone(),
        status_callback: form.status_callback.clone(),
        form: pairs,
    };
    push_bounded(&mut state.outbox, entry);
    (json, reports)
}

fn thread_entry(sid: &str, form: &SendForm, now_ms: i64) -> ThreadEntry {
    let mut parts = Vec::new();
    if let Some(content_sid) = &form.content_sid {
        let variables = form.content_variables.as_deref().unwrap_or("{}");
        parts.push(format!("{content_sid} {variables}"));
    }
    if !form.body.is_empty() {
        parts.push(form.body.clone());
    }
    parts.extend(form.media_urls.iter().cloned());
    ThreadEntry {
        sid: sid.to_owned(),
        direction: Direction::Out,
        kind: form.kind().name().to_owned(),
        text: parts.join("\n"),
        at_ms: now_ms,
        status: "queued".to_owned(),
        error_code: None,
        webhook_status: None,
    }
}

fn ordered_refusal(status: u16, code: u32) -> Response {
    Refusal { status, code, message: "A fault that the test ordered".to_owned() }.into_response()
}

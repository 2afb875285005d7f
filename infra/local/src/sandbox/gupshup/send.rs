//! `POST /wa/api/v1/msg` and `POST /wa/api/v1/template/msg`: take a message or refuse it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::{Refusal, authenticate};
use super::form::{SendForm, is_gupshups_own};
use crate::sandbox::fault_answer::faulty_answer;
use crate::sandbox::provider::Provider;
use crate::sandbox::reports::{self, Report};
use crate::sandbox::sent::Sent;
use crate::sandbox::{
    AutoStatus, Direction, Fault, OutboxEntry, OutboxKind, RefusedSend, Sandbox, State as Shared,
    push_bounded,
};

/// Gupshup's own limit for one number.
const RATE_PER_SECOND_MAX: usize = 20;

/// What became of a request under the lock.
enum Outcome {
    Refused(Refusal),
    Taken { sid: String, reports: Vec<Report>, fault: Option<Fault> },
    Lost(Fault),
}

pub(super) async fn message(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    create(&sandbox, &headers, &body, false).await
}

pub(super) async fn template(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    create(&sandbox, &headers, &body, true).await
}

async fn create(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    body: &Bytes,
    with_template: bool,
) -> Response {
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let pairs =
        if is_form { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() };
    match decide(sandbox, headers, pairs, with_template) {
        Outcome::Refused(refusal) => refusal.into_response(),
        Outcome::Taken { sid, reports, fault } => {
            reports::spawn(sandbox, sid.clone(), reports);
            match fault {
                Some(fault) => faulty_answer(fault, StatusCode::ACCEPTED, ordered_refusal).await,
                None => {
                    let body = json!({"status": "submitted", "messageId": sid});
                    (StatusCode::ACCEPTED, Json(body)).into_response()
                }
            }
        }
        Outcome::Lost(fault) => faulty_answer(fault, StatusCode::ACCEPTED, ordered_refusal).await,
    }
}

fn decide(
    sandbox: &Sandbox,
    headers: &HeaderMap,
    pairs: Vec<(String, String)>,
    with_template: bool,
) -> Outcome {
    let now_ms = sandbox.now_ms();
    let per_second = sandbox.inner.rate_per_second.min(RATE_PER_SECOND_MAX);
    let state = &mut *sandbox.state();
    match admit(state, headers, &pairs, with_template, now_ms, per_second) {
        Ok(form) => {
            let fault = state.faults.take(&form.business);
            match fault {
                Some(fault) if !fault.takes_message() => Outcome::Lost(fault),
                Some(_) | None => {
                    let sid = sandbox.new_uuid();
                    let whatsapp_id = sandbox.new_wamid(&form.customer, Direction::Out);
                    let reports = take(state, &sid, whatsapp_id, form, pairs, now_ms);
                    Outcome::Taken { sid, reports, fault }
                }
            }
        }
        Err(refusal) => {
            let refused = RefusedSend {
                at_ms: now_ms,
                provider: Provider::Gupshup.name().to_owned(),
                status: refusal.status,
                code: u32::from(refusal.status),
                form: pairs,
            };
            push_bounded(&mut state.refused, refused);
            Outcome::Refused(refusal)
        }
    }
}

fn admit(
    state: &mut Shared,
    headers: &HeaderMap,
    pairs: &[(String, String)],
    with_template: bool,
    now_ms: i64,
    per_second: usize,
) -> Result<SendForm, Refusal> {
    let accounts = &state.gupshup.accounts;
    let api_key = authenticate(accounts, headers)?;
    let form = SendForm::read(accounts, api_key, pairs, with_template)?;
    if state.recent_sends.admit(&form.business, now_ms, per_second) {
        Ok(form)
    } else {
        Err(Refusal::of_status(429))
    }
}

/// Enters the message into everything that knows of messages.
fn take(
    state: &mut Shared,
    sid: &str,
    whatsapp_id: String,
    form: SendForm,
    pairs: Vec<(String, String)>,
    now_ms: i64,
) -> Vec<Report> {
    let window_ends_ms = state.threads.window_ends_ms(&form.customer, &form.business, now_ms);
    let wallet_empty = state.gupshup.empty_wallets.contains(&form.app_name);
    let refusal =
        form.late_refusal(&state.gupshup.accounts, wallet_empty, window_ends_ms.is_some());
    let reports = planned(state.autostatus, state.read_receipts, refusal);
    let shown = shown(&form);
    let is_template = form.template.is_some();
    let (content_sid, content_variables) = match form.template {
        Some(used) => (Some(used.id), Some(json!(used.params).to_string())),
        None => (None, None),
    };
    let entry = OutboxEntry {
        at_ms: now_ms,
        provider: Provider::Gupshup.name().to_owned(),
        sid: sid.to_owned(),
        from: form.business.clone(),
        to: form.customer.clone(),
        kind: if is_template { OutboxKind::Template } else { form.content.kind },
        body: form.content.body,
        content_sid,
        content_variables,
        media_urls: form.content.media_urls,
        status_callback: None,
        form: pairs,
    };
    let sent = Sent {
        provider: Provider::Gupshup,
        sid: sid.to_owned(),
        whatsapp_id,
        business: form.business,
        customer: form.customer,
        status: "submitted".to_owned(),
        error_code: None,
        is_template,
        window_ends_ms,
        reference: None,
    };
    state.take(sent, entry, shown);
    reports
}

/// What Gupshup hands to WhatsApp it reports as `enqueued` before anything else.
fn planned(autostatus: AutoStatus, read_receipts: bool, refusal: Option<u32>) -> Vec<Report> {
    let mut reports = reports::planned(autostatus, read_receipts, refusal, "failed");
    if autostatus == AutoStatus::Full && !refusal.is_some_and(is_gupshups_own) {
        reports.insert(0, Report { status: "enqueued", error_code: None });
    }
    reports
}

/// What the phone shows of it.
fn shown(form: &SendForm) -> String {
    let mut parts = Vec::new();
    if let Some(used) = &form.template {
        parts.push(format!("{} {}", used.id, json!(used.params)));
    }
    if !form.content.body.is_empty() {
        parts.push(form.content.body.clone());
    }
    parts.extend(form.content.media_urls.iter().cloned());
    parts.join("\n")
}

/// Gupshup's answers have no code of their own, so only the status is told.
fn ordered_refusal(status: u16, _code: u32) -> Response {
    Refusal::of_status(status).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_goes_to_whatsapp_is_enqueued() {
        let statuses = |refusal| -> Vec<&str> {
            let reports = planned(AutoStatus::Full, false, refusal);
            reports.iter().map(|report| report.status).collect()
        };
        assert_eq!(statuses(None), ["enqueued", "sent", "delivered"]);
        assert_eq!(statuses(Some(470)), ["enqueued", "failed"]);
        assert_eq!(statuses(Some(1003)), ["failed"]);
        assert!(planned(AutoStatus::Manual, false, None).is_empty());
    }
}

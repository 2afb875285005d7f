//! Every change of the set-up is written down: who, what, how it stood before and after. And
//! `GET /v1/audit`, which lists them.

use crate::auth::ADMIN;
use crate::call::{Call, get};
use crate::input::{Params, page_limit};
use crate::problem::Failure;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::util::ServiceExt;
use transom_app::audit::{AuditFilter, AuditView};
use transom_app::setup::Principal;
use transom_app::view::List;
use transom_app::{App, Problem};
use transom_core::time::Timestamp;

/// What an administrator sets up; what is said to and about customers has a history of its own.
const SET_UP: [&str; 8] = [
    "/v1/accounts",
    "/v1/brands",
    "/v1/senders",
    "/v1/portfolios",
    "/v1/subscriptions",
    "/v1/keys",
    "/v1/prices",
    "/v1/deliveries",
];
/// Below a sender, but not set up: consent has its own history, erasure its own record.
const NOT_SET_UP: &str = "/contacts/";
/// Fields that are answered once and kept nowhere.
/// What is read in a list, because it has no path of its own.
const TEMPLATE: &str = "/v1/accounts/{account}/templates/{name}";

const SECRETS: [&str; 3] = ["key", "secret", "signing_secret"];

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/audit", "Who changed what, newest first", ADMIN, list)
            .query(&[
                ("from", "Not before this time (RFC 3339)"),
                ("to", "Before this time (RFC 3339)"),
                ("by", "A key's id, or an agent"),
                ("target", "A path, such as `/v1/senders/support`, and what is below it"),
                ("limit", "The page's size, 1 to 200; 50 by default"),
                ("cursor", "The `next_cursor` of the page before"),
            ])
            .lists::<AuditView>(),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    target: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    State(app): State<App>,
    Params(query): Params<Query>,
) -> Result<Json<List<AuditView>>, Failure> {
    let time = |name: &str, text: Option<String>| {
        let read = |text: String| {
            Timestamp::parse_rfc3339(&text)
                .map_err(|_| Problem::invalid(format!("`{name}` must be a time in RFC 3339")))
        };
        text.map(read).transpose()
    };
    let filter = AuditFilter {
        from: time("from", query.from)?,
        to: time("to", query.to)?,
        by: query.by,
        target: query.target,
        limit: page_limit(query.limit.as_deref())?,
        cursor: query.cursor,
    };
    Ok(Json(app.list_audit(&filter).await?))
}

/// Whether a call is one of those that are written down.
pub(crate) fn is_audited(path: &str) -> bool {
    SET_UP.iter().any(|set_up| path.starts_with(set_up)) && !path.contains(NOT_SET_UP)
}

/// What the audit of the changes needs: how a thing is read, by the path that it is read at.
#[derive(Clone)]
pub(crate) struct Audit {
    pub(crate) app: App,
    pub(crate) readers: Arc<BTreeMap<&'static str, Router>>,
}

/// Writes a change down, makes it, and completes the record.
pub(crate) async fn record(
    State(audit): State<Audit>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let pattern = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned());
    let principal = request.extensions().get::<Principal>().cloned();
    let (Some(pattern), Some(principal)) = (pattern, principal) else {
        return Ok(next.run(request).await);
    };
    let target = request.uri().path().to_owned();
    let call = format!("{} {pattern}", request.method());
    let (mut parts, body) = request.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let request = Request::from_parts(parts, body);
    let reader = reader(&audit, &pattern, params.as_ref());
    let before = match &reader {
        Some(reader) => reader.read(&target).await,
        None => None,
    };
    let app = &audit.app;
    let change = (call, target.clone());
    let begun = app.begin_audit(&principal, change, before.as_ref(), app.clock.now()).await?;
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_success() {
        app.end_audit(begun, status.as_u16(), None).await;
        return Ok(response);
    }
    let (response, answered) = looked_at(response).await;
    let after = match &reader {
        Some(reader) => reader.read(&target).await,
        None => answered,
    };
    app.end_audit(begun, status.as_u16(), after.as_ref()).await;
    Ok(response)
}

/// How what a call changes is read.
enum Reader<'a> {
    /// At its own path, or at that of the thing which the call switches: without the suffix.
    Own(&'a Router, &'static str),
    /// A template has no path of its own: it is shown in all its languages.
    Template(&'a App, String, String),
}

fn reader<'a>(
    audit: &'a Audit,
    pattern: &str,
    params: Option<&RawPathParams>,
) -> Option<Reader<'a>> {
    let own = ["", "/activate", "/deactivate"].into_iter().find_map(|suffix| {
        let at = pattern.strip_suffix(suffix)?;
        audit.readers.get(at).map(|router| Reader::Own(router, suffix))
    });
    own.or_else(|| {
        let at = pattern.strip_suffix("/submit").unwrap_or(pattern);
        let param = |wanted: &str| {
            params?.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
        };
        (at == TEMPLATE).then_some(())?;
        Some(Reader::Template(&audit.app, param("account")?, param("name")?))
    })
}

impl Reader<'_> {
    async fn read(&self, target: &str) -> Option<Value> {
        match self {
            Reader::Own(router, suffix) => read(router, target.strip_suffix(suffix)?).await,
            Reader::Template(app, account, name) => {
                let named = app.templates_named(account, name).await.ok()?;
                (!named.is_empty()).then(|| serde_json::to_value(named).ok())?
            }
        }
    }
}

async fn read(router: &Router, at: &str) -> Option<Value> {
    let request = Request::get(at).body(Body::empty()).ok()?;
    let response = router.clone().oneshot(request).await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let bytes = to_bytes(response.into_body(), usize::MAX).await.ok()?;
    serde_json::from_slice(&bytes).ok().map(without_secrets)
}

/// The answer as it is, and what may be kept of it.
async fn looked_at(response: Response) -> (Response, Option<Value>) {
    let (parts, body) = response.into_parts();
    // It is in memory already, so reading it has no bound of its own.
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes).ok().map(without_secrets);
            (Response::from_parts(parts, Body::from(bytes)), value)
        }
        Err(_) => (Response::from_parts(parts, Body::empty()), None),
    }
}

fn without_secrets(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        for secret in SECRETS {
            fields.remove(secret);
        }
    }
    value
}

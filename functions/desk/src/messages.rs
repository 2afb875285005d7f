//! `/v1/messages`

use crate::auth::CONVERSE;
use crate::call::{Call, get, post};
use crate::input::{By, Ids, Input, JsonBytes, parse};
use crate::message_body::{MessageBody, Parsed};
use crate::problem::{Failure, PROBLEM_JSON, written};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use transom_app::check::refused_as_read;
use transom_app::setup::Principal;
use transom_app::submit::{SendRequest, Submitted};
use transom_app::view::words::SentAsWord;
use transom_app::view::{CheckView, CostView, MessageView, cost_view};
use transom_app::{App, AppError, Problem};
use transom_core::code::Code;
use transom_core::decide::SentAs;
use transom_core::id::MessageId;
use transom_core::message::Origin;
use transom_core::time::Timestamp;
use transom_store::{Idempotency, Role};
use utoipa::ToSchema;

const ONE: &str = "/v1/messages/{id}";
/// The header that makes a repeat harmless.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What the document says of it.
pub(crate) const IDEMPOTENCY_HEADER: &[(&str, &str)] = &[(
    "Idempotency-Key",
    "1 to 255 printable characters: a repeat with the same body is answered the same, and nothing \
     happens twice",
)];
/// Its longest value, in characters.
const IDEMPOTENCY_CHARS_MAX: usize = 255;

/// Why a message may be refused by the rules.
const REFUSALS: &[Code] = &[
    Code::WindowExpired,
    Code::WindowNeverOpened,
    Code::BrandInactive,
    Code::BrandDeleted,
    Code::BrandMismatch,
    Code::IntegrationRemoved,
    Code::AccountDeactivated,
    Code::AccountDeleted,
    Code::SenderRestricted,
    Code::Interrupted,
    Code::NotOptedIn,
    Code::OptedOut,
    Code::TemplateMessagingOff,
    Code::TemplateNotApproved,
    Code::TemplateUnknown,
    Code::TemplateMismatch,
    Code::TemplateVariables,
    Code::CategoryForbidden,
    Code::TextTooLong,
    Code::TextEmpty,
    Code::MediaType,
    Code::MediaTooLarge,
    Code::MediaUrl,
    Code::MediaNotReady,
    Code::CaptionUnsupported,
    Code::FilenameUnsupported,
    Code::ContentUnsupported,
    Code::ContactInvalid,
    Code::UserIdUnsupported,
    Code::InsufficientBalance,
    Code::LimitReached,
    Code::AgentUserLimit,
    Code::AgentMonthLimit,
    Code::BudgetReached,
    Code::IdempotencyInProgress,
    Code::IdempotencyMismatch,
    Code::NotFound,
];

pub(crate) fn calls() -> Vec<Call> {
    vec![
        post("/v1/messages", "Send a message", CONVERSE, send)
            .headers(&[(
                "Idempotency-Key",
                "1 to 255 printable characters, kept for 24 hours: a repeat with the same body is \
                 answered the same and sends nothing",
            )])
            .takes::<MessageBody>()
            .answers::<SubmittedView>(202)
            .refuses(REFUSALS),
        post("/v1/messages/check", "What would become of a message, and why", CONVERSE, check)
            .takes::<MessageBody>()
            .answers::<CheckView>(200)
            .refuses(&[Code::NotFound]),
        get(ONE, "A message", CONVERSE, show).answers::<MessageView>(200),
        post("/v1/messages/{id}/retry", "Try a failed message again", CONVERSE, retry)
            .answers::<MessageView>(202)
            .refuses(&[Code::NotRetryable]),
        post("/v1/messages/{id}/cancel", "Withdraw a message that waits", CONVERSE, cancel)
            .answers::<MessageView>(200)
            .refuses(&[Code::NotCancellable]),
    ]
}

/// A message that was taken.
#[derive(Debug, Serialize, ToSchema)]
struct SubmittedView {
    /// Its id.
    #[schema(example = "msg_…")]
    id: String,
    /// Its conversation.
    #[schema(example = "cnv_…")]
    conversation: String,
    /// `queued`, `held` (until the customer writes), `scheduled` or `deferred` (until a place of
    /// the limit is free).
    status: &'static str,
    /// Until when it waits at most, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_until: Option<String>,
    /// `session` or `template`.
    #[schema(value_type = SentAsWord)]
    sent_as: SentAs,
    /// Whether it takes a place of the messaging limit.
    counts_against_limit: bool,
    /// What it will cost, where prices are known.
    cost: Option<CostView>,
    /// What of it the customer will not see, because the provider cannot show it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

impl From<Submitted> for SubmittedView {
    fn from(taken: Submitted) -> Self {
        Self {
            id: taken.id.to_string(),
            conversation: taken.conversation.to_string(),
            status: taken.status.as_str(),
            waits_until: taken.waits_until.map(Timestamp::rfc3339),
            sent_as: taken.sent_as,
            counts_against_limit: taken.counts,
            cost: cost_view(taken.cost.as_ref()),
            notices: taken.notices,
        }
    }
}

async fn send(
    State(app): State<App>,
    By(principal): By,
    headers: HeaderMap,
    JsonBytes(bytes): JsonBytes,
) -> Result<Response, Failure> {
    let key = idempotency_key(&headers)?;
    let parsed = parse::<MessageBody>(&bytes)?.read()?;
    let now = app.clock.now();
    let request = request(parsed, &principal);
    let answer = match key {
        None => app.submit(request, now).await.map(taken),
        Some(key) => {
            let body = HEXLOWER.encode(&Sha256::digest(&bytes));
            return send_once(&app, &principal, &key, &body, request, now).await;
        }
    };
    answer.map_err(|e| Failure::from(e).at(now))
}

/// Sends under an `Idempotency-Key`.
///
/// | the first request | a repeat |
/// |---|---|
/// | was answered, or refused and kept | is answered the same |
/// | was refused and not kept (nothing happened) | is a first request |
/// | still runs | 409 |
/// | died, or could not store everything | makes the same message once its lease is over |
async fn send_once(
    app: &App,
    principal: &Principal,
    key: &str,
    body: &str,
    mut request: SendRequest,
    now: Timestamp,
) -> Result<Response, Failure> {
    let wanted = app.new_message_id(&request.target, now).await?;
    let api_key = &principal.key_id;
    let message = match app.store.begin_idempotent(api_key, key, body, &wanted, now).await? {
        Idempotency::Begin(message) => message,
        Idempotency::Answered { status, body } => return Ok(repeated(status, body)),
        Idempotency::InProgress => {
            let detail = "the request that came first with this key is still running";
            return Err(Problem::new(Code::IdempotencyInProgress, detail).into());
        }
        Idempotency::Mismatch => {
            let detail = "this key was used with another body in the last 24 hours";
            return Err(Problem::new(Code::IdempotencyMismatch, detail).into());
        }
    };
    request.message = Some(message.clone());
    match app.submit(request, now).await {
        Ok(submitted) => {
            let view = SubmittedView::from(submitted);
            let answer = serde_json::to_string(&view).unwrap_or_default();
            let status = StatusCode::ACCEPTED.as_u16();
            app.store.end_idempotent(api_key, key, status, &answer).await?;
            Ok((StatusCode::ACCEPTED, Json(view)).into_response())
        }
        Err(AppError::Refused(problem)) => {
            let (status, answer) = written(&problem);
            app.store.end_idempotent(api_key, key, status.as_u16(), &answer).await?;
            Err(Failure::from(*problem).at(now))
        }
        // The message may be stored already: the record must go on naming it.
        Err(error) => Err(error.into()),
    }
}

/// A refusal by a rule is an answer here, not an error.
async fn check(
    State(app): State<App>,
    By(principal): By,
    Input(body): Input<MessageBody>,
) -> Result<Json<CheckView>, Failure> {
    let parsed = match body.read() {
        Ok(parsed) => parsed,
        Err(problem) => return Ok(Json(refused_as_read(problem)?)),
    };
    match app.check(request(parsed, &principal), app.clock.now()).await {
        Ok(view) => Ok(Json(view)),
        Err(AppError::Refused(problem)) => Ok(Json(refused_as_read(*problem)?)),
        Err(error) => Err(error.into()),
    }
}

async fn show(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<MessageView>, Failure> {
    Ok(Json(app.show_message(&message_id(&id)?).await?))
}

async fn retry(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<(StatusCode, Json<MessageView>), Failure> {
    let id = message_id(&id)?;
    let now = app.clock.now();
    app.retry_message(&id, now).await.map_err(|e| Failure::from(e).at(now))?;
    Ok((StatusCode::ACCEPTED, Json(app.show_message(&id).await?)))
}

async fn cancel(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<MessageView>, Failure> {
    let id = message_id(&id)?;
    app.cancel_message(&id, app.clock.now()).await?;
    Ok(Json(app.show_message(&id).await?))
}

fn taken(submitted: Submitted) -> Response {
    (StatusCode::ACCEPTED, Json(SubmittedView::from(submitted))).into_response()
}

fn repeated(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::ACCEPTED);
    let kind = if status.is_success() { "application/json" } else { PROBLEM_JSON };
    (status, [(CONTENT_TYPE, kind)], body).into_response()
}

fn request(parsed: Parsed, principal: &Principal) -> SendRequest {
    let origin = match principal.role {
        Role::System => Origin::System,
        Role::Agent | Role::Supervisor | Role::Admin => Origin::Agent,
    };
    SendRequest {
        target: parsed.target,
        content: parsed.content,
        plan: parsed.plan,
        reply_to: parsed.reply_to,
        origin,
        sent_by: Some(principal.agent.clone().unwrap_or_else(|| principal.key_id.clone())),
        message: None,
    }
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| {
        (1..=IDEMPOTENCY_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| (0x20..0x7f).contains(&b))
    });
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        (_, _) => Err(Problem::invalid(format!(
            "`Idempotency-Key` must be one header of 1 to {IDEMPOTENCY_CHARS_MAX} printable ASCII \
             characters"
        ))),
    }
}

fn message_id(text: &str) -> Result<MessageId, Problem> {
    MessageId::parse(text).map_err(|_| Problem::not_found("message with this id"))
}

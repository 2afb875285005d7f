//! The queue engine's HTTP boundary, where the journal stands: each send is on disk before the
//! engine sees it, and stays there until the engine has deleted the message.

use crate::journal::Journal;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_http::response::error_to_response;
use rustack_sqs_http::router::resolve_operation;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

/// The largest request that is read: ten messages of 256 KiB, each byte escaped.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a message that is about to be deleted is held, so that no one else receives it.
const DELETE_HOLD_S: u32 = 30;
/// What the engine calls a request in its answer; nobody correlates local requests.
const REQUEST_ID: &str = "local";

/// What the connections share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) provider: Arc<RustackSqs>,
    pub(super) handler: RustackSqsHandler,
    pub(super) journal: Option<Arc<Journal>>,
}

type Answer = Response<Full<Bytes>>;

/// Answers one request.
pub(super) async fn answer(
    core: Arc<Core>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, REQUEST_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return Ok(failure(
                StatusCode::BAD_REQUEST,
                &format!("the body cannot be read: {error}"),
            ));
        }
    };
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("AmazonSQS."));
    let operation = operation.unwrap_or_default().to_owned();
    let (Some(journal), true) = (core.journal.clone(), is_journaled(&operation)) else {
        return Ok(core.forward(&parts.headers, body).await);
    };
    // In a task of its own: a caller that hangs up must not part the journal from the engine.
    let journaled =
        tokio::spawn(
            async move { journaled(&core, journal, &operation, &parts.headers, body).await },
        );
    Ok(match journaled.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => failure(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    })
}

fn is_journaled(operation: &str) -> bool {
    matches!(
        operation,
        "SendMessage"
            | "SendMessageBatch"
            | "ReceiveMessage"
            | "DeleteMessage"
            | "DeleteMessageBatch"
            | "PurgeQueue"
    )
}

async fn journaled(
    core: &Core,
    journal: Arc<Journal>,
    operation: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Answer> {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return Ok(core.forward(headers, body).await); // the engine says what is wrong with it
    };
    match operation {
        "SendMessage" | "SendMessageBatch" => send(core, journal, &request, headers, body).await,
        "DeleteMessage" | "DeleteMessageBatch" => {
            delete(core, journal, &request, headers, body).await
        }
        "ReceiveMessage" => {
            let answer = core.forward(headers, body).await;
            for message in list(&json_of(&answer).await, "Messages") {
                journal.received(text(message, "ReceiptHandle"), text(message, "MessageId"));
            }
            Ok(answer)
        }
        _ => {
            let answer = core.forward(headers, body).await;
            if answer.status().is_success() {
                let queue = queue_name(&request).to_owned();
                on_disk(move || journal.purged(&queue)).await?;
            }
            Ok(answer)
        }
    }
}

/// Written down first, then sent: a message that the engine takes is on disk by then.
async fn send(
    core: &Core,
    journal: Arc<Journal>,
    request: &Value,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Answer> {
    let batch = list(request, "Entries");
    let entries = if batch.is_empty() { std::slice::from_ref(request) } else { batch };
    let ids: Vec<String> = entries.iter().map(|entry| text(entry, "Id").to_owned()).collect();
    let rows: Vec<Value> = entries.iter().map(without_address).collect();
    let queue = queue_name(request).to_owned();
    let seqs = {
        let journal = Arc::clone(&journal);
        on_disk(move || journal.append(&queue, &rows)).await?
    };
    let answer = core.forward(headers, body).await;
    let said = json_of(&answer).await;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for (seq, id) in seqs.into_iter().zip(&ids) {
        // The answer to a single send is the message; that to a batch names each by its id.
        let outcome = if batch.is_empty() {
            Some(&said)
        } else {
            list(&said, "Successful").iter().find(|entry| text(entry, "Id") == id)
        };
        match outcome.map(|outcome| text(outcome, "MessageId")).filter(|id| !id.is_empty()) {
            Some(message_id) => accepted.push((seq, message_id.to_owned())),
            None => refused.push(seq),
        }
    }
    on_disk(move || {
        journal.accepted(&accepted)?;
        journal.refused(&refused)
    })
    .await?;
    Ok(answer)
}

/// Deleted in the engine first, then here: killed in between, a message comes a second time,
/// which is allowed; the other way round it could be lost.
async fn delete(
    core: &Core,
    journal: Arc<Journal>,
    request: &Value,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Answer> {
    let batch = list(request, "Entries");
    let entries = if batch.is_empty() { std::slice::from_ref(request) } else { batch };
    let mut handles = Vec::new();
    for entry in entries {
        // The engine answers a delete with a void handle like any other. Holding the message
        // tells whether the handle still counts, and that it will when the delete arrives.
        let handle = text(entry, "ReceiptHandle");
        if core.hold(text(request, "QueueUrl"), handle).await {
            handles.push(handle.to_owned());
        }
    }
    let answer = core.forward(headers, body).await;
    if answer.status().is_success() {
        on_disk(move || journal.deleted(&handles)).await?;
    }
    Ok(answer)
}

impl Core {
    /// Hands a request to the engine.
    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Answer {
        let answered = match resolve_operation(headers) {
            Ok(operation) => self.handler.handle_operation(operation, body).await,
            Err(error) => Err(error),
        };
        let answer = answered.unwrap_or_else(|error| error_to_response(&error, REQUEST_ID));
        let (parts, body) = answer.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(parts, Full::new(body.to_bytes())),
            Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// Sends past the journal; the message's id.
    pub(super) async fn send(&self, request: &Value) -> Result<String> {
        let sent = self.provider.send_message(serde_json::from_value(request.clone())?).await?;
        sent.message_id.context("the engine gave no message id")
    }

    /// Keeps a received message from others a little longer; whether its handle still counts.
    async fn hold(&self, queue_url: &str, handle: &str) -> bool {
        let input = json!({
            "QueueUrl": queue_url,
            "ReceiptHandle": handle,
            "VisibilityTimeout": DELETE_HOLD_S,
        });
        match serde_json::from_value(input) {
            Ok(input) => self.provider.change_message_visibility(input).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// Runs a call of the journal where blocking does no harm.
async fn on_disk<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(call).await.context("the queue journal panicked")?
}

async fn json_of(answer: &Answer) -> Value {
    // A copy of a buffered body; it cannot fail, and it is small.
    let body = answer.body().clone().collect().await;
    let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn queue_name(request: &Value) -> &str {
    let url = text(request, "QueueUrl");
    url.rsplit('/').next().unwrap_or(url)
}

/// A message without its queue and its place in a batch: both are given anew when it is sent
/// again.
fn without_address(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(fields) = entry.as_object_mut() {
        fields.remove("QueueUrl");
        fields.remove("Id");
    }
    entry
}

fn failure(status: StatusCode, message: &str) -> Answer {
    let body = json!({"__type": "InternalFailure", "message": message}).to_string();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let content_type = http::HeaderValue::from_static("application/x-amz-json-1.0");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
    answer
}

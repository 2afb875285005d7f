//! A Lambda Runtime API, so that the very binaries that are deployed can be run on this machine:
//! each polls for its next invocation here, and answers here. Or another emulator's, such as
//! `cargo lambda watch --only-lambda-apis`, so that what passes does not rest on ours alone.

use anyhow::{Context, Result, bail};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

/// How long an invocation may take before the caller hears that it failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(180);
/// The largest body that a gateway takes.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The Runtime API of several functions.
#[derive(Debug, Clone, Default)]
pub struct Emulator(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    elsewhere: Option<Elsewhere>,
    functions: Mutex<BTreeMap<String, Arc<Line>>>,
    pending: Mutex<HashMap<String, oneshot::Sender<Result<Value, Value>>>>,
    next_id: AtomicU64,
}

/// Another emulator's Runtime API.
#[derive(Debug)]
struct Elsewhere {
    base: String,
    client: reqwest::Client,
    /// Distinguishes the processes of one start from those before, whose last polls the other
    /// emulator still holds.
    generation: AtomicU64,
}

/// The generations of this process: another process needs another emulator, which knows beforehand
/// what it is asked for (`infra/under-cargo-lambda.sh`).
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// The invocations that wait for one function.
#[derive(Debug)]
struct Line {
    sender: mpsc::UnboundedSender<(String, Value)>,
    receiver: AsyncMutex<mpsc::UnboundedReceiver<(String, Value)>>,
}

impl Emulator {
    /// The emulator that listens at `base`, such as `http://127.0.0.1:19001`.
    ///
    /// # Errors
    /// When no client can be built.
    pub fn elsewhere(base: &str) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        let base = base.trim_end_matches('/').to_owned();
        let elsewhere = Elsewhere { base, client, generation: AtomicU64::new(0) };
        Ok(Self(Arc::new(Shared { elsewhere: Some(elsewhere), ..Shared::default() })))
    }

    /// The name under which the processes that are started next poll for a function.
    pub(crate) fn names(&self) -> impl Fn(&str) -> String + use<> {
        let generation = self.0.elsewhere.as_ref().map(|elsewhere| {
            let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
            elsewhere.generation.store(generation, Ordering::Relaxed);
            generation
        });
        move |function| generation.map_or_else(|| function.to_owned(), |n| format!("{function}{n}"))
    }

    /// Where processes find the Runtime API, up to the function's name: another emulator's, or
    /// this one, served from now on.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn runtime(&self) -> Result<String> {
        match &self.0.elsewhere {
            Some(elsewhere) => Ok(format!("{}/.rt", elsewhere.base)),
            None => Ok(format!("http://{}", self.serve().await?)),
        }
    }

    /// Serves the Runtime API on a free port of 127.0.0.1; answers its address.
    ///
    /// # Errors
    /// When no port is free.
    async fn serve(&self) -> Result<String> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        const RUNTIME: &str = "/{function}/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{RUNTIME}/next"), get(next))
            .route(&format!("{RUNTIME}/{{id}}/response"), post(answered))
            .route(&format!("{RUNTIME}/{{id}}/error"), post(failed))
            .route("/{function}/2018-06-01/runtime/init/error", post(not_started))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(address)
    }

    fn line(&self, function: &str) -> Arc<Line> {
        let mut functions = self.0.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let line = functions.entry(function.to_owned()).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            Arc::new(Line { sender, receiver: AsyncMutex::new(receiver) })
        });
        Arc::clone(line)
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// When the function fails, or does not answer in time.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value> {
        if let Some(elsewhere) = &self.0.elsewhere {
            return elsewhere.invoke(function, &event).await;
        }
        let number = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let id = format!("invocation-{number}");
        let (sender, answer) = oneshot::channel();
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), sender);
        self.line(function).sender.send((id, event)).context("the emulator has ended")?;
        match tokio::time::timeout(ANSWER_WITHIN, answer).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => bail!("{function} failed: {error}"),
            Ok(Err(_)) => bail!("{function} was dropped"),
            Err(_) => bail!("{function} did not answer within {ANSWER_WITHIN:?}"),
        }
    }

    fn answer(&self, id: &str, answer: Result<Value, Value>) {
        let sender = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(sender) = sender {
            let _nobody_waits = sender.send(answer);
        }
    }

    /// A router that sends every request to a function as API Gateway's payload 2.0.
    pub fn router(&self, function: &str) -> Router {
        let (emulator, function) = (self.clone(), function.to_owned());
        Router::new().fallback(move |request: Request<Body>| {
            let (emulator, function) = (emulator.clone(), function.clone());
            async move {
                match emulator.forward(&function, request).await {
                    Ok(response) => response,
                    Err(error) => {
                        tracing::error!(%error, "an invocation failed");
                        (
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "{\"message\":\"Internal Server Error\"}",
                        )
                            .into_response()
                    }
                }
            }
        })
    }

    async fn forward(&self, function: &str, request: Request<Body>) -> Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, BODY_BYTES_MAX).await?;
        let gateway = parts.extensions.get::<transom_boot::Gateway>().cloned().unwrap_or_default();
        let headers: BTreeMap<String, String> = parts
            .headers
            .iter()
            .map(|(n, v)| (n.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": gateway.raw_path,
            "rawQueryString": gateway.raw_query,
            "headers": headers,
            "pathParameters": gateway.params,
            "requestContext": {
                "accountId": crate::policy::ACCOUNT_ID,
                "apiId": "local",
                "domainName": "localhost",
                "domainPrefix": "localhost",
                "http": {
                    "method": parts.method.as_str(),
                    "path": gateway.raw_path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "local",
                },
                "requestId": "local",
                "routeKey": "$default",
                "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": 0,
            },
            "body": STANDARD.encode(&body),
            "isBase64Encoded": true,
        });
        read_response(&self.invoke(function, event).await?)
    }
}

impl Elsewhere {
    async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let generation = self.generation.load(Ordering::Relaxed);
        let url = format!("{}/2015-03-31/functions/{function}{generation}/invocations", self.base);
        let answer = self.client.post(url).body(serde_json::to_vec(event)?).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if !status.is_success() {
            bail!("{function} failed: {status} {}", String::from_utf8_lossy(&body));
        }
        Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

fn read_response(answer: &Value) -> Result<Response<Body>> {
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"].as_bool().unwrap_or(false) {
        STANDARD.decode(text)?
    } else {
        text.as_bytes().to_vec()
    };
    let status = answer["statusCode"].as_u64().unwrap_or(500);
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = axum::http::HeaderName::try_from(name.as_str())?;
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default())?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

async fn next(State(emulator): State<Emulator>, Path(function): Path<String>) -> Response<Body> {
    let line = emulator.line(&function);
    let Some((id, event)) = line.receiver.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let now = UNIX_EPOCH.elapsed().unwrap_or_default();
    let deadline = (now + ANSWER_WITHIN).as_millis().to_string();
    let mut headers = HeaderMap::new();
    let arn = crate::policy::function_arn(&function);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", arn.as_str()),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    (headers, Json(event)).into_response()
}

async fn answered(
    State(emulator): State<Emulator>,
    Path((_function, id)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    emulator.answer(&id, Ok(serde_json::from_slice(&body).unwrap_or(Value::Null)));
    StatusCode::ACCEPTED
}

async fn failed(
    State(emulator): State<Emulator>,
    Path((_function, id)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    emulator.answer(&id, Err(serde_json::from_slice(&body).unwrap_or(Value::Null)));
    StatusCode::ACCEPTED
}

async fn not_started(Path(function): Path<String>, body: Bytes) -> StatusCode {
    tracing::error!(function, error = %String::from_utf8_lossy(&body), "a function did not start");
    StatusCode::ACCEPTED
}

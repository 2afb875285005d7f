//! A subscriber to events: a real HTTP server that remembers what it heard and can be told to
//! fail.

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One event as it arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The headers, lower-case.
    pub headers: BTreeMap<String, String>,
    /// The raw body.
    pub raw: String,
    /// The body.
    pub body: Value,
}

impl Heard {
    /// The event's kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    /// The event's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }
}

/// How an event is received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reception {
    /// It is taken and answered with 204.
    #[default]
    Taken,
    /// It is answered with 500.
    Refused,
    /// It is not taken, and the connection closes without an answer.
    Lost,
    /// It is taken, and the connection closes without an answer.
    TakenUnanswered,
}

#[derive(Debug, Default)]
struct Memory {
    heard: Vec<Heard>,
    refused: Vec<Heard>,
    next: Reception,
    times: u32,
}

/// A subscriber.
#[derive(Debug, Clone)]
pub struct Subscriber {
    memory: Arc<Mutex<Memory>>,
    /// Where it listens.
    pub url: String,
}

impl Subscriber {
    /// Begins to listen on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/events", listener.local_addr()?);
        let app = Router::new().route("/events", post(hear)).with_state(Arc::clone(&memory));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { memory, url })
    }

    /// Refuses the next `times` events with 500.
    pub fn fail_next(&self, times: u32) {
        self.receive_next(times, Reception::Refused);
    }

    /// Receives the next `times` events like this.
    pub fn receive_next(&self, times: u32, reception: Reception) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.next = reception;
        memory.times = times;
    }

    /// What it heard and took, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).heard.clone()
    }

    /// What it refused, in order.
    #[must_use]
    pub fn refused(&self) -> Vec<Heard> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).refused.clone()
    }

    /// The events of one kind that it took.
    #[must_use]
    pub fn of(&self, kind: &str) -> Vec<Heard> {
        self.heard().into_iter().filter(|h| h.kind() == kind).collect()
    }
}

async fn hear(
    State(memory): State<Arc<Mutex<Memory>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let heard = Heard {
        headers: headers
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), v.to_str().unwrap_or_default().to_owned()))
            .collect(),
        raw: String::from_utf8_lossy(&body).into_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reception = Reception::Taken;
    if memory.times > 0 {
        memory.times -= 1;
        reception = memory.next;
    }
    match reception {
        Reception::Taken | Reception::TakenUnanswered => memory.heard.push(heard),
        Reception::Refused | Reception::Lost => memory.refused.push(heard),
    }
    match reception {
        Reception::Taken => StatusCode::NO_CONTENT.into_response(),
        Reception::Refused => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Reception::Lost | Reception::TakenUnanswered => closed(),
    }
}

/// An answer whose body fails before its first byte, so that the connection closes without one.
fn closed() -> Response {
    let broken = futures::stream::once(async {
        Err::<Bytes, _>(std::io::Error::other("the subscriber closes this connection by order"))
    });
    let mut response = Body::from_stream(broken).into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("512"));
    response
}

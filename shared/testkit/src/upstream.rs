//! A provider's API in a test's own hands: the test sees each send while it waits for its answer,
//! and so can let statuses come before it.

use crate::World;
use crate::world::credentials;
use anyhow::{Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc, oneshot};
use transom_core::account::Provider;

/// A send that waits for its answer.
#[derive(Debug)]
pub struct Call {
    /// The raw body.
    pub body: String,
    answer: oneshot::Sender<(u16, Value)>,
}

impl Call {
    /// Answers. A caller that has gone away is no matter.
    pub fn answer(self, status: u16, body: Value) {
        let _gone = self.answer.send((status, body));
    }

    /// Answers that the provider has the message, under this id.
    pub fn accept(self, provider: Provider, id: &str) {
        match provider {
            Provider::Twilio => self.answer(201, json!({ "sid": id, "status": "queued" })),
            Provider::Meta => self.answer(200, json!({ "messages": [{ "id": id }] })),
            Provider::Gupshup => {
                self.answer(202, json!({ "status": "submitted", "messageId": id }));
            }
        }
    }
}

/// A provider's API that answers what the test says.
#[derive(Debug)]
pub struct Upstream {
    calls: Mutex<mpsc::UnboundedReceiver<Call>>,
}

impl Upstream {
    /// Begins to listen, and makes the usual account of `world` call it.
    ///
    /// # Errors
    /// When no port is free, or the account cannot be changed.
    pub async fn of(world: &World, provider: Provider) -> Result<Self> {
        let (hand_over, calls) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(take).with_state(hand_over);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let body = json!({
            "provider": provider.as_str(),
            "credentials": credentials(provider),
            "api_base_url": url,
        });
        let changed = world.put("/v1/accounts/tw", body).await;
        ensure!(changed.status == 200, "the account is changed: {}", changed.body);
        Ok(Self { calls: Mutex::new(calls) })
    }

    /// The next send.
    ///
    /// # Panics
    /// When none comes for as long as a call may take.
    pub async fn next(&self) -> Call {
        let mut calls = self.calls.lock().await;
        let next = tokio::time::timeout(std::time::Duration::from_secs(15), calls.recv()).await;
        #[expect(clippy::expect_used, reason = "a test that waits for a send cannot go on")]
        next.ok().flatten().expect("a send comes")
    }
}

async fn take(State(hand_over): State<mpsc::UnboundedSender<Call>>, body: Bytes) -> Response {
    let (answer, answered) = oneshot::channel();
    let body = String::from_utf8_lossy(&body).into_owned();
    let taken = hand_over.send(Call { body, answer }).is_ok();
    match answered.await {
        Ok((status, body)) if taken => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
        }
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

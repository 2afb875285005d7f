//! A sandbox on real HTTP and a receiver that keeps the raw bytes of every webhook.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::post::{JSON, Parcel, PostAnswer, post};
use super::super::*;
use super::{BEGIN_MS, CUSTOMER, serve};

/// One webhook as it reached the receiver.
pub(super) struct RawHook {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl RawHook {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) host: String,
    pub(super) receiver_url: String,
    clock: Arc<AtomicI64>,
    hooks: UnboundedReceiver<RawHook>,
}

impl Stage {
    pub(super) async fn new(autostatus: AutoStatus) -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN_MS));
        let hands = Arc::clone(&clock);
        let mut config = SandboxConfig::new(Arc::new(move || hands.load(Ordering::SeqCst)));
        config.autostatus = autostatus;
        let sandbox = Sandbox::new(config);
        let app = Router::new().nest("/sandbox", sandbox.router()).merge(sandbox.phone_router());
        let host = serve(app).await;
        let (sender, hooks) = unbounded_channel();
        let receiver = Router::new().fallback(receive).with_state(sender);
        let receiver_url = format!("http://{}", serve(receiver).await);
        Self { sandbox, host, receiver_url, clock, hooks }
    }

    pub(super) fn advance(&self, by_ms: i64) {
        self.clock.fetch_add(by_ms, Ordering::SeqCst);
    }

    pub(super) async fn customer_writes(&self, business: &str, content: PhoneContent) -> String {
        let message = PhoneMessage::new(CUSTOMER, business, content);
        let answer = self.sandbox.phone_send(message).await.expect("the receiver listens");
        assert_eq!((answer.status, answer.spoken), (200, None));
        answer.sid
    }

    /// Everything that reached the receiver since the last call, once nothing is under way.
    pub(super) async fn settled_hooks(&mut self) -> Vec<RawHook> {
        self.sandbox.settle().await;
        let mut hooks = Vec::new();
        while let Ok(hook) = self.hooks.try_recv() {
            hooks.push(hook);
        }
        hooks
    }

    pub(super) async fn post_json(
        &self,
        path: &str,
        body: &Value,
        headers: Vec<(&'static str, String)>,
    ) -> Result<PostAnswer, String> {
        let url = format!("http://{}/sandbox{path}", self.host);
        let body = Bytes::from(body.to_string());
        post(&Parcel { url, content_type: JSON, body, headers }, None).await
    }

    pub(super) async fn post_form(
        &self,
        path: &str,
        params: &[(String, String)],
        headers: Vec<(&'static str, String)>,
    ) -> Result<PostAnswer, String> {
        let url = format!("http://{}/sandbox{path}", self.host);
        post(&Parcel::form(&url, params, headers), None).await
    }
}

/// Text as the customer writes it.
pub(super) fn text(text: &str) -> PhoneContent {
    PhoneContent::Text { text: text.to_owned() }
}

async fn receive(
    State(sender): State<UnboundedSender<RawHook>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) {
    let hook = RawHook { path: uri.to_string(), headers, body };
    sender.send(hook).expect("the test still listens");
}

//! A transport on which every request waits until somebody lets it through.
//!
//! Whoever holds the gates of some writers decides in which order their requests are done, which
//! of them fail and how, and who dies in the middle: one thread, no chance and no clock, so the
//! same decisions give the same run.

use crate::engine::bare_dynamo_client;
use crate::engine::dynamo::DynamoEngine;
use crate::transport::{WireFault, conflict, lost, throttled};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// How often a writer may step back between two requests before it is taken for stuck.
const STEPS_BACK_MAX: u32 = 10_000;

/// What becomes of a request that waits at a gate.
pub type Verdict = Option<WireFault>;

/// One writer's gate.
#[derive(Debug, Clone)]
pub struct Gate {
    engine: Arc<DynamoEngine>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<String>,
    verdict: Option<Verdict>,
}

impl Gate {
    /// A gate before `engine`.
    #[must_use]
    pub fn new(engine: Arc<DynamoEngine>) -> Self {
        Self { engine, state: Arc::default() }
    }

    /// A client whose every request waits here.
    #[must_use]
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        bare_dynamo_client(SharedHttpClient::new(self.clone()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the request asks for that waits here, such as `DynamoDB_20120810.PutItem`.
    #[must_use]
    pub fn waiting(&self) -> Option<String> {
        self.state().waiting.clone()
    }

    fn done(&self, target: &str, body: &str) -> HttpResponse {
        let (status, answer) = self.engine.answer(target, body);
        let status = StatusCode::try_from(status)
            .unwrap_or_else(|_| StatusCode::from(http::StatusCode::INTERNAL_SERVER_ERROR));
        let mut response = HttpResponse::new(status, SdkBody::from(answer));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        response
    }

    fn judged(
        &self,
        verdict: Verdict,
        target: &str,
        body: &str,
    ) -> Result<HttpResponse, ConnectorError> {
        match verdict {
            None => Ok(self.done(target, body)),
            Some(WireFault::Throttle) => Ok(throttled()),
            Some(WireFault::Conflict) => Ok(conflict(target)),
            // A writer here is ended by dropping it, so a death looks like a lost request or answer.
            Some(WireFault::Unreachable | WireFault::Die) => Err(lost()),
            Some(WireFault::LoseAnswer | WireFault::DieAfter) => {
                self.done(target, body);
                Err(lost())
            }
        }
    }
}

impl HttpClient for Gate {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Gate {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        self.state().waiting = Some(target.clone());
        let gate = self.clone();
        HttpConnectorFuture::new(std::future::poll_fn(move |_| {
            let Some(verdict) = gate.state().verdict.take() else { return Poll::Pending };
            gate.state().waiting = None;
            Poll::Ready(gate.judged(verdict, &target, &body))
        }))
    }
}

/// A writer: one piece of work at a time, which goes from one request to the next when it is let.
pub struct Writer<T> {
    gate: Gate,
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T> std::fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("at", &self.gate.waiting()).finish_non_exhaustive()
    }
}

impl<T> Writer<T> {
    /// A writer behind `gate`, with nothing to do.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self { gate, work: None }
    }

    /// Whether it has nothing to do.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.work.is_none()
    }

    /// What its request asks for.
    #[must_use]
    pub fn waiting(&self) -> Option<String> {
        self.gate.waiting()
    }

    /// Begins a piece of work, up to its first request.
    pub fn begin(&mut self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.work = Some(Box::pin(work));
        self.run()
    }

    /// Lets the request that waits through, or fail, and goes on to the next; the work's result
    /// when there is none.
    pub fn step(&mut self, verdict: Verdict) -> Option<T> {
        self.gate.state().verdict = Some(verdict);
        self.run()
    }

    /// Lets the request that waits through, and dies before its answer comes.
    pub fn die_after(&mut self) {
        // The work is polled once more only to hand its request over; what it makes of the answer
        // is never run, because the answer is lost and the work is dropped at its next request.
        self.gate.state().verdict = Some(Some(WireFault::LoseAnswer));
        self.run();
        self.die();
    }

    /// Dies before the request that waits is made.
    pub fn die(&mut self) {
        self.work = None;
        let mut state = self.gate.state();
        (state.waiting, state.verdict) = (None, None);
    }

    fn run(&mut self) -> Option<T> {
        let work = self.work.as_mut()?;
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..STEPS_BACK_MAX {
            if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
                self.work = None;
                return Some(result);
            }
            if self.gate.waiting().is_some() {
                return None;
            }
        }
        #[expect(clippy::panic, reason = "a simulation that is stuck has failed")]
        {
            panic!("a writer waits for something else than its request")
        }
    }
}

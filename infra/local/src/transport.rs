//! The transport below the SDK's clients in local mode: it holds every function to its own
//! policy, records what was used, and lets a test put faults on the wire.

use crate::policy::{ActionLog, Policy, required};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// What a test does to one call. Asked for every call, in order, before it is made.
pub trait Faults: Send + Sync + std::fmt::Debug {
    /// The fault for this call of `function`; `target` is such as `DynamoDB_20120810.PutItem`.
    fn next(&self, function: &str, target: &str) -> Option<WireFault>;
}

/// A fault on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// The service refuses for now: nothing is done.
    Throttle,
    /// The service does its work and the answer is lost.
    LoseAnswer,
    /// The call is never made.
    Unreachable,
    /// A transaction meets another one: nothing is done.
    Conflict,
    /// The function ends before this call is made: nothing of it runs any more.
    Die,
    /// The service does its work, and the function ends before it sees the answer.
    DieAfter,
}

/// One function's transport.
#[derive(Debug, Clone)]
pub struct FunctionTransport {
    inner: SharedHttpClient,
    function: String,
    policy: Option<Arc<Policy>>,
    log: ActionLog,
    faults: FaultSlot,
}

/// Where a test puts its faults; empty in local mode.
#[derive(Debug, Clone, Default)]
pub struct FaultSlot(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    faults: Mutex<Option<Arc<dyn Faults>>>,
    deaths: Notify,
}

impl FaultSlot {
    /// Puts faults on the wire, or takes them off.
    pub fn set(&self, faults: Option<Arc<dyn Faults>>) {
        *self.0.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Waits until a function has ended at a [`WireFault::Die`] or [`WireFault::DieAfter`]. What it
    /// was doing waits for ever; whoever began it is to drop it.
    pub async fn death(&self) {
        self.0.deaths.notified().await;
    }

    pub(crate) fn next(&self, function: &str, target: &str) -> Option<WireFault> {
        let faults = self.0.faults.lock().unwrap_or_else(PoisonError::into_inner).clone();
        faults.and_then(|f| f.next(function, target))
    }

    pub(crate) async fn die<T>(&self) -> T {
        self.0.deaths.notify_one();
        std::future::pending().await
    }
}

impl FunctionTransport {
    /// A transport for `function`, held to `policy` where one is given.
    #[must_use]
    pub fn new(function: &str, policy: Option<Policy>, log: ActionLog, faults: FaultSlot) -> Self {
        Self {
            inner: aws_smithy_http_client::Builder::new().build_http(),
            function: function.to_owned(),
            policy: policy.map(Arc::new),
            log,
            faults,
        }
    }

    /// The same as the SDK takes it.
    #[must_use]
    pub fn shared(self) -> SharedHttpClient {
        SharedHttpClient::new(self)
    }

    /// Refuses what the policy does not grant, as IAM would, and records the rest.
    fn check(&self, target: &str, body: &[u8]) -> Result<(), Box<HttpResponse>> {
        let Some(policy) = &self.policy else { return Ok(()) };
        let Ok(uses) = required(target, body) else { return Ok(()) };
        for (action, resource) in uses {
            if !policy.allows(&action, &resource) {
                let message = format!(
                    "template.yaml grants the function {} no {action} on {resource}",
                    self.function
                );
                tracing::error!(outcome = "access_denied", message);
                return Err(Box::new(service_error(400, "AccessDeniedException", &message)));
            }
            self.log.record(&self.function, &action, &resource);
        }
        Ok(())
    }
}

pub(crate) fn service_error(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = serde_json::json!({ "__type": code, "message": message }).to_string();
    let status = StatusCode::try_from(status).unwrap_or_else(|_| unreachable_status());
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn unreachable_status() -> StatusCode {
    StatusCode::from(http::StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn throttled() -> HttpResponse {
    service_error(400, "ProvisionedThroughputExceededException", "injected")
}

pub(crate) fn lost() -> ConnectorError {
    ConnectorError::io("the connection was lost (injected)".into())
}

impl HttpClient for FunctionTransport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            transport: self.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    transport: FunctionTransport,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        if let Err(refused) = self.transport.check(&target, body) {
            return HttpConnectorFuture::ready(Ok(*refused));
        }
        match self.transport.faults.next(&self.transport.function, &target) {
            None => self.inner.call(request),
            Some(WireFault::Throttle) => HttpConnectorFuture::ready(Ok(throttled())),
            Some(WireFault::Conflict) => HttpConnectorFuture::ready(Ok(conflict(&target))),
            Some(WireFault::Unreachable) => HttpConnectorFuture::ready(Err(lost())),
            Some(WireFault::LoseAnswer) => {
                let call = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    let _done = call.await?;
                    Err(lost())
                })
            }
            Some(WireFault::Die) => {
                let slot = self.transport.faults.clone();
                HttpConnectorFuture::new(async move { slot.die().await })
            }
            Some(WireFault::DieAfter) => {
                let call = self.inner.call(request);
                let slot = self.transport.faults.clone();
                HttpConnectorFuture::new(async move {
                    let _done = call.await?;
                    slot.die().await
                })
            }
        }
    }
}

pub(crate) fn conflict(target: &str) -> HttpResponse {
    if !target.contains("Transact") {
        return service_error(400, "TransactionConflictException", "injected");
    }
    let body = serde_json::json!({
        "__type": "TransactionCanceledException",
        "Message": "Transaction cancelled [TransactionConflict, None]",
        "CancellationReasons": [{ "Code": "TransactionConflict" }, { "Code": "None" }],
    });
    let mut response = service_error(400, "TransactionCanceledException", "injected");
    *response.body_mut() = SdkBody::from(body.to_string());
    response
}

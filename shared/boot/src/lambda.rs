//! The glue between the functions and Lambda's runtime. A function's `main` calls one of these.

use crate::{Gateway, clients, logs};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use std::future::Future;
use tower::ServiceExt;
use transom_app::App;
use transom_app::dispatch::QueuedEntry;
use transom_core::time::{Millis, Timestamp};

/// Runs `future` on a current-thread runtime: a function handles one event at a time, and a
/// second thread only costs.
fn block_on<F: Future<Output = Result<(), Error>>>(future: F) -> Result<(), Error> {
    logs::start_json();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// Runs a function that API Gateway calls.
///
/// # Errors
/// When the function cannot be built, or the runtime ends.
pub fn run_http(router: impl FnOnce(App) -> Router) -> Result<(), Error> {
    block_on(async {
        let router = router(clients::app_from_lambda().await?);
        let service = tower::service_fn(move |request: lambda_http::Request| {
            let router = router.clone();
            async move {
                let response = router.oneshot(from_gateway(request)).await?;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        lambda_http::run(service).await
    })
}

/// Takes the raw parts and the route's parameters over from the gateway's event.
fn from_gateway(request: lambda_http::Request) -> Request<Body> {
    let params = request.path_parameters();
    let domain = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.clone(),
        Some(_) | None => None,
    };
    let gateway = Gateway {
        params: params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        raw_path: request.raw_http_path().to_owned(),
        raw_query: request.uri().query().unwrap_or_default().to_owned(),
        domain,
    };
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(gateway);
    Request::from_parts(parts, Body::from(body.to_vec()))
}

/// Runs a function that a queue calls. `handle` answers the receipts of the entries to give back.
///
/// # Errors
/// When the function cannot be built, or the runtime ends.
pub fn run_sqs<H, F>(handle: H) -> Result<(), Error>
where
    H: Fn(App, SqsEvent, Timestamp) -> F,
    F: Future<Output = Result<SqsBatchResponse, transom_app::AppError>>,
{
    block_on(async {
        let app = clients::app_from_lambda().await?;
        lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| {
            let deadline = deadline(app.clock.now(), app.clock.ahead(), event.context.deadline);
            let work = handle(app.clone(), event.payload, deadline);
            async move { work.await.map_err(Error::from) }
        }))
        .await
    })
}

/// Runs a function that a schedule calls.
///
/// # Errors
/// When the function cannot be built, or the runtime ends.
pub fn run_schedule<H, F>(handle: H) -> Result<(), Error>
where
    H: Fn(App, Timestamp) -> F,
    F: Future<Output = Result<(), transom_app::AppError>>,
{
    block_on(async {
        let app = clients::app_from_lambda().await?;
        lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| {
            let deadline = deadline(app.clock.now(), app.clock.ahead(), event.context.deadline);
            let work = handle(app.clone(), deadline);
            async move { work.await.map_err(Error::from) }
        }))
        .await
    })
}

/// Less than this is no time since 1970, in milliseconds: `cargo lambda watch` states how long an
/// invocation may take where Lambda states when it ends.
const STATED_AS_A_TIME_MIN: i64 = 24 * 60 * 60 * 1000;

/// The runtime's deadline by the clock of the use cases, which on a developer's machine is `ahead`
/// of the system's.
fn deadline(now: Timestamp, ahead: Millis, stated: u64) -> Timestamp {
    let stated = i64::try_from(stated).unwrap_or(i64::MAX);
    if stated < STATED_AS_A_TIME_MIN {
        return now.plus(Millis::new(stated));
    }
    Timestamp::from_millis(stated).plus(ahead)
}

/// The entries of a batch, as the use cases take them.
#[must_use]
pub fn entries(event: SqsEvent) -> Vec<QueuedEntry> {
    event
        .records
        .into_iter()
        .filter_map(|record| {
            // Without an id an entry could not be given back; an empty one would give back all.
            let receipt = record.message_id.filter(|id| !id.is_empty())?;
            let group = record.attributes.get("MessageGroupId").cloned().unwrap_or_default();
            Some(QueuedEntry { receipt, group, body: record.body.unwrap_or_default() })
        })
        .collect()
}

/// The partial answer that gives `receipts` back.
#[must_use]
pub fn give_back(receipts: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = receipts
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_time_or_how_long_there_is() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let hour = Millis::from_hours(1);
        let at = 1_795_000_060_000;
        assert_eq!(deadline(now, Millis::new(0), at).as_millis(), 1_795_000_060_000);
        assert_eq!(deadline(now, hour, at).as_millis(), 1_795_003_660_000);
        assert_eq!(deadline(now, hour, 600_000).as_millis(), 1_795_000_600_000);
        assert_eq!(deadline(now, hour, u64::MAX), Timestamp::from_millis(i64::MAX).plus(hour));
    }
}

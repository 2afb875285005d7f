//! The outbound queues reach the provider. One batch of one queue at a time; entries that could
//! not be handled are given back one by one.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use transom_app::{App, AppError};
use transom_boot::lambda::{entries, give_back};
use transom_core::lane::Road;
use transom_core::time::Timestamp;

/// Works on a batch until `deadline`. `campaigns_queue` is the campaigns queue's name; every
/// other queue that calls this function holds replies.
///
/// # Errors
/// Never as a whole: what could not be handled is given back.
pub async fn handle(
    app: App,
    campaigns_queue: &str,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, AppError> {
    let source = event.records.first().and_then(|r| r.event_source_arn.clone()).unwrap_or_default();
    let campaign = source.rsplit(':').next().is_some_and(|name| name == campaigns_queue);
    let road = if campaign { Road::Campaigns } else { Road::Replies };
    Ok(give_back(app.dispatch_batch(road, entries(event), deadline).await))
}

//! The outbound queues reach the provider. One batch of one queue at a time; entries that could
//! not be handled are given back one by one.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use transom_app::{App, AppError};
use transom_boot::lambda::{entries, give_back};
use transom_core::time::Timestamp;

/// Works on a batch until `deadline`.
///
/// # Errors
/// Never as a whole: what could not be handled is given back.
pub async fn handle(
    app: App,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, AppError> {
    Ok(give_back(app.dispatch_batch(entries(event), deadline).await))
}

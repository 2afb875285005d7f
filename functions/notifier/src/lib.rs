//! The events queue reaches the subscribers.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use transom_app::{App, AppError};
use transom_boot::lambda::{entries, give_back};
use transom_core::time::Timestamp;

/// Works on a batch.
///
/// # Errors
/// When the subscriptions cannot be read: the whole batch comes again.
pub async fn handle(
    app: App,
    event: SqsEvent,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, AppError> {
    let now = app.clock.now();
    Ok(give_back(app.notify_batch(entries(event), now, deadline).await?))
}

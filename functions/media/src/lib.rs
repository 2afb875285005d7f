//! The queue of media reaches the providers: files are fetched into object storage.

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
    Ok(give_back(app.fetch_batch(entries(event), deadline).await))
}

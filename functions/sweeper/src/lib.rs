//! Every minute: whatever is due.

use transom_app::{App, AppError};
use transom_core::time::{Millis, Timestamp};

/// What is left of the function's time when a sweep stops beginning new rounds.
const RESERVE: Millis = Millis::from_seconds(10);

/// Sweeps once.
///
/// # Errors
/// When the index cannot be read; the next run begins again.
pub async fn handle(app: App, deadline: Timestamp) -> Result<(), AppError> {
    let now = app.clock.now();
    let swept = app.sweep(now, deadline.minus(RESERVE)).await?;
    tracing::info!(outcome = "swept", visited = swept.visited, failed = swept.failed, "sweep");
    Ok(())
}

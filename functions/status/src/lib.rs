//! `POST /status/{provider}/{account}`: the same events as `inbound`, on a function of its own,
//! so that a campaign's statuses do not delay customers' messages.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response};
use transom_app::App;
use transom_boot::respond;

/// The function's router.
pub fn router(app: App) -> Router {
    Router::new().fallback(status).with_state(app)
}

async fn status(State(app): State<App>, request: Request<Body>) -> Response<Body> {
    respond::webhook(&app, request).await
}

//! `POST /webhooks/{provider}/{account}`: whatever a provider tells.
//!
//! The route stands in `template.yaml`; its parameters come with the request, so that renaming
//! it there is enough.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, Response};
use transom_app::App;
use transom_boot::respond;

/// The function's router.
pub fn router(app: App) -> Router {
    Router::new().fallback(webhook).with_state(app)
}

async fn webhook(State(app): State<App>, request: Request<Body>) -> Response<Body> {
    if request.method() == Method::GET {
        return respond::handshake(&app, request).await;
    }
    respond::webhook(&app, request).await
}

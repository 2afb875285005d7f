//! `/v1/keys`

use crate::auth::ADMIN;
use crate::call::{Call, delete, get, post};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use transom_app::App;
use transom_app::setup::{KeyBody, KeyView, NewKeyView};
use transom_app::view::List;
use utoipa::ToSchema;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        post("/v1/keys", "Make a key; it is answered once", ADMIN, create)
            .takes::<KeyBody>()
            .answers::<NewKeyView>(201),
        get("/v1/keys", "All keys, without the keys themselves", ADMIN, list).lists::<KeyView>(),
        delete("/v1/keys/{id}", "Revoke a key", ADMIN, revoke).answers_nothing(),
        post("/v1/keys/revoke-all", "Revoke every key but the configured one", ADMIN, revoke_all)
            .answers::<Revoked>(200),
    ]
}

/// How many keys were revoked.
#[derive(Debug, Serialize, ToSchema)]
struct Revoked {
    /// How many.
    revoked: usize,
}

async fn create(
    State(app): State<App>,
    Input(body): Input<KeyBody>,
) -> Result<(StatusCode, Json<NewKeyView>), Failure> {
    Ok((StatusCode::CREATED, Json(app.create_key(&body, app.clock.now()).await?)))
}

async fn list(State(app): State<App>) -> Result<Json<List<KeyView>>, Failure> {
    Ok(Json(app.list_keys().await?))
}

async fn revoke(State(app): State<App>, Ids(id): Ids<String>) -> Result<StatusCode, Failure> {
    app.delete_key(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_all(State(app): State<App>) -> Result<Json<Revoked>, Failure> {
    Ok(Json(Revoked { revoked: app.revoke_all_keys().await? }))
}

//! `/v1/senders/{sender}/entry-points`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, delete, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use transom_app::App;
use transom_app::setup::{EntryPointBody, EntryPointView};

const ONE: &str = "/v1/senders/{sender}/entry-points/{id}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        put(ONE, "Create or change an entry point", ADMIN, change)
            .takes::<EntryPointBody>()
            .answers::<EntryPointView>(200),
        get(ONE, "An entry point", SUPERVISE, show).answers::<EntryPointView>(200),
        delete(ONE, "Remove an entry point", ADMIN, remove).answers_nothing(),
    ]
}

async fn change(
    State(app): State<App>,
    Ids((sender, id)): Ids<(String, String)>,
    Input(body): Input<EntryPointBody>,
) -> Result<Json<EntryPointView>, Failure> {
    Ok(Json(app.put_entry_point(&sender, &id, &body, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids((sender, id)): Ids<(String, String)>,
) -> Result<Json<EntryPointView>, Failure> {
    Ok(Json(app.show_entry_point(&sender, &id).await?))
}

async fn remove(
    State(app): State<App>,
    Ids((sender, id)): Ids<(String, String)>,
) -> Result<StatusCode, Failure> {
    app.delete_entry_point(&sender, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/v1/senders`, their settings and limits.

use crate::auth::{ADMIN, PLAN, SUPERVISE};
use crate::call::{Call, delete, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use transom_app::converse::LimitView;
use transom_app::setup::{SenderBody, SenderView, SettingsBody, SettingsView};
use transom_app::view::List;
use transom_app::{App, Problem};
use transom_core::code::Code;
use transom_core::id::SenderId;

const ONE: &str = "/v1/senders/{sender}";
const SETTINGS: &str = "/v1/senders/{sender}/settings";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/senders", "All senders", SUPERVISE, list).lists::<SenderView>(),
        put(ONE, "Create or change a sender", ADMIN, change)
            .takes::<SenderBody>()
            .answers::<SenderView>(200)
            .refuses(&[Code::AccountDeleted]),
        get(ONE, "A sender", SUPERVISE, show).answers::<SenderView>(200),
        delete(ONE, "Delete a sender: its conversations are interrupted", ADMIN, remove)
            .answers_nothing(),
        put(SETTINGS, "Change a sender's settings", SUPERVISE, change_settings)
            .takes::<SettingsBody>()
            .answers::<SettingsView>(200)
            .refuses(&[Code::NotImplemented]),
        get(SETTINGS, "A sender's settings", SUPERVISE, show_settings).answers::<SettingsView>(200),
        get("/v1/senders/{sender}/limit", "The use of a sender's messaging limit", PLAN, limit)
            .answers::<LimitView>(200),
    ]
}

/// A sender's name; one that cannot be a name belongs to no sender.
pub(crate) fn sender_id(text: &str) -> Result<SenderId, Problem> {
    SenderId::parse(text).map_err(|_| Problem::not_found("sender with this name"))
}

async fn list(State(app): State<App>) -> Result<Json<List<SenderView>>, Failure> {
    Ok(Json(app.list_senders().await?))
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<SenderBody>,
) -> Result<Json<SenderView>, Failure> {
    Ok(Json(app.put_sender(&id, &body, app.clock.now()).await?))
}

async fn show(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<SenderView>, Failure> {
    Ok(Json(app.show_sender(&id).await?))
}

async fn remove(State(app): State<App>, Ids(id): Ids<String>) -> Result<StatusCode, Failure> {
    app.delete_sender(&id, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_settings(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<SettingsBody>,
) -> Result<Json<SettingsView>, Failure> {
    Ok(Json(app.put_settings(&id, &body, app.clock.now()).await?))
}

async fn show_settings(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<SettingsView>, Failure> {
    Ok(Json(app.show_settings(&id).await?))
}

async fn limit(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<LimitView>, Failure> {
    Ok(Json(app.limit(&sender_id(&id)?, app.clock.now()).await?))
}

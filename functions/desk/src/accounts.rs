//! `/v1/accounts`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, delete, get, post, put};
use crate::conversations::{PAGE, Page};
use crate::input::{Ids, Input, Params, page_limit};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use transom_app::setup::{AccountBody, AccountView, Removal};
use transom_app::unattached::AccountEventView;
use transom_app::view::List;
use transom_app::{App, Problem};
use transom_core::code::Code;

const ONE: &str = "/v1/accounts/{account}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/accounts", "All accounts", SUPERVISE, list).lists::<AccountView>(),
        put(ONE, "Create or change an account", ADMIN, change)
            .takes::<AccountBody>()
            .answers::<AccountView>(200)
            .refuses(&[Code::AccountDeleted]),
        get(ONE, "An account", SUPERVISE, show).answers::<AccountView>(200),
        delete(ONE, "Remove an account, or delete it for good", ADMIN, remove)
            .query(&[("because", "`removed` (the default) or `deleted`, which is final")])
            .answers_nothing()
            .refuses(&[Code::AccountDeleted]),
        post("/v1/accounts/{account}/deactivate", "Switch an account off", ADMIN, deactivate)
            .answers::<AccountView>(200)
            .refuses(&[Code::IntegrationRemoved, Code::AccountDeleted]),
        post("/v1/accounts/{account}/activate", "Switch an account on again", ADMIN, activate)
            .answers::<AccountView>(200)
            .refuses(&[Code::IntegrationRemoved, Code::AccountDeleted]),
        get(
            "/v1/accounts/{account}/events",
            "What its webhooks told that belongs to no conversation, by kind; kept for 30 days",
            ADMIN,
            events,
        )
        .query(PAGE)
        .lists::<AccountEventView>(),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removing {
    because: Option<String>,
}

async fn list(State(app): State<App>) -> Result<Json<List<AccountView>>, Failure> {
    Ok(Json(app.list_accounts().await?))
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<AccountBody>,
) -> Result<Json<AccountView>, Failure> {
    Ok(Json(app.put_account(&id, &body, app.clock.now()).await?))
}

async fn show(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<AccountView>, Failure> {
    Ok(Json(app.show_account(&id).await?))
}

async fn remove(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Params(params): Params<Removing>,
) -> Result<StatusCode, Failure> {
    let removal = match params.because.as_deref() {
        None | Some("removed") => Removal::Removed,
        Some("deleted") => Removal::Deleted,
        Some(_) => return Err(Problem::invalid("`because` must be `removed` or `deleted`").into()),
    };
    app.remove_account(&id, removal, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn deactivate(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<AccountView>, Failure> {
    Ok(Json(app.deactivate_account(&id, app.clock.now()).await?))
}

async fn activate(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<AccountView>, Failure> {
    Ok(Json(app.activate_account(&id, app.clock.now()).await?))
}

async fn events(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Params(page): Params<Page>,
) -> Result<Json<List<AccountEventView>>, Failure> {
    let limit = page_limit(page.limit.as_deref())?;
    Ok(Json(app.account_events(&id, limit, page.cursor.as_deref()).await?))
}

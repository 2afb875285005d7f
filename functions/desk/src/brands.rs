//! `/v1/brands`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, delete, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use transom_app::App;
use transom_app::setup::{BrandBody, BrandView};
use transom_app::view::List;

const ONE: &str = "/v1/brands/{brand}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/brands", "All brands", SUPERVISE, list).lists::<BrandView>(),
        put(ONE, "Create or change a brand", ADMIN, change)
            .takes::<BrandBody>()
            .answers::<BrandView>(200),
        get(ONE, "A brand", SUPERVISE, show).answers::<BrandView>(200),
        delete(ONE, "Delete a brand", ADMIN, remove).answers_nothing(),
    ]
}

async fn list(State(app): State<App>) -> Result<Json<List<BrandView>>, Failure> {
    Ok(Json(app.list_brands().await?))
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<BrandBody>,
) -> Result<Json<BrandView>, Failure> {
    Ok(Json(app.put_brand(&id, &body).await?))
}

async fn show(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<BrandView>, Failure> {
    Ok(Json(app.show_brand(&id).await?))
}

async fn remove(State(app): State<App>, Ids(id): Ids<String>) -> Result<StatusCode, Failure> {
    app.delete_brand(&id, app.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

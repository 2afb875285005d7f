//! `/v1/prices`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use transom_app::App;
use transom_app::setup::{PriceListBody, PriceListView};

const ONE: &str = "/v1/prices/{list}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        put(ONE, "Replace a price list; an account that names none uses `default`", ADMIN, change)
            .takes::<PriceListBody>()
            .answers::<PriceListView>(200),
        get(ONE, "A price list", SUPERVISE, show).answers::<PriceListView>(200),
    ]
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<PriceListBody>,
) -> Result<Json<PriceListView>, Failure> {
    Ok(Json(app.put_prices(&id, &body, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<PriceListView>, Failure> {
    Ok(Json(app.show_prices(&id).await?))
}

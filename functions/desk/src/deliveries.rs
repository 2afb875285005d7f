//! `/v1/deliveries`

use crate::auth::ADMIN;
use crate::call::{Call, get, post};
use crate::input::{Ids, Params};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use transom_app::App;
use transom_app::redeliver::DeliveryView;
use transom_app::view::List;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/deliveries", "Deliveries that a subscriber did not take", ADMIN, list)
            .query(&[("state", "`retrying` or `parked`; both when absent")])
            .lists::<DeliveryView>(),
        post("/v1/deliveries/{id}/replay", "Deliver again", ADMIN, replay)
            .answers::<DeliveryView>(202),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    state: Option<String>,
}

async fn list(
    State(app): State<App>,
    Params(query): Params<Query>,
) -> Result<Json<List<DeliveryView>>, Failure> {
    Ok(Json(app.list_deliveries(query.state.as_deref()).await?))
}

async fn replay(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<(StatusCode, Json<DeliveryView>), Failure> {
    Ok((StatusCode::ACCEPTED, Json(app.replay_delivery(&id, app.clock.now()).await?)))
}

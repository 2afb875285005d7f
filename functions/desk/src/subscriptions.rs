//! `/v1/subscriptions`

use crate::auth::ADMIN;
use crate::call::{Call, delete, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::StatusCode;
use transom_app::App;
use transom_app::setup::{SubscriptionBody, SubscriptionView};
use transom_app::view::List;

const ONE: &str = "/v1/subscriptions/{id}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/subscriptions", "All subscriptions", ADMIN, list).lists::<SubscriptionView>(),
        put(ONE, "Create a subscription (answers its secret), or change one", ADMIN, change)
            .takes::<SubscriptionBody>()
            .answers::<SubscriptionView>(200),
        get(ONE, "A subscription", ADMIN, show).answers::<SubscriptionView>(200),
        delete(ONE, "Remove a subscription", ADMIN, remove).answers_nothing(),
    ]
}

async fn list(State(app): State<App>) -> Result<Json<List<SubscriptionView>>, Failure> {
    Ok(Json(app.list_subscriptions().await?))
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<SubscriptionBody>,
) -> Result<Json<SubscriptionView>, Failure> {
    Ok(Json(app.put_subscription(&id, &body, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<SubscriptionView>, Failure> {
    Ok(Json(app.show_subscription(&id).await?))
}

async fn remove(State(app): State<App>, Ids(id): Ids<String>) -> Result<StatusCode, Failure> {
    app.delete_subscription(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

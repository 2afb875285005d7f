//! `/v1/portfolios`

use crate::auth::{ADMIN, PLAN, SUPERVISE};
use crate::call::{Call, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use transom_app::App;
use transom_app::converse::LimitView;
use transom_app::setup::{PortfolioBody, PortfolioView};

const ONE: &str = "/v1/portfolios/{portfolio}";

pub(crate) fn calls() -> Vec<Call> {
    vec![
        put(ONE, "Create or change a portfolio", ADMIN, change)
            .takes::<PortfolioBody>()
            .answers::<PortfolioView>(200),
        get(ONE, "A portfolio", SUPERVISE, show).answers::<PortfolioView>(200),
        get("/v1/portfolios/{portfolio}/limit", "The use of its limit", PLAN, limit)
            .answers::<LimitView>(200),
    ]
}

async fn change(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Input(body): Input<PortfolioBody>,
) -> Result<Json<PortfolioView>, Failure> {
    Ok(Json(app.put_portfolio(&id, &body, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<PortfolioView>, Failure> {
    Ok(Json(app.show_portfolio(&id).await?))
}

async fn limit(State(app): State<App>, Ids(id): Ids<String>) -> Result<Json<LimitView>, Failure> {
    Ok(Json(app.portfolio_limit(&id, app.clock.now()).await?))
}

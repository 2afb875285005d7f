//! `/v1/accounts/{account}/templates`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, get, put};
use crate::input::{Ids, Input};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use transom_app::App;
use transom_app::setup::{TemplateBody, TemplateView};
use transom_app::view::List;
use transom_core::code::Code;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        put(
            "/v1/accounts/{account}/templates/{name}",
            "Create or change a template in one language",
            ADMIN,
            change,
        )
        .takes::<TemplateBody>()
        .answers::<TemplateView>(200)
        .refuses(&[Code::NotImplemented]),
        get("/v1/accounts/{account}/templates", "The templates of an account", SUPERVISE, list)
            .lists::<TemplateView>(),
    ]
}

async fn change(
    State(app): State<App>,
    Ids((account, name)): Ids<(String, String)>,
    Input(body): Input<TemplateBody>,
) -> Result<Json<TemplateView>, Failure> {
    Ok(Json(app.put_template(&account, &name, &body, app.clock.now()).await?))
}

async fn list(
    State(app): State<App>,
    Ids(account): Ids<String>,
) -> Result<Json<List<TemplateView>>, Failure> {
    Ok(Json(app.list_templates(&account).await?))
}

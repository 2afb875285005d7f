//! `/v1/accounts/{account}/templates`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, get, post, put};
use crate::input::{Ids, Input, OptionalInput, Params};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use transom_app::App;
use transom_app::setup::{SubmitBody, SyncView, TemplateBody, TemplateView};
use transom_app::view::List;
use transom_core::code::Code;

/// The states of an account whose provider is not asked any more.
const GONE: &[Code] = &[Code::IntegrationRemoved, Code::AccountDeleted];

const SUBMIT_QUERY: &[(&str, &str)] = &[(
    "language",
    "Which language is handed in, where the account has several of this name; also taken as \
     `language` of a JSON body",
)];

pub(crate) fn calls() -> Vec<Call> {
    vec![
        put(
            "/v1/accounts/{account}/templates/{name}",
            "Create or change a template in one language",
            ADMIN,
            change,
        )
        .takes::<TemplateBody>()
        .answers::<TemplateView>(200),
        get("/v1/accounts/{account}/templates", "The templates of an account", SUPERVISE, list)
            .lists::<TemplateView>(),
        post(
            "/v1/accounts/{account}/templates/sync",
            "Pull the provider's own list of templates",
            ADMIN,
            sync,
        )
        .answers::<SyncView>(200)
        .refuses(GONE),
        post(
            "/v1/accounts/{account}/templates/{name}/submit",
            "Hand a template in for approval",
            ADMIN,
            submit,
        )
        .query(SUBMIT_QUERY)
        .may_take::<SubmitBody>()
        .answers::<TemplateView>(200)
        .refuses(GONE),
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

async fn sync(
    State(app): State<App>,
    Ids(account): Ids<String>,
) -> Result<Json<SyncView>, Failure> {
    let now = app.clock.now();
    Ok(Json(app.sync_templates(&account, now).await.map_err(|e| Failure::from(e).at(now))?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmitParams {
    language: Option<String>,
}

async fn submit(
    State(app): State<App>,
    Ids((account, name)): Ids<(String, String)>,
    Params(params): Params<SubmitParams>,
    OptionalInput(body): OptionalInput<SubmitBody>,
) -> Result<Json<TemplateView>, Failure> {
    let language = params.language.or(body.language);
    let now = app.clock.now();
    let submitted = app.submit_template(&account, &name, language.as_deref(), now).await;
    Ok(Json(submitted.map_err(|e| Failure::from(e).at(now))?))
}

//! `/v1/usage`

use crate::auth::SUPERVISE;
use crate::call::{Call, get};
use crate::input::Params;
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use transom_app::App;
use transom_app::converse::{UsageQuestion, UsageView};
use transom_core::code::Code;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/usage", "Counts and cost", SUPERVISE, show)
            .query(&[
                ("sender", "of this sender; of all when absent"),
                ("from", "a day or a time; 30 days before `to` when absent"),
                ("to", "a day or a time, itself not included; now when absent"),
                ("by", "`sender`, `category`, `country`, `agent`, `day`, with commas between"),
                ("cursor", "the `next_cursor` of the page before: rows are to be added up"),
            ])
            .answers::<UsageView>(200)
            .refuses(&[Code::NotFound]),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sender: Option<String>,
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    cursor: Option<String>,
}

async fn show(
    State(app): State<App>,
    Params(asked): Params<Question>,
) -> Result<Json<UsageView>, Failure> {
    let Question { sender, from, to, by, cursor } = asked;
    let question = UsageQuestion { sender, from, to, by, cursor };
    Ok(Json(app.count_usage(&question, app.clock.now()).await?))
}

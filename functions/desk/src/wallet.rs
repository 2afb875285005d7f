//! `/v1/accounts/{account}/wallet`

use crate::auth::{ADMIN, SUPERVISE};
use crate::call::{Call, get, post};
use crate::conversations::{PAGE, Page};
use crate::input::{By, Ids, Input, Params, page_limit};
use crate::messages::{IDEMPOTENCY_HEADER, idempotency_key};
use crate::problem::Failure;
use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use transom_app::App;
use transom_app::wallet::{WalletEntryBody, WalletEntryView, WalletView};
use transom_core::code::Code;

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/accounts/{account}/wallet", "An account's wallet", SUPERVISE, show)
            .query(PAGE)
            .answers::<WalletView>(200),
        post("/v1/accounts/{account}/wallet/entries", "Book an entry, once", ADMIN, book)
            .headers(IDEMPOTENCY_HEADER)
            .takes::<WalletEntryBody>()
            .answers::<WalletEntryView>(201)
            .refuses(&[Code::IdempotencyMismatch]),
    ]
}

async fn show(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Params(page): Params<Page>,
) -> Result<Json<WalletView>, Failure> {
    let limit = page_limit(page.limit.as_deref())?;
    Ok(Json(app.show_wallet(&id, limit, page.cursor.as_deref(), app.clock.now()).await?))
}

async fn book(
    State(app): State<App>,
    By(principal): By,
    Ids(id): Ids<String>,
    headers: HeaderMap,
    Input(body): Input<WalletEntryBody>,
) -> Result<(StatusCode, Json<WalletEntryView>), Failure> {
    let key = idempotency_key(&headers)?;
    let key = key.as_deref().map(|key| (principal.key_id.as_str(), key));
    let entry = app.book_wallet_entry(&id, &body, key, &principal.key_id, app.clock.now()).await?;
    Ok((StatusCode::CREATED, Json(entry)))
}

//! The pretend Gupshup (self-serve): its wire, and its knowledge of apps, numbers and templates.
//!
//! Facts are those of the providers' reference kept with the project. Only the request itself is
//! refused in the answer; whatever concerns the customer, the template or the wallet is told
//! later, by a `failed` event.

mod accounts;
mod answer;
mod content;
mod customer;
mod event;
mod form;
mod inbound;
mod media;
mod named;
mod send;
mod templates;

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::{get, post};

pub use accounts::{GupshupAccount, GupshupShape};
pub(super) use customer::{enter, inbound_address};
pub(super) use event::event_parcel;

use super::Sandbox;
use super::files::Files;

/// What the pretend Gupshup knows.
#[derive(Debug, Default)]
pub(super) struct GupshupState {
    accounts: accounts::Accounts,
    empty_wallets: BTreeSet<String>,
    without_gs_id: bool,
    shape: GupshupShape,
    files: Files,
}

/// The part of the API that messages need.
pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/wa/api/v1/msg", post(send::message))
        .route("/wa/api/v1/template/msg", post(send::template))
        .route("/wa/media/{media_id}", get(media::stored))
        .route("/sm/api/wamedia/{app_name}/{media_id}", get(media::by_id))
        .route("/wa/app/{app_id}/template", get(templates::list).post(templates::create))
        .with_state(sandbox)
}

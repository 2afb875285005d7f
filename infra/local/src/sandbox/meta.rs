//! The pretend Meta Cloud API: its wire, and its knowledge of accounts, numbers and templates.
//!
//! Facts are those of the providers' reference kept with the project. What is wrong with a
//! request is refused in the answer; that a customer cannot be reached is told later, by a
//! `failed` status, as the true one does.

mod accounts;
mod answer;
mod content;
mod customer;
mod inbound;
mod media;
mod pair;
mod request;
mod send;
mod sign;
mod status;
mod templates;

use axum::Router;
use axum::routing::{get, post};
use std::collections::BTreeMap;

pub use accounts::MetaAccount;
pub(super) use answer::failure_title;
pub(super) use customer::{enter, inbound_address};
pub use inbound::meta_batch;
pub(super) use inbound::{Composed, FileTold, body_of};
pub use sign::sign_meta;
pub(super) use status::status_parcel;

use super::Sandbox;
use super::address;
use super::files::Files;

/// What the pretend Meta knows.
#[derive(Debug, Default)]
pub(super) struct MetaState {
    accounts: accounts::Accounts,
    pairs: pair::Pairs,
    files: Files,
    /// The customers whom WhatsApp writes in another way than they were sent to.
    wa_ids: BTreeMap<String, String>,
}

impl Sandbox {
    /// From now on Meta's answers call this customer by another number (`wa_id`), as they do
    /// where WhatsApp writes a number in another way than it is dialled.
    pub fn write_as(&self, customer: &str, wa_id: &str) {
        let (customer, wa_id) = (address::bare(customer), address::bare(wa_id));
        self.state().meta.wa_ids.insert(customer, wa_id);
    }
}

/// The part of the Graph API that messages need, under any version.
pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/{version}/{phone_number_id}/messages", post(send::create))
        .route(
            "/{version}/{waba_id}/message_templates",
            get(templates::list).post(templates::create),
        )
        .route("/{version}/{media_id}", get(media::describe))
        .route("/attachments/{media_id}", get(media::attachment))
        .with_state(sandbox)
}

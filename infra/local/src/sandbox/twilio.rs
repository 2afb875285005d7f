//! The pretend Twilio: its wire, and its knowledge of accounts, templates and messages.
//!
//! Facts are those of the providers' reference kept with the project; where Twilio reports a
//! failure late, by status callback after a 201, so does this.

mod accounts;
mod answer;
mod customer;
mod form;
mod inbound;
mod lookup;
mod media;
mod messages;
mod reply;
mod send;
mod sign;
mod status;
mod templates;

use axum::Router;
use axum::routing::{get, post};

pub use accounts::{TemplateStatus, TwilioAccount};
pub use inbound::inbound_form;
pub use sign::sign_twilio;

use super::Sandbox;

/// The version that stands in every path and every webhook.
const API_VERSION: &str = "2010-04-01";

/// What the pretend Twilio knows.
#[derive(Debug, Default)]
pub(super) struct TwilioState {
    accounts: accounts::Accounts,
    messages: messages::Messages,
    media: media::MediaStore,
}

/// The part of the REST API that WhatsApp messages need.
pub(super) fn router(sandbox: Sandbox) -> Router {
    let account = "/2010-04-01/Accounts/{account_sid}";
    Router::new()
        .route(&format!("{account}/Messages.json"), post(send::create).get(lookup::list))
        .route(&format!("{account}/Messages/{{file}}"), get(lookup::fetch))
        .route(
            &format!("{account}/Messages/{{message_sid}}/Media/{{media_sid}}"),
            get(media::redirect).delete(media::delete),
        )
        .route("/storage/{media_sid}", get(media::stored))
        .route("/v1/ContentAndApprovals", get(templates::list))
        .route("/v1/Content", post(templates::create))
        .route("/v1/Content/{sid}/ApprovalRequests/whatsapp", post(templates::approve))
        .with_state(sandbox)
}

//! What the calls take and answer, as it looks: one file for each call, named after its
//! `operationId`.
//!
//! They are data and no code, so they may name a provider. That each fits its call's own schema is
//! tested here; that the service answers so is tested by a scenario which sends every one of them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The examples of a call.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Bodies that it takes, each under a name; a single one has none.
    pub(crate) requests: Vec<(String, Value)>,
    /// What it answers when it succeeds.
    pub(crate) answer: Option<Value>,
}

/// A file: one `request`, or several `requests` by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    request: Option<Value>,
    #[serde(default)]
    requests: Map<String, Value>,
    answer: Option<Value>,
}

/// The examples of a call, by its `operationId`; none where there is no file.
pub(crate) fn shown(operation_id: &str) -> Shown {
    let file = FILES.iter().find(|(name, _)| *name == operation_id);
    let file = file.and_then(|(_, text)| serde_json::from_str::<File>(text).ok());
    let Some(File { request, requests, answer }) = file else { return Shown::default() };
    let requests = request.into_iter().map(|only| (String::new(), only)).chain(requests).collect();
    Shown { requests, answer }
}

macro_rules! files {
    ($($name:literal)*) => {
        /// Every file there is.
        pub(crate) const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../examples/", $name, ".json")))),*];
    };
}

files! {
    "get_accounts"
    "get_accounts_account"
    "get_accounts_account_events"
    "get_accounts_account_templates"
    "get_accounts_account_wallet"
    "get_audit"
    "get_brands"
    "get_brands_brand"
    "get_conversations"
    "get_conversations_id"
    "get_conversations_id_events"
    "get_conversations_id_messages"
    "get_deliveries"
    "get_keys"
    "get_media_id"
    "get_messages_id"
    "get_portfolios_portfolio"
    "get_portfolios_portfolio_limit"
    "get_prices_list"
    "get_senders"
    "get_senders_sender"
    "get_senders_sender_contacts"
    "get_senders_sender_contacts_contact"
    "get_senders_sender_contacts_contact_consents"
    "get_senders_sender_entry_points_id"
    "get_senders_sender_limit"
    "get_senders_sender_settings"
    "get_subscriptions"
    "get_subscriptions_id"
    "get_usage"
    "delete_senders_sender_contacts_contact_opt_in"
    "post_accounts_account_activate"
    "post_accounts_account_deactivate"
    "post_accounts_account_templates_name_submit"
    "post_accounts_account_templates_sync"
    "post_accounts_account_wallet_entries"
    "post_deliveries_id_replay"
    "post_keys"
    "post_keys_revoke_all"
    "post_media"
    "post_media_id_retry"
    "post_messages"
    "post_messages_check"
    "post_messages_id_cancel"
    "post_messages_id_retry"
    "put_accounts_account"
    "put_accounts_account_templates_name"
    "put_brands_brand"
    "put_portfolios_portfolio"
    "put_prices_list"
    "put_senders_sender"
    "put_senders_sender_contacts_contact_opt_in"
    "put_senders_sender_entry_points_id"
    "put_senders_sender_settings"
    "put_subscriptions_id"
}

#[cfg(test)]
#[path = "examples_tests.rs"]
mod tests;

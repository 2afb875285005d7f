//! What a verified webhook tells that belongs to no conversation: an event of the account, a
//! message or status of nobody, what cannot be read. Kept for thirty days and shown to
//! administrators, so that nothing is dropped in silence (F6, F16).

use crate::converse::cursor;
use crate::view::List;
use crate::{App, AppError};
use serde::Serialize;
use std::collections::BTreeMap;
use transom_core::id::AccountId;
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, Unattached};
use utoipa::ToSchema;

/// Why a kind that nobody here acts on is kept.
const UNSUPPORTED: &str = "unsupported";

/// What a webhook told that belongs to no conversation, as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountEventView {
    /// Its id, made of what it is: a redelivery has the same.
    #[schema(example = "evt_…")]
    pub id: String,
    /// `unsupported`: this build does not act on it, or cannot read it. `unknown_template`: it tells
    /// of a template that is not here. `unknown_sender`, `sender_deleted`, `integration_removed`, `account_deleted`: a customer's message to a number
    /// that may not receive. `unmatched_status`: no message of this account has this id.
    pub reason: String,
    /// What the provider calls it, or what it lacks.
    #[schema(example = "message_template_status_update:PAUSED")]
    pub kind: String,
    /// The provider's id of the message, where it is about one.
    pub provider_message_id: Option<String>,
    /// Its fields, nested ones under dotted names, as far as they are kept.
    pub raw: BTreeMap<String, String>,
    /// When it came, the last time.
    pub at: String,
}

impl App {
    /// A verified webhook that belongs to nothing that may receive is an outcome, not silence.
    pub(crate) async fn leave_unattached(
        &self,
        account: &AccountRecord,
        (kind, provider_message_id): (&str, &str),
        reason: &'static str,
        now: Timestamp,
    ) -> Result<(), AppError> {
        tracing::warn!(outcome = "unattached", account = %account.account.id, reason, "webhook item");
        let it = Unattached {
            reason: reason.to_owned(),
            kind: kind.to_owned(),
            provider_message_id: Some(provider_message_id.to_owned()),
            raw: BTreeMap::new(),
            at: now,
        };
        Ok(self.store.put_unattached(&account.account.id, &it).await?)
    }

    /// Keeps what this build does not act on, under the provider's name for it.
    pub(crate) async fn keep_unsupported(
        &self,
        account: &AccountRecord,
        event: (String, BTreeMap<String, String>),
        now: Timestamp,
    ) -> Result<(), AppError> {
        self.keep_account_event(account, UNSUPPORTED, event, now).await
    }

    /// The same, for a reason of its own.
    pub(crate) async fn keep_account_event(
        &self,
        account: &AccountRecord,
        reason: &'static str,
        (kind, raw): (String, BTreeMap<String, String>),
        now: Timestamp,
    ) -> Result<(), AppError> {
        tracing::info!(outcome = "kept_by_name", account = %account.account.id, reason, kind, "webhook item");
        let reason = reason.to_owned();
        let mut it = Unattached { reason, kind, provider_message_id: None, raw, at: now };
        let id = &account.account.id;
        match self.store.put_unattached(id, &it).await {
            Err(error) if error.is_unstorable() => {
                it.raw = BTreeMap::new();
                Ok(self.store.put_unattached(id, &it).await?)
            }
            other => Ok(other?),
        }
    }

    /// A page of an account's events that belong to no conversation, by their kind.
    ///
    /// # Errors
    /// `not_found`, a cursor of another list, or when the table cannot be reached.
    pub async fn account_events(
        &self,
        account: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<List<AccountEventView>, AppError> {
        let id = self.existing_account(account).await?.account.id;
        let after = cursor.map(cursor::read).transpose()?;
        let (found, next) = self.store.unattached(&id, after.as_deref(), limit).await?;
        let items = found.into_iter().map(|it| self.event_view(&id, it)).collect();
        Ok(List { items, next_cursor: next.map(|sk| cursor::write(&sk)) })
    }

    fn event_view(&self, account: &AccountId, it: Unattached) -> AccountEventView {
        AccountEventView {
            id: format!("evt_{}", self.store.unattached_id(account, &it)),
            reason: it.reason,
            kind: it.kind,
            provider_message_id: it.provider_message_id,
            raw: it.raw,
            at: it.at.rfc3339(),
        }
    }
}

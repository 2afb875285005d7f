//! Who changed what of the set-up (M22, M52, M142): every change by a key is written down before it
//! is made, with how things stood before, and completed with how they stand after it.

use crate::converse::cursor;
use crate::setup::Principal;
use crate::view::List;
use crate::{App, AppError};
use serde::Serialize;
use serde_json::{Value, json};
use transom_core::time::Timestamp;
use transom_store::{AuditRecord, audit_time};
use utoipa::ToSchema;

/// What tells records of one millisecond apart, in characters of five bits.
const TAIL_CHARS: usize = 12;
/// The longest state that is kept, in bytes of JSON; a longer one is left out.
const STATE_BYTES_MAX: usize = 100_000;
/// Who changes a limit by an event: stands in the place of a key and of a role.
const PROVIDER: &str = "provider";
/// How many pages are read for one answer when few records match.
const PAGES_MAX: usize = 10;

/// A change, as callers read it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    #[schema(example = "aud_…")]
    pub id: String,
    /// When it was asked for.
    pub at: String,
    /// Who asked.
    pub by: AuditedBy,
    /// The call.
    #[schema(example = "PUT /v1/senders/{sender}/settings")]
    pub call: String,
    /// What it was about.
    #[schema(example = "/v1/senders/support/settings")]
    pub target: String,
    /// The HTTP status that was answered; `null` where nobody knows how it ended.
    pub status: Option<u16>,
    /// How that stood before; `null` where it was not there, or cannot be shown.
    #[schema(value_type = Value)]
    pub before: Option<Value>,
    /// How it stood afterwards; `null` where it is gone, was refused, or cannot be shown.
    #[schema(value_type = Value)]
    pub after: Option<Value>,
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditedBy {
    /// The key's id; `provider` where the provider's own event changed it.
    pub key: String,
    /// Its role.
    pub role: String,
    /// Whom it acts for.
    pub agent: Option<String>,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        let state = |json: Option<String>| json.and_then(|j| serde_json::from_str(&j).ok());
        Self {
            id: format!("aud_{}", record.id),
            at: record.when.rfc3339(),
            by: AuditedBy { key: record.key, role: record.role, agent: record.agent },
            call: record.call,
            target: record.target,
            status: record.status,
            before: state(record.before),
            after: state(record.after),
        }
    }
}

/// Which changes are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// By this key or agent.
    pub by: Option<String>,
    /// About this, or what is below it: `/v1/senders/support`.
    pub target: Option<String>,
    /// The page's size.
    pub limit: u16,
    /// The page.
    pub cursor: Option<String>,
}

impl AuditFilter {
    fn takes(&self, record: &AuditRecord) -> bool {
        let by = |by: &String| record.key == *by || record.agent.as_ref() == Some(by);
        let below = |target: &String| {
            let rest = record.target.strip_prefix(target.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.by.as_ref().is_none_or(by) && self.target.as_ref().is_none_or(below)
    }
}

impl App {
    /// Writes down that a change is asked for.
    ///
    /// # Errors
    /// When it could not be stored: then nothing may be changed.
    pub async fn begin_audit(
        &self,
        principal: &Principal,
        (call, target): (String, String),
        before: Option<&Value>,
        now: Timestamp,
    ) -> Result<AuditRecord, AppError> {
        let record = AuditRecord {
            id: format!("{}{}", audit_time(now), self.entropy.text(TAIL_CHARS)),
            when: now,
            key: principal.key_id.clone(),
            role: principal.role.as_str().to_owned(),
            agent: principal.agent.clone(),
            call,
            target,
            before: before.and_then(kept),
            after: None,
            status: None,
        };
        self.store.put_audit(&record).await?;
        Ok(record)
    }

    /// Completes it. A failure is no error: the change is made, and its record says that nobody
    /// knows how it ended.
    pub async fn end_audit(&self, mut record: AuditRecord, status: u16, after: Option<&Value>) {
        record.status = Some(status);
        record.after = after.and_then(kept);
        if let Err(error) = self.store.put_audit(&record).await {
            tracing::error!(outcome = "audit_incomplete", call = record.call, error = %crate::error::chain(&AppError::from(error)), "a change");
        }
    }

    /// Writes down that a provider's own event has changed a limit (M22). Named by what it is, so that
    /// a redelivery writes the same record.
    ///
    /// # Errors
    /// When it could not be stored.
    pub(crate) async fn audit_limit(
        &self,
        target: String,
        event: &str,
        (from, to): (Option<u32>, Option<u32>),
        at: Timestamp,
    ) -> Result<(), AppError> {
        let tail = self.store.hash_key().name(&["audit", &target, event]);
        let state = |limit: Option<u32>| kept(&json!({ "messaging_limit": limit }));
        let record = AuditRecord {
            id: format!("{}{tail}", audit_time(at)),
            when: at,
            key: PROVIDER.to_owned(),
            role: PROVIDER.to_owned(),
            agent: None,
            call: event.to_owned(),
            target,
            before: state(from),
            after: state(to),
            status: Some(200),
        };
        Ok(self.store.put_audit(&record).await?)
    }

    /// A page of changes, newest first.
    ///
    /// # Errors
    /// `invalid_request` for a cursor of another list, or when the table cannot be reached.
    pub async fn list_audit(&self, filter: &AuditFilter) -> Result<List<AuditView>, AppError> {
        let mut before = filter.cursor.as_deref().map(cursor::read).transpose()?;
        let span = (filter.from.unwrap_or(Timestamp::ZERO), filter.to);
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let (found, next) = self.store.audit(span, before.as_deref(), filter.limit).await?;
            for record in found.into_iter().filter(|r| filter.takes(r)) {
                items.push(record);
            }
            before = next;
            if before.is_none() || items.len() >= usize::from(filter.limit) {
                break;
            }
        }
        let page = usize::from(filter.limit);
        if items.len() > page {
            items.truncate(page);
            before = items.last().map(|r| r.id.clone());
        }
        let items = items.into_iter().map(AuditView::from).collect();
        Ok(List { items, next_cursor: before.map(|id| cursor::write(&id)) })
    }
}

fn kept(state: &Value) -> Option<String> {
    let json = state.to_string();
    (json.len() <= STATE_BYTES_MAX && !state.is_null()).then_some(json)
}

//! DynamoDB: keys, items and conditional writes.
//!
//! This room evaluates conditions, it does not choose them. Every access pattern stands in
//! `docs/data-model.md` with its key, its condition and its units. There is no `Scan` here.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's error enums are open: whatever is not a failed condition is unavailability"
)]

mod accounts;
mod agent_limits;
mod aliases;
mod audit;
mod budgets;
mod claims;
mod deliveries;
mod due;
mod entry_points;
mod error;
mod events;
mod health;
mod idempotency;
mod inbox;
mod interruptions;
mod item;
mod joins;
mod keyed;
mod limits;
mod media;
mod messages;
mod messages_between;
mod meter;
mod prices;
mod seal;
mod sessions;
mod templates;
mod transact;
mod unattached;
mod usage;
mod waiters;
mod waiting;
mod wallet_state;
mod wallets;

pub use accounts::{
    AccountRecord, KeyRecord, Nudge, PortfolioRecord, Role, SenderRecord, SubscriptionRecord,
    Waiting,
};
pub use agent_limits::{AgentSend, Counted};
pub use aliases::Heir;
pub use audit::{AuditRecord, audit_time};
pub use budgets::{BudgetTaken, BudgetWanted};
pub use claims::Claim;
pub use deliveries::{DeliveryRecord, DeliveryState};
pub use due::{DueKey, DueKind};
pub use entry_points::EntryPointRecord;
pub use error::StoreError;
pub use events::StoredEvent;
pub use health::{Health, HealthFact, HealthOf, HealthTold, restriction_told};
pub use idempotency::{Idempotency, IdempotencyRecord};
pub use inbox::{InboxCursor, InboxEntry};
pub use interruptions::Interruption;
pub use joins::Join;
pub use keyed::HashKey;
pub use limits::{Reservation, Wanted};
pub use media::{MediaPut, MediaRecord};
pub use messages::{
    AnswerNames, BeginCall, ClaimSend, Mark, MarkKind, Message, Put, RecordFact, RefusalRecord,
    Unconfirmed,
};
pub use meter::Meter;
pub use seal::{KeyRing, KeyRingError, Sealed};
pub use sessions::{EARLIER_MAX, Session, SessionCreated, Updated, WindowWritten};
pub use templates::{TemplateFact, TemplateRecord, TemplateTold};
pub use transact::Patience;
pub use unattached::Unattached;
pub use usage::Usage;
pub use waiters::{Waiter, WaitingScope};
pub use waiting::HeldInSession;
pub use wallets::{Asked, Booked, EntryKind, WalletEntry, WalletHead};

use aws_sdk_dynamodb::Client;
use std::sync::Arc;

/// The names of the tables; they are defined in `template.yaml` alone.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Conversations, messages, claims, idempotency records, deliveries.
    pub sessions: String,
    /// The rolling messaging limits.
    pub limits: String,
    /// Accounts, senders, brands, templates, subscriptions, keys.
    pub accounts: String,
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    tables: Arc<Tables>,
    hash_key: HashKey,
    due_shards: u32,
    meter: Meter,
    patience: Patience,
}

impl Store {
    /// A store on `client`. `hash_key` names conversations and is never rotated; `due_shards`
    /// spreads the due index and may be raised, never lowered, while items are due.
    #[must_use]
    pub fn new(client: Client, tables: Tables, hash_key: HashKey, due_shards: u32) -> Self {
        Self {
            client,
            tables: Arc::new(tables),
            hash_key,
            due_shards: due_shards.max(1),
            meter: Meter::default(),
            patience: Patience::default(),
        }
    }

    /// The same store, whose writers let each other pass in another way.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// What this store has consumed since it was made.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The key that names conversations.
    #[must_use]
    pub const fn hash_key(&self) -> &HashKey {
        &self.hash_key
    }

    /// How many shards the due index has.
    #[must_use]
    pub const fn due_shards(&self) -> u32 {
        self.due_shards
    }

    /// One cheap signed call, so that the connection is open before the first request.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn warm(&self) -> Result<(), StoreError> {
        self.get(&self.tables.sessions, "WARM", "WARM").await.map(|_| ())
    }
}

//! The use cases: receive, record a status, submit, dispatch, sweep, notify, converse, set up.
//!
//! Async, over the store, the queues and the providers; decisions are `core`'s. No environment,
//! no SDK construction, no web framework and no Lambda type here. `now` is an argument wherever
//! a use case is one step; only the sender, which paces itself, holds the [`Clock`].

mod aftermath;
mod agent_limits;
pub mod audit;
mod budget;
mod cancel;
pub mod check;
pub mod clock;
pub mod converse;
mod defer;
pub mod dispatch;
pub mod entropy;
pub mod error;
pub mod event;
mod hold;
mod identity;
mod interrupt;
pub mod limit;
pub mod media;
mod new_message;
mod news;
pub mod notify;
mod nudge;
pub mod objects;
pub mod outbound;
mod price;
mod prompt;
pub mod provider;
pub mod queues;
pub mod receive;
pub mod record_status;
pub mod redeliver;
mod retry;
pub mod setup;
pub mod submit;
pub mod sweep;
pub mod unattached;
mod unconfirmed;
pub mod view;
pub mod wallet;
pub mod webhook;
mod words;

pub use clock::Clock;
pub use entropy::Entropy;
pub use error::{AppError, Problem};
pub use queues::Queues;

use std::sync::Arc;
use transom_store::{KeyRing, Store};

/// What the use cases are configured with.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The public base URL that providers were told, without a slash at the end. When absent, the
    /// request context's domain name is used instead; never the `Host` header.
    pub public_url: Option<String>,
    /// The path under which statuses are received, such as `/status`.
    pub status_path: String,
    /// Where local mode's pretend providers are; an account without an `api_base_url` of its own
    /// is sent there, so that a laptop never reaches a true provider by accident.
    pub sandbox_url: Option<String>,
    /// Whether this is local mode: only there may requests go to private addresses.
    pub local: bool,
    /// The hash (SHA-256, hexadecimal) of the key that sets everything up first.
    pub admin_key_sha256: Option<String>,
}

/// Everything that a use case works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The tables.
    pub store: Store,
    /// The queues.
    pub queues: Queues,
    /// The keys that credentials are sealed with.
    pub keys: KeyRing,
    /// Where providers are called through.
    pub provider: provider::ProviderClient,
    /// The bytes of files.
    pub objects: objects::Objects,
    /// Where subscribers are called through.
    pub outbound: outbound::OutboundClient,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness.
    pub entropy: Entropy,
    /// The rest.
    pub config: Arc<Config>,
}

//! From an environment to a running function: configuration, clients, logs, and the glue to
//! Lambda. No decision is made here.

pub mod clients;
pub mod gateway;
pub mod lambda;
pub mod logs;
pub mod respond;
pub mod settings;

pub use clients::{Endpoints, Seams, WebClients, build_app};
pub use gateway::{Gateway, arrival};
pub use settings::{Settings, SettingsError};

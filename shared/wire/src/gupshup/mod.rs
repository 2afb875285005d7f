//! Gupshup: the self-serve API for sends; webhooks of its version 2 and of version 3, which
//! passes Meta's on.
//!
//! What is known of the wire stands in the functions' comments where it decides something.
//! What this page shows is all that the rest of the house calls.

mod classify;
mod codes;
mod content;
mod credentials;
mod event;
mod file;
mod json;
mod message;
mod message_body;
mod news;
mod parse;
mod party;
mod render;
mod templates;
mod user_event;
mod v3;
mod verify;

pub use classify::classify;
pub(crate) use codes::OPTED_OUT;
pub use codes::{KNOWN_CODES, explain};
pub use credentials::CREDENTIALS;
pub(crate) use credentials::credentials;
pub(crate) use file::fetch_file;
pub use parse::parse;
pub use render::render;
pub(crate) use templates::{list_templates, read_submission, read_templates, submit_template};
pub use verify::verify;

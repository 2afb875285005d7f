//! Twilio: WhatsApp over Programmable Messaging.
//!
//! What is known of the wire stands in the functions' comments where it decides something.
//! What this page shows is all that the rest of the house calls.

mod address;
mod classify;
mod codes;
mod credentials;
mod file;
mod form;
mod parse;
mod render;
mod status;
mod templates;
mod verify;

pub use classify::classify;
pub(crate) use codes::OPTED_OUT;
pub use codes::{KNOWN_CODES, explain};
pub use credentials::CREDENTIALS;
pub(crate) use credentials::credentials;
pub(crate) use file::fetch_file;
pub use parse::parse;
pub(crate) use render::made_file;
pub use render::render;
pub(crate) use templates::{list_templates, read_submission, read_templates, submit_template};
pub use verify::{sign, verify};

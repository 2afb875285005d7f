//! Meta: the WhatsApp Cloud API.
//!
//! What is known of the wire stands in the functions' comments where it decides something.
//! The functions that this page shows are all that the rest of the house calls; `messages` is
//! for a provider that passes Meta's payloads on.

mod capability;
mod classify;
mod codes;
mod composed;
mod content;
mod credentials;
mod envelope;
mod explanations;
mod file;
mod json;
mod message;
mod news;
mod parse;
mod preference;
mod render;
mod status;
mod templates;
mod verify;

pub use classify::classify;
pub use codes::{KNOWN_CODES, explain};
pub use credentials::CREDENTIALS;
pub(crate) use credentials::credentials;
pub(crate) use file::{fetch_file, read_described};
pub use parse::parse;
pub use render::render;
pub use verify::{handshake, sign, verify};

pub(crate) use capability::{limit, tells_limits, time};
pub(crate) use codes::OPTED_OUT;
pub(crate) use news::{news, number, restriction};
pub(crate) use parse::{messages, time_of};
pub(crate) use preference::{FIELD as PREFERENCES, preferences};
pub(crate) use templates::{
    ask_template_owner, category, list_templates, read_submission, read_template_owner,
    read_templates, submit_template,
};

//! Twilio: WhatsApp over Programmable Messaging.
//!
//! What is known of the wire stands in the functions' comments where it decides something.
//! The five functions that this page shows are all that the rest of the house calls.

mod address;
mod classify;
mod codes;
mod form;
mod parse;
mod render;
mod status;
mod verify;

pub use classify::classify;
pub use codes::{KNOWN_CODES, explain};
pub use parse::parse;
pub use render::render;
pub use verify::{sign, verify};

//! The rules of Transom, and nothing else.
//!
//! Every decision here is a value computed from arguments, `now` included. This room
//! has no async, no I/O, no clock, no randomness, no logging, no HTTP or AWS type and no
//! provider's spelling; the shell acts on what it decides.
#![warn(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        reason = "a test may fail loudly"
    )
)]

pub mod account;
pub mod agent_limit;
pub mod album;
pub mod alternative;
pub mod budget;
pub mod code;
pub mod consent;
pub mod content;
pub mod country;
pub mod decide;
pub mod delivery;
pub mod due;
pub mod entry_point;
pub mod event;
pub mod fetch;
pub mod formatting;
pub mod id;
pub mod identity;
pub mod interactive;
pub mod keywords;
pub mod lane;
pub mod limit;
pub mod media;
pub mod message;
pub mod money;
pub mod news;
pub mod onboarding;
pub mod plan;
pub mod price;
pub mod profile;
pub mod prompt;
pub mod rule;
pub mod sandbox;
pub mod template;
pub mod time;
pub mod told;
pub mod wallet;
pub mod watch;
pub mod window;

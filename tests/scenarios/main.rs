//! Scenarios over HTTP through one `World` each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod agent_limits;
mod audit;
mod blocked;
mod broken;
mod changes;
mod check;
mod consent;
mod contract;
mod cost;
mod crash;
mod deferred;
mod delivery_table;
mod entry_points;
mod every_provider;
mod examples;
mod faults;
mod fixtures;
mod gupshup;
mod house;
mod identity;
mod inbound;
mod kinds;
mod limit_model;
mod limits;
mod logs;
mod main_road;
mod media_in;
mod media_out;
mod media_store;
mod meta;
mod money;
mod news;
mod nudge;
mod order;
mod outcomes;
mod pace;
mod portfolios;
mod prices;
mod rates;
mod rows;
mod status_permutations;
mod statuses;
mod store_limits;
mod template_matching;
mod template_names;
mod template_sync;
mod templates;
mod unconfirmed;
mod usage;
mod waiting;

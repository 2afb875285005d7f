//! Local mode: the whole of Transom in one process, on embedded engines.
//!
//! It hosts the very routers and handlers that the Lambda binaries host and takes its
//! tables, queues, routes and permissions from `template.yaml`, so that neither can drift.

pub mod binaries;
pub mod demo;
pub mod emulator;
pub mod engine;
pub mod gate;
pub mod house;
pub mod journal;
pub mod policy;
pub mod pump;
pub mod sandbox;
pub mod secret;
pub mod serve;
pub mod sync;
pub mod template;
pub mod transport;

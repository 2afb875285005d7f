//! The World for tests: the whole house in memory on a clock that stands still, a subscriber
//! that listens, a server of files, and hands that do what customers, providers and callers do.

mod cargo;
mod document;
pub mod facts;
pub mod faults;
pub mod files;
mod posts;
mod record;
pub mod subscriber;
pub mod upstream;
pub mod webhook;
pub mod world;

pub use cargo::cargo;
pub use facts::{Facts, facts};
pub use faults::{AtCall, Script};
pub use files::{FileHost, ServedFile};
pub use record::{PART_OF_A_RUN, recorded_actions};
pub use subscriber::{Heard, Reception, Subscriber};
pub use transom_local::sandbox::{
    AutoStatus, Fault, FileFault, GupshupShape, PhoneContent, PhoneMedia, PhoneMessage,
    sign_twilio as sign,
};
pub use transom_local::transport::WireFault;
pub use upstream::{Call, Upstream};
pub use webhook::{Payload, Signed, Webhook};
pub use world::{Answer, World, WorldPlan};

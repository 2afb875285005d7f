//! The embedded engines, each behind one small module so that another can take its place.

pub mod dynamo;
pub mod queue;

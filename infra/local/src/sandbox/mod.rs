//! sandbox/mod

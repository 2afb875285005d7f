//! transom-core

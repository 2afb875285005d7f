//! transom-store

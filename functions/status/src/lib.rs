//! transom-status

//! transom-sender

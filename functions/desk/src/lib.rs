//! transom-desk

//! transom-app

//! transom-testkit

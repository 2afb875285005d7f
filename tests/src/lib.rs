//! transom-tests

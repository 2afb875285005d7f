//! transom-notifier

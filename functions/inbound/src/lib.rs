//! transom-inbound

//! transom-boot

//! transom-sweeper

//! engine/queue

//! The shapes that callers and subscribers read. Answers and events are made of the same ones,
//! so that they cannot differ. Nothing is decided and nothing is read here.

mod check;
mod conversation;
mod message;
mod money;
mod problem;
pub(crate) mod shapes;
pub mod words;

pub use check::{
    AlternativeView, CheckBudget, CheckInputs, CheckLimit, CheckTemplate, CheckView, WarningView,
};
pub use conversation::{
    ContactDetail, ContactView, ConversationFacts, ConversationView, ReplyView, WindowView,
    contact_detail, contact_view, conversation_view, reply_view, window_view,
};
pub use message::{
    AttemptView, FORWARDED_NOTICE, FailureView, MessageView, StatusView, message_view,
};
pub use money::{CostView, cost_view};
pub use problem::{NearestView, ProblemView};

use serde::Serialize;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// What `cursor` continues the list with; `null` at its end.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A list that is whole.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

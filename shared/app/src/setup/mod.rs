//! Setting up: accounts, brands, senders, templates, subscriptions and keys.
//!
//! Parses and validates what callers give, names every field that does not fit and what would
//! be right, and keeps secrets sealed. No answer ever holds a secret, except the two that are
//! answered once when they are made: an API key and a subscription's signing secret.

mod accounts;
mod brands;
mod entry_points;
mod keys;
mod keywords;
mod limits;
mod portfolios;
mod prices;
mod prompt;
mod senders;
mod settings;
mod standing;
mod subscriptions;
mod template_sync;
mod templates;

pub use accounts::{AccountBody, AccountHealthView, AccountView, Removal};
pub use brands::{BrandBody, BrandView};
pub use entry_points::{EntryPointBody, EntryPointView};
pub use keys::{KeyBody, KeyView, NewKeyView, Principal};
pub use keywords::KeywordsBody;
pub use portfolios::{PortfolioBody, PortfolioView};
pub use prices::{PriceBody, PriceListBody, PriceListView};
pub use prompt::PromptBody;
pub use senders::{HealthView, OnboardingBody, SenderBody, SenderView, StepView};
pub use settings::{BudgetBody, SettingsBody, SettingsView, ThresholdBody};
pub use subscriptions::{SubscriptionBody, SubscriptionView};
pub use template_sync::{SubmitBody, SyncView};
pub(crate) use templates::template_changed;
pub use templates::{TemplateBody, TemplateView};

use crate::{AppError, Problem};
use transom_core::code::Code;
use transom_core::id::IdError;

/// The longest name for people, in characters.
const TITLE_CHARS_MAX: usize = 200;
/// How often a write is decided again because another one came in between.
const ROUNDS_MAX: u32 = 5;

/// A name that a caller chose, or the reason why it cannot be one.
fn name<T>(what: &str, parsed: Result<T, IdError>) -> Result<T, Problem> {
    parsed.map_err(|e| Problem::invalid(format!("`{what}` {e}")))
}

/// A field that the contract names and this build does not have.
fn not_yet(field: &str) -> Problem {
    Problem::new(Code::NotImplemented, format!("`{field}` is not implemented yet; leave it out"))
}

fn title(what: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.chars().count() <= TITLE_CHARS_MAX
        && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.to_owned());
    }
    Err(Problem::invalid(format!("`{what}` must be 1 to {TITLE_CHARS_MAX} printable characters")))
}

fn contended(what: &str) -> AppError {
    Problem::new(Code::Overloaded, format!("the {what} is being changed by others")).into()
}

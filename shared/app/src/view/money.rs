//! What a message costs, as callers read it.

use serde::Serialize;
use transom_core::money::Money;
use utoipa::ToSchema;

/// What a message costs, by the account's price list: an estimate, as the provider's bill is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CostView {
    /// How much: a decimal text.
    #[schema(example = "0.0073")]
    pub estimate: String,
    /// Three capital letters.
    #[schema(example = "USD")]
    pub currency: String,
}

/// A cost, where it is known.
#[must_use]
pub fn cost_view(cost: Option<&Money>) -> Option<CostView> {
    let shown =
        |m: &Money| CostView { estimate: m.amount.to_string(), currency: m.currency.to_string() };
    cost.map(shown)
}

//! Meta raises or lowers a messaging limit.

use super::envelope;
use super::json;
use crate::{Business, Item, LimitUpdate, tier};
use serde_json::Value;
use transom_core::time::Timestamp;

/// The figure's names, the newest first; those of a number alone were removed in February 2026.
const FIGURES: &[&str] = &[
    "max_daily_conversations_per_business",
    "max_daily_conversation_per_business",
    "whatsapp_business_manager_messaging_limit",
    "current_limit",
    "max_daily_conversation_per_phone",
];

/// Reads a change of the capability of a business or of the quality of a number, where it names a
/// limit. `named` is what the change is called otherwise.
pub(crate) fn limit(value: &Value, named: &Item, at: Option<Timestamp>) -> Option<Item> {
    let Item::Other { kind, raw } = named else { return None };
    let limit = FIGURES.iter().find_map(|name| tier::read(value.get(name)?))?;
    // The capability is the business's own; only a number's quality names a number.
    let digits = |shown: &str| shown.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = json::text(value, "display_phone_number").map(digits);
    let business = match number {
        Some(number) => Some(Business::Phone(envelope::phone(&number)?)),
        None => None,
    };
    let (kind, raw) = (kind.clone(), raw.clone());
    Some(Item::Limit(Box::new(LimitUpdate { business, limit, at, kind, raw })))
}

/// Whether a change of this name may tell a limit.
pub(crate) fn tells_limits(field: &str) -> bool {
    matches!(field, "business_capability_update" | "phone_number_quality_update")
}

/// The time of an entry, in seconds.
pub(crate) fn time(entry: &Value) -> Option<Timestamp> {
    let seconds = json::scalar(entry, "time")?.trim().parse::<i64>().ok()?;
    (1..100_000_000_000).contains(&seconds).then(|| Timestamp::from_seconds(seconds))
}

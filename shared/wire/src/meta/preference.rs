//! A user stops or resumes what a business sends him, in WhatsApp itself.

use super::envelope::{self, Envelope};
use super::json;
use crate::{Business, ConsentUpdate, Item};
use serde_json::Value;

/// Where a change lists such words, and what the change is called.
pub(crate) const FIELD: &str = "user_preferences";

/// Reads the words of one change's `value`. What names nobody, or says neither `stop` nor `resume`,
/// is kept by its name. `fallback` is whose number it is where the value does not say.
pub(crate) fn preferences(value: &Value, fallback: Option<&Business>) -> Vec<Item> {
    let envelope = Envelope::read(value);
    let business = envelope.business.clone().or_else(|| fallback.cloned());
    let listed = json::elements(value, FIELD).iter();
    listed.map(|told| preference(told, &envelope, business.as_ref())).collect()
}

fn preference(told: &Value, envelope: &Envelope, business: Option<&Business>) -> Item {
    let word = json::text(told, "value").unwrap_or_default();
    let kind = match json::name(word) {
        word if word.is_empty() => FIELD.to_owned(),
        word => format!("{FIELD}:{word}"),
    };
    let raw = json::raw(told);
    let address = json::scalar(told, "wa_id");
    let (user, _) = envelope.user(address.as_deref(), json::text(told, "user_id"));
    let agrees = match word {
        "stop" => Some(false),
        "resume" => Some(true),
        _ => None,
    };
    match (business, user, agrees) {
        (Some(business), Some(user), Some(agrees)) => Item::Consent(Box::new(ConsentUpdate {
            business: business.clone(),
            user,
            agrees,
            at: envelope::time(told),
            kind,
            raw,
        })),
        (_, _, _) => Item::Other { kind, raw },
    }
}

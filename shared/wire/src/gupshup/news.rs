//! What Gupshup tells of templates and the app in version 2. In version 3 Meta's own changes are
//! passed on, and read there.

use super::{json, party};
use crate::{Business, meta, templates};
use serde_json::Value;
use transom_core::news::{HealthNews, News, Restriction, TemplateChange, TemplateNews};

/// The news in an event of this type; empty where it tells none that anybody acts on.
pub(super) fn news(kind: &str, envelope: &Value) -> Vec<News> {
    let payload = json::object(envelope, "payload");
    let payload = payload.as_deref().unwrap_or(&Value::Null);
    let told = match kind {
        "template-event" => template(payload),
        "account-event" => account(payload),
        _ => None,
    };
    told.into_iter().collect()
}

/// The number that an event names.
pub(super) fn number(envelope: &Value) -> Option<Business> {
    party::business(envelope)
}

fn template(payload: &Value) -> Option<News> {
    let change = match json::text(payload, "type").as_deref() {
        Some("status-update") | None => {
            let status = templates::status(&json::text(payload, "status")?);
            let reason = json::first_text(payload, &["rejectedReason", "description"]);
            TemplateChange::Status { status, reason }
        }
        Some("category-update") => {
            let category = payload.get("category").unwrap_or(&Value::Null);
            TemplateChange::Category(meta::category(&json::text(category, "new")?))
        }
        Some("quality-update") => {
            let quality = payload.get("quality").unwrap_or(&Value::Null);
            let new = json::text(quality, "new").or_else(|| json::text(payload, "quality"))?;
            TemplateChange::Quality(new)
        }
        Some(_) => return None,
    };
    Some(News::Template(TemplateNews {
        name: json::text(payload, "elementName")?,
        language: json::text(payload, "languageCode")?,
        provider_ref: json::text(payload, "id"),
        change,
    }))
}

/// An app has one number, so what is told of it is told of its number.
fn account(payload: &Value) -> Option<News> {
    let health = match json::text(payload, "status")?.to_ascii_uppercase().as_str() {
        "ACCOUNT_VERIFIED" => HealthNews::Verification("verified".to_owned()),
        "ACCOUNT_DISABLED" => {
            HealthNews::Restricted(Restriction { until: None, replies_too: true })
        }
        "ACCOUNT_REINSTATED" => HealthNews::Unrestricted,
        "ACCOUNT_RESTRICTED" => meta::restriction(json::elements(payload, "restrictionInfo"))?,
        _ => return None,
    };
    Some(News::Account(health))
}

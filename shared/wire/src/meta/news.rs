//! What Meta tells of templates, numbers and the business account.

use super::envelope::phone;
use super::json::{self, elements};
use crate::{Business, templates};
use serde_json::Value;
use transom_core::news::{HealthNews, News, Restriction, TemplateChange, TemplateNews};
use transom_core::time::Timestamp;

/// The news in one change, in an order of their own; empty where a field tells none that anybody
/// acts on.
pub(crate) fn news(field: &str, value: &Value) -> Vec<News> {
    let number = |news: Option<HealthNews>| news.map(News::Number).into_iter().collect();
    let account = |news: Option<HealthNews>| news.map(News::Account).into_iter().collect();
    match field {
        "message_template_status_update" => template(value, status(value)),
        "message_template_quality_update" => {
            template(value, json::owned(value, "new_quality_score").map(TemplateChange::Quality))
        }
        "template_category_update" => {
            let new = json::text(value, "new_category").map(super::templates::category);
            template(value, new.map(TemplateChange::Category))
        }
        "phone_number_quality_update" => number(quality(value)),
        "phone_number_name_update" => number(display_name(value)),
        "account_update" => account(standing(value)),
        "account_review_update" => {
            let decision = json::text(value, "decision").map(str::to_ascii_lowercase);
            account(decision.map(|d| HealthNews::Verification(format!("review_{d}"))))
        }
        _ => Vec::new(),
    }
}

/// The number that a change names.
pub(crate) fn number(value: &Value) -> Option<Business> {
    let shown = json::scalar(value, "display_phone_number")?;
    let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
    phone(&digits).map(Business::Phone)
}

fn template(value: &Value, change: Option<TemplateChange>) -> Vec<News> {
    let told = |change| {
        Some(News::Template(TemplateNews {
            name: json::owned(value, "message_template_name")?,
            language: json::owned(value, "message_template_language")?,
            provider_ref: json::scalar(value, "message_template_id"),
            change,
        }))
    };
    change.and_then(told).into_iter().collect()
}

fn status(value: &Value) -> Option<TemplateChange> {
    let status = templates::status(json::text(value, "event")?);
    let reason = json::text(value, "reason").filter(|reason| *reason != "NONE");
    let info = |name: &str, part: &str| {
        value.get(name).and_then(|info| json::owned(info, part)).filter(|text| text != "NONE")
    };
    let reason = reason
        .map(str::to_owned)
        .or_else(|| info("rejection_info", "reason"))
        .or_else(|| info("other_info", "title"))
        .or_else(|| info("disable_info", "reason"));
    Some(TemplateChange::Status { status, reason })
}

fn quality(value: &Value) -> Option<HealthNews> {
    match json::text(value, "event")? {
        "FLAGGED" => Some(HealthNews::Quality("flagged".to_owned())),
        "UNFLAGGED" => Some(HealthNews::Quality("unflagged".to_owned())),
        _ => None,
    }
}

fn display_name(value: &Value) -> Option<HealthNews> {
    Some(HealthNews::DisplayName {
        name: json::owned(value, "requested_verified_name")?,
        decision: json::text(value, "decision")?.to_ascii_lowercase(),
    })
}

fn standing(value: &Value) -> Option<HealthNews> {
    match json::text(value, "event")? {
        "VERIFIED_ACCOUNT" => Some(HealthNews::Verification("verified".to_owned())),
        "DISABLED_UPDATE" => {
            let state = json::text(value.get("ban_info")?, "waba_ban_state")?;
            match state {
                "DISABLE" => {
                    Some(HealthNews::Restricted(Restriction { until: None, replies_too: true }))
                }
                "REINSTATE" => Some(HealthNews::Unrestricted),
                // That it is going to be disabled stops nothing yet.
                _ => None,
            }
        }
        "ACCOUNT_RESTRICTION" => restriction(elements(value, "restriction_info")),
        _ => None,
    }
}

/// Of several restrictions the widest and the longest. What concerns no message, such as adding
/// numbers, is none.
pub(crate) fn restriction(told: &[Value]) -> Option<HealthNews> {
    let mut found: Option<Restriction> = None;
    for info in told {
        let kind =
            json::text(info, "restriction_type").or_else(|| json::text(info, "restrictionType"));
        let replies_too = match kind {
            Some("RESTRICTED_BIZ_INITIATED_MESSAGING") => false,
            Some("RESTRICTED_CUSTOMER_INITIATED_MESSAGING") => true,
            Some(_) | None => continue,
        };
        let seconds = json::scalar(info, "expiration").and_then(|text| text.parse::<i64>().ok());
        let until = seconds.map(Timestamp::from_seconds);
        found = Some(match found {
            None => Restriction { until, replies_too },
            Some(other) => Restriction {
                until: other.until.zip(until).map(|(a, b)| a.max(b)),
                replies_too: other.replies_too || replies_too,
            },
        });
    }
    found.map(HealthNews::Restricted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use serde_json::json;
    use transom_core::template::{Category, TemplateStatus};

    fn template_change(field: &str, more: &Value) -> Option<TemplateChange> {
        let mut value = json!({
            "message_template_id": 12, "message_template_name": "order",
            "message_template_language": "en_US",
        });
        for (key, told) in more.as_object().unwrap() {
            value.as_object_mut().unwrap().insert(key.clone(), told.clone());
        }
        match news(field, &value).pop() {
            Some(News::Template(news)) => {
                let reference = news.provider_ref.as_deref();
                assert_eq!(
                    (news.name.as_str(), news.language.as_str(), reference),
                    ("order", "en_US", Some("12"))
                );
                Some(news.change)
            }
            Some(other) => panic!("{other:?}"),
            None => None,
        }
    }

    #[test]
    fn f10_every_event_of_a_template_has_a_state_and_a_reason() {
        for (event, status) in [
            ("APPROVED", TemplateStatus::Approved),
            ("REINSTATED", TemplateStatus::Approved),
            ("REJECTED", TemplateStatus::Rejected),
            ("PENDING", TemplateStatus::Pending),
            ("PAUSED", TemplateStatus::Paused),
            ("DISABLED", TemplateStatus::Disabled),
            ("FLAGGED", TemplateStatus::Flagged),
            ("IN_APPEAL", TemplateStatus::InAppeal),
            ("ARCHIVED", TemplateStatus::Archived),
            ("UNARCHIVED", TemplateStatus::Unknown("unarchived".into())),
            ("DELETED", TemplateStatus::Deleted),
            ("PENDING_DELETION", TemplateStatus::PendingDeletion),
            ("LOCKED", TemplateStatus::Locked),
            ("LIMIT_EXCEEDED", TemplateStatus::LimitExceeded),
        ] {
            let told = json!({
                "event": event, "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"},
            });
            let change = template_change("message_template_status_update", &told);
            let reason = Some("FIRST_PAUSE".to_owned());
            assert_eq!(change, Some(TemplateChange::Status { status, reason }), "{event}");
        }
        let quality = json!({"new_quality_score": "RED"});
        assert_eq!(
            template_change("message_template_quality_update", &quality),
            Some(TemplateChange::Quality("RED".into()))
        );
        let category = json!({"new_category": "AUTHENTICATION"});
        assert_eq!(
            template_change("template_category_update", &category),
            Some(TemplateChange::Category(Category::Authentication))
        );
        // A notice of a change that is to come changes nothing yet.
        let notice = json!({"correct_category": "MARKETING"});
        assert_eq!(template_change("template_category_update", &notice), None);
    }

    #[test]
    fn e12_what_concerns_numbers_and_the_account_is_told_apart() {
        let told = |field: &str, value: Value| news(field, &value);
        assert_eq!(told("phone_number_quality_update", json!({"event": "ONBOARDING"})), []);
        let scheduled = json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}});
        assert_eq!(told("account_update", scheduled), [], "what is to come stops nothing yet");
        assert_eq!(told("account_update", json!({"event": "DISABLED_UPDATE"})), []);
        let both = json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
            {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 100},
            {"restriction_type": "RESTRICTED_CUSTOMER_INITIATED_MESSAGING", "expiration": 90},
        ]});
        let until = Some(Timestamp::from_seconds(100));
        let widest = Restriction { until, replies_too: true };
        assert_eq!(told("account_update", both), [News::Account(HealthNews::Restricted(widest))]);
        let other = json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
            {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"},
        ]});
        assert_eq!(told("account_update", other), []);
        assert_eq!(told("novel_field", json!({"event": "X"})), []);
    }
}

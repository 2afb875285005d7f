//! Statuses as Meta's webhook.

use serde_json::{Map, Value, json};

use super::MetaState;
use super::answer::{failure_details, failure_title};
use super::customer::parcel;
use crate::sandbox::WINDOW_MS;
use crate::sandbox::post::Parcel;
use crate::sandbox::sent::Sent;

/// The signed webhook that tells of a status, if the account wants webhooks at all.
pub(in crate::sandbox) fn status_parcel(
    meta: &MetaState,
    sent: &Sent,
    status: &str,
    error_code: Option<u32>,
    now_ms: i64,
) -> Option<Parcel> {
    let (number, account) = meta.accounts.by_phone(&sent.business)?;
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": account.waba_id,
            "changes": [{
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {
                        "display_phone_number": number.phone.trim_start_matches('+'),
                        "phone_number_id": number.phone_number_id,
                    },
                    "statuses": [status_json(sent, status, error_code, now_ms)],
                },
                "field": "messages",
            }],
        }],
    });
    parcel(account, super::sign::written(&body))
}

fn status_json(sent: &Sent, status: &str, error_code: Option<u32>, now_ms: i64) -> Value {
    let mut fields = Map::new();
    let mut add = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    add("id", sent.whatsapp_id.as_str().into());
    add("status", status.into());
    add("timestamp", now_ms.div_euclid(1000).to_string().into());
    match sent.customer.strip_prefix('+') {
        Some(digits) => add("recipient_id", digits.into()),
        None => add("recipient_user_id", sent.customer.as_str().into()),
    }
    if let Some(reference) = &sent.reference {
        add("biz_opaque_callback_data", reference.as_str().into());
    }
    if status == "sent" {
        add("conversation", conversation(sent, now_ms));
    }
    // The price stands on `sent` and on one of the two that may follow.
    if matches!(status, "sent" | "delivered") {
        add("pricing", pricing(sent));
    }
    if let Some(code) = error_code {
        add("errors", json!([error(code)]));
    }
    Value::Object(fields)
}

fn conversation(sent: &Sent, now_ms: i64) -> Value {
    let ends_ms = sent.window_ends_ms.unwrap_or(now_ms.saturating_add(WINDOW_MS));
    let tail: String = sent.whatsapp_id.chars().filter(char::is_ascii_alphanumeric).collect();
    json!({
        "id": tail.to_lowercase(),
        "expiration_timestamp": ends_ms.div_euclid(1000).to_string(),
        "origin": {"type": category(sent)},
    })
}

fn pricing(sent: &Sent) -> Value {
    // Whatever is said within the window is free, unless it is marketing; the templates of the
    // sandbox are not.
    let free = sent.window_ends_ms.is_some();
    json!({
        "billable": !free,
        "pricing_model": "PMP",
        "type": if free { "free_customer_service" } else { "regular" },
        "category": category(sent),
    })
}

fn category(sent: &Sent) -> &'static str {
    if sent.is_template { "utility" } else { "service" }
}

fn error(code: u32) -> Value {
    let title = failure_title(code);
    json!({
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": failure_details(code)},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    })
}

//! Events of our messages, in version 2 and in version 3.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::GupshupState;
use super::accounts::{GupshupAccount, GupshupShape};
use super::customer::with_token;
use super::form::is_gupshups_own;
use crate::sandbox::meta::failure_title;
use crate::sandbox::post::{JSON, Parcel};
use crate::sandbox::sent::Sent;

/// The webhook that tells of an event, if the app wants webhooks at all.
pub(in crate::sandbox) fn event_parcel(
    gupshup: &GupshupState,
    sent: &Sent,
    status: &str,
    error_code: Option<u32>,
    now_ms: i64,
) -> Option<Parcel> {
    let app = gupshup.accounts.owner_of(&sent.business)?;
    let url = app.status_url.as_ref().or(app.inbound_url.as_ref())?;
    let event = Event { app, sent, status, error_code, now_ms, gs_id: !gupshup.without_gs_id };
    let body = match gupshup.shape {
        GupshupShape::V3 => event.v3(),
        GupshupShape::V2
        | GupshupShape::V2NewNames
        | GupshupShape::V2OldNames
        | GupshupShape::BotNewNames
        | GupshupShape::BotOldNames => event.v2(),
    };
    Some(Parcel {
        url: with_token(url, &app.webhook_token),
        content_type: JSON,
        body: Bytes::from(body.to_string()),
        headers: Vec::new(),
    })
}

struct Event<'a> {
    app: &'a GupshupAccount,
    sent: &'a Sent,
    status: &'a str,
    error_code: Option<u32>,
    now_ms: i64,
    /// Whether Gupshup's id stands beside WhatsApp's.
    gs_id: bool,
}

impl Event<'_> {
    fn v2(&self) -> Value {
        json!({
            "app": self.app.app_name,
            "appId": self.app.app_id,
            "phone": digits(&self.sent.business),
            "timestamp": self.now_ms,
            "version": 2,
            "type": "message-event",
            "payload": self.payload(),
        })
    }

    fn payload(&self) -> Value {
        let mut fields = Map::new();
        let mut add = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        if self.speaks_of_its_own_id() {
            add("id", self.sent.sid.as_str().into());
        } else {
            add("id", self.sent.whatsapp_id.as_str().into());
            if self.gs_id {
                add("gsId", self.sent.sid.as_str().into());
            }
        }
        add("type", self.status.into());
        add("destination", digits(&self.sent.customer).into());
        add("payload", self.inner());
        if self.status == "sent" {
            add("conversation", self.conversation());
            add("pricing", self.pricing());
        }
        Value::Object(fields)
    }

    /// Before WhatsApp has the message only Gupshup's id is known, and it stands in `id`.
    fn speaks_of_its_own_id(&self) -> bool {
        self.status == "enqueued"
            || (self.status == "failed" && self.error_code.is_some_and(is_gupshups_own))
    }

    fn inner(&self) -> Value {
        let kind = if self.sent.is_template { "template" } else { "session" };
        match (self.status, self.error_code) {
            ("enqueued", _) => {
                json!({"whatsappMessageId": self.sent.whatsapp_id, "type": kind})
            }
            ("failed", code) => {
                let code = code.unwrap_or_default();
                json!({"code": code, "reason": reason(code)})
            }
            _ => json!({"ts": self.now_s()}),
        }
    }

    fn conversation(&self) -> Value {
        let ends_ms = self.sent.window_ends_ms.unwrap_or(self.now_ms);
        json!({
            "id": self.sent.sid.replace('-', ""),
            "expiresAt": ends_ms.div_euclid(1000),
            "type": self.category(),
        })
    }

    fn pricing(&self) -> Value {
        let free = self.sent.window_ends_ms.is_some();
        let kind = if free { "free_customer_service" } else { "regular" };
        json!({"policy": "PMP", "category": self.category(), "type": kind})
    }

    fn category(&self) -> &'static str {
        if self.sent.is_template { "utility" } else { "service" }
    }

    fn now_s(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// Meta's shape; `enqueued` lacks the number and tells a numeric time in milliseconds.
    fn v3(&self) -> Value {
        let mut status = json!({
            "id": self.sent.whatsapp_id,
            "recipient_id": digits(&self.sent.customer),
            "status": self.status,
            "timestamp": self.now_s().to_string(),
        });
        if self.gs_id || self.speaks_of_its_own_id() {
            status["gs_id"] = self.sent.sid.as_str().into();
        }
        if let Some(code) = self.error_code {
            let reason = reason(code);
            status["errors"] = json!([{"code": code, "title": reason, "message": reason}]);
        }
        let mut value = json!({"messaging_product": "whatsapp"});
        if self.status == "enqueued" {
            status["timestamp"] = self.now_ms.into();
        } else {
            value["metadata"] = json!({"display_phone_number": digits(&self.sent.business)});
        }
        value["statuses"] = json!([status]);
        json!({
            "object": "whatsapp_business_account",
            "gs_app_id": self.app.app_id,
            "entry": [{"changes": [{"field": "messages", "value": value}]}],
        })
    }
}

fn digits(phone: &str) -> &str {
    phone.trim_start_matches('+')
}

fn reason(code: u32) -> &'static str {
    match code {
        1002 => "Number Does Not Exist On WhatsApp",
        1003 => "Unable to send message | Check your wallet balance",
        470 => "Message failed to send because more than 24 hours have passed",
        4003 => "Template did not match",
        4005 => "Template is paused",
        code => failure_title(code),
    }
}

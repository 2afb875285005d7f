//! A customer's message as Gupshup's webhook in version 2.

use serde_json::{Map, Value, json};

use super::accounts::GupshupAccount;
use crate::sandbox::{PhoneContent, PhoneMedia, PhoneMessage, Referral, address};

/// Files are kept for a week.
const FILE_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The message that a message of the customer quotes, by both of its ids.
#[derive(Debug, Clone)]
pub(super) struct Quoted {
    pub(super) whatsapp_id: String,
    pub(super) gs_id: Option<String>,
}

/// One message with everything that the webhook tells beside it.
#[derive(Debug)]
pub(super) struct Composed<'a> {
    pub(super) app: &'a GupshupAccount,
    pub(super) message: &'a PhoneMessage,
    pub(super) sid: &'a str,
    pub(super) now_ms: i64,
    pub(super) media_url: Option<String>,
    pub(super) quoted: Option<Quoted>,
}

impl Composed<'_> {
    pub(super) fn v2(&self) -> Value {
        json!({
            "app": self.app.app_name,
            "appId": self.app.app_id,
            "phone": address::bare(&self.message.to).trim_start_matches('+'),
            // When Gupshup got it: the customer's own time is not told.
            "timestamp": self.now_ms,
            "version": 2,
            "type": "message",
            "payload": self.payload(),
        })
    }

    /// The customer's digits; one who hides the phone has none.
    pub(super) fn source(&self) -> Option<String> {
        address::bare(&self.message.from).strip_prefix('+').map(str::to_owned)
    }

    fn payload(&self) -> Value {
        let (kind, content) = self.content();
        let mut fields = Map::new();
        let mut add = |key: &str, value: Value| {
            fields.insert(key.to_owned(), value);
        };
        add("id", self.sid.into());
        if let Some(source) = self.source() {
            add("source", source.into());
        }
        add("type", kind.into());
        add("payload", content);
        add("sender", self.sender());
        if let Some(context) = self.context() {
            add("context", context);
        }
        if let Some(referral) = &self.message.referral {
            add("referral", referral_json(referral));
        }
        Value::Object(fields)
    }

    fn sender(&self) -> Value {
        let mut sender = json!({"name": self.message.profile_name});
        let mut user_id = self.message.user_id.clone();
        match self.source() {
            Some(phone) => {
                let (country_code, dial_code) = split_country(&phone);
                sender["country_code"] = country_code.into();
                sender["dial_code"] = dial_code.into();
                sender["phone"] = phone.as_str().into();
            }
            None => user_id = user_id.or_else(|| Some(self.message.from.clone())),
        }
        if let Some(user_id) = user_id {
            sender["userId"] = user_id.into();
        }
        sender
    }

    fn context(&self) -> Option<Value> {
        let message = self.message;
        if let Some(quoted) = &self.quoted {
            let mut context = json!({"id": quoted.whatsapp_id});
            if let Some(gs_id) = &quoted.gs_id {
                context["gsId"] = gs_id.as_str().into();
            }
            return Some(context);
        }
        (message.forwarded || message.frequently_forwarded).then(|| {
            let frequently = message.frequently_forwarded;
            json!({"forwarded": true, "frequently_forwarded": frequently})
        })
    }

    fn content(&self) -> (&'static str, Value) {
        match &self.message.content {
            PhoneContent::Text { text } => ("text", json!({"text": text})),
            PhoneContent::Image(media) => ("image", self.captioned(media)),
            PhoneContent::Video(media) => ("video", self.captioned(media)),
            PhoneContent::Audio(media) => ("audio", self.file(media)),
            PhoneContent::Sticker(media) => ("sticker", self.file(media)),
            PhoneContent::Document(media) => {
                let mut file = self.captioned(media);
                let name = if media.caption.is_empty() { "file.pdf" } else { &media.caption };
                file["name"] = name.into();
                ("file", file)
            }
            PhoneContent::Contact(media) => ("contact", contact(media)),
            PhoneContent::Location { latitude, longitude, label, address } => (
                "location",
                json!({
                    "longitude": longitude.to_string(),
                    "latitude": latitude.to_string(),
                    "name": label,
                    "address": address,
                }),
            ),
            PhoneContent::QuickReply { text, payload, template: true } => {
                ("quick_reply", json!({"text": text, "type": "button", "postbackText": payload}))
            }
            PhoneContent::QuickReply { text, payload, template: false } => {
                ("button_reply", reply(text, payload))
            }
            PhoneContent::ListReply { id, title } => {
                let mut reply = reply(title, id);
                reply["description"] = "".into();
                ("list_reply", reply)
            }
        }
    }

    fn captioned(&self, media: &PhoneMedia) -> Value {
        let mut file = self.file(media);
        file["caption"] = media.caption.as_str().into();
        file
    }

    fn file(&self, media: &PhoneMedia) -> Value {
        let usual = self.message.content.usual_content_type();
        json!({
            "url": self.media_url,
            "contentType": media.content_type.as_deref().unwrap_or(usual),
            "urlExpiry": self.now_ms.saturating_add(FILE_KEPT_MS),
        })
    }
}

/// What was tapped or chosen. `id` would be the `msgid` that we sent with the choices.
fn reply(title: &str, postback: &str) -> Value {
    json!({
        "title": title,
        "id": "msgid-1",
        "reply": format!("{title} 1"),
        "postbackText": postback,
    })
}

fn contact(media: &PhoneMedia) -> Value {
    let name = if media.caption.is_empty() { "Example Contact" } else { &media.caption };
    json!({"contacts": [{
        "name": {"first_name": name, "formatted_name": name},
        "phones": [{"phone": "+91 98000 00000", "type": "CELL"}],
        "emails": [],
        "addresses": [],
        "org": {},
        "urls": [],
    }]})
}

fn referral_json(referral: &Referral) -> Value {
    json!({
        "source_url": referral.source_url,
        "source_id": referral.source_id,
        "source_type": referral.source_type,
        "headline": referral.headline,
        "body": referral.body,
        "ctwa_clid": referral.ctwa_clid,
    })
}

/// The country of a number, as far as the sandbox's own numbers go: one digit for zones 1 and 7,
/// two for all others.
fn split_country(phone: &str) -> (String, String) {
    let country_digits = if phone.starts_with(['1', '7']) { 1 } else { 2 };
    (phone.chars().take(country_digits).collect(), phone.chars().skip(country_digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &PhoneMessage, quoted: Option<Quoted>) -> Value {
        let app = GupshupAccount {
            app_name: "DemoApp".to_owned(),
            app_id: "82ed52f4".to_owned(),
            api_key: String::new(),
            webhook_token: String::new(),
            inbound_url: None,
            status_url: None,
        };
        let media_url = message.content.media().map(|_| "http://127.0.0.1/leaf".to_owned());
        let composed =
            Composed { app: &app, message, sid: "wamid.IN", now_ms: 1_000, media_url, quoted };
        composed.v2()
    }

    fn check(content: PhoneContent, kind: &str, expected: &Value) {
        let body = told(&PhoneMessage::new("+919876543210", "+917834811114", content), None);
        let payload = &body["payload"];
        assert_eq!((&payload["type"], &payload["payload"]), (&kind.into(), expected));
    }

    #[test]
    fn each_kind_has_its_own_shape() {
        check(PhoneContent::Text { text: "hi".to_owned() }, "text", &json!({"text": "hi"}));
        let tap = |template| PhoneContent::QuickReply {
            text: "Confirm".to_owned(),
            payload: "confirm_42".to_owned(),
            template,
        };
        check(
            tap(true),
            "quick_reply",
            &json!({"text": "Confirm", "type": "button", "postbackText": "confirm_42"}),
        );
        let mut chosen = json!({"title": "Confirm", "id": "msgid-1", "reply": "Confirm 1",
            "postbackText": "confirm_42"});
        check(tap(false), "button_reply", &chosen);
        chosen["description"] = "".into();
        let list =
            PhoneContent::ListReply { id: "confirm_42".to_owned(), title: "Confirm".to_owned() };
        check(list, "list_reply", &chosen);
        let media = PhoneMedia { caption: "bill".to_owned(), ..PhoneMedia::default() };
        check(
            PhoneContent::Document(media),
            "file",
            &json!({"caption": "bill", "name": "bill", "url": "http://127.0.0.1/leaf",
                "contentType": "application/pdf", "urlExpiry": 1_000 + FILE_KEPT_MS}),
        );
    }

    #[test]
    fn ends_and_context_are_told() {
        let mut message = PhoneMessage::text("+919876543210", "+917834811114", "yes");
        message.user_id = Some("IN.1349".to_owned());
        let quoted = Quoted { whatsapp_id: "wamid.O".to_owned(), gs_id: Some("ee4a".to_owned()) };
        let body = told(&message, Some(quoted));
        assert_eq!(body["phone"], "917834811114");
        assert_eq!(body["timestamp"], 1_000);
        assert_eq!(body["payload"]["source"], "919876543210");
        assert_eq!(body["payload"]["context"], json!({"id": "wamid.O", "gsId": "ee4a"}));
        assert_eq!(
            body["payload"]["sender"],
            json!({"phone": "919876543210", "name": "Test Customer", "country_code": "91",
                "dial_code": "9876543210", "userId": "IN.1349"})
        );
        let hidden = told(&PhoneMessage::text("US.1349", "+917834811114", "yes"), None);
        assert_eq!(hidden["payload"].get("source"), None);
        assert_eq!(hidden["payload"]["sender"]["userId"], "US.1349");
    }
}

//! A customer's message as Twilio's inbound webhook.

use serde_json::{Map, Value, json};

use super::API_VERSION;
use crate::sandbox::{PhoneContent, PhoneMessage, address};

/// Ids for a form that was composed without a sandbox.
const ACCOUNT_SID_UNSET: &str = "AC00000000000000000000000000000001";
const MESSAGE_SID_UNSET: &str = "SM00000000000000000000000000000001";

/// The decoded pairs of the inbound webhook for this message. Absent ids and addresses are
/// filled with fixed ones, so that the same message always gives the same form.
pub fn inbound_form(message: &PhoneMessage) -> Vec<(String, String)> {
    let mut form = Form(Vec::new());
    let sid = message.sid.as_deref().unwrap_or(MESSAGE_SID_UNSET);
    let from = address::bare(&message.from);
    form.add("SmsMessageSid", sid);
    form.add("SmsSid", sid);
    form.add("MessageSid", sid);
    form.add("AccountSid", message.account_sid.as_deref().unwrap_or(ACCOUNT_SID_UNSET));
    form.add("ApiVersion", API_VERSION);
    form.add("SmsStatus", "received");
    form.add("NumSegments", "1");
    form.add("From", &address::on_wire(&from));
    form.add("To", &address::on_wire(&address::bare(&message.to)));
    form.add("ProfileName", &message.profile_name);
    // A customer who hides the phone has no digits to tell.
    let wa_id = from.strip_prefix('+');
    form.add_if("WaId", wa_id);
    let user_id = message.user_id.as_deref().map(address::on_wire);
    form.add_if("ExternalUserId", user_id.as_deref());
    form.add("Body", &message.content.body());
    form.add_media(message, sid);
    form.add_kind(&message.content);
    form.add_context(message);
    form.add_referral(message);
    form.add("ChannelMetadata", &channel_metadata(message, wa_id));
    form.0
}

struct Form(Vec<(String, String)>);

impl Form {
    fn add(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), value.to_owned()));
    }

    fn add_if(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    fn add_media(&mut self, message: &PhoneMessage, sid: &str) {
        let Some(media) = message.content.media() else {
            self.add("NumMedia", "0");
            return;
        };
        let account_sid = message.account_sid.as_deref().unwrap_or(ACCOUNT_SID_UNSET);
        let unset = format!(
            "https://api.twilio.com/{API_VERSION}/Accounts/{account_sid}/Messages/{sid}/Media/\
             ME00000000000000000000000000000001"
        );
        let content_type = media.content_type.as_deref();
        self.add("NumMedia", "1");
        self.add("MediaContentType0", content_type.unwrap_or(message.content.usual_content_type()));
        self.add("MediaUrl0", media.url.as_deref().unwrap_or(&unset));
    }

    fn add_kind(&mut self, content: &PhoneContent) {
        match content {
            PhoneContent::Text { .. } => self.add("MessageType", "text"),
            PhoneContent::Image(_) => self.add("MessageType", "image"),
            PhoneContent::Video(_) => self.add("MessageType", "video"),
            PhoneContent::Audio(_) => self.add("MessageType", "audio"),
            PhoneContent::Document(_) => self.add("MessageType", "document"),
            PhoneContent::Contact(_) => self.add("MessageType", "contacts"),
            // Only its media type tells a sticker.
            PhoneContent::Sticker(_) => {}
            PhoneContent::Location { latitude, longitude, label, address } => {
                self.add("MessageType", "location");
                self.add("Latitude", &latitude.to_string());
                self.add("Longitude", &longitude.to_string());
                self.add_if("Label", label.as_deref());
                self.add_if("Address", address.as_deref());
            }
            PhoneContent::QuickReply { text, payload, template } => {
                let kind = if *template { "button" } else { "interactive" };
                self.add("MessageType", kind);
                self.add("ButtonText", text);
                self.add("ButtonPayload", payload);
            }
            PhoneContent::ListReply { id, title } => {
                self.add("MessageType", "interactive");
                self.add("ListId", id);
                self.add("ListTitle", title);
            }
        }
    }

    fn add_context(&mut self, message: &PhoneMessage) {
        if message.forwarded || message.frequently_forwarded {
            self.add("Forwarded", "true");
            let frequently = message.frequently_forwarded.to_string();
            self.add("FrequentlyForwarded", &frequently);
        }
        if let Some(reply_to) = &message.reply_to {
            self.add("OriginalRepliedMessageSid", reply_to);
            let sender = address::on_wire(&address::bare(&message.to));
            self.add("OriginalRepliedMessageSender", &sender);
        }
    }

    fn add_referral(&mut self, message: &PhoneMessage) {
        // It stands on ordinary messages too, and says nothing there.
        self.add("ReferralNumMedia", "0");
        let Some(referral) = &message.referral else {
            return;
        };
        self.add("ReferralSourceType", &referral.source_type);
        self.add("ReferralSourceId", &referral.source_id);
        self.add("ReferralSourceUrl", &referral.source_url);
        self.add("ReferralHeadline", &referral.headline);
        self.add("ReferralBody", &referral.body);
        self.add("ReferralCtwaClid", &referral.ctwa_clid);
    }
}

fn channel_metadata(message: &PhoneMessage, wa_id: Option<&str>) -> String {
    let mut context = Map::new();
    let mut add = |key: &str, value: &str| {
        context.insert(key.to_owned(), Value::from(value));
    };
    add("ProfileName", &message.profile_name);
    if let Some(wa_id) = wa_id {
        add("WaId", wa_id);
    }
    if message.forwarded || message.frequently_forwarded {
        add("Forwarded", "true");
    }
    if let PhoneContent::QuickReply { text, .. } = &message.content {
        add("ButtonText", text);
    }
    json!({"type": "whatsapp", "data": {"context": context}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{PhoneMedia, Referral};

    fn check(content: PhoneContent, expected: &[(&str, &str)]) {
        let message = PhoneMessage::new("+919876543210", "+14155238886", content);
        check_message(&message, expected);
    }

    fn check_message(message: &PhoneMessage, expected: &[(&str, &str)]) {
        let form = inbound_form(message);
        for (key, value) in expected {
            let found = form.iter().find(|(found, _)| found == key);
            assert_eq!(found.map(|(_, value)| value.as_str()), Some(*value), "{key}");
        }
    }

    #[test]
    fn every_message_carries_the_common_pairs() {
        check(
            PhoneContent::Text { text: "नमस्ते 👋".to_owned() },
            &[
                ("From", "whatsapp:+919876543210"),
                ("To", "whatsapp:+14155238886"),
                ("WaId", "919876543210"),
                ("Body", "नमस्ते 👋"),
                ("MessageType", "text"),
                ("NumMedia", "0"),
                ("ReferralNumMedia", "0"),
                ("SmsStatus", "received"),
            ],
        );
    }

    #[test]
    fn a_file_is_told_by_its_address_and_type() {
        let media = PhoneMedia {
            caption: "my leaf".to_owned(),
            url: Some("http://127.0.0.1/leaf".to_owned()),
            ..PhoneMedia::default()
        };
        check(
            PhoneContent::Image(media),
            &[
                ("NumMedia", "1"),
                ("MediaContentType0", "image/jpeg"),
                ("MediaUrl0", "http://127.0.0.1/leaf"),
                ("Body", "my leaf"),
            ],
        );
    }

    #[test]
    fn taps_choices_and_places_carry_their_own_pairs() {
        check(
            PhoneContent::QuickReply {
                text: "Confirm".to_owned(),
                payload: "confirm_42".to_owned(),
                template: true,
            },
            &[("MessageType", "button"), ("ButtonPayload", "confirm_42"), ("Body", "Confirm")],
        );
        check(
            PhoneContent::ListReply { id: "crop_wheat".to_owned(), title: "Wheat".to_owned() },
            &[("ListId", "crop_wheat"), ("Body", "Wheat")],
        );
        check(
            PhoneContent::Location {
                latitude: 12.9716,
                longitude: 77.5946,
                label: None,
                address: None,
            },
            &[("Latitude", "12.9716"), ("Longitude", "77.5946"), ("Body", "")],
        );
    }

    #[test]
    fn context_and_referral_are_told() {
        let mut message = PhoneMessage::text("US.1349", "+14155238886", "Hi");
        message.reply_to = Some("SM22".to_owned());
        message.forwarded = true;
        message.referral = Some(Referral { source_type: "ad".to_owned(), ..Referral::default() });
        check_message(
            &message,
            &[
                ("From", "whatsapp:US.1349"),
                ("OriginalRepliedMessageSid", "SM22"),
                ("OriginalRepliedMessageSender", "whatsapp:+14155238886"),
                ("Forwarded", "true"),
                ("FrequentlyForwarded", "false"),
                ("ReferralSourceType", "ad"),
            ],
        );
        assert!(!inbound_form(&message).iter().any(|(key, _)| key == "WaId"));
    }
}

//! The message resources of the pretend Twilio, both directions, and their JSON.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::API_VERSION;
use crate::sandbox::kept::Kept;
use crate::sandbox::threads::rank;
use crate::sandbox::{Direction, address};

/// One message resource.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) sid: String,
    pub(super) account_sid: String,
    pub(super) direction: Direction,
    /// The business number, without prefix.
    pub(super) business: String,
    /// The customer, without prefix.
    pub(super) customer: String,
    pub(super) body: String,
    pub(super) media_count: usize,
    pub(super) status: String,
    pub(super) error_code: Option<u32>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) sent_ms: Option<i64>,
    pub(super) status_callback: Option<String>,
    /// The inbound webhook as it was posted, to post it again; empty for outbound messages.
    pub(super) inbound: Vec<(String, String)>,
}

/// All messages by sid.
pub(super) type Messages = Kept<Message>;

impl Message {
    /// The sending end as it stands on the wire.
    pub(super) fn wire_from(&self) -> String {
        address::on_wire(match self.direction {
            Direction::In => &self.customer,
            Direction::Out => &self.business,
        })
    }

    /// The receiving end as it stands on the wire.
    pub(super) fn wire_to(&self) -> String {
        address::on_wire(match self.direction {
            Direction::In => &self.business,
            Direction::Out => &self.customer,
        })
    }

    /// A status counts only if it is a step forward: reports may come in any order.
    pub(super) fn advance(&mut self, status: &str, error_code: Option<u32>, now_ms: i64) {
        self.updated_ms = now_ms;
        if rank(status) > rank(&self.status) {
            status.clone_into(&mut self.status);
            self.error_code = error_code;
        }
        if rank(status) >= rank("sent") && self.sent_ms.is_none() {
            self.sent_ms = Some(now_ms);
        }
    }

    /// The resource as the API shows it.
    pub(super) fn json(&self) -> Value {
        let uri = format!("/{API_VERSION}/Accounts/{}/Messages/{}", self.account_sid, self.sid);
        let direction = match self.direction {
            Direction::In => "inbound",
            Direction::Out => "outbound-api",
        };
        json!({
            "sid": self.sid,
            "account_sid": self.account_sid,
            "status": self.status,
            "from": self.wire_from(),
            "to": self.wire_to(),
            "body": self.body,
            "num_media": self.media_count.to_string(),
            "num_segments": "1",
            "direction": direction,
            "date_created": date(self.created_ms),
            "date_updated": date(self.updated_ms),
            "date_sent": self.sent_ms.map(date),
            "error_code": self.error_code,
            "error_message": self.error_code.map(failure_text),
            "messaging_service_sid": null,
            "price": null,
            "price_unit": null,
            "api_version": API_VERSION,
            "uri": format!("{uri}.json"),
            "subresource_uris": {"media": format!("{uri}/Media.json")},
        })
    }
}

/// What Twilio says about a late refusal.
pub(super) fn failure_text(code: u32) -> &'static str {
    match code {
        63003 => "The channel found no such recipient",
        63016 => "A freeform message was sent outside the allowed window; use a template",
        63024 => "The recipient is not a WhatsApp user",
        63028 => "The number of parameters does not fit the template",
        63040 => "The template is not approved",
        63041 => "The template is paused",
        63049 => "Meta chose not to deliver this marketing message",
        _ => "The channel did not deliver the message",
    }
}

/// RFC 2822 in whole seconds: the API knows no finer time.
fn date(at_ms: i64) -> String {
    let at =
        Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    rfc2822::to_string(&at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_twilio_writes_them() {
        assert_eq!(date(1_795_168_800_999), "Fri, 20 Nov 2026 10:00:00 +0000");
    }
}

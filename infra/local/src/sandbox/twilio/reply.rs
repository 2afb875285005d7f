//! What Twilio would say to the customer because of our answer to an inbound webhook.

/// The text that an answer sends to the customer: the body of a plain-text answer, or the first
/// message of a TwiML one. A receiver that means no reply must answer with neither.
pub(super) fn spoken(content_type: &str, body: &str) -> Option<String> {
    let text = if content_type.starts_with("text/plain") {
        body
    } else if content_type.contains("xml") {
        let (_, after) = body.split_once("<Message")?;
        let (_, after) = after.split_once('>')?;
        let (message, _) = after.split_once("</Message>")?;
        message.trim().trim_start_matches("<Body>").trim_end_matches("</Body>")
    } else {
        return None;
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_text_and_messages_are_spoken() {
        let said = |content_type, body| spoken(content_type, body);
        assert_eq!(said("text/xml", "<Response/>"), None);
        assert_eq!(said("text/plain; charset=utf-8", ""), None);
        assert_eq!(said("application/json", r#"{"ok":true}"#), None);
        assert_eq!(said("text/plain", "ok"), Some("ok".to_owned()));
        assert_eq!(
            said("text/xml", "<Response><Message>Hi</Message></Response>"),
            Some("Hi".to_owned())
        );
    }
}

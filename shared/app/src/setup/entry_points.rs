//! Entry points: a link, a code and a form through which a customer opts in before his first
//! message (M74-M77).

use super::{ROUNDS_MAX, contended, name};
use crate::view::words::EntryPointKindWord;
use crate::{App, AppError, Problem};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::{Deserialize, Serialize};
use transom_core::entry_point::{EntryKind, TOKEN_CHARS, bears_mark, prefilled};
use transom_core::id::{EntryPointId, SenderId};
use transom_core::time::Timestamp;
use transom_store::{EntryPointRecord, SenderRecord, Updated};
use utoipa::ToSchema;

/// The longest text of an entry point, in characters: a code that holds much is hard to scan.
const TEXT_CHARS_MAX: usize = 200;
/// The words that a customer sends unless the business chooses others: they say what he agrees to.
const TEXT_DEFAULT: &str = "Hello! I would like to receive messages on WhatsApp.";
/// What a form asks him to agree to.
const CONSENT_DEFAULT: &str = "I agree to receive messages on WhatsApp.";
/// What the form's button says.
const BUTTON: &str = "Chat on WhatsApp";
/// The width and height of a code's picture, in pixels.
const QR_PIXELS: u32 = 256;

/// An entry point as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryPointBody {
    /// `qr`, `url` or `widget`: also the source of the consent that comes through it.
    #[schema(value_type = EntryPointKindWord, example = "qr")]
    pub kind: EntryKind,
    /// The words that the customer sends, at most 200 characters.
    pub text: Option<String>,
    /// What he agrees to in a form, at most 200 characters.
    pub consent_text: Option<String>,
}

/// An entry point as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntryPointView {
    /// Its name.
    pub id: String,
    /// Its sender.
    pub sender: String,
    /// `qr`, `url` or `widget`.
    #[schema(value_type = EntryPointKindWord)]
    pub kind: EntryKind,
    /// The words that the customer sends.
    pub text: String,
    /// What he agrees to in a form.
    pub consent_text: String,
    /// The link that opens the chat with these words and the entry point's token.
    #[schema(example = "https://wa.me/14155238886?text=Hello")]
    pub link: String,
    /// The link as a code to be scanned, an SVG document.
    pub qr_svg: String,
    /// The link as a form for a page of the business's own: the box must be ticked first. It holds
    /// no script.
    pub widget_html: String,
    /// When it was last changed.
    pub updated_at: String,
}

impl App {
    /// Creates or changes an entry point. Its token, and so its link, stays.
    ///
    /// # Errors
    /// `not_found`, `invalid_request` naming the field, or when it could not be stored.
    pub async fn put_entry_point(
        &self,
        sender: &str,
        id: &str,
        body: &EntryPointBody,
        now: Timestamp,
    ) -> Result<EntryPointView, AppError> {
        let sender = self.existing_sender(sender).await?;
        let id = name("id", EntryPointId::parse(id))?;
        let text = words("text", body.text.as_deref(), TEXT_DEFAULT)?;
        let consent_text = words("consent_text", body.consent_text.as_deref(), CONSENT_DEFAULT)?;
        for _ in 0..ROUNDS_MAX {
            let known = self.store.entry_point(&sender.sender.id, &id).await?;
            let seen = known.map(|k| k.token);
            let record = EntryPointRecord {
                id: id.clone(),
                sender: sender.sender.id.clone(),
                number: sender.sender.phone.clone(),
                kind: body.kind,
                token: seen.clone().unwrap_or_else(|| self.entropy.text(TOKEN_CHARS)),
                text: text.clone(),
                consent_text: consent_text.clone(),
                updated_at: now,
            };
            let put = self.store.put_entry_point(&record, seen.as_deref()).await?;
            if put == Updated::Done {
                return view(&record);
            }
        }
        Err(contended("entry point"))
    }

    /// An entry point.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_entry_point(
        &self,
        sender: &str,
        id: &str,
    ) -> Result<EntryPointView, AppError> {
        let sender = self.existing_sender(sender).await?;
        view(&self.existing_entry_point(&sender, id).await?)
    }

    /// Removes an entry point: its token is ordinary text from now on. Consent that came through it
    /// stays.
    ///
    /// # Errors
    /// `not_found`, or when it could not be removed.
    pub async fn delete_entry_point(&self, sender: &str, id: &str) -> Result<(), AppError> {
        let sender = self.existing_sender(sender).await?;
        let record = self.existing_entry_point(&sender, id).await?;
        Ok(self.store.delete_entry_point(&record).await?)
    }

    async fn existing_entry_point(
        &self,
        sender: &SenderRecord,
        id: &str,
    ) -> Result<EntryPointRecord, AppError> {
        let unknown = || Problem::not_found("entry point of this sender with this name");
        let id = EntryPointId::parse(id).map_err(|_| unknown())?;
        let sender: &SenderId = &sender.sender.id;
        self.store.entry_point(sender, &id).await?.ok_or_else(|| unknown().into())
    }
}

fn words(field: &str, given: Option<&str>, default: &str) -> Result<String, Problem> {
    let text = given.map_or(default, str::trim);
    let fits = (1..=TEXT_CHARS_MAX).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
        && !bears_mark(text);
    if fits {
        return Ok(text.to_owned());
    }
    Err(Problem::invalid(format!(
        "`{field}` must be 1 to {TEXT_CHARS_MAX} characters in one line, without `[opt-in:`"
    )))
}

fn view(record: &EntryPointRecord) -> Result<EntryPointView, AppError> {
    let sent = prefilled(&record.text, &record.token);
    let chat = format!("https://wa.me/{}", record.number.digits());
    let link = format!("{chat}?text={}", utf8_percent_encode(&sent, NON_ALPHANUMERIC));
    let code = QrCode::new(&link).map_err(|error| {
        // The longest text of the longest characters is far below what a code holds.
        Problem::invalid(format!("`text` cannot be written as a code: {error}"))
    })?;
    let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS, QR_PIXELS).build();
    Ok(EntryPointView {
        id: record.id.to_string(),
        sender: record.sender.to_string(),
        kind: record.kind,
        widget_html: widget(&chat, &sent, &record.consent_text),
        text: record.text.clone(),
        consent_text: record.consent_text.clone(),
        link,
        qr_svg,
        updated_at: record.updated_at.rfc3339(),
    })
}

/// A form that opens the chat. The box is required, so nobody lands there without having agreed
/// (M77); a browser checks that without a script.
fn widget(chat: &str, sent: &str, consent: &str) -> String {
    let (chat, sent, consent) = (escaped(chat), escaped(sent), escaped(consent));
    format!(
        "<form class=\"transom-opt-in\" action=\"{chat}\" method=\"get\" target=\"_blank\" \
         rel=\"noopener\">\
         <label><input type=\"checkbox\" required> {consent}</label> \
         <input type=\"hidden\" name=\"text\" value=\"{sent}\">\
         <button type=\"submit\">{BUTTON}</button></form>"
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m76_a_widget_holds_nothing_that_a_text_could_break_out_of() {
        let html = widget("https://wa.me/1", "\"><script>x</script>", "a & b <b>'");
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&quot;&gt;&lt;script&gt;") && html.contains("a &amp; b"), "{html}");
        assert!(html.contains("type=\"checkbox\" required"), "{html}");
    }

    #[test]
    fn m74_words_are_one_line_without_a_token() {
        assert_eq!(words("text", None, "Hi").as_deref(), Ok("Hi"));
        assert_eq!(words("text", Some(" Olá "), "Hi").as_deref(), Ok("Olá"));
        for text in ["", "  ", "a\nb", "x [OPT-IN:abc]", &"x".repeat(201)] {
            let problem = words("text", Some(text), "Hi").expect_err("refused");
            assert!(problem.detail.contains("`text`"), "{}", problem.detail);
        }
    }
}

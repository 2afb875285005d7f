//! Templates of an account (M51-M70).

use super::not_yet;
use crate::event::Event;
use crate::view::List;
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use transom_core::event::{Cause, EventKind};
use transom_core::template::{Category, Template, TemplateStatus};
use transom_core::time::Timestamp;
use utoipa::ToSchema;

/// The longest name of a template, in characters: WhatsApp's own.
const NAME_CHARS_MAX: usize = 512;
/// The longest language tag, in characters.
const LANGUAGE_CHARS_MAX: usize = 16;
/// The longest body, in characters; WhatsApp allows fewer.
const BODY_CHARS_MAX: usize = 4096;
/// The longest provider's reference and the longest status, in characters.
const WORD_CHARS_MAX: usize = 128;

/// A template as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// Its language, as the provider writes it.
    #[schema(example = "en")]
    pub language: String,
    /// `marketing`, `utility` or `authentication`.
    #[schema(value_type = String)]
    pub category: Category,
    /// `unsubmitted` (the default), `pending`, `approved`, `rejected`, `paused`, `disabled`, or
    /// another word of the provider; only `approved` is sent.
    pub status: Option<String>,
    /// Its text, with placeholders such as `{{1}}`.
    #[schema(example = "Hi {{1}}, your order is on its way.")]
    pub body: String,
    /// Its header. Not implemented yet.
    #[schema(value_type = Option<Object>)]
    pub header: Option<Value>,
    /// Its buttons. Not implemented yet.
    #[schema(value_type = Option<Object>)]
    pub buttons: Option<Value>,
    /// `text` (the default); other kinds are not implemented yet.
    pub kind: Option<String>,
    /// The provider's own reference: Twilio's `HX…`, Gupshup's or Meta's id.
    pub provider_ref: Option<String>,
}

/// A template as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TemplateView {
    /// Its account.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What it is for.
    #[schema(value_type = String)]
    pub category: Category,
    /// Whether it may be sent.
    pub status: String,
    /// Its text.
    pub body: String,
    /// What kind of template it is.
    pub kind: &'static str,
    /// The provider's own reference.
    pub provider_ref: Option<String>,
}

fn view(account: &str, template: &Template) -> TemplateView {
    TemplateView {
        account: account.to_owned(),
        name: template.name.clone(),
        language: template.language.clone(),
        category: template.category,
        status: template.status.as_str().to_owned(),
        body: template.body.clone(),
        kind: "text",
        provider_ref: template.provider_ref.clone(),
    }
}

impl App {
    /// Creates or changes a template in one language.
    ///
    /// # Errors
    /// `not_found` for an unknown account, `invalid_request` naming the field,
    /// `not_implemented`, or when it could not be stored.
    pub async fn put_template(
        &self,
        account: &str,
        name: &str,
        body: &TemplateBody,
        now: Timestamp,
    ) -> Result<TemplateView, AppError> {
        let account = self.existing_account(account).await?.account.id;
        let template = parse(name, body)?;
        self.store.put_template(&account, &template).await?;
        let view = view(account.as_str(), &template);
        let what = format!("template:{account}:{}:{}", view.name, view.language);
        let data = serde_json::to_value(&view).unwrap_or_default();
        let event = Event::new(EventKind::TemplateUpdated, &Cause::Changed(what, now), now, data);
        self.publish(vec![event]).await?;
        Ok(view)
    }

    /// The templates of an account, by name and language.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn list_templates(&self, account: &str) -> Result<List<TemplateView>, AppError> {
        let account = self.existing_account(account).await?.account.id;
        let templates = self.store.templates(&account, None).await?;
        Ok(List::whole(templates.iter().map(|t| view(account.as_str(), t)).collect()))
    }
}

fn parse(name: &str, body: &TemplateBody) -> Result<Template, Problem> {
    if let Some(kind) = body.kind.as_deref().filter(|k| *k != "text") {
        return Err(match kind {
            "media" | "catalog" | "authentication" => not_yet(&format!("kind: {kind}")),
            _ => Problem::invalid("`kind` must be one of text, media, catalog, authentication"),
        });
    }
    if body.header.is_some() {
        return Err(not_yet("header"));
    }
    if body.buttons.is_some() {
        return Err(not_yet("buttons"));
    }
    let status = body.status.as_deref().unwrap_or("unsubmitted").to_ascii_lowercase();
    word("name", name, NAME_CHARS_MAX, "-_.")?;
    word("language", &body.language, LANGUAGE_CHARS_MAX, "-_")?;
    word("status", &status, WORD_CHARS_MAX, "-_")?;
    if let Some(reference) = &body.provider_ref {
        word("provider_ref", reference, WORD_CHARS_MAX, "-_.:")?;
    }
    let length = body.body.chars().count();
    if body.body.trim().is_empty() || length > BODY_CHARS_MAX {
        let detail = format!("`body` must be 1 to {BODY_CHARS_MAX} characters, it has {length}");
        return Err(Problem::invalid(detail));
    }
    Ok(Template {
        name: name.to_owned(),
        language: body.language.clone(),
        category: body.category,
        status: TemplateStatus::from(status),
        body: body.body.clone(),
        provider_ref: body.provider_ref.clone(),
    })
}

/// Letters, digits and a few signs: what a key of the table may hold.
fn word(what: &str, text: &str, chars_max: usize, signs: &str) -> Result<(), Problem> {
    let fits = (1..=chars_max).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c));
    if fits {
        return Ok(());
    }
    let signs = signs.chars().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(" ");
    Err(Problem::invalid(format!(
        "`{what}` must be 1 to {chars_max} characters of a-z, A-Z, 0-9 and {signs}"
    )))
}

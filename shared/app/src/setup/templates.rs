//! Templates of an account (M51-M70).

use super::{ROUNDS_MAX, contended};
use crate::event::Event;
use crate::view::List;
use crate::view::shapes::{ButtonView, HeaderBody, HeaderView};
use crate::view::words::CategoryWord;
use crate::{App, AppError, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use transom_core::event::{Cause, EventKind};
use transom_core::id::AccountId;
use transom_core::template::{
    Button, Category, Header, Template, TemplateKind, TemplateStatus, check,
};
use transom_core::time::{Millis, Timestamp};
use transom_core::told::Told;
use transom_store::{TemplateFact, TemplateRecord, Updated};
use utoipa::ToSchema;

/// The longest name of a template, in characters: WhatsApp's own.
const NAME_CHARS_MAX: usize = 512;
/// The longest language tag, in characters.
const LANGUAGE_CHARS_MAX: usize = 16;
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
    #[schema(value_type = CategoryWord)]
    pub category: Category,
    /// `unsubmitted` (the default), `pending`, `approved`, `rejected`, `paused`, `disabled`, or
    /// another word of the provider; only `approved` is sent.
    pub status: Option<String>,
    /// Its text, with placeholders such as `{{1}}`.
    #[schema(example = "Hi {{1}}, your order is on its way.")]
    pub body: String,
    /// What stands above the text: a line, or `{"type":"text","text":…}`; a file:
    /// `{"type":"image"|"video"|"document","url"?,"variable"?,"example"?}`. `url` is sent where a
    /// message brings no file of its own.
    #[schema(value_type = Option<HeaderBody>, example = json!({"type": "text", "text": "Order {{1}}"}))]
    #[serde(default, deserialize_with = "header")]
    pub header: Option<Header>,
    /// A small line below the text.
    pub footer: Option<String>,
    /// What the customer can tap, each by its `type`: `quick_reply` (`text`, `payload?`), `url`
    /// (`text`, `url`, which may end with a placeholder), `phone` (`text`, `phone`), `copy_code`
    /// (`example?`), `otp` (`otp?` of `copy_code`, `one_tap`, `zero_tap`, `text?`), `catalog`
    /// (`text?`).
    #[schema(value_type = Option<Vec<ButtonView>>, example = json!([{"type": "quick_reply", "text": "Yes"}]))]
    pub buttons: Option<Vec<Button>>,
    /// `text`, `media`, `catalog` or `authentication`; by default what the parts make of it.
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
    #[schema(value_type = CategoryWord)]
    pub category: Category,
    /// Whether it may be sent.
    pub status: String,
    /// Its text.
    pub body: String,
    /// What stands above the text.
    #[schema(value_type = Option<HeaderView>)]
    pub header: Option<Header>,
    /// A small line below the text.
    pub footer: Option<String>,
    /// What the customer can tap.
    #[schema(value_type = Vec<ButtonView>)]
    pub buttons: Vec<Button>,
    /// What kind of template it is: `text`, `media`, `catalog`, `authentication`, or another kind
    /// of the provider, which is not sent.
    pub kind: String,
    /// The variables that a message must bring.
    pub variables: Vec<String>,
    /// The provider's own reference.
    pub provider_ref: Option<String>,
    /// What WhatsApp says of its quality.
    pub quality: Option<String>,
    /// Why it is in its state, where the provider tells.
    pub reason: Option<String>,
}

pub(crate) fn view(account: &str, template: &Template) -> TemplateView {
    TemplateView {
        account: account.to_owned(),
        name: template.name.clone(),
        language: template.language.clone(),
        category: template.category,
        status: template.status.as_str().to_owned(),
        body: template.body.clone(),
        header: template.header.clone(),
        footer: template.footer.clone(),
        buttons: template.buttons.clone(),
        kind: template.kind.as_str().to_owned(),
        variables: template.slots().into_iter().map(|slot| slot.key).collect(),
        provider_ref: template.provider_ref.clone(),
        quality: template.quality.clone(),
        reason: template.reason.clone(),
    }
}

/// A header as an object, or as its line alone.
fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Header>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Header::Text { text })),
        Some(other) => serde_json::from_value(other).map(Some).map_err(serde::de::Error::custom),
    }
}

impl App {
    /// Creates or changes a template in one language. The caller's word on its state is the latest.
    ///
    /// # Errors
    /// `not_found` for an unknown account, `invalid_request` naming the field, or when it could not
    /// be stored.
    pub async fn put_template(
        &self,
        account: &str,
        name: &str,
        body: &TemplateBody,
        now: Timestamp,
    ) -> Result<TemplateView, AppError> {
        let account = self.existing_account(account).await?.account.id;
        let template = parse(name, body)?;
        for _ in 0..ROUNDS_MAX {
            let seen =
                self.store.template_record(&account, &template.name, &template.language).await?;
            let seen = seen.as_ref();
            let status_at = after(seen.and_then(|seen| seen.status.as_ref()));
            let category_at = after(seen.and_then(|seen| seen.category.as_ref()));
            let record = TemplateRecord {
                status: Some(template.status.told(status_at, None)),
                category: Some(template.category.told(category_at)),
                quality: seen.and_then(|seen| seen.quality.clone()),
                template: template.clone(),
                untold: None,
            };
            if self.store.put_template(&account, &record, seen).await? == Updated::Done {
                let mut template = template;
                template.quality = seen.and_then(|seen| seen.template.quality.clone());
                self.publish(vec![template_event(&account, &template, now)]).await?;
                return Ok(view(account.as_str(), &template));
            }
        }
        Err(contended("template"))
    }

    /// The templates of an account, by name and language.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn list_templates(&self, account: &str) -> Result<List<TemplateView>, AppError> {
        Ok(List::whole(self.template_views(account, None).await?))
    }

    /// A template in all its languages.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn templates_named(
        &self,
        account: &str,
        name: &str,
    ) -> Result<Vec<TemplateView>, AppError> {
        self.template_views(account, Some(name)).await
    }

    async fn template_views(
        &self,
        account: &str,
        name: Option<&str>,
    ) -> Result<Vec<TemplateView>, AppError> {
        let account = self.existing_account(account).await?.account.id;
        let templates = self.store.templates(&account, name).await?;
        Ok(templates.iter().map(|t| view(account.as_str(), t)).collect())
    }
}

/// Just after the word that stands: who changes a template by hand overrules what was told before,
/// and whatever the provider says after that overrules him, however late it comes.
pub(super) fn after(told: Option<&Told>) -> Timestamp {
    told.map_or(Timestamp::ZERO, |told| told.at().plus(Millis::new(1)))
}

/// Tells that a template was changed at an instant.
pub(crate) fn template_event(account: &AccountId, template: &Template, at: Timestamp) -> Event {
    let what = format!("template:{account}:{}:{}", template.name, template.language);
    let data = serde_json::to_value(view(account.as_str(), template)).unwrap_or_default();
    Event::new(EventKind::TemplateUpdated, &Cause::Changed(what, at), at, data)
}

/// Tells that something was told of a template.
pub(crate) fn template_changed(
    account: &AccountId,
    template: &Template,
    fact: TemplateFact,
    told: &Told,
) -> Event {
    let (name, language) = (&template.name, &template.language);
    let what = format!("template:{account}:{name}:{language}:{fact:?}:{}", told.word());
    let data = serde_json::to_value(view(account.as_str(), template)).unwrap_or_default();
    let cause = Cause::Changed(what, told.at());
    Event::new(EventKind::TemplateUpdated, &cause, told.at(), data)
}

fn parse(name: &str, body: &TemplateBody) -> Result<Template, Problem> {
    let status = body.status.as_deref().unwrap_or("unsubmitted").to_ascii_lowercase();
    word("name", name, NAME_CHARS_MAX, "-_.")?;
    word("language", &body.language, LANGUAGE_CHARS_MAX, "-_")?;
    word("status", &status, WORD_CHARS_MAX, "-_")?;
    if let Some(reference) = &body.provider_ref {
        word("provider_ref", reference, WORD_CHARS_MAX, "-_.:")?;
    }
    let buttons = body.buttons.clone().unwrap_or_default();
    let mut template = Template {
        status: TemplateStatus::from(status),
        header: body.header.clone(),
        footer: body.footer.clone(),
        buttons,
        provider_ref: body.provider_ref.clone(),
        ..Template::new(name, &body.language, body.category, &body.body)
    };
    template.kind = match &body.kind {
        Some(kind) => TemplateKind::from(kind.clone()),
        None => template.kind_of_parts(),
    };
    check(&template).map_err(Problem::invalid)?;
    Ok(template)
}

/// Whether a template of a provider's list can stand in the table under its name and language.
pub(super) fn can_be_named(template: &Template) -> bool {
    word("name", &template.name, NAME_CHARS_MAX, "-_.").is_ok()
        && word("language", &template.language, LANGUAGE_CHARS_MAX, "-_").is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &str) -> Result<Template, Problem> {
        let text =
            format!(r#"{{"language":"en","category":"utility","body":"Hi {{{{1}}}}"{more}}}"#);
        let body: TemplateBody =
            serde_json::from_str(&text).map_err(|e| Problem::invalid(e.to_string()))?;
        parse("t", &body)
    }

    #[test]
    fn a_definition_of_an_earlier_build_is_read() {
        let text = r#"{"name":"t","language":"en","category":"utility","status":"approved",
            "body":"Hi","provider_ref":"HX1"}"#;
        let read: Template = serde_json::from_str(text).expect("read");
        assert_eq!((read.kind, read.header, read.buttons.len()), (TemplateKind::Text, None, 0));
    }

    #[test]
    fn m51_a_templates_name_language_and_words_have_exact_lengths() {
        let x = |length: usize| "x".repeat(length);
        let read = |name: &str, language: &str, status: &str, made: &str| {
            let body = serde_json::json!({
                "language": language, "category": "utility", "body": "Hi", "status": status,
                "provider_ref": made,
            });
            parse(name, &serde_json::from_value(body).expect("a body")).is_ok()
        };
        let exact = [true, true, false];
        assert_eq!([511, 512, 513].map(|n| read(&x(n), "en", "approved", "HX1")), exact);
        assert_eq!([15, 16, 17].map(|n| read("t", &x(n), "approved", "HX1")), exact);
        assert_eq!([127, 128, 129].map(|n| read("t", "en", &x(n), "HX1")), exact);
        assert_eq!([127, 128, 129].map(|n| read("t", "en", "approved", &x(n))), exact);
        assert!(!read("", "en", "approved", "HX1"));
    }

    #[test]
    fn m69_the_parts_make_the_kind_unless_it_is_said() {
        let kind = |more: &str| read(more).map(|t| t.kind.as_str().to_owned());
        assert_eq!(kind(""), Ok("text".into()));
        assert_eq!(kind(r#","header":"Order""#), Ok("text".into()));
        assert_eq!(kind(r#","header":{"type":"image"}"#), Ok("media".into()));
        assert_eq!(kind(r#","buttons":[{"type":"catalog","text":"View"}]"#), Ok("catalog".into()));
        assert_eq!(kind(r#","kind":"catalog""#), Ok("catalog".into()));
        for (more, named) in [
            (r#","kind":"carousel""#, "`kind` must be one of"),
            (r#","kind":"media""#, "`header` must be"),
            (r#","header":{"type":"sound"}"#, "unknown variant `sound`"),
            (r#","header":{"type":"image","link":"https://e.com"}"#, "unknown field `link`"),
            (r#","buttons":[{"type":"poke","text":"x"}]"#, "unknown variant `poke`"),
            (r#","buttons":[{"type":"url","text":"x"}]"#, "missing field `url`"),
            (r#","name":"x""#, "unknown field `name`"),
        ] {
            let problem = read(more).expect_err(named);
            assert!(problem.detail.contains(named), "{}", problem.detail);
        }
    }

    #[test]
    fn who_changes_a_template_by_hand_overrules_what_was_told_before() {
        let at = Timestamp::from_millis;
        let told = TemplateStatus::Paused.told(at(5), None);
        assert_eq!(after(Some(&told)), at(6));
        assert_eq!(after(None), at(0));
    }
}

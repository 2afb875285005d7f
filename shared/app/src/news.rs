//! What a provider tells of an account, its numbers and its templates: written down by its time,
//! told to subscribers, and at once of effect, because every decision reads it afresh (E12, F10).

use crate::event::Event;
use crate::setup::{AccountView, template_changed};
use crate::{App, AppError};
use serde_json::json;
use transom_core::event::{Cause, EventKind};
use transom_core::id::AccountId;
use transom_core::news::{HealthNews, News, TemplateChange, TemplateNews};
use transom_core::template::quality_told;
use transom_core::time::Timestamp;
use transom_core::told::Told;
use transom_store::{
    AccountRecord, HealthFact, HealthOf, HealthTold, TemplateFact, TemplateTold, restriction_told,
};
use transom_wire::Tells;

/// Why what nobody acts on is kept.
const UNSUPPORTED: &str = "unsupported";
/// Why news of a template that is not here are kept.
const UNKNOWN_TEMPLATE: &str = "unknown_template";
/// Why news of a number that is not here are kept.
const UNKNOWN_SENDER: &str = "unknown_sender";

impl App {
    /// Takes what a verified webhook tells of the account. What leads to nothing here is kept and
    /// shown (F6).
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub(crate) async fn take_news(
        &self,
        account: &AccountRecord,
        tells: Tells,
        now: Timestamp,
    ) -> Result<(), AppError> {
        // A provider whose clock is ahead must not silence what comes after.
        let at = tells.at.map_or(now, |at| at.min(now));
        let kept = match &tells.news {
            News::Template(news) => self.take_template_news(account, news, at).await?,
            News::Number(news) => self.take_number_news(account, &tells, news, at).await?,
            News::Account(news) => self.take_account_news(account, news, at, now).await?,
        };
        match kept {
            None => Ok(()),
            Some(reason) => {
                self.keep_account_event(account, reason, (tells.kind, tells.raw), now).await
            }
        }
    }

    async fn take_template_news(
        &self,
        account: &AccountRecord,
        news: &TemplateNews,
        at: Timestamp,
    ) -> Result<Option<&'static str>, AppError> {
        let id = &account.account.id;
        let (fact, told) = match &news.change {
            TemplateChange::Status { status, reason } => {
                (TemplateFact::Status, status.told(at, reason.as_deref()))
            }
            TemplateChange::Category(category) => (TemplateFact::Category, category.told(at)),
            TemplateChange::Quality(word) => (TemplateFact::Quality, quality_told(word, at)),
        };
        let names = (transom_wire::template_name(&news.name), news.language.clone());
        let mut outcome = self.tell_template(id, &names, fact, &told).await?;
        if outcome == TemplateTold::Unknown
            && let Some(other) = self.name_of_reference(id, news).await?
        {
            outcome = self.tell_template(id, &other, fact, &told).await?;
        }
        match outcome {
            TemplateTold::Unknown => Ok(Some(UNKNOWN_TEMPLATE)),
            TemplateTold::Superseded => {
                tracing::info!(outcome = "superseded", account = %id, "template news");
                Ok(None)
            }
            TemplateTold::Stands(record) => {
                tracing::info!(outcome = "template_updated", account = %id, status = record.template.status.as_str(), "template news");
                // A repeat tells it again under the same id.
                self.publish(vec![template_changed(id, &record.template, fact, &told)]).await?;
                Ok(None)
            }
        }
    }

    async fn tell_template(
        &self,
        account: &AccountId,
        (name, language): &(String, String),
        fact: TemplateFact,
        told: &Told,
    ) -> Result<TemplateTold, AppError> {
        Ok(self.store.tell_template(account, (name, language), fact, told).await?)
    }

    /// The name that a template of the provider's bears here, where that is another.
    async fn name_of_reference(
        &self,
        account: &AccountId,
        news: &TemplateNews,
    ) -> Result<Option<(String, String)>, AppError> {
        let Some(reference) = &news.provider_ref else { return Ok(None) };
        let templates = self.store.templates(account, None).await?;
        let known = templates.into_iter().find(|t| t.provider_ref.as_ref() == Some(reference));
        Ok(known.map(|template| (template.name, template.language)))
    }

    async fn take_number_news(
        &self,
        account: &AccountRecord,
        tells: &Tells,
        news: &HealthNews,
        at: Timestamp,
    ) -> Result<Option<&'static str>, AppError> {
        let sender = match &tells.business {
            Some(business) => self.sender_of_business(account, business).await?,
            None => None,
        };
        let own = |s: &transom_store::SenderRecord| {
            s.sender.account == account.account.id && s.sender.deleted_at.is_none()
        };
        let Some(sender) = sender.filter(own) else { return Ok(Some(UNKNOWN_SENDER)) };
        let (fact, told) = match news {
            HealthNews::Quality(word) => (HealthFact::Quality, quality_told(word, at)),
            HealthNews::DisplayName { name, decision } => {
                (HealthFact::DisplayName, Told::new(at, 0, decision, Some(name)))
            }
            HealthNews::Verification(_) | HealthNews::Restricted(_) | HealthNews::Unrestricted => {
                return Ok(Some(UNSUPPORTED));
            }
        };
        let id = sender.sender.id.clone();
        match self.store.tell_health(HealthOf::Sender(&id), fact, &told).await? {
            HealthTold::Unknown => return Ok(Some(UNKNOWN_SENDER)),
            HealthTold::Superseded => return Ok(None),
            HealthTold::Stands => {}
        }
        let view = self.show_sender(id.as_str()).await?;
        tracing::info!(outcome = "sender_updated", account = %account.account.id, sender = %id, "news");
        let cause = Cause::Changed(format!("sender:{id}:{fact:?}:{}", told.word()), told.at());
        let mut data = serde_json::to_value(&view).unwrap_or_default();
        data["deleted"] = json!(false);
        let mut event = Event::new(EventKind::SenderUpdated, &cause, told.at(), data);
        event.sender = Some(id);
        self.publish(vec![event]).await?;
        Ok(None)
    }

    async fn take_account_news(
        &self,
        account: &AccountRecord,
        news: &HealthNews,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<&'static str>, AppError> {
        let id = &account.account.id;
        let (fact, told) = match news {
            HealthNews::Verification(word) => {
                (HealthFact::Verification, Told::new(at, 0, word, None))
            }
            HealthNews::Restricted(restriction) => {
                (HealthFact::Restriction, restriction_told(Some(*restriction), at))
            }
            HealthNews::Unrestricted => (HealthFact::Restriction, restriction_told(None, at)),
            HealthNews::Quality(_) | HealthNews::DisplayName { .. } => {
                return Ok(Some(UNSUPPORTED));
            }
        };
        if self.store.tell_health(HealthOf::Account(id), fact, &told).await? != HealthTold::Stands {
            return Ok(None);
        }
        let Some(record) = self.store.account(id).await? else { return Ok(None) };
        tracing::warn!(outcome = "account_updated", account = %id, fact = ?fact, word = told.word(), "news");
        let cause = Cause::Changed(format!("account:{id}:{fact:?}:{}", told.word()), told.at());
        let view = AccountView::at(&record, now);
        let data = serde_json::to_value(view).unwrap_or_default();
        self.publish(vec![Event::new(EventKind::AccountUpdated, &cause, told.at(), data)]).await?;
        Ok(None)
    }
}

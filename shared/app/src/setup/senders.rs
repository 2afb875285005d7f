//! Senders: the business's numbers (M22, M24, M50, M52, D1, D11).

use super::limits::{LimitOf, limit_event};
use super::standing::Standing;
use super::{ROUNDS_MAX, contended, name};
use crate::event::Event;
use crate::limit::scope_of;
use crate::view::List;
use crate::view::shapes::AgentLimitsView;
use crate::view::words::{LimitScopeWord, StepStateWord};
use crate::{App, AppError, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use transom_core::account::{Account, AccountState, LimitScope, Sender};
use transom_core::agent_limit::{AgentLimits, TO_ONE_MAX};
use transom_core::code::Code;
use transom_core::delivery::DeliveryTable;
use transom_core::due::Threshold;
use transom_core::event::{Cause, EventKind};
use transom_core::id::{AccountId, BrandId, SenderId};
use transom_core::identity::Phone;
use transom_core::keywords::Keywords;
use transom_core::limit::{LIMIT_DEFAULT, LimitChange, SetBy};
use transom_core::news::Restriction;
use transom_core::onboarding::{BusinessManagerId, Onboarding, Step, StepState, business_number};
use transom_core::time::Timestamp;
use transom_core::told::Told;
use transom_store::{AccountRecord, Health, SenderRecord, Updated, Waiting};
use utoipa::ToSchema;

/// The highest rate, in messages a second.
const RATE_MAX: u32 = 1000;
/// The longest provider's own name of a sender, in characters.
const PROVIDER_ID_CHARS_MAX: usize = 128;

/// How long a display name is, in characters.
const DISPLAY_NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=100;

/// A sender as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderBody {
    /// The account that it sends through.
    pub account: String,
    /// The business number in E.164; it cannot be changed later.
    #[schema(example = "+14155238886")]
    pub phone: String,
    /// The brand that it speaks for.
    pub brand: Option<String>,
    /// Meta's phone-number id or Gupshup's app id.
    pub provider_id: Option<String>,
    /// The template switch; on by default.
    pub template_messaging: Option<bool>,
    /// Customers that may be written to first in any 24 hours; `null` is unlimited, 250 by
    /// default.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub messaging_limit: Option<Option<u32>>,
    /// `sender` (the default) or `portfolio`: who shares the places.
    #[schema(value_type = Option<LimitScopeWord>)]
    pub limit_scope: Option<LimitScope>,
    /// Messages a second, 1 to 1000; the provider's own rate by default.
    pub rate_per_second: Option<u32>,
    /// Its way to WhatsApp, to be followed in `checklist`.
    pub onboarding: Option<OnboardingBody>,
    /// How many messages agents may send: `per_user_24h` to one customer in 24 hours or until he
    /// answers (1 to 100), `per_agent_30d` of one agent in 30 days. Off unless set.
    #[schema(value_type = Option<AgentLimitsView>, example = json!({"per_user_24h": 10, "per_agent_30d": 100_000}))]
    pub agent_limits: Option<AgentLimits>,
}

/// A sender as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SenderView {
    /// Its name.
    pub id: String,
    /// The account that it sends through.
    pub account: String,
    /// The business number.
    pub phone: String,
    /// The brand that it speaks for.
    pub brand: Option<String>,
    /// The provider's own name for it.
    pub provider_id: Option<String>,
    /// The template switch.
    pub template_messaging: bool,
    /// Customers that may be written to first in any 24 hours; `null` is unlimited.
    pub messaging_limit: Option<u32>,
    /// Who shares the places.
    #[schema(value_type = LimitScopeWord)]
    pub limit_scope: LimitScope,
    /// Messages a second.
    pub rate_per_second: u32,
    /// How many messages agents may send; `null` where that is not limited.
    #[schema(value_type = Option<AgentLimitsView>)]
    pub agent_limits: Option<AgentLimits>,
    /// What the provider says of it.
    pub health: HealthView,
    /// The steps of its way to WhatsApp; empty where nobody follows it here.
    pub checklist: Vec<StepView>,
    /// When it was last changed.
    pub updated_at: String,
}

/// What the provider says of a sender; `null` where it has said nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthView {
    /// Its quality, as the provider says it.
    pub quality: Option<String>,
    /// Whether the business behind it is verified, as the provider says it.
    pub verification: Option<String>,
    /// The display name that the provider decided on last.
    pub display_name: Option<String>,
    /// What it decided: `approved` and the like.
    pub display_name_decision: Option<String>,
    /// `begins`: nothing may be begun; `all`: nothing may be sent; `null`: no restriction.
    pub restricted: Option<&'static str>,
    /// Until when, where the provider says so.
    pub restricted_until: Option<String>,
    /// What follows from all that, in sentences.
    pub effects: Vec<&'static str>,
}

impl HealthView {
    fn of(record: &SenderRecord, account: Option<&AccountRecord>, now: Timestamp) -> Self {
        let own = record.sender.restricted_until.filter(|until| now < *until);
        let own = own.map(|until| Restriction { until: Some(until), replies_too: false });
        let accounts = account.and_then(|a| a.account.restriction).filter(|it| it.holds(now));
        let restriction = accounts.or(own);
        let word = |told: &Option<Told>| told.as_ref().map(|told| told.word().to_owned());
        let (quality, name) = (&record.health.quality, &record.health.display_name);
        let verification = account.and_then(|account| word(&account.health.verification));
        let standing = Standing {
            verification: verification.as_deref(),
            quality: quality.as_ref().map(Told::word),
            display_name: name.as_ref().map(Told::word),
            restriction,
        };
        let effects = standing.effects();
        Self {
            quality: word(quality),
            verification,
            display_name: name.as_ref().and_then(Told::note).map(str::to_owned),
            display_name_decision: word(name),
            restricted: restriction.map(|it| if it.replies_too { "all" } else { "begins" }),
            restricted_until: restriction.and_then(|it| it.until).map(Timestamp::rfc3339),
            effects,
        }
    }
}

/// A sender's way to WhatsApp, as far as an administrator knows it; what is left out is not known.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnboardingBody {
    /// Meta's id of the business: 15 or 16 digits.
    #[schema(example = "123456789012345")]
    pub business_manager_id: Option<String>,
    /// Whether Meta has verified the business.
    pub business_verified: Option<bool>,
    /// Whether the number is the business's own and takes a call or a text.
    pub receives_code: Option<bool>,
    /// Whether the number was used with the API before.
    pub used_with_api: Option<bool>,
    /// Whether the number stands in a WhatsApp app.
    pub in_another_app: Option<bool>,
    /// When it was deleted there.
    pub left_app_at: Option<String>,
    /// The name that customers are to see.
    pub display_name: Option<String>,
    /// When everything was sent in.
    pub submitted_at: Option<String>,
    /// When WhatsApp approved it.
    pub approved_at: Option<String>,
}

/// A step of a sender's way to WhatsApp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepView {
    /// `business_manager`, `number`, `other_app`, `display_name`, `approval` or `certificate`.
    pub step: &'static str,
    /// `done`, `todo`, `waiting`, `late`, `overdue` or `blocked`.
    #[schema(value_type = StepStateWord)]
    pub state: StepState,
    /// What to do, or what is waited for.
    pub remedy: Option<String>,
    /// When it stands otherwise by itself.
    pub until: Option<String>,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self {
            step: step.name,
            state: step.state,
            remedy: step.remedy,
            until: step.until.map(Timestamp::rfc3339),
        }
    }
}

/// Tells an absent field from `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<&SenderRecord> for SenderView {
    fn from(record: &SenderRecord) -> Self {
        let sender = &record.sender;
        Self {
            id: sender.id.to_string(),
            account: sender.account.to_string(),
            phone: sender.phone.to_string(),
            brand: sender.brand.as_ref().map(ToString::to_string),
            provider_id: sender.provider_id.clone(),
            template_messaging: sender.template_messaging,
            messaging_limit: sender.messaging_limit,
            limit_scope: sender.limit_scope,
            rate_per_second: sender.rate_per_second,
            agent_limits: sender.agent_limits,
            health: HealthView::of(record, None, record.updated_at),
            checklist: Vec::new(),
            updated_at: record.updated_at.rfc3339(),
        }
    }
}

impl App {
    /// Creates or changes a sender; one that was deleted is there again, with its conversations.
    ///
    /// # Errors
    /// `invalid_request` naming the field, `account_deleted`, or when it could not be stored.
    pub async fn put_sender(
        &self,
        id: &str,
        body: &SenderBody,
        now: Timestamp,
    ) -> Result<SenderView, AppError> {
        let id = name("sender", SenderId::parse(id))?;
        let account = self.account_for_sender(body).await?;
        let brand = self.brand_for_sender(body).await?;
        let mut sender = parse(&id, body, &account)?;
        sender.brand = brand;
        let onboarding = body.onboarding.as_ref().map(read_onboarding).transpose()?;
        for _ in 0..ROUNDS_MAX {
            let known = self.store.sender(&id).await?;
            let owner = self.owner_of(&sender, now).await?;
            if let Some(known) = &known {
                check_phone(known, &sender)?;
                sender.restricted_until = known.sender.restricted_until;
                sender.delivery_table = known.sender.delivery_table;
            }
            let mut record = known.clone().unwrap_or_else(|| SenderRecord {
                sender: sender.clone(),
                expiring: Threshold::default_ladder(),
                keywords: Keywords::default(),
                budget: None,
                onboarding: None,
                opt_in_prompt: None,
                limit_changed: None,
                waiting: Waiting::default(),
                updated_at: now,
                health: Health::default(),
            });
            let before = known.as_ref().map(|k| k.sender.messaging_limit);
            if before != Some(sender.messaging_limit) {
                let from = before.flatten();
                record.limit_changed =
                    Some(LimitChange { at: now, by: SetBy::Administrator, from });
            }
            record.sender = sender.clone();
            record.onboarding.clone_from(&onboarding);
            record.updated_at = now;
            if self.store.put_sender(&record, owner.as_ref()).await? == Updated::Done {
                self.wake_after_change(&record.sender, known.as_ref(), &account, now).await?;
                return self.tell_sender(&record, known.as_ref(), now).await;
            }
        }
        Err(contended("sender"))
    }

    /// Whoever waits for a place is looked at when their number, or whose they are, has changed.
    async fn wake_after_change(
        &self,
        sender: &Sender,
        known: Option<&SenderRecord>,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(known) = known.map(|k| &k.sender) else { return Ok(()) };
        let scopes = [scope_of(known, account), scope_of(sender, account)];
        if known.messaging_limit == sender.messaging_limit && scopes[0] == scopes[1] {
            return Ok(());
        }
        for scope in scopes {
            self.wake_waiting(&scope, now).await?;
        }
        Ok(())
    }

    /// A sender.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_sender(&self, id: &str) -> Result<SenderView, AppError> {
        self.sender_view(&self.existing_sender(id).await?, self.clock.now()).await
    }

    /// All senders, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn list_senders(&self) -> Result<List<SenderView>, AppError> {
        let senders = self.store.senders().await?;
        let now = self.clock.now();
        let mut views = Vec::with_capacity(senders.len());
        for sender in senders.iter().filter(|s| s.sender.deleted_at.is_none()) {
            views.push(self.sender_view(sender, now).await?);
        }
        Ok(List::whole(views))
    }

    /// Deletes a sender: its conversations are interrupted until it is put again, and those that
    /// are open are told so (M50).
    ///
    /// # Errors
    /// `not_found`, or when it could not be stored.
    pub async fn delete_sender(&self, id: &str, now: Timestamp) -> Result<(), AppError> {
        let mut record = self.existing_sender(id).await?;
        let known = record.clone();
        record.sender.deleted_at = Some(now);
        record.updated_at = now;
        self.note_interruption(&record.sender.id, now).await?;
        // Only while the number is still its own.
        if self.store.put_sender(&record, Some(&record.sender.id)).await? == Updated::Changed {
            return Err(contended("sender"));
        }
        self.tell_sender(&record, Some(&known), now).await.map(|_| ())
    }

    pub(super) async fn existing_sender(&self, id: &str) -> Result<SenderRecord, AppError> {
        let unknown = || Problem::not_found("sender with this name");
        let id = SenderId::parse(id).map_err(|_| unknown())?;
        let record = self.store.sender(&id).await?.filter(|r| r.sender.deleted_at.is_none());
        record.ok_or_else(|| unknown().into())
    }

    /// A sender with what its provider says of it and of its account, and with the steps of its way
    /// where they are followed.
    async fn sender_view(
        &self,
        record: &SenderRecord,
        now: Timestamp,
    ) -> Result<SenderView, AppError> {
        let account = self.store.account(&record.sender.account).await?;
        let mut view = SenderView::from(record);
        view.health = HealthView::of(record, account.as_ref(), now);
        if let (Some(onboarding), Some(account)) = (&record.onboarding, &account) {
            let steps = onboarding.checklist(&record.sender.phone, account.account.provider, now);
            view.checklist = steps.into_iter().map(StepView::from).collect();
        }
        Ok(view)
    }

    async fn account_for_sender(&self, body: &SenderBody) -> Result<Account, AppError> {
        let id = name("account", AccountId::parse(&body.account))?;
        let record = self.store.account(&id).await?.ok_or_else(|| {
            let detail = format!("`account`: there is no account `{id}`; put it first");
            Problem::invalid(detail)
        })?;
        if record.account.state == AccountState::Deleted {
            let detail = format!("account `{id}` was deleted for good");
            return Err(Problem::new(Code::AccountDeleted, detail).into());
        }
        Ok(record.account)
    }

    async fn brand_for_sender(&self, body: &SenderBody) -> Result<Option<BrandId>, AppError> {
        let Some(text) = &body.brand else { return Ok(None) };
        let id = name("brand", BrandId::parse(text))?;
        if self.store.brand(&id).await?.is_none() {
            let detail = format!("`brand`: there is no brand `{id}`; put it first");
            return Err(Problem::invalid(detail).into());
        }
        Ok(Some(id))
    }

    /// Whom the number belongs to now; refused when that is another sender in use (D1: a number
    /// may move once its sender is deleted or its account is gone).
    async fn owner_of(
        &self,
        sender: &Sender,
        now: Timestamp,
    ) -> Result<Option<SenderId>, AppError> {
        let owner = self.store.sender_of_number(&sender.phone).await?;
        let Some(other) = owner.as_ref().filter(|o| **o != sender.id) else { return Ok(owner) };
        let Some(record) = self.store.sender(other).await? else { return Ok(owner) };
        let account = self.store.account(&record.sender.account).await?;
        let in_use = account.is_some_and(|a| match a.account.state {
            AccountState::Active | AccountState::Deactivated => true,
            AccountState::Removed | AccountState::Deleted => false,
        });
        if record.sender.deleted_at.is_none() && in_use {
            let detail = format!("`phone` belongs to sender `{other}`; delete that one first");
            return Err(Problem::invalid(detail).into());
        }
        if record.sender.deleted_at.is_none() {
            self.retire(record, now).await?;
        }
        Ok(owner)
    }

    /// A sender whose account is gone gives its number up before another takes it; were it left
    /// in use, its next change would take the number back.
    async fn retire(&self, mut record: SenderRecord, now: Timestamp) -> Result<(), AppError> {
        let id = record.sender.id.clone();
        record.sender.deleted_at = Some(now);
        record.updated_at = now;
        match self.store.put_sender(&record, Some(&id)).await? {
            Updated::Done => Ok(()),
            Updated::Changed => Err(contended("number")),
        }
    }

    async fn tell_sender(
        &self,
        record: &SenderRecord,
        known: Option<&SenderRecord>,
        now: Timestamp,
    ) -> Result<SenderView, AppError> {
        let view = self.sender_view(record, now).await?;
        let mut data = serde_json::to_value(&view).unwrap_or_default();
        if let Some(fields) = data.as_object_mut() {
            fields.insert("deleted".to_owned(), json!(record.sender.deleted_at.is_some()));
        }
        let cause = Cause::Changed(format!("sender:{}", view.id), now);
        let mut events = vec![Event::new(EventKind::SenderUpdated, &cause, now, data)];
        // A portfolio's senders have no figure of their own.
        let own = |s: &Sender| s.limit_scope == LimitScope::Sender;
        let before = known.filter(|k| own(&k.sender) && own(&record.sender));
        let before = before.map(|k| k.sender.messaging_limit);
        let whose = LimitOf::Sender(&record.sender.id);
        events.extend(limit_event(whose, before, view.messaging_limit, now));
        for event in &mut events {
            event.sender = Some(record.sender.id.clone());
        }
        self.publish(events).await?;
        Ok(view)
    }
}

fn read_onboarding(body: &OnboardingBody) -> Result<Onboarding, Problem> {
    let wrong = |field: &str, why: String| Problem::invalid(format!("`onboarding.{field}` {why}"));
    let time = |field: &'static str, text: &Option<String>| {
        let read = text.as_deref().map(Timestamp::parse_rfc3339).transpose();
        read.map_err(|e| wrong(field, e.to_string()))
    };
    let business_manager_id =
        body.business_manager_id.as_deref().map(BusinessManagerId::parse).transpose();
    let display_name = body.display_name.as_deref().map(str::trim).map(str::to_owned);
    let is_name = |name: &String| {
        DISPLAY_NAME_CHARS.contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if display_name.as_ref().is_some_and(|name| !is_name(name)) {
        let why = "must be 3 to 100 printable characters, the business's own name";
        return Err(wrong("display_name", why.to_owned()));
    }
    Ok(Onboarding {
        business_manager_id: business_manager_id
            .map_err(|e| wrong("business_manager_id", e.to_string()))?,
        business_verified: body.business_verified.unwrap_or(false),
        receives_code: body.receives_code.unwrap_or(false),
        used_with_api: body.used_with_api.unwrap_or(false),
        in_another_app: body.in_another_app.unwrap_or(false),
        left_app_at: time("left_app_at", &body.left_app_at)?,
        display_name,
        submitted_at: time("submitted_at", &body.submitted_at)?,
        approved_at: time("approved_at", &body.approved_at)?,
    })
}

fn parse(id: &SenderId, body: &SenderBody, account: &Account) -> Result<Sender, Problem> {
    let phone = Phone::parse(&body.phone).map_err(|e| match business_number(&body.phone) {
        Err(fault) => Problem::invalid(format!("`phone` {fault}")),
        Ok(_) => Problem::invalid(format!("`phone` {e}")),
    })?;
    if let Some(misfit) = account.profile().sender_misfit(&phone) {
        return Err(Problem::invalid(format!("`phone` {misfit}")));
    }
    let rate = body.rate_per_second.unwrap_or(account.provider.profile().rate_per_second);
    if !(1..=RATE_MAX).contains(&rate) {
        return Err(Problem::invalid(format!("`rate_per_second` must be 1 to {RATE_MAX}")));
    }
    let limit_scope = body.limit_scope.unwrap_or(LimitScope::Sender);
    if limit_scope == LimitScope::Portfolio && account.portfolio.is_none() {
        let detail = format!(
            "`limit_scope` cannot be `portfolio`: account `{}` has no `portfolio`",
            account.id
        );
        return Err(Problem::invalid(detail));
    }
    if let Some(text) = &body.provider_id {
        let fits = (1..=PROVIDER_ID_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic());
        if !fits {
            return Err(Problem::invalid(format!(
                "`provider_id` must be 1 to {PROVIDER_ID_CHARS_MAX} printable characters without \
                 spaces"
            )));
        }
    }
    Ok(Sender {
        id: id.clone(),
        account: account.id.clone(),
        phone,
        brand: None,
        provider_id: body.provider_id.clone(),
        template_messaging: body.template_messaging.unwrap_or(true),
        messaging_limit: body.messaging_limit.unwrap_or(Some(LIMIT_DEFAULT)),
        limit_scope,
        rate_per_second: rate,
        agent_limits: agent_limits(body)?,
        delivery_table: DeliveryTable::default(),
        restricted_until: None,
        deleted_at: None,
    })
}

fn agent_limits(body: &SenderBody) -> Result<Option<AgentLimits>, Problem> {
    let limits = body.agent_limits.unwrap_or_default();
    if limits.per_user_24h.is_some_and(|limit| !(1..=TO_ONE_MAX).contains(&limit)) {
        let detail = format!("`agent_limits.per_user_24h` must be 1 to {TO_ONE_MAX}");
        return Err(Problem::invalid(detail));
    }
    if limits.per_agent_30d == Some(0) {
        return Err(Problem::invalid("`agent_limits.per_agent_30d` must be 1 or more"));
    }
    Ok((limits != AgentLimits::default()).then_some(limits))
}

/// A sender keeps its number: conversations belong to the number, and another one under the
/// same name would take over what is not its own.
fn check_phone(known: &SenderRecord, sender: &Sender) -> Result<(), Problem> {
    if known.sender.phone == sender.phone {
        return Ok(());
    }
    Err(Problem::invalid(
        "`phone` of a sender cannot be changed; delete it and add a sender of another name",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_limit_is_the_default_and_null_is_unlimited() {
        let read = |more: &str| {
            let text = format!(r#"{{"account":"a","phone":"+14155238886"{more}}}"#);
            serde_json::from_str::<SenderBody>(&text).map(|b| b.messaging_limit)
        };
        assert!(matches!(read(""), Ok(None)));
        assert!(matches!(read(r#","messaging_limit":null"#), Ok(Some(None))));
        assert!(matches!(read(r#","messaging_limit":0"#), Ok(Some(Some(0)))));
        assert!(read(r#","messaging_limit":-1"#).is_err());
        assert!(read(r#","limit":1"#).is_err());
    }
}

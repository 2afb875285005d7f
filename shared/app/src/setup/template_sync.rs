//! Templates at the provider: its own list pulled, a draft handed in for approval (M51, M60, F10).
//!
//! Everything is read before anything is written, so a list that breaks off changes nothing. What
//! is written then merges by time: an event that came while the list was read is not undone.

use super::templates::{TemplateView, after, template_event, view};
use super::{ROUNDS_MAX, contended};
use crate::provider::Asked;
use crate::{App, AppError, Problem};
use futures::stream::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::account::AccountState;
use transom_core::code::Code;
use transom_core::id::AccountId;
use transom_core::template::{Template, TemplateStatus};
use transom_core::time::{Millis, Timestamp};
use transom_core::told::Told;
use transom_store::{AccountRecord, TemplateFact, TemplateRecord, TemplateTold, Updated};
use transom_wire::{ApiAnswer, ApiRequest, Credentials, Declined, Unrenderable};
use utoipa::ToSchema;

/// The most pages of a provider's list: far more templates than any account may have.
const PAGES_MAX: usize = 100;
/// How long reading a list may take; the caller waits, and API Gateway ends after 30 s.
const LIST_WITHIN: Millis = Millis::from_seconds(20);
/// How many templates are written at once.
const CONCURRENT: usize = 8;
/// The most calls that handing one template in takes.
const CALLS_MAX: usize = 2;

/// Which template is handed in.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitBody {
    /// Its language, where the account has several of this name.
    pub language: Option<String>,
}

/// What pulling the provider's list has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SyncView {
    /// How many templates the provider lists.
    pub listed: usize,
    /// How many of ours are new or have changed.
    pub changed: usize,
    /// How many of ours it does not list any more; they are `unlisted` from now on.
    pub unlisted: usize,
    /// What the provider lists and cannot be kept, and why.
    pub skipped: Vec<String>,
    /// All templates of the account as they stand now.
    pub items: Vec<TemplateView>,
}

/// An account's provider, ready to be asked.
struct ProviderSide {
    account: AccountRecord,
    credentials: Credentials,
    base: String,
    owner: Option<String>,
}

impl App {
    /// Pulls the provider's own list of templates.
    ///
    /// # Errors
    /// `not_found`, the account's state, what the provider says, or when something could not be
    /// stored; a repeat does what is left.
    pub async fn sync_templates(
        &self,
        account: &str,
        now: Timestamp,
    ) -> Result<SyncView, AppError> {
        let side = self.provider_side(account).await?;
        let id = side.account.account.id.clone();
        let listed = self.pull(&side).await?;
        let known = self.store.template_records(&id, None).await?;
        let (merged, skipped) = merge(&known, &listed);
        let kept: BTreeSet<(String, String)> = merged.keys().cloned().collect();
        let writes =
            merged.into_values().map(|(told, seen)| self.take_listed(&id, told, seen, now));
        let changed: Vec<bool> =
            futures::stream::iter(writes).buffer_unordered(CONCURRENT).try_collect().await?;
        let gone = known.iter().filter(|record| !kept.contains(&key(&record.template)));
        let gone: Vec<&TemplateRecord> = gone.filter(|r| is_at_the_provider(&r.template)).collect();
        let mut unlisted = 0;
        for record in gone {
            unlisted += usize::from(self.unlist(&id, record, now).await?);
        }
        let account = id.as_str();
        let items = self.store.templates(&id, None).await?;
        tracing::info!(outcome = "synced", account, listed = listed.len(), unlisted, "templates");
        Ok(SyncView {
            listed: listed.len(),
            changed: changed.into_iter().filter(|changed| *changed).count(),
            unlisted,
            skipped,
            items: items.iter().map(|template| view(account, template)).collect(),
        })
    }

    /// Hands a draft in for approval. One that is handed in, or approved, is answered as it stands.
    ///
    /// # Errors
    /// `not_found`, the account's state, a state that cannot be handed in, what the provider says,
    /// or when something could not be stored.
    pub async fn submit_template(
        &self,
        account: &str,
        name: &str,
        language: Option<&str>,
        now: Timestamp,
    ) -> Result<TemplateView, AppError> {
        let id = self.existing_account(account).await?.account.id;
        let record = self.draft(&id, name, language).await?;
        match &record.template.status {
            TemplateStatus::Pending | TemplateStatus::Approved => {
                return Ok(view(id.as_str(), &record.template));
            }
            TemplateStatus::Unsubmitted
            | TemplateStatus::Rejected
            | TemplateStatus::Deleted
            | TemplateStatus::LimitExceeded
            | TemplateStatus::Unlisted => {}
            other @ (TemplateStatus::Paused
            | TemplateStatus::Disabled
            | TemplateStatus::InAppeal
            | TemplateStatus::Flagged
            | TemplateStatus::Locked
            | TemplateStatus::Archived
            | TemplateStatus::PendingDeletion
            | TemplateStatus::Unknown(_)) => {
                let detail = format!(
                    "template `{name}` is {}: only one that is unsubmitted, rejected, deleted, \
                     limit_exceeded or unlisted is handed in",
                    other.as_str()
                );
                return Err(Problem::invalid(detail).into());
            }
        }
        let side = self.provider_side(account).await?;
        let (provider_ref, status) = self.hand_in(&side, &record).await?;
        self.note_submission(&id, &record.template, provider_ref, &status, now).await
    }

    async fn draft(
        &self,
        account: &AccountId,
        name: &str,
        language: Option<&str>,
    ) -> Result<TemplateRecord, AppError> {
        let mut found = self.store.template_records(account, Some(name)).await?;
        if let Some(language) = language {
            found.retain(|record| record.template.language == language);
        }
        match (found.pop(), found.len()) {
            (Some(only), 0) => Ok(only),
            (None, _) => {
                let which = language.map(|l| format!(" in `{l}`")).unwrap_or_default();
                Err(Problem::not_found(format!("template `{name}`{which}")).into())
            }
            (Some(last), _) => {
                let all = found.iter().chain([&last]).map(|r| r.template.language.as_str());
                let all: Vec<&str> = all.collect();
                let detail =
                    format!("`language`: template `{name}` has several: {}", all.join(", "));
                Err(Problem::invalid(detail).into())
            }
        }
    }

    /// Calls the provider until it tells a state. A reference that it gave on the way is kept at
    /// once, so that a repeat does not make a second one.
    async fn hand_in(
        &self,
        side: &ProviderSide,
        record: &TemplateRecord,
    ) -> Result<(Option<String>, TemplateStatus), AppError> {
        let provider = side.account.account.provider;
        let mut template = record.template.clone();
        for _ in 0..CALLS_MAX {
            let owner = side.owner.as_deref();
            let request =
                transom_wire::submit_template(&side.credentials, &side.base, owner, &template);
            let asked = self.ask(request.map_err(unwritable)?).await?;
            let read = transom_wire::read_submission(provider, &asked.as_answer());
            let submission = read.map_err(|declined| refusal(&declined, self.clock.now()))?;
            if let Some(status) = submission.status {
                let reference = submission.provider_ref.or(template.provider_ref);
                return Ok((reference, status));
            }
            template.provider_ref = submission.provider_ref;
            self.keep_reference(&side.account.account.id, &template).await?;
        }
        Err(lost("it did not say what became of the template").into())
    }

    async fn keep_reference(&self, id: &AccountId, made: &Template) -> Result<(), AppError> {
        for _ in 0..ROUNDS_MAX {
            let seen = self.store.template_record(id, &made.name, &made.language).await?;
            let Some(seen) = seen else { return Ok(()) };
            let mut record = seen.clone();
            record.template.provider_ref.clone_from(&made.provider_ref);
            if self.store.put_template(id, &record, Some(&seen)).await? == Updated::Done {
                return Ok(());
            }
        }
        Err(contended("template"))
    }

    async fn note_submission(
        &self,
        id: &AccountId,
        handed_in: &Template,
        provider_ref: Option<String>,
        status: &TemplateStatus,
        now: Timestamp,
    ) -> Result<TemplateView, AppError> {
        for _ in 0..ROUNDS_MAX {
            let seen = self.store.template_record(id, &handed_in.name, &handed_in.language).await?;
            let mut record = seen.clone().unwrap_or_else(|| untouched(handed_in.clone()));
            record.template.provider_ref.clone_from(&provider_ref);
            // Later than all that was told before, and than a list that was read before.
            let told = status.told(now.max(after(record.status.as_ref())), None);
            record.template.status = status.clone();
            record.template.reason = None;
            record.status = Some(told);
            if self.store.put_template(id, &record, seen.as_ref()).await? == Updated::Done {
                self.publish(vec![template_event(id, &record.template, now)]).await?;
                return Ok(view(id.as_str(), &record.template));
            }
        }
        Err(contended("template"))
    }

    /// An account that is in use, its credentials, and in whose name its templates stand.
    async fn provider_side(&self, account: &str) -> Result<ProviderSide, AppError> {
        let account = self.existing_account(account).await?;
        let id = account.account.id.clone();
        match account.account.state {
            AccountState::Active | AccountState::Deactivated => {}
            AccountState::Removed => {
                let detail = format!("account `{id}` was removed; put it again to use it");
                return Err(Problem::new(Code::IntegrationRemoved, detail).into());
            }
            AccountState::Deleted => {
                let detail = format!("account `{id}` was deleted for good");
                return Err(Problem::new(Code::AccountDeleted, detail).into());
            }
        }
        let credentials = self.credentials(&account)?;
        let base = self.api_base(&account);
        let provider_id = self.provider_id_of(&id).await?;
        let mut owner = transom_wire::template_owner(&credentials, provider_id.as_deref());
        let asks = transom_wire::ask_template_owner(&credentials, &base, provider_id.as_deref());
        if let Some(request) = asks.map_err(unwritable)? {
            let asked = self.ask(request).await?;
            let provider = account.account.provider;
            let read = transom_wire::read_template_owner(provider, &asked.as_answer());
            owner = Some(read.map_err(|declined| refusal(&declined, self.clock.now()))?);
        }
        Ok(ProviderSide { account, credentials, base, owner })
    }

    /// The provider's own name of one of an account's numbers.
    async fn provider_id_of(&self, account: &AccountId) -> Result<Option<String>, AppError> {
        let latest = self.store.sender_of_provider_id(account, None).await?;
        if let Some(id) = latest
            && let Some(record) = self.store.sender(&id).await?
            && record.sender.account == *account
            && record.sender.deleted_at.is_none()
            && record.sender.provider_id.is_some()
        {
            return Ok(record.sender.provider_id);
        }
        let senders = self.store.senders().await?.into_iter().map(|record| record.sender);
        let mut own = senders.filter(|s| s.account == *account && s.deleted_at.is_none());
        Ok(own.find_map(|sender| sender.provider_id))
    }

    /// Every page of the provider's list, or an error.
    async fn pull(&self, side: &ProviderSide) -> Result<Vec<Template>, AppError> {
        let provider = side.account.account.provider;
        let began = self.clock.now();
        let mut templates = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            if self.clock.now().since(began) > LIST_WITHIN {
                return Err(lost("its list took too long; nothing was changed").into());
            }
            let (owner, at) = (side.owner.as_deref(), cursor.as_deref());
            let request = transom_wire::list_templates(&side.credentials, &side.base, owner, at);
            let asked = self.ask(request.map_err(unwritable)?).await?;
            let page = transom_wire::read_templates(provider, &asked.as_answer())
                .map_err(|declined| refusal(&declined, self.clock.now()))?;
            templates.extend(page.templates);
            match page.next {
                None => return Ok(templates),
                // A page that leads to itself would be read for ever.
                Some(next) if cursor.as_ref() == Some(&next) => {
                    return Err(lost("its pages lead in a circle; nothing was changed").into());
                }
                Some(next) => cursor = Some(next),
            }
        }
        Err(lost("its list has too many pages; nothing was changed").into())
    }

    async fn ask(&self, request: ApiRequest) -> Result<Answered, AppError> {
        match self.provider.ask(request).await {
            Asked::Answered { status, retry_after, body } => {
                Ok(Answered { status, retry_after, body })
            }
            Asked::Lost(why) => Err(lost(&why).into()),
        }
    }

    /// Writes a listed template down and tells of it; answers whether anything of it has changed.
    async fn take_listed(
        &self,
        id: &AccountId,
        listed: Template,
        mut seen: Option<TemplateRecord>,
        now: Timestamp,
    ) -> Result<bool, AppError> {
        for _ in 0..ROUNDS_MAX {
            let mut record = over(seen.as_ref(), &listed, now);
            let changed = seen.as_ref().is_none_or(|seen| seen.template != record.template);
            // A change that a run before this one wrote and did not live to tell.
            let untold = seen.as_ref().and_then(|seen| seen.untold);
            record.untold = if changed { Some(now) } else { untold };
            if self.store.put_template(id, &record, seen.as_ref()).await? == Updated::Done {
                if let Some(at) = record.untold {
                    self.publish(vec![template_event(id, &record.template, at)]).await?;
                    self.store.template_told(id, &record.template, at).await?;
                }
                return Ok(changed);
            }
            seen = self.store.template_record(id, &listed.name, &listed.language).await?;
        }
        Err(contended("template"))
    }

    /// What the provider no longer lists stays, visible, and is never taken for approved.
    async fn unlist(
        &self,
        id: &AccountId,
        record: &TemplateRecord,
        now: Timestamp,
    ) -> Result<bool, AppError> {
        let template = &record.template;
        let told = TemplateStatus::Unlisted.told(now, None);
        let names = (template.name.as_str(), template.language.as_str());
        match self.store.tell_template(id, names, TemplateFact::Status, &told).await? {
            TemplateTold::Stands(record) => {
                let event = template_event(id, &record.template, now);
                self.publish(vec![event]).await?;
                Ok(true)
            }
            TemplateTold::Superseded | TemplateTold::Unknown => Ok(false),
        }
    }
}

/// An answer of a management API.
struct Answered {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
}

impl Answered {
    fn as_answer(&self) -> ApiAnswer<'_> {
        let retry_after = self.retry_after.as_deref();
        ApiAnswer { status: self.status, retry_after, body: &self.body }
    }
}

/// What is to be written, by name and language, beside what stands there.
type Merged = BTreeMap<(String, String), (Template, Option<TemplateRecord>)>;

/// Puts each listed template to the one that it is: by name and language, else by the provider's
/// reference. Of two of one name and language the approved one counts.
fn merge(known: &[TemplateRecord], listed: &[Template]) -> (Merged, Vec<String>) {
    let by_name: BTreeMap<(String, String), &TemplateRecord> =
        known.iter().map(|record| (key(&record.template), record)).collect();
    let named: BTreeSet<(String, String)> = listed.iter().map(key).collect();
    let by_reference: BTreeMap<&str, &TemplateRecord> = known
        .iter()
        .filter(|record| !named.contains(&key(&record.template)))
        .filter_map(|record| Some((record.template.provider_ref.as_deref()?, record)))
        .collect();
    let mut merged = Merged::new();
    let mut skipped = Vec::new();
    for template in listed {
        let mut template = template.clone();
        let mut seen = by_name.get(&key(&template)).copied();
        if seen.is_none()
            && let Some(known) = template.provider_ref.as_deref().and_then(|r| by_reference.get(r))
        {
            // It has another name here: it keeps it.
            template.name.clone_from(&known.template.name);
            template.language.clone_from(&known.template.language);
            seen = Some(known);
        }
        if !super::templates::can_be_named(&template) {
            skipped.push(format!("`{}`: its name or language is too long", template.name));
            continue;
        }
        let key = key(&template);
        match merged.get(&key) {
            Some((there, _)) if !outranks(&template, there) => {
                let name = &template.name;
                skipped.push(format!("`{name}` ({}) is listed twice", template.language));
            }
            Some(_) => {
                skipped.push(format!("`{}` ({}) is listed twice", key.0, key.1));
                merged.insert(key, (template, seen.cloned()));
            }
            None => {
                merged.insert(key, (template, seen.cloned()));
            }
        }
    }
    (merged, skipped)
}

fn outranks(template: &Template, there: &Template) -> bool {
    template.status == TemplateStatus::Approved && there.status != TemplateStatus::Approved
}

fn key(template: &Template) -> (String, String) {
    (template.name.clone(), template.language.clone())
}

/// A draft that was never handed in is none of the provider's business.
fn is_at_the_provider(template: &Template) -> bool {
    !matches!(
        template.status,
        TemplateStatus::Unsubmitted | TemplateStatus::Unlisted | TemplateStatus::Deleted
    )
}

fn untouched(template: Template) -> TemplateRecord {
    TemplateRecord { template, status: None, category: None, quality: None, untold: None }
}

/// A listed template over what stands there: its definition counts, and of each word the later.
fn over(seen: Option<&TemplateRecord>, listed: &Template, now: Timestamp) -> TemplateRecord {
    let later = |there: Option<&Told>, told: Told| match there {
        Some(there) if *there > told => there.clone(),
        Some(_) | None => told,
    };
    let mut template = listed.clone();
    if let Some(seen) = seen {
        template.keep_what_is_ours(&seen.template);
    }
    let status = later(
        seen.and_then(|seen| seen.status.as_ref()),
        listed.status.told(now, listed.reason.as_deref()),
    );
    let category = later(seen.and_then(|seen| seen.category.as_ref()), listed.category.told(now));
    let quality = match &listed.quality {
        Some(word) => {
            let told = transom_core::template::quality_told(word, now);
            Some(later(seen.and_then(|seen| seen.quality.as_ref()), told))
        }
        None => seen.and_then(|seen| seen.quality.clone()),
    };
    template.status = TemplateStatus::from(status.word().to_owned());
    template.reason = status.note().map(str::to_owned);
    template.quality = quality.as_ref().map(|told| told.word().to_owned());
    if let Some(category) = transom_core::template::Category::parse(category.word()) {
        template.category = category;
    }
    TemplateRecord {
        template,
        status: Some(status),
        category: Some(category),
        quality,
        untold: None,
    }
}

fn unwritable(error: Unrenderable) -> AppError {
    Problem::invalid(error.0).into()
}

fn lost(why: &str) -> Problem {
    Problem::new(Code::Overloaded, format!("the provider was asked, and {why}"))
}

fn refusal(declined: &Declined, now: Timestamp) -> Problem {
    match declined {
        Declined::Refused { code, words } => {
            Problem::invalid(format!("the provider refused ({code}): {words}"))
        }
        Declined::Later { after, code } => {
            let mut problem = lost(&format!("it asks for patience or is out of order ({code})"));
            problem.retry_at = after.map(|after| now.plus(after));
            problem
        }
        Declined::Unreadable => lost("its answer cannot be read; nothing was changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transom_core::template::Category;

    fn listed(name: &str, status: TemplateStatus, reference: &str) -> Template {
        Template {
            status,
            provider_ref: Some(reference.to_owned()),
            ..Template::new(name, "en", Category::Utility, "Hi")
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn f10_a_word_that_came_while_the_list_was_read_is_not_undone() {
        let approved = listed("t", TemplateStatus::Approved, "1");
        let mut seen = untouched(approved.clone());
        for (told_at, stands) in [(9, "approved"), (10, "paused"), (11, "paused")] {
            seen.status = Some(TemplateStatus::Paused.told(at(told_at), None));
            let record = over(Some(&seen), &approved, at(10));
            assert_eq!(
                record.template.status.as_str(),
                stands,
                "paused at {told_at}, listed at 10"
            );
        }
        assert_eq!(over(None, &approved, at(10)).template.status.as_str(), "approved");
    }

    #[test]
    fn a_template_is_known_by_its_name_or_by_the_providers_reference() {
        let known = [untouched(listed("ours", TemplateStatus::Approved, "1"))];
        let (merged, skipped) = merge(&known, &[listed("theirs", TemplateStatus::Paused, "1")]);
        assert_eq!(skipped, Vec::<String>::new());
        let (template, seen) = &merged[&("ours".to_owned(), "en".to_owned())];
        assert_eq!((template.name.as_str(), seen.is_some(), merged.len()), ("ours", true, 1));
        let (merged, skipped) = merge(
            &[],
            &[
                listed("t", TemplateStatus::Rejected, "1"),
                listed("t", TemplateStatus::Approved, "2"),
                listed("t", TemplateStatus::Pending, "3"),
            ],
        );
        let (template, _) = &merged[&("t".to_owned(), "en".to_owned())];
        assert_eq!(template.provider_ref.as_deref(), Some("2"));
        assert_eq!(skipped.len(), 2);
    }
}

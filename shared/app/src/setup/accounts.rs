//! Accounts: one set of credentials at one provider (M137, M138, D1).

use super::standing::Standing;
use super::{ROUNDS_MAX, contended, name};
use crate::event::Event;
use crate::view::List;
use crate::view::shapes::ProfileView;
use crate::view::words::{AccountStateWord, CategoryWord, ProviderWord};
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use transom_core::account::{Account, AccountState, Provider};
use transom_core::code::Code;
use transom_core::event::{Cause, EventKind};
use transom_core::id::{AccountId, PortfolioId, PriceListId};
use transom_core::profile::ProfileChanges;
use transom_core::template::Category;
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, Sealed, Updated};
use transom_wire::Credentials;
use url::Url;
use utoipa::ToSchema;

/// The longest base URL, in characters.
const URL_CHARS_MAX: usize = 512;

/// An account as callers give it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// `twilio`, `gupshup` or `meta`; it cannot be changed later.
    #[schema(value_type = ProviderWord, example = "twilio")]
    pub provider: Provider,
    /// Write-only. twilio: `account_sid`, `auth_token`; gupshup: `app_name`, `api_key`,
    /// `webhook_token`; meta: `access_token`, `app_secret`, `verify_token`. May be left out once
    /// the account exists.
    #[schema(value_type = Option<BTreeMap<String, String>>, write_only)]
    pub credentials: Option<Map<String, Value>>,
    /// The portfolio whose limit its senders may share.
    pub portfolio: Option<String>,
    /// Another base URL of the provider's API: outside local mode the provider's own host only.
    pub api_base_url: Option<String>,
    /// The template categories that may be sent; all by default.
    #[schema(value_type = Option<Vec<CategoryWord>>)]
    pub template_categories: Option<BTreeSet<Category>>,
    /// What the account changes of its provider's profile; absent fields stay the provider's.
    /// `base` (`twilio`, `gupshup`, `meta`: begin with that one's limits), `text_max`,
    /// `text_unit` (`utf16`, `code_points`), `caption_max`, `formatting` (`full`, `new_lines`),
    /// `link_preview`, `sender_prefixes` (what its senders' numbers must begin with), `sends` (a list of kinds), `template_media`, `media` (for each of `image`,
    /// `video`, `audio`, `document`, `sticker`: `types`, `max_bytes`, `caption`, `filename`).
    #[schema(value_type = Option<ProfileView>)]
    pub profile: Option<ProfileChanges>,
    /// Its price list; `default` when absent.
    pub prices: Option<String>,
    /// Whether it is the provider's sandbox: texts alone, and a wallet with a balance where one is
    /// kept; a tester's keyword `PROXY <app>` is taken off what he says.
    pub sandbox: Option<bool>,
}

/// Shows no credentials.
impl std::fmt::Debug for AccountBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccountBody({})", self.provider.as_str())
    }
}

/// An account as callers read it: never a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountView {
    /// Its name.
    pub id: String,
    /// Its provider.
    #[schema(value_type = ProviderWord)]
    pub provider: Provider,
    /// `active`, `deactivated`, `removed` or `deleted`.
    #[schema(value_type = AccountStateWord)]
    pub state: AccountState,
    /// The portfolio whose limit its senders may share.
    pub portfolio: Option<String>,
    /// Where its provider's API is, when not the provider's own host.
    pub api_base_url: Option<String>,
    /// The template categories that may be sent.
    #[schema(value_type = Vec<CategoryWord>)]
    pub template_categories: BTreeSet<Category>,
    /// What it changes of its provider's profile.
    #[schema(value_type = Option<ProfileView>)]
    pub profile: Option<ProfileChanges>,
    /// Its price list.
    pub prices: String,
    /// Whether it is the provider's sandbox.
    pub sandbox: bool,
    /// What its provider says of its standing.
    pub health: AccountHealthView,
    /// When it was last changed.
    pub updated_at: String,
}

/// What the provider says of an account; `null` where it has said nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountHealthView {
    /// Whether the business behind it is verified, as the provider says it.
    pub verification: Option<String>,
    /// `begins`: nothing may be begun; `all`: nothing may be sent; `null`: no restriction.
    pub restricted: Option<&'static str>,
    /// Until when, where the provider says so.
    pub restricted_until: Option<String>,
    /// What follows from it, in sentences.
    pub effects: Vec<&'static str>,
}

/// What `DELETE` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The integration is removed; adding it again resumes its conversations.
    Removed,
    /// The account is deleted for good.
    Deleted,
}

impl AccountView {
    /// The account as it stands at an instant.
    #[must_use]
    pub fn at(record: &AccountRecord, now: Timestamp) -> Self {
        let account = &record.account;
        let restriction = account.restriction.filter(|it| it.holds(now));
        let standing = Standing { restriction, ..Standing::of_account(&record.health) };
        Self {
            id: account.id.to_string(),
            provider: account.provider,
            state: account.state,
            portfolio: account.portfolio.as_ref().map(ToString::to_string),
            api_base_url: record.api_base_url.clone(),
            template_categories: account.template_categories.clone(),
            profile: account.profile.clone(),
            prices: record.price_list().to_string(),
            sandbox: account.sandbox,
            health: AccountHealthView {
                verification: record.health.verification.as_ref().map(|v| v.word().to_owned()),
                restricted: restriction.map(|it| if it.replies_too { "all" } else { "begins" }),
                restricted_until: restriction.and_then(|it| it.until).map(Timestamp::rfc3339),
                effects: standing.effects(),
            },
            updated_at: record.updated_at.rfc3339(),
        }
    }
}

impl App {
    /// Creates or changes an account; one that was removed is in use again.
    ///
    /// # Errors
    /// `invalid_request` naming the field, `account_deleted`, or when it could not be stored.
    pub async fn put_account(
        &self,
        id: &str,
        body: &AccountBody,
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        let id = name("account", AccountId::parse(id))?;
        if let Some(profile) = &body.profile {
            profile.check().map_err(|e| Problem::invalid(format!("`profile`: {e}")))?;
        }
        let known = self.store.account(&id).await?;
        let state = match &known {
            None => AccountState::Active,
            Some(record) => state_after_put(record, body.provider)?,
        };
        let portfolio = body.portfolio.as_deref().map(PortfolioId::parse).transpose();
        let api_base_url = body
            .api_base_url
            .as_deref()
            .map(|url| check_base_url(url, body.provider, self.config.local))
            .transpose()?;
        let all = || Category::ALL.into_iter().collect();
        let account = Account {
            provider: body.provider,
            state,
            portfolio: name("portfolio", portfolio)?,
            template_categories: body.template_categories.clone().unwrap_or_else(all),
            profile: body.profile.clone(),
            sandbox: body.sandbox.unwrap_or(false),
            restriction: known.as_ref().and_then(|known| known.account.restriction),
            id,
        };
        let credentials = self.seal_credentials(&account, body, known.as_ref())?;
        let prices = body.prices.as_deref().map(PriceListId::parse).transpose();
        let prices = name("prices", prices)?;
        let record = AccountRecord {
            account,
            credentials,
            api_base_url,
            prices,
            has_wallet: known.as_ref().is_some_and(|k| k.has_wallet),
            balance_refused_at: known.as_ref().and_then(|k| k.balance_refused_at),
            balance_cleared_at: known.as_ref().and_then(|k| k.balance_cleared_at),
            balance_refused_by: known.as_ref().and_then(|k| k.balance_refused_by.clone()),
            updated_at: now,
            health: known.map(|known| known.health).unwrap_or_default(),
        };
        if self.store.put_account(&record).await? == Updated::Changed {
            return Err(contended("account"));
        }
        self.tell_account(&record, now).await
    }

    /// An account.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_account(&self, id: &str) -> Result<AccountView, AppError> {
        Ok(AccountView::at(&self.existing_account(id).await?, self.clock.now()))
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn list_accounts(&self) -> Result<List<AccountView>, AppError> {
        let now = self.clock.now();
        let records = self.store.accounts().await?;
        Ok(List::whole(records.iter().map(|record| AccountView::at(record, now)).collect()))
    }

    /// Switches an account off; everything stays as it is until it is switched on again.
    ///
    /// # Errors
    /// `not_found`, `integration_removed`, `account_deleted`, or when it could not be stored.
    pub async fn deactivate_account(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        self.move_account(id, AccountState::Deactivated, &[AccountState::Active], now).await
    }

    /// Switches a deactivated account on again.
    ///
    /// # Errors
    /// As [`Self::deactivate_account`].
    pub async fn activate_account(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        self.move_account(id, AccountState::Active, &[AccountState::Deactivated], now).await
    }

    /// Removes an account, or deletes it for good.
    ///
    /// # Errors
    /// `not_found`, `account_deleted`, or when it could not be stored.
    pub async fn remove_account(
        &self,
        id: &str,
        removal: Removal,
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        let in_use = [AccountState::Active, AccountState::Deactivated];
        match removal {
            Removal::Removed => self.move_account(id, AccountState::Removed, &in_use, now).await,
            Removal::Deleted => {
                let from = [in_use[0], in_use[1], AccountState::Removed];
                self.move_account(id, AccountState::Deleted, &from, now).await
            }
        }
    }

    /// Moves an account to a state from those that allow it. That it is there already is no
    /// error: a repeat answers the same.
    async fn move_account(
        &self,
        id: &str,
        to: AccountState,
        from: &[AccountState],
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        for _ in 0..ROUNDS_MAX {
            let mut record = self.existing_account(id).await?;
            let state = record.account.state;
            if state == to {
                return Ok(AccountView::at(&record, now));
            }
            if !from.contains(&state) {
                return Err(final_state(&record).into());
            }
            let done = self.store.set_account_state(&record.account.id, from, to, now).await?;
            if done == Updated::Done {
                record.account.state = to;
                record.updated_at = now;
                return self.tell_account(&record, now).await;
            }
        }
        Err(contended("account"))
    }

    pub(crate) async fn existing_account(&self, id: &str) -> Result<AccountRecord, AppError> {
        let unknown = || Problem::not_found("account with this name");
        let id = AccountId::parse(id).map_err(|_| unknown())?;
        self.store.account(&id).await?.ok_or_else(|| unknown().into())
    }

    async fn tell_account(
        &self,
        record: &AccountRecord,
        now: Timestamp,
    ) -> Result<AccountView, AppError> {
        let view = AccountView::at(record, now);
        let cause = Cause::Changed(format!("account:{}", view.id), now);
        let data = serde_json::to_value(&view).unwrap_or_default();
        self.publish(vec![Event::new(EventKind::AccountUpdated, &cause, now, data)]).await?;
        Ok(view)
    }

    fn seal_credentials(
        &self,
        account: &Account,
        body: &AccountBody,
        known: Option<&AccountRecord>,
    ) -> Result<Sealed, AppError> {
        let (given, known) = match (&body.credentials, known) {
            (Some(given), known) => (given, known),
            (None, Some(known)) => return Ok(known.credentials.clone()),
            (None, None) => {
                return Err(Problem::invalid("`credentials` are needed for a new account").into());
            }
        };
        let id = account.id.as_str();
        // What cannot be opened any more is replaced, so that a lost key can be recovered from.
        let opened = known.and_then(|record| self.keys.open(id, &record.credentials).ok());
        let opened: Option<Credentials> = opened.and_then(|b| serde_json::from_slice(&b).ok());
        let read = transom_wire::read_credentials(account.provider, given, opened.as_ref());
        let parsed = read.map_err(|unfit| Problem::invalid(unfit.0))?;
        let json = serde_json::to_vec(&parsed).unwrap_or_default();
        Ok(self.keys.seal(id, &json, self.entropy.bytes())?)
    }
}

fn state_after_put(record: &AccountRecord, provider: Provider) -> Result<AccountState, Problem> {
    if record.account.provider != provider {
        let detail = format!(
            "`provider` of this account is {} and cannot be changed; add another account",
            record.account.provider.as_str()
        );
        return Err(Problem::invalid(detail));
    }
    match record.account.state {
        AccountState::Active | AccountState::Removed => Ok(AccountState::Active),
        AccountState::Deactivated => Ok(AccountState::Deactivated),
        AccountState::Deleted => Err(final_state(record)),
    }
}

/// Why an account is not moved out of the state that it is in.
fn final_state(record: &AccountRecord) -> Problem {
    let id = &record.account.id;
    match record.account.state {
        AccountState::Removed => Problem::new(
            Code::IntegrationRemoved,
            format!("account `{id}` was removed; put it again to use it"),
        ),
        AccountState::Deleted => Problem::new(
            Code::AccountDeleted,
            format!("account `{id}` was deleted for good; add an account of another name"),
        ),
        AccountState::Active | AccountState::Deactivated => {
            Problem::new(Code::AccountDeactivated, format!("account `{id}` is in another state"))
        }
    }
}

fn check_base_url(text: &str, provider: Provider, local: bool) -> Result<String, Problem> {
    let refused = |why: &str| Problem::invalid(format!("`api_base_url` {why}"));
    if text.len() > URL_CHARS_MAX {
        return Err(refused("is too long"));
    }
    let url = Url::parse(text).map_err(|e| refused(&format!("cannot be read: {e}")))?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(refused("must be an https URL without user name, query and fragment"));
    }
    let own = transom_wire::api_base_url(provider);
    let is_own = Url::parse(own).is_ok_and(|own| own.origin() == url.origin());
    if local || is_own {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    Err(refused(&format!("must be {own}, or left out; other hosts are for local mode only")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_the_providers_own_host_alone() {
        let check = |text, local| check_base_url(text, Provider::Twilio, local);
        assert_eq!(check("https://api.twilio.com/", false), Ok("https://api.twilio.com".into()));
        for other in [
            "http://api.twilio.com",
            "https://api.twilio.com.example.org",
            "https://api.twilio.com:444",
            "https://api.twilio.com@example.org",
            "https://example.org/https://api.twilio.com",
            "http://127.0.0.1:8080/sandbox",
            "file:///etc/passwd",
            "",
        ] {
            assert!(check(other, false).is_err(), "{other}");
        }
        assert!(check("http://127.0.0.1:8080/sandbox/twilio", true).is_ok());
        assert!(check("file:///etc/passwd", true).is_err());
    }
}

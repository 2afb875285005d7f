//! Tells the sandbox what a true provider would know of the accounts that were set up.

use crate::house::House;
use crate::sandbox::{GupshupAccount, MetaAccount, TemplateStatus, TwilioAccount};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use transom_core::account::{AccountState, Provider, Sender};
use transom_core::id::AccountId;
use transom_core::template::{Button, Place, Template, TemplateStatus as Known};
use transom_wire::{Business, Credentials, Item, Webhook};

impl House {
    /// Registers every account, number and template at the pretend providers.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub async fn sync_sandbox(&self) -> Result<()> {
        let operator = self.operator();
        let mut known = BTreeMap::new();
        let mut accounts = operator.store.accounts().await?;
        // A provider knows one address for webhooks: that of the account that is in use.
        accounts.sort_by_key(|r| matches!(r.account.state, AccountState::Active));
        for record in accounts {
            if matches!(record.account.state, AccountState::Deleted) {
                continue;
            }
            let id = record.account.id.clone();
            let plain = operator.keys.open(id.as_str(), &record.credentials)?;
            let credentials: Credentials = serde_json::from_slice(&plain)?;
            self.register_account(&id, &credentials);
            for template in operator.store.templates(&id, None).await? {
                self.register_template(&id, &credentials, &template);
            }
            known.insert(id, credentials);
        }
        for record in operator.store.senders().await? {
            if let Some(credentials) = known.get(&record.sender.account) {
                self.register_number(credentials, &record.sender);
            }
        }
        Ok(())
    }

    fn register_account(&self, id: &AccountId, credentials: &Credentials) {
        let base = self.operator().config.public_url.clone().unwrap_or_default();
        let provider = credentials.provider().as_str();
        let url = format!("{base}{}/{provider}/{id}", self.webhook_path());
        let status_url = format!("{base}/status/{provider}/{id}");
        match credentials {
            Credentials::Twilio { account_sid, auth_token, .. } => {
                self.sandbox().register_twilio(TwilioAccount {
                    account_sid: account_sid.clone(),
                    auth_token: auth_token.clone(),
                    inbound_url: Some(url),
                });
            }
            Credentials::Meta { access_token, app_secret, .. } => {
                self.sandbox().register_meta(MetaAccount {
                    access_token: access_token.clone(),
                    app_secret: app_secret.clone(),
                    inbound_url: Some(url),
                    waba_id: id.to_string(),
                });
            }
            Credentials::Gupshup { app_name, api_key, webhook_token, .. } => {
                self.sandbox().register_gupshup(GupshupAccount {
                    app_name: app_name.clone(),
                    app_id: app_name.clone(),
                    api_key: api_key.clone(),
                    webhook_token: webhook_token.clone(),
                    inbound_url: Some(url),
                    status_url: Some(status_url),
                });
            }
        }
    }

    fn register_template(
        &self,
        account: &AccountId,
        credentials: &Credentials,
        template: &Template,
    ) {
        match credentials {
            Credentials::Twilio { account_sid, .. } => {
                self.sandbox().note_twilio_template(account_sid, template);
            }
            Credentials::Meta { .. } => {
                self.sandbox().note_meta_template(account.as_str(), template);
            }
            Credentials::Gupshup { app_name, .. } => {
                self.sandbox().note_gupshup_template(app_name, template);
            }
        }
        let slots = template.slots();
        let otps = template.buttons.iter().filter(|button| matches!(button, Button::Otp { .. }));
        let count = match credentials {
            // One set of names for all parts.
            Credentials::Twilio { .. } => {
                slots.iter().map(|slot| slot.name.as_str()).collect::<BTreeSet<_>>().len()
            }
            // What fills a button is counted on its own.
            Credentials::Meta { .. } => {
                slots.iter().filter(|slot| !matches!(slot.place, Place::Button(_))).count()
            }
            Credentials::Gupshup { .. } => slots.len() + otps.count(),
        };
        let status = sandbox_status(&template.status);
        match (credentials, &template.provider_ref) {
            (Credentials::Meta { .. }, _) => {
                let (name, language) = (&template.name, &template.language);
                self.sandbox().register_meta_template(name, language, count, status);
            }
            (Credentials::Twilio { .. }, Some(sid)) => {
                self.sandbox().register_template(sid, count, status);
            }
            (Credentials::Gupshup { .. }, Some(id)) => {
                self.sandbox().register_gupshup_template(id, count, status);
            }
            (Credentials::Twilio { .. } | Credentials::Gupshup { .. }, None) => {}
        }
    }

    fn register_number(&self, credentials: &Credentials, sender: &Sender) {
        let phone = sender.phone.as_str();
        match credentials {
            Credentials::Twilio { account_sid, .. } => {
                self.sandbox().register_number(account_sid, phone);
            }
            Credentials::Meta { access_token, .. } => {
                if let Some(id) = &sender.provider_id {
                    self.sandbox().register_meta_number(access_token, id, phone);
                }
            }
            Credentials::Gupshup { app_name, .. } => {
                self.sandbox().register_gupshup_number(app_name, phone);
                if let Some(id) = &sender.provider_id {
                    self.sandbox().register_gupshup_app_id(app_name, id);
                }
            }
        }
    }

    /// Tells the pretend providers what a webhook that was taken says: who has written.
    ///
    /// # Errors
    /// When the senders cannot be read.
    pub async fn note_webhook(&self, provider: Provider, webhook: &Webhook<'_>) -> Result<()> {
        let store = &self.operator().store;
        for item in transom_wire::parse(provider, webhook).unwrap_or_default() {
            let Item::Message(inbound) = item else { continue };
            let number = match &inbound.business {
                Business::Phone(number) => Some(number.clone()),
                Business::ProviderId(name) => {
                    let senders = store.senders().await?;
                    let named =
                        senders.iter().find(|s| s.sender.provider_id.as_ref() == Some(name));
                    named.map(|s| s.sender.phone.clone())
                }
            };
            let at = inbound.sent_at.or(inbound.got_at).unwrap_or_else(|| self.clock().now());
            if let (Some(number), Some(phone)) = (number, inbound.user.phone()) {
                let (user, business) = (phone.as_str(), number.as_str());
                self.sandbox().note_customer_wrote(user, business, at.as_millis());
            }
        }
        Ok(())
    }

    /// Tells the pretend providers which customers have written, from what is stored: they
    /// themselves remember nothing when the process ends.
    ///
    /// # Errors
    /// When the conversations cannot be read.
    pub async fn remember_customers(&self) -> Result<()> {
        let store = &self.operator().store;
        for record in store.senders().await? {
            let number = &record.sender.phone;
            let mut after = None;
            loop {
                let (found, next) = store.pointers(number, "", after.as_deref(), 200).await?;
                for id in found {
                    let Some(session) = store.session(&id).await? else { continue };
                    if let (Some(phone), Some(at)) = (&session.phone, session.last_user_at) {
                        let (user, business) = (phone.as_str(), number.as_str());
                        self.sandbox().note_customer_wrote(user, business, at.as_millis());
                    }
                }
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What stands before `/{provider}/{account}` in the route that receives webhooks.
    #[must_use]
    pub fn webhook_path(&self) -> String {
        let route = self
            .template()
            .routes
            .iter()
            .find(|r| r.method == "POST" && r.function.starts_with("Inbound"));
        route.and_then(|r| r.path.split("/{").next()).unwrap_or("/webhooks").to_owned()
    }
}

fn sandbox_status(status: &Known) -> TemplateStatus {
    match status {
        Known::Approved => TemplateStatus::Approved,
        Known::Pending => TemplateStatus::Pending,
        Known::Rejected => TemplateStatus::Rejected,
        Known::Paused => TemplateStatus::Paused,
        Known::Disabled => TemplateStatus::Disabled,
        Known::Unsubmitted
        | Known::InAppeal
        | Known::Flagged
        | Known::Locked
        | Known::Archived
        | Known::PendingDeletion
        | Known::Deleted
        | Known::LimitExceeded
        | Known::Unlisted
        | Known::Unknown(_) => TemplateStatus::Unsubmitted,
    }
}

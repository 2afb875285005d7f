//! Tells the sandbox what a true provider would know of the accounts that were set up.

use crate::house::House;
use crate::sandbox::{TemplateStatus, TwilioAccount};
use anyhow::Result;
use transom_core::account::AccountState;
use transom_core::template::TemplateStatus as Known;
use transom_wire::Credentials;

impl House {
    /// Registers every account, number and template at the pretend providers.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub async fn sync_sandbox(&self) -> Result<()> {
        let operator = self.operator();
        let mut sids = std::collections::BTreeMap::new();
        for record in operator.store.accounts().await? {
            if matches!(record.account.state, AccountState::Deleted) {
                continue;
            }
            let id = &record.account.id;
            let plain = operator.keys.open(id.as_str(), &record.credentials)?;
            let Credentials::Twilio { account_sid, auth_token, .. } =
                serde_json::from_slice(&plain)?
            else {
                continue;
            };
            let base = operator.config.public_url.clone().unwrap_or_default();
            self.sandbox().register_twilio(TwilioAccount {
                account_sid: account_sid.clone(),
                auth_token,
                inbound_url: Some(format!("{base}{}/twilio/{id}", self.webhook_path())),
            });
            for template in operator.store.templates(id, None).await? {
                if let Some(content_sid) = &template.provider_ref {
                    let count = template.placeholders().len();
                    let status = sandbox_status(&template.status);
                    self.sandbox().register_template(content_sid, count, status);
                }
            }
            sids.insert(id.clone(), account_sid);
        }
        for record in operator.store.senders().await? {
            if let Some(sid) = sids.get(&record.sender.account) {
                self.sandbox().register_number(sid, record.sender.phone.as_str());
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
        Known::Unsubmitted | Known::Unknown(_) => TemplateStatus::Unsubmitted,
    }
}

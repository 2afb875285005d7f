//! The apps, numbers and templates that the pretend Gupshup serves, and its switches.

use std::collections::BTreeMap;

use super::GupshupState;
use crate::sandbox::provider::Provider;
use crate::sandbox::{Sandbox, TemplateStatus, address};

/// One app of the pretend Gupshup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GupshupAccount {
    /// The name of the app: `src.name` of every send.
    pub app_name: String,
    /// The id of the app.
    pub app_id: String,
    /// The secret that opens the API; several apps may share it.
    pub api_key: String,
    /// What the webhook addresses carry as `token`; nothing is added when it is empty.
    pub webhook_token: String,
    /// Where messages are posted.
    pub inbound_url: Option<String>,
    /// Where events of our messages are posted, when that is another address.
    pub status_url: Option<String>,
}

/// The shape of the webhooks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GupshupShape {
    /// Version 2: one event in one body.
    #[default]
    V2,
    /// Version 2 with the parts of a customer's message named `senderobj`, `messageobj` and
    /// `contextobj`.
    V2NewNames,
    /// Version 2 with those parts named `sender`, `message` and `context`.
    V2OldNames,
    /// Version 3: Meta's shape with Gupshup's ids.
    V3,
    /// The callback of a bot, a form with `senderobj`, `messageobj` and `contextobj`. Events of
    /// our messages come in version 2.
    BotNewNames,
    /// The same under its former names `sender`, `message` and `context`.
    BotOldNames,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    pub(super) param_count: usize,
    pub(super) status: TemplateStatus,
}

#[derive(Debug, Default)]
pub(super) struct Accounts {
    apps: BTreeMap<String, GupshupAccount>,
    app_of_number: BTreeMap<String, String>,
    app_of_id: BTreeMap<String, String>,
    templates: BTreeMap<String, Template>,
}

impl Accounts {
    pub(super) fn app(&self, app_name: &str) -> Option<&GupshupAccount> {
        self.apps.get(app_name)
    }

    /// The app of this id.
    pub(super) fn app_by_id(&self, id: &str) -> Option<&GupshupAccount> {
        let named = self.app_of_id.get(id).and_then(|name| self.app(name));
        named.or_else(|| self.apps.values().find(|app| app.app_id == id))
    }

    /// Whether any app is opened by this key.
    pub(super) fn knows_key(&self, api_key: &str) -> bool {
        self.apps.values().any(|app| app.api_key == api_key)
    }

    /// Whether this app is opened by this key.
    pub(super) fn is_key_of(&self, app_name: &str, api_key: &str) -> bool {
        self.app(app_name).is_some_and(|app| app.api_key == api_key)
    }

    pub(super) fn owner_of(&self, phone: &str) -> Option<&GupshupAccount> {
        self.app_of_number.get(phone).and_then(|app_name| self.app(app_name))
    }

    pub(super) fn template(&self, id: &str) -> Option<Template> {
        self.templates.get(id).copied()
    }
}

impl GupshupState {
    /// The app of the number.
    pub(in crate::sandbox) fn account_of(&self, phone: &str) -> Option<String> {
        self.accounts.app_of_number.get(phone).cloned()
    }

    /// Another provider has the number now.
    pub(in crate::sandbox) fn release(&mut self, phone: &str) {
        self.accounts.app_of_number.remove(phone);
    }
}

impl Sandbox {
    /// Adds an app of Gupshup, or changes the one with the same name.
    pub fn register_gupshup(&self, account: GupshupAccount) {
        let accounts = &mut self.state().gupshup.accounts;
        accounts.apps.insert(account.app_name.clone(), account);
    }

    /// Gives an app of Gupshup a business number (E.164), which may write from then on.
    pub fn register_gupshup_number(&self, app_name: &str, phone: &str) {
        let phone = address::bare(phone);
        let state = &mut *self.state();
        state.claim_number(&phone, Provider::Gupshup);
        state.gupshup.accounts.app_of_number.insert(phone, app_name.to_owned());
    }

    /// Another id under which an app of Gupshup is found: the one that its sender was given.
    pub fn register_gupshup_app_id(&self, app_name: &str, id: &str) {
        let accounts = &mut self.state().gupshup.accounts;
        accounts.app_of_id.insert(id.to_owned(), app_name.to_owned());
    }

    /// Adds a template of Gupshup, or changes the one with the same id.
    pub fn register_gupshup_template(&self, id: &str, param_count: usize, status: TemplateStatus) {
        let template = Template { param_count, status };
        self.state().gupshup.accounts.templates.insert(id.to_owned(), template);
    }

    /// Whether the wallet of this app has enough in it; without that every message fails
    /// with 1003.
    pub fn set_gupshup_balance(&self, app_name: &str, enough: bool) {
        let empty_wallets = &mut self.state().gupshup.empty_wallets;
        if enough {
            empty_wallets.remove(app_name);
        } else {
            empty_wallets.insert(app_name.to_owned());
        }
    }

    /// Leaves Gupshup's own id out wherever WhatsApp's id stands too, as happens a week after
    /// the sending.
    pub fn set_gupshup_without_gs_id(&self, without_gs_id: bool) {
        self.state().gupshup.without_gs_id = without_gs_id;
    }

    /// The shape of Gupshup's webhooks from now on. Those entered before keep theirs.
    pub fn set_gupshup_shape(&self, shape: GupshupShape) {
        self.state().gupshup.shape = shape;
    }
}

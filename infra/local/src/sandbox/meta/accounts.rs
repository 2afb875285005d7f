//! The accounts, numbers and templates that the pretend Meta serves.

use std::collections::{BTreeMap, BTreeSet};

use super::MetaState;
use crate::sandbox::provider::Provider;
use crate::sandbox::{Sandbox, TemplateStatus, address};

/// One business account of the pretend Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaAccount {
    /// The secret that opens the API.
    pub access_token: String,
    /// The secret that signs the webhooks.
    pub app_secret: String,
    /// Where messages and statuses are posted.
    pub inbound_url: Option<String>,
    /// The id of the WhatsApp business account.
    pub waba_id: String,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    pub(super) variable_count: usize,
    pub(super) status: TemplateStatus,
}

#[derive(Debug)]
pub(super) struct Number {
    access_token: String,
    pub(super) phone_number_id: String,
    pub(super) phone: String,
    /// A test number writes only to these.
    pub(super) allowed: Option<BTreeSet<String>>,
}

#[derive(Debug, Default)]
pub(super) struct Accounts {
    accounts: BTreeMap<String, MetaAccount>,
    numbers: BTreeMap<String, Number>,
    templates: BTreeMap<(String, String), Template>,
}

impl Accounts {
    pub(super) fn account(&self, access_token: &str) -> Option<&MetaAccount> {
        self.accounts.get(access_token)
    }

    pub(super) fn number(&self, access_token: &str, phone_number_id: &str) -> Option<&Number> {
        self.numbers.get(phone_number_id).filter(|number| number.access_token == access_token)
    }

    /// The number and its account.
    pub(super) fn by_phone(&self, phone: &str) -> Option<(&Number, &MetaAccount)> {
        let number = self.numbers.values().find(|number| number.phone == phone)?;
        self.account(&number.access_token).map(|account| (number, account))
    }

    pub(super) fn template(&self, name: &str, language: &str) -> Option<Template> {
        self.templates.get(&(name.to_owned(), language.to_owned())).copied()
    }
}

impl MetaState {
    /// The business account of the number.
    pub(in crate::sandbox) fn account_of(&self, phone: &str) -> Option<String> {
        self.accounts.by_phone(phone).map(|(_, account)| account.waba_id.clone())
    }

    /// Another provider has the number now.
    pub(in crate::sandbox) fn release(&mut self, phone: &str) {
        self.accounts.numbers.retain(|_, number| number.phone != phone);
    }
}

impl Sandbox {
    /// Adds an account of Meta, or changes the one with the same token.
    pub fn register_meta(&self, account: MetaAccount) {
        let accounts = &mut self.state().meta.accounts;
        accounts.accounts.insert(account.access_token.clone(), account);
    }

    /// Gives an account of Meta a business number (E.164) under its id, which may write from
    /// then on.
    pub fn register_meta_number(&self, access_token: &str, phone_number_id: &str, phone: &str) {
        let phone = address::bare(phone);
        let state = &mut *self.state();
        state.claim_number(&phone, Provider::Meta);
        let numbers = &mut state.meta.accounts.numbers;
        numbers.retain(|id, number| id == phone_number_id || number.phone != phone);
        let allowed = numbers.remove(phone_number_id).and_then(|number| number.allowed);
        let number = Number {
            access_token: access_token.to_owned(),
            phone_number_id: phone_number_id.to_owned(),
            phone,
            allowed,
        };
        numbers.insert(phone_number_id.to_owned(), number);
    }

    /// Adds a template of Meta in one language, or changes it. The variables are those of its
    /// header and body; a button's own are not checked.
    pub fn register_meta_template(
        &self,
        name: &str,
        language: &str,
        variable_count: usize,
        status: TemplateStatus,
    ) {
        let template = Template { variable_count, status };
        let key = (name.to_owned(), language.to_owned());
        self.state().meta.accounts.templates.insert(key, template);
    }

    /// Makes a number of Meta a test number, which writes only to these customers and is refused
    /// with 131030 for all others; `None` makes it an ordinary one.
    pub fn set_meta_allowed(&self, phone_number_id: &str, customers: Option<&[&str]>) {
        let allowed = customers
            .map(|customers| customers.iter().map(|customer| address::bare(customer)).collect());
        if let Some(number) = self.state().meta.accounts.numbers.get_mut(phone_number_id) {
            number.allowed = allowed;
        }
    }
}

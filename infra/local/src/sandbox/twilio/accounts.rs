//! The accounts, numbers and templates that the pretend Twilio serves.

use std::collections::BTreeMap;

use super::TwilioState;
use crate::sandbox::provider::Provider;
use crate::sandbox::{Sandbox, address};

/// One account of the pretend Twilio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwilioAccount {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The secret: opens the REST API and signs the webhooks.
    pub auth_token: String,
    /// Where inbound messages are posted.
    pub inbound_url: Option<String>,
}

/// How far a template has come at WhatsApp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateStatus {
    /// Content that was never handed in: good within the window only.
    Unsubmitted,
    /// Handed in.
    Received,
    /// In review.
    Pending,
    /// Passes at any time.
    Approved,
    /// Refused by the review.
    Rejected,
    /// Paused for its quality.
    Paused,
    /// Disabled for good.
    Disabled,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    pub(super) variable_count: usize,
    pub(super) status: TemplateStatus,
}

#[derive(Debug, Default)]
pub(super) struct Accounts {
    accounts: BTreeMap<String, TwilioAccount>,
    account_of_number: BTreeMap<String, String>,
    templates: BTreeMap<String, Template>,
}

impl Accounts {
    pub(super) fn get(&self, account_sid: &str) -> Option<&TwilioAccount> {
        self.accounts.get(account_sid)
    }

    pub(super) fn owner_of(&self, phone: &str) -> Option<&TwilioAccount> {
        self.account_of_number.get(phone).and_then(|account_sid| self.get(account_sid))
    }

    pub(super) fn template(&self, content_sid: &str) -> Option<Template> {
        self.templates.get(content_sid).copied()
    }
}

impl TwilioState {
    /// The account that owns the number.
    pub(in crate::sandbox) fn account_of(&self, phone: &str) -> Option<String> {
        self.accounts.account_of_number.get(phone).cloned()
    }

    /// Another provider has the number now.
    pub(in crate::sandbox) fn release(&mut self, phone: &str) {
        self.accounts.account_of_number.remove(phone);
    }
}

impl Sandbox {
    /// Adds an account, or changes the one with the same id.
    pub fn register_twilio(&self, account: TwilioAccount) {
        let accounts = &mut self.state().twilio.accounts;
        accounts.accounts.insert(account.account_sid.clone(), account);
    }

    /// Gives an account a business number (E.164), which may write from then on.
    pub fn register_number(&self, account_sid: &str, phone: &str) {
        let phone = address::bare(phone);
        let state = &mut *self.state();
        state.claim_number(&phone, Provider::Twilio);
        let accounts = &mut state.twilio.accounts;
        accounts.account_of_number.insert(phone, account_sid.to_owned());
    }

    /// Adds a template or other content, or changes the one with the same id.
    pub fn register_template(
        &self,
        content_sid: &str,
        variable_count: usize,
        status: TemplateStatus,
    ) {
        let template = Template { variable_count, status };
        let accounts = &mut self.state().twilio.accounts;
        accounts.templates.insert(content_sid.to_owned(), template);
    }
}

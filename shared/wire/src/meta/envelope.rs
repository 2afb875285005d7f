//! What stands around the messages of one change: whose number it is about, and who wrote.

use super::json;
use crate::Business;
use serde_json::Value;
use std::collections::BTreeMap;
use transom_core::identity::{Phone, User, UserId};
use transom_core::time::Timestamp;

/// From here on a number is a time in milliseconds: as seconds it would be the year 33658.
const MILLISECONDS_FROM: i64 = 1_000_000_000_000;
/// Beyond this it is no time at all: milliseconds of the year 5138.
const MILLISECONDS_MAX: i64 = 100_000_000_000_000;

/// The longest name of a number that is looked up, in bytes: Meta's have sixteen digits.
const PROVIDER_ID_BYTES_MAX: usize = 256;

/// What the messages and statuses of one change share.
#[derive(Debug)]
pub(super) struct Envelope {
    /// The business number, where the payload names it.
    pub(super) business: Option<Business>,
    contacts: Vec<Contact>,
    by_id: BTreeMap<UserId, usize>,
    by_phone: BTreeMap<String, usize>,
}

/// One of `contacts`: who wrote, by both of his names.
#[derive(Debug)]
struct Contact {
    phone: Option<Phone>,
    id: Option<UserId>,
    name: Option<String>,
}

impl Envelope {
    /// Reads a change's `value`. F17: the number's id in the payload decides, never the URL.
    pub(super) fn read(value: &Value) -> Self {
        let mut envelope = Self {
            business: value.get("metadata").and_then(business),
            contacts: Vec::new(),
            by_id: BTreeMap::new(),
            by_phone: BTreeMap::new(),
        };
        for contact in json::elements(value, "contacts") {
            envelope.add(contact);
        }
        envelope
    }

    /// The user that a message or status names, completed from `contacts`, and his name.
    /// Contacts are matched by their keys and never by their place: the lists need not agree
    /// (F18: nobody is merged by guess).
    pub(super) fn user(
        &self,
        address: Option<&str>,
        id: Option<&str>,
    ) -> (Option<User>, Option<String>) {
        // One of Meta's pages shows the id in the phone's place.
        let phone = address.and_then(phone);
        let id = id.and_then(user_id).or_else(|| address.and_then(user_id));
        let contact = self.contact(phone.as_ref(), id.as_ref());
        let user = User::from_parts(
            phone.or_else(|| contact.and_then(|c| c.phone.clone())),
            id.or_else(|| contact.and_then(|c| c.id.clone())),
        );
        (user, contact.and_then(|c| c.name.clone()))
    }

    fn contact(&self, phone: Option<&Phone>, id: Option<&UserId>) -> Option<&Contact> {
        let by_id = id.and_then(|id| self.by_id.get(id)).and_then(|i| self.contacts.get(*i));
        by_id.or_else(|| {
            let index = self.by_phone.get(&phone?.canonical())?;
            // A number that was handed on: the same phone, but another user.
            self.contacts.get(*index).filter(|c| c.id.is_none() || id.is_none())
        })
    }

    fn add(&mut self, contact: &Value) {
        let profile = contact.get("profile");
        let told = |key| profile.and_then(|p| json::owned(p, key));
        let contact = Contact {
            phone: json::scalar(contact, "wa_id").as_deref().and_then(phone),
            id: json::text(contact, "user_id").and_then(user_id),
            name: told("name").or_else(|| told("username")),
        };
        let index = self.contacts.len();
        if let Some(id) = &contact.id {
            self.by_id.entry(id.clone()).or_insert(index);
        }
        if let Some(phone) = &contact.phone {
            self.by_phone.entry(phone.canonical()).or_insert(index);
        }
        self.contacts.push(contact);
    }
}

fn business(metadata: &Value) -> Option<Business> {
    // Meta writes a test number as people do, with spaces and hyphens.
    let digits = |shown: &str| shown.chars().filter(char::is_ascii_digit).collect::<String>();
    let shown = || json::text(metadata, "display_phone_number").and_then(|s| phone(&digits(s)));
    json::scalar(metadata, "phone_number_id")
        .filter(|id| id.len() <= PROVIDER_ID_BYTES_MAX)
        .map(Business::ProviderId)
        .or_else(|| shown().map(Business::Phone))
}

/// A number as Meta writes it: its digits, in places with a `+`.
pub(super) fn phone(text: &str) -> Option<Phone> {
    Phone::from_digits(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// A business-scoped user id. A parent id (`US.ENT.…`) belongs to several portfolios and is
/// nobody's address.
pub(super) fn user_id(text: &str) -> Option<UserId> {
    let is_parent = text.split('.').nth(1) == Some("ENT");
    UserId::parse(text).ok().filter(|_| !is_parent)
}

/// `timestamp`: seconds, as a text or a number; milliseconds have been met.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    let number = match value.get("timestamp")? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse::<i64>().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match number? {
        seconds @ 1..MILLISECONDS_FROM => {
            Some(seconds).filter(|s| *s < MILLISECONDS_MAX / 1000).map(Timestamp::from_seconds)
        }
        ms @ MILLISECONDS_FROM..MILLISECONDS_MAX => Some(Timestamp::from_millis(ms)),
        _ => None,
    }
}

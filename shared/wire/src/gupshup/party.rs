//! Who a webhook is about: our number and the customer.

use super::json;
use crate::Business;
use serde_json::Value;
use transom_core::identity::{Phone, User, UserId};

/// The longest name of an app that is looked up, in bytes: ids have 36.
const APP_BYTES_MAX: usize = 256;

/// A number as Gupshup writes it: its digits, with or without `+`.
pub(super) fn phone(text: &str) -> Option<Phone> {
    Phone::from_digits(text.strip_prefix('+').unwrap_or(text)).ok()
}

/// Our number by an envelope of version 2: newer ones name the number itself, older ones the
/// app alone, which has one number.
pub(super) fn business(envelope: &Value) -> Option<Business> {
    json::text(envelope, "phone")
        .and_then(|digits| phone(&digits))
        .map(Business::Phone)
        .or_else(|| app(&json::first_text(envelope, &["appId", "app", "botname"])?))
}

/// Our number by the name of its app; what is too long to be looked up names none.
pub(super) fn app(name: &str) -> Option<Business> {
    (name.len() <= APP_BYTES_MAX).then(|| Business::ProviderId(name.to_owned()))
}

/// A user by his number, his business-scoped id, or both. An address may hold either: the
/// documents differ on where a user without a number is named.
pub(super) fn user<'a>(addresses: impl Iterator<Item = &'a str> + Clone) -> Option<User> {
    let number = addresses.clone().find_map(phone);
    let id = addresses.into_iter().find_map(user_id);
    User::from_parts(number, id)
}

/// A business-scoped user id. A parent id (`US.ENT.…`) belongs to several portfolios and is
/// nobody's address.
fn user_id(text: &str) -> Option<UserId> {
    let is_parent = text.split('.').nth(1) == Some("ENT");
    UserId::parse(text).ok().filter(|_| !is_parent)
}

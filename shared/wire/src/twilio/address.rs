//! Twilio's addresses: `whatsapp:+919876543210`, or `whatsapp:US.1349…` for a user whose
//! number stays hidden behind a username.

use transom_core::identity::{Phone, User, UserId};

const CHANNEL: &str = "whatsapp:";

/// The number in an address; `None` when it holds something else.
pub(super) fn phone(address: &str) -> Option<Phone> {
    Phone::parse(address.strip_prefix(CHANNEL)?).ok()
}

/// The business-scoped user id in an address; `None` when it holds something else.
pub(super) fn user_id(address: &str) -> Option<UserId> {
    UserId::parse(address.strip_prefix(CHANNEL)?).ok()
}

/// The user of a message: `address` names him by either way, `external` by the id alone.
/// `WaId` is left out: for a number it repeats `From`, and what it holds for a hidden number
/// nobody has seen.
pub(super) fn user(address: &str, external: Option<&str>) -> Option<User> {
    let phone = phone(address);
    let id = user_id(address);
    if phone.is_none() && id.is_none() {
        return None;
    }
    User::from_parts(phone, id.or_else(|| external.and_then(user_id)))
}

/// A user as Twilio writes him: by his number where it is known.
pub(super) fn of_user(user: &User) -> String {
    match user {
        User::Phone(phone) | User::Both(phone, _) => of_phone(phone),
        User::Id(id) => format!("{CHANNEL}{}", id.as_str()),
    }
}

/// A number as Twilio writes it.
pub(super) fn of_phone(phone: &Phone) -> String {
    format!("{CHANNEL}{}", phone.as_str())
}

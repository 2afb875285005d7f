//! The written forms of an address: with the channel's prefix on the wire, bare inside.

/// The prefix of every WhatsApp address on Twilio's wire.
const CHANNEL_PREFIX: &str = "whatsapp:";

/// E.164 allows 15 digits; nothing shorter than 7 is a subscriber's number.
const E164_DIGITS_MIN: usize = 7;
const E164_DIGITS_MAX: usize = 15;

/// Meta's limit for the part of a business-scoped user id behind the country.
const USER_ID_CHARS_MAX: usize = 128;

/// The address without prefix and stray spaces. A `+` that a query string turned into a space
/// is put back.
pub(super) fn bare(address: &str) -> String {
    let address = address.trim();
    let address = address.strip_prefix(CHANNEL_PREFIX).unwrap_or(address);
    let address = address.trim();
    let digits_only = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { format!("+{address}") } else { address.to_owned() }
}

/// The address as it stands on the wire.
pub(super) fn on_wire(bare: &str) -> String {
    format!("{CHANNEL_PREFIX}{bare}")
}

/// The bare E.164 number of a wire address, if it is one.
pub(super) fn wire_phone(address: &str) -> Option<&str> {
    address.strip_prefix(CHANNEL_PREFIX).filter(|bare| is_phone(bare))
}

/// The bare number or user id of a wire address, if it is either.
pub(super) fn wire_customer(address: &str) -> Option<&str> {
    address.strip_prefix(CHANNEL_PREFIX).filter(|bare| is_phone(bare) || is_user_id(bare))
}

/// Whether it is `+` and 7 to 15 digits that do not begin with zero.
pub(super) fn is_phone(bare: &str) -> bool {
    let Some(digits) = bare.strip_prefix('+') else {
        return false;
    };
    (E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is a business-scoped user id, such as `US.13491208655302741918`.
pub(super) fn is_user_id(bare: &str) -> bool {
    let Some((country, rest)) = bare.split_once('.') else {
        return false;
    };
    let rest = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=USER_ID_CHARS_MAX).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_lost_in_a_query_is_put_back() {
        assert_eq!(bare(" 919876543210"), "+919876543210");
        assert_eq!(bare("whatsapp:+919876543210"), "+919876543210");
        assert_eq!(bare("US.1349"), "US.1349");
    }

    #[test]
    fn only_strict_numbers_and_user_ids_are_addresses() {
        assert_eq!(wire_phone("whatsapp:+14155238886"), Some("+14155238886"));
        assert_eq!(wire_phone("+14155238886"), None);
        assert_eq!(wire_phone("whatsapp:+1"), None);
        assert_eq!(wire_phone("whatsapp:+04155238886"), None);
        assert_eq!(wire_phone("whatsapp:US.1349"), None);
        assert_eq!(wire_customer("whatsapp:US.1349"), Some("US.1349"));
        assert_eq!(wire_customer("whatsapp:hello"), None);
    }
}

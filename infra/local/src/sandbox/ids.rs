//! The forms of the ids that the pretend providers give.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Direction, Sandbox};

impl Sandbox {
    /// A provider id: its two-letter prefix and 32 hexadecimal digits.
    pub(super) fn new_sid(&self, prefix: &str) -> String {
        format!("{prefix}{}", data_encoding::HEXLOWER.encode(&self.random()))
    }

    /// A random id in the form of a UUID.
    pub(super) fn new_uuid(&self) -> String {
        uuid(&data_encoding::HEXLOWER.encode(&self.random()))
    }

    /// An id of digits only, as Meta gives to files.
    pub(super) fn new_digits(&self) -> String {
        self.random().iter().map(|byte| char::from(b'1' + byte % 9)).collect()
    }

    /// A message id of WhatsApp itself. It tells the customer and the direction, and may hold
    /// any character of base64, as the true ones do.
    pub(super) fn new_wamid(&self, customer: &str, direction: Direction) -> String {
        let random = data_encoding::HEXUPPER.encode(&self.random());
        wamid(customer, direction, &random)
    }

    fn random(&self) -> [u8; 16] {
        (self.inner.random)()
    }
}

fn uuid(hex: &str) -> String {
    let mut text = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

fn wamid(customer: &str, direction: Direction, random: &str) -> String {
    let customer = customer.trim_start_matches('+').as_bytes();
    let direction = match direction {
        Direction::In => 0x12,
        Direction::Out => 0x11,
    };
    let mut bytes = vec![0x1c, 0x18, u8::try_from(customer.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(customer);
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, direction, 0x18]);
    bytes.push(u8::try_from(random.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(random.as_bytes());
    bytes.push(0);
    format!("wamid.{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_forms_of_the_true_ones() {
        assert_eq!(
            uuid("ee4a68a012034c858dc349d0b3226a35"),
            "ee4a68a0-1203-4c85-8dc3-49d0b3226a35"
        );
        let id = wamid("+919876543210", Direction::In, "3A");
        assert!(id.starts_with("wamid.HBgMOTE5ODc2NTQzMjEwFQIAEhg"), "{id}");
    }
}

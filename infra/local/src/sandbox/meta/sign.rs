//! The signature that Meta puts on a webhook, and Meta's way of writing JSON.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// The value of `X-Hub-Signature-256` for a body: `sha256=` and HMAC-SHA256 in lower-case
/// hexadecimal over the raw bytes.
pub fn sign_meta(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// The bytes as Meta writes them: whatever is not ASCII, slashes and at-signs are escaped. A
/// receiver that parses and writes again before it checks the signature gets other bytes.
pub(super) fn written(body: &Value) -> Bytes {
    let plain = body.to_string();
    let mut written = String::with_capacity(plain.len());
    let mut units = [0_u16; 2];
    for character in plain.chars() {
        match character {
            // Neither stands outside a string, and serde_json escapes neither.
            '/' => written.push_str("\\/"),
            '@' => written.push_str("\\u0040"),
            _ if character.is_ascii() => written.push(character),
            _ => {
                for unit in character.encode_utf16(&mut units) {
                    written.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    Bytes::from(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231() {
        assert_eq!(
            sign_meta("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn escapes_change_the_bytes_but_not_the_meaning() {
        let body = serde_json::json!({"a": "é👋 a@b.c/d \"\\"});
        let written = written(&body);
        assert_eq!(written, r#"{"a":"\u00e9\ud83d\udc4b a\u0040b.c\/d \"\\"}"#);
        assert_eq!(serde_json::from_slice::<Value>(&written).ok(), Some(body));
    }
}

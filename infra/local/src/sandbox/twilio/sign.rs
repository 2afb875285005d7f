//! The signature that Twilio puts on a webhook.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The value of `X-Twilio-Signature` for a form posted to `url`: HMAC-SHA1 in base64 over the
/// address followed by every key and value, sorted by key. Of a repeated key each distinct value
/// counts once, in order.
pub fn sign_twilio(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in params {
        sorted.entry(key).or_default().insert(value);
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(url.as_bytes());
    for (key, values) in sorted {
        for value in values {
            mac.update(key.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, params: &[(&str, &str)], signature: &str) {
        let params: Vec<_> =
            params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(sign_twilio("12345", url, &params), signature, "{url}");
    }

    const BASIC: &[(&str, &str)] = &[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];

    #[test]
    fn the_public_vectors_hold() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        check(url, BASIC, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        check(
            "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
            BASIC,
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        );
        check(
            "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
            BASIC,
            "CukzLTc1tT5dXEDIHm/tKBanW10=",
        );
    }

    #[test]
    fn repeated_keys_count_once_for_each_value() {
        check(
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            &[
                ("Sid", "CA123"),
                ("SidAccount", "AC123"),
                ("Digits", "5678"),
                ("Digits", "1234"),
                ("Digits", "1234"),
            ],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        );
    }
}

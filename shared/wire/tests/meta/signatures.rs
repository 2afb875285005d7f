//! Signatures, computed here by the HMAC itself, and beside each what must not pass; and the
//! handshake.

use super::fixture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::collections::BTreeMap;
use transom_wire::meta::{handshake, sign, verify};
use transom_wire::{Forged, Webhook};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// RFC 4231, test case 2.
const JEFE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn check(secret: &str, signature: Option<&str>, body: &[u8]) -> Result<(), Forged> {
    let headers: BTreeMap<String, String> =
        signature.map(|s| ("x-hub-signature-256".to_owned(), s.to_owned())).into_iter().collect();
    verify(secret, &Webhook { url: "https://x.example/m", query: "", headers: &headers, body })
}

#[test]
fn f13_the_published_vector_of_the_hmac_passes() {
    let body = b"what do ya want for nothing?";
    let claimed = format!("sha256={JEFE}");
    assert_eq!(check("Jefe", Some(&claimed), body), Ok(()));
    assert_eq!(sign("Jefe", body), claimed);
    assert_eq!(check("jefe", Some(&claimed), body), Err(Forged::Mismatch));
}

#[test]
fn every_fixture_signed_by_meta_passes_and_any_other_body_does_not() {
    for name in super::fixtures("") {
        let body = fixture(&name).to_string();
        let claimed = signature(SECRET, body.as_bytes());
        assert_eq!(sign(SECRET, body.as_bytes()), claimed);
        assert_eq!(check(SECRET, Some(&claimed), body.as_bytes()), Ok(()), "{name}");
        let other = body.replacen("whatsapp_business_account", "whatsapp_business_accounts", 1);
        assert_eq!(check(SECRET, Some(&claimed), other.as_bytes()), Err(Forged::Mismatch));
        let spaced = format!("{body}\n");
        assert_eq!(check(SECRET, Some(&claimed), spaced.as_bytes()), Err(Forged::Mismatch));
        let elsewhere = check("another secret", Some(&claimed), body.as_bytes());
        assert_eq!(elsewhere, Err(Forged::Mismatch));
    }
}

#[test]
fn metas_escapes_pass_as_they_came_and_undone() {
    let escaped = br#"{"a":"\u00e4\u00f6\u00e5 \ud83d\udc4b","b":"https:\/\/x","c":"me\u0040x"}"#;
    let claimed = signature(SECRET, escaped);
    assert_eq!(check(SECRET, Some(&claimed), escaped), Ok(()));
    let undone = r#"{"a":"äöå 👋","b":"https:\/\/x","c":"me\u0040x"}"#;
    assert_eq!(check(SECRET, Some(&claimed), undone.as_bytes()), Ok(()));
    // A body that was signed without escapes.
    assert_eq!(
        check(SECRET, Some(&signature(SECRET, undone.as_bytes())), undone.as_bytes()),
        Ok(())
    );
    // Other words, upper-case digits, and the way back are not taken.
    for body in [
        r#"{"a":"äöö 👋","b":"https:\/\/x","c":"me\u0040x"}"#,
        r#"{"a":"äöå 👋","b":"https://x","c":"me@x"}"#,
        r#"{"a":"\u00E4\u00F6\u00E5 \uD83D\uDC4B","b":"https:\/\/x","c":"me\u0040x"}"#,
    ] {
        assert_eq!(check(SECRET, Some(&claimed), body.as_bytes()), Err(Forged::Mismatch), "{body}");
    }
    let plain = signature(SECRET, undone.as_bytes());
    assert_eq!(check(SECRET, Some(&plain), escaped), Err(Forged::Mismatch));
    // Bytes that are no text have only the form they came in.
    let bytes = b"\xff\xfe";
    assert_eq!(check(SECRET, Some(&signature(SECRET, bytes)), bytes), Ok(()));
}

#[test]
fn a_signature_is_taken_whole_or_not_at_all() {
    let body = b"{}";
    let good = signature(SECRET, body);
    assert_eq!(check(SECRET, None, body), Err(Forged::Missing));
    assert_eq!(check(SECRET, Some(""), body), Err(Forged::Missing));
    for bad in [
        good.strip_prefix("sha256=").unwrap().to_owned(),
        good.replace("sha256=", "sha1="),
        good.replace("sha256=", "SHA256="),
        good.to_ascii_uppercase(),
        format!("{good}0"),
        format!(" {good}"),
        format!("{good}, {good}"),
        good[..good.len() - 1].to_owned(),
        "sha256=".to_owned(),
        "=".to_owned(),
        "é".to_owned(),
    ] {
        assert_eq!(check(SECRET, Some(&bad), body), Err(Forged::Mismatch), "{bad}");
    }
    // The older signature beside it is no substitute.
    let headers = BTreeMap::from([("x-hub-signature".to_owned(), good)]);
    let webhook = Webhook { url: "", query: "", headers: &headers, body };
    assert_eq!(verify(SECRET, &webhook), Err(Forged::Missing));
}

#[test]
fn an_empty_secret_opens_nothing() {
    assert_eq!(check("", Some(&signature("", b"{}")), b"{}"), Err(Forged::Mismatch));
}

#[test]
fn a_body_that_is_too_long_is_not_even_hashed() {
    let body = vec![b' '; (4 << 20) + 1];
    let claimed = signature(SECRET, &body);
    assert_eq!(check(SECRET, Some(&claimed), &body), Err(Forged::Mismatch));
    let body = &body[1..];
    assert_eq!(check(SECRET, Some(&signature(SECRET, body)), body), Ok(()));
}

#[test]
fn the_handshake_answers_who_knows_the_token() {
    let query = |mode: &str, token: &str, challenge: &str| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("hub.mode", mode)
            .append_pair("hub.challenge", challenge)
            .append_pair("hub.verify_token", token)
            .finish()
    };
    let answer = |query: &str| handshake("tökén & more", query);
    let good = query("subscribe", "tökén & more", "1158201444");
    assert_eq!(answer(&good).as_deref(), Some("1158201444"));
    for bad in [
        query("unsubscribe", "tökén & more", "1158201444"),
        query("", "tökén & more", "1158201444"),
        query("subscribe", "tökén & mor", "1158201444"),
        query("subscribe", "tökén & moree", "1158201444"),
        query("subscribe", "", "1158201444"),
        query("subscribe", "tökén & more", ""),
        query("subscribe", "tökén & more", "<script>alert(1)</script>"),
        query("subscribe", "tökén & more", "1\r\n2"),
        query("subscribe", "tökén & more", &"1".repeat(257)),
        String::new(),
        "hub.mode=subscribe".to_owned(),
        "hub.mode=subscribe&hub.challenge=1".to_owned(),
        good.replace("hub.mode", "hub_mode"),
    ] {
        assert_eq!(answer(&bad), None, "{bad}");
    }
    // Of a repeated field the first counts.
    let twice = format!("hub.verify_token=wrong&{good}");
    assert_eq!(answer(&twice), None);
    assert_eq!(handshake("", &query("subscribe", "", "1")), None);
}

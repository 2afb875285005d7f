//! Who may call the webhook.

use std::collections::BTreeMap;
use transom_wire::gupshup::verify;
use transom_wire::{Forged, Webhook};

const TOKEN: &str = "s3cret+/=&é";

fn check(token: &str, query: &str, header: Option<&str>) -> Result<(), Forged> {
    let headers: BTreeMap<String, String> =
        header.map(|h| ("x-transom-token".to_owned(), h.to_owned())).into_iter().collect();
    verify(token, &Webhook { url: "https://t.example/g", query, headers: &headers, body: b"{}" })
}

fn query(token: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish()
}

#[test]
fn the_token_is_taken_from_the_query_or_the_header() {
    assert_eq!(check(TOKEN, &query(TOKEN), None), Ok(()));
    assert_eq!(check(TOKEN, "", Some(TOKEN)), Ok(()));
    assert_eq!(check(TOKEN, &format!("a=1&{}", query(TOKEN)), Some("")), Ok(()));
    // One of the two is enough.
    assert_eq!(check(TOKEN, &query("old"), Some(TOKEN)), Ok(()));
    assert_eq!(check(TOKEN, &query(TOKEN), Some("old")), Ok(()));
}

#[test]
fn a_missing_token_is_told_from_a_wrong_one() {
    for query in ["", "a=1", "token", "token=", "Token=s3cret", "tokens=x"] {
        assert_eq!(check(TOKEN, query, None), Err(Forged::Missing), "{query}");
    }
    assert_eq!(check(TOKEN, "", Some("")), Err(Forged::Missing));
    for wrong in ["s3cret", "S3cret+/=&é", "s3cret+/=&é ", "s3cret+/=&e", "s3cret /=&é", "\u{fffd}"]
    {
        assert_eq!(check(TOKEN, &query(wrong), None), Err(Forged::Mismatch), "{wrong}");
        assert_eq!(check(TOKEN, "", Some(wrong)), Err(Forged::Mismatch), "{wrong}");
    }
}

#[test]
fn an_account_without_a_token_lets_nobody_in() {
    assert_eq!(check("", "token=", Some("")), Err(Forged::Missing));
    assert_eq!(check("", "token=x", None), Err(Forged::Mismatch));
}

//! The eight published vectors, and beside each what must not pass.

use super::{FORM, Pairs, TOKEN, encode, pairs};
use std::collections::BTreeMap;
use transom_wire::twilio::{sign, verify};
use transom_wire::{Forged, Webhook};

const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const JSON: &str = r#"{"property": "value", "boolean": true}"#;
const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const BASIC: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];
const BASIC_SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const JSON_SIGNATURE: &str = "a9nBmqA0ju/hNViExpshrM61xv4=";

/// A request under test; its setters make it another one.
#[derive(Clone)]
struct Request {
    token: &'static str,
    previous: Option<&'static str>,
    url: String,
    content_type: Option<&'static str>,
    signature: Option<String>,
    body: Vec<u8>,
}

impl Request {
    fn form(url: &str, fields: &[(&str, &str)], signature: &str) -> Self {
        Self {
            token: TOKEN,
            previous: None,
            url: url.to_owned(),
            content_type: Some(FORM),
            signature: Some(signature.to_owned()),
            body: encode(&pairs(fields)),
        }
    }

    fn json(url: &str, body: &str, signature: &str) -> Self {
        Self {
            content_type: Some("application/json"),
            body: body.as_bytes().to_vec(),
            ..Self::form(url, &[], signature)
        }
    }

    fn url(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    fn body(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    fn fields(&self, fields: &Pairs) -> Self {
        self.body(encode(fields))
    }

    fn verify(&self) -> Result<(), Forged> {
        let mut headers = BTreeMap::new();
        headers.extend(self.content_type.map(|v| ("content-type".to_owned(), v.to_owned())));
        headers.extend(self.signature.clone().map(|v| ("x-twilio-signature".to_owned(), v)));
        let query = self.url.split_once('?').map_or("", |(_, q)| q);
        let webhook = Webhook { url: &self.url, query, headers: &headers, body: &self.body };
        verify(self.token, self.previous, &webhook)
    }

    #[track_caller]
    fn passes(&self) {
        assert_eq!(self.verify(), Ok(()), "{}", self.url);
    }

    #[track_caller]
    fn fails(&self) {
        assert_eq!(self.verify(), Err(Forged::Mismatch), "{}", self.url);
    }
}

/// What must fail beside every form vector.
fn basic_negatives(good: &Request) {
    for (i, (key, value)) in BASIC.iter().enumerate() {
        let mut changed = pairs(BASIC);
        changed[i].1 = format!("{value}0");
        good.fields(&changed).fails();
        let mut renamed = pairs(BASIC);
        renamed[i].0 = key.to_lowercase();
        good.fields(&renamed).fails();
        let mut dropped = pairs(BASIC);
        dropped.remove(i);
        good.fields(&dropped).fails();
    }
    let mut added = pairs(BASIC);
    added.push(("Extra".to_owned(), String::new()));
    good.fields(&added).fails();
    good.body("").fails();
    Request { token: "12346", ..good.clone() }.fails();
    Request { signature: Some("AAAA".to_owned()), ..good.clone() }.fails();
    Request { content_type: Some("application/json"), ..good.clone() }.fails();
    Request { content_type: None, ..good.clone() }.fails();
    let other = if good.url.starts_with("https:") { "http:" } else { "https:" };
    let (_, rest) = good.url.split_once(':').unwrap();
    good.url(&format!("{other}{rest}")).fails();
    good.url(&good.url.replace("foo=1", "foo=2")).fails();
    good.url(&good.url.replace("mycompany", "mycompany2")).fails();
    for missing in [None, Some(String::new())] {
        let without = Request { signature: missing, ..good.clone() };
        assert_eq!(without.verify(), Err(Forged::Missing));
    }
}

#[test]
fn vector_basic() {
    let good = Request::form(URL, BASIC, BASIC_SIGNATURE);
    good.passes();
    basic_negatives(&good);
    let mut turned = pairs(BASIC);
    turned.reverse();
    good.fields(&turned).passes();
}

#[test]
fn vector_duplicates() {
    let fields = [
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    let good = Request::form(URL, &fields, "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
    good.passes();
    // Distinct values count once, in whatever order they come.
    good.fields(&pairs(&[fields[3], fields[2], fields[1], fields[0]])).passes();
    // The values of two keys are no duplicates of each other.
    let swapped = [("Sid", "AC123"), ("SidAccount", "CA123"), fields[2], fields[3]];
    good.fields(&pairs(&swapped)).fails();
    good.fields(&pairs(&[fields[0], fields[1], ("Digits", "5678"), ("Digits", "4321")])).fails();
    good.fields(&pairs(&fields[..3])).fails();
    good.fields(&pairs(&[fields[0], fields[1], fields[3]])).fails();
    let mut more = pairs(&fields);
    more.push(("Digits".to_owned(), "9".to_owned()));
    good.fields(&more).fails();
}

fn json_negatives(good: &Request) {
    good.body(JSON.replace("true", "trUe")).fails();
    good.body(format!("{JSON} ")).fails();
    good.body("").fails();
    good.url(&good.url.replace(HASH, &HASH.replace('0', "1"))).fails();
    good.url(&good.url.replace("https", "http")).fails();
    Request { token: "1234", ..good.clone() }.fails();
    Request { content_type: Some(FORM), ..good.clone() }.fails();
    Request { content_type: None, ..good.clone() }.passes();
    let without = Request { signature: None, ..good.clone() };
    assert_eq!(without.verify(), Err(Forged::Missing));
}

#[test]
fn vector_json_body() {
    let good = Request::json(&format!("{URL}&bodySHA256={HASH}"), JSON, JSON_SIGNATURE);
    good.passes();
    json_negatives(&good);
}

#[test]
fn vector_json_body_with_the_hash_alone() {
    let url = format!("https://mycompany.com/myapp.php?bodySHA256={HASH}");
    let good = Request::json(&url, JSON, "y77kIzt2vzLz71DgmJGsen2scGs=");
    good.passes();
    json_negatives(&good);
}

#[test]
fn vector_http_with_a_port() {
    let good = Request::form(
        "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
        BASIC,
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
    );
    good.passes();
    basic_negatives(&good);
    good.url("http://mycompany.com/myapp.php?foo=1&bar=2").fails();
    good.url("http://mycompany.com:1235/myapp.php?foo=1&bar=2").fails();
}

#[test]
fn vector_https_with_443() {
    let good = Request::form(
        "https://mycompany.com:443/myapp.php?foo=1&bar=2",
        BASIC,
        "kvajT1Ptam85bY51eRf/AJRuM3w=",
    );
    good.passes();
    basic_negatives(&good);
    good.url(URL).passes();
    good.url("https://mycompany.com:80/myapp.php?foo=1&bar=2").fails();
}

#[test]
fn vector_http_with_80() {
    let good = Request::form(
        "http://mycompany.com:80/myapp.php?foo=1&bar=2",
        BASIC,
        "0ZXoZLH/DfblKGATFgpif+LLRf4=",
    );
    good.passes();
    basic_negatives(&good);
    good.url("http://mycompany.com/myapp.php?foo=1&bar=2").passes();
    good.url("http://mycompany.com:443/myapp.php?foo=1&bar=2").fails();
}

#[test]
fn vector_credentials_in_the_url() {
    let good = Request::form(
        "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        BASIC,
        "CukzLTc1tT5dXEDIHm/tKBanW10=",
    );
    good.passes();
    basic_negatives(&good);
    good.url(URL).fails();
    good.url("https://user:pasz@mycompany.com/myapp.php?foo=1&bar=2").fails();
}

#[test]
fn a_url_with_a_port_passes_when_signed_without_it() {
    let bare = sign(TOKEN, URL, BASIC);
    assert_eq!(bare, BASIC_SIGNATURE);
    Request::form("https://mycompany.com:8443/myapp.php?foo=1&bar=2", BASIC, &bare).passes();
    let host = "https://[2001:db8::1]";
    let signed = sign(TOKEN, &format!("{host}:443/a"), BASIC);
    Request::form(&format!("{host}/a"), BASIC, &signed).passes();
    Request::form(&format!("{host}:443/a"), BASIC, &sign(TOKEN, &format!("{host}/a"), BASIC))
        .passes();
}

#[test]
fn keys_are_sorted_before_they_are_joined() {
    let fields = [("Reason", "participant"), ("ReasonConferenceEnded", "last")];
    let text = "ReasonparticipantReasonConferenceEndedlast";
    let right = sign(TOKEN, &format!("https://x.example/{text}"), &[] as &[(&str, &str)]);
    let same = sign(TOKEN, "https://x.example/", &fields);
    assert_eq!(right, same);
    let trap = "ReasonConferenceEndedlastReasonparticipant";
    let wrong = sign(TOKEN, &format!("https://x.example/{trap}"), &[] as &[(&str, &str)]);
    Request::form("https://x.example/", &fields, &right).passes();
    Request::form("https://x.example/", &fields, &wrong).fails();
}

#[test]
fn the_query_passes_in_every_writing_that_twilio_signs() {
    let wire = "https://x.example/t?name=O'Brien+x&b=(2)&name=%E2%9C%93";
    for signed in [
        wire,
        "https://x.example/t?name=O%27Brien+x&b=(2)&name=%E2%9C%93",
        "https://x.example/t?name=O'Brien%20x&name=%E2%9C%93&b=(2)",
        "https://x.example:443/t?name=O'Brien%20x&name=%E2%9C%93&b=(2)",
    ] {
        Request::form(wire, BASIC, &sign(TOKEN, signed, BASIC)).passes();
    }
    for signed in ["https://x.example/t?name=OBrien+x&b=(2)&name=%E2%9C%93", "https://x.example/t"]
    {
        Request::form(wire, BASIC, &sign(TOKEN, signed, BASIC)).fails();
    }
    // A fragment configures Twilio's retries and never travels.
    Request::form(&format!("{URL}#rc=3"), BASIC, BASIC_SIGNATURE).passes();
}

#[test]
fn the_token_before_a_rotation_still_signs() {
    let good = Request::form(URL, BASIC, BASIC_SIGNATURE);
    Request { token: "new", previous: Some(TOKEN), ..good.clone() }.passes();
    Request { token: "new", previous: Some("newer"), ..good.clone() }.fails();
    Request { token: "new", previous: None, ..good }.fails();
}

#[test]
fn an_empty_token_signs_nothing() {
    let signed = Request::form(URL, BASIC, &sign("", URL, BASIC));
    Request { token: "", ..signed.clone() }.fails();
    Request { previous: Some(""), ..signed.clone() }.fails();
    signed.fails();
}

#[test]
fn a_body_that_is_no_form_needs_its_hash() {
    let url_alone = sign(TOKEN, URL, &[] as &[(&str, &str)]);
    Request::json(URL, JSON, &url_alone).fails();
    Request { content_type: None, ..Request::json(URL, JSON, &url_alone) }.fails();
    // Without a body there is nothing to cover: a webhook configured as a GET.
    Request { content_type: None, ..Request::json(URL, "", &url_alone) }.passes();
    // The hash counts only where the signature covers it.
    let unsigned = format!("{URL}&bodySHA256={HASH}");
    Request::json(&unsigned, JSON, &url_alone).fails();
}

#[test]
fn bytes_that_are_no_text_are_told_apart() {
    let good = Request::form(URL, &[], &sign(TOKEN, URL, &[(b"Body", b"\xff")])).body("Body=%FF");
    good.passes();
    good.body(b"Body=\xff".to_vec()).passes();
    good.body("Body=%FE").fails();
    good.body("Body=%EF%BF%BD").fails();
}

#[test]
fn a_key_without_a_value_is_signed_as_a_key() {
    let good = Request::form(URL, &[], &sign(TOKEN, URL, &[("Body", ""), ("To", "x")]));
    for body in ["Body=&To=x", "To=x&Body", "&To=x&&Body=&"] {
        good.body(body).passes();
    }
    good.body("To=x").fails();
}

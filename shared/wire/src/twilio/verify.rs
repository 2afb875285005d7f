//! Whether Twilio sent a webhook, and how Twilio signs one.
//!
//! `X-Twilio-Signature` is base64(HMAC-SHA1(auth token, URL + parameters)). The parameters are
//! the decoded form fields, sorted by key and joined without separators. A body that is no
//! form is covered by its SHA-256, which the signed URL carries as `bodySHA256`.

use crate::{Forged, Webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use subtle::{Choice, ConstantTimeEq as _};

const SIGNATURE_HEADER: &str = "x-twilio-signature";
const BODY_HASH_PARAMETER: &str = "bodySHA256";

/// What the WHATWG URL standard escapes in the query of an http URL.
const URL_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
/// What Node's `querystring.stringify` escapes.
const QUERYSTRING: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Checks that Twilio sent this webhook. `previous` is the token before a rotation.
///
/// Twilio's own systems write a URL in several ways before they sign it, so all those ways are
/// tried; every one is computed whatever the others gave.
///
/// # Errors
/// [`Forged`] when the signature is missing, fits no token and no writing of the URL, or when
/// the body is not the one that was signed.
pub fn verify(
    auth_token: &str,
    previous: Option<&str>,
    webhook: &Webhook<'_>,
) -> Result<(), Forged> {
    let claimed = webhook
        .headers
        .get(SIGNATURE_HEADER)
        .filter(|signature| !signature.is_empty())
        .ok_or(Forged::Missing)?;
    let is_form = is_form(webhook);
    let fields = if is_form { decode_form(webhook.body) } else { Vec::new() };
    let parameters = joined(&fields);
    let writings = writings(webhook.url);

    let mut signed = Choice::from(0);
    // An empty token is a missing one: anybody could sign with it.
    for token in [Some(auth_token), previous].into_iter().flatten().filter(|t| !t.is_empty()) {
        for url in &writings {
            signed |= signature(token, url, &parameters)
                .map_or(Choice::from(0), |own| own.as_bytes().ct_eq(claimed.as_bytes()));
        }
    }
    if bool::from(signed & body_is_covered(webhook, is_form)) {
        Ok(())
    } else {
        Err(Forged::Mismatch)
    }
}

/// Signs as Twilio does: the value of `X-Twilio-Signature` for a request to exactly this `url`
/// with these decoded form parameters (none for a body that is no form).
#[must_use]
pub fn sign<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    auth_token: &str,
    url: &str,
    params: &[(K, V)],
) -> String {
    signature(auth_token, url, &joined(params)).unwrap_or_default()
}

/// `None` never happens: HMAC takes a key of any length.
fn signature(auth_token: &str, url: &str, parameters: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).ok()?;
    mac.update(url.as_bytes());
    mac.update(parameters);
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

/// Every key with each of its distinct values. The order is by key first: sorting the joined
/// texts would put `ReasonConferenceEnded` before `Reason` + `participant…`.
fn joined<K: AsRef<[u8]>, V: AsRef<[u8]>>(params: &[(K, V)]) -> Vec<u8> {
    let mut sorted: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for (key, value) in params {
        sorted.entry(key.as_ref()).or_default().insert(value.as_ref());
    }
    let mut bytes = Vec::new();
    for (key, values) in sorted {
        for value in values {
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(value);
        }
    }
    bytes
}

fn is_form(webhook: &Webhook<'_>) -> bool {
    webhook.headers.get("content-type").is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// The decoded fields as bytes: what is no UTF-8 stays as it is, so that two different bodies
/// never decode to the same text.
fn decode_form(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |part: &[u8]| -> Vec<u8> {
        let spaced: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaced).collect()
    };
    body.split(|b| *b == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |b| *b == b'=');
            let key = parts.next().map(decode).unwrap_or_default();
            (key, parts.next().map(decode).unwrap_or_default())
        })
        .collect()
}

/// Whether the signature speaks for the body: a form is part of the signed text; anything else
/// needs its hash in the signed URL. A body without a content type is not taken for a form.
fn body_is_covered(webhook: &Webhook<'_>, is_form: bool) -> Choice {
    if is_form {
        return Choice::from(1);
    }
    match body_hash(webhook.url) {
        Some(told) => {
            let own = hex::encode(Sha256::digest(webhook.body));
            own.as_bytes().ct_eq(told.to_ascii_lowercase().as_bytes())
        }
        None => Choice::from(u8::from(webhook.body.is_empty())),
    }
}

/// The hash that the signed URL carries, read from the very text that is signed.
fn body_hash(url: &str) -> Option<String> {
    let (_, query) = without_fragment(url).split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == BODY_HASH_PARAMETER)
        .map(|(_, value)| value.into_owned())
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

/// Every writing of `url` that Twilio may have signed: without a port and with one, the query
/// as it stands, as a URL parser escapes it, and as Node writes it anew.
fn writings(url: &str) -> BTreeSet<String> {
    let url = without_fragment(url);
    let (base, queries) = match url.split_once('?') {
        None => (url, vec![String::new()]),
        Some((base, query)) => (
            base,
            vec![
                format!("?{query}"),
                format!("?{}", utf8_percent_encode(query, URL_QUERY)),
                format!("?{}", rewritten(query)),
            ],
        ),
    };
    let bases = [with_port(base, false), with_port(base, true)];
    bases.iter().flat_map(|base| queries.iter().map(move |q| format!("{base}{q}"))).collect()
}

/// The URL's own or standard port written out, or none.
fn with_port(base: &str, wanted: bool) -> String {
    let Some((scheme, rest)) = base.split_once("://") else {
        return base.to_owned();
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    // The last `:` with digits behind it: a password before the `@` and an IPv6 address have
    // colons too.
    let (name, port) = authority
        .rsplit_once(':')
        .filter(|(_, p)| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        .map_or((authority, None), |(name, port)| (name, Some(port)));
    if wanted {
        let standard = if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
        format!("{scheme}://{name}:{}{path}", port.unwrap_or(standard))
    } else {
        format!("{scheme}://{name}{path}")
    }
}

/// The query decoded and encoded again, repeated keys side by side, as Node's `querystring`
/// does it.
fn rewritten(query: &str) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = *places.entry(key.clone().into_owned()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, values)) => values.push(value.into_owned()),
            None => groups.push((key.into_owned(), vec![value.into_owned()])),
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, QUERYSTRING).to_string();
    let pairs: Vec<String> = groups
        .iter()
        .flat_map(|(key, values)| {
            values.iter().map(move |value| format!("{}={}", encode(key), encode(value)))
        })
        .collect();
    pairs.join("&")
}

//! Twilio's wire, from published vectors and one fixture of each kind.
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly"
)]

mod answers;
mod codes;
mod messages;
mod properties;
mod sends;
mod signatures;
mod statuses;

use std::collections::BTreeMap;
use std::path::Path;
use transom_core::account::Provider;
use transom_wire::{Inbound, Item, Unparsable, Webhook};

const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const TOKEN: &str = "12345";

type Pairs = Vec<(String, String)>;

fn pairs(of: &[(&str, &str)]) -> Pairs {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// The decoded fields of a fixture: `key=value`, one a line.
fn fixture(name: &str) -> Pairs {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/twilio/{name}.form"));
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

/// `fields` with `name` set, or removed.
fn with(mut fields: Pairs, name: &str, value: Option<&str>) -> Pairs {
    fields.retain(|(key, _)| key != name);
    fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    fields
}

fn encode(fields: &[(String, String)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
}

fn parse_at(query: &str, body: &[u8]) -> Result<Item, Unparsable> {
    let headers = BTreeMap::from([("content-type".to_owned(), FORM.to_owned())]);
    let webhook = Webhook { url: "https://x.example/t", query, headers: &headers, body };
    let items = transom_wire::parse(Provider::Twilio, &webhook)?;
    assert_eq!(items.len(), 1);
    Ok(items.into_iter().next().unwrap())
}

fn parse(fields: &[(String, String)]) -> Result<Item, Unparsable> {
    parse_at("", &encode(fields))
}

fn message(fields: &[(String, String)]) -> Inbound {
    match parse(fields).unwrap() {
        Item::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

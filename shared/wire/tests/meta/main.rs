//! Meta's wire, from one fixture of each kind.
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
mod batches;
mod codes;
mod messages;
mod properties;
mod sends;
mod signatures;
mod statuses;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use transom_core::identity::{Phone, UserId};
use transom_wire::{Inbound, Item, Unparsable, Webhook, meta};

/// Where the only message, or the only status, of a fixture stands.
const MESSAGE: &str = "/entry/0/changes/0/value/messages/0";
const STATUS: &str = "/entry/0/changes/0/value/statuses/0";
const VALUE: &str = "/entry/0/changes/0/value";

fn phone(text: &str) -> Phone {
    Phone::parse(text).unwrap()
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn map(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn fixture(name: &str) -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/meta/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// The names of all fixtures that begin with `prefix`.
fn fixtures(prefix: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/meta");
    let names = std::fs::read_dir(folder).unwrap();
    let stem = |name: String| name.strip_suffix(".json").unwrap().to_owned();
    names
        .map(|entry| stem(entry.unwrap().file_name().into_string().unwrap()))
        .filter(|name| name.starts_with(prefix))
        .collect()
}

/// `webhook` with `name` of the object at `place` set, or removed.
fn with(mut webhook: Value, place: &str, name: &str, value: Option<Value>) -> Value {
    let object = webhook.pointer_mut(place).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    webhook
}

fn parse_bytes(body: &[u8]) -> Result<Vec<Item>, Unparsable> {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    meta::parse(&Webhook { url: "https://x.example/m", query: "", headers: &headers, body })
}

fn parse(webhook: &Value) -> Vec<Item> {
    parse_bytes(webhook.to_string().as_bytes()).unwrap().into_iter().map(by_name).collect()
}

/// An item without the fields that are kept of it; tests of those look at `parse_bytes`.
fn by_name(item: Item) -> Item {
    match item {
        Item::Tells(told) => other(&told.kind),
        Item::Other { kind, .. } => other(&kind),
        told => told,
    }
}

fn only(webhook: &Value) -> Item {
    let items = parse(webhook);
    assert_eq!(items.len(), 1);
    items.into_iter().next().unwrap()
}

fn message(webhook: &Value) -> Inbound {
    match only(webhook) {
        Item::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

fn other(kind: &str) -> Item {
    Item::Other { kind: kind.to_owned(), raw: BTreeMap::new() }
}

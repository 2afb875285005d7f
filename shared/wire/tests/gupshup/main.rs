//! Gupshup's wire, from one fixture of each kind and event.
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
mod statuses;
mod tokens;
mod v3;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use transom_core::content::Content;
use transom_core::identity::{Phone, User, UserId};
use transom_wire::gupshup::parse;
use transom_wire::{Business, Inbound, Item, StatusUpdate, Unparsable, Webhook};

const APP_ID: &str = "82ed52f4-30c0-4f12-81b4-e7ad07bd41de";
/// Gupshup's id of a message of ours.
const OWN: &str = "ee4a68a0-1203-4c85-8dc3-49d0b3226a35";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gupshup");

/// The names of all fixtures.
fn fixtures() -> Vec<String> {
    let names = std::fs::read_dir(FOLDER).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".json").unwrap().to_owned())
        .collect()
}

fn fixture(name: &str) -> Value {
    let bytes = std::fs::read(Path::new(FOLDER).join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// `value` with what stands at `pointer` set, or removed.
fn with(mut value: Value, pointer: &str, new: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = value.pointer_mut(parent).unwrap();
    match (parent, new) {
        (Value::Object(fields), Some(new)) => {
            fields.insert(name.to_owned(), new);
        }
        (Value::Object(fields), None) => {
            fields.remove(name);
        }
        (Value::Array(elements), Some(new)) => elements[name.parse::<usize>().unwrap()] = new,
        (other, _) => panic!("nothing to set in {other}"),
    }
    value
}

fn parse_bytes(body: &[u8]) -> Result<Vec<Item>, Unparsable> {
    let headers = BTreeMap::new();
    parse(&Webhook {
        url: "https://x.example/g?token=t",
        query: "token=t",
        headers: &headers,
        body,
    })
}

fn items(value: &Value) -> Vec<Item> {
    parse_bytes(value.to_string().as_bytes()).unwrap().into_iter().map(by_name).collect()
}

/// An item without the fields that are kept of it; tests of those look at `parse_bytes`.
fn by_name(item: Item) -> Item {
    match item {
        Item::Tells(told) => other(&told.kind),
        Item::Other { kind, .. } => other(&kind),
        told => told,
    }
}

fn one(value: &Value) -> Item {
    let [item] = items(value).try_into().unwrap();
    item
}

fn message(value: &Value) -> Inbound {
    match one(value) {
        Item::Message(message) => *message,
        other => panic!("not a message: {other:?}"),
    }
}

fn status(value: &Value) -> StatusUpdate {
    match one(value) {
        Item::Status(status) => status,
        other => panic!("not a status: {other:?}"),
    }
}

fn other(kind: &str) -> Item {
    Item::Other { kind: kind.to_owned(), raw: BTreeMap::new() }
}

fn phone(text: &str) -> Phone {
    Phone::parse(text).unwrap()
}

fn user_id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn customer() -> User {
    User::Phone(phone("+919876543210"))
}

fn number() -> Business {
    Business::Phone(phone("+917834811114"))
}

fn app() -> Business {
    Business::ProviderId(APP_ID.to_owned())
}

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

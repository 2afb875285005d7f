//! The fixtures of the wire, made about the usual number, and Worlds to post them to.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use transom_core::account::Provider;
use transom_testkit::world::NUMBER;
use transom_testkit::{AutoStatus, World};

pub(crate) const VALUE: &str = "/entry/0/changes/0/value";

/// The fixtures of a provider, by name.
pub(crate) fn fixtures(provider: &str) -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/wire/tests/fixtures")
        .join(provider);
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    std::fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

/// Those whose names begin with one of `prefixes`, or with none of them.
pub(crate) fn split(
    all: BTreeMap<String, String>,
    prefixes: &[&str],
) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    all.into_iter().partition(|(name, _)| prefixes.iter().any(|p| name.starts_with(p)))
}

/// A fixture about the usual number.
pub(crate) fn parse(text: &str) -> Value {
    let ours = NUMBER.trim_start_matches('+');
    let text = text.replace("15550783881", ours).replace("917834811114", ours);
    serde_json::from_str(&text).unwrap()
}

/// The messages of a fixture of Meta's shape get ids and times of their own.
pub(crate) fn name_messages(value: &mut Value, n: usize, seconds: i64) -> usize {
    let messages = value.pointer_mut(&format!("{VALUE}/messages")).unwrap().as_array_mut().unwrap();
    for (i, message) in messages.iter_mut().enumerate() {
        message["id"] = json!(format!("wamid.{n}.{i}"));
        message["timestamp"] = json!((seconds + i as i64).to_string());
    }
    messages.len()
}

/// Gupshup's version 3 of what Meta posts: the number is told, and the app.
pub(crate) fn passed_on(mut value: Value) -> Value {
    value["gs_app_id"] = json!("82ed52f4-30c0-4f12-81b4-e7ad07bd41de");
    value
}

/// A World in which a message was sent and nothing is known yet but that the provider has it; the
/// message's id and the provider's.
pub(crate) async fn sent(provider: Provider) -> (World, String, String) {
    let world = World::of(provider).await;
    world.sandbox().set_autostatus(AutoStatus::None);
    world.customer_writes("Hello").await;
    let answer = world.send("Hi").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.settle().await;
    let sid = world.sandbox().outbox()[0].sid.clone();
    (world, answer.text("id"), sid)
}

/// What the account's events say of what belongs to no conversation: reason and kind.
pub(crate) async fn account_events(world: &World) -> Vec<(String, String)> {
    let answer = world.get("/v1/accounts/tw/events").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let items = answer.body["items"].as_array().unwrap().clone();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap().to_owned();
    items.iter().map(|item| (text(item, "reason"), text(item, "kind"))).collect()
}

//! Every fixture of a message, posted as its provider posts it, arrives as one item with its content
//! (F6, M30, M120). Twilio's are in `inbound`.

use crate::fixtures::{VALUE, fixtures, name_messages, parse, passed_on, split};
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::World;

/// What arrived, in the order of the posts, and what is shown of it.
struct Shown {
    seen: Vec<String>,
    table: Vec<Value>,
}

impl Shown {
    fn new() -> Self {
        Self { seen: Vec::new(), table: Vec::new() }
    }

    /// Posts a fixture twice, and notes the `count` items that it makes.
    async fn note(
        &mut self,
        world: &World,
        provider: Provider,
        (name, body): (&str, &Value),
        count: usize,
    ) {
        for _ in 0..2 {
            let answer = world.posts(provider, body).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        }
        let id = world.conversation().await["id"].as_str().unwrap().to_owned();
        let mut items = world.messages(&id).await;
        items.retain(|item| !self.seen.contains(&item["id"].as_str().unwrap().to_owned()));
        assert_eq!(items.len(), count, "{name}: items out = items in: {items:?}");
        for item in items.into_iter().rev() {
            self.seen.push(item["id"].as_str().unwrap().to_owned());
            assert_eq!(
                (&item["direction"], &item["origin"], &item["status"]),
                (&json!("in"), &json!("customer"), &json!("received")),
                "{name}"
            );
            self.table.push(shown(name, &item));
        }
    }
}

fn shown(name: &str, item: &Value) -> Value {
    let mut content = item["content"].clone();
    if content.get("media").is_some() {
        content["media"] = json!("med_…");
    }
    let mut shown = json!({ "fixture": name, "content": content });
    if item["forwarded"] == true {
        shown["forwarded"] = json!(true);
    }
    for field in ["reply_to", "referral"] {
        if !item[field].is_null() {
            shown[field] = item[field].clone();
        }
    }
    shown
}

/// Every message of Meta's, as Meta posts it or as Gupshup passes it on.
async fn metas_messages(provider: Provider) -> Vec<Value> {
    let (_, messages) = split(fixtures("meta"), &["status_", "event_", "batch"]);
    let world = World::of(provider).await;
    let began = world.now().as_millis() / 1000 - 3600;
    let mut shown = Shown::new();
    for (n, (name, text)) in messages.iter().enumerate() {
        let mut value = parse(text);
        let count = name_messages(&mut value, n, began + n as i64);
        let value = if provider == Provider::Gupshup { passed_on(value) } else { value };
        shown.note(&world, provider, (name, &value), count).await;
    }
    world.settle().await;
    assert_eq!(world.subscriber.of("message.received").len(), shown.seen.len());
    shown.table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_f6_every_message_of_metas_arrives_as_one_item_with_its_content() {
    let table = metas_messages(Provider::Meta).await;
    insta::assert_json_snapshot!("every_message_of_metas", table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_f6_every_message_of_gupshups_version_3_arrives_as_one_item_with_its_content() {
    // What Gupshup passes on of Meta's is the same.
    let passed_on = metas_messages(Provider::Gupshup).await;
    let metas = metas_messages(Provider::Meta).await;
    assert_eq!(passed_on, metas);
    let (own, _) = split(fixtures("gupshup"), &["v3_"]);
    let world = World::of(Provider::Gupshup).await;
    let began = world.now().as_millis() / 1000 - 3600;
    let mut shown = Shown::new();
    for (n, (name, text)) in own.iter().enumerate() {
        let mut value = parse(text);
        if value.pointer(&format!("{VALUE}/messages")).is_some() {
            let count = name_messages(&mut value, n, began + 10 * n as i64);
            shown.note(&world, Provider::Gupshup, (name, &value), count).await;
        }
    }
    insta::assert_json_snapshot!("every_message_of_gupshups_version_3", shown.table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m30_f6_every_message_of_gupshups_version_2_arrives_as_one_item_with_its_content() {
    let (_, messages) = split(fixtures("gupshup"), &["event_", "other_", "v3_"]);
    let world = World::of(Provider::Gupshup).await;
    let mut shown = Shown::new();
    for (n, (name, text)) in messages.iter().enumerate() {
        world.house.clock().advance_to(world.now().plus(Millis::from_seconds(1)));
        let mut value = parse(text);
        value["payload"]["id"] = json!(format!("wamid.{n}"));
        shown.note(&world, Provider::Gupshup, (name, &value), 1).await;
    }
    insta::assert_json_snapshot!("every_message_of_gupshups_version_2", shown.table);
}

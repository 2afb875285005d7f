//! The examples of the API's document are true: every body of them is taken as it stands, and what
//! is answered has the shape that is shown.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{
    AutoStatus, FileFault, FileHost, PhoneContent, PhoneMedia, PhoneMessage, ServedFile, World,
    WorldPlan,
};

/// A file that is elsewhere, in the examples.
const LEAF: &str = "https://example.com/leaf.jpg";
/// The examples whose answer is shown, where a call has several: another may be answered with
/// more.
const ANSWERED: [&str; 3] = ["", "text", "twilio"];
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF a picture";

/// A World that is asked every call of the document.
struct Tour {
    world: World,
    document: Value,
    /// Where the file of the examples really is.
    leaf: String,
    asked: BTreeSet<String>,
}

impl Tour {
    /// Begins in a World of which nothing is set up.
    async fn start(provider: Provider) -> Self {
        let plan = WorldPlan { bare: true, provider: Some(provider), ..WorldPlan::default() };
        let world = World::with(plan).await;
        let document = world.get("/openapi.json").await.body;
        let host = FileHost::start().await.unwrap();
        let leaf = host.put("leaf.jpg", ServedFile::of("image/jpeg", JPEG));
        Self { world, document, leaf, asked: BTreeSet::new() }
    }

    /// The method, the path and the operation of this name.
    fn operation(&self, name: &str) -> (String, String, Value) {
        let paths = self.document["paths"].as_object().unwrap().iter();
        let mut operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(|(method, o)| (method.to_uppercase(), path.clone(), o.clone()))
        });
        operations.find(|(_, _, o)| o["operationId"] == name).unwrap_or_else(|| panic!("{name}"))
    }

    /// Asks a call that takes nothing, or has one example of what it takes. `ids` are what stands
    /// in its path, in order.
    async fn ask(&mut self, name: &str, ids: &[&str]) -> Value {
        self.ask_with(name, "", ids).await
    }

    /// Asks a call with one of its examples.
    async fn ask_with(&mut self, name: &str, which: &str, ids: &[&str]) -> Value {
        let (method, pattern, operation) = self.operation(name);
        let mut ids = ids.iter();
        let parts = pattern.split('/').map(|part| match part.strip_prefix('{') {
            Some(_) => ids.next().unwrap_or_else(|| panic!("{name} needs more ids")),
            None => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let content = &operation["requestBody"]["content"]["application/json"];
        let body = match which {
            "" => content["example"].clone(),
            which => content["examples"][which]["value"].clone(),
        };
        let body = (!body.is_null())
            .then(|| serde_json::from_str(&body.to_string().replace(LEAF, &self.leaf)).unwrap());
        let answer = self.world.call(&method, &path, body.as_ref()).await;
        self.world.settle().await;
        let responses = operation["responses"].as_object().unwrap();
        let (status, shown) = responses.iter().find(|(s, _)| s.starts_with('2')).unwrap();
        assert_eq!(answer.status.to_string(), *status, "{name} {which}: {}", answer.body);
        let shown = &shown["content"]["application/json"]["example"];
        if let Some(why) = differs(shown, &answer.body).filter(|_| ANSWERED.contains(&which)) {
            panic!("{name} {which}: {why} in\n{shown:#}\nas shown, and in\n{:#}", answer.body);
        }
        self.asked.insert(name.to_owned());
        answer.body
    }
}

/// Where two values differ in shape: in the fields of an object that both have. What is `null` or
/// empty in one of them may be anything in the other.
fn differs(shown: &Value, answered: &Value) -> Option<String> {
    match (shown, answered) {
        (Value::Object(shown), Value::Object(answered)) => {
            let names = |fields: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                fields.keys().cloned().collect()
            };
            let (left, right) = (names(shown), names(answered));
            let odd: Vec<&String> = left.symmetric_difference(&right).collect();
            if !odd.is_empty() {
                return Some(format!("the fields {odd:?}"));
            }
            shown.iter().find_map(|(name, value)| {
                differs(value, &answered[name]).map(|why| format!("`{name}`: {why}"))
            })
        }
        (Value::Array(shown), Value::Array(answered)) => {
            differs(shown.first()?, answered.first()?).map(|why| format!("the first: {why}"))
        }
        (Value::Null, _) | (_, Value::Null) => None,
        (shown, answered) => {
            let kind = |value: &Value| match value {
                Value::Null => "null",
                Value::Bool(_) => "a truth",
                Value::Number(_) => "a number",
                Value::String(_) => "a text",
                Value::Array(_) => "a list",
                Value::Object(_) => "an object",
            };
            let (left, right) = (kind(shown), kind(answered));
            (left != right).then(|| format!("{left} and {right}"))
        }
    }
}

async fn set_up(tour: &mut Tour) {
    tour.ask("put_brands_brand", &["acme"]).await;
    tour.ask("put_portfolios_portfolio", &["acme_group"]).await;
    tour.ask("put_prices_list", &["default"]).await;
    tour.ask_with("put_accounts_account", "gupshup", &["gs"]).await;
    tour.ask_with("put_accounts_account", "meta", &["meta"]).await;
    tour.ask_with("put_accounts_account", "twilio", &["tw"]).await;
    tour.ask("put_senders_sender", &["support"]).await;
    tour.ask("put_accounts_account_templates_name", &["tw", "order_ready"]).await;
    tour.ask("put_senders_sender_settings", &["support"]).await;
    tour.ask("put_senders_sender_entry_points_id", &["support", "counter"]).await;
    tour.ask("put_subscriptions_id", &["crm"]).await;
    for (name, ids) in [
        ("get_brands", &[][..]),
        ("get_brands_brand", &["acme"]),
        ("get_portfolios_portfolio", &["acme_group"]),
        ("get_portfolios_portfolio_limit", &["acme_group"]),
        ("get_prices_list", &["default"]),
        ("get_accounts", &[]),
        ("get_accounts_account", &["tw"]),
        ("get_accounts_account_templates", &["tw"]),
        ("get_senders", &[]),
        ("get_senders_sender", &["support"]),
        ("get_senders_sender_settings", &["support"]),
        ("get_senders_sender_entry_points_id", &["support", "counter"]),
        ("get_subscriptions", &[]),
        ("get_subscriptions_id", &["crm"]),
    ] {
        tour.ask(name, ids).await;
    }
    tour.ask("post_keys", &[]).await;
    tour.ask("get_keys", &[]).await;
    tour.ask("post_accounts_account_wallet_entries", &["tw"]).await;
    // From here on there is something to tell, and nobody at the example's address.
    let here = json!({ "url": tour.world.subscriber.url, "events": [] });
    assert_eq!(tour.world.put("/v1/subscriptions/crm", here).await.status, 200);
}

async fn converse(tour: &mut Tour) -> String {
    tour.world.customer_writes("Where is my order?").await;
    tour.world.settle().await;
    let conversation = tour.world.conversation().await;
    let id = conversation["id"].as_str().unwrap();
    let contact = conversation["contact"]["id"].as_str().unwrap();
    let opt_in = "put_senders_sender_contacts_contact_opt_in";
    tour.world.advance(Millis::from_seconds(60)).await;
    tour.ask(opt_in, &["support", CUSTOMER]).await;
    let later = tour.ask_with("post_messages", "later", &[]).await;
    tour.ask("post_messages_id_cancel", &[later["id"].as_str().unwrap()]).await;
    tour.ask("post_messages_check", &[]).await;
    for which in [
        "template",
        "image",
        "held_until_the_customer_writes",
        "template_when_the_window_is_closed",
        "text",
    ] {
        tour.ask_with("post_messages", which, &[]).await;
    }
    tour.world.sandbox().set_autostatus(AutoStatus::None);
    let failed = tour.world.send("Here it is.").await.text("id");
    tour.world.settle().await;
    let at_provider = tour.world.sandbox().outbox().last().unwrap().sid.clone();
    tour.world.report(&at_provider, "failed", Some(63_018)).await;
    tour.world.settle().await;
    tour.world.sandbox().set_autostatus(AutoStatus::Full);
    tour.ask("post_messages_id_retry", &[&failed]).await;
    tour.world.pass(Millis::from_seconds(1));
    let sent = tour.world.send("On its way.").await.text("id");
    tour.world.settle().await;
    tour.ask("get_messages_id", &[&sent]).await;
    for (name, ids) in [
        ("get_conversations", &[][..]),
        ("get_conversations_id", &[id]),
        ("get_conversations_id_messages", &[id]),
        ("get_conversations_id_events", &[id]),
        ("get_senders_sender_contacts", &["support"]),
        ("get_senders_sender_contacts_contact", &["support", contact]),
        ("get_senders_sender_contacts_contact_consents", &["support", contact]),
        ("get_senders_sender_limit", &["support"]),
        ("get_usage", &[]),
        ("get_accounts_account_wallet", &["tw"]),
        ("delete_senders_sender_contacts_contact_opt_in", &["support", contact]),
    ] {
        tour.ask(name, ids).await;
    }
    id.to_owned()
}

async fn keep_files(tour: &mut Tour, conversation: &str) {
    let stored = tour.ask("post_media", &[]).await;
    tour.ask("get_media_id", &[stored["id"].as_str().unwrap()]).await;
    for _ in 0..20 {
        tour.world.sandbox().fail_next_file(FileFault::Status(404));
    }
    let picture = PhoneContent::Image(PhoneMedia::default());
    let picture = PhoneMessage::new(CUSTOMER, NUMBER, picture);
    assert_eq!(tour.world.sandbox().phone_send(picture).await.unwrap().status, 200);
    tour.world.settle().await;
    let newest = tour.world.messages(conversation).await.remove(0);
    let id = newest["content"]["media"].as_str().unwrap();
    tour.ask("post_media_id_retry", &[id]).await;
}

async fn look_after(tour: &mut Tour) {
    // A status of a message that nobody here has sent.
    let sid = "SM00000000000000000000000000000000";
    let form = [("MessageSid", sid), ("MessageStatus", "delivered")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let told = tour.world.signed("/status/twilio/tw", &form).await;
    assert_eq!(told.status, 200, "{}", told.body);
    tour.world.settle().await;
    tour.ask("get_accounts_account_events", &["tw"]).await;
    tour.ask("post_accounts_account_templates_sync", &["tw"]).await;
    tour.ask("post_accounts_account_templates_name_submit", &["tw", "order_ready"]).await;
    tour.world.subscriber.fail_next(1);
    tour.world.customer_writes("Thank you").await;
    tour.world.settle().await;
    let late = tour.ask("get_deliveries", &[]).await;
    tour.ask("post_deliveries_id_replay", &[late["items"][0]["id"].as_str().unwrap()]).await;
    for name in ["post_accounts_account_deactivate", "post_accounts_account_activate"] {
        // What is of one instant has no order.
        tour.world.pass(Millis::from_seconds(1));
        tour.ask(name, &["tw"]).await;
    }
    tour.ask("get_audit", &[]).await;
    tour.ask("post_keys_revoke_all", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_is_taken_and_answered_as_it_is_shown() {
    let mut tour = Tour::start(Provider::Twilio).await;
    set_up(&mut tour).await;
    let conversation = converse(&mut tour).await;
    keep_files(&mut tour, &conversation).await;
    look_after(&mut tour).await;
    for item in tour.document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            let responses = operation["responses"].as_object().unwrap();
            let shown = responses.iter().any(|(status, answer)| {
                status.starts_with('2') && !answer["content"]["application/json"].is_null()
            });
            assert_eq!(shown, tour.asked.contains(name), "{name} is asked if it is shown");
        }
    }
}

/// Not every provider takes buttons in the message itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_of_buttons_is_taken_by_a_provider_that_takes_buttons() {
    let mut tour = Tour::start(Provider::Meta).await;
    let world = &tour.world;
    assert_eq!(world.put("/v1/brands/acme", json!({ "name": "Acme" })).await.status, 200);
    tour.ask_with("put_accounts_account", "meta", &["tw"]).await;
    let sender = sender_body(NUMBER);
    assert_eq!(tour.world.put("/v1/senders/support", sender).await.status, 200);
    tour.world.customer_writes("When do you come?").await;
    tour.ask_with("post_messages", "buttons", &[]).await;
}

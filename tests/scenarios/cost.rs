//! Write units, index units included, as the service counts them (`docs/cost.md`).

use serde_json::json;
use transom_core::time::Millis;
use transom_local::sandbox::inbound_form;
use transom_testkit::world::{ACCOUNT_SID, CUSTOMER, NUMBER};
use transom_testkit::{AutoStatus, PhoneMessage, World};

/// The write units that the functions consumed since the last look.
struct Ledger<'a> {
    world: &'a World,
    seen: f64,
}

const FUNCTIONS: [&str; 7] =
    ["Inbound", "Status", "Sender", "Media", "Sweeper", "Desk", "Notifier"];

impl<'a> Ledger<'a> {
    fn new(world: &'a World) -> Self {
        let mut ledger = Self { world, seen: 0.0 };
        ledger.take();
        ledger
    }

    fn take(&mut self) -> f64 {
        let units =
            |name: &str| self.world.house.function(name).unwrap().store.meter().write_units();
        let total: f64 = FUNCTIONS.iter().map(|name| units(name)).sum();
        let spent = total - self.seen;
        self.seen = total;
        spent
    }
}

fn form(n: usize, text: &str) -> Vec<(String, String)> {
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, text);
    message.sid = Some(format!("SM{n:032x}"));
    message.account_sid = Some(ACCOUNT_SID.to_owned());
    inbound_form(&message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_units_of_the_main_road() {
    let world = World::start().await;
    world.sandbox().set_autostatus(AutoStatus::None);
    let mut ledger = Ledger::new(&world);
    let mut table = Vec::new();
    let mut note = |what: &str, spent: f64, budget: f64| {
        assert!(spent <= budget, "{what}: {spent} write units, budget {budget}");
        table.push(json!({ "what": what, "write_units": spent, "budget": budget }));
    };
    let inbound = async |n: usize, text: &str| {
        let answer = world.signed("/webhooks/twilio/tw", &form(n, text)).await;
        assert_eq!(answer.status, 200);
        world.settle().await;
    };
    inbound(1, "Hello").await;
    note("first message ever", ledger.take(), 6.0);
    inbound(2, "Hello").await;
    note("message in an open window", ledger.take(), 3.0);
    inbound(2, "Hello").await;
    note("duplicate", ledger.take(), 3.0);
    world.house.clock().advance_to(world.now().plus(Millis::from_seconds(60)));
    inbound(3, "Hello").await;
    note("a later message in an open window", ledger.take(), 3.0);

    let sent = world.send("Hi").await.text("id");
    world.settle().await;
    note("outbound, submit to accepted", ledger.take(), 6.0);
    let long = world.send(&"long text ".repeat(150)).await.text("id");
    world.settle().await;
    note("outbound with a long text", ledger.take(), 8.0);
    for (id, what) in [(&sent, "a status fact"), (&long, "a status fact of a long text")] {
        for status in ["sent", "delivered", "read"] {
            let form: Vec<(String, String)> = [
                ("MessageSid", "SM1"),
                ("MessageStatus", status),
                ("From", &format!("whatsapp:{NUMBER}")),
                ("To", &format!("whatsapp:{CUSTOMER}")),
            ]
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
            let path = format!("/status/twilio/tw?ref={id}.1");
            assert_eq!(world.signed(&path, &form).await.status, 200);
            world.settle().await;
            note(what, ledger.take(), 1.0);
        }
    }
    world.advance(Millis::from_hours(30)).await;
    ledger.take();
    inbound(4, "Back again").await;
    note("the message that opens a new window", ledger.take(), 6.0);

    world.opt_in("+919876500001").await;
    ledger.take();
    let other = world.send_template("+919876500001").await;
    assert_eq!(other.status, 202);
    world.settle().await;
    note("a counted template, submit to accepted", ledger.take(), 6.0 + 8.0 + 2.0);
    world.house.clock().advance_to(world.now().plus(Millis::from_hours(24)));
    ledger.take();
    world.get("/v1/senders/support/limit").await;
    note("its place, given free", ledger.take(), 5.0);
    insta::assert_json_snapshot!("write_units", table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_message_costs_does_not_depend_on_how_many_conversations_there_are() {
    let world = World::start().await;
    let mut ledger = Ledger::new(&world);
    let mut costs = Vec::new();
    for n in 0..120 {
        world.writes(&format!("+9198760{n:05}"), NUMBER, "Hello").await;
        world.settle().await;
        costs.push(ledger.take());
    }
    assert!((costs[0] - costs[119]).abs() < f64::EPSILON, "{costs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_sweep_reads_next_to_nothing_however_much_is_stored() {
    let world = World::start().await;
    let reads = |world: &World| world.house.function("Sweeper").unwrap().store.meter().read_units();
    for n in 0..100 {
        world.writes(&format!("+9198760{n:05}"), NUMBER, "Hello").await;
    }
    world.settle().await;
    let before = reads(&world);
    world.house.sweep().await.unwrap();
    assert!(reads(&world) - before <= 2.0, "one empty query for each shard");
}

/// What a file adds to its message, and what fetching it costs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_units_of_a_message_with_a_file() {
    use transom_core::account::Provider;
    use transom_testkit::{FileFault, PhoneContent, PhoneMedia};
    let mut table = Vec::new();
    for provider in Provider::ALL {
        let world = World::with(transom_testkit::WorldPlan {
            provider: Some(provider),
            by_hand: true,
            ..transom_testkit::WorldPlan::default()
        })
        .await;
        let claim = if provider == Provider::Meta { 0.0 } else { 1.0 };
        let mut ledger = Ledger::new(&world);
        let mut note = |what: &str, spent: f64, budget: f64| {
            assert!(spent <= budget, "{provider:?}, {what}: {spent} write units, budget {budget}");
            table
                .push(json!({ "provider": provider.as_str(), "what": what, "write_units": spent }));
        };
        let image = || {
            let media = PhoneMedia { caption: "leaf".to_owned(), ..PhoneMedia::default() };
            PhoneMessage::new(CUSTOMER, NUMBER, PhoneContent::Image(media))
        };
        world.customer_writes("Hello").await;
        world.settle().await;
        world.pass(Millis::from_seconds(60));
        ledger.take();
        let sid = world.sandbox().phone_send(image()).await.unwrap().sid;
        note("image in an open window", ledger.take(), 4.0 + claim);
        world.settle().await;
        note("its file, fetched and told", ledger.take(), 3.0);
        world.sandbox().phone_resend(&sid).await.unwrap();
        world.settle().await;
        note("the image again", ledger.take(), 2.0 + claim);
        world.pass(Millis::from_seconds(60));
        world.sandbox().fail_next_file(FileFault::Status(500));
        world.sandbox().phone_send(image()).await.unwrap();
        ledger.take();
        world.settle().await;
        note("a try that fails", ledger.take(), 3.0);
        world.advance(Millis::from_seconds(60)).await;
        note("put into its queue again, fetched and told", ledger.take(), 6.0);
    }
    insta::assert_json_snapshot!("write_units_of_a_message_with_a_file", table);
}

/// The same figures for every provider: Meta needs no claim, Gupshup two joins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_units_of_each_provider() {
    use transom_core::account::Provider;
    let mut table = Vec::new();
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        world.sandbox().set_autostatus(AutoStatus::Manual);
        let mut ledger = Ledger::new(&world);
        let claim = if provider == Provider::Meta { 0.0 } else { 1.0 };
        let joins = if provider == Provider::Gupshup { 2.0 } else { 0.0 };
        let mut note = |what: &str, spent: f64, budget: f64| {
            assert!(spent <= budget, "{provider:?}, {what}: {spent} write units, budget {budget}");
            table
                .push(json!({ "provider": provider.as_str(), "what": what, "write_units": spent }));
        };
        world.customer_writes("Hello").await;
        world.settle().await;
        note("first message ever", ledger.take(), 5.0 + claim);
        world.house.clock().advance_to(world.now().plus(Millis::from_seconds(60)));
        let later = world.customer_writes("Hello again").await;
        world.settle().await;
        note("message in an open window", ledger.take(), 2.0 + claim);
        world.sandbox().phone_resend(&later.sid).await.unwrap();
        world.settle().await;
        note("duplicate", ledger.take(), 2.0 + claim);
        world.send("Hi").await;
        world.settle().await;
        note("outbound, submit to accepted", ledger.take(), 6.0 + joins);
        let sid = world.sandbox().outbox()[0].sid.clone();
        for status in ["sent", "delivered", "read"] {
            world.sandbox().post_status(&sid, status, None).await.unwrap();
            world.settle().await;
            let join = if status == "sent" { joins / 2.0 } else { 0.0 };
            note(status, ledger.take(), 1.0 + join);
        }
    }
    insta::assert_json_snapshot!("write_units_of_each_provider", table);
}

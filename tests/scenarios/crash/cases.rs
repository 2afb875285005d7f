//! What is broken: each case brings a World to just before one use case, which is then run.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_local::pump::Batch;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{
    AutoStatus, Fault, FileFault, PhoneContent, PhoneMedia, PhoneMessage, Reception, Script,
    WireFault, World,
};

/// Brings a World to just before the use case.
type Prepare = for<'a> fn(&'a World) -> BoxFuture<'a, Act>;

/// One situation in which a use case is run.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) provider: Provider,
    pub(super) prepare: Prepare,
    /// What the final state shows, so that the case is what it is called.
    pub(super) shows: &'static str,
    /// Whether a queue hands the work out.
    pub(super) is_handed_out: bool,
}

/// What is run, and run again.
pub(super) enum Act {
    /// The customer's message arrives.
    Message(Box<PhoneMessage>),
    /// A status arrives.
    Status { sid: String, status: &'static str, code: Option<u32> },
    /// A caller sends.
    Send(Value),
    /// A caller retries this message.
    Retry(String),
    /// The sweeper runs.
    Sweep,
    /// A queue hands a batch to this function.
    HandedOut(&'static str, Option<Batch>),
}

impl Act {
    /// The functions that do it.
    pub(super) fn functions(&self) -> &'static [&'static str] {
        match self {
            Self::Message(_) => &["Inbound"],
            Self::Status { .. } => &["Status", "Inbound"],
            Self::Send(_) | Self::Retry(_) => &["Desk"],
            Self::Sweep => &["Sweeper"],
            Self::HandedOut("Notifier", _) => &["Notifier"],
            Self::HandedOut("Media", _) => &["Media"],
            Self::HandedOut(_, _) => &["Sender"],
        }
    }

    /// Does it, whatever comes of it.
    pub(super) async fn once(&mut self, world: &World) -> bool {
        match self {
            Self::Message(message) => {
                let sid = message.sid.clone().unwrap();
                let sandbox = world.sandbox();
                let answer = match sandbox.phone_resend(&sid).await {
                    Err(transom_local::sandbox::SandboxError::UnknownMessage(_)) => {
                        sandbox.phone_send(PhoneMessage::clone(message)).await
                    }
                    other => other,
                };
                answer.is_ok_and(|a| a.status == 200)
            }
            Self::Status { sid, status, code } => {
                let answer = world.sandbox().post_status(sid, status, *code).await;
                answer.is_ok_and(|a| a == Some(200))
            }
            Self::Send(body) => {
                let key = [("idempotency-key", "once")];
                let path = "/v1/messages";
                let answer = world.call_as(&world.key, "POST", path, Some(body), &key).await;
                // A refusal is an answer too: this one is kept with its message.
                answer.status == 202 || answer.body["message"].is_string()
            }
            Self::Retry(id) => {
                let answer = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
                answer.status < 300 || answer.code() == "not_retryable"
            }
            Self::Sweep => world.house.sweep().await.is_ok(),
            Self::HandedOut(function, batch) => {
                if batch.is_none() {
                    *batch = world.house.take_batch(function).await.unwrap();
                }
                let batch = batch.as_ref().expect("there is something to hand out");
                world.house.work_on(batch).await.is_ok()
            }
        }
    }

    /// Does it again, as whoever waits for an answer would; now it must be done.
    pub(super) async fn again(mut self, world: &World) {
        if let Self::HandedOut(_, batch) = self {
            if let Some(batch) = batch {
                world.house.hand_out_again(&batch).await;
            }
            return;
        }
        assert!(self.once(world).await, "it is done when it is repeated");
    }
}

pub(super) fn of(
    provider: Provider,
    name: &'static str,
    shows: &'static str,
    prepare: Prepare,
) -> Case {
    Case { name, provider, prepare, shows, is_handed_out: false }
}

pub(super) fn handed_out(
    provider: Provider,
    name: &'static str,
    shows: &'static str,
    prepare: Prepare,
) -> Case {
    Case { is_handed_out: true, ..of(provider, name, shows, prepare) }
}

pub(super) fn message(text: &str) -> PhoneMessage {
    let mut message = PhoneMessage::text(CUSTOMER, NUMBER, text);
    message.sid = Some(format!("SM{:032x}", 77));
    message
}

fn image() -> PhoneMessage {
    PhoneMessage { content: PhoneContent::Image(PhoneMedia::default()), ..message("") }
}

pub(super) fn inbound(message: PhoneMessage) -> Act {
    Act::Message(Box::new(message))
}

pub(super) fn seconds(world: &World, seconds: i64) {
    world.house.clock().advance_to(world.now().plus(Millis::from_seconds(seconds)));
}

pub(super) fn receive() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(of(provider, "the first message ever", "conversation.opened", |_| {
            async { inbound(message("Hello")) }.boxed()
        }));
        cases.push(of(provider, "a long one in an open window", "B#message0.1", |world| {
            async {
                world.customer_writes("Hello").await;
                world.settle().await;
                seconds(world, 60);
                inbound(message(&"a long text ".repeat(60)))
            }
            .boxed()
        }));
        cases.push(of(provider, "one with a file", "\"st\":\"stored\"", |world| {
            async {
                world.customer_writes("Hello").await;
                world.settle().await;
                seconds(world, 60);
                inbound(image())
            }
            .boxed()
        }));
        cases.push(of(provider, "one that opens a new window", "\"hour 30\"", |world| {
            async {
                world.customer_writes("Hello").await;
                world.advance(Millis::from_hours(30)).await;
                inbound(message("Back again"))
            }
            .boxed()
        }));
    }
    let twilio = Provider::Twilio;
    cases.push(of(twilio, "one that is paid for", "wallet.low", |world| {
        async {
            let prices = crate::prices::prices();
            assert!(world.put("/v1/prices/default", prices).await.status < 300);
            let credit = json!({ "amount": "1", "currency": "USD", "low_below": "1" });
            let booked = world.post("/v1/accounts/tw/wallet/entries", credit).await;
            assert_eq!(booked.status, 201, "{}", booked.body);
            inbound(message("Hello"))
        }
        .boxed()
    }));
    cases.push(of(twilio, "the first of a contact", "conversation.opened", |world| {
        async {
            world.opt_in(CUSTOMER).await;
            world.settle().await;
            inbound(message("Hello"))
        }
        .boxed()
    }));
    cases.push(of(twilio, "one whose number is told later", "alias_of", |world| {
        async {
            world.writes("US.1349abcd", NUMBER, "Hello").await;
            world.settle().await;
            seconds(world, 60);
            let mut message = message("It is me");
            message.user_id = Some("US.1349abcd".to_owned());
            inbound(message)
        }
        .boxed()
    }));
    cases.push(of(twilio, "the first of a number that passed on", "US.2468abcd", |world| {
        async {
            let mut former = PhoneMessage::text(CUSTOMER, NUMBER, "Hello");
            former.user_id = Some("US.1349abcd".to_owned());
            assert_eq!(world.sandbox().phone_send(former).await.unwrap().status, 200);
            world.settle().await;
            seconds(world, 60);
            let mut message = message("I am new here");
            message.user_id = Some("US.2468abcd".to_owned());
            inbound(message)
        }
        .boxed()
    }));
    cases.push(of(twilio, "one that joins two conversations", "predecessor", |world| {
        async {
            world.writes("US.1349abcd", NUMBER, "Hello").await;
            seconds(world, 60);
            world.customer_writes("Hello").await;
            world.settle().await;
            seconds(world, 60);
            let mut message = message("It is me");
            message.user_id = Some("US.1349abcd".to_owned());
            inbound(message)
        }
        .boxed()
    }));
    cases
}

/// A reply that the provider took; the provider's id of it.
async fn reply(world: &World) -> String {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    world.settle().await;
    world.sandbox().outbox()[0].sid.clone()
}

/// A counted template that the provider took.
async fn template(world: &World) -> String {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.opt_in(CUSTOMER).await;
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    world.settle().await;
    world.sandbox().outbox()[0].sid.clone()
}

pub(super) fn record_status() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(of(provider, "sent", "f1_sent", |world| {
            async { Act::Status { sid: reply(world).await, status: "sent", code: None } }.boxed()
        }));
        cases.push(of(provider, "delivered", "f1_delivered", |world| {
            async {
                let sid = reply(world).await;
                world.sandbox().post_status(&sid, "sent", None).await.unwrap();
                Act::Status { sid, status: "delivered", code: None }
            }
            .boxed()
        }));
        cases.push(of(provider, "not delivered", "places used: 0", |world| {
            async move {
                let (sid, facts) = (template(world).await, world.facts());
                Act::Status { sid, status: facts.failed, code: Some(facts.no_whatsapp) }
            }
            .boxed()
        }));
        cases.push(of(provider, "delivered after all", "f1_delivered", |world| {
            async move {
                let (sid, facts) = (template(world).await, world.facts());
                let code = Some(facts.no_whatsapp);
                world.sandbox().post_status(&sid, facts.failed, code).await.unwrap();
                Act::Status { sid, status: "delivered", code: None }
            }
            .boxed()
        }));
        cases.push(of(provider, "the window was closed", "refused_at", |world| {
            async move {
                let (sid, facts) = (reply(world).await, world.facts());
                Act::Status { sid, status: facts.failed, code: Some(facts.outside_window) }
            }
            .boxed()
        }));
    }
    // The sender ends before it has written the answer down; the status waits for that.
    cases.push(of(Provider::Gupshup, "before the answer", "\"pk\":\"J#…\"", |world| {
        async {
            world.sandbox().set_autostatus(AutoStatus::Manual);
            world.customer_writes("Hello").await;
            assert_eq!(world.send("Hi").await.status, 202);
            world.inject(Script::new().on("Sender", "UpdateItem", 1, 1, WireFault::Die));
            die(world, "Sender").await;
            let sid = world.sandbox().outbox()[0].sid.clone();
            Act::Status { sid, status: "delivered", code: None }
        }
        .boxed()
    }));
    cases
}

/// Hands a batch to a function that ends under it; the queue hands it out again at once.
async fn die(world: &World, function: &str) {
    let batch = world.house.take_batch(function).await.unwrap().unwrap();
    tokio::select! {
        _ = world.house.work_on(&batch) => panic!("{function} was to end"),
        () = world.house.faults().death() => {}
    }
    world.house.faults().set(None);
    world.house.hand_out_again(&batch).await;
    world.settle().await;
}

fn text(text: &str) -> Value {
    json!({ "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": text } })
}

fn template_to(to: &str) -> Value {
    let content = json!({
        "type": "template",
        "name": "order_ready",
        "language": "en",
        "variables": { "1": "Asha", "2": "42" },
    });
    json!({ "sender": "support", "to": to, "content": content })
}

async fn limit(world: &World, places: u32) {
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(places);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
}

pub(super) fn submit() -> Vec<Case> {
    let twilio = Provider::Twilio;
    vec![
        of(twilio, "a reply", "f1_accepted", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                world.customer_writes("Hello").await;
                world.settle().await;
                Act::Send(text("Hi"))
            }
            .boxed()
        }),
        of(twilio, "a long reply", "B#message0.1", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                world.customer_writes("Hello").await;
                world.settle().await;
                Act::Send(text(&"a long text ".repeat(60)))
            }
            .boxed()
        }),
        of(twilio, "a template that begins a conversation", "places used: 1", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                world.opt_in(CUSTOMER).await;
                world.settle().await;
                Act::Send(template_to(CUSTOMER))
            }
            .boxed()
        }),
        of(twilio, "a refusal to a stranger", "message.refused", |_| {
            async { Act::Send(text("Hi")) }.boxed()
        }),
        of(twilio, "a refusal by the limit", "limit.reached", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                limit(world, 1).await;
                let other = "+919876500001";
                world.opt_in(other).await;
                assert_eq!(world.send_template(other).await.status, 202);
                world.opt_in(CUSTOMER).await;
                world.settle().await;
                Act::Send(template_to(CUSTOMER))
            }
            .boxed()
        }),
        of(twilio, "a retry before the failure was followed", "message.failed", |world| {
            async move {
                world.sandbox().fail_next(world.facts().refuses());
                template_waits(world).await;
                let script = Script::new();
                world.inject(script.on("Sender", "TransactWriteItems", 0, 1, WireFault::Die));
                die(world, "Sender").await;
                // The second attempt is refused as well: no place may be left behind.
                world.sandbox().fail_next(world.facts().refuses());
                Act::Retry(newest(world).await)
            }
            .boxed()
        }),
    ]
}

/// A reply stands in its queue.
async fn reply_waits(world: &World) -> Act {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.customer_writes("Hello").await;
    assert_eq!(world.send("Hi").await.status, 202);
    Act::HandedOut("Sender", None)
}

/// A counted template stands in its queue.
async fn template_waits(world: &World) -> Act {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.opt_in(CUSTOMER).await;
    assert_eq!(world.send_template(CUSTOMER).await.status, 202);
    Act::HandedOut("Sender", None)
}

pub(super) fn dispatch() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(handed_out(provider, "a reply", "f1_accepted", |world| {
            async { reply_waits(world).await }.boxed()
        }));
        cases.push(handed_out(provider, "a template", "places used: 1", |world| {
            async { template_waits(world).await }.boxed()
        }));
        cases.push(handed_out(provider, "a refusal", "places used: 0", |world| {
            async move {
                world.sandbox().fail_next(world.facts().refuses());
                template_waits(world).await
            }
            .boxed()
        }));
        cases.push(handed_out(provider, "a throttled one", "f1_accepted", |world| {
            async {
                world.sandbox().fail_next(world.facts().throttles(40));
                reply_waits(world).await
            }
            .boxed()
        }));
        cases.push(handed_out(provider, "a lost answer", "f1_unknown", |world| {
            async {
                world.sandbox().fail_next(Fault::DropAfterRequest);
                reply_waits(world).await
            }
            .boxed()
        }));
    }
    let twilio = Provider::Twilio;
    cases.push(handed_out(twilio, "one whose window has closed", "window_expired", |world| {
        async {
            world.customer_writes("Hello").await;
            world.advance(Millis::new(24 * 3_600_000 - 1)).await;
            assert_eq!(world.send("Hi").await.status, 202);
            seconds(world, 1);
            Act::HandedOut("Sender", None)
        }
        .boxed()
    }));
    cases.push(handed_out(twilio, "one that was withdrawn", "cancelled", |world| {
        async {
            world.sandbox().set_autostatus(AutoStatus::Manual);
            world.opt_in(CUSTOMER).await;
            let id = world.send_template(CUSTOMER).await.text("id");
            let path = format!("/v1/messages/{id}/cancel");
            assert!(world.post(&path, json!({})).await.status < 300);
            Act::HandedOut("Sender", None)
        }
        .boxed()
    }));
    cases.push(handed_out(twilio, "a second attempt", "f2_accepted", |world| {
        async move {
            world.sandbox().fail_next(world.facts().refuses());
            template_waits(world).await;
            world.settle().await;
            retry(world).await;
            Act::HandedOut("Sender", None)
        }
        .boxed()
    }));
    cases
}

/// A file stands in its queue.
async fn file_waits(world: &World) -> Act {
    let answer = world.sandbox().phone_send(image()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    Act::HandedOut("Media", None)
}

pub(super) fn fetch() -> Vec<Case> {
    let stored = "\"media.stored\"";
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(handed_out(provider, "a file", stored, |world| file_waits(world).boxed()));
        cases.push(handed_out(provider, "a file that is gone", "\"media.failed\"", |world| {
            // Larger than any: a failure that is final.
            world.sandbox().fail_next_file(FileFault::Promised(200 * 1024 * 1024));
            world.sandbox().fail_next_file(FileFault::Promised(200 * 1024 * 1024));
            file_waits(world).boxed()
        }));
    }
    cases.push(handed_out(Provider::Twilio, "a contact card", "\"name\":\"Ravi\"", |world| {
        async {
            let card = "QkVHSU46VkNBUkQKRk46UmF2aQpFTkQ6VkNBUkQK".to_owned();
            let media = PhoneMedia { content_base64: Some(card), ..PhoneMedia::default() };
            let message = PhoneMessage { content: PhoneContent::Contact(media), ..message("") };
            let answer = world.sandbox().phone_send(message).await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            Act::HandedOut("Media", None)
        }
        .boxed()
    }));
    cases.push(handed_out(Provider::Meta, "a file at the second try", stored, |world| {
        world.sandbox().fail_next_file(FileFault::Status(500));
        file_waits(world).boxed()
    }));
    cases
}

/// The newest message of the usual customer.
async fn newest(world: &World) -> String {
    let conversation = world.conversation().await["id"].as_str().unwrap().to_owned();
    world.messages(&conversation).await[0]["id"].as_str().unwrap().to_owned()
}

/// Retries the newest message of the usual customer.
async fn retry(world: &World) {
    let id = newest(world).await;
    let answer = world.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert!(answer.status < 300, "{}", answer.body);
}

pub(super) fn sweep() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(of(provider, "an answer from which nothing followed", "f1_accepted", |w| {
            async {
                reply_waits(w).await;
                // What follows first: a join at Gupshup, events elsewhere.
                let script = Script::new().on("Sender", "UpdateItem", 2, 1, WireFault::Die);
                w.inject(script.on("Sender", "SendMessageBatch", 0, 1, WireFault::Die));
                die(w, "Sender").await;
                seconds(w, 900);
                Act::Sweep
            }
            .boxed()
        }));
    }
    let twilio = Provider::Twilio;
    cases.push(of(twilio, "a refusal from which nothing followed", "places used: 0", |w| {
        async move {
            w.sandbox().fail_next(w.facts().refuses());
            template_waits(w).await;
            let script = Script::new();
            w.inject(script.on("Sender", "TransactWriteItems", 0, 1, WireFault::Die));
            die(w, "Sender").await;
            seconds(w, 900);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a call that was interrupted", "f1_unknown", |world| {
        async {
            reply_waits(world).await;
            world.inject(Script::new().on("Sender", "UpdateItem", 1, 1, WireFault::Die));
            die(world, "Sender").await;
            seconds(world, 120);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a message that is in no queue", "f1_accepted", |world| {
        async {
            world.sandbox().set_autostatus(AutoStatus::Manual);
            world.customer_writes("Hello").await;
            world.settle().await;
            let script = Script::new();
            world.inject(script.on("Desk", "SendMessageBatch", 0, 3, WireFault::Unreachable));
            assert_eq!(world.send("Hi").await.status, 202);
            world.house.faults().set(None);
            world.settle().await;
            assert!(world.sandbox().outbox().is_empty(), "it is in no queue");
            seconds(world, 900);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a rule's refusal that nobody heard of", "message.refused", |w| {
        async {
            w.inject(Script::new().on("Desk", "SendMessageBatch", 1, 3, WireFault::Unreachable));
            assert_eq!(w.send("Hi").await.code(), "window_never_opened");
            w.house.faults().set(None);
            w.settle().await;
            assert!(w.subscriber.of("message.refused").is_empty(), "nobody heard of it");
            seconds(w, 900);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a window that is about to close", "window.expiring", |world| {
        async {
            world.customer_writes("Hello").await;
            world.settle().await;
            seconds(world, 22 * 3600);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a sender that was deleted", "conversation.interrupted", |world| {
        async {
            world.customer_writes("Hello").await;
            world.settle().await;
            assert!(world.delete("/v1/senders/support").await.status < 300);
            seconds(world, 60);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a window that closes", "window.expired", |world| {
        async {
            world.customer_writes("Hello").await;
            world.advance(Millis::from_hours(23)).await;
            seconds(world, 3600);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a window that was extended", "\"hour 26\"", |world| {
        async {
            world.customer_writes("Hello").await;
            world.advance(Millis::from_hours(4)).await;
            world.customer_writes("Hello again").await;
            world.settle().await;
            seconds(world, 18 * 3600);
            Act::Sweep
        }
        .boxed()
    }));
    cases.push(of(twilio, "a delivery to make again", "message.received", |world| {
        async {
            world.subscriber.fail_next(1);
            world.customer_writes("Hello").await;
            world.settle().await;
            seconds(world, 15);
            Act::Sweep
        }
        .boxed()
    }));
    cases
}

/// An event stands in its queue.
async fn event_waits(world: &World) -> Act {
    world.customer_writes("Hello").await;
    Act::HandedOut("Notifier", None)
}

/// A delivery that failed stands in its queue again.
async fn delivery_waits(world: &World) -> Act {
    world.subscriber.fail_next(1);
    world.customer_writes("Hello").await;
    world.settle().await;
    seconds(world, 15);
    world.house.sweep().await.unwrap();
    Act::HandedOut("Notifier", None)
}

pub(super) fn notify() -> Vec<Case> {
    let twilio = Provider::Twilio;
    let shows = "conversation.opened";
    vec![
        handed_out(twilio, "one that is taken", shows, |world| event_waits(world).boxed()),
        handed_out(twilio, "one that is refused", shows, |world| {
            world.subscriber.receive_next(1, Reception::Refused);
            event_waits(world).boxed()
        }),
        handed_out(twilio, "one that is lost on the way", shows, |world| {
            world.subscriber.receive_next(1, Reception::Lost);
            event_waits(world).boxed()
        }),
        handed_out(twilio, "one whose answer is lost", shows, |world| {
            world.subscriber.receive_next(1, Reception::TakenUnanswered);
            event_waits(world).boxed()
        }),
        handed_out(twilio, "a second try that is taken", shows, |world| {
            delivery_waits(world).boxed()
        }),
        handed_out(twilio, "a second try that is refused", shows, |world| {
            async {
                let act = delivery_waits(world).await;
                world.subscriber.receive_next(1, Reception::Refused);
                act
            }
            .boxed()
        }),
        handed_out(twilio, "a second try whose answer is lost", shows, |world| {
            async {
                let act = delivery_waits(world).await;
                world.subscriber.receive_next(1, Reception::TakenUnanswered);
                act
            }
            .boxed()
        }),
    ]
}

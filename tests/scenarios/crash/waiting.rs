//! Crashes around messages that wait: held, released, scheduled, replaced by a template.

use super::cases::{Act, Case, handed_out, inbound, message, of, seconds};
use futures::FutureExt;
use serde_json::{Value, json};
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};
use transom_testkit::{AutoStatus, Script, WireFault, World};

/// A text to the usual customer, with more fields.
fn with(text: &str, more: &Value) -> Value {
    let mut body = json!({
        "sender": "support", "to": CUSTOMER, "content": { "type": "text", "text": text },
    });
    for (field, value) in more.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn held(text: &str) -> Value {
    with(text, &json!({ "when_closed": "hold" }))
}

fn replaced(text: &str) -> Value {
    let variables = json!(["Asha", 42]);
    let fallback = json!({ "type": "template", "name": "order_ready", "variables": variables });
    with(text, &json!({ "when_closed": "template", "fallback": fallback }))
}

async fn take(world: &World, body: Value) {
    let answer = world.post("/v1/messages", body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

/// The usual customer wrote thirty hours ago.
async fn closed(world: &World) {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    world.customer_writes("Hello").await;
    world.advance(Millis::from_hours(30)).await;
}

const OTHER: &str = "+919876500001";

fn deferred(to: &str) -> Value {
    let variables = json!(["Asha", 42]);
    json!({
        "sender": "support", "to": to, "when_limited": "defer",
        "content": { "type": "template", "name": "order_ready", "variables": variables },
    })
}

async fn limit(world: &World, places: u32) {
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(places);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
}

/// There is one place, and whoever wants it agrees to be written to.
async fn one_place(world: &World) {
    limit(world, 1).await;
    for to in [CUSTOMER, OTHER] {
        world.opt_in(to).await;
    }
    world.settle().await;
}

/// The one place there is, is taken.
async fn full(world: &World) {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    one_place(world).await;
    take(world, deferred(OTHER)).await;
    world.settle().await;
}

/// A reply that the provider took is watched for ten minutes.
async fn watched(world: &World) {
    world.sandbox().set_autostatus(AutoStatus::Manual);
    let settings = json!({ "unconfirmed_after_s": 600 });
    assert_eq!(world.put("/v1/senders/support/settings", settings).await.status, 200);
    world.customer_writes("Hello").await;
    take(world, with("Hi", &json!({}))).await;
    world.settle().await;
}

async fn two_are_held(world: &World) {
    closed(world).await;
    for text in ["first", "second"] {
        take(world, held(text)).await;
    }
    world.settle().await;
}

pub(super) fn receive() -> Vec<Case> {
    let mut cases = Vec::new();
    for provider in Provider::ALL {
        cases.push(of(provider, "one that releases two", "message.released", |world| {
            async {
                two_are_held(world).await;
                inbound(message("Back again"))
            }
            .boxed()
        }));
    }
    cases.push(of(Provider::Twilio, "one that comes too late for it", "stale", |world| {
        async {
            two_are_held(world).await;
            seconds(world, 3 * 24 * 3600);
            inbound(message("Back again"))
        }
        .boxed()
    }));
    cases.push(of(Provider::Twilio, "one that finds them overtaken", "overtaken", |world| {
        async {
            two_are_held(world).await;
            world.opt_in(CUSTOMER).await;
            seconds(world, 60);
            assert_eq!(world.send_template(CUSTOMER).await.status, 202);
            world.settle().await;
            inbound(message("Back again"))
        }
        .boxed()
    }));
    cases
}

pub(super) fn submit() -> Vec<Case> {
    let twilio = Provider::Twilio;
    vec![
        of(twilio, "a reply to hold", "\"ph\":\"held\"", |world| {
            async {
                closed(world).await;
                Act::Send(held("Hi"))
            }
            .boxed()
        }),
        of(twilio, "one to be replaced by a template", "\"fb\":\"window_expired\"", |world| {
            async {
                closed(world).await;
                world.opt_in(CUSTOMER).await;
                world.settle().await;
                Act::Send(replaced(&"a long text ".repeat(60)))
            }
            .boxed()
        }),
        of(twilio, "one to wait for a place", "\"ph\":\"limited\"", |world| {
            async {
                full(world).await;
                Act::Send(deferred(CUSTOMER))
            }
            .boxed()
        }),
        of(twilio, "one for later", "\"ph\":\"scheduled\"", |world| {
            async {
                closed(world).await;
                let at = world.now().plus(Millis::from_hours(2)).rfc3339();
                Act::Send(with("Hi", &json!({ "send_at": at })))
            }
            .boxed()
        }),
    ]
}

pub(super) fn dispatch() -> Vec<Case> {
    let twilio = Provider::Twilio;
    vec![
        handed_out(twilio, "one to hold by now", "\"ph\":\"held\"", |world| {
            async {
                world.customer_writes("Hello").await;
                world.advance(Millis::new(24 * 3_600_000 - 1)).await;
                take(world, held("Hi")).await;
                seconds(world, 1);
                Act::HandedOut("Sender", None)
            }
            .boxed()
        }),
        handed_out(twilio, "one that finds no place left", "\"ph\":\"limited\"", |world| {
            async {
                full(world).await;
                seconds(world, 60);
                // The limit could not be asked when it was submitted.
                let script = Script::new();
                world.inject(script.on("Desk", "TransactWriteItems", 0, 3, WireFault::Unreachable));
                take(world, deferred(CUSTOMER)).await;
                world.house.faults().set(None);
                Act::HandedOut("Sender", None)
            }
            .boxed()
        }),
        handed_out(twilio, "a released one", "f1_accepted", |world| {
            async {
                two_are_held(world).await;
                world.customer_writes("Back again").await;
                Act::HandedOut("Sender", None)
            }
            .boxed()
        }),
        handed_out(twilio, "a template in its place", "\"fb\":\"window_expired\"", |world| {
            async {
                closed(world).await;
                world.opt_in(CUSTOMER).await;
                world.settle().await;
                take(world, replaced("Hi")).await;
                Act::HandedOut("Sender", None)
            }
            .boxed()
        }),
    ]
}

pub(super) fn sweep() -> Vec<Case> {
    let twilio = Provider::Twilio;
    vec![
        of(twilio, "a held reply that becomes stale", "stale", |world| {
            async {
                two_are_held(world).await;
                world.advance(Millis::from_hours(1)).await;
                seconds(world, 3 * 24 * 3600);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "a held reply that its conversation does not know", "\"held\":[", |world| {
            async {
                closed(world).await;
                let script = Script::new();
                world.inject(script.on("Desk", "UpdateItem", 0, 3, WireFault::Unreachable));
                take(world, held("Hi")).await;
                world.house.faults().set(None);
                seconds(world, 900);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "replies that nobody lived to release", "message.released", |world| {
            async {
                two_are_held(world).await;
                // Claim, message and window stand; the events of these are the first thing queued.
                world.inject(Script::new().on("Inbound", "Query", 0, 1, WireFault::Die));
                tokio::select! {
                    _ = world.customer_writes("Back again") => {}
                    () = world.house.faults().death() => {}
                }
                world.house.faults().set(None);
                seconds(world, 60);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "one that was not delivered in its time", "message.unconfirmed", |world| {
            async {
                watched(world).await;
                seconds(world, 600);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "one who waits for a place that has become free", "places used: 1", |world| {
            async {
                full(world).await;
                take(world, deferred(CUSTOMER)).await;
                world.settle().await;
                world.advance(Millis::from_seconds(60)).await;
                seconds(world, 24 * 3600);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "a customer to remind", "nudged_at", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                let nudge = json!({ "nudge": { "before_s": 14_400, "text": "Still there?" } });
                assert_eq!(world.put("/v1/senders/support/settings", nudge).await.status, 200);
                world.opt_in(CUSTOMER).await;
                world.customer_writes("Hello").await;
                world.settle().await;
                seconds(world, 1);
                take(world, with("Hi", &json!({}))).await;
                world.settle().await;
                seconds(world, 20 * 3600);
                Act::Sweep
            }
            .boxed()
        }),
        of(twilio, "one whose time has come", "f1_accepted", |world| {
            async {
                world.sandbox().set_autostatus(AutoStatus::Manual);
                world.customer_writes("Hello").await;
                world.settle().await;
                let at = world.now().plus(Millis::from_seconds(600)).rfc3339();
                take(world, with("Hi", &json!({ "send_at": at }))).await;
                seconds(world, 600);
                Act::Sweep
            }
            .boxed()
        }),
    ]
}

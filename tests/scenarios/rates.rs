//! The rates at which providers take messages (M24): each number begins with its provider's own,
//! replies and campaigns together keep it, and nothing is dropped for it.

use crate::every_provider::{every_provider, heavy};
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::World;
use transom_testkit::world::{CUSTOMER, NUMBER, sender_body};

/// The most calls that began within one second.
fn busiest_second(world: &World) -> usize {
    let mut times: Vec<i64> = world.sandbox().outbox().iter().map(|e| e.at_ms).collect();
    times.sort_unstable();
    let within =
        |first: usize, at: i64| times.iter().skip(first).take_while(|t| **t < at + 1000).count();
    times.iter().enumerate().map(|(first, at)| within(first, *at)).max().unwrap_or(0)
}

every_provider!(m24_a_number_begins_with_its_providers_rate_and_1000_is_the_highest);
async fn m24_a_number_begins_with_its_providers_rate_and_1000_is_the_highest(provider: Provider) {
    let world = World::of(provider).await;
    let own = world.get("/v1/senders/support").await.body["rate_per_second"].clone();
    assert_eq!(own, world.facts().rate_per_second);
    for (rate, status) in [(0, 400), (1, 200), (2, 200), (999, 200), (1000, 200), (1001, 400)] {
        let mut sender = sender_body(NUMBER);
        sender["rate_per_second"] = json!(rate);
        let put = world.put("/v1/senders/support", sender).await;
        assert_eq!(put.status, status, "{rate}: {}", put.body);
        if status == 400 {
            assert!(put.text("detail").contains("`rate_per_second` must be 1 to 1000"));
        }
    }
}

every_provider!(m24_replies_and_campaigns_together_keep_the_providers_rate);
/// Gupshup's 20 a second with a thousand messages, as its own page says it; the others' 80.
async fn m24_replies_and_campaigns_together_keep_the_providers_rate(provider: Provider) {
    let world = World::of(provider).await;
    let many = if provider == Provider::Gupshup { 1000 } else { heavy(provider, 300, 120) };
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(null);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    let user = |n: usize| format!("+9198765{n:05}");
    let people = many / 4;
    for n in 0..people {
        assert!(world.opt_in(&user(n)).await.status < 300);
        if n % 4 == 0 {
            world.writes(&user(n), NUMBER, "Hello").await;
        }
    }
    for chunk in (0..many).collect::<Vec<_>>().chunks(50) {
        let posts = chunk.iter().map(|n| {
            let (world, to) = (&world, user(n % people));
            async move {
                if (n % people) % 4 == 0 {
                    world.send_to(&to, &n.to_string()).await
                } else {
                    world.send_template(&to).await
                }
            }
        });
        for answer in futures::future::join_all(posts).await {
            assert_eq!(answer.status, 202, "{}", answer.body);
        }
    }
    world.settle().await;
    // Where one user is spared, the last come a little later.
    world.advance(Millis::from_seconds(900)).await;
    assert_eq!(world.sandbox().outbox().len(), many, "none dropped");
    let rate = world.facts().rate_per_second as usize;
    let busiest = busiest_second(&world);
    assert!(busiest <= rate, "{busiest} calls within a second, {rate} allowed");
    let spared = |code: u32| Some(code) == world.facts().user_is_spared;
    let slowed = world.sandbox().refused().into_iter().find(|r| !spared(r.code));
    assert_eq!(slowed, None, "the provider never had to slow the number down");
}

/// Meta spares one customer: what is too fast for him waits with his whole conversation, keeps its
/// order, and comes; nobody else waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m24_a_customer_who_is_spared_gets_all_in_order_and_nobody_waits_for_him() {
    let world = World::of(Provider::Meta).await;
    world.customer_writes("Hello").await;
    world.writes("+919876500001", NUMBER, "Hello").await;
    let mut ids = Vec::new();
    for n in 0..60 {
        let sent = world.send(&n.to_string()).await;
        assert_eq!(sent.status, 202, "{}", sent.body);
        ids.push(sent.text("id"));
    }
    let other = world.send_to("+919876500001", "Hi").await.text("id");
    world.settle().await;
    assert_eq!(world.message(&other).await["status"], "delivered");
    assert!(world.sandbox().refused().iter().any(|r| r.code == 131_056), "he was spared");
    world.advance(Millis::from_seconds(1800)).await;
    let digits = CUSTOMER.trim_start_matches('+');
    let came: Vec<String> = world
        .sandbox()
        .outbox()
        .iter()
        .filter(|e| e.to.contains(digits))
        .map(|e| e.body.clone())
        .collect();
    let expected: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    assert_eq!(came, expected);
    for id in ids {
        assert_eq!(world.message(&id).await["status"], "delivered");
    }
}

//! No sliding second holds more than the sender's rate, by the injected clock (M24).

use serde_json::json;
use transom_testkit::World;
use transom_testkit::world::{NUMBER, sender_body};

async fn assert_paced(rate: u32, users: usize, sends: usize) {
    let world = World::start().await;
    let mut sender = sender_body(NUMBER);
    sender["rate_per_second"] = json!(rate);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    let user = |n: usize| format!("+9198765{:05}", n % users);
    for n in 0..users {
        world.writes(&user(n), NUMBER, "Hello").await;
        world.opt_in(&user(n)).await;
    }
    let posts = (0..sends).map(|n| {
        let (world, to) = (&world, user(n));
        async move { world.send_to(&to, &format!("{n}")).await }
    });
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.status, 202, "{}", answer.body);
    }
    world.settle().await;
    let mut times: Vec<i64> = world.sandbox().outbox().iter().map(|e| e.at_ms).collect();
    assert_eq!(times.len(), sends, "none dropped");
    times.sort_unstable();
    for (first, at) in times.iter().enumerate() {
        let within = times.iter().skip(first).take_while(|t| **t < at + 1000).count();
        assert!(within <= rate as usize, "{within} calls within a second of {at}, {rate} allowed");
    }
    assert!(world.sandbox().refused().is_empty(), "the provider never had to slow us down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m24_one_conversation_keeps_the_rate() {
    assert_paced(20, 1, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m24_many_conversations_keep_the_rate() {
    assert_paced(20, 40, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m24_one_a_second() {
    assert_paced(1, 3, 9).await;
}

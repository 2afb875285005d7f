//! No sliding second holds more than the sender's rate, by the injected clock (M24).

use crate::every_provider::{every_provider, heavy};
use serde_json::json;
use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_testkit::World;
use transom_testkit::world::{NUMBER, sender_body};

async fn assert_paced(provider: Provider, rate: u32, users: usize, sends: usize) {
    let world = World::of(provider).await;
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
    // Where one user is spared, the last come a little later.
    world.advance(Millis::from_seconds(900)).await;
    let mut times: Vec<i64> = world.sandbox().outbox().iter().map(|e| e.at_ms).collect();
    assert_eq!(times.len(), sends, "none dropped");
    times.sort_unstable();
    for (first, at) in times.iter().enumerate() {
        let within = times.iter().skip(first).take_while(|t| **t < at + 1000).count();
        assert!(within <= rate as usize, "{within} calls within a second of {at}, {rate} allowed");
    }
    let spared = |code: u32| Some(code) == world.facts().user_is_spared;
    let slowed = world.sandbox().refused().into_iter().find(|r| !spared(r.code));
    assert_eq!(slowed, None, "the provider never had to slow the number down");
}

every_provider!(m24_one_conversation_keeps_the_rate);
async fn m24_one_conversation_keeps_the_rate(provider: Provider) {
    assert_paced(provider, 20, 1, heavy(provider, 100, 60)).await;
}

every_provider!(m24_many_conversations_keep_the_rate);
async fn m24_many_conversations_keep_the_rate(provider: Provider) {
    assert_paced(provider, 20, heavy(provider, 40, 12), heavy(provider, 200, 60)).await;
}

every_provider!(m24_one_a_second);
async fn m24_one_a_second(provider: Provider) {
    assert_paced(provider, 1, 3, 9).await;
}

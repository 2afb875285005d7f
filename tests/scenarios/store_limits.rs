//! The limit's transactions against the real store, below the API.

use transom_core::time::{Millis, Timestamp};
use transom_store::{Reservation, Store, Wanted};
use transom_testkit::{Script, WireFault, World};

async fn take(store: &Store, user: &str, limit: u32, holder: &str, now: Timestamp) -> Reservation {
    let wanted = Wanted { scope: "s", user, limit, holder, now, calling: false };
    store.reserve(&wanted).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m21_a_thousand_racing_reservations_never_pass_the_limit() {
    let world = World::start().await;
    let store = &world.house.operator().store;
    let now = world.now();
    let races = (0..1000)
        .map(|n| async move { take(store, &format!("U#{n}"), 250, &format!("m{n}.1"), now).await });
    let results = futures::future::join_all(races).await;
    let taken = results.iter().filter(|r| **r == Reservation::Reserved).count();
    assert_eq!(taken, 250);
    assert_eq!(store.usage("s", None, now).await.unwrap().used, 250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_is_recognised_and_a_rider_keeps_the_place() {
    let world = World::start().await;
    let store = &world.house.operator().store;
    let now = world.now();
    for _ in 0..3 {
        assert_eq!(take(store, "U#a", 1, "m1.1", now).await, Reservation::Reserved);
    }
    take(store, "U#a", 1, "m2.1", now).await;
    store.refund("s", "U#a", "m1.1", now).await.unwrap();
    store.refund("s", "U#a", "m1.1", now).await.unwrap();
    assert_eq!(store.usage("s", None, now).await.unwrap().used, 1, "the rider keeps it");
    store.refund("s", "U#a", "m2.1", now).await.unwrap();
    assert_eq!(store.usage("s", None, now).await.unwrap().used, 0);
    store.refund("s", "U#a", "m2.1", now).await.unwrap();
    assert_eq!(store.usage("s", None, now).await.unwrap().used, 0, "never below nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_age_out_one_by_one_and_exactly() {
    let world = World::start().await;
    let store = &world.house.operator().store;
    let start = world.now();
    let at = |n: i64| start.plus(Millis::from_seconds(n));
    for n in 0..3 {
        let user = format!("U#{n}");
        take(store, &user, 3, &format!("m{n}.1"), at(n)).await;
    }
    let day = Millis::from_hours(24);
    let next = |t: Timestamp| t.plus(day);
    let early = next(at(0)).minus(Millis::new(1));
    let full = take(store, "U#x", 3, "x.1", early).await;
    assert!(
        matches!(full, Reservation::Full { next_free_at: Some(t) } if t == transom_core::limit::next_free_at(at(0)))
    );
    assert_eq!(take(store, "U#x", 3, "x.1", next(at(0))).await, Reservation::Reserved);
    assert!(matches!(take(store, "U#y", 3, "y.1", next(at(0))).await, Reservation::Full { .. }));
    // The latest call counts: a ride just before the call keeps the place longer.
    let call = Wanted {
        scope: "s",
        user: "U#1",
        limit: 3,
        holder: "m9.1",
        now: next(at(0)),
        calling: true,
    };
    store.reserve(&call).await.unwrap();
    assert_eq!(store.usage("s", None, next(at(1))).await.unwrap().used, 3);
    // An expired marker of the same user is renewed in place.
    assert_eq!(take(store, "U#2", 3, "n.1", next(at(2))).await, Reservation::Reserved);
    assert_eq!(store.usage("s", None, next(at(2))).await.unwrap().used, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m22_a_lowered_limit_refuses_until_enough_has_aged_out() {
    let world = World::start().await;
    let store = &world.house.operator().store;
    let start = world.now();
    for n in 0..4 {
        take(store, &format!("U#{n}"), 4, &format!("m{n}.1"), start).await;
    }
    assert!(matches!(take(store, "U#x", 2, "x.1", start).await, Reservation::Full { .. }));
    let later = start.plus(Millis::from_hours(24));
    for (n, fits) in [(0, true), (1, true), (2, false)] {
        let user = format!("U#{n}");
        let got = take(store, &user, 2, &format!("k{n}.1"), later).await;
        assert_eq!(got == Reservation::Reserved, fits, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conflicts_and_lost_answers_leak_no_place() {
    for (skip, fault) in (0..4).flat_map(|s| [(s, WireFault::Conflict), (s, WireFault::LoseAnswer)])
    {
        let world = World::start().await;
        let store = &world.house.function("Desk").unwrap().store;
        let now = world.now();
        world.inject(Script::new().on("Desk", "TransactWriteItems", skip, 1, fault));
        for n in 0..3 {
            take(store, &format!("U#{n}"), 3, &format!("m{n}.1"), now).await;
        }
        store.refund("s", "U#1", "m1.1", now).await.unwrap();
        world.house.faults().set(None);
        assert_eq!(store.usage("s", None, now).await.unwrap().used, 2, "{skip} {fault:?}");
        assert_eq!(take(store, "U#4", 3, "m4.1", now).await, Reservation::Reserved);
        assert!(matches!(take(store, "U#5", 3, "m5.1", now).await, Reservation::Full { .. }));
    }
}

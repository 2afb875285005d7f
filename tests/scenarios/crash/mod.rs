//! A crash at every await point of every use case, then what follows one: the provider's
//! redelivery, the caller's repeat, the queue's, the next sweep. The whole state must be that of
//! the same run without a crash.
//!
//! A case is run once unbroken, which counts its calls to AWS. Then it is run again for each of
//! them and each way to break. The short form takes for each call of a situation one way and one
//! provider, by turns. Every way for every call at every provider:
//! `TRANSOM_CRASH=full cargo test -p transom-tests --test scenarios crash::`.

mod cases;
mod state;
mod waiting;

use cases::Case;
use futures::StreamExt;
use state::State;
use std::panic::AssertUnwindSafe;
use transom_core::message::Phase;
use transom_core::time::Millis;
use transom_core::time::Timestamp;
use transom_testkit::{AtCall, WireFault, World, WorldPlan};

/// How many Worlds run at once in one test: they mostly wait for each other's machine.
const AT_ONCE: usize = 4;

/// After this long, on the clock of the World, everything that a crash left must be done.
const MENDED_WITHIN: Millis = Millis::from_seconds(50 * 60);

/// How a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// The function ends before the call.
    Die,
    /// The function ends after the call has taken effect.
    DieAfter,
    /// The service cannot be reached, whatever the SDK tries.
    Unreachable,
    /// The call takes effect, and neither its answer nor that of the SDK's retries is heard.
    Unheard,
    /// The call takes effect, its answer is lost, and the SDK makes it again.
    HeardLate,
}

impl Break {
    const ALL: [Self; 5] =
        [Self::Die, Self::DieAfter, Self::Unreachable, Self::Unheard, Self::HeardLate];

    const fn fault(self) -> WireFault {
        match self {
            Self::Die => WireFault::Die,
            Self::DieAfter => WireFault::DieAfter,
            Self::Unreachable => WireFault::Unreachable,
            Self::Unheard | Self::HeardLate => WireFault::LoseAnswer,
        }
    }

    /// The SDK makes a call three times.
    const fn times(self) -> usize {
        match self {
            Self::Die | Self::DieAfter | Self::HeardLate => 1,
            Self::Unreachable | Self::Unheard => 3,
        }
    }
}

/// One way to break one call, and what comes first after it.
#[derive(Debug, Clone, Copy)]
struct Way {
    call: usize,
    how: Break,
    /// The sweep comes before the queue hands its message out again.
    sweep_first: bool,
}

fn full() -> bool {
    std::env::var("TRANSOM_CRASH").is_ok_and(|form| form == "full")
}

/// Runs every case of a use case, broken at each of its calls.
async fn hold(cases: Vec<Case>) {
    let mut failures = Vec::new();
    let mut worlds = 0;
    for case in &cases {
        let (calls, whole) = unbroken(case).await;
        let mut unknown = None;
        let ways = ways(case, &cases, calls.len());
        worlds += ways.len();
        let runs = ways.into_iter().map(|way| async move {
            let run = AssertUnwindSafe(broken(case, way));
            let ended = futures::FutureExt::catch_unwind(run).await;
            (way, ended)
        });
        let mut runs = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
        while let Some((way, ended)) = runs.next().await {
            let target = &calls[way.call];
            let title = format!("{} {:?}, {target} as {way:?}", case.name, case.provider);
            let Ok(ended) = ended else {
                failures.push(format!("{title}: panicked"));
                continue;
            };
            let found = ended.state;
            if ended.is_open {
                // Whether the provider has it, and so which of its ids are whose, nobody knows.
                let found = found.without_the_providers_ids();
                let known = unknown.get_or_insert_with(|| first_unknown(&found)).clone();
                let known = State { taken: found.taken.clone(), ..known };
                if found != known || found.taken.len() > whole.taken.len() {
                    failures.push(format!("{title}, unknown:\n{}", known.difference(&found)));
                }
            } else if found != whole {
                failures.push(format!("{title}:\n{}", whole.difference(&found)));
            }
        }
    }
    assert!(worlds > 2 * cases.len(), "{worlds} broken Worlds of {} cases", cases.len());
    assert!(failures.is_empty(), "{}\n{} failures", failures.join("\n"), failures.len());
}

/// How a case of `calls` calls is broken; `cases` are all of its use case.
fn ways(case: &Case, cases: &[Case], calls: usize) -> Vec<Way> {
    let alike: Vec<&Case> = cases.iter().filter(|c| c.name == case.name).collect();
    let place = alike.iter().position(|c| c.provider == case.provider).unwrap_or_default();
    let first = cases.iter().position(|c| c.name == case.name).unwrap_or_default();
    let orders: &[bool] = if case.is_handed_out { &[false, true] } else { &[false] };
    let mut ways = Vec::new();
    for call in 0..calls {
        let turn = first + call;
        for (n, how) in Break::ALL.into_iter().enumerate() {
            for (m, &sweep_first) in orders.iter().enumerate() {
                let by_turn = turn % Break::ALL.len() == n
                    && call % alike.len() == place
                    && turn % orders.len() == m;
                if full() || by_turn {
                    ways.push(Way { call, how, sweep_first });
                }
            }
        }
    }
    ways
}

/// The first state of a case whose outcome nobody knows: every other must be the same.
fn first_unknown(found: &State) -> State {
    assert!(found.shows("_unknown\":{"), "{found:#?}");
    let told = found.rest.iter().filter(|line| line.contains("\"message.unknown\""));
    assert_eq!(told.count(), 1, "{found:#?}");
    found.clone()
}

/// How a broken run ended.
struct Ended {
    state: State,
    /// The call to the provider was claimed and nothing was written down about its outcome, so that
    /// nobody can know it.
    is_open: bool,
}

async fn world(case: &Case) -> World {
    let plan = WorldPlan { provider: Some(case.provider), by_hand: true, ..WorldPlan::default() };
    World::with(plan).await
}

/// The calls of the use case, and the final state.
async fn unbroken(case: &Case) -> (Vec<String>, State) {
    let world = world(case).await;
    let mut act = (case.prepare)(&world).await;
    let count = AtCall::count(act.functions());
    world.house.faults().set(Some(count.clone()));
    let began = world.now();
    act.once(&world).await;
    world.house.faults().set(None);
    let calls = count.targets();
    assert!(!calls.is_empty(), "{}: it calls something", case.name);
    mend(&world, began).await;
    let state = state::of(&world).await;
    let name = case.name;
    assert!(state.shows(case.shows), "{name}: no `{}` in {state:#?}", case.shows);
    (calls, state)
}

async fn broken(case: &Case, way: Way) -> Ended {
    let world = world(case).await;
    let mut act = (case.prepare)(&world).await;
    let began = world.now();
    let fault = AtCall::broken(act.functions(), way.call, way.how.times(), way.how.fault());
    world.house.faults().set(Some(fault.clone()));
    tokio::select! {
        _ = act.once(&world) => {}
        () = world.house.faults().death() => {}
    }
    world.house.faults().set(None);
    assert!(fault.targets().len() > way.call, "the call was reached");
    // The SDK heard the answer in the end, so the function must have known what to do.
    let known = way.how == Break::HeardLate;
    let is_open = !known && phases(&world).await.contains(&Phase::Sending);
    let later = |seconds| began.plus(Millis::from_seconds(seconds));
    if way.sweep_first {
        // The queue's patience, which is longer than that with a call under way.
        for seconds in [130, 360] {
            world.house.clock().advance_to(later(seconds));
            world.house.sweep().await.unwrap();
        }
    } else {
        world.house.clock().advance_to(later(31));
    }
    act.again(&world).await;
    mend(&world, began).await;
    Ended { state: state::of(&world).await, is_open }
}

/// Lets everything happen that follows by itself.
async fn mend(world: &World, began: Timestamp) {
    world.settle().await;
    world.house.advance_to(began.plus(MENDED_WITHIN)).await.unwrap();
}

/// Where the messages of the usual customer stand.
async fn phases(world: &World) -> Vec<Phase> {
    let list = world.get("/v1/conversations").await.body;
    let mut phases = Vec::new();
    for item in list["items"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().unwrap_or_default();
        let id = transom_core::id::ConversationId::parse(id).unwrap();
        let (messages, _) = world.house.operator().store.messages(&id, None, 50).await.unwrap();
        phases.extend(messages.into_iter().map(|m| m.phase));
    }
    phases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_a_crash_at_any_call_of_receive_ends_as_if_there_was_none() {
    hold(cases::receive()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f4_a_crash_at_any_call_of_record_status_ends_as_if_there_was_none() {
    hold(cases::record_status()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e7_a_crash_at_any_call_of_submit_ends_as_if_there_was_none() {
    hold(cases::submit()).await;
}

/// Or is shown as unknown, where the provider may have been called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_crash_at_any_call_of_dispatch_ends_as_if_there_was_none() {
    hold(cases::dispatch()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f7_a_crash_at_any_call_of_a_fetch_ends_as_if_there_was_none() {
    hold(cases::fetch()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f15_a_crash_at_any_call_of_the_sweep_ends_as_if_there_was_none() {
    hold(cases::sweep()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_call_of_notify_ends_as_if_there_was_none() {
    hold(cases::notify()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u3_a_crash_at_any_call_that_releases_what_is_held_ends_as_if_there_was_none() {
    hold(waiting::receive()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e15_a_crash_at_any_call_that_begins_to_wait_ends_as_if_there_was_none() {
    hold(waiting::submit()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn u3_a_crash_at_any_call_that_sends_what_waited_ends_as_if_there_was_none() {
    hold(waiting::dispatch()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_a_crash_at_any_call_of_the_sweep_over_what_waits_ends_as_if_there_was_none() {
    hold(waiting::sweep()).await;
}

//! The rolling limit against a reference, under generated interleavings (M20-M23, D11, D13).
//!
//! 64 writers with clocks of their own (±2 s) reserve, call, ride and give back in one scope of the
//! real store. A generator decides, request by request, whose goes through next, which meets
//! another transaction, is throttled, or loses its answer, and who dies before or after a commit;
//! the limit is raised and lowered meanwhile, also below what is used. Every write is judged by
//! `reference::allows`, every answer by what was true while it was found, and whenever nobody
//! writes the scope is compared with a brute-force count over all timestamps.
//!
//! The same seed gives the same run. `TRANSOM_LIMIT_STEPS` sets how many operations are generated
//! at least (the suite: 4,000; the long form: 100,000 and more), `TRANSOM_LIMIT_SEED` the first seed.
//! Which mutations of the store turn it red: `docs/limit-model.md`.

mod plan;
mod reference;

use plan::{Dice, Kind, Message, Operation, Stage, next};
use reference::{DAY, Ledger, MARGIN, SKEW, Scope, allows};
use std::collections::BTreeMap;
use std::sync::Arc;
use transom_core::time::Timestamp;
use transom_local::engine::dynamo::DynamoEngine;
use transom_local::gate::{Gate, Writer};
use transom_local::template::Template;
use transom_store::{HashKey, Patience, Reservation, Store, StoreError, Tables, Usage, Wanted};
use transom_testkit::WireFault;
use transom_testkit::world::{BEGINNING, TEMPLATE};

const WRITERS: usize = 64;
/// How long the operations of one round take at most by the true clock, in milliseconds.
const ROUND: i64 = 400;
const ROUNDS_PER_SEED: u32 = 25;
const SCOPE: &str = "model";

type Outcome = Result<Answer, StoreError>;

#[derive(Debug, Clone, Copy)]
enum Answer {
    Reserved(Reservation),
    Refunded,
    Used(Usage),
}

/// An operation under way, and what was true while it was.
#[derive(Debug, Clone)]
struct UnderWay {
    operation: Operation,
    message: usize,
    faulty: bool,
    least_used: i64,
    was_full: bool,
    /// Full for a clock that is as far behind as clocks may differ.
    was_full_for_others: bool,
    /// How many scopes had been seen in this round when it began.
    since: usize,
    held: bool,
}

/// A call of the provider that was made.
#[derive(Debug, Clone)]
struct Called {
    at: i64,
    user: String,
    holder: String,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    operations: u64,
    requests: u64,
    reserved: u64,
    refused: u64,
    refunded: u64,
    faults: u64,
    deaths: u64,
    contended: u64,
    full_checks: u64,
    /// Refusals that only a slower clock explains.
    by_clocks: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.operations += more.operations;
        self.requests += more.requests;
        self.reserved += more.reserved;
        self.refused += more.refused;
        self.refunded += more.refunded;
        self.faults += more.faults;
        self.deaths += more.deaths;
        self.contended += more.contended;
        self.full_checks += more.full_checks;
        self.by_clocks += more.by_clocks;
    }
}

struct Model {
    dice: Dice,
    engine: Arc<DynamoEngine>,
    table: String,
    stores: Vec<Store>,
    writers: Vec<Writer<Outcome>>,
    under_way: BTreeMap<usize, UnderWay>,
    skews: Vec<i64>,
    users: usize,
    limit: u32,
    /// Every limit that was in force, and since when.
    limits: Vec<(i64, u32)>,
    /// How many places were taken after each round.
    used: Vec<(i64, i64)>,
    time: i64,
    scope: Scope,
    ledger: Ledger,
    messages: Vec<Message>,
    calls: Vec<Called>,
    /// The times of the markers, as they were one after another in this round.
    seen: Vec<Vec<i64>>,
    tally: Tally,
}

impl Model {
    fn new(seed: u64, engine: &Arc<DynamoEngine>, tables: &Tables) -> Self {
        let mut dice = Dice::new(seed);
        let gates: Vec<Gate> = (0..=WRITERS).map(|_| Gate::new(Arc::clone(engine))).collect();
        let store = |gate: &Gate| {
            Store::new(gate.client(), tables.clone(), HashKey::new([7; 32]), 1)
                .with_patience(Patience::Yield)
        };
        let limit = u32::try_from(dice.between(1, 13)).unwrap();
        let time = BEGINNING + dice.between(0, DAY);
        Self {
            stores: gates.iter().map(store).collect(),
            writers: gates.into_iter().map(Writer::new).collect(),
            skews: (0..=WRITERS).map(|_| dice.between(-SKEW, SKEW + 1)).collect(),
            users: usize::try_from(limit).unwrap() + 1 + dice.below(12),
            limits: vec![(time, limit)],
            used: Vec::new(),
            limit,
            time,
            dice,
            engine: Arc::clone(engine),
            table: tables.limits.clone(),
            under_way: BTreeMap::new(),
            scope: Scope::default(),
            ledger: Ledger::default(),
            messages: Vec::new(),
            calls: Vec::new(),
            seen: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// One round: everybody is busy at about one time; then nobody is, and everything is compared.
    fn round(&mut self) {
        let began = self.time;
        self.seen.clear();
        if self.limit == 0 {
            self.change_limit();
        }
        let mut left = 100 + self.dice.below(200);
        loop {
            while left > 0 && self.under_way.len() < WRITERS {
                left -= 1;
                self.begin();
            }
            if self.under_way.is_empty() {
                break;
            }
            self.step();
            if self.dice.happens(4) {
                self.change_limit();
            }
            if self.time < began + ROUND && self.dice.happens(50) {
                self.time += self.dice.between(0, 20);
            }
        }
        if self.dice.happens(500) {
            self.settle_what_is_open();
            // Beyond what the clocks may differ by: nothing ages out for some of them only.
            self.time += 2 * SKEW + ROUND;
        }
        self.compare();
        self.check_calls();
        self.jump();
    }

    /// The limit changes while others still work with the one that they read.
    fn change_limit(&mut self) {
        let lowest = u32::from(self.dice.happens(950));
        self.limit = match self.dice.below(4) {
            0 => u32::try_from(self.dice.between(0, 16)).unwrap(),
            1 => self.limit.saturating_sub(3),
            _ => self.limit + 1,
        };
        self.limit = self.limit.clamp(lowest, 20);
        self.limits.push((self.time, self.limit));
    }

    fn begin(&mut self) {
        let Some(writer) = (0..WRITERS).find(|w| self.writers[*w].is_idle()) else { return };
        let known = self.choose();
        let (message, kind) = known.unwrap_or_else(|| self.new_message());
        let operation = self.operation(message, kind, writer);
        self.messages[message].busy += 1;
        self.start(writer, message, operation);
    }

    fn operation(&self, message: usize, kind: Kind, writer: usize) -> Operation {
        let Message { user, holder, .. } = self.messages[message].clone();
        Operation { kind, user, holder, limit: self.limit, now: self.time + self.skews[writer] }
    }

    fn choose(&mut self) -> Option<(usize, Kind)> {
        if self.messages.is_empty() || self.dice.happens(300) {
            return None;
        }
        for _ in 0..8 {
            let index = self.dice.below(self.messages.len());
            let message = &self.messages[index];
            let stage = message.stage;
            if message.busy > 0 {
                let same = self.under_way.values().find(|u| u.message == index);
                let same = same.map(|u| u.operation.kind).filter(|kind| *kind != Kind::Refund);
                if let Some(kind) = same.filter(|_| self.dice.happens(200)) {
                    // The same entry of a queue, handed over twice.
                    self.messages[index].twice = true;
                    return Some((index, kind));
                }
                continue;
            }
            if let Some(kind) = next(stage, &mut self.dice) {
                return Some((index, kind));
            }
        }
        None
    }

    fn new_message(&mut self) -> (usize, Kind) {
        let user = format!("U#{}", self.dice.below(self.users));
        let holder = format!("msg_{}.1", self.messages.len());
        let stage = Stage::Open(Kind::Reserve);
        self.messages.push(Message { user, holder, stage, busy: 0, twice: false });
        (self.messages.len() - 1, Kind::Reserve)
    }

    fn start(&mut self, writer: usize, message: usize, operation: Operation) {
        let store = self.stores[writer].clone();
        let wanted = operation.clone();
        self.tally.operations += 1;
        if operation.kind == Kind::Refund {
            // Only what certainly did not happen is given back.
            self.calls.retain(|c| c.holder != operation.holder);
        }
        let under_way = UnderWay {
            operation,
            message,
            faulty: false,
            least_used: i64::MAX,
            was_full: false,
            was_full_for_others: false,
            since: self.seen.len(),
            held: false,
        };
        self.under_way.insert(writer, under_way);
        self.look();
        let answer = self.writers[writer].begin(async move { run(&store, &wanted).await });
        if let Some(answer) = answer {
            self.end(writer, answer);
        }
    }

    /// One request of one writer goes through, or does not.
    fn step(&mut self) {
        let busy: Vec<usize> = self.under_way.keys().copied().collect();
        let writer = busy[self.dice.below(busy.len())];
        let target = self.writers[writer].waiting().unwrap_or_default();
        let writes = !target.ends_with("GetItem") && !target.ends_with("Query");
        self.tally.requests += 1;
        let fate = self.dice.between(0, 1000);
        let answer = match fate {
            0..10 => return self.die(writer, false),
            10..25 if writes => return self.die(writer, true),
            25..65 if writes => self.faulty(writer, WireFault::Conflict),
            65..75 => self.faulty(writer, WireFault::Throttle),
            75..95 if writes => self.faulty(writer, WireFault::LoseAnswer),
            _ => self.writers[writer].step(None),
        };
        if writes {
            self.judge(writer);
        }
        if let Some(answer) = answer {
            self.end(writer, answer);
        }
    }

    fn faulty(&mut self, writer: usize, fault: WireFault) -> Option<Outcome> {
        self.tally.faults += 1;
        if let Some(under_way) = self.under_way.get_mut(&writer) {
            under_way.faulty = true;
        }
        self.writers[writer].step(Some(fault))
    }

    /// An instance dies; its message will be handled by another.
    fn die(&mut self, writer: usize, committed: bool) {
        self.tally.deaths += 1;
        if committed {
            self.writers[writer].die_after();
            self.judge(writer);
        } else {
            self.writers[writer].die();
        }
        if let Some(gone) = self.under_way.remove(&writer) {
            self.leave_open(&gone);
        }
    }

    fn leave_open(&mut self, gone: &UnderWay) {
        self.ledger.perhaps(&gone.operation);
        let message = &mut self.messages[gone.message];
        message.busy -= 1;
        message.stage = Stage::Open(gone.operation.kind);
    }

    /// The first judge: what did this write do?
    fn judge(&mut self, writer: usize) {
        let after = Scope::read(&self.engine, &self.table, SCOPE);
        if after == self.scope {
            return;
        }
        let under_way = &self.under_way[&writer];
        if let Err(why) = allows(&self.scope, &after, &under_way.operation, under_way.least_used) {
            panic!("{why}");
        }
        self.scope = after;
        self.look();
    }

    /// Notes what is true now for everybody who is under way.
    fn look(&mut self) {
        let times = self.scope.times();
        for under_way in self.under_way.values_mut() {
            let Operation { user, holder, now, limit, .. } = &under_way.operation;
            let live = |now: i64| times.len() - times.partition_point(|at| *at <= now - DAY);
            let places = usize::try_from(*limit).unwrap();
            let outside = !self.scope.is_live(user, *now);
            under_way.was_full |= live(*now) >= places && outside;
            under_way.was_full_for_others |= live(*now - 2 * SKEW) >= places && outside;
            under_way.least_used = under_way.least_used.min(self.scope.used);
            let marker = self.scope.users.get(user);
            let since = marker.and_then(|m| m.holders.get(holder)).copied();
            under_way.held |= match under_way.operation.kind {
                Kind::Call => since.is_some_and(|at| at >= *now),
                Kind::Reserve | Kind::Refund => since.is_some(),
            };
        }
        self.seen.push(times);
    }

    /// The second judge: may it be answered so?
    fn end(&mut self, writer: usize, answer: Outcome) {
        let Some(done) = self.under_way.remove(&writer) else { return };
        let operation = &done.operation;
        match answer {
            Ok(Answer::Reserved(Reservation::Reserved)) => {
                self.tally.reserved += 1;
                assert!(done.held, "reserved, but not as a holder: {done:?}\n{:?}", self.scope);
                self.ledger.reserved(operation, self.messages[done.message].twice);
                let stage = if operation.kind == Kind::Call {
                    let Operation { user, holder, .. } = operation.clone();
                    self.calls.push(Called { at: self.time, user, holder });
                    Stage::Called
                } else {
                    Stage::Reserved
                };
                self.close(&done, stage);
            }
            Ok(Answer::Reserved(Reservation::Full { next_free_at })) => {
                self.tally.refused += 1;
                let places = operation.limit;
                // A slower clock may have made a place as old again as it was without its last
                // attempt, just when this one had seen that none has aged out.
                self.tally.by_clocks += u64::from(!done.was_full && places > 0);
                let full = done.was_full || done.was_full_for_others || places == 0;
                assert!(full, "refused while a place was free: {done:?}");
                let oldest = next_free_at.map(|at| at.as_millis() - DAY - MARGIN);
                let since = done.since.saturating_sub(1);
                let told = |at| self.seen[since..].iter().any(|times| times.contains(&at));
                let told = oldest.is_some_and(told);
                assert!(
                    told || places == 0,
                    "free at a time of no marker: {next_free_at:?} {done:?}"
                );
                if places == 0 || self.messages[done.message].twice {
                    // It may hold a place of old, or by its other instance.
                    self.close(&done, Stage::Open(Kind::Refund));
                } else {
                    self.ledger.refused(operation);
                    self.close(&done, Stage::Ended);
                }
            }
            Ok(Answer::Refunded) => {
                self.tally.refunded += 1;
                self.ledger.refunded(operation);
                self.close(&done, Stage::Ended);
            }
            Ok(Answer::Used(_)) => {}
            Err(error) => {
                let contended = matches!(error, StoreError::Contended { .. });
                self.tally.contended += u64::from(contended);
                assert!(contended || done.faulty, "nothing was wrong: {error:?} {done:?}");
                self.leave_open(&done);
            }
        }
    }

    fn close(&mut self, done: &UnderWay, stage: Stage) {
        let message = &mut self.messages[done.message];
        message.busy -= 1;
        message.stage = stage;
    }

    /// Every message that an instance left behind is handled again, without faults.
    fn settle_what_is_open(&mut self) {
        for index in 0..self.messages.len() {
            let Stage::Open(kind) = self.messages[index].stage else { continue };
            let kind = if self.dice.happens(500) { Kind::Refund } else { kind };
            self.alone(index, kind);
            if self.messages[index].stage == Stage::Open(Kind::Refund) {
                self.alone(index, Kind::Refund);
            }
        }
    }

    /// One operation while nobody else writes.
    fn alone(&mut self, message: usize, kind: Kind) {
        let operation = self.operation(message, kind, WRITERS);
        self.messages[message].busy += 1;
        self.start(WRITERS, message, operation);
        while self.under_way.contains_key(&WRITERS) {
            let answer = self.writers[WRITERS].step(None);
            self.judge(WRITERS);
            if let Some(answer) = answer {
                self.end(WRITERS, answer);
            }
        }
    }

    fn used(&mut self, now: i64) -> Usage {
        let (store, limit) = (self.stores[WRITERS].clone(), self.limit);
        let mut answer = self.writers[WRITERS].begin(async move {
            let usage = store.usage(SCOPE, Some(limit), Timestamp::from_millis(now)).await?;
            Ok(Answer::Used(usage))
        });
        loop {
            match answer {
                Some(Ok(Answer::Used(usage))) => return usage,
                Some(other) => panic!("{other:?}"),
                None => answer = self.writers[WRITERS].step(None),
            }
        }
    }

    /// Nobody writes: the brute-force count, the markers, and what callers are told must agree.
    fn compare(&mut self) {
        self.ledger.forget_until(self.time - 3 * DAY);
        let counted = self.ledger.compare(&self.scope, self.time);
        let live: Vec<i64> =
            self.scope.times().into_iter().filter(|at| *at > self.time - DAY).collect();
        let count = i64::try_from(live.len()).unwrap();
        assert!(counted.least <= count && count <= counted.most, "{counted:?} {:?}", self.scope);
        if counted.least == counted.most {
            self.tally.full_checks += 1;
        }
        let usage = self.used(self.time);
        assert_eq!(i64::from(usage.used), count, "{:?}", self.scope);
        let places = usize::try_from(self.limit).unwrap();
        let next = live.get(live.len().saturating_sub(places)).map(|at| at + DAY + MARGIN);
        assert_eq!(usage.next_free_at.map(Timestamp::as_millis), next, "{live:?} {places}");
        self.scope = Scope::read(&self.engine, &self.table, SCOPE);
        assert_eq!(self.scope.used, i64::try_from(self.scope.users.len()).unwrap());
        // Somebody new is let in exactly when a place is free, and is otherwise told exactly when.
        let (message, kind) = self.new_message();
        let own_user = format!("U#new{message}");
        self.messages[message].user.clone_from(&own_user);
        self.skews[WRITERS] = 0;
        self.alone(message, kind);
        let let_in = self.messages[message].stage == Stage::Reserved;
        assert_eq!(let_in, live.len() < places, "{live:?} {places}");
        if let_in {
            self.alone(message, Kind::Refund);
        } else if places > 0 {
            let refused = self.refused_until(&own_user);
            assert_eq!(Some(refused), next, "{live:?} {places}");
        }
    }

    fn refused_until(&mut self, user: &str) -> i64 {
        let (store, limit) = (self.stores[WRITERS].clone(), self.limit);
        let (user, now) = (user.to_owned(), self.time);
        let mut answer = self.writers[WRITERS].begin(async move {
            let wanted = Wanted {
                scope: SCOPE,
                user: &user,
                limit,
                holder: "probe",
                now: Timestamp::from_millis(now),
                calling: true,
            };
            store.reserve(&wanted).await.map(Answer::Reserved)
        });
        loop {
            match answer {
                Some(Ok(Answer::Reserved(Reservation::Full { next_free_at: Some(at) }))) => {
                    return at.as_millis();
                }
                Some(other) => panic!("{other:?}"),
                None => answer = self.writers[WRITERS].step(None),
            }
        }
    }

    /// By the true clock: in no day, less what the clocks may differ by, were more users called
    /// than the highest limit of that day allows.
    fn check_calls(&mut self) {
        let span = DAY - 2 * SKEW - 2 * ROUND;
        let oldest = self.time - 2 * DAY;
        self.calls.retain(|c| c.at > oldest);
        let recent: Vec<&Called> = self.calls.iter().filter(|c| c.at > self.time - span).collect();
        let users: std::collections::BTreeSet<&str> =
            recent.iter().map(|c| c.user.as_str()).collect();
        let since = self.limits.iter().rposition(|(at, _)| *at <= self.time - DAY).unwrap_or(0);
        let limits = &self.limits[since..];
        let highest = limits.iter().map(|(_, limit)| i64::from(*limit)).max().unwrap();
        // Whoever held a place when the limit was lowered may be written to again: that adds nobody.
        let before = self.used.iter().rfind(|(at, _)| *at <= self.time - span);
        let highest = highest.max(before.map_or(0, |(_, used)| *used));
        let fits = i64::try_from(users.len()).unwrap() <= highest;
        assert!(fits, "{users:?} at {}: {limits:?} {:?}", self.time, self.scope);
        self.used.push((self.time, self.scope.used));
    }

    /// Time passes: a little, much, or exactly until a place ages out for some clock.
    fn jump(&mut self) {
        let times = self.scope.times();
        let to = match (self.dice.below(6), times.is_empty()) {
            (0, _) => self.time + self.dice.between(1, 5_000),
            (1, _) => self.time + self.dice.between(1, DAY / 4),
            (2, _) => self.time + self.dice.between(DAY - 5_000, DAY + 5_000),
            (_, true) => self.time + self.dice.between(1, 60_000),
            (_, false) => {
                let at = times[self.dice.below(times.len())];
                at + DAY + self.dice.between(-SKEW - 1, SKEW + 2)
            }
        };
        self.time = to.max(self.time + 1);
        for skew in &mut self.skews {
            if self.dice.happens(100) {
                *skew = self.dice.between(-SKEW, SKEW + 1);
            }
        }
    }
}

async fn run(store: &Store, operation: &Operation) -> Outcome {
    let Operation { kind, user, holder, limit, now } = operation;
    let now = Timestamp::from_millis(*now);
    let wanted =
        Wanted { scope: SCOPE, user, limit: *limit, holder, now, calling: *kind == Kind::Call };
    match kind {
        Kind::Reserve | Kind::Call => store.reserve(&wanted).await.map(Answer::Reserved),
        Kind::Refund => store.refund(SCOPE, user, holder, now).await.map(|_| Answer::Refunded),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// Every second seed from `seed` on, until so many operations were generated.
fn run_seeds(template: &Template, tables: &Tables, mut seed: u64, wanted: u64) -> Tally {
    // The writers are run by hand: inside a task the runtime would count what they do and stop them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let mut total = Tally::default();
    while total.operations < wanted {
        let engine = runtime.block_on(async {
            let engine = DynamoEngine::start(None).await.unwrap();
            engine.create_tables(&template.tables).await.unwrap();
            Arc::new(engine)
        });
        eprintln!("seed {seed}");
        let mut model = Model::new(seed, &engine, tables);
        for _ in 0..ROUNDS_PER_SEED {
            model.round();
            if total.operations + model.tally.operations >= wanted {
                break;
            }
        }
        model.settle_what_is_open();
        model.compare();
        total += model.tally;
        seed += 2;
    }
    total
}

/// Seeds that once were red: 8, two instances of one call, of which the earlier wrote last.
const ONCE_RED: [u64; 1] = [8];

#[test]
fn m21_m23_seeds_that_once_were_red_stay_green() {
    let (template, tables) = stage();
    for seed in ONCE_RED {
        run_seeds(&template, &tables, seed, 500);
    }
}

fn stage() -> (Template, Tables) {
    let template = Template::parse_with(TEMPLATE, &BTreeMap::new()).unwrap();
    let names = |name: &str| {
        let table = template.tables.iter().find(|t| t.name.ends_with(name)).unwrap();
        table.name.clone()
    };
    let tables = Tables {
        sessions: names("-sessions"),
        limits: names("-limits"),
        accounts: names("-accounts"),
    };
    (template, tables)
}

#[test]
fn m21_the_limit_holds_against_its_reference_under_generated_interleavings() {
    let wanted = setting("TRANSOM_LIMIT_STEPS", 4_000);
    let seed = setting("TRANSOM_LIMIT_SEED", 1);
    let (template, tables) = stage();
    // Two at once: as many as the smallest machine has cores for.
    let half = |first: u64| {
        let (template, tables) = (&template, &tables);
        move || run_seeds(template, tables, first, wanted / 2)
    };
    let total = std::thread::scope(|scope| {
        let halves = [scope.spawn(half(seed)), scope.spawn(half(seed + 1))];
        let mut total = Tally::default();
        for half in halves {
            match half.join() {
                Ok(tally) => total += tally,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    });
    // What was generated is of every kind, or it proves nothing.
    let least = [total.reserved, total.refused, total.refunded, total.faults, total.deaths];
    assert!(least.iter().all(|count| *count > wanted / 100), "{total:?}");
    assert!(total.full_checks > 0, "{total:?}");
    assert!(total.by_clocks * 100 <= total.refused, "{total:?}");
    eprintln!("{total:?}");
}

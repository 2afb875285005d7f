//! Early, late, repeated and contradicting statuses give the documented state, on every
//! permutation: what is shown is a function of the set of facts alone, at every provider, however
//! many of them come before the send's own answer, and whichever of a message's ids they name
//! (F3, F4).

use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use transom_core::account::Provider;
use transom_testkit::world::{ACCOUNT_SID, NUMBER, PROVIDER_ID, sender_body};
use transom_testkit::{Call, PhoneMessage, Upstream, World};

/// How statuses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Twilio,
    Meta,
    GupshupV2,
    GupshupV3,
    /// An app with a subscription of each version: its events come by turns.
    GupshupBoth,
}

impl Wire {
    fn provider(self) -> Provider {
        match self {
            Self::Twilio => Provider::Twilio,
            Self::Meta => Provider::Meta,
            Self::GupshupV2 | Self::GupshupV3 | Self::GupshupBoth => Provider::Gupshup,
        }
    }

    /// A refusal that concerns nothing but the recipient.
    fn code(self) -> &'static str {
        match self.provider() {
            Provider::Twilio => "63024",
            Provider::Meta => "131026",
            Provider::Gupshup => "1002",
        }
    }
}

/// Which of a message's ids a status of Gupshup's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Names {
    Both,
    WhatsApps,
}

/// One status.
type Told = (&'static str, Names);

/// An order in which statuses come, of which the first few come before the send's answer.
#[derive(Debug, Clone)]
struct Case {
    order: Vec<Told>,
    early: usize,
}

/// Every distinct order of `set`.
fn permutations(set: &[Told]) -> BTreeSet<Vec<Told>> {
    let Some((first, rest)) = set.split_first() else { return BTreeSet::from([Vec::new()]) };
    let mut all = BTreeSet::new();
    for shorter in permutations(rest) {
        for place in 0..=shorter.len() {
            let mut longer = shorter.clone();
            longer.insert(place, *first);
            all.insert(longer);
        }
    }
    all
}

/// Every order of every set, with the answer at every place.
fn cases(sets: &[Vec<Told>]) -> Vec<Case> {
    let orders = sets.iter().flat_map(|set| permutations(set));
    orders
        .flat_map(|order| (0..=order.len()).map(move |early| Case { order: order.clone(), early }))
        .collect()
}

/// Sets that follow, contradict and repeat.
fn sets() -> Vec<Vec<Told>> {
    let sets: [&[&'static str]; 11] = [
        &["sent", "delivered", "read"],
        &["sent", "delivered", "read", "failed"],
        &["delivered", "failed"],
        &["delivered", "delivered", "failed"],
        &["delivered", "failed", "failed"],
        &["read"],
        &["read", "sent"],
        &["read", "read", "failed"],
        &["sent", "failed"],
        &["sent", "sent", "delivered", "failed"],
        &["failed"],
    ];
    sets.map(|set| set.iter().map(|kind| (*kind, Names::Both)).collect()).into()
}

/// What a message shows of the facts that are known of it: the documented rank.
fn documented(kinds: &BTreeSet<&str>) -> &'static str {
    let rank = ["read", "delivered", "failed", "sent", "accepted"];
    rank.into_iter().find(|kind| kinds.contains(kind)).unwrap()
}

/// A case under way.
struct Running<'a> {
    world: &'a World,
    wire: Wire,
    case: &'a Case,
    customer: String,
    message: String,
    /// The provider's id, and WhatsApp's where that is another one.
    sid: String,
    whatsapp: String,
}

impl Running<'_> {
    async fn tell(&self, at: usize) {
        let (kind, names) = self.case.order[at];
        let code = (kind == "failed").then(|| self.wire.code());
        let status = match self.wire {
            Wire::Twilio => self.twilios(kind, code).await,
            Wire::Meta => self.posted(&self.metas(kind, code)).await,
            Wire::GupshupV2 => self.posted(&self.version_2(kind, names, code)).await,
            Wire::GupshupV3 => self.posted(&self.version_3(kind, names, code)).await,
            Wire::GupshupBoth if at.is_multiple_of(2) => {
                self.posted(&self.version_2(kind, names, code)).await
            }
            Wire::GupshupBoth => self.posted(&self.version_3(kind, names, code)).await,
        };
        assert_eq!(status, 200, "{:?} {:?}", self.wire, self.case);
    }

    async fn posted(&self, body: &Value) -> u16 {
        self.world.posts(self.wire.provider(), body).await.status
    }

    fn digits(&self) -> &str {
        self.customer.trim_start_matches('+')
    }

    async fn twilios(&self, kind: &str, code: Option<&str>) -> u16 {
        let (from, to) = (format!("whatsapp:{NUMBER}"), format!("whatsapp:{}", self.customer));
        let kind = if kind == "failed" { "undelivered" } else { kind };
        let mut form = vec![
            ("MessageSid", self.sid.as_str()),
            ("MessageStatus", kind),
            ("AccountSid", ACCOUNT_SID),
            ("From", &from),
            ("To", &to),
        ];
        form.extend(code.map(|code| ("ErrorCode", code)));
        let form: Vec<_> = form.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let path = format!("/status/twilio/tw?ref={}.1", self.message);
        self.world.signed(&path, &form).await.status
    }

    fn metas(&self, kind: &str, code: Option<&str>) -> Value {
        let mut status = json!({
            "id": self.sid, "status": kind, "timestamp": "1795168900",
            "recipient_id": self.digits(),
            "biz_opaque_callback_data": format!("{}.1", self.message),
        });
        if let Some(code) = code {
            status["errors"] = json!([{ "code": code }]);
        }
        changes(&json!({ "metadata": { "phone_number_id": PROVIDER_ID }, "statuses": [status] }))
    }

    fn version_2(&self, kind: &str, names: Names, code: Option<&str>) -> Value {
        let mut payload = json!({
            "id": self.whatsapp, "type": kind, "destination": self.digits(),
            "payload": { "ts": 1_795_168_900 },
        });
        if kind == "enqueued" {
            payload["id"] = json!(self.sid);
            payload["payload"] = json!({ "whatsappMessageId": self.whatsapp, "type": "session" });
        } else if names == Names::Both {
            payload["gsId"] = json!(self.sid);
        }
        if let Some(code) = code {
            payload["payload"] = json!({ "code": code, "reason": "x" });
        }
        json!({
            "app": "UsualApp", "phone": NUMBER.trim_start_matches('+'),
            "timestamp": 1_795_168_900_123_i64, "version": 2, "type": "message-event",
            "payload": payload,
        })
    }

    fn version_3(&self, kind: &str, names: Names, code: Option<&str>) -> Value {
        let mut status = json!({
            "id": self.whatsapp, "status": kind, "timestamp": "1795168900",
            "recipient_id": self.digits(),
        });
        if kind == "enqueued" || names == Names::Both {
            status["gs_id"] = json!(self.sid);
        }
        if let Some(code) = code {
            status["errors"] = json!([{ "code": code }]);
        }
        let number = NUMBER.trim_start_matches('+');
        let metadata = json!({ "display_phone_number": number });
        changes(&json!({ "metadata": metadata, "statuses": [status] }))
    }

    /// The statuses that come before the answer, then the answer.
    async fn before_and_answer(&self, call: Call) {
        for at in 0..self.case.early {
            self.tell(at).await;
        }
        call.accept(self.wire.provider(), &self.sid);
    }

    /// The others; where none came before, everything comes again, the other way round.
    async fn after(&self) {
        for at in self.case.early..self.case.order.len() {
            self.tell(at).await;
        }
        if self.case.early == 0 {
            for at in (0..self.case.order.len()).rev() {
                self.tell(at).await;
            }
        }
    }

    /// The documented state.
    async fn check(&self) -> &'static str {
        let context = || format!("{:?} {:?}", self.wire, self.case);
        let mut kinds: BTreeSet<&str> = self.case.order.iter().map(|(kind, _)| *kind).collect();
        kinds.remove("enqueued");
        kinds.insert("accepted");
        let expected = documented(&kinds);
        let message = self.world.message(&self.message).await;
        assert_eq!(message["status"], expected, "{}: {message}", context());
        let statuses = message["statuses"].as_array().unwrap();
        let known: BTreeSet<&str> =
            statuses.iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert_eq!(known, kinds, "{}", context());
        assert_eq!(statuses.len(), kinds.len(), "{}: each fact once", context());
        let code = (expected == "failed").then(|| self.wire.code());
        assert_eq!(message["failure"]["provider_code"].as_str(), code, "{}", context());
        expected
    }
}

fn changes(value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "changes": [{ "field": "messages", "value": value }] }],
    })
}

/// How many messages are under way at once, each of another customer.
const AT_ONCE: usize = 40;

fn customer(n: usize) -> String {
    format!("+9198765{n:05}")
}

/// Walks every case, and compares each message, each conversation and each event with what is
/// documented.
async fn walk(wire: Wire, cases: &[Case]) {
    let provider = wire.provider();
    let world = World::of(provider).await;
    let mut sender = sender_body(NUMBER);
    sender["rate_per_second"] = json!(1000);
    assert_eq!(world.put("/v1/senders/support", sender).await.status, 200);
    for n in 0..AT_ONCE {
        let hello = PhoneMessage::text(&customer(n), NUMBER, "Hello");
        assert_eq!(world.sandbox().phone_send(hello).await.unwrap().status, 200);
    }
    let upstream = Upstream::of(&world, provider).await.unwrap();
    let mut undelivered: BTreeMap<String, u64> = BTreeMap::new();
    let mut facts = 0;
    for (chunk, some) in cases.chunks(AT_ONCE).enumerate() {
        let mut running = BTreeMap::new();
        for (n, case) in some.iter().enumerate() {
            let marker = format!("case-{chunk:03}-{n:03}-");
            let sent = world.send_to(&customer(n), &marker).await;
            assert_eq!(sent.status, 202, "{}", sent.body);
            let (sid, whatsapp) = match wire {
                Wire::Twilio => (format!("SM{chunk:016x}{n:016x}"), String::new()),
                Wire::Meta => (format!("wamid.{chunk}.{n}"), String::new()),
                Wire::GupshupV2 | Wire::GupshupV3 | Wire::GupshupBoth => {
                    (format!("gs-{chunk}-{n}"), format!("wamid.{chunk}.{n}"))
                }
            };
            let (customer, message) = (customer(n), sent.text("id"));
            let world = &world;
            let one = Running { world, wire, case, customer, message, sid, whatsapp };
            running.insert(marker, one);
        }
        // The calls come in any order: each is told by its text.
        stream::iter(0..some.len())
            .map(|_| async {
                let call = upstream.next().await;
                let of_call = running.iter().find(|(marker, _)| call.body.contains(*marker));
                of_call.unwrap().1.before_and_answer(call).await;
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<()>>()
            .await;
        world.settle().await;
        futures::future::join_all(running.values().map(Running::after)).await;
        world.settle().await;
        for one in running.values() {
            let shown = one.check().await;
            *undelivered.entry(one.customer.clone()).or_default() += u64::from(shown == "failed");
            let kinds: BTreeSet<&str> = one.case.order.iter().map(|(kind, _)| *kind).collect();
            facts += 1 + kinds.iter().filter(|kind| **kind != "enqueued").count();
        }
    }
    // The marks agree with what is shown.
    let list = world.get("/v1/conversations?limit=200").await.body["items"].clone();
    for conversation in list.as_array().unwrap() {
        let phone = conversation["contact"]["phone"].as_str().unwrap();
        let expected = undelivered.get(phone).copied().unwrap_or_default();
        assert_eq!(conversation["undelivered"], expected, "{wire:?} {phone}");
        assert_eq!(conversation["window"]["state"], "open", "{wire:?} {phone}");
    }
    // One event for each fact, whatever came again.
    let heard = world.subscriber.of("message.status");
    let ids: BTreeSet<&str> = heard.iter().map(|event| event.id()).collect();
    assert_eq!(ids.len(), facts, "{wire:?}");
    // Every status belonged to a message.
    let events = world.get("/v1/accounts/tw/events").await.body;
    assert_eq!(events["items"], json!([]), "{wire:?}");
}

#[test]
fn every_order_is_walked() {
    let all = cases(&sets());
    // n! orders, fewer by repeated ones, and an answer before, between and after.
    let expected = 6 * 4 + 24 * 5 + 2 * 3 + 3 * 4 + 3 * 4 + 2 + 2 * 3 + 3 * 4 + 2 * 3 + 12 * 5 + 2;
    assert_eq!(all.len(), expected);
    let distinct: BTreeSet<String> = all.iter().map(|case| format!("{case:?}")).collect();
    assert_eq!(distinct.len(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_f4_every_permutation_of_twilios_statuses_gives_the_documented_state() {
    walk(Wire::Twilio, &cases(&sets())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_f4_every_permutation_of_metas_statuses_gives_the_documented_state() {
    walk(Wire::Meta, &cases(&sets())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_f4_every_permutation_of_gupshups_version_2_gives_the_documented_state() {
    walk(Wire::GupshupV2, &cases(&sets())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_f4_every_permutation_of_gupshups_version_3_gives_the_documented_state() {
    walk(Wire::GupshupV3, &cases(&sets())).await;
}

/// Late events of Gupshup's name WhatsApp's id alone. As long as one event names both ids, every
/// order leads every event to its message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_f4_every_permutation_of_events_without_gupshups_id_gives_the_documented_state() {
    let mut sets = Vec::new();
    for kinds in [["sent", "delivered", "read"], ["sent", "failed", "delivered"]] {
        // Which of the three name WhatsApp's id alone: all choices but all three.
        for alone in 1..7_u8 {
            let names = |at: usize| {
                if alone & (1 << at) == 0 { Names::Both } else { Names::WhatsApps }
            };
            sets.push(kinds.iter().enumerate().map(|(at, kind)| (*kind, names(at))).collect());
        }
    }
    // One page shows `sent` without Gupshup's id: then `enqueued` alone names both.
    sets.push(vec![
        ("enqueued", Names::Both),
        ("sent", Names::WhatsApps),
        ("delivered", Names::WhatsApps),
    ]);
    sets.push(vec![("sent", Names::Both), ("read", Names::WhatsApps), ("read", Names::WhatsApps)]);
    walk(Wire::GupshupBoth, &cases(&sets)).await;
}

/// Where no event names both ids nobody can know which message they are about: they wait, and the
/// message shows what its own answer said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_never_name_gupshups_id_change_nothing() {
    let world = World::of(Provider::Gupshup).await;
    world.customer_writes("Hello").await;
    let upstream = Upstream::of(&world, Provider::Gupshup).await.unwrap();
    let sent = world.send("Hi").await;
    let case =
        Case { order: vec![("sent", Names::WhatsApps), ("read", Names::WhatsApps)], early: 1 };
    let one = Running {
        world: &world,
        wire: Wire::GupshupV2,
        case: &case,
        customer: transom_testkit::world::CUSTOMER.to_owned(),
        message: sent.text("id"),
        sid: "gs-1".to_owned(),
        whatsapp: "wamid.1".to_owned(),
    };
    one.before_and_answer(upstream.next().await).await;
    world.settle().await;
    one.after().await;
    world.settle().await;
    assert_eq!(world.message(&one.message).await["status"], "accepted");
}

//! `POST /v1/messages/check` answers what the send itself would (E5): for every code that the build
//! can refuse a message with, and over a generated table of facts.
//!
//! A part that makes a further code reachable adds a line to [`cases`]: without it
//! `e5_every_code_that_a_send_answers_is_foretold` fails and names the code.

use crate::every_provider::{every_provider, heavy};
use crate::news;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;
use transom_core::account::Provider;
use transom_core::code::Code;
use transom_core::time::Millis;
use transom_testkit::world::{CUSTOMER, NUMBER, account_body, sender_body, template_body};
use transom_testkit::{Answer, FileHost, ServedFile, World};

/// Codes that a send answers and that are no decision about a message: its repeat is the caller's.
const NO_DECISION: [&str; 2] = ["idempotency_in_progress", "idempotency_mismatch"];

fn body(to: &Value, content: &Value) -> Value {
    json!({ "sender": "support", "to": to, "content": content })
}

async fn ask(world: &World, body: &Value) -> Answer {
    asked_with(world, &world.key, body).await
}

async fn asked_with(world: &World, key: &str, body: &Value) -> Answer {
    let answer = world.call_as(key, "POST", "/v1/messages/check", Some(body), &[]).await;
    assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    assert_eq!(answer.body["allowed"], answer.body["code"].is_null(), "{}", answer.body);
    let rule = answer.text("rule");
    assert!(rule.len() >= 2, "{body}: {}", answer.body);
    if let Some(code) = Code::ALL.iter().find(|c| c.as_str() == answer.code()) {
        assert_eq!(Some(rule.as_str()), code.rule(), "{}", answer.body);
        assert_eq!(answer.text("remedy"), code.remedy());
    }
    answer
}

/// Asks, then sends, and holds the one to the other.
async fn foretold(world: &World, body: &Value) -> String {
    foretold_to(world, &world.key, body).await
}

async fn foretold_to(world: &World, key: &str, body: &Value) -> String {
    let asked = asked_with(world, key, body).await;
    let sent = world.call_as(key, "POST", "/v1/messages", Some(body), &[]).await;
    assert_eq!(asked.body["allowed"], sent.status == 202, "{body}: {} {}", asked.body, sent.body);
    if sent.status == 202 {
        for field in ["sent_as", "counts_against_limit", "cost"] {
            assert_eq!(asked.body[field], sent.body[field], "{body}: {field} {}", asked.body);
        }
        // What follows from it, such as a place given back, comes before the next question.
        world.settle().await;
        return String::new();
    }
    for field in ["code", "also", "detail", "remedy", "retry_at", "nearest"] {
        assert_eq!(asked.body[field], sent.body[field], "{body}: {field} {}", asked.body);
    }
    sent.code().to_owned()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

fn template(name: &str, variables: Value) -> Value {
    json!({ "type": "template", "name": name, "language": "en", "variables": variables })
}

fn usual_template() -> Value {
    template("order_ready", json!({ "1": "Asha", "2": "42" }))
}

/// Customers in every state of window and consent: `(number, window, consent)`.
async fn customers(world: &World) -> Vec<String> {
    let number = |n: usize| format!("+9198760{n:05}");
    let mut all = Vec::new();
    for (n, window) in ["none", "expired", "open"].into_iter().enumerate() {
        if window == "open" {
            world.advance(Millis::from_hours(25)).await;
        }
        for (m, consent) in ["unknown", "in", "out"].into_iter().enumerate() {
            let number = number(n * 3 + m);
            if window != "none" {
                world.writes(&number, NUMBER, "Hello").await;
            }
            let path = format!("/v1/senders/support/contacts/{number}/opt-in");
            match consent {
                "in" => world.put(&path, json!({ "source": "import" })).await.status,
                "out" => world.delete(&path).await.status,
                _ => 200,
            };
            all.push(number);
        }
    }
    all
}

async fn put(world: &World, path: &str, body: Value) {
    let answer = world.put(path, body).await;
    assert!(answer.status < 300, "{path}: {}", answer.body);
}

/// Every code by one case of its own. Each sets its fact, is asked about and sent, and takes its
/// fact back.
async fn cases(world: &World, host: &FileHost) -> BTreeSet<String> {
    let seen = Mutex::new(BTreeSet::new());
    let people = customers(world).await;
    let [stranger, _, _, expired, _, _, open, agreed, out] = people.as_slice() else {
        panic!("{people:?}")
    };
    let put_sender = async |field: &str, value: Value| {
        let mut sender = sender_body(NUMBER);
        sender[field] = value;
        put(world, "/v1/senders/support", sender).await;
    };
    let take_as = async |key: &str, to: &Value, content: Value| {
        let code = foretold_to(world, key, &body(to, &content)).await;
        seen.lock().unwrap().insert(code.clone());
        code
    };
    let take = async |to: &Value, content: Value| take_as(&world.key, to, content).await;
    let to = |number: &str| json!(number);
    // What is said.
    take(&to(open), text("Hi")).await;
    take(&to(open), text("")).await;
    take(&to(open), text(&"x".repeat(5000))).await;
    take(&to(open), json!({ "type": "call" })).await;
    let png = host.put("a.png", ServedFile::of("image/png", b"x"));
    let pdf = host.put("a.pdf", ServedFile::of("application/pdf", b"x"));
    let bmp = host.put("a.bmp", ServedFile::of("image/bmp", b"x"));
    take(&to(open), json!({ "type": "image", "url": png })).await;
    take(&to(open), json!({ "type": "image", "url": "http://127.0.0.1:9/a.png" })).await;
    take(&to(open), json!({ "type": "image", "url": bmp, "content_type": "image/bmp" })).await;
    take(&to(open), json!({ "type": "image", "url": png, "bytes": 900_000_000_u64 })).await;
    take(&to(open), json!({ "type": "audio", "url": png, "caption": "listen" })).await;
    take(&to(open), json!({ "type": "audio", "url": png, "filename": "a.mp3" })).await;
    take(&to(open), json!({ "type": "document", "url": pdf, "caption": "bill" })).await;
    let gone = ServedFile { status: Some(404), ..ServedFile::default() };
    let absent = json!({ "url": host.put("gone.png", gone) });
    let absent = world.post("/v1/media", absent).await.text("id");
    world.settle().await;
    take(&to(open), json!({ "type": "image", "media": absent })).await;
    // To whom.
    take(&to("919876543210"), text("Hi")).await;
    take(&to(NUMBER), text("Hi")).await;
    take(&json!({ "user_id": "IN.13491208655302741918" }), text("Hi")).await;
    // The window and consent.
    take(&to(stranger), text("Hi")).await;
    take(&to(expired), text("Hi")).await;
    take(&to(expired), text("Hello Asha, your parcel 42 is ready.")).await;
    take(&to(expired), text("Hello Asha, your order 42 is ready.")).await;
    take(&to(open), usual_template()).await;
    take(&to(out), usual_template()).await;
    take(&to(agreed), usual_template()).await;
    // Templates.
    let consenting = &people[1];
    take(&to(consenting), template("nothing", json!({}))).await;
    take(&to(consenting), template("order_ready", json!({ "1": "Asha" }))).await;
    let mut paused = template_body();
    paused["status"] = json!("paused");
    paused["provider_ref"] = json!("HX99999999999999999999999999999999");
    put(world, "/v1/accounts/tw/templates/paused", paused).await;
    take(&to(consenting), template("paused", json!({ "1": "Asha", "2": "42" }))).await;
    let mut narrow = account_body(world.provider);
    narrow["template_categories"] = json!(["marketing"]);
    put(world, "/v1/accounts/tw", narrow).await;
    take(&to(consenting), usual_template()).await;
    put(world, "/v1/accounts/tw", account_body(world.provider)).await;
    put_sender("template_messaging", json!(false)).await;
    take(&to(consenting), usual_template()).await;
    // The limit.
    put_sender("messaging_limit", json!(1)).await;
    take(&to(consenting), usual_template()).await;
    let other = &people[4];
    assert_eq!(take(&to(other), usual_template()).await, "limit_reached");
    put_sender("messaging_limit", json!(0)).await;
    take(&to(other), usual_template()).await;
    put_sender("messaging_limit", json!(250)).await;
    // The agents'.
    let agent = json!({ "role": "agent", "agent": "asha" });
    let agent = world.post("/v1/keys", agent).await.text("key");
    put_sender("agent_limits", json!({ "per_user_24h": 1, "per_agent_30d": 2 })).await;
    for (person, code) in
        [(open, ""), (open, "agent_user_limit"), (agreed, ""), (out, "agent_month_limit")]
    {
        assert_eq!(take_as(&agent, &to(person), text("Hi")).await, code);
    }
    put_sender("agent_limits", Value::Null).await;
    // The budget and the wallet.
    let dear = json!({ "currency": "USD", "prices": [{ "amount": "1" }] });
    put(world, "/v1/prices/default", dear).await;
    let budget = json!({ "amount": "0.5", "currency": "USD", "per": "day" });
    put(world, "/v1/senders/support/settings", json!({ "budget": budget })).await;
    take(&to(other), usual_template()).await;
    put(world, "/v1/senders/support/settings", json!({})).await;
    let mut sandbox = account_body(world.provider);
    sandbox["sandbox"] = json!(true);
    put(world, "/v1/accounts/tw", sandbox).await;
    let debt = json!({ "kind": "adjustment", "amount": "-1", "currency": "USD" });
    assert_eq!(world.post("/v1/accounts/tw/wallet/entries", debt).await.status, 201);
    take(&to(open), text("Hi")).await;
    put(world, "/v1/accounts/tw", account_body(world.provider)).await;
    // The brand.
    put(world, "/v1/brands/acme", json!({ "name": "Acme", "active": false })).await;
    take(&to(open), text("Hi")).await;
    world.delete("/v1/brands/acme").await;
    take(&to(open), text("Hi")).await;
    put(world, "/v1/brands/acme", json!({ "name": "Acme", "active": true })).await;
    put(world, "/v1/brands/other", json!({ "name": "Other", "active": true })).await;
    put_sender("brand", json!("other")).await;
    take(&to(open), text("Hi")).await;
    put_sender("brand", json!("acme")).await;
    // Twilio tells of no restriction.
    if world.provider != Provider::Twilio {
        let until = world.now().plus(Millis::from_seconds(60));
        let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING";
        news::post(world, &news::restricted(world.provider, kind, until, world.now())).await;
        assert_eq!(take(&to(consenting), usual_template()).await, "sender_restricted");
        world.advance(Millis::from_seconds(60)).await;
    }
    // The account and the sender; what is final comes last.
    world.post("/v1/accounts/tw/deactivate", json!({})).await;
    take(&to(open), text("Hi")).await;
    world.post("/v1/accounts/tw/activate", json!({})).await;
    world.delete("/v1/senders/support").await;
    take(&to(open), text("Hi")).await;
    put_sender("brand", json!("acme")).await;
    world.delete("/v1/accounts/tw").await;
    take(&to(open), text("Hi")).await;
    world.delete("/v1/accounts/tw?because=deleted").await;
    take(&to(open), text("Hi")).await;
    seen.into_inner().unwrap()
}

/// The codes with which a send refuses by a rule, as the service's own document has them.
async fn documented(world: &World) -> BTreeSet<String> {
    let document = world.get("/openapi.json").await.body;
    let responses = &document["paths"]["/v1/messages"]["post"]["responses"];
    let mut codes = BTreeSet::new();
    for status in ["409", "422", "429"] {
        let listed = responses[status]["x-transom-codes"].as_array().cloned().unwrap_or_default();
        codes.extend(listed.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    assert!(codes.len() > 25, "{codes:?}");
    codes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_every_code_that_a_send_answers_is_foretold() {
    let host = FileHost::start().await.unwrap();
    let mut seen = BTreeSet::new();
    let mut wanted = BTreeSet::new();
    for provider in Provider::ALL {
        let world = World::of(provider).await;
        seen.extend(cases(&world, &host).await);
        wanted = documented(&world).await;
    }
    wanted.retain(|code| !NO_DECISION.contains(&code.as_str()));
    let missing: Vec<_> = wanted.difference(&seen).collect();
    assert!(missing.is_empty(), "add a case of `tests/scenarios/check.rs` for {missing:?}");
    let undocumented: Vec<_> =
        seen.iter().filter(|code| !code.is_empty() && !wanted.contains(*code)).collect();
    assert!(undocumented.is_empty(), "POST /v1/messages does not document {undocumented:?}");
}

/// A generator of its own, so that a failure is the same on every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

every_provider!(e5_check_and_send_agree_over_generated_facts);
async fn e5_check_and_send_agree_over_generated_facts(provider: Provider) {
    let world = World::of(provider).await;
    let mut people = customers(&world).await;
    people.push(NUMBER.to_owned());
    let contents = [
        text("Hi"),
        text(" "),
        text(&"x".repeat(5000)),
        usual_template(),
        template("order_ready", json!({ "1": "Asha" })),
        template("nothing", json!({})),
        json!({ "type": "call" }),
        json!({ "type": "location", "latitude": 1, "longitude": 1 }),
    ];
    let mut chance = Chance(7);
    let mut seen = BTreeSet::new();
    for _ in 0..heavy(provider, 40, 12) {
        let state = ["activate", "activate", "deactivate"][chance.below(3)];
        world.post(&format!("/v1/accounts/tw/{state}"), json!({})).await;
        let mut sender = sender_body(NUMBER);
        sender["template_messaging"] = json!(chance.below(3) > 0);
        sender["messaging_limit"] =
            [json!(0), json!(1), json!(250), Value::Null][chance.below(4)].clone();
        put(&world, "/v1/senders/support", sender).await;
        put(&world, "/v1/brands/acme", json!({ "name": "Acme", "active": chance.below(4) > 0 }))
            .await;
        let mut stored = template_body();
        stored["status"] = json!(["approved", "approved", "rejected"][chance.below(3)]);
        stored["category"] = json!(["utility", "marketing"][chance.below(2)]);
        put(&world, "/v1/accounts/tw/templates/order_ready", stored).await;
        for _ in 0..6 {
            let to = json!(people[chance.below(people.len())]);
            let content = &contents[chance.below(contents.len())];
            seen.insert(foretold(&world, &body(&to, content)).await);
        }
    }
    assert!(seen.contains("") && seen.len() >= 6, "{seen:?}");
}

every_provider!(e5_check_sends_reserves_and_stores_nothing);
async fn e5_check_sends_reserves_and_stores_nothing(provider: Provider) {
    let world = World::of(provider).await;
    world.opt_in(CUSTOMER).await;
    world.settle().await;
    let written = || world.house.function("Desk").unwrap().store.meter().write_units();
    let before = written();
    let stranger = "+919876500099";
    for (to, content) in [
        (CUSTOMER, usual_template()),
        (CUSTOMER, text("Hi")),
        (stranger, text("Hi")),
        (stranger, usual_template()),
    ] {
        ask(&world, &body(&json!(to), &content)).await;
    }
    assert!((written() - before).abs() < f64::EPSILON, "no write");
    assert!(world.sandbox().outbox().is_empty());
    let limit = world.get("/v1/senders/support/limit").await;
    assert_eq!(limit.body["used"], 0);
    let known = world.get(&format!("/v1/conversations?q=%2B{}", &stranger[1..])).await;
    assert_eq!(known.body["items"], json!([]), "the stranger has no conversation");
}

every_provider!(e5_u16_what_is_offered_instead_is_allowed);
async fn e5_u16_what_is_offered_instead_is_allowed(provider: Provider) {
    let world = World::of(provider).await;
    let people = customers(&world).await;
    for to in &people {
        for content in [text("Hi"), usual_template()] {
            let asked = ask(&world, &body(&json!(to), &content)).await;
            for offered in asked.body["alternatives"].as_array().unwrap() {
                let waits = match offered["do"].as_str().unwrap() {
                    "hold" => Some(("when_closed", "held")),
                    "defer" => Some(("when_limited", "deferred")),
                    _ => None,
                };
                if let Some((field, status)) = waits {
                    let mut sent = body(&json!(to), &content);
                    sent[field] = offered["do"].clone();
                    let sent = world.post("/v1/messages", sent).await;
                    assert_eq!((sent.status, sent.text("status").as_str()), (202, status));
                    continue;
                }
                let instead = match offered["do"].as_str().unwrap() {
                    "text" => text("Hi"),
                    "template" => usual_template(),
                    "ask_consent" => {
                        world.opt_in(to).await;
                        if offered["template"].is_null() {
                            content.clone()
                        } else {
                            usual_template()
                        }
                    }
                    other => panic!("{other}"),
                };
                let sent = world.post("/v1/messages", body(&json!(to), &instead)).await;
                assert_eq!(sent.status, 202, "{offered}: {}", sent.body);
            }
        }
    }
    let [stranger, agreed, ..] = people.as_slice() else { panic!("{people:?}") };
    // No more is held for one customer than there is room for.
    let mut hold = body(&json!(stranger), &text("Hi"));
    hold["when_closed"] = json!("hold");
    for _ in 0..transom_core::plan::HELD_MAX {
        ask(&world, &hold).await;
        world.post("/v1/messages", hold.clone()).await;
    }
    assert_eq!(foretold(&world, &hold).await, "window_never_opened");
    let first = |answer: &Answer| answer.body["alternatives"][0]["do"].clone();
    let asked = ask(&world, &body(&json!(agreed), &text("Hi"))).await;
    assert_eq!(first(&asked), "template", "{}", asked.body);
    assert_eq!(asked.body["alternatives"][0]["template"], "order_ready");
    assert_eq!(asked.body["inputs"]["window"]["state"], "none");
    assert_eq!(asked.body["rule"], "M18");
    // He was asked above; one who said no is offered nothing.
    world.pass(Millis::from_seconds(1));
    let path = format!("/v1/senders/support/contacts/{stranger}/opt-in");
    assert!(world.delete(&path).await.status < 300);
    let asked = ask(&world, &body(&json!(stranger), &text("Hi"))).await;
    let kinds = |answer: &Answer| -> Vec<String> {
        let offered = answer.body["alternatives"].as_array().unwrap();
        offered.iter().map(|a| a["do"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&asked), Vec::<String>::new(), "as many are held as may be");
    // A reply, should he write, needs no consent.
    let path = format!("/v1/senders/support/contacts/{}/opt-in", people[2]);
    assert!(world.delete(&path).await.status < 300);
    let asked = ask(&world, &body(&json!(people[2]), &text("Hi"))).await;
    assert_eq!(kinds(&asked), ["hold"]);
    // With the limit used up, waiting is offered, and until when.
    let mut sender = sender_body(NUMBER);
    sender["messaging_limit"] = json!(1);
    put(&world, "/v1/senders/support", sender).await;
    let late = "+919876500098";
    world.opt_in(late).await;
    let asked = ask(&world, &body(&json!(late), &usual_template())).await;
    assert_eq!((asked.code(), first(&asked)), ("limit_reached", json!("wait")), "{}", asked.body);
    assert_eq!(asked.body["alternatives"][0]["at"], asked.body["retry_at"]);
    assert_eq!(kinds(&asked), ["wait", "defer"]);
    assert_eq!(asked.body["inputs"]["limit"]["remaining"], 0);
    let asked = ask(&world, &body(&json!(late), &text("Hi"))).await;
    assert_eq!(kinds(&asked), ["hold"], "no template goes out either");
}

every_provider!(e5_check_warns_when_the_window_is_uncertain);
async fn e5_check_warns_when_the_window_is_uncertain(provider: Provider) {
    let world = World::of(provider).await;
    world.customer_writes("Hello").await;
    let expires_at =
        world.conversation().await["window"]["expires_at"].as_str().unwrap().to_owned();
    let expires_at = transom_core::time::Timestamp::parse_rfc3339(&expires_at).unwrap();
    let asked = body(&json!(CUSTOMER), &text("Hi"));
    let margin = transom_core::window::RECEIPT_MARGIN;
    let certain = expires_at.minus(margin);
    world.house.clock().advance_to(certain.minus(Millis::new(1)));
    assert_eq!(ask(&world, &asked).await.body["warnings"], json!([]));
    let warned = world.facts().window_basis == "receipt";
    for at in [certain, expires_at.minus(Millis::new(1))] {
        world.house.clock().advance_to(at);
        let answer = ask(&world, &asked).await;
        assert_eq!(answer.body["allowed"], true);
        let about = answer.body["warnings"][0]["about"].as_str();
        assert_eq!(about, warned.then_some("certain_until"), "{}", answer.body);
    }
    world.house.clock().advance_to(expires_at);
    let answer = ask(&world, &asked).await;
    assert_eq!((answer.code(), answer.text("rule").as_str()), ("window_expired", "M8"));
    assert_eq!(answer.body["warnings"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e5_what_cannot_be_asked_is_an_error() {
    let world = World::start().await;
    for (given, status, code) in [
        (json!({ "sender": "support", "content": text("Hi") }), 400, "invalid_request"),
        (json!({ "sender": "nobody", "to": CUSTOMER, "content": text("Hi") }), 404, "not_found"),
        (
            json!({ "sender": "support", "to": CUSTOMER, "content": text("Hi"), "x": 1 }),
            400,
            "invalid_request",
        ),
        (
            json!({ "conversation": "cnv_abcdefghijklmnopqrstuvwx", "content": text("Hi") }),
            404,
            "not_found",
        ),
    ] {
        let answer = world.post("/v1/messages/check", given.clone()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{given}: {}", answer.body);
    }
}

/// The page of codes is made from the table: `TRANSOM_WRITE_DOCS=1` writes it.
#[test]
fn e5_the_page_of_codes_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/codes.md");
    let mut page = String::from(
        "# The codes of the message calls\n\nEach code, the row of the rule book that decides \
         (`rule` in the answer of `POST /v1/messages/check`), and what to do. Made from \
         `shared/core/src/code.rs` and `rule.rs`; a test compares (`TRANSOM_WRITE_DOCS=1 cargo test \
         -p transom-tests --test scenarios page_of_codes` writes it). The letters: `M` a rule of \
         the sources, `U` a users' need, `D` a decision where they differ, `E` a feature, `F` a \
         failure to prevent.\n\n| Code | HTTP | Rule | What it says | What to do |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let Some(rule) = code.rule() else { continue };
        let (status, title, remedy) = (code.status(), code.title(), code.remedy());
        page.push_str(&format!("| `{code}` | {status} | {rule} | {title} | {remedy} |\n"));
    }
    if std::env::var_os("TRANSOM_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, page, "docs/codes.md is not what the table says");
}

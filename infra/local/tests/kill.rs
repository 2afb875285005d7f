//! `kill -9` in the middle of everything: no acknowledged webhook is lost, nothing is sent twice,
//! what was queued is finished, and every event still reaches the subscriber.
//!
//! The short form runs with the suite; the full one (1,000 webhooks and 200 sends, three kills):
//! `TRANSOM_KILL=full cargo test -p transom-local --test kill`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use futures::stream::StreamExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use transom_local::sandbox::{
    PhoneMessage, Sandbox, SandboxConfig, TwilioAccount, inbound_form, sign_twilio,
};

const KEY: &str = "admin_of_the_kill_test";
const SID: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "token-of-the-kill-test";
const NUMBER: &str = "+14155230000";

struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the very binary that `cargo run` starts.
    fn start(data: &PathBuf, listen: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_transom-local"))
            .args(["--listen", listen, "--admin-key", KEY, "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let url = first.rsplit(' ').next().unwrap().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn listen(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }
}

#[derive(Clone)]
struct Caller(reqwest::Client);

impl Caller {
    async fn call(&self, method: &str, url: &str, body: Value) -> Option<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.0.request(method.clone(), url).bearer_auth(KEY);
        if method != reqwest::Method::GET {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Posts a customer's webhook; true when it was acknowledged.
    async fn webhook(&self, base: &str, n: usize, customers: usize) -> bool {
        let url = format!("{base}/webhooks/twilio/tw");
        let mut message = PhoneMessage::text(&customer(n % customers), NUMBER, &format!("in {n}"));
        message.sid = Some(format!("SM{n:032x}"));
        message.account_sid = Some(SID.to_owned());
        let form = inbound_form(&message);
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            .finish();
        let request = self
            .0
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-twilio-signature", sign_twilio(TOKEN, &url, &form))
            .body(body);
        request.send().await.is_ok_and(|r| r.status().is_success())
    }
}

fn customer(n: usize) -> String {
    format!("+9198765{n:05}")
}

type Heard = Arc<Mutex<Vec<Value>>>;

async fn listener(heard: Heard) -> String {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", socket.local_addr().unwrap());
    let hear = async |State(heard): State<Heard>, body: String| {
        heard.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    };
    let app = Router::new().route("/events", post(hear)).with_state(heard);
    tokio::spawn(async move { axum::serve(socket, app).await });
    url
}

async fn provider() -> (Sandbox, String) {
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let sandbox = Sandbox::new(SandboxConfig::new(Arc::new(now)));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/twilio", socket.local_addr().unwrap());
    let router = sandbox.router();
    tokio::spawn(async move { axum::serve(socket, router).await });
    sandbox.register_twilio(TwilioAccount {
        account_sid: SID.to_owned(),
        auth_token: TOKEN.to_owned(),
        inbound_url: None,
    });
    sandbox.register_number(SID, NUMBER);
    (sandbox, url)
}

async fn set_up(caller: &Caller, base: &str, api: &str, hook: &str) {
    let account = json!({
        "provider": "twilio",
        "credentials": { "account_sid": SID, "auth_token": TOKEN },
        "api_base_url": api,
    });
    let sender = json!({ "account": "tw", "phone": NUMBER, "rate_per_second": 400 });
    let calls = [
        ("/v1/accounts/tw", account),
        ("/v1/senders/support", sender),
        ("/v1/subscriptions/all", json!({ "url": hook, "events": [] })),
    ];
    for (path, body) in calls {
        let (status, answer) = caller.call("PUT", &format!("{base}{path}"), body).await.unwrap();
        assert!(status < 300, "{path}: {answer}");
    }
}

struct Load {
    webhooks: usize,
    sends: usize,
    customers: usize,
    kills: usize,
}

/// Runs until everything is posted or the process is killed; what was acknowledged is noted.
async fn storm(
    caller: &Caller,
    base: &str,
    load: &Load,
    received: &Mutex<BTreeSet<usize>>,
    submitted: &Mutex<BTreeMap<usize, String>>,
) {
    let webhooks = futures::stream::iter(0..load.webhooks).map(|n| async move {
        let missing = !received.lock().unwrap().contains(&n);
        if missing && caller.webhook(base, n, load.customers).await {
            received.lock().unwrap().insert(n);
        }
    });
    let sends = futures::stream::iter(0..load.sends).map(|n| async move {
        if submitted.lock().unwrap().contains_key(&n) {
            return;
        }
        let content = json!({ "type": "text", "text": format!("out {n}") });
        let to = customer(n % load.customers);
        let body = json!({ "sender": "support", "to": to, "content": content });
        let url = format!("{base}/v1/messages");
        let request =
            caller.0.post(&url).bearer_auth(KEY).header("content-type", "application/json");
        let request = request.header("idempotency-key", format!("send-{n}")).body(body.to_string());
        let Ok(response) = request.send().await else { return };
        let taken = response.status().as_u16() == 202;
        let Ok(bytes) = response.bytes().await else { return };
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if let Some(id) = answer["id"].as_str().filter(|_| taken) {
            submitted.lock().unwrap().insert(n, id.to_owned());
        }
    });
    let webhooks = webhooks.buffer_unordered(16).collect::<Vec<()>>();
    let sends = sends.buffer_unordered(8).collect::<Vec<()>>();
    futures::join!(webhooks, sends);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f2_kill_in_the_middle_loses_and_repeats_nothing() {
    transom_boot::clients::install_tls();
    let full = std::env::var("TRANSOM_KILL").is_ok_and(|v| v == "full");
    let load = if full {
        Load { webhooks: 1000, sends: 200, customers: 40, kills: 3 }
    } else {
        Load { webhooks: 200, sends: 60, customers: 20, kills: 2 }
    };
    let data = std::env::temp_dir().join(format!("transom-kill-{}", std::process::id()));
    let _absent = std::fs::remove_dir_all(&data);
    let caller = Caller(reqwest::Client::builder().no_proxy().build().unwrap());
    let heard: Heard = Arc::default();
    let hook = listener(Arc::clone(&heard)).await;
    let (sandbox, api) = provider().await;
    let mut process = Process::start(&data, "127.0.0.1:0");
    let listen = process.listen();
    set_up(&caller, &process.url, &api, &hook).await;
    // Every window is open before the storm, so that every send is allowed.
    for n in 0..load.customers {
        assert!(caller.webhook(&process.url, 1_000_000 + n, load.customers).await);
        sandbox.note_customer_wrote(
            &customer((1_000_000 + n) % load.customers),
            NUMBER,
            i64::MAX / 2,
        );
    }
    let (received, submitted) = (Mutex::default(), Mutex::default());
    for kill in 1..=load.kills {
        let goal = load.webhooks * kill / (load.kills + 1);
        let base = process.url.clone();
        let work = storm(&caller, &base, &load, &received, &submitted);
        let watch = async {
            while received.lock().unwrap().len() < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            process.kill();
        };
        futures::join!(work, watch);
        process = Process::start(&data, &listen);
    }
    // The providers and callers repeat what was not acknowledged; then everything becomes quiet.
    let base = process.url.clone();
    for _ in 0..20 {
        storm(&caller, &base, &load, &received, &submitted).await;
        let done = received.lock().unwrap().len() == load.webhooks
            && submitted.lock().unwrap().len() == load.sends;
        if done {
            break;
        }
        // The lease of a request that died with the process.
        caller.call("POST", &format!("{base}/local/clock"), json!({ "advance_seconds": 31 })).await;
    }
    assert_eq!(received.lock().unwrap().len(), load.webhooks);
    assert_eq!(submitted.lock().unwrap().len(), load.sends);
    for _ in 0..3 {
        let advance = json!({ "advance_seconds": 1200 });
        let clock = caller.call("POST", &format!("{base}/local/clock"), advance).await.unwrap();
        assert_eq!(clock.0, 200, "{}", clock.1);
        sandbox.settle().await;
    }
    check(&caller, &base, &load, &sandbox, &heard, &submitted.into_inner().unwrap()).await;
    process.kill();
    let _left = std::fs::remove_dir_all(&data);
}

async fn check(
    caller: &Caller,
    base: &str,
    load: &Load,
    sandbox: &Sandbox,
    heard: &Heard,
    submitted: &BTreeMap<usize, String>,
) {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for entry in sandbox.outbox() {
        *calls.entry(entry.body).or_default() += 1;
    }
    assert!(calls.values().all(|count| *count == 1), "sent twice: {calls:?}");
    let mut unknown = 0;
    for (n, id) in submitted {
        let url = format!("{base}/v1/messages/{id}");
        let (_, message) = caller.call("GET", &url, Value::Null).await.unwrap();
        let called = calls.contains_key(&format!("out {n}"));
        match message["status"].as_str().unwrap() {
            "accepted" | "sent" | "delivered" | "read" => assert!(called, "{message}"),
            "unknown" => unknown += 1,
            other => panic!("out {n} did not come to an end: {other}"),
        }
    }
    // At most the calls that were under way when the process was killed.
    assert!(unknown <= load.kills * 16, "{unknown} unknown");
    let (mut inbound, mut cursor) = (BTreeSet::new(), None::<String>);
    loop {
        let next = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
        let url = format!("{base}/v1/conversations?limit=100{next}");
        let (_, page) = caller.call("GET", &url, Value::Null).await.unwrap();
        for item in page["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap();
            let url = format!("{base}/v1/conversations/{id}/messages?limit=200");
            let (_, messages) = caller.call("GET", &url, Value::Null).await.unwrap();
            for message in messages["items"].as_array().unwrap() {
                if message["direction"] == "in" {
                    let text = message["content"]["text"].as_str().unwrap().to_owned();
                    let id = message["id"].as_str().unwrap().to_owned();
                    assert!(inbound.insert((text, id)), "listed twice: {message}");
                }
            }
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let texts: BTreeSet<&str> = inbound.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts.len(), inbound.len(), "a message was stored twice");
    assert_eq!(texts.len(), load.webhooks + load.customers, "a message was lost");
    let heard = heard.lock().unwrap();
    let told: BTreeSet<&str> = heard
        .iter()
        .filter(|e| e["type"] == "message.received")
        .map(|e| e["data"]["message"]["id"].as_str().unwrap())
        .collect();
    for (text, id) in &inbound {
        assert!(told.contains(id.as_str()), "{text} was never told");
    }
    let mut ids: BTreeMap<&str, &str> = BTreeMap::new();
    for event in heard.iter().filter(|e| e["type"] == "message.received") {
        let message = event["data"]["message"]["id"].as_str().unwrap();
        let id = event["id"].as_str().unwrap();
        assert_eq!(*ids.entry(message).or_insert(id), id, "two ids for one cause");
    }
}

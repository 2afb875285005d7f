//! The sandbox over real HTTP: a sender that speaks Twilio, and a receiver of its webhooks.

mod contract;
mod gupshup;
mod meta;
mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use url::Url;

use super::post::{Parcel, PostAnswer, post};
use super::*;

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "demo-auth-token-twilio";
const BUSINESS: &str = "+14155238886";
const CUSTOMER: &str = "+919876543210";
const TEMPLATE: &str = "HX00000000000000000000000000000001";
const BEGIN_MS: i64 = 1_795_168_800_000;

type Pairs = Vec<(String, String)>;

/// Pairs that replace those of an ordinary text; `None` leaves one out.
type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

/// One webhook as it reached the receiver.
struct Hook {
    path: String,
    signature: String,
    form: Pairs,
}

impl Hook {
    fn value(&self, name: &str) -> &str {
        self.form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

struct World {
    sandbox: Sandbox,
    clock: Arc<AtomicI64>,
    sandbox_host: String,
    receiver_url: String,
    hooks: UnboundedReceiver<Hook>,
}

impl World {
    /// A sandbox under a prefix, one account with one number, and an approved template.
    async fn new(autostatus: AutoStatus) -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN_MS));
        let hands = Arc::clone(&clock);
        let now: NowMs = Arc::new(move || hands.load(Ordering::SeqCst));
        let mut config = SandboxConfig::new(now);
        config.autostatus = autostatus;
        config.rate_per_second = 3;
        let sandbox = Sandbox::new(config);
        let app = Router::new().nest("/sandbox", sandbox.router()).merge(sandbox.phone_router());
        let sandbox_host = serve(app).await;
        let (sender, hooks) = unbounded_channel();
        let receiver = Router::new().fallback(receive).with_state(sender);
        let receiver_url = format!("http://{}", serve(receiver).await);
        sandbox.register_twilio(TwilioAccount {
            account_sid: ACCOUNT.to_owned(),
            auth_token: TOKEN.to_owned(),
            inbound_url: Some(format!("{receiver_url}/webhooks/twilio/demo?x=1#rc=3")),
        });
        sandbox.register_number(ACCOUNT, BUSINESS);
        sandbox.register_template(TEMPLATE, 1, TemplateStatus::Approved);
        sandbox.set_twilio_base_url(&format!("http://{sandbox_host}/sandbox/twilio"));
        Self { sandbox, clock, sandbox_host, receiver_url, hooks }
    }

    async fn customer_writes(&mut self, text: &str) -> PhoneAnswer {
        let message = PhoneMessage::text(CUSTOMER, BUSINESS, text);
        let answer = self.sandbox.phone_send(message).await;
        answer.expect("the receiver listens")
    }

    fn advance(&self, by_ms: i64) {
        self.clock.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sends a form as the account; the pairs replace those of an ordinary text.
    async fn send(&self, changes: Changes<'_>) -> Result<PostAnswer, String> {
        self.send_as(TOKEN, changes).await
    }

    async fn send_as(&self, token: &str, changes: Changes<'_>) -> Result<PostAnswer, String> {
        let callback = format!("{}/status/twilio/demo?ref=a%2Fb&n=1", self.receiver_url);
        let mut params: Pairs = Vec::new();
        for (key, value) in [
            ("To", "whatsapp:+919876543210"),
            ("From", "whatsapp:+14155238886"),
            ("Body", "hi"),
            ("StatusCallback", &callback),
        ] {
            if !changes.iter().any(|(changed, _)| *changed == key) {
                params.push((key.to_owned(), value.to_owned()));
            }
        }
        for (key, value) in changes {
            if let Some(value) = value {
                params.push(((*key).to_owned(), (*value).to_owned()));
            }
        }
        let url = format!(
            "http://{ACCOUNT}:{token}@{}/sandbox/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            self.sandbox_host
        );
        post(&Parcel::form(&url, &params, Vec::new()), None).await
    }

    /// Everything that reached the receiver, once nothing is under way.
    async fn settled_hooks(&mut self) -> Vec<Hook> {
        self.sandbox.settle().await;
        let mut hooks = Vec::new();
        while let Ok(hook) = self.hooks.try_recv() {
            hooks.push(hook);
        }
        hooks
    }

    async fn get(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}{path}", self.sandbox_host), true).await
    }
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let host = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    host
}

async fn receive(
    State(sender): State<UnboundedSender<Hook>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> ([(&'static str, &'static str); 1], &'static str) {
    let signature = headers
        .get("x-twilio-signature")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let hook = Hook {
        path: uri.to_string(),
        signature,
        form: form_urlencoded::parse(&body).into_owned().collect(),
    };
    sender.send(hook).expect("the test still listens");
    ([("content-type", "text/xml")], "<Response/>")
}

/// A GET by hand: the answer's status and everything behind its head, or its `Location`.
async fn get(url: &str, authenticated: bool) -> (u16, String) {
    let url = Url::parse(url).expect("an address");
    let host = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let authorization = if authenticated {
        use base64::Engine as _;
        let user = format!("{ACCOUNT}:{TOKEN}");
        let encoded = base64::engine::general_purpose::STANDARD.encode(user);
        format!("authorization: Basic {encoded}\r\n")
    } else {
        String::new()
    };
    let mut stream = TcpStream::connect(&host).await.expect("it listens");
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: {host}\r\n{authorization}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or(body);
    (status, location.to_owned())
}

fn json(body: &str) -> serde_json::Value {
    serde_json::from_str(body).expect("JSON")
}

fn expected_signature(world_url: &str, hook: &Hook) -> String {
    sign_twilio(TOKEN, &format!("{world_url}{}", hook.path), &hook.form)
}

#[tokio::test]
async fn refuses_what_twilio_refuses_at_once() {
    let world = World::new(AutoStatus::Full).await;
    let long = "x".repeat(1601);
    let table: &[(Changes<'_>, u64)] = &[
        (&[("To", None)], 21211),
        (&[("To", Some("whatsapp:+1"))], 21211),
        (&[("To", Some("+919876543210"))], 21211),
        (&[("From", None)], 21212),
        (&[("From", Some("+14155238886"))], 21212),
        (&[("From", Some("whatsapp:+14155550000"))], 63007),
        (&[("To", Some("whatsapp:+14155238886"))], 63031),
        (&[("Body", None)], 21619),
        (&[("Body", Some(&long))], 21617),
        (&[("MediaUrl", Some("not an address"))], 21620),
        (&[("StatusCallback", Some("https://my_host.example/x"))], 21609),
        (&[("StatusCallback", Some(""))], 21609),
        (&[("ContentSid", Some("HXunknown"))], 21655),
        (&[("ContentSid", Some(TEMPLATE)), ("ContentVariables", Some("[1]"))], 21656),
    ];
    for (changes, code) in table {
        let answer = world.send(changes).await.expect("an answer");
        let body = json(&answer.body);
        assert_eq!((answer.status, &body["code"]), (400, &(*code).into()), "{changes:?}");
        assert_eq!(body["status"], 400);
    }
    let answer = world.send_as("wrong", &[]).await.expect("an answer");
    assert_eq!(answer.status, 401);
    assert_eq!(json(&answer.body)["code"], 20003);
    assert!(world.sandbox.outbox().is_empty());
    assert_eq!(world.sandbox.refused().len(), table.len() + 1);
}

#[tokio::test]
async fn an_accepted_text_is_reported_by_signed_callbacks() {
    let mut world = World::new(AutoStatus::Full).await;
    world.sandbox.set_read_receipts(true);
    world.customer_writes("hello").await;
    let answer = world.send(&[]).await.expect("an answer");
    assert_eq!(answer.status, 201);
    let message = json(&answer.body);
    assert_eq!(message["status"], "queued");
    assert_eq!(message["date_created"], "Fri, 20 Nov 2026 10:00:00 +0000");
    let sid = message["sid"].as_str().expect("a sid").to_owned();
    assert!(sid.starts_with("SM") && sid.len() == 34);

    let hooks = world.settled_hooks().await;
    let callbacks: Vec<_> = hooks.iter().filter(|hook| hook.path.starts_with("/status")).collect();
    let statuses: Vec<_> = callbacks.iter().map(|hook| hook.value("MessageStatus")).collect();
    assert_eq!(statuses, ["sent", "delivered", "read"]);
    for hook in callbacks {
        assert_eq!(hook.path, "/status/twilio/demo?ref=a%2Fb&n=1");
        assert_eq!(hook.signature, expected_signature(&world.receiver_url, hook));
        assert_eq!(hook.value("MessageSid"), sid);
        assert_eq!(hook.value("ChannelToAddress"), "+91987654XXXX");
    }
    let outbox = world.sandbox.outbox();
    assert_eq!(outbox.len(), 1);
    assert_eq!((outbox[0].sid.as_str(), outbox[0].kind), (sid.as_str(), OutboxKind::Text));
    assert_eq!((outbox[0].from.as_str(), outbox[0].to.as_str()), (BUSINESS, CUSTOMER));
}

#[tokio::test]
async fn outside_the_window_only_templates_arrive() {
    let mut world = World::new(AutoStatus::Full).await;
    world.customer_writes("hello").await;
    world.advance(WINDOW_MS - 1);
    let within = world.send(&[]).await.expect("an answer");
    world.advance(1);
    let outside = world.send(&[]).await.expect("an answer");
    let changes = [
        ("Body", None),
        ("ContentSid", Some(TEMPLATE)),
        ("ContentVariables", Some(r#"{"1":"Asha"}"#)),
    ];
    let template = world.send(&changes).await.expect("an answer");
    let hooks = world.settled_hooks().await;
    let last = |answer: &PostAnswer| {
        assert_eq!(answer.status, 201);
        let sid = json(&answer.body)["sid"].as_str().map(str::to_owned);
        let hook = hooks.iter().rfind(|hook| Some(hook.value("MessageSid")) == sid.as_deref());
        let hook = hook.expect("a report");
        (hook.value("MessageStatus").to_owned(), hook.value("ErrorCode").to_owned())
    };
    let pair = |status: &str, code: &str| (status.to_owned(), code.to_owned());
    assert_eq!(last(&within), pair("delivered", ""));
    assert_eq!(last(&outside), pair("undelivered", "63016"));
    assert_eq!(last(&template), pair("delivered", ""));
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_message_at_twilio() {
    let world = World::new(AutoStatus::None).await;
    world.sandbox.fail_next_from(BUSINESS, Fault::DropAfterRequest);
    world.sandbox.fail_next(Fault::DropUntaken);
    assert!(world.send(&[]).await.is_err());
    assert_eq!(world.sandbox.outbox().len(), 1);
    assert!(world.send(&[]).await.is_err());
    assert_eq!(world.sandbox.outbox().len(), 1);

    let base = format!("/sandbox/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages");
    let to = "To=whatsapp%3A%2B919876543210";
    let (status, body) = world.get(&format!("{base}.json?{to}&DateSent%3E=2026-11-20")).await;
    assert_eq!(status, 200);
    let messages = json(&body)["messages"].clone();
    let sid = world.sandbox.outbox()[0].sid.clone();
    assert_eq!(messages.as_array().map(Vec::len), Some(1));
    assert_eq!(messages[0]["sid"], sid.as_str());
    let (status, body) = world.get(&format!("{base}/{sid}.json")).await;
    assert_eq!((status, json(&body)["body"].as_str()), (200, Some("hi")));
    assert_eq!(world.get(&format!("{base}/SMnone.json")).await.0, 404);
    let (_, body) = world.get(&format!("{base}.json?DateSent%3E=2026-11-21")).await;
    assert_eq!(json(&body)["messages"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn ordered_answers_come_instead_of_a_201() {
    let world = World::new(AutoStatus::None).await;
    world.sandbox.fail_next(Fault::Garbage);
    world.sandbox.fail_next(Fault::Status {
        status: 500,
        code: 20500,
        retry_after_s: Some(7),
        taken: false,
    });
    let garbage = world.send(&[]).await.expect("an answer");
    assert_eq!(garbage.status, 201);
    assert!(serde_json::from_str::<serde_json::Value>(&garbage.body).is_err());
    let refused = world.send(&[]).await.expect("an answer");
    assert_eq!((refused.status, &json(&refused.body)["code"]), (500, &20500.into()));
    assert_eq!(world.sandbox.outbox().len(), 1);
}

#[tokio::test]
async fn a_hanging_answer_never_comes_though_the_message_was_taken() {
    let mut world = World::new(AutoStatus::Full).await;
    world.customer_writes("hello").await;
    world.settled_hooks().await;
    world.sandbox.fail_next(Fault::Hang);
    {
        let send = world.send(&[]);
        tokio::pin!(send);
        // Polled first, the request is on its way; its reports then prove that it was taken.
        tokio::select! {
            biased;
            answer = &mut send => panic!("it was answered: {answer:?}"),
            () = async {
                while world.sandbox.webhooks().len() < 3 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
    }
    assert_eq!(world.sandbox.outbox().len(), 1);
    let hooks = world.settled_hooks().await;
    assert_eq!(hooks.len(), 2);
}

#[tokio::test]
async fn the_rate_follows_the_clock() {
    let world = World::new(AutoStatus::None).await;
    for _ in 0..3 {
        assert_eq!(world.send(&[]).await.expect("an answer").status, 201);
    }
    let refused = world.send(&[]).await.expect("an answer");
    assert_eq!((refused.status, &json(&refused.body)["code"]), (429, &20429.into()));
    world.advance(1000);
    assert_eq!(world.send(&[]).await.expect("an answer").status, 201);
}

#[tokio::test]
async fn the_customers_webhook_is_signed_and_can_come_again_unchanged() {
    let mut world = World::new(AutoStatus::Full).await;
    let answer = world.customer_writes("नमस्ते 👋 & more").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "<Response/>"));
    assert_eq!(answer.spoken, None);
    let again = world.sandbox.phone_resend(&answer.sid).await;
    assert_eq!(again.map(|again| again.sid), Ok(answer.sid.clone()));
    let hooks = world.settled_hooks().await;
    assert_eq!(hooks.len(), 2);
    assert_eq!(hooks[0].form, hooks[1].form);
    assert_eq!(hooks[0].path, "/webhooks/twilio/demo?x=1");
    assert_eq!(hooks[0].value("Body"), "नमस्ते 👋 & more");
    assert_eq!(hooks[0].value("AccountSid"), ACCOUNT);
    assert_eq!(hooks[0].value("MessageSid"), answer.sid);
    assert_eq!(hooks[0].signature, expected_signature(&world.receiver_url, &hooks[0]));
    let state = world.sandbox.phone_state(CUSTOMER, BUSINESS);
    assert_eq!(state.expires_at_ms, Some(BEGIN_MS + WINDOW_MS));
    assert_eq!(state.messages.len(), 1);
    assert_eq!(state.messages[0].webhook_status, Some(200));
}

#[tokio::test]
async fn a_file_is_fetched_through_a_redirect_that_needs_no_key() {
    let mut world = World::new(AutoStatus::Full).await;
    let media = PhoneMedia {
        content_base64: Some("bGVhZg==".to_owned()),
        caption: "my leaf".to_owned(),
        ..PhoneMedia::default()
    };
    let message = PhoneMessage::new(CUSTOMER, BUSINESS, PhoneContent::Image(media));
    let answer = world.sandbox.phone_send(message).await.expect("an answer");
    assert!(answer.sid.starts_with("MM"));
    let hooks = world.settled_hooks().await;
    let url = hooks[0].value("MediaUrl0").to_owned();
    assert_eq!(get(&url, false).await.0, 401);
    let (status, storage) = get(&url, true).await;
    assert_eq!(status, 307);
    assert_eq!(get(&storage, false).await, (200, "leaf".to_owned()));
}

#[tokio::test]
async fn statuses_by_hand_come_in_any_order_but_the_phone_only_steps_forward() {
    let mut world = World::new(AutoStatus::Manual).await;
    world.customer_writes("hello").await;
    world.send(&[]).await.expect("an answer");
    let sid = world.sandbox.outbox()[0].sid.clone();
    for status in ["read", "sent", "delivered", "delivered"] {
        assert_eq!(world.sandbox.post_status(&sid, status, None).await, Ok(Some(200)));
    }
    let hooks = world.settled_hooks().await;
    assert_eq!(hooks.len(), 1 + 4);
    let state = world.sandbox.phone_state(CUSTOMER, BUSINESS);
    assert_eq!(state.messages[1].status, "read");
    let unknown = world.sandbox.post_status("SMnone", "sent", None).await;
    assert_eq!(unknown, Err(SandboxError::UnknownMessage("SMnone".to_owned())));
}

#[tokio::test]
async fn the_phone_page_writes_and_reads() {
    let mut world = World::new(AutoStatus::Full).await;
    let (status, page) = get(&format!("http://{}/phone", world.sandbox_host), false).await;
    assert_eq!(status, 200);
    assert!(page.contains("</html>") && !page.contains("innerHTML"));
    world.customer_writes("<b>hello</b>").await;
    world.send(&[]).await.expect("an answer");
    world.sandbox.settle().await;
    world.sandbox.read_thread(CUSTOMER, BUSINESS).await;
    let (_, state) = world.get("/phone/state?from=+919876543210&to=%2B14155238886").await;
    let state = json(&state);
    assert_eq!(state["messages"][0]["text"], "<b>hello</b>");
    assert_eq!(state["messages"][1]["status"], "read");
    assert_eq!(state["window_open"], true);
    let (_, numbers) = world.get("/phone/numbers").await;
    assert_eq!(json(&numbers)["numbers"][0]["phone"], BUSINESS);
}

#[tokio::test]
async fn a_webhook_posted_by_hand_opens_the_window_when_told() {
    let world = World::new(AutoStatus::Full).await;
    let form = inbound_form(&PhoneMessage::text(CUSTOMER, BUSINESS, "by hand"));
    assert_eq!(world.sandbox.note_inbound_form(form.clone()), Ok(()));
    assert_eq!(world.sandbox.note_inbound_form(form), Ok(()));
    let state = world.sandbox.phone_state(CUSTOMER, BUSINESS);
    assert!(state.window_open);
    assert_eq!(state.messages.len(), 1);
    assert_eq!(state.messages[0].status, "received");
}

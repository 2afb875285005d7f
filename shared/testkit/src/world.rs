//! The World: one house per test, in memory, on a clock that stands still.

use crate::document::{Asked, Document};
use crate::{Facts, Signed, Subscriber, Webhook, facts};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use transom_app::Clock;
use transom_core::account::Provider;
use transom_core::time::{Millis, Timestamp};
use transom_local::house::{House, Plan};
use transom_local::sandbox::{PhoneAnswer, PhoneMessage, Sandbox, sign_twilio};
use transom_local::template::Template;
use transom_local::transport::Faults;
use transom_local::{secret, serve};

/// The template of the repository.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// How a World differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct WorldPlan {
    /// Another template.
    pub template: Option<String>,
    /// A data folder instead of memory.
    pub data: Option<PathBuf>,
    /// The provider of the usual account; Twilio when absent.
    pub provider: Option<Provider>,
    /// Where the deployed binaries are, to be run instead of the handlers in this process.
    pub binaries: Option<PathBuf>,
    /// Leave everything to be set up by the test.
    pub bare: bool,
    /// Leave the queues to the test: they move only while it waits for quiet.
    pub by_hand: bool,
    /// The template's parameters, where they differ from their defaults.
    pub due_shards: Option<u32>,
    /// How long a server of files may take to begin its answer: a test that lets one hang does not
    /// wait as long as the cloud does.
    pub files_begin_within: Option<Duration>,
}

/// An answer of the API.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The content type.
    pub content_type: String,
}

impl Answer {
    /// The problem's code, or nothing.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text of the body.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }
}

/// The whole system, a caller with every right, a customer and a subscriber.
#[derive(Debug)]
pub struct World {
    /// The house.
    pub house: House,
    /// Where it answers.
    pub url: String,
    /// The administrator's key.
    pub key: String,
    /// The provider of the usual account.
    pub provider: Provider,
    /// The subscriber, to everything, as subscription `all`.
    pub subscriber: Subscriber,
    http: reqwest::Client,
    usual_template: bool,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        // Another template's names say nothing about the repository's policies.
        if self.usual_template {
            crate::record::keep(self.house.actions());
        }
        self.server.abort();
    }
}

/// The usual business number.
pub const NUMBER: &str = "+14155238886";
/// The usual customer.
pub const CUSTOMER: &str = "+919876543210";
/// The usual account's identifier at Twilio.
pub const ACCOUNT_SID: &str = "AC0123456789abcdef0123456789abcdef";
/// The usual account's token.
pub const AUTH_TOKEN: &str = "token-of-the-usual-account";
/// When a World begins.
pub const BEGINNING: i64 = 1_795_168_800_000; // 2026-11-20T10:00:00Z

impl World {
    /// The usual World: account `tw`, sender `support`, brand `acme`, template `order_ready`.
    ///
    /// # Panics
    /// When it cannot be built: a test has nothing to say then.
    pub async fn start() -> Self {
        Self::with(WorldPlan::default()).await
    }

    /// The usual World at another provider: the same names, the same calls.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn of(provider: Provider) -> Self {
        Self::with(WorldPlan { provider: Some(provider), ..WorldPlan::default() }).await
    }

    /// A World by plan.
    ///
    /// # Panics
    /// When it cannot be built.
    pub async fn with(plan: WorldPlan) -> Self {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its world")]
        Self::try_with(plan).await.expect("the world is built")
    }

    /// A World by plan, or why not.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn try_with(plan: WorldPlan) -> Result<Self> {
        transom_boot::clients::install_tls();
        crate::record::begin();
        if std::env::var_os("TRANSOM_LOG").is_some() {
            transom_boot::logs::start_terminal("info");
        }
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let key = "admin_of_the_world".to_owned();
        let mut parameters = std::collections::BTreeMap::new();
        parameters.insert("DueShards".to_owned(), plan.due_shards.unwrap_or(2).to_string());
        let text = plan.template.as_deref().unwrap_or(TEMPLATE);
        let house = House::build(Plan {
            template: Template::parse_with(text, &parameters)?,
            data: plan.data.clone(),
            clock: match plan.binaries {
                Some(_) => Clock::shifted(Millis::new(0)),
                None => Clock::manual(Timestamp::from_millis(BEGINNING)),
            },
            public_url: url.clone(),
            own_url: url.clone(),
            admin_key_sha256: secret::sha256_hex(&key),
            binaries: plan.binaries.clone(),
            hold_to_policies: true,
            files_begin_within: plan.files_begin_within,
        })
        .await?;
        if !plan.by_hand {
            house.start_pumps();
        }
        let router = serve::router(&house);
        let server = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        let subscriber = Subscriber::start().await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let usual_template = plan.template.is_none() && plan.binaries.is_none();
        let provider = plan.provider.unwrap_or(Provider::Twilio);
        let world = Self { house, url, key, provider, subscriber, http, usual_template, server };
        if !plan.bare {
            world.set_up().await?;
        }
        Ok(world)
    }

    async fn set_up(&self) -> Result<()> {
        let hook = self.subscriber.url.clone();
        let calls: [(&str, Value); 5] = [
            ("/v1/brands/acme", json!({ "name": "Acme", "active": true })),
            ("/v1/accounts/tw", account_body(self.provider)),
            ("/v1/senders/support", sender_body(NUMBER)),
            ("/v1/accounts/tw/templates/order_ready", template_body()),
            ("/v1/subscriptions/all", json!({ "url": hook, "events": [] })),
        ];
        for (path, body) in calls {
            let answer = self.call("PUT", path, Some(&body)).await;
            ensure!(
                (200..300).contains(&answer.status),
                "PUT {path} was answered {}: {}",
                answer.status,
                answer.body
            );
        }
        Ok(())
    }

    /// The pretend provider.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        self.house.sandbox()
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.house.clock().now()
    }

    /// Makes one call as the administrator.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.call_as(&self.key, method, path, body, &[]).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// `PUT`.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(&body)).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(&body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    /// Makes one call with any key and further headers.
    pub async fn call_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let raw = body.map(|b| b.to_string().into_bytes());
        self.raw(key, method, path, "application/json", raw, headers).await
    }

    /// Makes one call with any bytes. The API's document must describe what is answered.
    ///
    /// # Panics
    /// When the house does not answer at all, or what its document does not describe.
    pub async fn raw(
        &self,
        key: &str,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Answer {
        #[expect(clippy::expect_used, reason = "a test names a method")]
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let asked = Asked {
            method: method.as_str().to_ascii_lowercase(),
            path: path.split('?').next().unwrap_or_default().to_owned(),
            json: body
                .as_deref()
                .filter(|_| content_type == "application/json")
                .and_then(|bytes| serde_json::from_slice(bytes).ok()),
        };
        if let Some(body) = body {
            request = request.header("content-type", content_type).body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        #[expect(clippy::expect_used, reason = "a house that does not answer fails every test")]
        let response = request.send().await.expect("the house answers");
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let bytes = response.bytes().await.unwrap_or_default();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        let answer = Answer { status, body, content_type };
        if let Err(why) = Document::of_the_house().hold(&asked, &answer) {
            #[expect(clippy::panic, reason = "an answer that is not documented fails its test")]
            {
                panic!("openapi.json does not describe {} {path}: {why}", asked.method);
            }
        }
        answer
    }

    /// The usual customer writes a text to the usual number.
    ///
    /// # Panics
    /// When the webhook is not taken.
    pub async fn customer_writes(&self, text: &str) -> PhoneAnswer {
        self.writes(CUSTOMER, NUMBER, text).await
    }

    /// A customer writes a text.
    ///
    /// # Panics
    /// When the webhook is not taken.
    pub async fn writes(&self, from: &str, to: &str, text: &str) -> PhoneAnswer {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its customer")]
        let answer = self
            .sandbox()
            .phone_send(PhoneMessage::text(from, to, text))
            .await
            .expect("the webhook is posted");
        assert_eq!(answer.status, 200, "the webhook is taken: {}", answer.body);
        answer
    }

    /// What differs at the provider of this World.
    #[must_use]
    pub fn facts(&self) -> Facts {
        facts(self.provider)
    }

    /// Where the usual account's provider posts messages, or statuses where it has an address of
    /// its own for them: `webhooks` or `status`.
    #[must_use]
    pub fn path(&self, road: &str) -> String {
        format!("/{road}/{}/tw", self.provider.as_str())
    }

    /// A customer writes, and his webhook is not posted but handed over.
    ///
    /// # Panics
    /// When the pretend provider has no such number.
    #[must_use]
    pub fn inbound(&self, message: PhoneMessage) -> Webhook {
        #[expect(clippy::expect_used, reason = "a test cannot go on without its customer")]
        let parcel = self.sandbox().phone_compose(message).expect("the webhook is composed");
        Webhook::of(self.provider, &self.url, signing_secret(self.provider), &parcel)
    }

    /// The usual customer's text, handed over.
    #[must_use]
    pub fn inbound_text(&self, text: &str) -> Webhook {
        self.inbound(PhoneMessage::text(CUSTOMER, NUMBER, text))
    }

    /// A status of a message that was sent, handed over. `failed` is put into the provider's own
    /// word.
    ///
    /// # Panics
    /// When no such message was sent.
    #[must_use]
    pub fn status(&self, sid: &str, status: &str, code: Option<u32>) -> Webhook {
        let word = self.word(status);
        #[expect(clippy::expect_used, reason = "a test cannot go on without its status")]
        let parcel = self
            .sandbox()
            .status_compose(sid, word, code)
            .expect("the message is known")
            .expect("its statuses are wanted");
        Webhook::of(self.provider, &self.url, signing_secret(self.provider), &parcel)
    }

    /// The provider reports a status, and it is taken. `failed` is put into the provider's own
    /// word.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn report(&self, sid: &str, status: &str, code: Option<u32>) {
        let answer = self.post_webhook(&self.status(sid, status, code)).await;
        assert_eq!(answer.status, 200, "{status} is taken: {}", answer.body);
    }

    fn word<'a>(&self, status: &'a str) -> &'a str {
        if status == "failed" { self.facts().failed } else { status }
    }

    /// Signs a webhook and posts it.
    pub async fn post_webhook(&self, webhook: &Webhook) -> Answer {
        self.post_signed(&webhook.signed(&self.url)).await
    }

    /// Posts a webhook that was signed, or forged, before.
    pub async fn post_signed(&self, signed: &Signed) -> Answer {
        let headers: Vec<(&str, &str)> =
            signed.signature.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = Some(signed.body.clone());
        self.raw("", "POST", &signed.path, signed.content_type, body, &headers).await
    }

    /// Posts a signed form to an account's webhook (or any other path of it).
    pub async fn signed(&self, path: &str, form: &[(String, String)]) -> Answer {
        let url = format!("{}{path}", self.url);
        let signature = sign_twilio(AUTH_TOKEN, &url, form);
        self.form(path, form, &signature).await
    }

    /// Posts a form with any signature.
    pub async fn form(&self, path: &str, form: &[(String, String)], signature: &str) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            .finish();
        let headers = [("x-twilio-signature", signature)];
        let kind = "application/x-www-form-urlencoded";
        self.raw("", "POST", path, kind, Some(body.into_bytes()), &headers).await
    }

    /// Sends a text to the usual customer.
    pub async fn send(&self, text: &str) -> Answer {
        self.send_to(CUSTOMER, text).await
    }

    /// Sends a text.
    pub async fn send_to(&self, to: &str, text: &str) -> Answer {
        let content = json!({ "type": "text", "text": text });
        self.post("/v1/messages", json!({ "sender": "support", "to": to, "content": content }))
            .await
    }

    /// Sends the usual template.
    pub async fn send_template(&self, to: &str) -> Answer {
        let content = json!({
            "type": "template",
            "name": "order_ready",
            "language": "en",
            "variables": { "1": "Asha", "2": "42" },
        });
        self.post("/v1/messages", json!({ "sender": "support", "to": to, "content": content }))
            .await
    }

    /// Records a customer's consent.
    pub async fn opt_in(&self, to: &str) -> Answer {
        let path = format!("/v1/senders/support/contacts/{to}/opt-in");
        self.put(&path, json!({ "source": "import" })).await
    }

    /// A message as the API shows it.
    pub async fn message(&self, id: &str) -> Value {
        self.get(&format!("/v1/messages/{id}")).await.body
    }

    /// The usual customer's conversation.
    ///
    /// # Panics
    /// When there is not exactly one.
    pub async fn conversation(&self) -> Value {
        let list = self.get("/v1/conversations").await;
        let items = list.body["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(items.len(), 1, "exactly one conversation: {}", list.body);
        items.into_iter().next().unwrap_or_default()
    }

    /// The messages of a conversation, newest first.
    ///
    /// # Panics
    /// When they cannot be read.
    pub async fn messages(&self, conversation: &str) -> Vec<Value> {
        let path = format!("/v1/conversations/{conversation}/messages?limit=200");
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until everything that was begun is done.
    ///
    /// # Panics
    /// When it does not become quiet.
    pub async fn settle(&self) {
        #[expect(clippy::expect_used, reason = "a test that never becomes quiet has failed")]
        self.house.settle().await.context("the world").expect("the world becomes quiet");
    }

    /// Moves the clock forward and runs nothing: a moment passes. Meta tells times in whole
    /// seconds, so what is to be later there is a second later.
    pub fn pass(&self, by: Millis) {
        self.house.clock().advance_to(self.now().plus(by));
    }

    /// Moves the clock forward, and runs what becomes due.
    ///
    /// # Panics
    /// When a sweep fails.
    pub async fn advance(&self, by: Millis) {
        #[expect(clippy::expect_used, reason = "a test whose sweep fails has failed")]
        self.house.advance_by(by).await.expect("everything due is done");
    }

    /// Puts faults on the wire below the functions.
    pub fn inject(&self, faults: impl Faults + 'static) {
        self.house.faults().set(Some(Arc::new(faults)));
    }
}

/// The usual account's credentials at a provider.
#[must_use]
pub fn credentials(provider: Provider) -> Value {
    match provider {
        Provider::Twilio => json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN }),
        Provider::Meta => json!({
            "access_token": "access-token-of-the-usual-account",
            "app_secret": signing_secret(provider),
            "verify_token": "verify-token-of-the-usual-account",
        }),
        Provider::Gupshup => json!({
            "app_name": "UsualApp",
            "api_key": "api-key-of-the-usual-account",
            "webhook_token": signing_secret(provider),
        }),
    }
}

/// The usual account, as it is set up at a provider.
#[must_use]
pub fn account_body(provider: Provider) -> Value {
    json!({ "provider": provider.as_str(), "credentials": credentials(provider) })
}

/// Another account at a provider, and what signs its webhooks.
#[must_use]
pub fn another_account(provider: Provider) -> (Value, String) {
    let mut body = account_body(provider);
    if let Some(fields) = body["credentials"].as_object_mut() {
        for value in fields.values_mut() {
            // Other letters of the same form: Twilio's identifiers have one.
            *value = json!(value.as_str().unwrap_or_default().replace(['1', 'e'], "9"));
        }
    }
    let secret = body["credentials"][secret_name(provider)].as_str().unwrap_or_default().to_owned();
    (body, secret)
}

/// The name of the credential that signs a provider's webhooks.
#[must_use]
pub const fn secret_name(provider: Provider) -> &'static str {
    match provider {
        Provider::Twilio => "auth_token",
        Provider::Meta => "app_secret",
        Provider::Gupshup => "webhook_token",
    }
}

/// What signs the usual account's webhooks.
#[must_use]
pub const fn signing_secret(provider: Provider) -> &'static str {
    match provider {
        Provider::Twilio => AUTH_TOKEN,
        Provider::Meta => "app-secret-of-the-usual-account",
        Provider::Gupshup => "webhook-token-of-the-usual-account",
    }
}

/// The usual number's name at a provider that has names of its own for numbers.
pub const PROVIDER_ID: &str = "106540352242922";

/// The usual sender, with any number.
#[must_use]
pub fn sender_body(number: &str) -> Value {
    json!({
        "account": "tw",
        "phone": number,
        "brand": "acme",
        "template_messaging": true,
        "messaging_limit": 250,
        "provider_id": (number == NUMBER).then_some(PROVIDER_ID),
    })
}

/// The usual template.
#[must_use]
pub fn template_body() -> Value {
    json!({
        "language": "en",
        "category": "utility",
        "status": "approved",
        "body": "Hello {{1}}, your order {{2}} is ready.",
        "provider_ref": "HX0123456789abcdef0123456789abcdef",
    })
}

//! The clients, built once in init with the TLS choice of this house: rustls on ring, because
//! its first use costs a hundredth of what the SDK's default costs (`docs/dependencies.md`).

use crate::Settings;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::sync::Arc;
use std::time::Duration;
use transom_app::objects::{Bucket, Objects};
use transom_app::outbound::OutboundClient;
use transom_app::provider::ProviderClient;
use transom_app::{App, Clock, Config, Entropy, Queues};
use transom_core::time::Millis;
use transom_store::{KeyRing, Store};

/// Where the services are, when not where AWS has them.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// DynamoDB's endpoint.
    pub dynamodb: Option<String>,
    /// SQS's endpoint.
    pub sqs: Option<String>,
    /// Where whoever is given a link finds the bucket of media, when not where the function does.
    pub media_links: Option<String>,
}

/// What differs between the cloud and a laptop.
#[derive(Debug, Clone)]
pub struct Seams {
    /// The transport below the SDK: the true one, or one that observes or injects faults.
    pub http: SharedHttpClient,
    /// Who signs the calls.
    pub credentials: SharedCredentialsProvider,
    /// Who signs for object storage.
    pub object_credentials: SharedCredentialsProvider,
    /// The region.
    pub region: String,
    /// Where the services are.
    pub endpoints: Endpoints,
    /// The keys.
    pub keys: KeyRing,
    /// The clock.
    pub clock: Clock,
    /// The source of randomness; it also orders the messages that one process makes.
    pub entropy: Entropy,
    /// Whether this is local mode.
    pub local: bool,
    /// What calls providers and subscribers.
    pub web: WebClients,
    /// How long the SDK waits, at most, before it makes a failed call again for the first time; its
    /// own choice of a second when absent, which between two ports of one machine is too long.
    pub first_retry: Option<Duration>,
}

/// The clients to everything that is not AWS. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct WebClients {
    provider: ProviderClient,
    outbound: OutboundClient,
    objects: reqwest::Client,
}

impl WebClients {
    /// New ones.
    ///
    /// # Errors
    /// When one cannot be built.
    pub fn new(local: bool) -> Result<Self, BootError> {
        install_tls();
        Ok(Self {
            provider: ProviderClient::new()?,
            outbound: OutboundClient::new(local)?,
            objects: transom_app::objects::client(local)?,
        })
    }

    /// The same, which wait so long for a server of files to begin its answer.
    #[must_use]
    pub fn with_files_begun_within(self, patience: Duration) -> Self {
        let outbound = self.outbound.with_files_begun_within(patience);
        Self { outbound, ..self }
    }
}

/// A function could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The environment is not complete.
    #[error(transparent)]
    Settings(#[from] crate::SettingsError),
    /// A client could not be built.
    #[error("an HTTP client could not be built")]
    Http(#[from] reqwest::Error),
    /// The key ring could not be read.
    #[error("the key ring could not be read: {0}")]
    KeyRing(String),
}

/// The transport to AWS: rustls on ring.
#[must_use]
pub fn transport() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Makes ring the TLS provider of every other client in the process. Harmless when done twice.
pub fn install_tls() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}

/// The system's randomness, fit for keys.
///
/// # Panics
/// When the operating system has none: nothing could be sealed or named safely.
#[must_use]
pub fn system_entropy() -> Entropy {
    Entropy::new(|bytes| {
        #[expect(clippy::expect_used, reason = "without randomness nothing can be kept safe")]
        getrandom::fill(bytes).expect("the operating system provides randomness");
    })
}

/// Builds the use cases of a function from its settings.
#[must_use]
pub fn build_app(settings: &Settings, seams: &Seams) -> App {
    let mut dynamo = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(seams.region.clone()))
        .credentials_provider(seams.credentials.clone())
        .http_client(seams.http.clone());
    if let Some(url) = &seams.endpoints.dynamodb {
        dynamo = dynamo.endpoint_url(url);
    }
    if let Some(wait) = seams.first_retry {
        dynamo = dynamo.retry_config(RetryConfig::standard().with_initial_backoff(wait));
    }
    let mut sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new(seams.region.clone()))
        .credentials_provider(seams.credentials.clone())
        .http_client(seams.http.clone());
    if let Some(url) = &seams.endpoints.sqs {
        sqs = sqs.endpoint_url(url);
    }
    if let Some(wait) = seams.first_retry {
        sqs = sqs.retry_config(RetryConfig::standard().with_initial_backoff(wait));
    }
    let store = Store::new(
        aws_sdk_dynamodb::Client::from_conf(dynamo.build()),
        settings.tables(),
        seams.keys.hash_key().clone(),
        settings.due_shards,
    );
    let queues = Queues::new(aws_sdk_sqs::Client::from_conf(sqs.build()), settings.queues.clone());
    App {
        store,
        queues,
        keys: seams.keys.clone(),
        provider: seams.web.provider.clone(),
        objects: Objects::new(seams.web.objects.clone(), bucket(settings, seams)),
        outbound: seams.web.outbound.clone(),
        clock: seams.clock.clone(),
        entropy: seams.entropy.clone(),
        config: Arc::new(Config {
            public_url: settings.public_url.clone(),
            status_path: settings.status_path.clone(),
            sandbox_url: None,
            local: seams.local,
            admin_key_sha256: settings.admin_key_sha256.clone(),
        }),
    }
}

/// The bucket that the function's environment names.
fn bucket(settings: &Settings, seams: &Seams) -> Option<Bucket> {
    let inside = settings.media_bucket_url.as_ref()?.trim_end_matches('/').to_owned();
    Some(Bucket {
        outside: seams.endpoints.media_links.clone().unwrap_or_else(|| inside.clone()),
        inside,
        region: seams.region.clone(),
        credentials: seams.object_credentials.clone(),
    })
}

/// A ring with no key that opens anything, for functions that are not given the real one.
fn no_keys() -> Result<KeyRing, BootError> {
    KeyRing::parse(&KeyRing::generate(&[0; 64])).map_err(|e| BootError::KeyRing(e.to_string()))
}

/// Builds a function inside Lambda: its own environment and role, the key ring by its ARN.
///
/// # Errors
/// When the environment is not complete or the key ring cannot be fetched.
pub async fn app_from_lambda() -> Result<App, BootError> {
    let names = std::env::vars().collect();
    let settings = Settings::read(&names)?;
    let http = transport();
    // Lambda hands a function its role's credentials in the environment; asking the whole
    // default chain would cost time at every start.
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let region =
        names.get("AWS_REGION").cloned().ok_or(crate::SettingsError::Missing("AWS_REGION"))?;
    let secrets = names.get("AWS_ENDPOINT_URL_SECRETS_MANAGER").map(String::as_str);
    let keys = match &settings.key_ring_secret {
        Some(arn) => fetch_keys(arn, secrets, &region, &credentials, &http).await?,
        None => no_keys()?,
    };
    // The same binary on a developer's machine, under a Runtime API emulator. In the cloud the
    // template sets none of these.
    let local = names.get("TRANSOM_LOCAL_MODE").is_some_and(|v| v == "true");
    let ahead = names.get("TRANSOM_CLOCK_AHEAD_MS").and_then(|v| v.parse().ok()).unwrap_or(0);
    let clock = if local { Clock::shifted(Millis::new(ahead)) } else { Clock::system() };
    let seams = Seams {
        http,
        object_credentials: credentials.clone(),
        credentials,
        region,
        endpoints: Endpoints {
            dynamodb: names.get("AWS_ENDPOINT_URL_DYNAMODB").cloned(),
            sqs: names.get("AWS_ENDPOINT_URL_SQS").cloned(),
            media_links: names.get("TRANSOM_MEDIA_LINKS_URL").cloned(),
        },
        keys,
        clock,
        entropy: system_entropy(),
        local,
        web: WebClients::new(local)?,
        first_retry: None,
    };
    let mut app = build_app(&settings, &seams);
    if local {
        let sandbox_url = names.get("TRANSOM_SANDBOX_URL").cloned();
        app.config = Arc::new(Config { sandbox_url, ..Config::clone(&app.config) });
    }
    warm(&app).await;
    Ok(app)
}

/// Opens the connections during init, where the processor is fast and nobody waits.
async fn warm(app: &App) {
    let (table, ()) = tokio::join!(app.store.warm(), app.queues.warm());
    if let Err(error) = table {
        tracing::warn!(%error, "the table could not be warmed; the first request will be slower");
    }
}

async fn fetch_keys(
    arn: &str,
    endpoint: Option<&str>,
    region: &str,
    credentials: &SharedCredentialsProvider,
    http: &SharedHttpClient,
) -> Result<KeyRing, BootError> {
    let mut config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_sdk_secretsmanager::config::Region::new(region.to_owned()))
        .credentials_provider(credentials.clone())
        .http_client(http.clone());
    if let Some(url) = endpoint {
        config = config.endpoint_url(url);
    }
    let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
    let secret = client.get_secret_value().secret_id(arn).send().await.map_err(|e| {
        use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
        BootError::KeyRing(e.code().unwrap_or("the secret could not be fetched").to_owned())
    })?;
    let text = secret.secret_string().unwrap_or_default();
    KeyRing::parse(text).map_err(|e| BootError::KeyRing(e.to_string()))
}

//! The house: every function, hosted as Lambda, API Gateway, SQS and the scheduler host them,
//! in one process.

use crate::binaries::Binaries;
use crate::engine::dynamo::DynamoEngine;
use crate::engine::objects::{self, ObjectEngine, ObjectPlan, credentials_of};
use crate::engine::queue::QueueEngine;
use crate::engine::queue_client;
use crate::policy::{ActionLog, REGION};
use crate::sandbox::{Sandbox, SandboxConfig};
use crate::template::{Function, Template};
use crate::transport::{FaultSlot, FunctionTransport};
use anyhow::{Context, Result, bail};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use axum::Router;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use transom_app::{App, Clock, Config};
use transom_boot::{Endpoints, Seams, Settings, WebClients, build_app};
use transom_core::time::{Millis, Timestamp};
use transom_store::KeyRing;

/// How the house is built.
#[derive(Debug)]
pub struct Plan {
    /// What runs where.
    pub template: Template,
    /// Where the tables, the queues' journal and the keys are kept; in memory when absent.
    pub data: Option<PathBuf>,
    /// The clock of the whole house.
    pub clock: Clock,
    /// The public base URL.
    pub public_url: String,
    /// Where the house itself is reached, for the sandbox's API.
    pub own_url: String,
    /// SHA-256 of the administrator's key, in hexadecimal.
    pub admin_key_sha256: String,
    /// Where the deployed binaries are, to be run as processes instead of the same handlers in this
    /// one. The clock is the system's then.
    pub binaries: Option<PathBuf>,
    /// Whether functions are held to their policies (always, but for the test that shows what
    /// happens otherwise).
    pub hold_to_policies: bool,
    /// How long a server of files may take to begin its answer, when not as long as in the cloud.
    pub files_begin_within: Option<Duration>,
}

/// The whole system in one process.
#[derive(Debug, Clone)]
pub struct House(Arc<Rooms>);

#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) template: Template,
    pub(crate) clock: Clock,
    pub(crate) sandbox: Sandbox,
    pub(crate) routers: BTreeMap<String, Router>,
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) operator: App,
    pub(crate) log: ActionLog,
    pub(crate) faults: FaultSlot,
    pub(crate) queues: QueueEngine,
    pub(crate) objects: ObjectEngine,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) data: Option<PathBuf>,
    pub(crate) binaries: Option<Binaries>,
    pub(crate) pumps: std::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    tables: DynamoEngine,
}

impl Drop for Rooms {
    fn drop(&mut self) {
        let pumps = self.pumps.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        for pump in pumps.drain(..) {
            pump.abort();
        }
    }
}

impl House {
    /// Starts the engines, makes the tables and queues of the template, and builds every
    /// function on clients of its own.
    ///
    /// # Errors
    /// When an engine does not start or the template lacks what a function needs.
    pub async fn build(plan: Plan) -> Result<Self> {
        let data = plan.data.as_deref();
        if let Some(folder) = data {
            make_private_folder(folder)?;
        }
        let tables = DynamoEngine::start(data.map(|d| d.join("tables.db")).as_deref()).await?;
        tables.create_tables(&plan.template.tables).await?;
        let queues = QueueEngine::start(data.map(|d| d.join("queues.db")).as_deref()).await?;
        queues.create_queues(&plan.template.queues).await?;
        let key_text = key_ring(data)?;
        let keys = KeyRing::parse(&key_text)?;
        let sandbox = sandbox(&plan.clock);
        sandbox.set_base_url(&format!("{}/sandbox", plan.own_url));
        let builder = Builder {
            plan: &plan,
            tables: &tables,
            queues: &queues,
            keys: &keys,
            entropy: transom_boot::clients::system_entropy(),
            log: ActionLog::default(),
            faults: FaultSlot::default(),
            web: match plan.files_begin_within {
                None => WebClients::new(true)?,
                Some(patience) => WebClients::new(true)?.with_files_begun_within(patience),
            },
        };
        let mut apps = BTreeMap::new();
        let mut routers = BTreeMap::new();
        for (id, function) in &plan.template.functions {
            let app = builder.app(function, plan.hold_to_policies)?;
            if let Some(router) = router_of(id, &app)? {
                routers.insert(id.clone(), router);
            }
            apps.insert(id.clone(), app);
        }
        let operator = builder.operator()?;
        let objects = builder.objects()?;
        let binaries = match &plan.binaries {
            None => None,
            Some(folder) => {
                let functions = &plan.template.functions;
                let names = |function: &Function| builder.process_environment(function);
                Some(Binaries::start(folder, functions, key_text, names).await?)
            }
        };
        if let Some(binaries) = &binaries {
            for (id, router) in &mut routers {
                *router = binaries.emulator().router(id);
            }
        }
        let (log, faults) = (builder.log.clone(), builder.faults.clone());
        let sqs = queue_client(queues.endpoint());
        let rooms = Rooms {
            template: plan.template,
            clock: plan.clock,
            sandbox,
            routers,
            apps,
            operator,
            log,
            faults,
            queues,
            objects,
            sqs,
            data: plan.data,
            binaries,
            pumps: std::sync::Mutex::new(Vec::new()),
            tables,
        };
        Ok(Self(Arc::new(rooms)))
    }

    pub(crate) const fn shared(&self) -> &Arc<Rooms> {
        &self.0
    }

    pub(crate) const fn from_shared(rooms: Arc<Rooms>) -> Self {
        Self(rooms)
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.0
    }

    /// The pretend providers and the customer's phone.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    /// The clock of the whole house.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// What the functions did at AWS.
    #[must_use]
    pub fn actions(&self) -> &ActionLog {
        &self.0.log
    }

    /// Where a test puts faults on the wire.
    #[must_use]
    pub fn faults(&self) -> &FaultSlot {
        &self.0.faults
    }

    /// The deployed binaries, where they run.
    #[must_use]
    pub fn binaries(&self) -> Option<&Binaries> {
        self.0.binaries.as_ref()
    }

    /// Object storage.
    #[must_use]
    pub fn objects(&self) -> &ObjectEngine {
        &self.0.objects
    }

    /// The template that the house was built from.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.0.template
    }

    /// Everything that stands in a table, in the order of its keys; for tests that compare two
    /// whole states.
    ///
    /// # Errors
    /// When there is no such table.
    pub async fn contents(&self, table: &str) -> Result<Vec<serde_json::Value>> {
        self.0.tables.contents(table).await
    }

    /// An app of its own rights, for the operator and for tests that look behind the API.
    #[must_use]
    pub fn operator(&self) -> &App {
        &self.0.operator
    }

    /// The app of the function whose logical id begins with `name`, such as `Sender`.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&App> {
        self.0.apps.iter().find(|(id, _)| id.starts_with(name)).map(|(_, app)| app)
    }

    /// Moves the clock forward to `target`, stopping at every instant at which something is due,
    /// as the sweep of every minute would have met it; then waits until everything is quiet.
    ///
    /// # Errors
    /// When a sweep fails.
    pub async fn advance_to(&self, target: Timestamp) -> Result<()> {
        let rooms = self.rooms();
        let mut last = Timestamp::ZERO;
        self.settle().await?;
        while let Some(due) = rooms.operator.store.earliest_due(target).await? {
            let now = rooms.clock.now();
            // What stays due although it was visited could not be handled: try a minute later.
            let next = if due <= last { last.plus(MINUTE) } else { due.max(now) };
            if next > target {
                break;
            }
            last = next.max(rooms.clock.now());
            rooms.clock.advance_to(next);
            self.sweep().await?;
            self.settle().await?;
        }
        rooms.clock.advance_to(target);
        self.sweep().await?;
        self.settle().await
    }

    /// Moves the clock forward by `by` from when everything that was begun is done; then as
    /// [`Self::advance_to`].
    ///
    /// # Errors
    /// When a sweep fails.
    pub async fn advance_by(&self, by: Millis) -> Result<()> {
        self.settle().await?;
        let moved = self.advance_to(self.clock().now().plus(by)).await;
        self.keep_clock()?;
        moved
    }

    /// Keeps how far the clock has been moved beside the data that was written by it.
    fn keep_clock(&self) -> Result<()> {
        let Some(folder) = &self.0.data else { return Ok(()) };
        let path = folder.join(CLOCK_FILE);
        std::fs::write(&path, self.clock().ahead().get().to_string())
            .with_context(|| format!("failed to write {}", path.display()))
    }

    /// The clock of a data folder: as far ahead as it was moved.
    ///
    /// # Errors
    /// When the folder keeps something else in its place.
    pub fn clock_of(data: Option<&std::path::Path>) -> Result<Clock> {
        let Some(folder) = data else { return Ok(Clock::shifted(Millis::new(0))) };
        let path = folder.join(CLOCK_FILE);
        let ahead = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().with_context(|| {
                format!("{} holds no number; remove it to begin at the true time", path.display())
            })?,
            Err(_) => 0,
        };
        Ok(Clock::shifted(Millis::new(ahead)))
    }

    /// Runs the sweeper once.
    ///
    /// # Errors
    /// When the sweep fails.
    pub async fn sweep(&self) -> Result<()> {
        if let Some(binaries) = self.binaries() {
            let event = serde_json::json!({});
            binaries.emulator().invoke("SweeperFunction", event).await?;
            return Ok(());
        }
        let Some(app) = self.function("Sweeper") else { bail!("the template has no sweeper") };
        let deadline = app.clock.now().plus(SWEEP_WITHIN);
        transom_sweeper::handle(app.clone(), deadline).await.context("the sweep failed")
    }
}

/// The environment's name of the bucket of media.
const BUCKET_URL: &str = "TRANSOM_MEDIA_BUCKET_URL";
/// Where a data folder keeps how far its clock was moved, in milliseconds.
const CLOCK_FILE: &str = "clock-ahead-ms";
/// How long a function's SDK waits before it makes a failed call to an engine again.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const MINUTE: Millis = Millis::from_seconds(60);
const SWEEP_WITHIN: Millis = Millis::from_seconds(3600);

fn sandbox(clock: &Clock) -> Sandbox {
    let clock = clock.clone();
    Sandbox::new(SandboxConfig::new(Arc::new(move || clock.now().as_millis())))
}

fn router_of(id: &str, app: &App) -> Result<Option<Router>> {
    let app = app.clone();
    Ok(match id.strip_suffix("Function").unwrap_or(id) {
        "Inbound" => Some(transom_inbound::router(app)),
        "Status" => Some(transom_status::router(app)),
        "Desk" => Some(transom_desk::router(app)),
        "Sender" | "Media" | "Sweeper" | "Notifier" => None,
        other => bail!("the template has a function {other} that local mode does not know"),
    })
}

/// The keys of local mode: made once, in a file that only its owner can read.
fn key_ring(data: Option<&std::path::Path>) -> Result<String> {
    let fresh = || KeyRing::generate(&transom_boot::clients::system_entropy().bytes::<64>());
    let Some(folder) = data else { return Ok(fresh()) };
    let path = folder.join("keys.json");
    if !path.exists() {
        write_private(&path, &fresh())?;
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    KeyRing::parse(&text).with_context(|| {
        format!("{} is no key ring; restore it from a backup: without it the conversations cannot be named", path.display())
    })?;
    Ok(text)
}

/// A folder that only its owner can look into: it holds customers' messages.
pub(crate) fn make_private_folder(folder: &std::path::Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .with_context(|| format!("failed to make the data folder {}", folder.display()))
}

pub(crate) fn write_private(path: &std::path::Path, text: &str) -> Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file =
        options.open(path).with_context(|| format!("failed to make {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

struct Builder<'a> {
    plan: &'a Plan,
    tables: &'a DynamoEngine,
    queues: &'a QueueEngine,
    keys: &'a KeyRing,
    /// One for all functions, so that messages of one millisecond keep their order across them.
    entropy: transom_app::Entropy,
    log: ActionLog,
    faults: FaultSlot,
    web: WebClients,
}

impl Builder<'_> {
    fn app(&self, function: &Function, hold_to_policy: bool) -> Result<App> {
        let name = function.logical_id.as_str();
        let environment = function.environment_with(|queue| self.queues.queue_url(queue));
        let policy = hold_to_policy.then(|| function.policy.clone());
        self.build(name, &environment, policy)
            .with_context(|| format!("the function {name} cannot be built from template.yaml"))
    }

    /// What a function's own process is told beside its role: where everything is on this machine.
    fn process_environment(&self, function: &Function) -> BTreeMap<String, String> {
        let mut names = function.environment_with(|queue| self.queues.queue_url(queue));
        let mut set = |name: &str, value: &str| names.insert(name.to_owned(), value.to_owned());
        set("TRANSOM_PUBLIC_URL", &self.plan.public_url);
        set("TRANSOM_SANDBOX_URL", &format!("{}/sandbox", self.plan.own_url));
        set("TRANSOM_ADMIN_KEY_SHA256", &self.plan.admin_key_sha256);
        set("AWS_ENDPOINT_URL_DYNAMODB", self.tables.endpoint());
        set("AWS_ENDPOINT_URL_SQS", self.queues.endpoint());
        if let Some(bucket) = self.bucket(&names) {
            let links = self.bucket_url(&self.plan.public_url, &bucket);
            names.insert("TRANSOM_MEDIA_LINKS_URL".to_owned(), links);
            let inside = self.bucket_url(&self.plan.own_url, &bucket);
            names.insert(BUCKET_URL.to_owned(), inside);
        }
        names
    }

    /// The bucket that an environment names, if any.
    fn bucket(&self, environment: &BTreeMap<String, String>) -> Option<String> {
        let url = environment.get(BUCKET_URL)?;
        let is_named = |bucket: &&String| url.starts_with(&format!("https://{bucket}.s3."));
        self.plan.template.buckets.iter().find(is_named).cloned()
    }

    fn bucket_url(&self, base: &str, bucket: &str) -> String {
        format!("{base}{}/{bucket}", objects::PATH)
    }

    /// Object storage, on the listener of the house, so that its links can be opened.
    fn objects(&self) -> Result<ObjectEngine> {
        let functions = self.plan.template.functions.values();
        let policies = functions.map(|f| (f.logical_id.clone(), f.policy.clone())).collect();
        let (own, public) = (self.plan.own_url.clone(), self.plan.public_url.clone());
        ObjectEngine::new(ObjectPlan {
            folder: self.plan.data.as_ref().map(|folder| folder.join("objects")),
            addresses: vec![own, public],
            buckets: self.plan.template.buckets.clone(),
            policies: if self.plan.hold_to_policies { policies } else { BTreeMap::new() },
            clock: self.plan.clock.clone(),
            log: self.log.clone(),
            faults: self.faults.clone(),
        })
    }

    /// An app that may do everything the functions may do together.
    fn operator(&self) -> Result<App> {
        let mut environment = BTreeMap::new();
        for function in self.plan.template.functions.values() {
            environment.extend(function.environment_with(|queue| self.queues.queue_url(queue)));
        }
        self.build("operator", &environment, None)
    }

    fn build(
        &self,
        name: &str,
        environment: &BTreeMap<String, String>,
        policy: Option<crate::policy::Policy>,
    ) -> Result<App> {
        let mut settings = Settings::read(environment)?;
        settings.public_url = Some(self.plan.public_url.clone());
        if settings.admin_key_sha256.is_some() {
            settings.admin_key_sha256 = Some(self.plan.admin_key_sha256.clone());
        }
        let bucket = self.bucket(environment);
        settings.media_bucket_url =
            bucket.as_ref().map(|bucket| self.bucket_url(&self.plan.own_url, bucket));
        let media_links = bucket.map(|bucket| self.bucket_url(&self.plan.public_url, &bucket));
        let credentials = Credentials::new("local", "local", None, None, "local mode");
        let held = policy.is_some();
        let faults = if held { self.faults.clone() } else { FaultSlot::default() };
        let seams = Seams {
            http: FunctionTransport::new(name, policy, self.log.clone(), faults).shared(),
            credentials: SharedCredentialsProvider::new(credentials),
            object_credentials: SharedCredentialsProvider::new(credentials_of(name)),
            region: REGION.to_owned(),
            endpoints: Endpoints {
                dynamodb: Some(self.tables.endpoint().to_owned()),
                sqs: Some(self.queues.endpoint().to_owned()),
                media_links,
            },
            keys: self.keys.clone(),
            clock: self.plan.clock.clone(),
            entropy: self.entropy.clone(),
            local: true,
            web: self.web.clone(),
            first_retry: Some(FIRST_RETRY),
        };
        let mut app = build_app(&settings, &seams);
        let config = Config::clone(&app.config);
        let sandbox = format!("{}/sandbox", self.plan.own_url);
        app.config = Arc::new(Config { sandbox_url: Some(sandbox), ..config });
        Ok(app)
    }
}

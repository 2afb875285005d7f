//! `template.yaml` as plain values: the tables, queues, routes, functions and permissions that
//! local mode sets up, so that they stand in one place for the cloud and for the laptop.
//!
//! It reads what local mode needs and ignores other resources; what it needs but cannot read
//! is an error that names the resource and the property.

mod document;
mod read;
mod resolve;
mod route;
#[cfg(test)]
mod tests;

pub use route::RouteMatch;

use crate::policy::Policy;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a reference to a queue resolves to, followed by the queue's name: its URL holds the
/// port of the local endpoint, which is known only after the start.
pub const QUEUE_PREFIX: &str = "queue:";

/// The template with every intrinsic resolved.
#[derive(Debug, Clone)]
pub struct Template {
    /// Tables, by logical id.
    pub tables: Vec<Table>,
    /// Queues, by logical id; dead-letter queues among them.
    pub queues: Vec<Queue>,
    /// The names of the buckets, by logical id.
    pub buckets: Vec<String>,
    /// Routes of the HTTP API.
    pub routes: Vec<Route>,
    /// Functions by logical id.
    pub functions: BTreeMap<String, Function>,
    /// Parameters with neither a default nor an override. Their references read
    /// `parameter:<name>`.
    pub unset_parameters: BTreeSet<String>,
}

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarType {
    /// Text.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
}

/// Which attributes an index holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// The keys.
    KeysOnly,
    /// The keys and these.
    Include(Vec<String>),
    /// All of them.
    All,
}

/// A secondary index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub hash_key: String,
    /// Its sort key.
    pub range_key: Option<String>,
    /// What it holds.
    pub projection: Projection,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its id in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Its partition key.
    pub hash_key: String,
    /// Its sort key.
    pub range_key: Option<String>,
    /// The key attributes of the table and of its indexes.
    pub attributes: Vec<(String, ScalarType)>,
    /// Global secondary indexes.
    pub global_indexes: Vec<Index>,
    /// Local secondary indexes.
    pub local_indexes: Vec<Index>,
    /// The attribute that says when an item may vanish.
    pub ttl_attribute: Option<String>,
}

/// Where a queue puts what failed too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The name of the dead-letter queue.
    pub queue: String,
    /// After how many receives.
    pub max_receive_count: u32,
}

/// An SQS queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Whether it keeps the order of each group.
    pub fifo: bool,
    /// How long a received message stays hidden.
    pub visibility_timeout_s: u32,
    /// Whether a body is its own deduplication id.
    pub content_based_deduplication: bool,
    /// `queue` or `messageGroup`; FIFO only.
    pub deduplication_scope: Option<String>,
    /// `perQueue` or `perMessageGroupId`; FIFO only.
    pub throughput_limit: Option<String>,
    /// Where failures go.
    pub dead_letter: Option<DeadLetter>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method, or `ANY`.
    pub method: String,
    /// Such as `/webhooks/{provider}/{account}` or `/v1/{proxy+}`.
    pub path: String,
    /// The logical id of the function that takes it.
    pub function: String,
}

/// A queue that feeds a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSource {
    /// The queue's name.
    pub queue: String,
    /// How many messages one invocation takes at most.
    pub batch_size: u32,
    /// Whether an answer may name the messages that failed.
    pub partial_responses: bool,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its id in the template.
    pub logical_id: String,
    /// Its environment; the address of a queue reads `queue:<name>`.
    pub environment: BTreeMap<String, String>,
    /// The queues that feed it.
    pub queue_sources: Vec<QueueSource>,
    /// How often the scheduler calls it.
    pub schedule_minutes: Option<u64>,
    /// How long one invocation may take.
    pub timeout_s: u64,
    /// What it may do.
    pub policy: Policy,
}

impl Template {
    /// Reads the template at `path`, each parameter at its default.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Self::parse_with`].
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_with(path, &BTreeMap::new())
    }

    /// Reads the template at `path` with some parameters given.
    ///
    /// # Errors
    /// When the file cannot be read, or as [`Self::parse_with`].
    pub fn load_with(path: &Path, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "failed to read {}; run from the repository, or name the template",
                path.display()
            )
        })?;
        Self::parse_with(&text, overrides)
            .with_context(|| format!("failed to understand {}", path.display()))
    }

    /// Reads a template's text, each parameter at its default.
    ///
    /// # Errors
    /// As [`Self::parse_with`].
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, &BTreeMap::new())
    }

    /// Reads a template's text with some parameters given.
    ///
    /// # Errors
    /// When it is not YAML, a property that local mode needs is missing or of another form, or
    /// an override names no parameter.
    pub fn parse_with(text: &str, overrides: &BTreeMap<String, String>) -> Result<Self> {
        read::template(&document::parse(text)?, overrides)
    }

    /// The function that takes a request, as API Gateway would choose it.
    #[must_use]
    pub fn route(&self, method: &str, path: &str) -> Option<RouteMatch> {
        route::find(&self.routes, method, path)
    }
}

impl Function {
    /// The environment with the addresses of the queues filled in.
    #[must_use]
    pub fn environment_with(&self, queue_url: impl Fn(&str) -> String) -> BTreeMap<String, String> {
        let fill = |value: &String| match value.strip_prefix(QUEUE_PREFIX) {
            Some(queue) => queue_url(queue),
            None => value.clone(),
        };
        self.environment.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
    }
}

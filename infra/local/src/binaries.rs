//! The deployed binaries as processes: built for this machine, under the Runtime API emulator,
//! against the same engines.

use crate::emulator::Emulator;
use crate::template::Function;
use anyhow::{Context, Result};
use axum::Router;
use axum::routing::post;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use transom_core::time::Millis;

/// The environment variable that names another emulator's Runtime API to run them under.
pub const RUNTIME_API: &str = "TRANSOM_RUNTIME_API";

/// Every function's process. They end when this is dropped.
#[derive(Debug)]
pub struct Binaries {
    emulator: Emulator,
    runtime: String,
    folder: PathBuf,
    environments: BTreeMap<String, BTreeMap<String, String>>,
    children: Mutex<Vec<Child>>,
}

impl Drop for Binaries {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves the key ring as Secrets Manager does; answers its address.
async fn secrets(keys: String) -> Result<String> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let secret = json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:keys",
        "Name": "keys",
        "SecretString": keys,
    });
    let router = Router::new().route("/", post(async move || axum::Json(secret)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

impl Binaries {
    /// Starts each function's binary from `folder` with its environment of the template, which
    /// `environment` completes.
    ///
    /// # Errors
    /// When a binary is missing or does not start.
    pub(crate) async fn start(
        folder: &Path,
        functions: &BTreeMap<String, Function>,
        keys: String,
        environment: impl Fn(&Function) -> BTreeMap<String, String>,
    ) -> Result<Self> {
        let emulator = match std::env::var(RUNTIME_API) {
            Ok(base) => Emulator::elsewhere(&base)?,
            Err(_) => Emulator::default(),
        };
        let runtime = emulator.runtime().await?;
        let secrets = secrets(keys).await?;
        let mut environments = BTreeMap::new();
        for (id, function) in functions {
            let mut names = environment(function);
            names.insert("AWS_ENDPOINT_URL_SECRETS_MANAGER".to_owned(), secrets.clone());
            environments.insert(id.clone(), names);
        }
        let binaries = Self {
            emulator,
            runtime,
            folder: folder.to_path_buf(),
            environments,
            children: Mutex::new(Vec::new()),
        };
        binaries.spawn(Millis::new(0))?;
        Ok(binaries)
    }

    /// The Runtime API that they poll.
    #[must_use]
    pub const fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Ends every process and starts it again with its clock moved ahead, as a cold start on a
    /// later day.
    ///
    /// # Errors
    /// When a binary does not start.
    pub fn restart(&self, ahead: Millis) -> Result<()> {
        self.stop();
        self.spawn(ahead)
    }

    fn stop(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for mut child in children.drain(..) {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }

    fn spawn(&self, ahead: Millis) -> Result<()> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let polled_as = self.emulator.names();
        for (id, names) in &self.environments {
            let name = id.strip_suffix("Function").unwrap_or(id).to_lowercase();
            let path = self.folder.join(format!("transom-{name}"));
            let child = Command::new(&path)
                .env_clear()
                .envs(names)
                .env("AWS_LAMBDA_RUNTIME_API", format!("{}/{}", self.runtime, polled_as(id)))
                .env("AWS_LAMBDA_FUNCTION_NAME", id)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
                .env("AWS_REGION", crate::policy::REGION)
                .env("AWS_ACCESS_KEY_ID", "local")
                .env("AWS_SECRET_ACCESS_KEY", "local")
                .env("TRANSOM_LOCAL_MODE", "true")
                .env("TRANSOM_CLOCK_AHEAD_MS", ahead.get().to_string())
                .env("TRANSOM_LOG", "warn")
                .stdin(Stdio::null())
                .stdout(Stdio::inherit())
                .spawn()
                .with_context(|| {
                    format!(
                        "{} does not start; build it: cargo build --workspace --bins",
                        path.display()
                    )
                })?;
            children.push(child);
        }
        Ok(())
    }
}

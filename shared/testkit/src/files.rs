//! A server of files, as callers have one: it tells types and sizes, and can be told to misbehave.

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// One file, as it is served.
#[derive(Debug, Clone, Default)]
pub struct ServedFile {
    /// Its `Content-Type`, where one is told.
    pub content_type: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The size that HEAD tells instead of the true one.
    pub told_bytes: Option<u64>,
    /// The status instead of 200.
    pub status: Option<u16>,
    /// Where it redirects to.
    pub location: Option<String>,
    /// Whether HEAD is refused, as where signed addresses are for GET alone.
    pub get_only: bool,
}

impl ServedFile {
    /// A file of a type.
    #[must_use]
    pub fn of(content_type: &str, bytes: &[u8]) -> Self {
        let content_type = Some(content_type.to_owned());
        Self { content_type, bytes: bytes.to_vec(), ..Self::default() }
    }
}

#[derive(Debug, Default)]
struct Memory {
    files: BTreeMap<String, ServedFile>,
    asked: Vec<(String, String)>,
    shown_secrets: bool,
}

/// A server of files.
#[derive(Debug, Clone)]
pub struct FileHost {
    memory: Arc<Mutex<Memory>>,
    url: String,
}

impl FileHost {
    /// Begins to listen on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::default()));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().route("/{name}", any(serve)).with_state(Arc::clone(&memory));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { memory, url })
    }

    /// Serves a file under a name; answers its address.
    pub fn put(&self, name: &str, file: ServedFile) -> String {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.files.insert(name.to_owned(), file);
        format!("{}/{name}", self.url)
    }

    /// Whether any request brought a secret, which is never for a server of files.
    #[must_use]
    pub fn was_shown_secrets(&self) -> bool {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).shown_secrets
    }

    /// What was asked for: method and name, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, String)> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

async fn serve(
    State(memory): State<Arc<Mutex<Memory>>>,
    method: Method,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.asked.push((method.to_string(), name.clone()));
    memory.shown_secrets |= ["authorization", "apikey"].iter().any(|h| headers.contains_key(*h));
    let Some(file) = memory.files.get(&name).cloned() else {
        return empty(StatusCode::NOT_FOUND);
    };
    if method == Method::HEAD && file.get_only {
        return empty(StatusCode::FORBIDDEN);
    }
    let mut response = Response::builder();
    if let Some(content_type) = &file.content_type {
        response = response.header("content-type", content_type);
    }
    if let Some(location) = &file.location {
        response = response.status(StatusCode::FOUND).header("location", location);
        return response.body(Body::empty()).unwrap_or_default();
    }
    let size = file.told_bytes.unwrap_or(file.bytes.len() as u64);
    let part = headers.get("range").is_some();
    let status = file.status.unwrap_or(if part { 206 } else { 200 });
    response = response.status(status);
    let body = if method == Method::HEAD {
        response = response.header("content-length", size);
        Body::empty()
    } else if part {
        response = response.header("content-range", format!("bytes 0-0/{size}"));
        Body::from(file.bytes.get(..1).unwrap_or_default().to_vec())
    } else {
        Body::from(file.bytes)
    };
    response.body(body).unwrap_or_default()
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

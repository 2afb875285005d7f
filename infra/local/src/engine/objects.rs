//! Object storage: as much of S3's protocol as links need. A request carries a signature in its
//! query, made with a function's name as its access key; it is good until its end, by the clock
//! of the house, and for what `template.yaml` grants to that function.
//!
//! Objects are kept in a folder, or in memory.

use crate::policy::{ActionLog, Policy, REGION, object_arn};
use crate::transport::{FaultSlot, WireFault};
use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use transom_app::Clock;
use transom_app::objects::presigned;
use transom_core::time::{Millis, Timestamp};

/// Where objects are, below the address of the process.
pub const PATH: &str = "/local/objects";
/// What every function signs with; who signs is told by the access key.
const SECRET: &str = "local";
/// The largest object: somewhat above WhatsApp's largest file.
const OBJECT_BYTES_MAX: usize = 110 * 1024 * 1024;

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    content_type: String,
    disposition: String,
    bytes: Bytes,
}

/// What the engine is built with.
#[derive(Debug)]
pub struct ObjectPlan {
    /// The folder that objects are kept in; in memory when absent.
    pub folder: Option<PathBuf>,
    /// The addresses of the process: its own, and the one that callers are told.
    pub addresses: Vec<String>,
    /// The buckets' names.
    pub buckets: Vec<String>,
    /// What each function may do; who is not named may do everything.
    pub policies: BTreeMap<String, Policy>,
    /// The clock of the house.
    pub clock: Clock,
    /// What the functions did.
    pub log: ActionLog,
    /// Where a test puts faults on the wire.
    pub faults: FaultSlot,
}

/// Object storage. Clones share it.
#[derive(Debug, Clone)]
pub struct ObjectEngine {
    plan: Arc<ObjectPlan>,
    memory: Arc<Mutex<BTreeMap<String, Object>>>,
}

/// The credentials with which a function signs.
#[must_use]
pub fn credentials_of(function: &str) -> Credentials {
    Credentials::new(function, SECRET, None, None, "transom local mode")
}

impl ObjectEngine {
    /// Object storage by plan.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(plan: ObjectPlan) -> Result<Self> {
        if let Some(folder) = &plan.folder {
            crate::house::make_private_folder(folder)?;
        }
        Ok(Self { plan: Arc::new(plan), memory: Arc::default() })
    }

    /// What it answers, below [`PATH`].
    pub fn router(&self) -> Router {
        Router::new().fallback(any(answer)).with_state(self.clone())
    }

    /// The keys of every object that is kept in memory, for tests that compare whole states.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.keys().cloned().collect()
    }

    /// Who signed a request, if the signature holds and has not ended.
    fn signer(&self, method: &str, path: &str, query: &str) -> Option<String> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let value =
            |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let at = signed_at(value("X-Amz-Date")?)?;
        let good_for = Millis::from_seconds(value("X-Amz-Expires")?.parse().ok()?);
        let signer = value("X-Amz-Credential")?.split('/').next()?.to_owned();
        let now = self.plan.clock.now();
        if now >= at.plus(good_for) {
            return None;
        }
        let told = value("X-Amz-Signature")?;
        let holds = self.plan.addresses.iter().any(|address| {
            let address = format!("{address}{PATH}{path}");
            let credentials = credentials_of(&signer);
            presigned(method, &address, REGION, credentials, good_for, at)
                .is_some_and(|url| url.ends_with(&format!("X-Amz-Signature={told}")))
        });
        holds.then_some(signer)
    }

    fn allows(&self, signer: &str, action: &str, bucket: &str) -> bool {
        let Some(policy) = self.plan.policies.get(signer) else { return true };
        let resource = object_arn(bucket);
        let allowed = policy.allows(action, &resource);
        if allowed {
            self.plan.log.record(signer, action, &resource);
        } else {
            tracing::error!(
                outcome = "access_denied",
                "template.yaml grants the function {signer} no {action} on {resource}"
            );
        }
        allowed
    }

    fn write(&self, key: &str, object: Object) -> Result<()> {
        let Some(folder) = &self.plan.folder else {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.insert(key.to_owned(), object);
            return Ok(());
        };
        // The bytes first: what has no description does not exist.
        let name = file_name(key);
        let write = |kind: &str, bytes: &[u8]| {
            let path = folder.join(format!("{name}.{kind}"));
            let fresh = folder.join(format!("{name}.{kind}.new"));
            std::fs::write(&fresh, bytes)
                .and_then(|()| std::fs::rename(&fresh, &path))
                .with_context(|| format!("failed to write {}", path.display()))
        };
        let told = serde_json::json!({
            "key": key, "content_type": object.content_type, "disposition": object.disposition,
        });
        write("bytes", &object.bytes)?;
        write("json", told.to_string().as_bytes())
    }

    fn read(&self, key: &str) -> Option<Object> {
        let Some(folder) = &self.plan.folder else {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            return memory.get(key).cloned();
        };
        let name = file_name(key);
        let told = std::fs::read(folder.join(format!("{name}.json"))).ok()?;
        let told: serde_json::Value = serde_json::from_slice(&told).ok()?;
        let bytes = std::fs::read(folder.join(format!("{name}.bytes"))).ok()?;
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let (content_type, disposition) = (text("content_type"), text("disposition"));
        Some(Object { content_type, disposition, bytes: bytes.into() })
    }
}

/// A name without anything that a file system might read in a key.
fn file_name(key: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(key.as_bytes()))
}

/// `20261120T100000Z`
fn signed_at(text: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| text.get(from..to);
    let rfc3339 = format!(
        "{}-{}-{}T{}:{}:{}.000Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    );
    Timestamp::parse_rfc3339(&rfc3339).ok()
}

async fn answer(State(engine): State<ObjectEngine>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let action = match parts.method {
        Method::GET => "s3:GetObject",
        Method::PUT => "s3:PutObject",
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    };
    let Some((bucket, key)) = path.trim_start_matches('/').split_once('/') else {
        return refused(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    if !engine.plan.buckets.iter().any(|known| known == bucket) {
        return refused(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let Some(signer) = engine.signer(parts.method.as_str(), &path, query) else {
        return refused(StatusCode::FORBIDDEN, "AccessDenied");
    };
    if !engine.allows(&signer, action, bucket) {
        return refused(StatusCode::FORBIDDEN, "AccessDenied");
    }
    if parts.method == Method::GET {
        return match engine.read(key) {
            Some(object) => shown(object),
            None => refused(StatusCode::NOT_FOUND, "NoSuchKey"),
        };
    }
    let fault = engine.plan.faults.next(&signer, "S3.PutObject");
    match fault {
        Some(WireFault::Die) => return engine.plan.faults.die().await,
        Some(WireFault::Throttle | WireFault::Unreachable | WireFault::Conflict) => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        }
        Some(WireFault::LoseAnswer | WireFault::DieAfter) | None => {}
    }
    let stored = put(&engine, key, &parts.headers, body).await;
    match fault {
        Some(WireFault::DieAfter) => engine.plan.faults.die().await,
        Some(WireFault::LoseAnswer) => refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        _ => stored,
    }
}

async fn put(engine: &ObjectEngine, key: &str, headers: &HeaderMap, body: Body) -> Response {
    let text =
        |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (content_type, disposition) = (text(CONTENT_TYPE), text(CONTENT_DISPOSITION));
    let Ok(bytes) = to_bytes(body, OBJECT_BYTES_MAX).await else {
        return refused(StatusCode::BAD_REQUEST, "IncompleteBody");
    };
    match engine.write(key, Object { content_type, disposition, bytes }) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(%error, "an object could not be kept");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
        }
    }
}

/// In the cloud the bucket is another origin; here it is that of the API and the phone, so that
/// nothing of a file may run.
fn shown(object: Object) -> Response {
    let headers = [
        (CONTENT_TYPE, object.content_type),
        (CONTENT_DISPOSITION, object.disposition),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    (headers, object.bytes).into_response()
}

fn refused(status: StatusCode, code: &str) -> Response {
    let body = format!("<Error><Code>{code}</Code></Error>");
    (status, [(CONTENT_TYPE, "application/xml")], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Effect, Statement};
    use tower::ServiceExt;

    const ADDRESS: &str = "http://127.0.0.1:1";

    fn engine(folder: Option<PathBuf>, clock: &Clock) -> ObjectEngine {
        let statement = Statement {
            effect: Effect::Allow,
            actions: vec!["s3:PutObject".to_owned()],
            resources: vec![object_arn("media")],
        };
        let policies = BTreeMap::from([("Writer".to_owned(), Policy::new(vec![statement]))]);
        ObjectEngine::new(ObjectPlan {
            folder,
            addresses: vec![ADDRESS.to_owned(), "https://public.example".to_owned()],
            buckets: vec!["media".to_owned()],
            policies,
            clock: clock.clone(),
            log: ActionLog::default(),
            faults: FaultSlot::default(),
        })
        .expect("it is built")
    }

    fn url(method: &str, base: &str, who: &str, key: &str, now: Timestamp) -> String {
        let address = format!("{base}{PATH}/media/{key}");
        let good_for = Millis::from_seconds(60);
        presigned(method, &address, REGION, credentials_of(who), good_for, now).expect("a link")
    }

    /// As the process's own router hands it over: without what stands before the path.
    async fn ask(engine: &ObjectEngine, method: &str, url: &str, body: &str) -> (u16, String) {
        let path = url.split_once(PATH).expect("the path").1;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "image/png")
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let response = engine.router().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1024).await.expect("a body");
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn a_link_is_good_for_its_key_its_method_its_time_and_what_is_granted() {
        let now = Timestamp::from_seconds(1_795_168_800);
        let clock = Clock::manual(now);
        let folder = std::env::temp_dir().join(format!("transom-objects-{}", std::process::id()));
        for kept in [None, Some(folder.clone())] {
            let engine = engine(kept, &clock);
            let now = clock.now();
            let write = url("PUT", ADDRESS, "Writer", "a/b", now);
            assert_eq!(ask(&engine, "PUT", &write, "bytes").await.0, 200);
            for base in [ADDRESS, "https://public.example"] {
                let read = url("GET", base, "operator", "a/b", now);
                assert_eq!(ask(&engine, "GET", &read, "").await, (200, "bytes".to_owned()));
                let other = read.replace("a/b", "a/c");
                assert_eq!(ask(&engine, "GET", &other, "").await.0, 403);
                assert_eq!(ask(&engine, "PUT", &read, "").await.0, 403);
                let longer = read.replace("X-Amz-Expires=60", "X-Amz-Expires=6000");
                assert_eq!(ask(&engine, "GET", &longer, "").await.0, 403);
            }
            let elsewhere = url("GET", "http://evil.example", "operator", "a/b", now);
            assert_eq!(ask(&engine, "GET", &elsewhere, "").await.0, 403);
            let ungranted = url("GET", ADDRESS, "Writer", "a/b", now);
            assert_eq!(ask(&engine, "GET", &ungranted, "").await.0, 403);
            let absent = url("GET", ADDRESS, "operator", "a/d", now);
            assert_eq!(ask(&engine, "GET", &absent, "").await.0, 404);
            let read = url("GET", ADDRESS, "operator", "a/b", now);
            clock.advance_to(now.plus(Millis::new(59_999)));
            assert_eq!(ask(&engine, "GET", &read, "").await.0, 200);
            clock.advance_to(now.plus(Millis::new(60_000)));
            assert_eq!(ask(&engine, "GET", &read, "").await.0, 403);
        }
        let _tidied = std::fs::remove_dir_all(folder);
    }
}

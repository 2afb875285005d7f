//! SQS's protocol in this process, with a journal at its HTTP boundary.
//!
//! Where the engine differs from SQS: one receive hands out at most one message of a group,
//! where SQS may hand out several; and deleting with a void receipt handle succeeds.

use super::boundary::{Core, answer};
use crate::journal::{Journal, Seq};
use crate::policy::{ACCOUNT_ID, REGION, queue_arn};
use crate::template::Queue;
use anyhow::{Context, Result, bail};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// How long to wait after a socket could not be accepted (too many are open).
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A running SQS. It stops serving when dropped.
#[derive(Debug)]
pub struct QueueEngine {
    endpoint: String,
    core: Arc<Core>,
    accepting: JoinHandle<()>,
}

impl QueueEngine {
    /// Serves on a free port of 127.0.0.1. With a `journal`, accepted messages survive the end
    /// of the process; without one, they live in memory.
    ///
    /// # Errors
    /// When the journal cannot be opened or no port is free.
    pub async fn start(journal: Option<&Path>) -> Result<Self> {
        let journal = journal.map(Journal::open).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("failed to listen on 127.0.0.1 for the queues")?;
        let address = listener.local_addr()?;
        let provider = Arc::new(RustackSqs::new(SqsConfig {
            host: address.ip().to_string(),
            port: address.port(),
            default_region: REGION.to_owned(),
            account_id: ACCOUNT_ID.to_owned(),
            skip_signature_validation: true,
        }));
        let handler = RustackSqsHandler::new(Arc::clone(&provider));
        let core = Arc::new(Core { provider, handler, journal });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&core)));
        Ok(Self { endpoint: format!("http://{address}"), core, accepting })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The address of a queue.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{name}", self.endpoint)
    }

    /// Makes the queues, then sends what the journal still holds, in order. To be called once,
    /// before anyone sends.
    ///
    /// # Errors
    /// When the engine refuses a queue, or the journal holds messages of a queue that the
    /// template no longer has.
    pub async fn create_queues(&self, queues: &[Queue]) -> Result<()> {
        // Dead-letter queues first, so that none is named before it exists.
        let (sources, targets): (Vec<_>, Vec<_>) =
            queues.iter().partition(|queue| queue.dead_letter.is_some());
        for queue in targets.into_iter().chain(sources) {
            let input = json!({"QueueName": queue.name, "Attributes": attributes(queue)});
            let made = self.core.provider.create_queue(serde_json::from_value(input)?).await;
            made.with_context(|| format!("failed to make the queue {}", queue.name))?;
        }
        let names = queues.iter().map(|queue| queue.name.clone()).collect();
        self.replay(&names).await
    }

    async fn replay(&self, queues: &BTreeSet<String>) -> Result<()> {
        let Some(journal) = &self.core.journal else {
            return Ok(());
        };
        for (seq, queue, request) in journal.pending()? {
            if !queues.contains(&queue) {
                bail!(
                    "the queue journal holds messages of {queue}, which the template no longer \
                     has; put the queue back until they are handled, or remove the journal"
                );
            }
            let sent = self.resend(journal, seq, &queue, request).await;
            sent.with_context(|| format!("failed to send message {seq} to {queue} again"))?;
        }
        Ok(())
    }

    async fn resend(
        &self,
        journal: &Journal,
        seq: Seq,
        queue: &str,
        mut request: Value,
    ) -> Result<()> {
        request["QueueUrl"] = json!(self.queue_url(queue));
        let mut id = self.core.send(&request).await?;
        if journal.knows(&id) {
            // Two sends with one deduplication id, minutes apart, were two messages before;
            // sent together the second would be swallowed.
            request["MessageDeduplicationId"] = json!(format!("journal.{seq}"));
            id = self.core.send(&request).await?;
        }
        journal.accepted(&[(seq, id)])
    }
}

impl Drop for QueueEngine {
    fn drop(&mut self) {
        self.accepting.abort(); // and with it every connection
    }
}

fn attributes(queue: &Queue) -> Value {
    let mut attributes = Map::new();
    let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), json!(value));
    set("VisibilityTimeout", queue.visibility_timeout_s.to_string());
    if queue.fifo {
        set("FifoQueue", "true".to_owned());
        set("ContentBasedDeduplication", queue.content_based_deduplication.to_string());
    }
    if let Some(scope) = &queue.deduplication_scope {
        set("DeduplicationScope", scope.clone());
    }
    if let Some(limit) = &queue.throughput_limit {
        set("FifoThroughputLimit", limit.clone());
    }
    if let Some(dead_letter) = &queue.dead_letter {
        let policy = json!({
            "deadLetterTargetArn": queue_arn(&dead_letter.queue),
            "maxReceiveCount": dead_letter.max_receive_count,
        });
        set("RedrivePolicy", policy.to_string());
    }
    Value::Object(attributes)
}

async fn accept(listener: TcpListener, core: Arc<Core>) {
    // Dropped with this task, which ends the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Answers are small; waiting to fill a packet would only delay them.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "failed to set TCP_NODELAY");
                    }
                    let core = Arc::clone(&core);
                    let service = service_fn(move |request| answer(Arc::clone(&core), request));
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a connection to the queues ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection to the queues");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

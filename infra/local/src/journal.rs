//! The queue engine keeps messages in memory; this keeps them over a crash.
//!
//! A message is written here before the engine sees it and removed once it is deleted there,
//! so a process that is killed loses none that a sender was told of. What is still here at the
//! start is sent again. Delivery is therefore at least once, as it is on SQS:
//! - killed between the engine's delete and ours, a message comes a second time;
//! - a message that the engine had moved to a dead-letter queue starts again in its first
//!   queue, with its receives forgotten: it is accounted for, and moves again if it still fails.
//!
//! Only the messages are on disk. Message ids and receipt handles mean something to one life of
//! the engine alone, so what connects them to the rows stays in memory.

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The form of the file; a file of another form is refused.
const FORMAT: i64 = 1;
/// How long an id stays known after its message is gone. The engine answers a repeated send
/// with the id of the first for 5 minutes; the rest is margin.
const GONE_KEPT: Duration = Duration::from_secs(6 * 60);
/// How long to wait for a process that is about to end and still holds the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The number of a row; its order is the order of the sends.
pub type Seq = i64;

/// Every message that was accepted and not yet deleted. Its calls block on the disk.
#[derive(Debug)]
pub struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    /// By message id of the engine.
    standing: HashMap<String, Standing>,
    /// Message ids by receipt handle.
    handles: HashMap<String, String>,
    /// What is gone, oldest first.
    gone: VecDeque<(Instant, String)>,
}

/// What is known of a message id.
#[derive(Debug)]
enum Standing {
    /// The engine holds it, and this row is its copy.
    Live { seq: Seq, handle: Option<String> },
    /// It was deleted.
    Gone,
}

impl Journal {
    /// Opens the journal at `path`, or makes it.
    ///
    /// # Errors
    /// When the file cannot be opened or is of another form.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_WAIT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            // A commit reaches the disk before the sender's answer leaves. NORMAL would survive
            // kill -9 as well, but not a power cut, and the tables beside it do (dynoxide keeps
            // SQLite's default, FULL); a 2xx must not promise more than either holds.
            connection.pragma_update(None, "synchronous", "FULL")?;
            let format: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if format != 0 && format != FORMAT {
                bail!(
                    "it has form {format} and this program writes form {FORMAT}; start the \
                     program that wrote it until its queues are empty, then remove the file"
                );
            }
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS messages (
                    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
                    queue   TEXT NOT NULL,
                    request TEXT NOT NULL
                 ) STRICT;",
            )?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            Ok(connection)
        };
        let connection = open()
            .with_context(|| format!("failed to open the queue journal {}", path.display()))?;
        let inner = Inner {
            connection,
            standing: HashMap::new(),
            handles: HashMap::new(),
            gone: VecDeque::new(),
        };
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Writes messages down, in one commit, before the engine sees them. A request is the body
    /// of a `SendMessage` call without its queue.
    ///
    /// # Errors
    /// When the disk refuses; then none is written and none may be sent.
    pub fn append(&self, queue: &str, requests: &[Value]) -> Result<Vec<Seq>> {
        let mut inner = self.lock();
        let commit = |connection: &mut Connection| -> Result<Vec<Seq>> {
            let transaction = connection.transaction()?;
            let mut seqs = Vec::with_capacity(requests.len());
            for request in requests {
                transaction.execute(
                    "INSERT INTO messages (queue, request) VALUES (?1, ?2)",
                    params![queue, request.to_string()],
                )?;
                seqs.push(transaction.last_insert_rowid());
            }
            transaction.commit()?;
            Ok(seqs)
        };
        commit(&mut inner.connection).context("failed to write to the queue journal")
    }

    /// Notes the ids that the engine gave. A row whose id is known already was a repeated send
    /// that the engine swallowed, or is deleted by now; it goes.
    ///
    /// # Errors
    /// When such a row cannot be removed.
    pub fn accepted(&self, messages: &[(Seq, String)]) -> Result<()> {
        let mut inner = self.lock();
        let mut superfluous = Vec::new();
        for (seq, id) in messages {
            if inner.standing.contains_key(id) {
                superfluous.push(*seq);
            } else {
                let live = Standing::Live { seq: *seq, handle: None };
                inner.standing.insert(id.clone(), live);
            }
        }
        inner.remove(&superfluous)
    }

    /// Whether a message of this id is live or was until lately.
    #[must_use]
    pub fn knows(&self, message_id: &str) -> bool {
        self.lock().standing.contains_key(message_id)
    }

    /// Takes back messages that the engine refused.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn refused(&self, seqs: &[Seq]) -> Result<()> {
        self.lock().remove(seqs)
    }

    /// Notes the receipt handle under which a message was received. It changes with each
    /// receive, and the one before it is void.
    pub fn received(&self, handle: &str, message_id: &str) {
        let mut inner = self.lock();
        let earlier = match inner.standing.get_mut(message_id) {
            Some(Standing::Live { handle: known, .. }) => known.replace(handle.to_owned()),
            Some(Standing::Gone) | None => None,
        };
        if let Some(earlier) = earlier {
            inner.handles.remove(&earlier);
        }
        inner.handles.insert(handle.to_owned(), message_id.to_owned());
    }

    /// Removes the messages received under these handles, in one commit.
    ///
    /// # Errors
    /// When the disk refuses; then they come again at the next start.
    pub fn deleted(&self, handles: &[String]) -> Result<()> {
        let mut inner = self.lock();
        inner.forget_old();
        let mut seqs = Vec::new();
        for handle in handles {
            let Some(id) = inner.handles.remove(handle) else {
                continue;
            };
            // The receiver may be faster than the note of its acceptance; `Gone` tells it then.
            if let Some(Standing::Live { seq, .. }) =
                inner.standing.insert(id.clone(), Standing::Gone)
            {
                seqs.push(seq);
            }
            inner.gone.push_back((Instant::now(), id));
        }
        inner.remove(&seqs)
    }

    /// Forgets every message of a queue.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn purged(&self, queue: &str) -> Result<()> {
        let inner = self.lock();
        inner
            .connection
            .execute("DELETE FROM messages WHERE queue = ?1", [queue])
            .context("failed to purge the queue journal")?;
        Ok(())
    }

    /// What stands in the journal, with its queue, in the order of the sends.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pending(&self) -> Result<Vec<(Seq, String, Value)>> {
        let inner = self.lock();
        let read = || -> Result<Vec<(Seq, String, Value)>> {
            let mut statement = inner
                .connection
                .prepare("SELECT seq, queue, request FROM messages ORDER BY seq")?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
            rows.map(|row| {
                let (seq, queue, request) = row?;
                Ok((seq, queue, serde_json::from_str(&request)?))
            })
            .collect()
        };
        read().context("failed to read the queue journal")
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Rows change in transactions and maps in single steps, so a panic leaves both whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, seqs: &[Seq]) -> Result<()> {
        if seqs.is_empty() {
            return Ok(());
        }
        let commit = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            for seq in seqs {
                transaction.execute("DELETE FROM messages WHERE seq = ?1", [seq])?;
            }
            transaction.commit()
        };
        commit(&mut self.connection).context("failed to remove messages from the queue journal")
    }

    fn forget_old(&mut self) {
        while self.gone.front().is_some_and(|(at, _)| at.elapsed() > GONE_KEPT) {
            if let Some((_, id)) = self.gone.pop_front() {
                self.standing.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn memory() -> Journal {
        Journal::open(Path::new(":memory:")).expect("a journal in memory")
    }

    fn bodies(journal: &Journal) -> Vec<Value> {
        let pending = journal.pending().expect("the rows");
        pending.into_iter().map(|(_, _, request)| request).collect()
    }

    fn send(journal: &Journal, body: &str, id: &str) {
        let seqs = journal.append("q", &[json!(body)]).expect("a row");
        journal.accepted(&[(seqs[0], id.to_owned())]).expect("noted");
    }

    #[test]
    fn a_message_stays_until_it_is_deleted() {
        let journal = memory();
        send(&journal, "a", "1");
        send(&journal, "b", "2");
        journal.received("h1", "1");
        assert_eq!(bodies(&journal), [json!("a"), json!("b")]);
        journal.deleted(&["h1".to_owned(), "unknown".to_owned()]).expect("removed");
        assert_eq!(bodies(&journal), [json!("b")]);
    }

    #[test]
    fn a_repeated_send_leaves_one_row() {
        let journal = memory();
        send(&journal, "a", "1");
        send(&journal, "a", "1");
        assert_eq!(bodies(&journal).len(), 1);
        journal.received("h", "1");
        journal.deleted(&["h".to_owned()]).expect("removed");
        // The engine still answers with the id of the deleted one.
        send(&journal, "a", "1");
        assert!(bodies(&journal).is_empty());
    }

    #[test]
    fn a_delete_that_overtakes_the_acceptance_counts() {
        let journal = memory();
        let seqs = journal.append("q", &[json!("a")]).expect("a row");
        journal.received("h", "1");
        journal.deleted(&["h".to_owned()]).expect("removed");
        journal.accepted(&[(seqs[0], "1".to_owned())]).expect("noted");
        assert!(bodies(&journal).is_empty());
    }

    #[test]
    fn an_earlier_handle_is_void() {
        let journal = memory();
        send(&journal, "a", "1");
        journal.received("h1", "1");
        journal.received("h2", "1");
        journal.deleted(&["h1".to_owned()]).expect("nothing to remove");
        assert_eq!(bodies(&journal).len(), 1);
        journal.deleted(&["h2".to_owned()]).expect("removed");
        assert!(bodies(&journal).is_empty());
    }

    #[test]
    fn what_the_engine_refused_goes() {
        let journal = memory();
        let seqs = journal.append("q", &[json!("a"), json!("b")]).expect("rows");
        journal.refused(&seqs[..1]).expect("removed");
        assert_eq!(bodies(&journal), [json!("b")]);
        journal.purged("q").expect("purged");
        assert!(bodies(&journal).is_empty());
    }
}

//! The due index: what needs attention, by shard and time. Keys only, and possibly stale, so
//! whoever takes a key from it reads the item consistently before deciding.

use crate::interruptions::{self, INTERRUPTED};
use crate::item::{Expression, Query, n, s, text_of};
use crate::sessions::{SESSION, partition};
use crate::waiters::{WAITING_SK, waiting_pk};
use crate::{Store, StoreError};
use transom_core::id::{ConversationId, MediaId, MessageId, SenderId};
use transom_core::time::Timestamp;

/// What kind of item is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DueKind {
    /// A conversation.
    Session(ConversationId),
    /// A message.
    Message(MessageId),
    /// A media item.
    Media(MediaId),
    /// A scope of the limit for whose places messages wait.
    Scope(String),
    /// A deleted sender whose conversations are to be told.
    Interruption(SenderId),
    /// A delivery to a subscriber.
    Delivery {
        /// The subscription.
        subscription: String,
        /// The event's id.
        event: String,
    },
}

/// A key from the index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueKey {
    /// When the item was due as the index had it.
    pub at: Timestamp,
    /// What is due.
    pub kind: DueKind,
}

fn kind_of(pk: &str, sk: &str) -> Option<DueKind> {
    if let Some(subscription) = pk.strip_prefix("V#") {
        return Some(DueKind::Delivery {
            subscription: subscription.to_owned(),
            event: sk.to_owned(),
        });
    }
    if let Some(id) = crate::media::id_of(pk, sk) {
        return Some(DueKind::Media(id));
    }
    if let Some(scope) = pk.strip_prefix("W#") {
        return Some(DueKind::Scope(scope.to_owned()));
    }
    if let Some(sender) = pk.strip_prefix("S#") {
        return SenderId::parse(sender).ok().map(DueKind::Interruption);
    }
    let conversation = ConversationId::parse(&format!("cnv_{}", pk.strip_prefix("C#")?)).ok()?;
    if sk == SESSION {
        return Some(DueKind::Session(conversation));
    }
    let id = MessageId::from_sortable(&conversation, sk.strip_prefix("M#")?).ok()?;
    Some(DueKind::Message(id))
}

impl Store {
    /// What is due in `shard` until `now`, earliest first, at most `limit`.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<DueKey>, StoreError> {
        let keys = || {
            Expression::default()
                .value(":shard", s(format!("D#{shard}")))
                .value(":now", n(now.as_millis()))
                .when("due_shard = :shard AND due_at <= :now")
        };
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .query(Query {
                    table: &self.tables.sessions,
                    index: Some("due"),
                    keys: keys(),
                    forward: true,
                    limit: i32::from(limit),
                    consistent: false,
                    start: start.take(),
                })
                .await?;
            for item in &page.items {
                let at = crate::item::number_of(item, "due_at").map(Timestamp::from_millis);
                let kind = text_of(item, "pk")
                    .zip(text_of(item, "sk"))
                    .and_then(|(pk, sk)| kind_of(pk, sk));
                if let (Some(at), Some(kind)) = (at, kind) {
                    found.push(DueKey { at, kind });
                }
            }
            start = page.last;
            if start.is_none() || found.len() >= usize::from(limit) {
                found.truncate(usize::from(limit));
                return Ok(found);
            }
        }
    }

    /// Puts an item off that could not be handled, whatever it holds, if it is still due as the
    /// index had it: so it cannot head every page.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn postpone(&self, key: &DueKey, until: Timestamp) -> Result<(), StoreError> {
        let (pk, sk) = match &key.kind {
            DueKind::Session(id) => (partition(id), SESSION.to_owned()),
            DueKind::Message(id) => (partition(&id.conversation()), format!("M#{}", id.sortable())),
            DueKind::Media(id) => crate::media::key(id),
            DueKind::Scope(scope) => (waiting_pk(scope), WAITING_SK.to_owned()),
            DueKind::Interruption(sender) => {
                (interruptions::partition(sender), INTERRUPTED.to_owned())
            }
            DueKind::Delivery { subscription, event } => {
                (format!("V#{subscription}"), event.clone())
            }
        };
        let expression = Expression::default()
            .set("due_at = :until")
            .value(":until", n(until.as_millis()))
            .value(":seen", n(key.at.as_millis()))
            .when("due_at = :seen");
        self.update(&self.tables.sessions, &pk, &sk, expression).await.map(|_| ())
    }

    /// When the earliest item is due at all, in any shard; for a clock that is moved by hand.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn earliest_due(&self, until: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let mut earliest: Option<Timestamp> = None;
        for shard in 0..self.due_shards {
            if let Some(first) = self.due(shard, until, 1).await?.first() {
                earliest = Some(earliest.map_or(first.at, |e| e.min(first.at)));
            }
        }
        Ok(earliest)
    }
}

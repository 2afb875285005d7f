//! The inbox index: a sender's conversations, newest window first; and the pointers by which a
//! number is found in any writing.

use crate::item::{Expression, Item, Query, n, number_of, s, text_of};
use crate::{Store, StoreError};
use transom_core::id::ConversationId;
use transom_core::identity::Phone;
use transom_core::time::Timestamp;

/// How many shards one number's inbox has: a number's first messages of a day would otherwise
/// meet in one partition of the index.
pub(crate) const INBOX_SHARDS: u32 = 4;

/// Where a list goes on: strictly behind this entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxCursor {
    /// When the last listed conversation's window was opened.
    pub at: Timestamp,
    /// The last listed conversation.
    pub conversation: ConversationId,
}

/// An entry of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The conversation.
    pub conversation: ConversationId,
    /// When its current window was opened, or when the business began it.
    pub at: Timestamp,
}

impl Store {
    /// The conversations of a business number, newest window first.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn inbox(
        &self,
        number: &Phone,
        after: Option<&InboxCursor>,
        limit: u16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let mut entries = Vec::new();
        for shard in 0..INBOX_SHARDS {
            let pk = format!("I#{}#{shard}", number.digits());
            entries.extend(self.inbox_shard_page(&pk, after, limit).await?);
        }
        entries.sort_by(|a, b| (b.at, &b.conversation).cmp(&(a.at, &a.conversation)));
        entries.truncate(usize::from(limit));
        Ok(entries)
    }

    async fn inbox_shard_page(
        &self,
        shard: &str,
        after: Option<&InboxCursor>,
        limit: u16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let upper = after.map_or(i64::MAX / 2, |c| c.at.as_millis());
        let mut entries = Vec::new();
        let mut start = None;
        loop {
            let keys = Expression::default()
                .value(":shard", s(shard))
                .value(":upper", n(upper))
                .when("inbox_shard = :shard AND inbox_at <= :upper");
            let page = self
                .query(Query {
                    table: &self.tables.sessions,
                    index: Some("inbox"),
                    keys,
                    forward: false,
                    limit: i32::from(limit),
                    consistent: false,
                    start: start.take(),
                })
                .await?;
            entries.extend(page.items.iter().filter_map(entry).filter(|e| {
                // Of one instant, the list is by conversation; what was listed is left out.
                after.is_none_or(|c| (e.at, &e.conversation) < (c.at, &c.conversation))
            }));
            start = page.last;
            // All entries of the cursor's own instant have been passed once the page reaches
            // further back, so a full page is enough.
            if start.is_none() || entries.len() >= usize::from(limit) {
                return Ok(entries);
            }
        }
    }

    /// Makes a user of a business number findable by any writing of his number: the digits are
    /// kept back to front, so that a national writing or the last four are a prefix.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_pointer(
        &self,
        number: &Phone,
        term: &str,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        let item = Item::from([
            ("pk".to_owned(), s(format!("P#{}", number.digits()))),
            ("sk".to_owned(), s(format!("{term}#{}", conversation.hash()))),
        ]);
        self.put(&self.tables.sessions, item, Expression::default()).await.map(|_| ())
    }

    /// The users of a business number whose pointer begins with `prefix`, at most `limit`,
    /// after the pointer `after`. The second value continues the list.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn pointers(
        &self,
        number: &Phone,
        prefix: &str,
        after: Option<&str>,
        limit: u16,
    ) -> Result<(Vec<ConversationId>, Option<String>), StoreError> {
        let pk = format!("P#{}", number.digits());
        let start =
            after.map(|sk| Item::from([("pk".to_owned(), s(&pk)), ("sk".to_owned(), s(sk))]));
        let keys = Expression::default().value(":pk", s(&pk));
        let keys = if prefix.is_empty() {
            keys.when("pk = :pk")
        } else {
            keys.value(":prefix", s(prefix)).when("pk = :pk AND begins_with(sk, :prefix)")
        };
        let page = self
            .query(Query {
                table: &self.tables.sessions,
                index: None,
                keys,
                forward: true,
                limit: i32::from(limit),
                consistent: true,
                start,
            })
            .await?;
        let found = page.items.iter().filter_map(|item| {
            let (_, hash) = text_of(item, "sk")?.rsplit_once('#')?;
            ConversationId::parse(&format!("cnv_{hash}")).ok()
        });
        let next = page.last.as_ref().and_then(|k| text_of(k, "sk")).map(str::to_owned);
        Ok((found.collect(), next))
    }
}

fn entry(item: &Item) -> Option<InboxEntry> {
    let hash = text_of(item, "pk")?.strip_prefix("C#")?;
    let conversation = ConversationId::parse(&format!("cnv_{hash}")).ok()?;
    Some(InboxEntry { conversation, at: Timestamp::from_millis(number_of(item, "inbox_at")?) })
}

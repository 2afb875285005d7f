//! Lists of conversations, newest window first, over the inboxes of the business's numbers.

use super::search::{NumberSearch, Search};
use super::{PAGE_MAX, Surroundings, cursor, is_named};
use crate::view::{ConversationView, List};
use crate::{App, AppError, Problem};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use transom_core::id::{ConversationId, SenderId};
use transom_core::identity::Phone;
use transom_core::time::{Millis, Timestamp};
use transom_core::window::Channel;
use transom_store::{InboxCursor, InboxEntry, Session};

/// How many pages of the inbox one call reads: a filter that fits nothing must end.
const PAGES_MAX: u32 = 10;
/// The smallest page that is read while a filter drops entries.
const FILTERED_PAGE_MIN: u16 = 100;
/// How many conversations, or numbers, are read at once.
const AT_ONCE: usize = 8;

/// Which conversations are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Those of this sender.
    pub sender: Option<SenderId>,
    /// Those of this status: `open`, `ended` or `interrupted`.
    pub status: Option<String>,
    /// Those with, or without, an outbound message that the customer does not have.
    pub undelivered: Option<bool>,
    /// Those whose window is open and closes within so many seconds.
    pub expiring_within_s: Option<u32>,
    /// Those of a customer whose number or name this is.
    pub q: Option<String>,
    /// The page's size.
    pub limit: u16,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

impl ConversationFilter {
    fn drops_entries(&self) -> bool {
        self.sender.is_some()
            || self.status.is_some()
            || self.undelivered.is_some()
            || self.expiring_within_s.is_some()
            || self.q.is_some()
    }

    fn keeps(&self, session: &Session, view: &ConversationView, now: Timestamp) -> bool {
        let expiring = self.expiring_within_s.is_none_or(|seconds| {
            let until = now.plus(Millis::from_seconds(i64::from(seconds)));
            let expires_at = session.window().map(|w| w.expires_at(Channel::WHATSAPP));
            expires_at.is_some_and(|at| now < at && at <= until)
        });
        expiring
            && self.sender.as_ref().is_none_or(|s| s.as_str() == view.sender)
            && self.status.as_deref().is_none_or(|s| s == view.status)
            && self.undelivered.is_none_or(|wanted| wanted == (view.undelivered > 0))
    }
}

impl App {
    /// A page of conversations. A search by number is one page: few customers share an ending.
    ///
    /// # Errors
    /// `not_found` for an unknown sender, `invalid_request` for a cursor or search that cannot
    /// be read, or when the table cannot be reached.
    pub async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        now: Timestamp,
    ) -> Result<List<ConversationView>, AppError> {
        let numbers = self.numbers(filter.sender.as_ref()).await?;
        let search = filter.q.as_deref().map(parse_search).transpose()?;
        match search {
            Some(Search::Number(search)) => {
                self.conversations_of(&numbers, &search, filter, now).await
            }
            Some(Search::Text(text)) => self.walk_inbox(&numbers, Some(&text), filter, now).await,
            None => self.walk_inbox(&numbers, None, filter, now).await,
        }
    }

    /// The numbers whose inboxes are read. Those of deleted senders too: their conversations
    /// stay readable, and must be found to be ended (M50).
    async fn numbers(&self, sender: Option<&SenderId>) -> Result<Vec<Phone>, AppError> {
        if let Some(id) = sender {
            let found = self.store.sender(id).await?;
            let record = found.ok_or_else(|| Problem::not_found(format!("sender `{id}`")))?;
            return Ok(vec![record.sender.phone]);
        }
        let senders = self.store.senders().await?;
        let numbers: BTreeSet<Phone> = senders.into_iter().map(|s| s.sender.phone).collect();
        Ok(numbers.into_iter().collect())
    }

    async fn walk_inbox(
        &self,
        numbers: &[Phone],
        text: Option<&str>,
        filter: &ConversationFilter,
        now: Timestamp,
    ) -> Result<List<ConversationView>, AppError> {
        let mut after = filter.cursor.as_deref().map(cursor::read_inbox).transpose()?;
        let wanted = usize::from(filter.limit);
        let size = if filter.drops_entries() {
            filter.limit.clamp(FILTERED_PAGE_MIN, PAGE_MAX)
        } else {
            filter.limit
        };
        let mut known = HashMap::new();
        let mut items = Vec::new();
        for _ in 0..PAGES_MAX {
            let page = self.inbox_page(numbers, after.as_ref(), size).await?;
            let is_last = page.len() < usize::from(size);
            let shown = self.show_entries(&page, text, filter, &mut known, now).await?;
            for (index, (entry, view)) in page.iter().zip(shown).enumerate() {
                after =
                    Some(InboxCursor { at: entry.at, conversation: entry.conversation.clone() });
                items.extend(view);
                if items.len() == wanted {
                    let is_end = is_last && index + 1 == page.len();
                    let next_cursor = after.as_ref().filter(|_| !is_end).map(cursor::write_inbox);
                    return Ok(List { items, next_cursor });
                }
            }
            if is_last {
                return Ok(List { items, next_cursor: None });
            }
        }
        Ok(List { items, next_cursor: after.as_ref().map(cursor::write_inbox) })
    }

    async fn inbox_page(
        &self,
        numbers: &[Phone],
        after: Option<&InboxCursor>,
        size: u16,
    ) -> Result<Vec<InboxEntry>, AppError> {
        let pages: Vec<Vec<InboxEntry>> = stream::iter(numbers.to_vec())
            .map(|number| async move { self.store.inbox(&number, after, size).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut entries: Vec<InboxEntry> = pages.into_iter().flatten().collect();
        entries.sort_by(|a, b| (b.at, &b.conversation).cmp(&(a.at, &a.conversation)));
        entries.truncate(usize::from(size));
        Ok(entries)
    }

    /// The views of a page's entries, in its order; `None` for those that the filter drops.
    async fn show_entries(
        &self,
        entries: &[InboxEntry],
        text: Option<&str>,
        filter: &ConversationFilter,
        known: &mut HashMap<Phone, Surroundings>,
        now: Timestamp,
    ) -> Result<Vec<Option<ConversationView>>, AppError> {
        let ids = entries.iter().map(|entry| entry.conversation.clone()).collect();
        let sessions = self.sessions_of(ids).await?;
        for session in sessions.iter().flatten() {
            if !known.contains_key(&session.number) {
                known.insert(session.number.clone(), self.surroundings(session).await?);
            }
        }
        let known = &*known;
        stream::iter(sessions)
            .map(|session| async move {
                let named = |s: &Session| text.is_none_or(|text| is_named(s, text));
                let Some(session) = session.filter(named) else { return Ok(None) };
                let Some(around) = known.get(&session.number) else { return Ok(None) };
                let view = self.show_conversation(&session, around, now).await?;
                Ok(filter.keeps(&session, &view, now).then_some(view))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn conversations_of(
        &self,
        numbers: &[Phone],
        search: &NumberSearch,
        filter: &ConversationFilter,
        now: Timestamp,
    ) -> Result<List<ConversationView>, AppError> {
        let mut sessions = Vec::new();
        for number in numbers {
            sessions.extend(self.sessions_by_number(number, search).await?);
        }
        // As everywhere: newest window first; those without one at the end.
        sessions.sort_by(|a, b| (b.inbox_at, &b.id).cmp(&(a.inbox_at, &a.id)));
        let mut items = Vec::new();
        for session in sessions {
            if items.len() == usize::from(filter.limit) {
                break;
            }
            let around = self.surroundings(&session).await?;
            let view = self.show_conversation(&session, &around, now).await?;
            if filter.keeps(&session, &view, now) {
                items.push(view);
            }
        }
        Ok(List::whole(items))
    }

    /// The customers of `number` that a written number stands for.
    pub(super) async fn sessions_by_number(
        &self,
        number: &Phone,
        search: &NumberSearch,
    ) -> Result<Vec<Session>, AppError> {
        let mut ids: BTreeSet<ConversationId> = BTreeSet::new();
        for prefix in search.prefixes(number) {
            let (found, _) = self.store.pointers(number, &prefix, None, PAGE_MAX).await?;
            ids.extend(found);
        }
        let sessions = self.sessions_of(ids.into_iter().collect()).await?;
        let fits = |s: &Session| s.phone.as_ref().is_some_and(|p| search.matches(number, p));
        let mut found: BTreeMap<ConversationId, Session> = BTreeMap::new();
        for session in sessions.into_iter().flatten().filter(fits) {
            // Where the number has become another name of a conversation, that is what is found.
            let target = match session.alias_of {
                None => Some(session),
                Some(_) => self.follow(&session.id).await?.1,
            };
            found.extend(target.map(|s| (s.id.clone(), s)));
        }
        Ok(found.into_values().collect())
    }

    /// Reads conversations, in the order of `ids`.
    pub(crate) async fn sessions_of(
        &self,
        ids: Vec<ConversationId>,
    ) -> Result<Vec<Option<Session>>, AppError> {
        let read = stream::iter(ids).map(|id| async move { self.store.session(&id).await });
        Ok(read.buffered(AT_ONCE).try_collect().await?)
    }
}

pub(super) fn parse_search(text: &str) -> Result<Search, Problem> {
    Search::parse(text)
        .ok_or_else(|| Problem::invalid("`q` must be 1 to 100 characters of a number or a name"))
}

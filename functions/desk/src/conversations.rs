//! `/v1/conversations`

use crate::auth::CONVERSE;
use crate::call::{Call, get};
use crate::input::{Ids, Params, optional, page_limit};
use crate::problem::Failure;
use crate::senders::sender_id;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use transom_app::converse::{ConversationFilter, EventView};
use transom_app::view::{ConversationView, List, MessageView};
use transom_app::{App, Problem};
use transom_core::code::Code;
use transom_core::id::ConversationId;

/// The statuses of a conversation.
const STATUSES: [&str; 3] = ["open", "ended", "interrupted"];

/// How a page is asked for.
pub(crate) const PAGE: &[(&str, &str)] = &[
    ("limit", "The page's size, 1 to 200; 50 by default"),
    ("cursor", "`next_cursor` of the page before"),
];

pub(crate) fn calls() -> Vec<Call> {
    vec![
        get("/v1/conversations", "Conversations, newest window first", CONVERSE, list)
            .query(&[
                ("status", "`open`, `ended` or `interrupted`"),
                ("queue", "Not implemented yet"),
                ("assignee", "Not implemented yet"),
                ("tag", "Not implemented yet"),
                ("sender", "Those of this sender"),
                ("undelivered", "`true`: with an outbound message that the customer does not have"),
                ("expiring_within", "Those whose window closes within so many seconds"),
                ("q", "A customer's name, or number in any writing"),
                ("limit", "The page's size, 1 to 200; 50 by default"),
                ("cursor", "`next_cursor` of the page before"),
            ])
            .lists::<ConversationView>()
            .refuses(&[Code::NotFound, Code::NotImplemented]),
        get("/v1/conversations/{id}", "A conversation", CONVERSE, show)
            .answers::<ConversationView>(200),
        get("/v1/conversations/{id}/messages", "Its messages, newest first", CONVERSE, messages)
            .query(PAGE)
            .lists::<MessageView>(),
        get("/v1/conversations/{id}/events", "What happened in it, newest first", CONVERSE, events)
            .query(PAGE)
            .lists::<EventView>(),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    status: Option<String>,
    queue: Option<String>,
    assignee: Option<String>,
    tag: Option<String>,
    sender: Option<String>,
    undelivered: Option<String>,
    expiring_within: Option<String>,
    q: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// How a page is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) limit: Option<String>,
    pub(crate) cursor: Option<String>,
}

impl Listing {
    fn filter(self) -> Result<ConversationFilter, Problem> {
        let missing = [("queue", &self.queue), ("assignee", &self.assignee), ("tag", &self.tag)];
        if let Some((name, _)) = missing.iter().find(|(_, value)| value.is_some()) {
            let detail = format!("the filter `{name}` is not implemented yet; leave it out");
            return Err(Problem::new(Code::NotImplemented, detail));
        }
        if self.status.as_deref().is_some_and(|s| !STATUSES.contains(&s)) {
            let detail = format!("`status` must be one of {}", STATUSES.join(", "));
            return Err(Problem::invalid(detail));
        }
        Ok(ConversationFilter {
            sender: self.sender.as_deref().map(sender_id).transpose()?,
            status: self.status,
            undelivered: optional("undelivered", self.undelivered.as_deref(), "`true` or `false`")?,
            expiring_within_s: optional(
                "expiring_within",
                self.expiring_within.as_deref(),
                "a number of seconds",
            )?,
            q: self.q,
            limit: page_limit(self.limit.as_deref())?,
            cursor: self.cursor,
        })
    }
}

/// A conversation's id; what cannot be one belongs to no conversation.
pub(crate) fn conversation_id(text: &str) -> Result<ConversationId, Problem> {
    ConversationId::parse(text).map_err(|_| Problem::not_found("conversation with this id"))
}

async fn list(
    State(app): State<App>,
    Params(listing): Params<Listing>,
) -> Result<Json<List<ConversationView>>, Failure> {
    Ok(Json(app.list_conversations(&listing.filter()?, app.clock.now()).await?))
}

async fn show(
    State(app): State<App>,
    Ids(id): Ids<String>,
) -> Result<Json<ConversationView>, Failure> {
    Ok(Json(app.conversation(&conversation_id(&id)?, app.clock.now()).await?))
}

async fn messages(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Params(page): Params<Page>,
) -> Result<Json<List<MessageView>>, Failure> {
    let id = conversation_id(&id)?;
    let limit = page_limit(page.limit.as_deref())?;
    Ok(Json(app.conversation_messages(&id, limit, page.cursor.as_deref()).await?))
}

async fn events(
    State(app): State<App>,
    Ids(id): Ids<String>,
    Params(page): Params<Page>,
) -> Result<Json<List<EventView>>, Failure> {
    let id = conversation_id(&id)?;
    let limit = page_limit(page.limit.as_deref())?;
    Ok(Json(app.conversation_events(&id, limit, page.cursor.as_deref()).await?))
}

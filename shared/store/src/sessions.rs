//! SESSION: what is known of a conversation. No texts, no growing lists, under 1 KB, because
//! an update pays for the whole item.

use crate::item::{Conditional, Expression, Item, decode, encode, encode_value, n, s};
use crate::{HashKey, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use transom_core::consent::Consent;
use transom_core::id::{AccountId, BrandId, ConversationId, MessageId, SenderId};
use transom_core::identity::{Phone, User, UserId};
use transom_core::time::Timestamp;
use transom_core::window::{Basis, Window};

/// A conversation between a business number and a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The conversation.
    pub id: ConversationId,
    /// The business number; senders may be renamed, the number is what the thread belongs to (D1).
    pub number: Phone,
    /// The sender that last used it.
    pub sender: SenderId,
    /// That sender's account.
    pub account: AccountId,
    /// The brand that the conversation was begun for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<BrandId>,
    /// The user's number, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// The user's business-scoped id, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The conversation that this one is another name of: the provider said that both identities
    /// are one user. Nothing else of such an item counts any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<ConversationId>,
    /// The conversation whose user turned out to be this one's; its history stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predecessor: Option<ConversationId>,
    /// Those that were joined to it before its `predecessor`, the latest first, at most
    /// [`EARLIER_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<ConversationId>,
    /// The user's own name for himself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the item was made.
    pub created_at: Timestamp,
    /// The message (its sortable part) that made it, where a message did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_by: Option<String>,
    /// The user's latest message, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_user_at: Option<Timestamp>,
    /// When the window that it belongs to began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The message (its sortable part) that opened that window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<String>,
    /// The message (its sortable part) that a customer first wrote and that the question whether he
    /// opts in is asked after, where it is asked (M78).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompted_by: Option<String>,
    /// Where `last_user_at` comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The provider's latest refusal because of a closed window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_at: Option<Timestamp>,
    /// The user's latest word on consent.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub consent: Consent,
    /// When that word became known here, which may be long after it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_known_at: Option<Timestamp>,
    /// Every notice up to this instant has been given.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noticed_until: Timestamp,
    /// The time of the latest reminder; one that is not before `opened_at` is this window's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nudged_at: Option<Timestamp>,
    /// Before this instant nothing is sent: the provider asked us to wait, and later messages
    /// must not overtake the one that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_not_before: Option<Timestamp>,
    /// The replies that are held until the user writes again: a few.
    #[serde(
        default,
        serialize_with = "serde_dynamo::string_set::serialize",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    pub held: BTreeSet<MessageId>,
    /// The shard of the due index, while something is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_shard: Option<String>,
    /// When the sweep must look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The shard of the inbox index, once there is a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox_shard: Option<String>,
    /// What the inbox is sorted by: when the current window was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox_at: Option<Timestamp>,
}

/// How many conversations are known beside a `predecessor`. A customer has two or three names at a
/// provider; more of them would only make an item dearer that every message pays for.
pub const EARLIER_MAX: usize = 7;

fn is_unknown(consent: &Consent) -> bool {
    *consent == Consent::default()
}

fn is_zero(at: &Timestamp) -> bool {
    *at == Timestamp::ZERO
}

impl Session {
    /// Where messages of this conversation may stand beside itself: they were stored there before
    /// it turned out that it is the same user's. The latest first.
    pub fn predecessors(&self) -> impl Iterator<Item = &ConversationId> {
        self.predecessor.iter().chain(&self.earlier)
    }

    /// Notes that another conversation's messages, and those of its predecessors, are this one's.
    pub fn follows(&mut self, younger: &Self) {
        let known = self.predecessors().chain(younger.predecessors()).cloned();
        let mut earlier: Vec<_> = known.filter(|id| *id != younger.id).collect();
        earlier.truncate(EARLIER_MAX);
        self.predecessor = Some(younger.id.clone());
        self.earlier = earlier;
    }

    /// A conversation in which nothing has happened yet.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn new(
        id: ConversationId,
        number: Phone,
        sender: SenderId,
        account: AccountId,
        brand: Option<BrandId>,
        user: &User,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            number,
            sender,
            account,
            brand,
            phone: user.phone().cloned(),
            user_id: user.user_id().cloned(),
            alias_of: None,
            predecessor: None,
            earlier: Vec::new(),
            name: None,
            created_at: now,
            begun_by: None,
            last_user_at: None,
            opened_at: None,
            opened_by: None,
            prompted_by: None,
            basis: None,
            refused_at: None,
            consent: Consent::default(),
            consent_known_at: None,
            noticed_until: Timestamp::ZERO,
            nudged_at: None,
            out_not_before: None,
            held: BTreeSet::new(),
            due_shard: None,
            due_at: None,
            inbox_shard: None,
            inbox_at: None,
        }
    }

    /// The window's facts, where the user has ever written.
    #[must_use]
    pub fn window(&self) -> Option<Window> {
        Some(Window {
            last_user_at: self.last_user_at?,
            opened_at: self.opened_at?,
            basis: self.basis.unwrap_or(Basis::Receipt),
            refused_at: self.refused_at,
        })
    }

    /// Takes a window's facts over.
    pub fn set_window(&mut self, window: &Window) {
        self.last_user_at = Some(window.last_user_at);
        self.opened_at = Some(window.opened_at);
        self.basis = Some(window.basis);
        self.refused_at = window.refused_at;
    }

    /// The user. `None` only for an item that this build did not write.
    #[must_use]
    pub fn user(&self) -> Option<User> {
        User::from_parts(self.phone.clone(), self.user_id.clone())
    }
}

/// What became of a new conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionCreated {
    /// It is stored.
    New,
    /// It stood there already.
    Exists(Box<Session>),
}

/// What became of a conditional update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// It is stored.
    Done,
    /// A fact that it was decided on has changed: read again.
    Changed,
}

/// What became of a write of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowWritten {
    /// It is stored. These replies were held for the user when it was: whoever began to hold one
    /// after the conversation was read is among them.
    Done {
        /// The held replies.
        held: BTreeSet<MessageId>,
    },
    /// A fact that it was decided on has changed: read again.
    Changed,
}

pub(crate) const SESSION: &str = "SESSION";

pub(crate) fn partition(conversation: &ConversationId) -> String {
    format!("C#{}", conversation.hash())
}

impl Store {
    /// The shard of the due index for the item that `key` names.
    pub(crate) fn due_shard(&self, key: &str) -> String {
        format!("D#{}", HashKey::spread(key) % u64::from(self.due_shards))
    }

    /// The shard of a sender's inbox.
    pub(crate) fn inbox_shard(number: &Phone, conversation: &ConversationId) -> String {
        let shard = HashKey::spread(conversation.as_str()) % u64::from(crate::inbox::INBOX_SHARDS);
        format!("I#{}#{shard}", number.digits())
    }

    /// Reads a conversation, consistently.
    ///
    /// # Errors
    /// When the table cannot be reached, or the item is not one of ours.
    pub async fn session(&self, id: &ConversationId) -> Result<Option<Session>, StoreError> {
        let item = self.get(&self.tables.sessions, &partition(id), SESSION).await?;
        item.map(read_session).transpose()
    }

    /// Stores a conversation unless it exists. Its due and inbox shards are filled in here.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn create_session(&self, session: &Session) -> Result<SessionCreated, StoreError> {
        let item = self.session_item(session)?;
        let expression = Expression::default().when("attribute_not_exists(pk)");
        match self.put(&self.tables.sessions, item, expression).await? {
            Conditional::Done(_) => Ok(SessionCreated::New),
            Conditional::Failed(Some(item)) => {
                Ok(SessionCreated::Exists(Box::new(read_session(item)?)))
            }
            Conditional::Failed(None) => {
                Err(StoreError::Contended { operation: "create a conversation" })
            }
        }
    }

    pub(crate) fn session_item(&self, session: &Session) -> Result<Item, StoreError> {
        let mut session = session.clone();
        session.due_shard = session.due_at.map(|_| self.due_shard(session.id.as_str()));
        session.inbox_shard =
            session.inbox_at.map(|_| Self::inbox_shard(&session.number, &session.id));
        let mut item = encode("conversation", &session)?;
        item.insert("pk".into(), s(partition(&session.id)));
        item.insert("sk".into(), s(SESSION));
        Ok(item)
    }

    /// Extends an open window to `window.last_user_at`.
    ///
    /// | stored `opened_at` | stored `last_user_at` | then |
    /// |---|---|---|
    /// | as decided on | earlier | stored |
    /// | as decided on | the same or later | `Changed`: nothing is left to do |
    /// | another | any | `Changed`: decide again |
    ///
    /// A concurrent extension does not disturb the decision, which was only that the window is
    /// open at this time. An index moves only if nothing was due, or on the first message.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn extend_window(
        &self,
        session: &Session,
        window: &Window,
        first_visit: Option<Timestamp>,
    ) -> Result<WindowWritten, StoreError> {
        let expression = self
            .window_facts(session, window, first_visit)
            .when("opened_at = :opened AND last_user_at < :last")
            .value(":opened", n(window.opened_at.as_millis()));
        self.write_window(session, expression).await
    }

    /// Opens a new window under the condition that the facts it was decided on still stand.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn open_window(
        &self,
        session: &Session,
        window: &Window,
        opened_by: &str,
        first_visit: Option<Timestamp>,
    ) -> Result<WindowWritten, StoreError> {
        let mut expression = self
            .window_facts(session, window, first_visit)
            .set("opened_at = :opened")
            .set("opened_by = :by")
            .set("inbox_shard = :inbox")
            .set("inbox_at = :opened")
            .value(":opened", n(window.opened_at.as_millis()))
            .value(":by", s(opened_by))
            .value(":inbox", s(Self::inbox_shard(&session.number, &session.id)));
        if session.inbox_at.is_none() {
            // A contact that only had consent until now: this message begins the conversation.
            expression = expression.set("begun_by = if_not_exists(begun_by, :by)");
        }
        if let Some(prompted) =
            session.prompted_by.as_ref().filter(|_| session.last_user_at.is_none())
        {
            // With the first message ever, under its condition: so the question is asked once.
            expression = expression.set("prompted_by = :prompted").value(":prompted", s(prompted));
        }
        expression = match session.last_user_at {
            Some(seen) => {
                expression.when("last_user_at = :seen").value(":seen", n(seen.as_millis()))
            }
            None => expression.when("attribute_exists(pk) AND attribute_not_exists(last_user_at)"),
        };
        self.write_window(session, expression).await
    }

    /// Moves the beginning of the standing window back.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn predate_window(
        &self,
        session: &Session,
        window: &Window,
        opened_by: &str,
    ) -> Result<WindowWritten, StoreError> {
        let seen = session.opened_at.unwrap_or_default();
        let expression = Expression::default()
            .set("opened_at = :opened")
            .set("opened_by = :by")
            .value(":opened", n(window.opened_at.as_millis()))
            .value(":by", s(opened_by))
            .value(":seen", n(seen.as_millis()))
            .when("opened_at = :seen");
        self.write_window(session, expression).await
    }

    fn window_facts(
        &self,
        session: &Session,
        window: &Window,
        first_visit: Option<Timestamp>,
    ) -> Expression {
        let basis = match window.basis {
            Basis::UserTime => "user_time",
            Basis::Receipt => "receipt",
        };
        let mut expression = Expression::default()
            .set("last_user_at = :last")
            .set("basis = :basis")
            .set("sender = :sender")
            .set("account = :account")
            .value(":last", n(window.last_user_at.as_millis()))
            .value(":basis", s(basis))
            .value(":sender", s(session.sender.as_str()))
            .value(":account", s(session.account.as_str()));
        if let Some(name) = &session.name {
            expression =
                expression.set("#name = :name").name("#name", "name").value(":name", s(name));
        }
        if let Some(visit) = first_visit {
            // With replies to release the visit is set, not kept: should this function die before it
            // has released them, the sweep does.
            let (due, shard) = if session.held.is_empty() {
                (
                    "due_at = if_not_exists(due_at, :visit)",
                    "due_shard = if_not_exists(due_shard, :shard)",
                )
            } else {
                ("due_at = :visit", "due_shard = :shard")
            };
            expression = expression
                .set(due)
                .set(shard)
                .value(":visit", n(visit.as_millis()))
                .value(":shard", s(self.due_shard(session.id.as_str())));
        }
        expression
    }

    async fn write_window(
        &self,
        session: &Session,
        expression: Expression,
    ) -> Result<WindowWritten, StoreError> {
        match self.write_session_over(&session.id, expression).await? {
            Conditional::Done(before) => {
                let before = before.map(read_session).transpose()?;
                Ok(WindowWritten::Done { held: before.map(|s| s.held).unwrap_or_default() })
            }
            Conditional::Failed(_) => Ok(WindowWritten::Changed),
        }
    }

    async fn write_session(
        &self,
        id: &ConversationId,
        expression: Expression,
    ) -> Result<Updated, StoreError> {
        match self.write_session_over(id, expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }

    async fn write_session_over(
        &self,
        id: &ConversationId,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        // Whatever was decided on, it was not an alias: a conversation that has become one
        // meanwhile is written to at its target.
        let condition = expression.condition.clone().unwrap_or_default();
        let guarded = format!("attribute_not_exists(alias_of) AND ({condition})");
        let table = &self.tables.sessions;
        self.update(table, &partition(id), SESSION, expression.when(&guarded)).await
    }

    /// Lets a conversation know its user's other identity too. What it knows is never replaced
    /// (F18).
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn learn_identity(
        &self,
        id: &ConversationId,
        user: &User,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default();
        if let Some(phone) = user.phone() {
            expression = expression
                .set("phone = if_not_exists(phone, :phone)")
                .value(":phone", s(phone.as_str()));
        }
        if let Some(user_id) = user.user_id() {
            expression = expression
                .set("user_id = if_not_exists(user_id, :user)")
                .value(":user", s(user_id.as_str()));
        }
        self.write_session(id, expression.when("attribute_exists(pk)")).await
    }

    /// Records the provider's word that the window was closed at `at`, and asks the sweep to look
    /// at `now`. A later refusal replaces an earlier one, never the reverse.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn refuse_window(
        &self,
        id: &ConversationId,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("refused_at = :at")
            .set("due_at = :now")
            .set("due_shard = :shard")
            .value(":at", n(at.as_millis()))
            .value(":now", n(now.as_millis()))
            .value(":shard", s(self.due_shard(id.as_str())))
            .when("attribute_exists(last_user_at) AND (attribute_not_exists(refused_at) OR refused_at < :at)");
        self.write_session(id, expression).await
    }

    /// Records a visit of the sweep, if `due_at`, `last_user_at` and `refused_at` are still what
    /// the visit was decided on: so no message can be silenced between the read and the write.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn mark_visited(
        &self,
        session: &Session,
        noticed_until: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("noticed_until = :noticed")
            .value(":noticed", n(noticed_until.as_millis()))
            .value(":due", n(session.due_at.unwrap_or_default().as_millis()));
        let mut conditions = vec!["due_at = :due"];
        match session.last_user_at {
            Some(at) => {
                expression = expression.value(":last", n(at.as_millis()));
                conditions.push("last_user_at = :last");
            }
            None => conditions.push("attribute_not_exists(last_user_at)"),
        }
        match session.refused_at {
            Some(at) => {
                expression = expression.value(":refused", n(at.as_millis()));
                conditions.push("refused_at = :refused");
            }
            None => conditions.push("attribute_not_exists(refused_at)"),
        }
        expression = match next {
            Some(next) => expression.set("due_at = :next").value(":next", n(next.as_millis())),
            None => expression.remove("due_at").remove("due_shard"),
        };
        self.write_session(&session.id, expression.when(&conditions.join(" AND "))).await
    }

    /// Notes that the customer is reminded at `at`, if nothing that this was decided on has changed
    /// and no other sweep has noted one.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn note_nudge(
        &self,
        session: &Session,
        at: Timestamp,
    ) -> Result<Updated, StoreError> {
        let unnoted = match session.nudged_at {
            Some(_) => "nudged_at = :seen",
            None => "attribute_not_exists(nudged_at)",
        };
        let mut expression = Expression::default()
            .set("nudged_at = :at")
            .value(":at", n(at.as_millis()))
            .value(":last", n(session.last_user_at.unwrap_or_default().as_millis()))
            .when(&format!("last_user_at = :last AND {unnoted}"));
        if let Some(seen) = session.nudged_at {
            expression = expression.value(":seen", n(seen.as_millis()));
        }
        self.write_session(&session.id, expression).await
    }

    /// Records a word on consent if it is later than the one that stands, or of the same instant
    /// and a refusal (the rule of `Consent::is_replaced_by`, decided on `seen`).
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_consent(
        &self,
        id: &ConversationId,
        seen: &Consent,
        new: &Consent,
        now: Timestamp,
    ) -> Result<Updated, StoreError> {
        let mut expression = Expression::default()
            .set("consent = :new")
            .set("consent_known_at = :now")
            .value(":now", n(now.as_millis()))
            .value(":new", encode_value("consent", new)?);
        expression = if *seen == Consent::default() {
            expression.when("attribute_exists(pk) AND attribute_not_exists(consent)")
        } else {
            expression.when("consent = :seen").value(":seen", encode_value("consent", seen)?)
        };
        self.write_session(id, expression).await
    }

    /// Keeps later messages of a conversation from overtaking one that the provider put off.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn hold_back(
        &self,
        id: &ConversationId,
        until: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("out_not_before = :until")
            .value(":until", n(until.as_millis()))
            .when("attribute_exists(pk) AND (attribute_not_exists(out_not_before) OR out_not_before < :until)");
        self.write_session(id, expression).await
    }

    /// Ends the hold once nothing waits any more.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn release_hold(
        &self,
        id: &ConversationId,
        seen: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .remove("out_not_before")
            .value(":seen", n(seen.as_millis()))
            .when("out_not_before = :seen");
        self.write_session(id, expression).await
    }

    /// Puts a conversation that the business begins into the inbox, once; `begun_by` is the
    /// message (its sortable part) that begins it.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn show_in_inbox(
        &self,
        session: &Session,
        begun_by: &str,
        at: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("begun_by = if_not_exists(begun_by, :by)")
            .value(":by", s(begun_by))
            .set("inbox_shard = :inbox")
            .set("inbox_at = :at")
            .value(":inbox", s(Self::inbox_shard(&session.number, &session.id)))
            .value(":at", n(at.as_millis()))
            .when("attribute_exists(pk) AND attribute_not_exists(inbox_at)");
        self.write_session(&session.id, expression).await
    }
}

pub(crate) fn read_session(item: Item) -> Result<Session, StoreError> {
    decode("conversation", item)
}

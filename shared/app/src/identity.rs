//! Which conversation a user's message belongs to (design §3): one identity writes to its own
//! key, or to what that is an alias of; where the provider names two, they are one user.

use crate::{App, AppError};
use transom_core::due::next_visit;
use transom_core::id::ConversationId;
use transom_core::identity::{Phone, User, UserId};
use transom_core::time::Timestamp;
use transom_core::window::{Channel, Merge, merge};
use transom_store::{Heir, SenderRecord, Session, StoreError, Updated};

/// How often two identities are looked at again because somebody else wrote meanwhile.
const ROUNDS_MAX: u32 = 50;

/// How many aliases are followed; they never chain by themselves, but two joins may meet.
const HOPS_MAX: u32 = 5;

/// Where a user's messages go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thread {
    /// The conversation.
    pub(crate) id: ConversationId,
    /// As it stands, if it does.
    pub(crate) session: Option<Session>,
    /// The user, by the names under which this conversation may know him.
    pub(crate) user: User,
}

impl App {
    /// The conversation at `key`, or what that is an alias of.
    pub(crate) async fn follow(
        &self,
        key: &ConversationId,
    ) -> Result<(ConversationId, Option<Session>), AppError> {
        let mut id = key.clone();
        for _ in 0..HOPS_MAX {
            let session = self.store.session(&id).await?;
            match session.as_ref().and_then(|s| s.alias_of.clone()) {
                Some(target) => id = target,
                None => return Ok((id, session)),
            }
        }
        Err(StoreError::Corrupt { what: "conversation", reason: "its aliases form a ring".into() }
            .into())
    }

    /// The conversation at the key of `user`, or what that is an alias of. A number that passes on
    /// while aliases are read may lead from a user's id to somebody else: then it is read again.
    pub(crate) async fn follow_user(
        &self,
        key: &ConversationId,
        user: &User,
    ) -> Result<(ConversationId, Option<Session>), AppError> {
        let mut found = self.follow(key).await?;
        let User::Id(id) = user else { return Ok(found) };
        for _ in 0..HOPS_MAX {
            let known = found.1.as_ref().and_then(|s| s.user_id.as_ref());
            if !differ(known, Some(id)) {
                break;
            }
            found = self.follow(key).await?;
        }
        Ok(found)
    }

    /// The conversation that a message, a contact or a saved id belongs to. Where its key was a
    /// number's that has passed to another user, the former user's conversation: what was meant
    /// for him never reaches the other (F18).
    pub(crate) async fn follow_conversation(
        &self,
        id: &ConversationId,
    ) -> Result<(ConversationId, Option<Session>), AppError> {
        let Some(own) = self.store.session(id).await? else { return Ok((id.clone(), None)) };
        let Some(target) = &own.alias_of else { return Ok((id.clone(), Some(own))) };
        let found = self.follow(target).await?;
        let known = found.1.as_ref().and_then(|s| s.user_id.as_ref());
        match &own.user_id {
            Some(user_id) if differ(known, Some(user_id)) => {
                let user = User::Id(user_id.clone());
                let key = self.store.hash_key().conversation(&own.number, &user);
                self.follow_user(&key, &user).await
            }
            Some(_) | None => Ok(found),
        }
    }

    /// The conversation of `user` with a sender. Two identities in one payload are made one.
    pub(crate) async fn thread(
        &self,
        sender: &SenderRecord,
        user: &User,
        now: Timestamp,
    ) -> Result<Thread, AppError> {
        let number = &sender.sender.phone;
        let key = self.store.hash_key().conversation(number, user);
        let User::Both(phone, user_id) = user else {
            let (id, session) = self.follow_user(&key, user).await?;
            return Ok(Thread { id, session, user: user.clone() });
        };
        let by_phone = User::Phone(phone.clone());
        let by_id = User::Id(user_id.clone());
        let other_key = self.store.hash_key().conversation(number, &by_id);
        for _ in 0..ROUNDS_MAX {
            let (first, second) =
                futures::join!(self.follow(&key), self.follow_user(&other_key, &by_id));
            let ((first, a), (second, b)) = (first?, second?);
            if first == second {
                return Ok(Thread { id: first, session: a, user: user.clone() });
            }
            match (a, b) {
                (Some(a), b) if differ(a.user_id.as_ref(), Some(user_id)) => {
                    // The number was another user's: it has passed on, or this payload is late.
                    if let Some(b) = b.filter(|b| b.created_at <= a.created_at) {
                        return Ok(Thread { id: second, session: Some(b), user: by_id });
                    }
                    self.hand_over(sender, (&key, phone), &a, (&second, user), now).await?;
                }
                // The phone's becomes the conversation; its item is made with the first message.
                (_, None) => self.alias(sender, &by_id, other_key.clone(), &first, now).await?,
                (None, Some(_)) => {
                    self.alias(sender, &by_phone, key.clone(), &second, now).await?;
                }
                (Some(a), Some(b)) => self.join(sender, a, b).await?,
            }
        }
        Err(StoreError::Contended { operation: "make two identities one" }.into())
    }

    /// The provider names a number with another business-scoped id than before: WhatsApp gives a
    /// new number a new id, so the number has passed to another user. His conversation is his own;
    /// neither the former user's window nor his consent is his (F18).
    async fn hand_over(
        &self,
        sender: &SenderRecord,
        (key, phone): (&ConversationId, &Phone),
        former: &Session,
        (heir, user): (&ConversationId, &User),
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Some(before) = former.user_id.clone().map(User::Id) else { return Ok(()) };
        let by_id = self.store.hash_key().conversation(&sender.sender.phone, &before);
        let heir = match self.store.session(heir).await? {
            Some(_) => Heir::Known(heir.clone()),
            None => Heir::New(Box::new(new_session(sender, heir.clone(), user, now))),
        };
        let handed = self.store.hand_over(key, (former, &by_id), &heir, phone).await?;
        if handed == Updated::Done {
            let heir = self.store.session(heir.id()).await?;
            if let Some(heir) = &heir {
                self.find_by_phone(&sender.sender.phone, heir).await?;
            }
            tracing::info!(outcome = "handed_over", former = %former.id, "a number has another user");
        }
        Ok(())
    }

    async fn alias(
        &self,
        sender: &SenderRecord,
        user: &User,
        alias: ConversationId,
        target: &ConversationId,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let session = new_session(sender, alias, user, now);
        // Whether it was made or something stood there: the next round looks again.
        self.store.put_alias(&session, target).await?;
        Ok(())
    }

    /// Two conversations turn out to be one user's: the younger becomes an alias of the older,
    /// which takes the later window and the later word on consent.
    async fn join(&self, sender: &SenderRecord, a: Session, b: Session) -> Result<(), AppError> {
        let (older, younger) =
            if (a.created_at, &a.id) <= (b.created_at, &b.id) { (a, b) } else { (b, a) };
        let mut merged = older.clone();
        merged.phone = older.phone.clone().or_else(|| younger.phone.clone());
        merged.user_id = older.user_id.clone().or_else(|| younger.user_id.clone());
        if older.consent.is_replaced_by(&younger.consent) {
            merged.consent = younger.consent.clone();
        }
        if let Some(theirs) = younger.window() {
            let ours = older.window();
            let at = theirs.last_user_at;
            match merge(ours.as_ref(), at, theirs.basis, Channel::WHATSAPP) {
                Merge::Opens(mut window) => {
                    window.opened_at = theirs.opened_at;
                    merged.set_window(&window);
                }
                Merge::Extends(window) | Merge::Predates(window) => merged.set_window(&window),
                Merge::Unchanged => {}
            }
        }
        merged.name = older.name.clone().or_else(|| younger.name.clone());
        merged.refused_at = older.refused_at.max(younger.refused_at);
        merged.nudged_at = older.nudged_at.max(younger.nudged_at);
        merged.consent_known_at = older.consent_known_at.max(younger.consent_known_at);
        merged.out_not_before = older.out_not_before.max(younger.out_not_before);
        merged.held.extend(younger.held.iter().cloned());
        // What was noticed of the window that prevails; rather a notice twice than none.
        if younger.last_user_at > older.last_user_at {
            merged.noticed_until = younger.noticed_until;
        }
        let next = merged.window().and_then(|window| {
            next_visit(&window, merged.noticed_until, sender.reminders(), Channel::WHATSAPP)
        });
        // The earliest of all: a visit too many costs little, a missed one a warning.
        merged.due_at = [older.due_at, younger.due_at, next].into_iter().flatten().min();
        // First, because a repeat finds nothing left to join: a pointer too many leads to where the
        // number is about to stand, one too few is never missed.
        self.find_by_phone(&sender.sender.phone, &merged).await?;
        let joined = self.store.join_sessions(&older, &younger, &merged).await?;
        if joined == Updated::Done {
            tracing::info!(outcome = "joined", conversation = %older.id, alias = %younger.id, "two identities are one user");
        }
        Ok(())
    }

    /// Lets a conversation know what else the provider says of its user.
    pub(crate) async fn learn(
        &self,
        number: &Phone,
        session: &Session,
        user: &User,
    ) -> Result<Session, AppError> {
        let news = (session.phone.is_none() && user.phone().is_some())
            || (session.user_id.is_none() && user.user_id().is_some());
        let mut known = session.clone();
        if !news {
            return Ok(known);
        }
        known.phone = known.phone.or_else(|| user.phone().cloned());
        known.user_id = known.user_id.or_else(|| user.user_id().cloned());
        if session.phone.is_none() {
            // First, because a repeat finds no news any more.
            self.find_by_phone(number, &known).await?;
        }
        self.store.learn_identity(&session.id, user).await?;
        Ok(known)
    }

    /// Makes a conversation findable by its user's number.
    pub(crate) async fn find_by_phone(
        &self,
        number: &Phone,
        session: &Session,
    ) -> Result<(), AppError> {
        if let Some(phone) = &session.phone {
            self.store.put_pointer(number, &phone.reversed(), &session.id).await?;
        }
        Ok(())
    }

    /// The number that a provider's answer calls the recipient by, where that leads to another
    /// conversation than the message's.
    pub(crate) fn other_writing(
        &self,
        number: &Phone,
        conversation: &ConversationId,
        wa_id: &str,
    ) -> Option<Phone> {
        let phone = Phone::from_digits(wa_id.trim_start_matches('+')).ok()?;
        let user = User::Phone(phone.clone());
        (self.store.hash_key().conversation(number, &user) != *conversation).then_some(phone)
    }

    /// The provider wrote the recipient in another way than we did, and so said that both are
    /// one user: that writing becomes an alias, or its conversation is joined with this one.
    pub(crate) async fn alias_of_answer(
        &self,
        sender: &SenderRecord,
        conversation: &ConversationId,
        phone: &Phone,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let user = User::Phone(phone.clone());
        let key = self.store.hash_key().conversation(&sender.sender.phone, &user);
        for _ in 0..ROUNDS_MAX {
            let (ours, theirs) = futures::join!(self.follow(conversation), self.follow(&key));
            let ((ours, a), (theirs, b)) = (ours?, theirs?);
            match (a, b) {
                _ if ours == theirs => return Ok(()),
                (Some(a), Some(b)) if differ(a.user_id.as_ref(), b.user_id.as_ref()) => {
                    tracing::warn!(outcome = "not_joined", conversation = %a.id, other = %b.id, "the answer names another user");
                    return Ok(());
                }
                (Some(a), Some(b)) => self.join(sender, a, b).await?,
                (_, None) => self.alias(sender, &user, key.clone(), &ours, now).await?,
                (None, Some(_)) => return Ok(()),
            }
        }
        Err(StoreError::Contended { operation: "make two writings one" }.into())
    }
}

/// A conversation of a sender and a user in which nothing has happened yet.
pub(crate) fn new_session(
    sender: &SenderRecord,
    conversation: ConversationId,
    user: &User,
    now: Timestamp,
) -> Session {
    let sender = &sender.sender;
    Session::new(
        conversation,
        sender.phone.clone(),
        sender.id.clone(),
        sender.account.clone(),
        sender.brand.clone(),
        user,
        now,
    )
}

fn differ(a: Option<&UserId>, b: Option<&UserId>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a != b)
}

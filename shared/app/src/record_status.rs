//! Something becomes known about a message that was sent: a fact, set once, in any order.

use crate::aftermath::alarm;
use crate::event::Event;
use crate::{App, AppError};
use serde_json::{Value, json};
use transom_core::event::{Cause, EventKind};
use transom_core::id::MessageId;
use transom_core::message::{Fact, FactKind, Phase, Source, Status, may_have_happened};
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, Join, Message, RecordFact, Session};
use transom_wire::{Concern, Reference, StatusUpdate};

/// How many of a conversation's newest messages are searched for one whose status came back
/// without our reference.
pub(crate) const SEARCHED_MAX: u16 = 100;

impl App {
    /// Records a status of a verified account's message.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub async fn record_status(
        &self,
        account: &AccountRecord,
        update: StatusUpdate,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let fact = update.fact.map(|kind| {
            let at = update.at.unwrap_or(now);
            (kind, Fact { at, source: Source::Provider, code: update.code.clone() })
        });
        if !transom_wire::statuses_carry_reference(account.account.provider) {
            return self.join_status(account, &update, fact.as_ref(), now).await;
        }
        let Some((kind, fact)) = fact else { return Ok(()) };
        let reference = match &update.reference {
            Some(reference) => Some(reference.clone()),
            None => self.find_by_provider_id(account, &update).await?,
        };
        if let Some(reference) = &reference
            && self.apply(account, reference, kind, &fact, now).await?
        {
            return Ok(());
        }
        self.leave_unmatched(account, &update, kind, now).await
    }

    async fn leave_unmatched(
        &self,
        account: &AccountRecord,
        update: &StatusUpdate,
        kind: FactKind,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let name = format!("status:{}", kind.as_str());
        let id = (name.as_str(), update.provider_message_id.as_str());
        self.leave_unattached(account, id, "unmatched_status", now).await
    }

    /// Records a fact and takes what follows from it; false when there is no such message of this
    /// account.
    pub(crate) async fn apply(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        kind: FactKind,
        fact: &Fact,
        now: Timestamp,
    ) -> Result<bool, AppError> {
        let id = &account.account.id;
        let recorded =
            self.store.record_fact(&reference.message, reference.attempt, kind, fact, id).await?;
        match recorded {
            RecordFact::Recorded(before) => {
                self.after_fact(account, reference, &before, kind, fact, now).await?;
                Ok(true)
            }
            RecordFact::Unmatched => Ok(false),
        }
    }

    /// Takes a status that carries no reference of ours: the provider's id of the message leads to
    /// it, or keeps the fact until the send's answer comes.
    async fn join_status(
        &self,
        account: &AccountRecord,
        update: &StatusUpdate,
        fact: Option<&(FactKind, Fact)>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let id = &account.account.id;
        let (own, other) = (&update.provider_message_id, update.other_id.as_deref());
        let fact = fact.map(|(kind, fact)| (*kind, fact));
        if fact.is_none() && other.is_none() {
            return Ok(());
        }
        let found = match self.store.join(id, own).await?.message {
            Some(found) => Some(found),
            None => self.store.join_fact(id, own, fact, other, now).await?.message,
        };
        let Some((message, attempt)) = found else {
            tracing::info!(outcome = "waits_for_the_answer", account = %id, "status");
            return Ok(());
        };
        let reference = Reference { message, attempt };
        if let Some((kind, fact)) = fact
            && !self.apply(account, &reference, kind, fact, now).await?
        {
            return self.leave_unmatched(account, update, kind, now).await;
        }
        match other {
            Some(other) => self.join_other_id(account, other, &reference, now).await,
            None => Ok(()),
        }
    }

    /// A provider may call the message by its other id alone later: that one leads to it too. The
    /// first status that names both writes this; the others read that it stands.
    async fn join_other_id(
        &self,
        account: &AccountRecord,
        other: &str,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let Reference { message, attempt } = reference;
        let id = &account.account.id;
        let stands = self.store.join(id, other).await?;
        let left = match stands.message {
            Some(_) => stands,
            None => self.store.join_message(id, other, message, *attempt, now).await?,
        };
        self.take_left(account, &left, reference, now).await
    }

    /// Takes the facts that came before it was known which message they are about.
    async fn take_left(
        &self,
        account: &AccountRecord,
        left: &Join,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<(), AppError> {
        for (kind, fact) in &left.facts {
            self.apply(account, reference, *kind, fact, now).await?;
        }
        Ok(())
    }

    /// The other side of the join: the send's answer says which message the provider's id is, and
    /// takes what statuses have left.
    pub(crate) async fn join_answer(
        &self,
        account: &AccountRecord,
        provider_message_id: &str,
        reference: &Reference,
        now: Timestamp,
    ) -> Result<(), AppError> {
        if transom_wire::statuses_carry_reference(account.account.provider) {
            return Ok(());
        }
        let Reference { message, attempt } = reference;
        let id = &account.account.id;
        let left = self.store.join_message(id, provider_message_id, message, *attempt, now).await?;
        self.take_left(account, &left, reference, now).await?;
        match &left.other_id {
            Some(other) => self.join_other_id(account, other, reference, now).await,
            None => Ok(()),
        }
    }

    /// Locates a message whose status came without our reference, by the conversation that the
    /// status names and the provider's id.
    async fn find_by_provider_id(
        &self,
        account: &AccountRecord,
        update: &StatusUpdate,
    ) -> Result<Option<Reference>, AppError> {
        let (Some(business), Some(user)) = (&update.business, &update.user) else {
            return Ok(None);
        };
        let Some(sender) = self.sender_of_business(account, business).await? else {
            return Ok(None);
        };
        let key = self.store.hash_key().conversation(&sender.sender.phone, user);
        let (conversation, session) = self.follow_user(&key, user).await?;
        let mut places = vec![conversation, key];
        places.extend(session.iter().flat_map(Session::predecessors).cloned());
        places.dedup();
        for place in places {
            let (messages, _) = self.store.messages(&place, None, SEARCHED_MAX).await?;
            let ours =
                |m: &Message| m.provider_message_id.as_deref() == Some(&update.provider_message_id);
            let found = messages.into_iter().find(ours);
            if let Some((attempt, Some(message))) = found.map(|m| (m.attempt, m.id)) {
                return Ok(Some(Reference { message, attempt }));
            }
        }
        Ok(None)
    }

    /// What follows from a fact, once it is durable. Each step is idempotent, and a redelivery
    /// takes them all again.
    pub(crate) async fn after_fact(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        before: &Message,
        kind: FactKind,
        fact: &Fact,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let id = &reference.message;
        let mut after = before.clone();
        // A repeat tells what was first: the fact that stands.
        let fact =
            after.facts.entry((reference.attempt, kind)).or_insert_with(|| fact.clone()).clone();
        let fact = &fact;
        if kind == FactKind::Failed {
            self.after_failure(account, reference, &after, fact, now).await?;
        }
        self.book_fact(account, reference, &after, kind, fact).await?;
        // Whatever may have left a mark is asked for, not how the message stood before: when this is
        // a repeat, it stood as it does now, and the first time may not have come to this line.
        let failed = after.facts.keys().any(|(_, kind)| Status::from(*kind).is_undelivered());
        let marked = failed || after.unconfirmed.is_some();
        if after.is_undelivered() {
            self.mark_undelivered(id).await?;
        } else if marked {
            self.store.clear_undelivered(id).await?;
        }
        self.publish(fact_events(account, reference, &after, kind, fact)).await
    }

    /// Marks a message, and takes the mark back if evidence came in between: what is shown and what
    /// is marked must agree whichever of two statuses was faster.
    pub(crate) async fn mark_undelivered(&self, id: &MessageId) -> Result<(), AppError> {
        self.store.put_undelivered(id).await?;
        let stands = self.store.message(id).await?;
        if stands.is_some_and(|m| !m.is_undelivered() && m.phase == Phase::Answered) {
            self.store.clear_undelivered(id).await?;
        }
        Ok(())
    }

    async fn after_failure(
        &self,
        account: &AccountRecord,
        reference: &Reference,
        after: &Message,
        fact: &Fact,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let id = &reference.message;
        let code = fact.code.as_deref().unwrap_or_default();
        let explanation = transom_wire::explain(account.account.provider, code);
        let happened = may_have_happened(&after.facts, reference.attempt);
        // The call's own time, not the answer's: what the customer said in between counts. Of an
        // earlier attempt's call only the message's time is known to be before it.
        let newest = after.claimed_at.filter(|_| reference.attempt == after.attempt);
        let called_at = newest.unwrap_or_else(|| id.at());
        if transom_wire::ends_consent(account.account.provider, code) && !happened {
            self.consent_ended(&id.conversation(), called_at, now).await?;
        }
        if explanation.concern == Concern::Window && !happened {
            let (conversation, _) = self.follow_conversation(&id.conversation()).await?;
            self.store.refuse_window(&conversation, called_at, now).await?;
        }
        if explanation.concern == Concern::Balance && !happened {
            self.note_balance_refused(account, reference, fact).await?;
        }
        if matches!(explanation.concern, Concern::Account | Concern::Balance) {
            tracing::error!(outcome = "account_refused", account = %account.account.id, sender = %after.sender, code, "the provider refuses this account");
        }
        if !happened {
            self.refund_attempt(after, reference.attempt).await?;
            self.uncount_for_agent(after, reference.attempt).await?;
        }
        Ok(())
    }
}

/// The events that a fact makes: `message.status` always, and a second for what somebody must
/// act on.
pub(crate) fn fact_events(
    account: &AccountRecord,
    reference: &Reference,
    after: &Message,
    kind: FactKind,
    fact: &Fact,
) -> Vec<Event> {
    let id = &reference.message;
    let data = fact_data(account, reference, after, kind, fact);
    let kinds = std::iter::once(EventKind::MessageStatus).chain(alarm(kind));
    let cause = Cause::Fact(id.clone(), reference.attempt, kind);
    kinds
        .map(|event| {
            Event::new(event, &cause, fact.at, data.clone())
                .in_conversation(&id.conversation(), &after.sender)
        })
        .collect()
}

fn fact_data(
    account: &AccountRecord,
    reference: &Reference,
    after: &Message,
    kind: FactKind,
    fact: &Fact,
) -> Value {
    let failure = fact.code.as_deref().filter(|_| kind == FactKind::Failed).map(|code| {
        let explanation = transom_wire::explain(account.account.provider, code);
        json!({
            "provider_code": code,
            "meaning": explanation.meaning,
            "retryable": explanation.retryable,
            "remedy": explanation.remedy,
        })
    });
    json!({
        "message": reference.message,
        "conversation": reference.message.conversation(),
        "sender": after.sender,
        "attempt": reference.attempt,
        "status": kind.as_str(),
        "shown": after.status().as_str(),
        "at": fact.at.rfc3339(),
        "failure": failure,
    })
}

//! How many messages agents may send, as the use cases meet it (M25, M26). What a system or a rule
//! sends is not counted, nor anything for a sender that sets no such limit.

use crate::limit::holder;
use crate::{App, AppError};
use transom_core::account::Sender;
use transom_core::agent_limit::{AgentLimits, Counting, one_more_of, one_more_to};
use transom_core::code::Code;
use transom_core::message::Origin;
use transom_core::time::Timestamp;
use transom_store::{AgentSend, Counted, Message, RefusalRecord, Session};

/// An agent's message that a limit applies to.
pub(crate) struct Limited<'a> {
    limits: AgentLimits,
    sender: &'a Sender,
    session: &'a Session,
    user: String,
    agent: &'a str,
    now: Timestamp,
}

impl<'a> Limited<'a> {
    /// `None` where nothing is counted.
    pub(crate) fn of(
        sender: &'a Sender,
        session: &'a Session,
        (origin, sent_by): (Origin, Option<&'a str>),
        now: Timestamp,
    ) -> Option<Self> {
        let limits = sender.agent_limits?;
        let agent = sent_by.filter(|_| origin == Origin::Agent)?;
        let user = session.user()?.canonical();
        Some(Self { limits, sender, session, user, agent, now })
    }

    fn send<'b>(&'b self, holder: &'b str) -> AgentSend<'b> {
        AgentSend {
            number: &self.sender.phone,
            user: &self.user,
            agent: self.agent,
            holder,
            now: self.now,
        }
    }

    fn refusal(&self, code: Code, limit: u32, free_at: Timestamp) -> RefusalRecord {
        let detail = if code == Code::AgentMonthLimit {
            format!("this agent has sent {limit} messages in 30 days")
        } else {
            format!("agents have sent {limit} messages since the customer's last one")
        };
        RefusalRecord {
            detail: Some(detail),
            retry_at: Some(free_at),
            ..RefusalRecord::new(code, self.now)
        }
    }
}

impl App {
    /// Counts an attempt of an agent, or says why it may not be sent. Repeating it counts nothing
    /// twice.
    pub(crate) async fn count_for_agent(
        &self,
        limited: &Limited<'_>,
        message: &Message,
    ) -> Result<Option<RefusalRecord>, AppError> {
        let Some(id) = &message.id else { return Ok(None) };
        let holder = holder(id, message.attempt);
        let send = limited.send(&holder);
        if let Some(limit) = limited.limits.per_user_24h {
            let last = limited.session.last_user_at;
            if let Counted::Full { free_at } = self.store.count_to_user(&send, limit, last).await? {
                return Ok(Some(limited.refusal(Code::AgentUserLimit, limit, free_at)));
            }
        }
        if let Some(limit) = limited.limits.per_agent_30d
            && let Counted::Full { free_at } = self.store.count_of_agent(&send, limit).await?
        {
            self.store.uncount(&send).await?;
            return Ok(Some(limited.refusal(Code::AgentMonthLimit, limit, free_at)));
        }
        Ok(None)
    }

    /// What [`App::count_for_agent`] would say, without counting.
    pub(crate) async fn look_for_agent(
        &self,
        limited: &Limited<'_>,
    ) -> Result<Option<RefusalRecord>, AppError> {
        let number = &limited.sender.phone;
        if let Some(limit) = limited.limits.per_user_24h {
            let held = self.store.sent_to_user(number, &limited.user).await?;
            let last = limited.session.last_user_at;
            if let Counting::Full { free_at } = one_more_to(&held, limit, last, "", limited.now) {
                return Ok(Some(limited.refusal(Code::AgentUserLimit, limit, free_at)));
            }
        }
        if let Some(limit) = limited.limits.per_agent_30d {
            let days = self.store.sent_by_agent(number, limited.agent).await?;
            if let Counting::Full { free_at } = one_more_of(&days, limit, limited.now) {
                return Ok(Some(limited.refusal(Code::AgentMonthLimit, limit, free_at)));
            }
        }
        Ok(None)
    }

    /// An attempt of an agent certainly did not happen: it counts no more (D13).
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub(crate) async fn uncount_for_agent(
        &self,
        message: &Message,
        attempt: u32,
    ) -> Result<(), AppError> {
        let Some(id) = message.id.as_ref().filter(|_| message.origin == Origin::Agent) else {
            return Ok(());
        };
        let Some(sender) = self.store.sender(&message.sender).await? else { return Ok(()) };
        if sender.sender.agent_limits.is_none() {
            return Ok(());
        }
        let (_, session) = self.follow_conversation(&id.conversation()).await?;
        let Some(session) = session else { return Ok(()) };
        let by = (message.origin, message.sent_by.as_deref());
        let now = self.clock.now();
        if let Some(limited) = Limited::of(&sender.sender, &session, by, now) {
            let holder = holder(id, attempt);
            self.store.uncount(&limited.send(&holder)).await?;
        }
        Ok(())
    }
}

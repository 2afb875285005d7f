//! The rolling messaging limit, as the use cases meet it.

use crate::{App, AppError};
use transom_core::account::{Account, LimitScope, Sender};
use transom_core::id::{MessageId, PortfolioId};
use transom_core::identity::User;
use transom_core::limit::LIMIT_DEFAULT;
use transom_core::time::Timestamp;
use transom_store::{Message, Reservation, Usage, Wanted};

/// The key of the scope whose places a sender's messages take (D11).
#[must_use]
pub fn scope_of(sender: &Sender, account: &Account) -> String {
    match (sender.limit_scope, &account.portfolio) {
        (LimitScope::Portfolio, Some(portfolio)) => scope_of_portfolio(portfolio),
        (LimitScope::Portfolio | LimitScope::Sender, _) => {
            format!("number#{}", sender.phone.digits())
        }
    }
}

/// The figure of a portfolio that nobody has set up yet.
const PORTFOLIO_DEFAULT: Option<u32> = Some(LIMIT_DEFAULT);

/// The key of a portfolio's scope.
#[must_use]
pub fn scope_of_portfolio(id: &PortfolioId) -> String {
    format!("portfolio#{id}")
}

/// The name under which an attempt holds a place.
#[must_use]
pub fn holder(message: &MessageId, attempt: u32) -> String {
    format!("{message}.{attempt}")
}

/// How a limit stands for one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitLook {
    /// How many places there are.
    pub(crate) limit: u32,
    /// How many are taken.
    pub(crate) used: u32,
    /// Whether the customer holds one, so that another message to him needs none.
    pub(crate) held: bool,
    /// Whether a message that begins something would be refused.
    pub(crate) full: bool,
    /// When the next place is free.
    pub(crate) next_free_at: Option<Timestamp>,
}

impl App {
    /// A sender as its limit sees it: where it shares a portfolio's places, its own figure is the
    /// portfolio's (D11). Read consistently, and only for such senders.
    pub(crate) async fn with_limit(
        &self,
        mut sender: Sender,
        account: &Account,
    ) -> Result<Sender, AppError> {
        if let (LimitScope::Portfolio, Some(portfolio)) = (sender.limit_scope, &account.portfolio) {
            let known = self.store.portfolio(portfolio).await?;
            sender.messaging_limit =
                known.map_or(PORTFOLIO_DEFAULT, |record| record.portfolio.messaging_limit);
        }
        Ok(sender)
    }

    /// Takes a place for an attempt; just before its call when `calling`. An unlimited sender
    /// writes nothing.
    pub(crate) async fn take_place(
        &self,
        sender: &Sender,
        account: &Account,
        user: &User,
        holder: &str,
        now: Timestamp,
        calling: bool,
    ) -> Result<Reservation, AppError> {
        let Some(limit) = sender.messaging_limit else { return Ok(Reservation::Reserved) };
        let scope = scope_of(sender, account);
        let user = self.store.limit_user(&user.canonical());
        let wanted = Wanted { scope: &scope, user: &user, limit, holder, now, calling };
        Ok(self.store.reserve(&wanted).await?)
    }

    /// How a limit stands for one customer, without taking anything; `None` for an unlimited sender.
    pub(crate) async fn look_for_place(
        &self,
        sender: &Sender,
        account: &Account,
        user: &User,
        now: Timestamp,
    ) -> Result<Option<LimitLook>, AppError> {
        let Some(limit) = sender.messaging_limit else { return Ok(None) };
        let scope = scope_of(sender, account);
        let user = self.store.limit_user(&user.canonical());
        let (held, usage) = futures::try_join!(
            self.store.holds_place(&scope, &user, now),
            self.store.usage_at_a_look(&scope, limit, now)
        )?;
        let Usage { used, next_free_at } = usage;
        let full = limit == 0 || (!held && used >= limit);
        Ok(Some(LimitLook { limit, used, held, full, next_free_at }))
    }

    /// Gives the place of a message's newest attempt back, because that certainly did not
    /// happen (D13). Harmless for a message that holds none.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn refund_place(&self, message: &Message) -> Result<(), AppError> {
        self.refund_attempt(message, message.attempt).await
    }

    /// The same for one attempt.
    pub(crate) async fn refund_attempt(
        &self,
        message: &Message,
        attempt: u32,
    ) -> Result<(), AppError> {
        let Some(id) = message.id.as_ref().filter(|_| message.may_hold_place()) else {
            return Ok(());
        };
        self.store.give_budget_back(&message.sender, &holder(id, attempt)).await?;
        // By every name under which the place may have been taken: the conversation's own user, and
        // the one that he turned out to be.
        let conversation = id.conversation();
        let (own, (_, now)) = futures::try_join!(
            async { Ok(self.store.session(&conversation).await?) },
            self.follow_conversation(&conversation)
        )?;
        let mut users: Vec<String> = [own, now]
            .into_iter()
            .flatten()
            .filter_map(|session| session.user())
            .map(|user| self.store.limit_user(&user.canonical()))
            .collect();
        users.dedup();
        let Some(sender) = self.store.sender(&message.sender).await? else { return Ok(()) };
        let Some(account) = self.store.account(&message.account).await? else { return Ok(()) };
        let sender = self.with_limit(sender.sender, &account.account).await?;
        if sender.messaging_limit.is_none() {
            return Ok(());
        }
        let scope = scope_of(&sender, &account.account);
        for user in users {
            let now = self.clock.now();
            if self.store.refund(&scope, &user, &holder(id, attempt), now).await? {
                self.wake_waiting(&scope, now).await?;
            }
        }
        Ok(())
    }
}

//! Messaging limits that are raised or lowered, by an administrator or by the provider's own event
//! (M22, D11). Words count by their time; each is told once.

use super::{ROUNDS_MAX, contended};
use crate::event::Event;
use crate::limit::scope_of_portfolio;
use crate::{App, AppError};
use serde_json::json;
use std::cmp::Ordering;
use transom_core::account::Portfolio;
use transom_core::account::{Account, LimitScope};
use transom_core::event::{Cause, EventKind};
use transom_core::id::{PortfolioId, SenderId};
use transom_core::limit::{LIMIT_DEFAULT, LimitWord, height, limit_word};
use transom_core::time::Timestamp;
use transom_store::{AccountRecord, PortfolioRecord, SenderRecord, Updated};
use transom_wire::LimitUpdate;

/// Whose limit it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum LimitOf<'a> {
    /// A sender's own.
    Sender(&'a SenderId),
    /// A portfolio's.
    Portfolio(&'a PortfolioId),
}

/// The event of a limit that was `before` and is `after` since `at`; none where it is the same, or
/// where there was none before. No limit is higher than any.
pub(super) fn limit_event(
    whose: LimitOf<'_>,
    before: Option<Option<u32>>,
    after: Option<u32>,
    at: Timestamp,
) -> Option<Event> {
    let before = before?;
    let kind = match height(after).cmp(&height(before)) {
        Ordering::Greater => EventKind::LimitRaised,
        Ordering::Less => EventKind::LimitLowered,
        Ordering::Equal => return None,
    };
    let (name, sender, portfolio, scope) = match whose {
        LimitOf::Sender(id) => (format!("limit:sender:{id}"), Some(id), None, LimitScope::Sender),
        LimitOf::Portfolio(id) => {
            (format!("limit:portfolio:{id}"), None, Some(id), LimitScope::Portfolio)
        }
    };
    let data = json!({
        "sender": sender,
        "portfolio": portfolio,
        "from": before,
        "to": after,
        "scope": scope,
        "at": at.rfc3339(),
    });
    let mut event = Event::new(kind, &Cause::Changed(name, at), at, data);
    event.sender = sender.cloned();
    Some(event)
}

impl App {
    /// Takes a limit that the provider tells: of a number, or of a whole business.
    ///
    /// # Errors
    /// When something could not be stored; everything is safe to repeat.
    pub(crate) async fn take_limit(
        &self,
        account: &AccountRecord,
        told: LimitUpdate,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let senders = match &told.business {
            Some(business) => match self.receiving_sender(account, business).await? {
                Ok(sender) => vec![sender],
                Err(_) => Vec::new(),
            },
            None if account.account.portfolio.is_some() => Vec::new(),
            None => self.senders_of(&account.account).await?,
        };
        if let (None, Some(portfolio)) = (&told.business, &account.account.portfolio) {
            return self.take_portfolio_limit(portfolio, &told, now).await;
        }
        if senders.is_empty() {
            return self.keep_unsupported(account, (told.kind, told.raw), now).await;
        }
        for sender in senders {
            match (sender.sender.limit_scope, &account.account.portfolio) {
                (LimitScope::Portfolio, Some(portfolio)) => {
                    self.take_portfolio_limit(portfolio, &told, now).await?;
                }
                (LimitScope::Portfolio | LimitScope::Sender, _) => {
                    self.take_sender_limit(sender, &told, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn senders_of(&self, account: &Account) -> Result<Vec<SenderRecord>, AppError> {
        let mut senders = self.store.senders().await?;
        senders.retain(|s| s.sender.account == account.id && s.sender.deleted_at.is_none());
        Ok(senders)
    }

    async fn take_sender_limit(
        &self,
        sender: SenderRecord,
        told: &LimitUpdate,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let mut known = Some(sender);
        for _ in 0..ROUNDS_MAX {
            let Some(record) = known else { return Ok(()) };
            let standing = record.sender.messaging_limit;
            let word =
                limit_word(standing, record.limit_changed.as_ref(), told.limit, told.at, now);
            let whose = LimitOf::Sender(&record.sender.id);
            let (from, at) = match word {
                LimitWord::Overtaken => return Ok(()),
                LimitWord::Repeated(from) => {
                    (from, record.limit_changed.map_or(now, |change| change.at))
                }
                LimitWord::New(change) => {
                    let set = self.store.set_sender_limit(&record, told.limit, &change).await?;
                    if set == Updated::Changed {
                        known = self.store.sender(&record.sender.id).await?;
                        continue;
                    }
                    (change.from, change.at)
                }
            };
            // Whoever waits for a place of it is looked at anew.
            let scope = format!("number#{}", record.sender.phone.digits());
            self.wake_waiting(&scope, now).await?;
            let target = format!("/v1/senders/{}", record.sender.id);
            self.audit_limit(target, &told.kind, (from, told.limit), at).await?;
            let event = limit_event(whose, Some(from), told.limit, at);
            return self.publish(event.into_iter().collect()).await;
        }
        Err(contended("sender"))
    }

    async fn take_portfolio_limit(
        &self,
        id: &PortfolioId,
        told: &LimitUpdate,
        now: Timestamp,
    ) -> Result<(), AppError> {
        for _ in 0..ROUNDS_MAX {
            let Some(record) = self.store.portfolio(id).await? else {
                // Nobody has set it up: it is what every portfolio is until then.
                self.store.put_portfolio(&new_portfolio(id, now)).await?;
                continue;
            };
            let standing = record.portfolio.messaging_limit;
            let word =
                limit_word(standing, record.limit_changed.as_ref(), told.limit, told.at, now);
            let (from, at) = match word {
                LimitWord::Overtaken => return Ok(()),
                LimitWord::Repeated(from) => {
                    (from, record.limit_changed.map_or(now, |change| change.at))
                }
                LimitWord::New(change) => {
                    let set = self.store.set_portfolio_limit(&record, told.limit, &change).await?;
                    if set == Updated::Changed {
                        continue;
                    }
                    (change.from, change.at)
                }
            };
            self.wake_waiting(&scope_of_portfolio(id), now).await?;
            let target = format!("/v1/portfolios/{id}");
            self.audit_limit(target, &told.kind, (from, told.limit), at).await?;
            let event = limit_event(LimitOf::Portfolio(id), Some(from), told.limit, at);
            return self.publish(event.into_iter().collect()).await;
        }
        Err(contended("portfolio"))
    }
}

pub(super) fn new_portfolio(id: &PortfolioId, now: Timestamp) -> PortfolioRecord {
    PortfolioRecord {
        portfolio: Portfolio { id: id.clone(), messaging_limit: Some(LIMIT_DEFAULT) },
        limit_changed: None,
        updated_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m22_no_limit_is_higher_than_any() {
        let id = SenderId::parse("support").expect("a name");
        let change = |before, after| {
            limit_event(LimitOf::Sender(&id), before, after, Timestamp::ZERO).map(|e| e.kind)
        };
        assert_eq!(change(None, Some(250)), None);
        assert_eq!(change(Some(Some(250)), None), Some(EventKind::LimitRaised));
        assert_eq!(change(Some(None), Some(250)), Some(EventKind::LimitLowered));
        assert_eq!(change(Some(Some(250)), Some(1000)), Some(EventKind::LimitRaised));
        assert_eq!(change(Some(Some(250)), Some(250)), None);
    }
}

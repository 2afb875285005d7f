//! Portfolios: senders that share one messaging limit (D11).

use super::limits::{LimitOf, limit_event, new_portfolio};
use super::name;
use crate::converse::LimitView;
use crate::limit::scope_of_portfolio;
use crate::{App, AppError, Problem};
use serde::{Deserialize, Deserializer, Serialize};
use transom_core::account::LimitScope;
use transom_core::id::PortfolioId;
use transom_core::limit::{LimitChange, SetBy};
use transom_core::time::Timestamp;
use transom_store::PortfolioRecord;
use utoipa::ToSchema;

/// A portfolio as callers give it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortfolioBody {
    /// Customers that its senders together may write to first in any 24 hours; `null` is unlimited.
    /// WhatsApp's sizes are 250, 1000, 2000, 10000 and 100000; any figure is taken.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u32>, example = 1000, required = true)]
    pub messaging_limit: Option<u32>,
}

/// A field that must be there, be it `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Option::deserialize(deserializer)
}

/// A portfolio as callers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PortfolioView {
    /// Its name.
    pub id: String,
    /// Customers that its senders together may write to first in any 24 hours; `null` is unlimited.
    pub messaging_limit: Option<u32>,
    /// When it was last changed by an administrator.
    pub updated_at: String,
}

impl From<&PortfolioRecord> for PortfolioView {
    fn from(record: &PortfolioRecord) -> Self {
        Self {
            id: record.portfolio.id.to_string(),
            messaging_limit: record.portfolio.messaging_limit,
            updated_at: record.updated_at.rfc3339(),
        }
    }
}

impl App {
    /// Creates or changes a portfolio.
    ///
    /// # Errors
    /// `invalid_request` naming the field, or when it could not be stored.
    pub async fn put_portfolio(
        &self,
        id: &str,
        body: &PortfolioBody,
        now: Timestamp,
    ) -> Result<PortfolioView, AppError> {
        let id = name("portfolio", PortfolioId::parse(id))?;
        let known = self.store.portfolio(&id).await?;
        let before = known.as_ref().map(|k| k.portfolio.messaging_limit);
        let mut record = known.unwrap_or_else(|| new_portfolio(&id, now));
        if before != Some(body.messaging_limit) {
            let from = before.unwrap_or(record.portfolio.messaging_limit);
            record.limit_changed = Some(LimitChange { at: now, by: SetBy::Administrator, from });
        }
        record.portfolio.messaging_limit = body.messaging_limit;
        record.updated_at = now;
        self.store.put_portfolio(&record).await?;
        // Whoever waits for a place of it is looked at anew.
        self.wake_waiting(&scope_of_portfolio(&id), now).await?;
        let event = limit_event(LimitOf::Portfolio(&id), before, body.messaging_limit, now);
        self.publish(event.into_iter().collect()).await?;
        Ok(PortfolioView::from(&record))
    }

    /// A portfolio.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_portfolio(&self, id: &str) -> Result<PortfolioView, AppError> {
        Ok(PortfolioView::from(&self.existing_portfolio(id).await?))
    }

    /// How much of a portfolio's limit is used, by all its senders together.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn portfolio_limit(&self, id: &str, now: Timestamp) -> Result<LimitView, AppError> {
        let portfolio = self.existing_portfolio(id).await?.portfolio;
        let key = format!("portfolio#{}", portfolio.id);
        self.limit_view(portfolio.messaging_limit, &key, LimitScope::Portfolio, now).await
    }

    async fn existing_portfolio(&self, id: &str) -> Result<PortfolioRecord, AppError> {
        let unknown = || Problem::not_found("portfolio with this name");
        let id = PortfolioId::parse(id).map_err(|_| unknown())?;
        self.store.portfolio(&id).await?.ok_or_else(|| unknown().into())
    }
}

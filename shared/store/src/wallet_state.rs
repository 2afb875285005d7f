//! What an account's own record says of its wallet: read with it, so that a send pays for no further
//! read.

use crate::item::{Conditional, Expression, n, s};
use crate::{Store, StoreError, Updated};
use aws_sdk_dynamodb::types::AttributeValue;
use transom_core::id::AccountId;
use transom_core::time::{Millis, Timestamp};

impl Store {
    /// Marks an account as one that keeps a ledger.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn begin_wallet(&self, account: &AccountId) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("doc.has_wallet = :yes")
            .value(":yes", AttributeValue::Bool(true))
            .when("attribute_exists(pk)");
        self.update_account(account, expression).await
    }

    /// Notes that the provider refuses an account for want of a balance, unless an earlier refusal
    /// still counts. `Done` where this very one began it: a repeat answers the same.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn set_balance_refused(
        &self,
        account: &AccountId,
        at: Timestamp,
        counts_for: Millis,
        by: &str,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("doc.balance_refused_at = :at")
            .set("doc.balance_refused_by = :by")
            .value(":at", n(at.as_millis()))
            .value(":by", s(by))
            .value(":over", n(at.minus(counts_for).as_millis()))
            .when(
                "attribute_exists(pk) AND (attribute_not_exists(doc.balance_cleared_at) \
                 OR doc.balance_cleared_at < :at) AND (attribute_not_exists(doc.balance_refused_at) \
                 OR doc.balance_refused_at <= :over \
                 OR (doc.balance_refused_by = :by AND doc.balance_refused_at = :at))",
            );
        self.update_account(account, expression).await
    }

    /// Takes a refusal back that is not later than `at`, and any that will yet be told of before.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn clear_balance_refused(
        &self,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<Updated, StoreError> {
        let expression = Expression::default()
            .set("doc.balance_cleared_at = :at")
            .remove("doc.balance_refused_at, doc.balance_refused_by")
            .value(":at", n(at.as_millis()))
            .when(
                "attribute_exists(pk) AND (attribute_not_exists(doc.balance_refused_at) \
                 OR doc.balance_refused_at <= :at) AND (attribute_not_exists(doc.balance_cleared_at) \
                 OR doc.balance_cleared_at < :at)",
            );
        self.update_account(account, expression).await
    }

    async fn update_account(
        &self,
        account: &AccountId,
        expression: Expression,
    ) -> Result<Updated, StoreError> {
        let pk = format!("ACCOUNT#{account}");
        match self.update(&self.tables.accounts, &pk, ".", expression).await? {
            Conditional::Done(_) => Ok(Updated::Done),
            Conditional::Failed(_) => Ok(Updated::Changed),
        }
    }
}

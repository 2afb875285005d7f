//! Transactions: for the few facts that must change together.

use crate::item::{Item, s};
use crate::{HashKey, Store, StoreError, Updated};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_get_items::TransactGetItemsError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Get, ReturnConsumedCapacity, TransactGetItem, TransactWriteItem};
use std::time::Duration;

/// How often a transaction that meets another one begins again before it gives up.
const ROUNDS_MAX: u32 = 10;

/// A transaction, as it ended.
pub(crate) enum Transacted {
    Done,
    /// The condition of this step (by its position) did not hold.
    Failed(usize),
    /// Another writer was there, or the answer was lost: begin again.
    Again,
}

impl Store {
    /// Writes everything or nothing, once.
    pub(crate) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        let result = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match result {
            Ok(output) => {
                for consumed in output.consumed_capacity() {
                    self.meter.write(Some(consumed));
                }
                Ok(Transacted::Done)
            }
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                    self.meter.failed_condition();
                    let failed = cancelled
                        .cancellation_reasons()
                        .iter()
                        .position(|r| r.code() == Some("ConditionalCheckFailed"));
                    Ok(failed.map_or(Transacted::Again, Transacted::Failed))
                }
                TransactWriteItemsError::TransactionInProgressException(_) => Ok(Transacted::Again),
                other => Err(StoreError::unavailable(
                    "write a transaction",
                    &SdkError::<_, ()>::service_error(other, ()),
                )),
            },
            Err(other) => Err(StoreError::unavailable("write a transaction", &other)),
        }
    }

    /// Reads two items of one partition as they stand together; `None` when another writer was at
    /// one of them.
    pub(crate) async fn read_together(
        &self,
        table: &str,
        pk: &str,
        sort_keys: [&str; 2],
    ) -> Result<Option<[Option<Item>; 2]>, StoreError> {
        let get = |sk: &str| {
            let get = Get::builder().table_name(table).key("pk", s(pk)).key("sk", s(sk)).build();
            get.map(|get| TransactGetItem::builder().get(get).build())
                .map_err(|e| StoreError::corrupt("key", e))
        };
        let [first, second] = sort_keys;
        let result = self
            .client
            .transact_get_items()
            .transact_items(get(first)?)
            .transact_items(get(second)?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match result {
            Ok(output) => {
                for consumed in output.consumed_capacity() {
                    self.meter.read(Some(consumed));
                }
                let mut found = output.responses.unwrap_or_default().into_iter();
                let mut next = || found.next().and_then(|r| r.item).filter(|i| !i.is_empty());
                Ok(Some([next(), next()]))
            }
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                TransactGetItemsError::TransactionCanceledException(_) => Ok(None),
                other => Err(StoreError::unavailable(
                    "read a transaction",
                    &SdkError::<_, ()>::service_error(other, ()),
                )),
            },
            Err(other) => Err(StoreError::unavailable("read a transaction", &other)),
        }
    }

    /// Writes everything or nothing; `Changed` only when a condition did not hold. One that merely
    /// met another writer is begun again: for whoever writes without a condition, such as a key's
    /// removal, `Changed` would be silence.
    pub(crate) async fn write_together(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Updated, StoreError> {
        for round in 0..ROUNDS_MAX {
            self.back_off(round, "write together").await;
            match self.transact(items.clone()).await? {
                Transacted::Done => return Ok(Updated::Done),
                Transacted::Failed(_) => return Ok(Updated::Changed),
                Transacted::Again => {}
            }
        }
        Err(StoreError::Contended { operation: "write a transaction" })
    }

    /// Waits longer with every round, by an amount that differs between writers, so that those who
    /// met once do not meet again. The first round does not wait.
    pub(crate) async fn back_off(&self, round: u32, writer: &str) {
        if round == 0 {
            return;
        }
        let ceiling = (4_u64 << round.min(6)).min(200);
        let jitter = HashKey::spread(&format!("{writer}|{round}")) % ceiling.max(1);
        match self.patience {
            Patience::Sleep => tokio::time::sleep(Duration::from_millis(jitter + 1)).await,
            Patience::Yield => tokio::task::yield_now().await,
        }
    }
}

/// How a writer that met another one lets it pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patience {
    /// It sleeps for some milliseconds.
    #[default]
    Sleep,
    /// It steps back once, for whoever schedules the writers himself: a simulation.
    Yield,
}

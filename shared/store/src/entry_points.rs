//! Entry points, and which one a token belongs to.

use crate::accounts::read_doc;
use crate::item::{encode_value, s};
use crate::{Store, StoreError, Updated};
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use transom_core::entry_point::EntryKind;
use transom_core::id::{EntryPointId, SenderId};
use transom_core::identity::Phone;
use transom_core::time::Timestamp;

/// An entry point of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPointRecord {
    /// Its name.
    pub id: EntryPointId,
    /// The sender.
    pub sender: SenderId,
    /// The sender's number: a token says something to this number alone.
    pub number: Phone,
    /// What it is.
    pub kind: EntryKind,
    /// Its token; it stays while the entry point does.
    pub token: String,
    /// The words that the customer sends with it.
    pub text: String,
    /// What the customer agrees to, in a form.
    pub consent_text: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

const SELF: &str = ".";

fn partition(sender: &SenderId) -> String {
    format!("ENTRY#{sender}")
}

fn token_key(token: &str) -> String {
    format!("TOKEN#{token}")
}

impl Store {
    /// Reads an entry point.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn entry_point(
        &self,
        sender: &SenderId,
        id: &EntryPointId,
    ) -> Result<Option<EntryPointRecord>, StoreError> {
        let item = self.get(&self.tables.accounts, &partition(sender), id.as_str()).await?;
        item.map(|item| read_doc("entry point", item)).transpose()
    }

    /// The entry point that a token belongs to.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn entry_point_of_token(
        &self,
        token: &str,
    ) -> Result<Option<EntryPointRecord>, StoreError> {
        let item = self.get(&self.tables.accounts, &token_key(token), SELF).await?;
        item.map(|item| read_doc("entry point", item)).transpose()
    }

    /// Stores an entry point under its name and under its token, if it still has the token that was
    /// read, or is still absent.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn put_entry_point(
        &self,
        record: &EntryPointRecord,
        seen: Option<&str>,
    ) -> Result<Updated, StoreError> {
        let put = |pk: String, sk: &str| -> Result<_, StoreError> {
            Ok(Put::builder()
                .table_name(&self.tables.accounts)
                .item("pk", s(pk))
                .item("sk", s(sk))
                .item("doc", encode_value("entry point", record)?))
        };
        let own = put(partition(&record.sender), record.id.as_str())?;
        let own = match seen {
            Some(token) => own
                .condition_expression("doc.#token = :token")
                .expression_attribute_names("#token", "token")
                .expression_attribute_values(":token", s(token)),
            None => own.condition_expression("attribute_not_exists(pk)"),
        };
        let mut items = Vec::new();
        for put in [own, put(token_key(&record.token), SELF)?] {
            let put = put.build().map_err(|e| StoreError::corrupt("entry point", e))?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        self.write_together(items).await
    }

    /// Removes an entry point: its token is ordinary text from this instant.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn delete_entry_point(&self, record: &EntryPointRecord) -> Result<(), StoreError> {
        let delete = |pk: String, sk: &str| {
            Delete::builder()
                .table_name(&self.tables.accounts)
                .key("pk", s(pk))
                .key("sk", s(sk))
                .build()
                .map(|d| TransactWriteItem::builder().delete(d).build())
                .map_err(|e| StoreError::corrupt("entry point", e))
        };
        let items = vec![
            delete(partition(&record.sender), record.id.as_str())?,
            delete(token_key(&record.token), SELF)?,
        ];
        self.write_together(items).await.map(|_| ())
    }
}

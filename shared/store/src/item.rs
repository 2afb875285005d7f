//! The few calls that every room of the store is made of.

use crate::{Store, StoreError};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// An item as the service has it. Only looked up by name, never iterated for its order.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A conditional write: done, or refused with the item that stands there.
pub(crate) enum Conditional {
    Done(Option<Item>),
    Failed(Option<Item>),
}

/// An expression with its names and values.
#[derive(Default)]
pub(crate) struct Expression {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    delete: Vec<String>,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(crate) fn set(mut self, clause: &str) -> Self {
        self.set.push(clause.to_owned());
        self
    }

    pub(crate) fn remove(mut self, clause: &str) -> Self {
        self.remove.push(clause.to_owned());
        self
    }

    /// Adds to a set, or takes from one. Only for sets: a number that is added to twice is wrong.
    pub(crate) fn add(mut self, clause: &str) -> Self {
        self.add.push(clause.to_owned());
        self
    }

    pub(crate) fn delete(mut self, clause: &str) -> Self {
        self.delete.push(clause.to_owned());
        self
    }

    pub(crate) fn when(mut self, condition: &str) -> Self {
        self.condition = Some(condition.to_owned());
        self
    }

    pub(crate) fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    pub(crate) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    pub(crate) fn update(&self) -> String {
        let mut parts = Vec::new();
        let parts_of = [
            ("SET", &self.set),
            ("REMOVE", &self.remove),
            ("ADD", &self.add),
            ("DELETE", &self.delete),
        ];
        for (verb, clauses) in parts_of {
            if !clauses.is_empty() {
                parts.push(format!("{verb} {}", clauses.join(", ")));
            }
        }
        parts.join(" ")
    }

    pub(crate) fn names_option(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(crate) fn values_option(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

pub(crate) fn decode<T: DeserializeOwned>(what: &'static str, item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt(what, e))
}

pub(crate) fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(|e| StoreError::corrupt(what, e))
}

pub(crate) fn encode_value<T: Serialize>(
    what: &'static str,
    value: &T,
) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|e| StoreError::corrupt(what, e))
}

pub(crate) fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|v| v.as_s().ok()).map(String::as_str)
}

pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name).and_then(|v| v.as_n().ok()).and_then(|v| v.parse().ok())
}

/// One page of a query.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    pub(crate) last: Option<Item>,
}

/// A query to run.
pub(crate) struct Query<'a> {
    pub(crate) table: &'a str,
    pub(crate) index: Option<&'a str>,
    pub(crate) keys: Expression,
    pub(crate) forward: bool,
    pub(crate) limit: i32,
    pub(crate) consistent: bool,
    pub(crate) start: Option<Item>,
}

impl Store {
    /// Reads one item, consistently.
    pub(crate) async fn get(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Item>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(table)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::unavailable("read an item", &e))?;
        self.meter.read(output.consumed_capacity());
        Ok(output.item)
    }

    /// Puts an item, under a condition where `expression` has one.
    pub(crate) async fn put(
        &self,
        table: &str,
        item: Item,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        let result = self
            .client
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names_option())
            .set_expression_attribute_values(expression.values_option())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(output) => {
                self.meter.write(output.consumed_capacity());
                Ok(Conditional::Done(None))
            }
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                PutItemError::ConditionalCheckFailedException(failed) => {
                    self.meter.failed_condition();
                    Ok(Conditional::Failed(failed.item))
                }
                other => Err(StoreError::unavailable("put an item", &as_sdk_error(other))),
            },
            Err(other) => Err(StoreError::unavailable("put an item", &other)),
        }
    }

    /// Updates an item; answers what it was before.
    pub(crate) async fn update(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        let result = self
            .client
            .update_item()
            .table_name(table)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .update_expression(expression.update())
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names_option())
            .set_expression_attribute_values(expression.values_option())
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match result {
            Ok(output) => {
                self.meter.write(output.consumed_capacity());
                Ok(Conditional::Done(output.attributes))
            }
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    self.meter.failed_condition();
                    Ok(Conditional::Failed(failed.item))
                }
                other => Err(StoreError::unavailable("update an item", &as_sdk_error(other))),
            },
            Err(other) => Err(StoreError::unavailable("update an item", &other)),
        }
    }

    /// Deletes an item, under a condition where `expression` has one.
    pub(crate) async fn delete(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
        expression: Expression,
    ) -> Result<Conditional, StoreError> {
        let result = self
            .client
            .delete_item()
            .table_name(table)
            .key("pk", s(pk))
            .key("sk", s(sk))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names_option())
            .set_expression_attribute_values(expression.values_option())
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match result {
            Ok(output) => {
                self.meter.write(output.consumed_capacity());
                Ok(Conditional::Done(output.attributes))
            }
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                DeleteItemError::ConditionalCheckFailedException(_) => {
                    self.meter.failed_condition();
                    Ok(Conditional::Failed(None))
                }
                other => Err(StoreError::unavailable("delete an item", &as_sdk_error(other))),
            },
            Err(other) => Err(StoreError::unavailable("delete an item", &other)),
        }
    }

    /// Runs one page of a query.
    pub(crate) async fn query(&self, query: Query<'_>) -> Result<Page, StoreError> {
        let output = self
            .client
            .query()
            .table_name(query.table)
            .set_index_name(query.index.map(str::to_owned))
            .set_key_condition_expression(query.keys.condition.clone())
            .set_expression_attribute_names(query.keys.names_option())
            .set_expression_attribute_values(query.keys.values_option())
            .scan_index_forward(query.forward)
            .limit(query.limit)
            .consistent_read(query.consistent)
            .set_exclusive_start_key(query.start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::unavailable("query", &e))?;
        self.meter.read(output.consumed_capacity());
        Ok(Page { items: output.items.unwrap_or_default(), last: output.last_evaluated_key })
    }

    /// Every item of a partition whose sort key begins with `prefix`, in key order. Only for
    /// partitions that an administrator fills by hand.
    pub(crate) async fn all(
        &self,
        table: &str,
        pk: &str,
        prefix: &str,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let mut keys = Expression::default().value(":pk", s(pk)).when("pk = :pk");
            if !prefix.is_empty() {
                keys =
                    keys.value(":prefix", s(prefix)).when("pk = :pk AND begins_with(sk, :prefix)");
            }
            let page = self
                .query(Query {
                    table,
                    index: None,
                    keys,
                    forward: true,
                    limit: 200,
                    consistent: true,
                    start,
                })
                .await?;
            items.extend(page.items);
            start = page.last;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

/// Wraps an operation's own error again, so that one function reads every kind.
fn as_sdk_error<E>(error: E) -> SdkError<E, ()> {
    SdkError::service_error(error, ())
}

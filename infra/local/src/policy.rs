//! What each function may do by `template.yaml`, and what it was seen to do.
//!
//! The embedded engines enforce no permissions. So that a missing grant does not wait for the
//! first deployment, local mode records the action of every SDK request and a test compares
//! them with the grants; a grant that nothing uses shows up in the same way.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The region that local mode pretends to be in.
pub const REGION: &str = "us-east-1";
/// The account that local mode pretends to be in.
pub const ACCOUNT_ID: &str = "000000000000";

/// The ARN of a table.
#[must_use]
pub fn table_arn(table: &str) -> String {
    if table.starts_with("arn:") {
        return table.to_owned(); // DynamoDB takes an ARN wherever it takes a name
    }
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{table}")
}

/// The ARN of an index of a table.
#[must_use]
pub fn index_arn(table: &str, index: &str) -> String {
    format!("{}/index/{index}", table_arn(table))
}

/// The ARN of a queue.
#[must_use]
pub fn queue_arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{queue}")
}

/// The ARN of a bucket.
#[must_use]
pub fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// The ARN of every object of a bucket, as policies name them.
#[must_use]
pub fn object_arn(bucket: &str) -> String {
    format!("{}/*", bucket_arn(bucket))
}

/// The ARN of a function.
#[must_use]
pub fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}")
}

/// Whether a statement grants or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It forbids, whatever else grants.
    Deny,
}

/// One statement of a policy. Actions and resources may hold `*` and `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Whether it grants or forbids.
    pub effect: Effect,
    /// Actions such as `dynamodb:GetItem`.
    pub actions: Vec<String>,
    /// ARNs.
    pub resources: Vec<String>,
}

/// What one function may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

impl Policy {
    /// A policy of these statements.
    #[must_use]
    pub fn new(statements: Vec<Statement>) -> Self {
        Self { statements }
    }

    /// Whether `action` on `resource` is granted and not forbidden.
    #[must_use]
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        let says = |effect| {
            self.statements
                .iter()
                .any(|statement| statement.effect == effect && statement.covers(action, resource))
        };
        says(Effect::Allow) && !says(Effect::Deny)
    }

    /// Every granted pair of action and resource, as written.
    #[must_use]
    pub fn grants(&self) -> BTreeSet<(String, String)> {
        let mut grants = BTreeSet::new();
        for statement in &self.statements {
            if statement.effect == Effect::Deny {
                continue;
            }
            for action in &statement.actions {
                for resource in &statement.resources {
                    grants.insert((action.clone(), resource.clone()));
                }
            }
        }
        grants
    }
}

impl Statement {
    fn covers(&self, action: &str, resource: &str) -> bool {
        // IAM compares actions without regard to case, resources with it.
        let action = action.to_ascii_lowercase();
        let matches_action = |pattern: &String| matches(&pattern.to_ascii_lowercase(), &action);
        self.actions.iter().any(matches_action)
            && self.resources.iter().any(|pattern| matches(pattern, resource))
    }
}

/// IAM's patterns: `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None; // where the last `*` stands, and how much of the text it has taken
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// One use of a permission: function, action, resource.
pub type Use = (String, String, String);

/// Records what functions did. Clones share one record.
#[derive(Debug, Clone, Default)]
pub struct ActionLog {
    uses: Arc<Mutex<BTreeSet<Use>>>,
}

impl ActionLog {
    /// Notes that `function` did `action` on `resource`.
    pub fn record(&self, function: &str, action: &str, resource: &str) {
        let used = (function.to_owned(), action.to_owned(), resource.to_owned());
        // A set stays whole whatever its holder panicked over.
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.insert(used);
    }

    /// Everything noted so far.
    #[must_use]
    pub fn snapshot(&self) -> BTreeSet<Use> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The permissions that an SDK request needs, as pairs of action and resource, from its
/// `x-amz-target` header and its JSON body.
///
/// # Errors
/// When the target is of a service this does not know, or the body names no resource.
pub fn required(target: &str, body: &[u8]) -> Result<BTreeSet<(String, String)>> {
    let (service, operation) = target
        .split_once('.')
        .with_context(|| format!("x-amz-target {target:?} is not <service>.<operation>"))?;
    let body: Value = serde_json::from_slice(body)
        .with_context(|| format!("the body of a {target} request is not JSON"))?;
    match service {
        "DynamoDB_20120810" => dynamodb(operation, &body),
        "AmazonSQS" => sqs(operation, &body),
        "secretsmanager" => {
            let secret = text(&body, "SecretId")?;
            Ok([(format!("secretsmanager:{operation}"), secret.to_owned())].into())
        }
        _ => bail!("{target} is of a service without rules here; add it to policy.rs"),
    }
    .with_context(|| format!("failed to tell which permissions {target} needs"))
}

fn dynamodb(operation: &str, body: &Value) -> Result<BTreeSet<(String, String)>> {
    match operation {
        "TransactWriteItems" | "TransactGetItems" => transaction(body),
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body.get("RequestItems").and_then(Value::as_object);
            let tables = tables.context("RequestItems is missing")?;
            let action = format!("dynamodb:{operation}");
            Ok(tables.keys().map(|table| (action.clone(), table_arn(table))).collect())
        }
        _ => {
            let table = text(body, "TableName")?;
            let resource = match body.get("IndexName").and_then(Value::as_str) {
                Some(index) => index_arn(table, index),
                None => table_arn(table),
            };
            Ok([(format!("dynamodb:{operation}"), resource)].into())
        }
    }
}

/// A transaction needs the permissions of its parts, not one of its own.
fn transaction(body: &Value) -> Result<BTreeSet<(String, String)>> {
    let items = body.get("TransactItems").and_then(Value::as_array);
    let mut needed = BTreeSet::new();
    for item in items.context("TransactItems is missing")? {
        for (kind, part) in item.as_object().context("a part is not an object")? {
            let action = match kind.as_str() {
                "Get" => "dynamodb:GetItem",
                "Put" => "dynamodb:PutItem",
                "Update" => "dynamodb:UpdateItem",
                "Delete" => "dynamodb:DeleteItem",
                "ConditionCheck" => "dynamodb:ConditionCheckItem",
                other => bail!("a part of the kind {other:?} is not known"),
            };
            needed.insert((action.to_owned(), table_arn(text(part, "TableName")?)));
        }
    }
    Ok(needed)
}

fn sqs(operation: &str, body: &Value) -> Result<BTreeSet<(String, String)>> {
    // IAM has no actions for batches: they need that of the single call.
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    let queue = match body.get("QueueUrl").and_then(Value::as_str) {
        Some(url) => url.rsplit('/').next().unwrap_or(url),
        None => text(body, "QueueName")?,
    };
    Ok([(format!("sqs:{action}"), queue_arn(queue))].into())
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str> {
    let value = body.get(field).and_then(Value::as_str);
    value.with_context(|| format!("{field} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(effect: Effect, action: &str, resource: &str) -> Statement {
        Statement { effect, actions: vec![action.to_owned()], resources: vec![resource.to_owned()] }
    }

    #[track_caller]
    fn check(target: &str, body: &Value, expected: &[(&str, String)]) {
        let needed = required(target, body.to_string().as_bytes()).expect("a known request");
        let expected: BTreeSet<_> = expected
            .iter()
            .map(|(action, resource)| ((*action).to_owned(), resource.clone()))
            .collect();
        assert_eq!(needed, expected, "{target}");
    }

    #[test]
    fn a_grant_covers_its_action_and_resource_only() {
        let policy =
            Policy::new(vec![statement(Effect::Allow, "dynamodb:GetItem", &table_arn("a"))]);
        assert!(policy.allows("dynamodb:GetItem", &table_arn("a")));
        assert!(policy.allows("DynamoDB:getitem", &table_arn("a")));
        assert!(!policy.allows("dynamodb:PutItem", &table_arn("a")));
        assert!(!policy.allows("dynamodb:GetItem", &table_arn("ab")));
        // The grant on a table does not cover its indexes.
        assert!(!policy.allows("dynamodb:GetItem", &index_arn("a", "due")));
    }

    #[test]
    fn a_deny_wins() {
        let policy = Policy::new(vec![
            statement(Effect::Allow, "sqs:*", "*"),
            statement(Effect::Deny, "sqs:PurgeQueue", "arn:aws:sqs:*:events.fifo"),
        ]);
        assert!(policy.allows("sqs:PurgeQueue", &queue_arn("replies.fifo")));
        assert!(!policy.allows("sqs:PurgeQueue", &queue_arn("events.fifo")));
        let granted = BTreeSet::from([("sqs:*".to_owned(), "*".to_owned())]);
        assert_eq!(policy.grants(), granted);
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxaxb", true),
            ("table/x", "table/x/index/y", false),
            ("table/x/index/*", "table/x/index/y", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn requests_need_the_actions_of_iam() {
        let query = json!({"TableName": "t", "IndexName": "due"});
        check("DynamoDB_20120810.Query", &query, &[("dynamodb:Query", index_arn("t", "due"))]);
        let transaction = json!({"TransactItems": [
            {"Put": {"TableName": "a"}},
            {"Update": {"TableName": "b"}},
            {"ConditionCheck": {"TableName": "b"}},
        ]});
        check(
            "DynamoDB_20120810.TransactWriteItems",
            &transaction,
            &[
                ("dynamodb:PutItem", table_arn("a")),
                ("dynamodb:UpdateItem", table_arn("b")),
                ("dynamodb:ConditionCheckItem", table_arn("b")),
            ],
        );
        let batch = json!({"RequestItems": {"a": {}, "b": {}}});
        check(
            "DynamoDB_20120810.BatchGetItem",
            &batch,
            &[("dynamodb:BatchGetItem", table_arn("a")), ("dynamodb:BatchGetItem", table_arn("b"))],
        );
        let send = json!({"QueueUrl": "http://127.0.0.1:1/000000000000/replies.fifo"});
        check(
            "AmazonSQS.SendMessageBatch",
            &send,
            &[("sqs:SendMessage", queue_arn("replies.fifo"))],
        );
    }

    #[test]
    fn a_request_without_a_resource_is_an_error() {
        let error = required("DynamoDB_20120810.GetItem", b"{}").expect_err("no table");
        assert!(format!("{error:#}").contains("TableName is missing"), "{error:#}");
        assert!(required("Kinesis_20131202.PutRecord", b"{}").is_err());
    }

    #[test]
    fn clones_of_a_log_share_one_record() {
        let log = ActionLog::default();
        log.clone().record("sender", "sqs:SendMessage", "q");
        log.record("sender", "sqs:SendMessage", "q");
        assert_eq!(log.snapshot().len(), 1);
    }
}

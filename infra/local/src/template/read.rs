//! From resolved properties to typed values.

use super::resolve::{Resolver, scalar_text};
use super::{
    DeadLetter, Function, Index, Projection, Queue, QueueSource, Route, ScalarType, Table, Template,
};
use crate::policy::{Effect, Policy, Statement, function_arn};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// SQS's own default, where the template says nothing.
const VISIBILITY_TIMEOUT_DEFAULT_S: u32 = 30;
/// Lambda's own default, where the template says nothing.
const TIMEOUT_DEFAULT_S: u64 = 3;
/// Lambda's own default for a queue, where the template says nothing.
const BATCH_SIZE_DEFAULT: u32 = 10;

pub(super) fn template(document: &Value, overrides: &BTreeMap<String, String>) -> Result<Template> {
    let resolver = Resolver::new(document, overrides)?;
    let globals = document.pointer("/Globals/Function").unwrap_or(&Value::Null);
    let mut functions = each(&resolver, "AWS::Serverless::Function", |id, properties| {
        function(&resolver, globals, id, properties)
    })?;
    let mut by_id: BTreeMap<String, Function> =
        functions.drain(..).map(|function| (function.logical_id.clone(), function)).collect();
    each(&resolver, "AWS::Lambda::EventSourceMapping", |_, properties| {
        let (target, source) = queue_source(&resolver, properties)?;
        let found = by_id.values_mut().find(|function| {
            resolver.name_of(&function.logical_id).is_ok_and(|name| names(&target, &name))
        });
        let function =
            found.with_context(|| format!("FunctionName: there is no function {target}"))?;
        function.queue_sources.push(source);
        Ok(())
    })?;
    Ok(Template {
        tables: each(&resolver, "AWS::DynamoDB::Table", |id, properties| {
            table(&resolver, id, properties)
        })?,
        queues: each(&resolver, "AWS::SQS::Queue", |id, properties| {
            queue(&resolver, id, properties)
        })?,
        buckets: each(&resolver, "AWS::S3::Bucket", |id, _| resolver.name_of(id))?,
        routes: each(&resolver, "AWS::ApiGatewayV2::Route", |_, properties| {
            route(&resolver, properties)
        })?,
        functions: by_id,
        unset_parameters: resolver.unset,
    })
}

/// Reads every resource of a type; an error names the resource.
fn each<T>(
    resolver: &Resolver<'_>,
    kind: &str,
    mut read: impl FnMut(&str, &Value) -> Result<T>,
) -> Result<Vec<T>> {
    let resources = resolver.resources(kind).into_iter();
    resources
        .map(|(id, properties)| {
            read(id, properties).with_context(|| format!("failed to read the resource {id}"))
        })
        .collect()
}

/// A property, resolved, in the form of `T`; none where it is absent.
fn optional<T: DeserializeOwned>(
    resolver: &Resolver<'_>,
    properties: &Value,
    name: &str,
) -> Result<Option<T>> {
    let Some(value) = properties.get(name) else {
        return Ok(None);
    };
    let resolved = resolver.resolve(value).with_context(|| format!("property {name}"))?;
    let value = resolved.map(serde_json::from_value).transpose();
    value.with_context(|| format!("property {name} has another form than local mode expects"))
}

fn required<T: DeserializeOwned>(
    resolver: &Resolver<'_>,
    properties: &Value,
    name: &str,
) -> Result<T> {
    let value = optional(resolver, properties, name)?;
    value.with_context(|| format!("property {name} is missing; add it"))
}

/// CloudFormation takes one value wherever it takes a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeProperty {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyProperty {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IndexProperty {
    index_name: String,
    key_schema: Vec<KeyProperty>,
    projection: ProjectionProperty,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProjectionProperty {
    projection_type: String,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TimeToLiveProperty {
    attribute_name: String,
    enabled: bool,
}

fn table(resolver: &Resolver<'_>, id: &str, properties: &Value) -> Result<Table> {
    let attributes: Vec<AttributeProperty> =
        required(resolver, properties, "AttributeDefinitions")?;
    let (hash_key, range_key) = keys(required(resolver, properties, "KeySchema")?)?;
    let ttl: Option<TimeToLiveProperty> =
        optional(resolver, properties, "TimeToLiveSpecification")?;
    Ok(Table {
        logical_id: id.to_owned(),
        name: resolver.name_of(id)?,
        hash_key,
        range_key,
        attributes: attributes.into_iter().map(attribute).collect::<Result<_>>()?,
        global_indexes: indexes(resolver, properties, "GlobalSecondaryIndexes")?,
        local_indexes: indexes(resolver, properties, "LocalSecondaryIndexes")?,
        ttl_attribute: ttl.filter(|ttl| ttl.enabled).map(|ttl| ttl.attribute_name),
    })
}

fn attribute(property: AttributeProperty) -> Result<(String, ScalarType)> {
    let scalar = match property.attribute_type.as_str() {
        "S" => ScalarType::S,
        "N" => ScalarType::N,
        "B" => ScalarType::B,
        other => bail!("AttributeDefinitions: AttributeType {other:?} is not S, N or B"),
    };
    Ok((property.attribute_name, scalar))
}

fn keys(schema: Vec<KeyProperty>) -> Result<(String, Option<String>)> {
    let (mut hash, mut range) = (None, None);
    for key in schema {
        match key.key_type.as_str() {
            "HASH" => hash = Some(key.attribute_name),
            "RANGE" => range = Some(key.attribute_name),
            other => bail!("KeySchema: KeyType {other:?} is not HASH or RANGE"),
        }
    }
    Ok((hash.context("KeySchema has no HASH key; add one")?, range))
}

fn indexes(resolver: &Resolver<'_>, properties: &Value, name: &str) -> Result<Vec<Index>> {
    let found: Option<Vec<IndexProperty>> = optional(resolver, properties, name)?;
    let read = |index: IndexProperty| {
        let (hash_key, range_key) = keys(index.key_schema)?;
        let projection = match index.projection.projection_type.as_str() {
            "KEYS_ONLY" => Projection::KeysOnly,
            "INCLUDE" => Projection::Include(index.projection.non_key_attributes),
            "ALL" => Projection::All,
            other => bail!("ProjectionType {other:?} is not KEYS_ONLY, INCLUDE or ALL"),
        };
        Ok(Index { name: index.index_name, hash_key, range_key, projection })
    };
    let all = found.unwrap_or_default().into_iter().map(read).collect::<Result<_>>();
    all.with_context(|| format!("property {name}"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedriveProperty {
    dead_letter_target_arn: String,
    max_receive_count: u32,
}

fn queue(resolver: &Resolver<'_>, id: &str, properties: &Value) -> Result<Queue> {
    let redrive: Option<RedriveProperty> = optional(resolver, properties, "RedrivePolicy")?;
    let visibility = optional(resolver, properties, "VisibilityTimeout")?;
    let by_content = optional(resolver, properties, "ContentBasedDeduplication")?;
    Ok(Queue {
        logical_id: id.to_owned(),
        name: resolver.name_of(id)?,
        fifo: optional(resolver, properties, "FifoQueue")?.unwrap_or(false),
        visibility_timeout_s: visibility.unwrap_or(VISIBILITY_TIMEOUT_DEFAULT_S),
        content_based_deduplication: by_content.unwrap_or(false),
        deduplication_scope: optional(resolver, properties, "DeduplicationScope")?,
        throughput_limit: optional(resolver, properties, "FifoThroughputLimit")?,
        dead_letter: redrive.map(|redrive| DeadLetter {
            queue: last_part(&redrive.dead_letter_target_arn).to_owned(),
            max_receive_count: redrive.max_receive_count,
        }),
    })
}

fn route(resolver: &Resolver<'_>, properties: &Value) -> Result<Route> {
    let key: String = required(resolver, properties, "RouteKey")?;
    let (method, path) = key.split_once(' ').with_context(|| {
        format!("RouteKey {key:?} is not <method> <path>; local mode knows no other")
    })?;
    let target: String = required(resolver, properties, "Target")?;
    let integration = target
        .strip_prefix("integrations/")
        .with_context(|| format!("Target {target:?} is not integrations/<integration>"))?;
    let integrations = resolver.resources("AWS::ApiGatewayV2::Integration");
    let (_, integration) = integrations
        .into_iter()
        .find(|(id, _)| *id == integration)
        .with_context(|| format!("Target: there is no integration {integration}"))?;
    let uri: String = required(resolver, integration, "IntegrationUri")?;
    let functions = resolver.resources("AWS::Serverless::Function");
    let (function, _) = functions
        .into_iter()
        .find(|(id, _)| resolver.name_of(id).is_ok_and(|name| names(&uri, &name)))
        .with_context(|| format!("Target: no function has the address {uri}"))?;
    Ok(Route { method: method.to_owned(), path: path.to_owned(), function: function.to_owned() })
}

/// Whether a reference, by name or by ARN, is to the function of this name.
fn names(reference: &str, function: &str) -> bool {
    reference == function || reference == function_arn(function)
}

fn queue_source(resolver: &Resolver<'_>, properties: &Value) -> Result<(String, QueueSource)> {
    let function = required(resolver, properties, "FunctionName")?;
    let arn: String = required(resolver, properties, "EventSourceArn")?;
    if !arn.starts_with("arn:aws:sqs:") {
        bail!("EventSourceArn {arn:?} is not a queue; local mode feeds functions from queues only");
    }
    let kinds: Option<Vec<String>> = optional(resolver, properties, "FunctionResponseTypes")?;
    let kinds = kinds.unwrap_or_default();
    let source = QueueSource {
        queue: last_part(&arn).to_owned(),
        batch_size: optional(resolver, properties, "BatchSize")?.unwrap_or(BATCH_SIZE_DEFAULT),
        partial_responses: kinds.iter().any(|kind| kind == "ReportBatchItemFailures"),
    };
    Ok((function, source))
}

fn last_part(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EnvironmentProperty {
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

fn function(
    resolver: &Resolver<'_>,
    globals: &Value,
    id: &str,
    properties: &Value,
) -> Result<Function> {
    let mut environment = BTreeMap::new();
    // The function's own variables win over the global ones.
    for source in [globals, properties] {
        let found: Option<EnvironmentProperty> = optional(resolver, source, "Environment")?;
        for (name, value) in found.map(|found| found.variables).unwrap_or_default() {
            let text =
                scalar_text(&value).with_context(|| format!("property Environment.{name}"))?;
            environment.insert(name, text);
        }
    }
    let timeout = match optional(resolver, properties, "Timeout")? {
        Some(timeout) => Some(timeout),
        None => optional(resolver, globals, "Timeout")?,
    };
    Ok(Function {
        logical_id: id.to_owned(),
        environment,
        queue_sources: Vec::new(), // they are resources of their own
        schedule_minutes: schedule(resolver, properties)?,
        timeout_s: timeout.unwrap_or(TIMEOUT_DEFAULT_S),
        policy: policy(resolver, properties)?,
    })
}

/// How often the function runs, from its one schedule.
fn schedule(resolver: &Resolver<'_>, properties: &Value) -> Result<Option<u64>> {
    let events = properties.get("Events").and_then(Value::as_object);
    let mut minutes = None;
    for (name, event) in events.into_iter().flatten() {
        let kind: String = required(resolver, event, "Type")?;
        match kind.as_str() {
            "Schedule" | "ScheduleV2" => {}
            other => bail!(
                "property Events.{name}: a SAM event of the type {other} is not known to local \
                 mode; write the route or the event source mapping as a resource"
            ),
        }
        if minutes.is_some() {
            bail!("property Events: local mode runs one schedule per function; remove {name}");
        }
        let empty = Value::Null;
        let expression = event.get("Properties").unwrap_or(&empty);
        let expression: String = required(resolver, expression, "ScheduleExpression")
            .with_context(|| format!("property Events.{name}"))?;
        minutes = Some(rate(&expression).with_context(|| {
            format!("property Events.{name}: {expression:?} is not rate(<n> minutes|hours|days)")
        })?);
    }
    Ok(minutes)
}

fn rate(expression: &str) -> Option<u64> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = inner.split_once(' ')?;
    let minutes = match unit {
        "minute" | "minutes" => 1,
        "hour" | "hours" => 60,
        "day" | "days" => 24 * 60,
        _ => return None,
    };
    let count: u64 = count.parse().ok().filter(|count| *count > 0)?;
    count.checked_mul(minutes)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatementProperty {
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PolicyProperty {
    Inline {
        #[serde(rename = "Statement")]
        statements: Vec<StatementProperty>,
    },
    Other(Value),
}

fn policy(resolver: &Resolver<'_>, properties: &Value) -> Result<Policy> {
    let policies: Option<Vec<PolicyProperty>> = optional(resolver, properties, "Policies")?;
    let mut statements = Vec::new();
    for policy in policies.unwrap_or_default() {
        match policy {
            PolicyProperty::Inline { statements: inline } => {
                for property in inline {
                    statements.push(statement(property)?);
                }
            }
            PolicyProperty::Other(other) => bail!(
                "property Policies: {other} is not a list of statements with Effect, Action and \
                 Resource; write the permissions out, so that each can be checked"
            ),
        }
    }
    Ok(Policy::new(statements))
}

fn statement(property: StatementProperty) -> Result<Statement> {
    let effect = match property.effect.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => bail!("property Policies: Effect {other:?} is not Allow or Deny"),
    };
    Ok(Statement {
        effect,
        actions: property.action.into_vec(),
        resources: property.resource.into_vec(),
    })
}

//! DynamoDB's protocol on SQLite, in this process.

use super::dynamo_client;
use crate::template::{Index, Projection, ScalarType, Table};
use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    self as aws, AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex,
    KeySchemaElement, KeyType, LocalSecondaryIndex, ProjectionType, ScalarAttributeType,
    TableDescription, TimeToLiveSpecification, TimeToLiveStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running DynamoDB. It stops serving when dropped: requests that run are finished, no other
/// is taken.
#[derive(Debug)]
pub struct DynamoEngine {
    endpoint: String,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), String>>,
}

/// The engine's handle says nothing of itself.
struct Database(dynoxide::Database);

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

impl DynamoEngine {
    /// Serves the tables in the file at `path`, or in memory, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When the file cannot be opened or no port is free.
    pub async fn start(path: Option<&Path>) -> Result<Self> {
        let database = match path {
            Some(path) => {
                let name = path.to_str();
                let name = name.with_context(|| {
                    format!("{} is not UTF-8; choose another path", path.display())
                })?;
                dynoxide::Database::new(name)
                    .with_context(|| format!("failed to open the tables in {}", path.display()))?
            }
            None => dynoxide::Database::memory().context("failed to make tables in memory")?,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("failed to listen on 127.0.0.1 for the tables")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            // A dropped sender says the same as a sent word.
            let _ = stopped.await;
        });
        Ok(Self {
            endpoint,
            database: Database(database),
            stop: Some(stop),
            serving: tokio::spawn(serving),
        })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes the tables that are missing. Existing ones are left as they are.
    ///
    /// # Errors
    /// When an existing table has other keys or indexes than the template.
    pub async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        let client = dynamo_client(&self.endpoint);
        for table in tables {
            create(&client, table)
                .await
                .with_context(|| format!("failed to make the table {}", table.name))?;
        }
        Ok(())
    }

    /// Answers one request on this thread, without a connection in between: for a simulation, which
    /// decides itself when each request is done. `target` is such as `DynamoDB_20120810.PutItem`.
    /// The HTTP status, and the body.
    #[must_use]
    pub fn answer(&self, target: &str, body: &str) -> (u16, String) {
        match self.operate(target.rsplit('.').next().unwrap_or_default(), body) {
            Ok(answer) => (200, answer),
            Err(error) => (error.status_code(), error.to_json()),
        }
    }

    fn operate(&self, operation: &str, body: &str) -> dynoxide::Result<String> {
        fn read<T: DeserializeOwned>(body: &str) -> dynoxide::Result<T> {
            let read = serde_json::from_str(body);
            read.map_err(|e| dynoxide::DynoxideError::SerializationException(e.to_string()))
        }
        fn written<T: Serialize>(answer: &T) -> dynoxide::Result<String> {
            let written = serde_json::to_string(answer);
            written.map_err(|e| dynoxide::DynoxideError::InternalServerError(e.to_string()))
        }
        let database = &self.database.0;
        match operation {
            "GetItem" => written(&database.get_item(read(body)?)?),
            "PutItem" => written(&database.put_item(read(body)?)?),
            "UpdateItem" => written(&database.update_item(read(body)?)?),
            "DeleteItem" => written(&database.delete_item(read(body)?)?),
            "Query" => written(&database.query(read(body)?)?),
            "TransactGetItems" => written(&database.transact_get_items(read(body)?)?),
            "TransactWriteItems" => written(&database.transact_write_items(read(body)?)?),
            other => {
                let error = format!("no simulation asks for {other}");
                Err(dynoxide::DynoxideError::SerializationException(error))
            }
        }
    }

    /// Removes the items whose time to live has passed, as DynamoDB does within days, and says
    /// how many. The engine does not do it by itself.
    ///
    /// # Errors
    /// When the engine cannot write.
    pub fn sweep_expired(&self) -> Result<usize> {
        self.database.0.sweep_ttl().context("failed to remove expired items")
    }

    /// Everything that stands in a table, in the order of its keys.
    ///
    /// # Errors
    /// When there is no such table.
    pub async fn contents(&self, table: &str) -> Result<Vec<Value>> {
        let client = dynamo_client(&self.endpoint);
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = client
                .scan()
                .table_name(table)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
            items.extend(page.items().iter().map(|item| Value::Object(fields(item))));
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        items.sort_by_key(|item| (item["pk"].to_string(), item["sk"].to_string()));
        Ok(items)
    }

    /// Stops serving and waits until every connection is closed.
    ///
    /// # Errors
    /// When the server ended by a failure of its own.
    pub async fn stop(mut self) -> Result<()> {
        self.stop = None;
        match (&mut self.serving).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => bail!("the tables ended with an error: {error}"),
            Err(error) => Err(error).context("the tables ended by a panic"),
        }
    }
}

async fn create(client: &Client, table: &Table) -> Result<()> {
    let keys = |hash: &str, range: Option<&str>| key_schema(hash, range);
    let mut request = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(&table.hash_key, table.range_key.as_deref())?));
    for (name, scalar) in &table.attributes {
        let definition = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(scalar_type(*scalar))
            .build()?;
        request = request.attribute_definitions(definition);
    }
    for index in &table.global_indexes {
        let made = GlobalSecondaryIndex::builder()
            .index_name(&index.name)
            .set_key_schema(Some(keys(&index.hash_key, index.range_key.as_deref())?))
            .projection(projection(&index.projection))
            .build()?;
        request = request.global_secondary_indexes(made);
    }
    for index in &table.local_indexes {
        let made = LocalSecondaryIndex::builder()
            .index_name(&index.name)
            .set_key_schema(Some(keys(&index.hash_key, index.range_key.as_deref())?))
            .projection(projection(&index.projection))
            .build()?;
        request = request.local_secondary_indexes(made);
    }
    match request.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
        {
            check_existing(client, table).await?;
        }
        Err(error) => bail!("{}", DisplayErrorContext(&error)),
    }
    enable_ttl(client, table).await
}

/// Enabled apart from the table, and again if a start was cut short between the two.
async fn enable_ttl(client: &Client, table: &Table) -> Result<()> {
    let Some(attribute) = &table.ttl_attribute else {
        return Ok(());
    };
    let described = client.describe_time_to_live().table_name(&table.name).send().await;
    let described =
        described.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
    let status = described.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if status == Some(&TimeToLiveStatus::Enabled) {
        return Ok(());
    }
    let specification =
        TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
    client
        .update_time_to_live()
        .table_name(&table.name)
        .time_to_live_specification(specification)
        .send()
        .await
        .map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
    Ok(())
}

async fn check_existing(client: &Client, table: &Table) -> Result<()> {
    let described = client.describe_table().table_name(&table.name).send().await;
    let described =
        described.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
    let described = described.table().context("the engine described no table")?;
    let (found, expected) = (found_shape(described), expected_shape(table));
    if found != expected {
        bail!(
            "it exists with {}, and template.yaml says {}; start with another data folder, or \
             remove the old one if what it holds is no longer needed",
            found.join(", "),
            expected.join(", ")
        );
    }
    Ok(())
}

/// The keys of a table and of its indexes, in a form that can be compared and shown.
fn expected_shape(table: &Table) -> Vec<String> {
    let key = |name: &str, role: &str| {
        let scalar = table.attributes.iter().find(|(attribute, _)| attribute == name);
        let scalar = scalar.map_or("?", |(_, scalar)| match scalar {
            ScalarType::S => "S",
            ScalarType::N => "N",
            ScalarType::B => "B",
        });
        format!("{role} {name} {scalar}")
    };
    let keys = |hash: &str, range: Option<&str>| {
        let range = range.map(|name| key(name, "RANGE"));
        [Some(key(hash, "HASH")), range].into_iter().flatten().collect::<Vec<_>>()
    };
    let of = |kind: &'static str| {
        move |index: &Index| {
            (
                format!("{kind} index {}", index.name),
                index.hash_key.clone(),
                index.range_key.clone(),
            )
        }
    };
    let mut parts = vec![("keys".to_owned(), table.hash_key.clone(), table.range_key.clone())];
    parts.extend(table.global_indexes.iter().map(of("global")));
    parts.extend(table.local_indexes.iter().map(of("local")));
    shape(parts.into_iter().map(|(name, hash, range)| (name, keys(&hash, range.as_deref()))))
}

fn found_shape(table: &TableDescription) -> Vec<String> {
    let keys = |schema: &[KeySchemaElement]| {
        let key = |element: &KeySchemaElement| {
            let name = element.attribute_name();
            let scalar = table.attribute_definitions().iter().find(|a| a.attribute_name() == name);
            let scalar = scalar.map_or("?", |definition| definition.attribute_type().as_str());
            format!("{} {name} {scalar}", element.key_type().as_str())
        };
        schema.iter().map(key).collect::<Vec<_>>()
    };
    let mut parts = vec![("keys".to_owned(), keys(table.key_schema()))];
    for index in table.global_secondary_indexes() {
        let name = index.index_name().unwrap_or_default();
        parts.push((format!("global index {name}"), keys(index.key_schema())));
    }
    for index in table.local_secondary_indexes() {
        let name = index.index_name().unwrap_or_default();
        parts.push((format!("local index {name}"), keys(index.key_schema())));
    }
    shape(parts.into_iter())
}

fn shape(parts: impl Iterator<Item = (String, Vec<String>)>) -> Vec<String> {
    let mut lines: Vec<_> =
        parts.map(|(name, keys)| format!("{name} ({})", keys.join(" / "))).collect();
    lines.sort();
    lines
}

fn key_schema(hash: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>> {
    let element = |name: &str, role: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(role).build()
    };
    let mut keys = vec![element(hash, KeyType::Hash)?];
    if let Some(range) = range {
        keys.push(element(range, KeyType::Range)?);
    }
    Ok(keys)
}

fn scalar_type(scalar: ScalarType) -> ScalarAttributeType {
    match scalar {
        ScalarType::S => ScalarAttributeType::S,
        ScalarType::N => ScalarAttributeType::N,
        ScalarType::B => ScalarAttributeType::B,
    }
}

fn projection(projection: &Projection) -> aws::Projection {
    let builder = aws::Projection::builder();
    match projection {
        Projection::KeysOnly => builder.projection_type(ProjectionType::KeysOnly).build(),
        Projection::All => builder.projection_type(ProjectionType::All).build(),
        Projection::Include(attributes) => builder
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(attributes.clone()))
            .build(),
    }
}

fn fields(item: &HashMap<String, AttributeValue>) -> Map<String, Value> {
    item.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// A value as JSON says it: sets in order, numbers as numbers, bytes by their length.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's kinds may grow; any is shown")]
fn plain(value: &AttributeValue) -> Value {
    let texts = |set: &[String]| {
        let mut set = set.to_vec();
        set.sort();
        json!(set)
    };
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
        AttributeValue::Bool(truth) => json!(truth),
        AttributeValue::B(bytes) => json!({ "bytes": bytes.as_ref().len() }),
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => texts(set),
        AttributeValue::L(list) => Value::Array(list.iter().map(plain).collect()),
        AttributeValue::M(map) => Value::Object(fields(map)),
        AttributeValue::Null(_) => Value::Null,
        other => json!(format!("{other:?}")),
    }
}

//! The API's document, held against everything that a World is answered: what no scenario asserts
//! is described all the same.

use crate::world::Answer;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The method, in small letters.
    pub(crate) method: String,
    /// The path, without its query.
    pub(crate) path: String,
    /// The body, where it is JSON and says so.
    pub(crate) json: Option<Value>,
}

/// The document, and the validators of those of its schemas that were needed.
#[derive(Debug)]
pub(crate) struct Document {
    value: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Document {
    /// The document of the house's API, read once in a process.
    pub(crate) fn of_the_house() -> &'static Self {
        static READ: OnceLock<Document> = OnceLock::new();
        READ.get_or_init(|| {
            let mut value = transom_desk::document();
            let mut parts = BTreeSet::new();
            parts_of_others(&value, &mut parts);
            // Callers are told that fields may be added; a field that this build adds is to be
            // documented.
            close(&mut value["paths"]);
            for (name, schema) in
                value["components"]["schemas"].as_object_mut().into_iter().flatten()
            {
                if !parts.contains(name) {
                    close(schema);
                }
            }
            Self { value, validators: Mutex::default() }
        })
    }

    /// Holds an answer against the call's description, and a body that was taken against the
    /// schema of what is taken. What is not of the API is not described.
    pub(crate) fn hold(&self, asked: &Asked, answer: &Answer) -> Result<(), String> {
        let beyond = !asked.path.starts_with("/v1/");
        // These have no body of their own and are none of the document's calls.
        if beyond || matches!(asked.method.as_str(), "head" | "options") {
            return Ok(());
        }
        let Some(operation) = self.operation(asked) else {
            return match answer.status {
                404 | 405 => Ok(()),
                other => Err(format!("it has no such call, which was answered {other}")),
            };
        };
        let at = format!("{operation}/responses/{}", answer.status);
        let Some(described) = self.value.pointer(&at) else {
            return Err(format!("it has no {}: {}", answer.status, answer.body));
        };
        match described.get("content").and_then(Value::as_object) {
            None if answer.body == json!("") => {}
            None => return Err(format!("it has no body for {}: {}", answer.status, answer.body)),
            Some(kinds) => {
                if !kinds.contains_key(&answer.content_type) {
                    return Err(format!("it has no {}", answer.content_type));
                }
                let schema = format!("{at}/content/{}/schema", escaped(&answer.content_type));
                self.validate(&schema, &answer.body)
                    .map_err(|why| format!("{} with {}: {why}", answer.status, answer.body))?;
            }
        }
        // A question may be answered by a refusal.
        let refused = answer.body["allowed"] == json!(false);
        let carried_out = (200..300).contains(&answer.status) && !refused;
        let taken = asked.json.as_ref().filter(|_| carried_out);
        let schema = format!("{operation}/requestBody/content/application~1json/schema");
        if let Some(body) = taken
            && self.value.pointer(&schema).is_some()
        {
            self.validate(&schema, body).map_err(|why| format!("took {body}: {why}"))?;
        }
        Ok(())
    }

    /// Where the call stands in the document: of the paths that fit, the one with the fewest
    /// placeholders.
    fn operation(&self, asked: &Asked) -> Option<String> {
        let paths = self.value["paths"].as_object()?;
        let fitting = paths
            .iter()
            .filter(|(path, item)| item.get(&asked.method).is_some() && fits(path, &asked.path));
        let (path, _) = fitting.min_by_key(|(path, _)| path.matches('{').count())?;
        Some(format!("/paths/{}/{}", escaped(path), asked.method))
    }

    fn validate(&self, schema: &str, value: &Value) -> Result<(), String> {
        let validator = self.validator(schema)?;
        if validator.is_valid(value) {
            return Ok(());
        }
        match validator.iter_errors(value).next() {
            None => Ok(()),
            Some(error) => Err(format!("{error} at `{}`", error.instance_path())),
        }
    }

    fn validator(&self, schema: &str) -> Result<Arc<Validator>, String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(schema) {
            return Ok(validator.clone());
        }
        // References are resolved from the root, so the document goes along.
        let mut root = Map::new();
        root.insert("components".to_owned(), self.value["components"].clone());
        let wanted = self.value.pointer(schema).cloned().unwrap_or_default();
        root.insert("allOf".to_owned(), json!([wanted]));
        let validator = jsonschema::validator_for(&Value::Object(root));
        let validator = Arc::new(validator.map_err(|e| format!("`{schema}` is no schema: {e}"))?);
        validators.insert(schema.to_owned(), validator.clone());
        Ok(validator)
    }
}

/// Whether a path is one of a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    let (wanted, given) = (pattern.split('/'), path.split('/'));
    wanted.clone().count() == given.clone().count()
        && wanted.zip(given).all(|(wanted, given)| {
            if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
        })
}

/// A key, as a JSON pointer writes it.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The schemas that are a part of another one, which adds fields to theirs.
fn parts_of_others(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let parts = fields.get("allOf").and_then(Value::as_array);
            let names = parts.into_iter().flatten().filter_map(|part| part["$ref"].as_str());
            found.extend(names.filter_map(|name| name.rsplit('/').next()).map(str::to_owned));
            fields.values().for_each(|inner| parts_of_others(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| parts_of_others(inner, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Allows no field beside those that are named, wherever some are.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("allOf") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
                return;
            }
            let names_fields = fields.get("properties").is_some_and(Value::is_object);
            if names_fields && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            for (name, inner) in fields.iter_mut() {
                if !matches!(name.as_str(), "example" | "examples") {
                    close(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

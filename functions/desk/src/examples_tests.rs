use super::*;
use crate::call::Answer;
use crate::openapi::document;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use transom_core::code::Code;

const JSON: &str = "application/json";

/// An operation of the document, by its name.
fn operations(document: &Value) -> Vec<(&str, &Value)> {
    let items = document["paths"].as_object().expect("paths").values();
    let operations = items.flat_map(|item| item.as_object().expect("operations").values());
    operations.map(|o| (o["operationId"].as_str().expect("an operationId"), o)).collect()
}

/// The answer to a request that is carried out.
fn success(operation: &Value) -> Option<&Value> {
    let responses = operation["responses"].as_object().expect("responses");
    responses.iter().find(|(status, _)| status.starts_with('2')).map(|(_, answer)| answer)
}

/// The examples of a content, by their names.
fn examples(content: &Value) -> Vec<(&str, &Value)> {
    let several = content["examples"].as_object().into_iter().flatten();
    let several = several.map(|(name, example)| (name.as_str(), &example["value"]));
    content.get("example").map(|only| ("", only)).into_iter().chain(several).collect()
}

/// Why a value is not what a schema of the document describes.
fn why_not(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    // References are resolved from the root, so the document's schemas go along.
    let root = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&root).expect("a schema");
    let error = validator.iter_errors(value).next();
    error.map(|error| format!("{error} at `{}`", error.instance_path()))
}

#[test]
fn every_call_that_takes_or_answers_json_shows_it() {
    let document = document(&crate::calls());
    let (mut taken, mut answered) = (0, 0);
    for (name, operation) in operations(&document) {
        if let Some(body) = operation.get("requestBody") {
            taken += 1;
            assert!(!examples(&body["content"][JSON]).is_empty(), "{name} shows no request");
        }
        if let Some(content) = success(operation).and_then(|a| a["content"].get(JSON)) {
            answered += 1;
            assert_eq!(examples(content).len(), 1, "{name} shows its answer");
        }
    }
    assert!(taken > 10 && answered > 50, "{taken} bodies and {answered} answers were seen");
}

#[test]
fn every_example_fits_its_own_schema() {
    let document = document(&crate::calls());
    let fits = |name: &str, content: &Value| {
        for (which, example) in examples(content) {
            let why = why_not(&document, &content["schema"], example);
            assert_eq!(why, None, "{name}, example {which}");
        }
    };
    for (name, operation) in operations(&document) {
        fits(name, &operation["requestBody"]["content"][JSON]);
        fits(name, success(operation).map_or(&Value::Null, |a| &a["content"][JSON]));
    }
    let open = why_not(&document, &json!({"$ref": "#/components/schemas/BrandBody"}), &json!({}));
    assert!(open.is_some_and(|why| why.contains("name")), "a body that lacks a field does not fit");
}

#[test]
fn every_code_of_a_call_is_shown_as_it_is_answered() {
    let document = document(&crate::calls());
    let schema = json!({"$ref": "#/components/schemas/ProblemView"});
    let mut shown = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for (status, answer) in operation["responses"].as_object().expect("responses") {
            let Some(codes) = answer["x-transom-codes"].as_array() else { continue };
            let examples = examples(&answer["content"]["application/problem+json"]);
            let wanted: BTreeSet<&str> = codes.iter().filter_map(Value::as_str).collect();
            let given: BTreeSet<&str> = examples.iter().map(|(code, _)| *code).collect();
            assert_eq!(given, wanted, "{name}, {status}");
            for (code, example) in examples {
                assert_eq!(example["code"], code, "{name}");
                assert_eq!(example["status"].to_string(), *status, "{name}, {code}");
                if shown.insert(code.to_owned()) {
                    assert_eq!(why_not(&document, &schema, example), None, "{code}");
                }
            }
        }
    }
    assert!(shown.contains(Code::WindowExpired.as_str()));
}

#[test]
fn every_file_is_an_example_of_a_call() {
    let document = document(&crate::calls());
    let named: BTreeSet<&str> = operations(&document).into_iter().map(|(name, _)| name).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = std::fs::read_dir(folder).expect("the examples");
    let there: BTreeSet<String> =
        entries.map(|e| e.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    let listed = FILES.iter().map(|(name, _)| format!("{name}.json")).collect();
    assert_eq!(there, listed);
    for (name, text) in FILES {
        assert!(named.contains(name), "{name} is no call");
        assert!(serde_json::from_str::<File>(text).is_ok(), "{name} cannot be read");
    }
}

/// Parts of schemas that take anything: what an event tells and what an audit keeps is of many
/// shapes, and what is not implemented has none yet.
const OPEN: &str = "AuditView/after AuditView/before EventView/data SettingsBody/away \
    SettingsBody/brb SettingsBody/calendar SettingsBody/display_name SettingsBody/greeting \
    SettingsBody/masking SettingsBody/reattach SettingsBody/retention_days";

/// Whether a schema says nothing of what it takes.
fn is_open(schema: &Value) -> bool {
    const TELLING: [&str; 7] =
        ["$ref", "additionalProperties", "allOf", "enum", "items", "oneOf", "properties"];
    let Some(fields) = schema.as_object() else { return false };
    let of_anything = match &schema["type"] {
        Value::String(only) => only == "object",
        Value::Array(several) => several.contains(&json!("object")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    };
    of_anything && !TELLING.iter().any(|keyword| fields.contains_key(*keyword))
}

#[test]
fn every_schema_says_what_it_takes() {
    let document = document(&crate::calls());
    let mut open = BTreeSet::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        assert!(!is_open(schema), "{name}");
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let parts = ["oneOf", "allOf"].iter().filter_map(|key| schema[*key].as_array());
            let items = schema.get("items");
            if parts.flatten().chain(items).chain([schema]).any(is_open) {
                open.insert(format!("{name}/{field}"));
            }
        }
    }
    assert_eq!(open, OPEN.split_whitespace().map(str::to_owned).collect());
}

#[test]
fn no_two_schemas_have_one_name() {
    let mut known = std::collections::BTreeMap::new();
    for call in crate::calls() {
        let answered = match call.doc.answer {
            Answer::Nothing => None,
            Answer::One(shape) | Answer::List(shape) => Some(shape),
        };
        for shape in call.doc.body.into_iter().chain(answered) {
            for (name, schema) in shape.others.into_iter().chain([(shape.name, shape.schema)]) {
                let schema = serde_json::to_value(schema).expect("JSON");
                let before = known.entry(name.clone()).or_insert_with(|| schema.clone());
                assert_eq!(*before, schema, "{name}");
            }
        }
    }
}

//! The template as written: YAML in, JSON with long-form intrinsics out.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Number, Value, json};
use serde_yaml_ng::Value as Yaml;

/// The text of a template as JSON, where `!Ref X` has become `{"Ref": "X"}`, `!GetAtt A.B`
/// `{"Fn::GetAtt": ["A", "B"]}` and so on, so that both spellings are one.
pub(super) fn parse(text: &str) -> Result<Value> {
    let yaml: Yaml = serde_yaml_ng::from_str(text).context("the template is not YAML")?;
    to_json(yaml)
}

fn to_json(yaml: Yaml) -> Result<Value> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => number_to_json(&number)?,
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => items.into_iter().map(to_json).collect::<Result<_>>()?,
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let Some(key) = key.as_str() else {
                    bail!("the key {key:?} is not text; put it in quotes");
                };
                object.insert(key.to_owned(), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = to_json(tagged.value)?;
            intrinsic(tag.trim_start_matches('!'), value)
        }
    })
}

fn intrinsic(tag: &str, value: Value) -> Value {
    match (tag, &value) {
        ("Ref" | "Condition", _) => json!({ tag: value }),
        ("GetAtt", Value::String(path)) => match path.split_once('.') {
            Some((resource, attribute)) => json!({ "Fn::GetAtt": [resource, attribute] }),
            None => json!({ "Fn::GetAtt": [path] }),
        },
        _ => json!({ format!("Fn::{tag}"): value }),
    }
}

fn number_to_json(number: &serde_yaml_ng::Number) -> Result<Value> {
    if let Some(value) = number.as_u64() {
        return Ok(Value::from(value));
    }
    if let Some(value) = number.as_i64() {
        return Ok(Value::from(value));
    }
    let value = number.as_f64().and_then(Number::from_f64);
    value.map(Value::Number).with_context(|| format!("{number} is not a number JSON can hold"))
}

//! CloudFormation's intrinsics, as far as local mode needs them.
//!
//! Resolution is lazy: only what local mode reads is resolved, so a resource that exists in the
//! cloud alone may use whatever CloudFormation knows.

use super::QUEUE_PREFIX;
use crate::policy::{ACCOUNT_ID, REGION, bucket_arn, function_arn, queue_arn, table_arn};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a parameter has neither a default nor an override, its reference becomes this and its
/// name: visible, and never mistaken for a real value.
const PARAMETER_PREFIX: &str = "parameter:";
/// A name may refer to a name; this deep, it refers to itself.
const DEPTH_MAX: u32 = 32;

/// Resolves values of one document.
pub(super) struct Resolver<'a> {
    document: &'a Value,
    parameters: BTreeMap<String, String>,
    /// The parameters without a value.
    pub(super) unset: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    /// A resolver with each parameter's override, else its default.
    pub(super) fn new(document: &'a Value, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let mut parameters = BTreeMap::new();
        let mut unset = BTreeSet::new();
        let declared = document.get("Parameters").and_then(Value::as_object);
        for (name, parameter) in declared.into_iter().flatten() {
            let value = match overrides.get(name) {
                Some(value) => Some(value.clone()),
                None => parameter.get("Default").map(scalar_text).transpose()?,
            };
            let value = value.unwrap_or_else(|| {
                unset.insert(name.clone());
                format!("{PARAMETER_PREFIX}{name}")
            });
            parameters.insert(name.clone(), value);
        }
        if let Some(name) = overrides.keys().find(|name| !parameters.contains_key(*name)) {
            bail!("the template has no parameter {name}; remove its override");
        }
        Ok(Self { document, parameters, unset })
    }

    /// Every resource of a type, sorted by logical id: whether the document's own order is
    /// kept depends on a feature of serde_json that another crate may switch on.
    pub(super) fn resources(&self, kind: &str) -> Vec<(&'a str, &'a Value)> {
        let resources = self.document.get("Resources").and_then(Value::as_object);
        let all = resources.into_iter().flatten();
        let mut found: Vec<_> = all
            .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(kind))
            .map(|(id, resource)| (id.as_str(), resource.get("Properties").unwrap_or(&Value::Null)))
            .collect();
        found.sort_by_key(|(id, _)| *id);
        found
    }

    /// A value with its intrinsics resolved; none for `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>> {
        self.value(value, 0)
    }

    /// The name of a table, queue or function.
    pub(super) fn name_of(&self, logical_id: &str) -> Result<String> {
        self.name(logical_id, 0)
    }

    fn value(&self, value: &Value, depth: u32) -> Result<Option<Value>> {
        if depth > DEPTH_MAX {
            bail!("a value refers to itself");
        }
        match value {
            Value::Array(items) => {
                let resolved = items.iter().map(|item| self.value(item, depth + 1));
                let resolved = resolved.collect::<Result<Vec<_>>>()?;
                Ok(Some(resolved.into_iter().flatten().collect()))
            }
            Value::Object(entries) => {
                if let Some((name, argument)) = entries.iter().next().filter(|(name, _)| {
                    entries.len() == 1 && (*name == "Ref" || name.starts_with("Fn::"))
                }) {
                    return self.intrinsic(name, argument, depth + 1);
                }
                let mut object = serde_json::Map::new();
                for (key, entry) in entries {
                    if let Some(resolved) = self.value(entry, depth + 1)? {
                        object.insert(key.clone(), resolved);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Some(value.clone()))
            }
        }
    }

    fn intrinsic(&self, name: &str, argument: &Value, depth: u32) -> Result<Option<Value>> {
        let text = match (name, argument) {
            ("Ref", Value::String(target)) if target == "AWS::NoValue" => return Ok(None),
            ("Ref", Value::String(target)) => self.reference(target, depth)?,
            ("Fn::GetAtt", Value::Array(path)) => match path.as_slice() {
                [Value::String(id), Value::String(attribute)] => {
                    self.attribute(id, attribute, depth)?
                }
                _ => bail!("!GetAtt takes <resource>.<attribute>"),
            },
            ("Fn::Sub", Value::String(pattern)) => self.substitute(pattern, &Value::Null, depth)?,
            ("Fn::Sub", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(pattern), variables] => {
                    self.substitute(pattern, variables, depth)?
                }
                _ => bail!("!Sub takes a text, or a list of a text and its variables"),
            },
            ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(separator), list] => self.join(separator, list, depth)?,
                _ => bail!("!Join takes a separator and a list"),
            },
            ("Fn::If", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(condition), yes, no] => {
                    let chosen = if self.condition(condition, depth)? { yes } else { no };
                    return self.value(chosen, depth);
                }
                _ => bail!("!If takes a condition and two values"),
            },
            _ => bail!("{name} is not known to local mode, or not in this form"),
        };
        Ok(Some(Value::String(text)))
    }

    fn reference(&self, target: &str, depth: u32) -> Result<String> {
        if let Some(value) = self.parameters.get(target) {
            return Ok(value.clone());
        }
        Ok(match target {
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::StackName" => "transom".to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            _ => match self.kind(target)? {
                "AWS::SQS::Queue" => format!("{QUEUE_PREFIX}{}", self.name(target, depth)?),
                "AWS::DynamoDB::Table" | "AWS::Serverless::Function" | "AWS::S3::Bucket" => {
                    self.name(target, depth)?
                }
                _ => target.to_owned(),
            },
        })
    }

    fn attribute(&self, id: &str, attribute: &str, depth: u32) -> Result<String> {
        let name = || self.name(id, depth);
        Ok(match (self.kind(id)?, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => table_arn(&name()?),
            ("AWS::SQS::Queue", "Arn") => queue_arn(&name()?),
            ("AWS::SQS::Queue", "QueueName") => name()?,
            ("AWS::S3::Bucket", "Arn") => bucket_arn(&name()?),
            ("AWS::S3::Bucket", "RegionalDomainName") => {
                format!("{}.s3.{REGION}.amazonaws.com", name()?)
            }
            ("AWS::Serverless::Function", "Arn") => function_arn(&name()?),
            (kind, _) => bail!("!GetAtt {id}.{attribute} of a {kind} is not known to local mode"),
        })
    }

    fn substitute(&self, pattern: &str, variables: &Value, depth: u32) -> Result<String> {
        let mut result = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("${{ is not closed in {pattern:?}"))?;
            result.push_str(before);
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(variable) = variables.get(name) {
                let value = self.value(variable, depth)?.unwrap_or_default();
                result.push_str(&scalar_text(&value)?);
            } else if let Some((id, attribute)) = name.split_once('.') {
                result.push_str(&self.attribute(id, attribute, depth)?);
            } else {
                result.push_str(&self.reference(name, depth)?);
            }
        }
        result.push_str(rest);
        Ok(result)
    }

    fn join(&self, separator: &str, list: &Value, depth: u32) -> Result<String> {
        let list = self.value(list, depth)?.unwrap_or_default();
        let items = list.as_array().context("!Join takes a list")?;
        let texts = items.iter().map(scalar_text).collect::<Result<Vec<_>>>()?;
        Ok(texts.join(separator))
    }

    fn condition(&self, name: &str, depth: u32) -> Result<bool> {
        let body = self.document.get("Conditions").and_then(|all| all.get(name));
        let body = body.with_context(|| format!("there is no condition {name}"))?;
        self.holds(body, depth).with_context(|| format!("failed to evaluate condition {name}"))
    }

    fn holds(&self, body: &Value, depth: u32) -> Result<bool> {
        if depth > DEPTH_MAX {
            bail!("it refers to itself");
        }
        let entries = body.as_object().filter(|entries| entries.len() == 1);
        let (name, argument) = entries
            .and_then(|entries| entries.iter().next())
            .context("a condition is one function, such as !Equals")?;
        match (name.as_str(), argument) {
            ("Condition", Value::String(other)) => self.condition(other, depth + 1),
            ("Fn::Equals", Value::Array(sides)) => match sides.as_slice() {
                [left, right] => Ok(self.value(left, depth)? == self.value(right, depth)?),
                _ => bail!("!Equals takes two values"),
            },
            ("Fn::Not", Value::Array(of)) => match of.as_slice() {
                [one] => Ok(!self.holds(one, depth + 1)?),
                _ => bail!("!Not takes one condition"),
            },
            _ => bail!("{name} is not known to local mode"),
        }
    }

    fn name(&self, id: &str, depth: u32) -> Result<String> {
        let property = match self.kind(id)? {
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::Serverless::Function" => "FunctionName",
            "AWS::S3::Bucket" => "BucketName",
            kind => bail!("{id} is a {kind}, which has no name here"),
        };
        let given = self.resource(id)?.get("Properties").and_then(|all| all.get(property));
        let Some(given) = given else {
            return Ok(format!("transom-{id}")); // CloudFormation composes it likewise
        };
        let value = self
            .value(given, depth + 1)
            .with_context(|| format!("failed to read {id}.{property}"))?;
        scalar_text(&value.unwrap_or_default())
            .with_context(|| format!("failed to read {id}.{property}"))
    }

    fn kind(&self, id: &str) -> Result<&'a str> {
        let kind = self.resource(id)?.get("Type").and_then(Value::as_str);
        kind.with_context(|| format!("the resource {id} has no Type"))
    }

    fn resource(&self, id: &str) -> Result<&'a Value> {
        let resource = self.document.get("Resources").and_then(|all| all.get(id));
        resource.with_context(|| {
            format!("there is no parameter or resource {id}; correct the reference")
        })
    }
}

/// A scalar as CloudFormation writes it into a text.
pub(super) fn scalar_text(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            bail!("{value} stands where a text, a number or a boolean belongs")
        }
    }
}

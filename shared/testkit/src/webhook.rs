//! One webhook of a provider, to be changed, signed and posted by a test's own hand.

use serde_json::Value;
use transom_core::account::Provider;
use transom_local::sandbox::{Parcel, sign_meta, sign_twilio};

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Twilio's.
    Form(Vec<(String, String)>),
    /// Meta's and Gupshup's.
    Json(Value),
    /// Bytes that are neither.
    Raw(Vec<u8>),
}

/// One webhook. It is signed when it is posted, so what a test changes before is signed too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Whose it is.
    pub provider: Provider,
    /// `/webhooks/…` or `/status/…`.
    pub path: String,
    /// The pairs of the query, without Gupshup's token.
    pub query: Vec<(String, String)>,
    /// What it says.
    pub payload: Payload,
    /// What signs it: Twilio's token, Meta's secret, the token in the address of Gupshup's.
    pub secret: String,
}

/// A webhook as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Path and query.
    pub path: String,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The name of the provider's signature header and its value, if the provider has one.
    pub signature: Option<(&'static str, String)>,
}

impl Webhook {
    /// Takes apart what the pretend provider composed for the house at `base`.
    #[must_use]
    pub(crate) fn of(provider: Provider, base: &str, secret: &str, parcel: &Parcel) -> Self {
        let target = parcel.url.strip_prefix(base).unwrap_or(&parcel.url);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .filter(|(name, _)| !(provider == Provider::Gupshup && name == "token"))
            .collect();
        let payload = serde_json::from_slice(&parcel.body).map_or_else(
            |_| Payload::Form(form_urlencoded::parse(&parcel.body).into_owned().collect()),
            Payload::Json,
        );
        Self { provider, path: path.to_owned(), query, payload, secret: secret.to_owned() }
    }

    /// The same for another path.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The same, signed with another secret.
    #[must_use]
    pub fn signed_with(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    /// The same with one text in place of another, wherever it stands in what it says.
    #[must_use]
    pub fn replaced(mut self, from: &str, to: &str) -> Self {
        match &mut self.payload {
            Payload::Form(pairs) => {
                for (_, value) in pairs {
                    *value = value.replace(from, to);
                }
            }
            Payload::Json(value) => replace(value, from, to),
            Payload::Raw(_) => {}
        }
        self
    }

    /// A status that does not bring our reference: only the provider's id leads to its message.
    #[must_use]
    pub fn without_reference(mut self) -> Self {
        self.query.clear();
        if let Payload::Json(value) = &mut self.payload {
            remove(value, "biz_opaque_callback_data");
        }
        self
    }

    /// Signed as ever, but it makes no sense: a form without a single known pair, JSON that
    /// breaks off.
    #[must_use]
    pub fn unparsable(mut self) -> Self {
        self.payload = match self.payload {
            Payload::Form(_) => Payload::Form(vec![("Hello".to_owned(), "there".to_owned())]),
            Payload::Json(_) | Payload::Raw(_) => Payload::Raw(br#"{"Hello": "there""#.to_vec()),
        };
        self
    }

    /// Signed as the provider signs, for the house at `base`.
    #[must_use]
    pub fn signed(&self, base: &str) -> Signed {
        let (content_type, body) = match &self.payload {
            Payload::Form(pairs) => {
                ("application/x-www-form-urlencoded", encoded(pairs).into_bytes())
            }
            Payload::Json(value) => ("application/json", value.to_string().into_bytes()),
            Payload::Raw(bytes) => ("application/json", bytes.clone()),
        };
        let mut query = self.query.clone();
        if self.provider == Provider::Gupshup {
            query.push(("token".to_owned(), self.secret.clone()));
        }
        let path = match query.as_slice() {
            [] => self.path.clone(),
            pairs => format!("{}?{}", self.path, encoded(pairs)),
        };
        let signature = match (self.provider, &self.payload) {
            (Provider::Twilio, Payload::Form(pairs)) => {
                let signature = sign_twilio(&self.secret, &format!("{base}{path}"), pairs);
                Some(("x-twilio-signature", signature))
            }
            (Provider::Meta, _) => Some(("x-hub-signature-256", sign_meta(&self.secret, &body))),
            (Provider::Twilio | Provider::Gupshup, _) => None,
        };
        Signed { path, content_type, body, signature }
    }
}

fn encoded(pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => *text = text.replace(from, to),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn remove(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, name)),
        Value::Object(fields) => {
            fields.remove(name);
            fields.values_mut().for_each(|field| remove(field, name));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

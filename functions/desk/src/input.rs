//! What requests carry, read strictly: every mistake is named, with what would be right.

use crate::problem::Failure;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use transom_app::converse::{PAGE_DEFAULT, PAGE_MAX};
use transom_app::setup::Principal;
use transom_app::{App, Problem};
use transom_core::code::Code;

/// The largest body, in bytes: sixty times the longest text, and below what a queue or an item
/// of the table holds.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The body, as it came: JSON by its header.
#[derive(Debug)]
pub(crate) struct JsonBytes(pub(crate) Bytes);

/// The body, as a `T`.
#[derive(Debug)]
pub(crate) struct Input<T>(pub(crate) T);

/// The body, as a `T`, or none at all.
#[derive(Debug)]
pub(crate) struct OptionalInput<T>(pub(crate) T);

/// What stands in the path.
#[derive(Debug)]
pub(crate) struct Ids<T>(pub(crate) T);

/// What stands in the query: a struct whose fields are optional texts.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

/// Who makes the request.
#[derive(Debug)]
pub(crate) struct By(pub(crate) Principal);

impl FromRequest<App> for JsonBytes {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &App) -> Result<Self, Failure> {
        check_content_type(request.headers())?;
        Ok(Self(whole(request).await?))
    }
}

/// A body within its size.
async fn whole(request: Request) -> Result<Bytes, Problem> {
    let declared = request.headers().get(http::header::CONTENT_LENGTH);
    let declared = declared.and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| too_large())
}

impl<T: DeserializeOwned + Default> FromRequest<App> for OptionalInput<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &App) -> Result<Self, Failure> {
        let bytes = whole(request).await?;
        match bytes.trim_ascii() {
            b"" => Ok(Self(T::default())),
            bytes => Ok(Self(parse(bytes)?)),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, app).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Ids<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let unreadable = |_: PathRejection| {
            Problem::invalid("the path is not valid UTF-8 after percent-decoding")
        };
        Path::<T>::from_request_parts(parts, app)
            .await
            .map(|Path(ids)| Self(ids))
            .map_err(|e| unreadable(e).into())
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        let Query(params) = Query::<T>::try_from_uri(&parts.uri).map_err(|error| {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            Problem::invalid(format!("the query cannot be read: {}", why.unwrap_or_default()))
        })?;
        Ok(Self(params))
    }
}

impl FromRequestParts<App> for By {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Failure> {
        let principal = parts.extensions.get::<Principal>().cloned();
        principal.map(Self).ok_or_else(|| {
            Problem::new(Code::Unauthorized, "the request was not authenticated").into()
        })
    }
}

/// Reads JSON strictly: UTF-8, one document, no unknown field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Problem::invalid("the body is not UTF-8"));
    }
    // A struct would be read from a list of its fields too; no body of the contract is a list.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("the body cannot be read: it must be a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        Problem::invalid(named(&path, error.inner()))
    })?;
    deserializer
        .end()
        .map_err(|_| Problem::invalid("the body holds more than one JSON document"))?;
    Ok(parsed)
}

/// Reads a part of a document that was read already; `prefix` is where it stands.
pub(crate) fn parse_part<T: DeserializeOwned>(
    prefix: &str,
    value: &serde_json::Value,
) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => prefix.to_owned(),
            inner => format!("{prefix}.{inner}"),
        };
        Problem::invalid(named(&path, error.inner()))
    })
}

fn named(path: &str, why: &serde_json::Error) -> String {
    if path == "." || path.is_empty() {
        return format!("the body cannot be read: {why}");
    }
    format!("`{path}`: {why}")
}

/// Reads an optional value of the query.
pub(crate) fn optional<T: FromStr>(
    name: &str,
    text: Option<&str>,
    right: &str,
) -> Result<Option<T>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::invalid(format!("`{name}` must be {right}"))))
        .transpose()
}

/// Reads the size of a page.
pub(crate) fn page_limit(text: Option<&str>) -> Result<u16, Problem> {
    let right = format!("1 to {PAGE_MAX}");
    match optional::<u16>("limit", text, &right)? {
        None => Ok(PAGE_DEFAULT),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::invalid(format!("`limit` must be {right}"))),
    }
}

/// The type of the body, as the request tells it.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    given.map(|given| given.trim().to_owned()).filter(|given| !given.is_empty())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = content_type(headers);
    let essence = given.as_deref().and_then(|value| value.split(';').next()).map(str::trim);
    if essence.is_some_and(|e| e.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let detail = "the Content-Type must be application/json";
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

fn too_large() -> Problem {
    let detail = format!("the body must not be larger than {BODY_BYTES_MAX} bytes");
    Problem::new(Code::PayloadTooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only reading is tested")]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only reading is tested")]
        count: u8,
    }

    fn why(bytes: &[u8]) -> String {
        parse::<Outer>(bytes).map(|_| String::new()).unwrap_or_else(|p| p.detail)
    }

    #[test]
    fn every_mistake_is_named_with_its_path() {
        assert_eq!(why(br#"{"inner":[{"count":1}]}"#), "");
        assert!(why(br#"{"inner":[{"count":1},{"count":"x"}]}"#).starts_with("`inner[1].count`:"));
        assert!(why(br#"{"inner":[{"size":1}]}"#).contains("unknown field `size`"));
        assert!(why(br#"{"inner":[]} {}"#).contains("more than one"));
        assert!(why(b"{\"inner\":[\xff]}").contains("UTF-8"));
        assert!(why(b"").contains("cannot be read"));
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(why(deep.as_bytes()).contains("cannot be read"));
        let deep = format!(r#"{{"inner":{deep}}}"#);
        assert!(!why(deep.as_bytes()).is_empty());
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
        assert!(why(b"[[]]").contains("JSON object"));
    }

    #[test]
    fn pages_have_a_size() {
        assert_eq!(page_limit(None).ok(), Some(PAGE_DEFAULT));
        assert_eq!(page_limit(Some("200")).ok(), Some(200));
        for text in ["0", "201", "-1", "x", ""] {
            assert!(page_limit(Some(text)).is_err(), "{text}");
        }
    }
}

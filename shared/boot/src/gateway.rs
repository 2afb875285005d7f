//! What API Gateway tells beside the request, in one shape for the cloud and for local mode.

use axum::body::Body;
use axum::http::Request;
use std::collections::BTreeMap;
use transom_app::App;
use transom_app::webhook::{Arrival, WEBHOOK_BYTES_MAX};

/// The route's parameters and the request's raw parts, as the gateway has them. Local mode makes
/// the same of its own router, so the functions cannot tell the difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// The values of the route's `{…}`.
    pub params: BTreeMap<String, String>,
    /// The raw path, still percent-encoded.
    pub raw_path: String,
    /// The raw query, without `?`.
    pub raw_query: String,
    /// The gateway's own domain name; never the `Host` header.
    pub domain: Option<String>,
}

/// Reads a webhook from a request that carries a [`Gateway`]. `None` when its body is larger
/// than any webhook, or breaks off.
pub async fn arrival(app: &App, request: Request<Body>) -> Option<Arrival> {
    let (parts, body) = request.into_parts();
    let gateway = parts.extensions.get::<Gateway>().cloned().unwrap_or_default();
    let body = axum::body::to_bytes(body, WEBHOOK_BYTES_MAX).await.ok()?;
    let base = match (&app.config.public_url, &gateway.domain) {
        (Some(url), _) => url.clone(),
        (None, Some(domain)) => format!("https://{domain}"),
        (None, None) => String::new(),
    };
    let mut url = format!("{base}{}", gateway.raw_path);
    if !gateway.raw_query.is_empty() {
        url.push('?');
        url.push_str(&gateway.raw_query);
    }
    let headers = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let param = |name: &str| gateway.params.get(name).cloned().unwrap_or_default();
    Some(Arrival {
        provider: param("provider"),
        account: param("account"),
        url,
        query: gateway.raw_query,
        headers,
        body: body.to_vec(),
    })
}

//! The embedded engines, each behind one small module so that another can take its place.
//!
//! Tables and queues are reached over loopback HTTP through the real SDK clients, so local mode differs from
//! the cloud by endpoints alone.

mod boundary;
pub mod dynamo;
pub mod objects;
pub mod queue;
#[cfg(test)]
mod tests;

use crate::policy::REGION;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::StalledStreamProtectionConfig;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// A DynamoDB client for a local endpoint.
#[must_use]
pub fn dynamo_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .endpoint_url(endpoint)
        .region(aws_sdk_dynamodb::config::Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// A DynamoDB client over any transport, for a simulation: it neither repeats a call nor gives one
/// up, so that whoever decides about the calls sees each of them, once.
#[must_use]
pub fn bare_dynamo_client(transport: SharedHttpClient) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .endpoint_url("http://simulated")
        .region(aws_sdk_dynamodb::config::Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(transport)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// An SQS client for a local endpoint.
#[must_use]
pub fn queue_client(endpoint: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(endpoint)
        .region(aws_sdk_sqs::config::Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

/// The engines take any credentials, but the SDK signs only with some.
fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "transom local mode")
}

//! Calls to providers. One call per attempt, with a deadline, no redirect and no retry: what
//! the transport knows about the outcome is told apart from what it does not.

use std::time::Duration;
use transom_core::account::Provider;
use transom_wire::{Answer, ApiRequest, Method, ProviderRequest};

/// How long a provider may take to answer. After this the outcome is unknown.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How long a connection may take. Failing here, nothing was sent.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// The most that is read of an answer; providers answer a send with a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The most that is read of a page of templates: a hundred of them, each a few thousand bytes.
const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How a call of a management API ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The provider answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The header of that name.
        retry_after: Option<String>,
        /// The body.
        body: Vec<u8>,
    },
    /// It gave no answer that can be read; why, in a few words.
    Lost(String),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Called {
    /// The provider answered.
    Answered(Answer),
    /// No connection came about: the provider certainly does not have the message.
    NotReached,
}

/// The client that providers are called through.
#[derive(Debug, Clone)]
pub struct ProviderClient(reqwest::Client);

impl ProviderClient {
    /// A client with this house's deadlines.
    ///
    /// # Errors
    /// When the TLS library cannot be used.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }

    /// Makes one call.
    pub async fn call(&self, provider: Provider, request: ProviderRequest) -> Called {
        let mut builder = self.0.post(&request.url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let unknown = |code: &str| Called::Answered(Answer::Unknown { code: code.to_owned() });
        match builder.send().await {
            Ok(response) => match read(response, ANSWER_BYTES_MAX).await {
                Some(Read { status, retry_after, body }) => Called::Answered(
                    transom_wire::classify(provider, status, retry_after.as_deref(), &body),
                ),
                None => unknown("connection_lost"),
            },
            Err(error) if error.is_connect() || error.is_builder() => Called::NotReached,
            Err(error) if error.is_timeout() => unknown("timeout"),
            Err(_) => unknown("connection_lost"),
        }
    }

    /// Makes one call of a provider's management API, answered within a time and a size.
    pub async fn ask(&self, request: ApiRequest) -> Asked {
        let mut builder = match request.method {
            Method::Get => self.0.get(&request.url),
            Method::Post => self.0.post(&request.url).body(request.body),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let lost = |why: &str| Asked::Lost(why.to_owned());
        match builder.send().await {
            Ok(response) => match read(response, LIST_BYTES_MAX).await {
                Some(Read { status, retry_after, body }) => {
                    Asked::Answered { status, retry_after, body }
                }
                None => lost("its answer broke off, or was too large"),
            },
            Err(error) if error.is_connect() || error.is_builder() => {
                lost("it could not be reached")
            }
            Err(error) if error.is_timeout() => lost("it did not answer in time"),
            Err(_) => lost("the connection was lost"),
        }
    }
}

/// An answer that was read to its end.
struct Read {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
}

/// Reads an answer; `None` when it breaks off or is longer than `bytes_max`.
async fn read(mut response: reqwest::Response, bytes_max: usize) -> Option<Read> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > bytes_max {
            return None;
        }
    }
    Some(Read { status, retry_after, body })
}

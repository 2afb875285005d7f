//! Posts a webhook to us, as a provider's edge does.
//!
//! Plain HTTP only, one connection for each post: the receiver is on this machine, and a
//! provider of TLS is the business of the process, not of the sandbox.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use url::Url;

use super::{Reach, Sandbox};

/// Twilio gives the whole call 15 s, the connecting included; Gupshup gives 10 s, and what Meta
/// gives is not published. One limit serves all: that of API Gateway, behind which nothing answers
/// later. How fast an answer is depends on the machine, which no test may depend on.
const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// Tries while nothing listens yet. The waits between them double, so they end after about 3 s:
/// long enough for a listener that is just starting.
const CONNECT_TRIES_MAX: u32 = 6;
const CONNECT_WAIT_FIRST: Duration = Duration::from_millis(100);

/// Posts at the same time. A campaign reports on thousands of messages at once, and each post
/// holds two descriptors of this very process.
pub(super) const POSTS_AT_ONCE_MAX: usize = 128;

/// The type of a form, as the providers write it.
pub(super) const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// The type of JSON, as the providers write it.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// An answer to a webhook is small; whatever is longer is cut off.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The answer to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostAnswer {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

/// One webhook on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where it goes, and what Twilio signs.
    pub url: String,
    /// The type of its body.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
    /// The provider's signature and whatever else it adds.
    pub headers: Vec<(&'static str, String)>,
}

impl Parcel {
    pub(super) fn form(
        url: &str,
        params: &[(String, String)],
        headers: Vec<(&'static str, String)>,
    ) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        Self { url: url.to_owned(), content_type: FORM, body: Bytes::from(body), headers }
    }
}

/// The address as a provider signs and calls it: it never sends the fragment.
pub(super) fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

impl Sandbox {
    /// Posts the parcel when one of the places under way is free.
    pub(super) async fn post(&self, parcel: &Parcel) -> Result<PostAnswer, String> {
        let reach = self.state().reach.clone();
        let place = self.inner.post_places.acquire().await;
        let answer = post(parcel, reach.as_ref()).await;
        drop(place);
        answer
    }
}

/// Posts the parcel. Only a refused connection is tried again: whatever reached the receiver
/// counts as delivered, as with the true provider.
pub(super) async fn post(parcel: &Parcel, reach: Option<&Reach>) -> Result<PostAnswer, String> {
    let url = reachable(&parcel.url, reach)?;
    let stream = connect_with_retry(&url).await?;
    match timeout(POST_TIMEOUT, exchange(stream, &url, parcel)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", POST_TIMEOUT.as_secs())),
    }
}

fn reachable(url: &str, reach: Option<&Reach>) -> Result<Url, String> {
    let moved = reach.and_then(|reach| {
        let rest = url.strip_prefix(reach.public.trim_end_matches('/'))?;
        let local = reach.local.trim_end_matches('/');
        (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| format!("{local}{rest}"))
    });
    let url = Url::parse(moved.as_deref().unwrap_or(url)).map_err(|error| error.to_string())?;
    if url.scheme() == "http" {
        Ok(url)
    } else {
        Err("the sandbox posts by plain http only; tell it with set_reach where that address is \
             served on this machine"
            .to_owned())
    }
}

async fn connect_with_retry(url: &Url) -> Result<TcpStream, String> {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(80);
    let mut wait = CONNECT_WAIT_FIRST;
    let mut tries = 1;
    loop {
        match TcpStream::connect((host, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) if tries >= CONNECT_TRIES_MAX => return Err(error.to_string()),
            Err(_) => sleep(wait).await,
        }
        wait = wait.saturating_mul(2);
        tries += 1;
    }
}

async fn exchange(stream: TcpStream, url: &Url, parcel: &Parcel) -> Result<PostAnswer, String> {
    let request = request(url, parcel)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchange = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        read(response).await
    };
    // The connection is driven here rather than by a task of its own, so that it ends with us:
    // the sender is dropped with the exchange, which ends the connection.
    let (answer, _) = futures::join!(exchange, connection);
    answer
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Result<PostAnswer, String> {
    let status = response.status().as_u16();
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok(PostAnswer { status, content_type, body: String::from_utf8_lossy(&body).into_owned() })
}

fn request(url: &Url, parcel: &Parcel) -> Result<Request<Full<Bytes>>, String> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut request = Request::post(target)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .header(USER_AGENT, "transom-sandbox")
        .header(CONTENT_TYPE, parcel.content_type);
    if !url.username().is_empty() {
        let user = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(user)));
    }
    for (name, value) in &parcel.headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(parcel.body.clone())).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_called_where_it_is_served() {
        let reach = Reach {
            public: "https://transom.example".to_owned(),
            local: "http://127.0.0.1:8080/".to_owned(),
        };
        let url = reachable("https://transom.example/status/x?ref=1", Some(&reach));
        assert_eq!(url.map(String::from), Ok("http://127.0.0.1:8080/status/x?ref=1".to_owned()));
        assert!(reachable("https://transom.example.org/x", Some(&reach)).is_err());
        assert!(reachable("http://127.0.0.1:9/x", None).is_ok());
    }

    #[test]
    fn the_fragment_is_never_sent() {
        assert_eq!(without_fragment("http://h/x?a=1#rc=3"), "http://h/x?a=1");
    }
}

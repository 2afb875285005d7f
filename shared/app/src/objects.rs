//! Object storage: the bytes of files. Written by a signed PUT, read by whoever has a link that
//! ends. Both are presigned requests of S3's protocol: the signature is AWS's own crate, which
//! the SDK brings already; the SDK's S3 client would triple what a function links for two calls
//! (`docs/adr/0030-objects-by-presigned-requests.md`).

use crate::AppError;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SignatureLocation, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use transom_core::fetch::is_shown_inline;
use transom_core::id::MediaId;
use transom_core::time::{Millis, Timestamp};

/// How long writing one object may take: the largest file in a slow minute.
pub const PUT_WITHIN: Duration = Duration::from_secs(100);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where objects are, and who signs.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The bucket's address for this function, without a slash at the end.
    pub inside: String,
    /// The bucket's address for whoever is given a link: the same, but on a laptop behind a tunnel.
    pub outside: String,
    /// Its region.
    pub region: String,
    /// Who signs.
    pub credentials: SharedCredentialsProvider,
}

/// The bucket of media. A function that has nothing to do with it has none. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    client: reqwest::Client,
    bucket: Option<Arc<Bucket>>,
}

/// How an object is kept, and so served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its type, by its bytes.
    pub content_type: String,
    /// The name that it is saved under, where one is known.
    pub filename: Option<String>,
}

/// The object of a media item. Nothing personal: a conversation is a keyed hash.
#[must_use]
pub fn key_of(id: &MediaId) -> String {
    match id.message() {
        Some(message) => {
            format!("messages/{}/{}", message.conversation().hash(), message.sortable())
        }
        None => format!("uploads/{id}"),
    }
}

fn failed(operation: &'static str, reason: impl Into<String>) -> AppError {
    AppError::Objects { operation, reason: reason.into() }
}

/// A new client for objects.
///
/// # Errors
/// When the TLS library cannot be used.
pub fn client(local: bool) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_WITHIN)
        .timeout(PUT_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(!local)
        .build()
}

impl Objects {
    /// The objects of `bucket`.
    #[must_use]
    pub fn new(client: reqwest::Client, bucket: Option<Bucket>) -> Self {
        Self { client, bucket: bucket.map(Arc::new) }
    }

    fn bucket(&self) -> Result<&Bucket, AppError> {
        let none = || failed("find the bucket", "this function has none in template.yaml");
        self.bucket.as_deref().ok_or_else(none)
    }

    /// Writes an object of `bytes` bytes, over what stood there.
    ///
    /// # Errors
    /// When it is not written; it is safe to write again.
    pub async fn put(
        &self,
        key: &str,
        kept: &Kept,
        bytes: u64,
        body: reqwest::Body,
        now: Timestamp,
    ) -> Result<(), AppError> {
        const OPERATION: &str = "write an object";
        let bucket = self.bucket()?;
        let address = format!("{}/{key}", bucket.inside);
        let url = bucket.signed("PUT", &address, LINK_TO_WRITE, now).await?;
        let sent = self
            .client
            .put(url)
            .header("content-type", &kept.content_type)
            .header("content-disposition", disposition(kept))
            .header("content-length", bytes)
            .body(body)
            .send()
            .await;
        match sent {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(failed(OPERATION, format!("HTTP {}", response.status().as_u16()))),
            Err(error) if error.is_timeout() => Err(failed(OPERATION, "timeout")),
            Err(_) => Err(failed(OPERATION, "the connection was lost")),
        }
    }

    /// A link to an object, and until when it is good.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub async fn link(
        &self,
        key: &str,
        good_for: Millis,
        now: Timestamp,
    ) -> Result<(String, Timestamp), AppError> {
        let bucket = self.bucket()?;
        let address = format!("{}/{key}", bucket.outside);
        let url = bucket.signed("GET", &address, good_for, now).await?;
        // A signature knows whole seconds.
        let from = Timestamp::from_seconds(now.as_millis().div_euclid(1000));
        Ok((url, from.plus(good_for)))
    }
}

/// How long a signature for writing is good: until the write has begun.
const LINK_TO_WRITE: Millis = Millis::from_seconds(300);

impl Bucket {
    async fn signed(
        &self,
        method: &str,
        address: &str,
        good_for: Millis,
        now: Timestamp,
    ) -> Result<String, AppError> {
        const OPERATION: &str = "sign a link";
        let credentials = self.credentials.provide_credentials().await;
        let credentials = credentials.map_err(|_| failed(OPERATION, "there are no credentials"))?;
        presigned(method, address, &self.region, credentials, good_for, now)
            .ok_or_else(|| failed(OPERATION, "the address cannot be signed"))
    }
}

/// `address` with a signature in its query, as S3 has it; `None` when it is no address.
#[must_use]
pub fn presigned(
    method: &str,
    address: &str,
    region: &str,
    credentials: Credentials,
    good_for: Millis,
    now: Timestamp,
) -> Option<String> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(good_for.to_std());
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.session_token_mode = SessionTokenMode::Include;
    let seconds = u64::try_from(now.as_millis().div_euclid(1000)).ok()?;
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let mut request = http::Request::builder().method(method).uri(address).body(()).ok()?;
    let body = SignableBody::UnsignedPayload;
    let signable = SignableRequest::new(method, address, std::iter::empty(), body).ok()?;
    let (instructions, _) = sign(signable, &params).ok()?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Some(request.uri().to_string())
}

/// How a browser is told to treat an object: what runs nothing is shown, the rest is saved.
fn disposition(kept: &Kept) -> String {
    let kind = if is_shown_inline(&kept.content_type) { "inline" } else { "attachment" };
    let Some(name) = kept.filename.as_deref().filter(|name| !name.is_empty()) else {
        return kind.to_owned();
    };
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' })
        .collect();
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_documented_vector_of_a_presigned_link_holds() {
        // Amazon S3, "Authenticating requests: using query parameters".
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        );
        let url = presigned(
            "GET",
            "https://examplebucket.s3.amazonaws.com/test.txt",
            "us-east-1",
            credentials,
            Millis::from_seconds(86_400),
            Timestamp::from_seconds(1_369_353_600),
        );
        let url = url.expect("it is signed");
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.contains(&format!("X-Amz-Signature={signature}")), "{url}");
    }

    #[test]
    fn a_browser_saves_what_it_might_run_and_no_name_breaks_the_header() {
        let of = |content_type: &str, filename: Option<&str>| {
            let filename = filename.map(str::to_owned);
            disposition(&Kept { content_type: content_type.to_owned(), filename })
        };
        assert_eq!(of("image/png", None), "inline");
        assert_eq!(of("application/octet-stream", None), "attachment");
        assert_eq!(
            of("application/pdf", Some("Zähler \"1\"\r\nx: y.pdf")),
            "attachment; filename=\"Z_hler__1___x:_y.pdf\"; \
             filename*=UTF-8''Z%C3%A4hler%20%221%22%0D%0Ax%3A%20y%2Epdf"
        );
    }
}

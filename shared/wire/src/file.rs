//! How a provider's files are fetched: which requests, with which authentication, and to which
//! hosts that may go.

use crate::{Credentials, gupshup, meta, twilio};
use url::{Host, Url};

/// Where a file of an inbound message is, as the webhook told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileSource<'a> {
    /// Its address.
    pub url: Option<&'a str>,
    /// The provider's own id of it.
    pub provider_media_id: Option<&'a str>,
    /// The provider's own name of the number that received it.
    pub business_id: Option<&'a str>,
}

/// A GET request. The headers hold secrets, and are for this address alone: whoever follows a
/// redirect to another origin leaves them behind.
#[derive(Clone, PartialEq, Eq)]
pub struct FileRequest {
    /// The absolute URL.
    pub url: String,
    /// The headers, with lower-case names.
    pub headers: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for FileRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileRequest({} headers)", self.headers.len())
    }
}

/// The first request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileStep {
    /// It answers the file itself.
    Read(FileRequest),
    /// It answers where the file is for some minutes; [`read_described`] says how to go on.
    Describe(FileRequest),
}

/// What a provider tells of a file before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// How the file itself is read.
    pub request: FileRequest,
    /// Its declared type.
    pub content_type: Option<String>,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its SHA-256.
    pub sha256: Option<[u8; 32]>,
}

/// A file that cannot be fetched as it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfetchable(pub &'static str);

/// The first request for a file. `base_url` is the account's API.
///
/// # Errors
/// [`Unfetchable`] when nothing was told that could be asked for.
pub fn fetch_file(
    credentials: &Credentials,
    base_url: &str,
    source: &FileSource<'_>,
) -> Result<FileStep, Unfetchable> {
    match credentials {
        Credentials::Twilio { account_sid, auth_token, .. } => {
            twilio::fetch_file(account_sid, auth_token, base_url, source).map(FileStep::Read)
        }
        Credentials::Gupshup { app_name, api_key, .. } => {
            gupshup::fetch_file(app_name, api_key, base_url, source).map(FileStep::Read)
        }
        Credentials::Meta { access_token, .. } => meta::fetch_file(access_token, base_url, source),
    }
}

/// Reads the answer to [`FileStep::Describe`].
///
/// # Errors
/// [`Unfetchable`] when it is not one, or leads elsewhere than to the provider.
pub fn read_described(
    credentials: &Credentials,
    base_url: &str,
    body: &[u8],
) -> Result<Described, Unfetchable> {
    match credentials {
        Credentials::Meta { access_token, .. } => {
            meta::read_described(access_token, base_url, body)
        }
        Credentials::Twilio { .. } | Credentials::Gupshup { .. } => {
            Err(Unfetchable("this provider describes no files"))
        }
    }
}

/// Whether `url` is on a host that may see the provider's secrets: that of the account's API, or
/// one below a domain of the provider's own, by https.
pub(crate) fn may_see_secrets(url: &str, base_url: &str, domains: &[&str]) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    if Url::parse(base_url).is_ok_and(|base| base.origin() == url.origin()) {
        return true;
    }
    let is_below = |host: &str| {
        domains.iter().any(|domain| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    match url.host() {
        Some(Host::Domain(host)) => url.scheme() == "https" && is_below(host),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    }
}

/// Whether an address is an absolute one of the web.
pub(crate) fn is_address(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_the_provider_alone() {
        let base = "https://api.twilio.com";
        for (url, expected) in [
            ("https://api.twilio.com/x", true),
            ("https://mcs.us1.twilio.com/x", true),
            ("https://twilio.com/x", true),
            ("http://mcs.us1.twilio.com/x", false),
            ("https://eviltwilio.com/x", false),
            ("https://twilio.com.evil.example/x", false),
            ("https://api.twilio.com:8443/x", true),
            ("https://api.twilio.com@evil.example/x", false),
            ("https://127.0.0.1/x", false),
            ("not an address", false),
        ] {
            assert_eq!(may_see_secrets(url, base, &["twilio.com"]), expected, "{url}");
        }
        // On a laptop the API is on this machine, and only at its own port.
        let base = "http://127.0.0.1:8080/sandbox/twilio";
        assert!(may_see_secrets("http://127.0.0.1:8080/sandbox/twilio/x", base, &[]));
        assert!(!may_see_secrets("http://127.0.0.1:9090/sandbox/twilio/x", base, &[]));
    }
}

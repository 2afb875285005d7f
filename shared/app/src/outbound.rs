//! Requests to addresses that others chose: subscribers, files. https only, one resolution, every
//! address checked, no redirects, bodies capped; private addresses only in local mode.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long a subscriber may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an address of a file may take to tell what it holds.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a server of files may take to begin its answer, its redirects each. Its bytes have longer.
const FILE_BEGINS_WITHIN: Duration = Duration::from_secs(10);
/// The longest URL that is kept.
const URL_CHARS_MAX: usize = 2048;

/// Whether an address is one of the public Internet. Loopback, link-local, private, CGNAT,
/// documentation, multicast and reserved ones are not, nor are the IPv6 forms that carry an
/// IPv4 address which is not (mapped, compatible, NAT64, 6to4, Teredo).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    let special = a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_broadcast()
        || a.is_documentation()
        || a.is_multicast()
        || first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        || (first == 198 && (18..20).contains(&second));
    !special
}

fn is_public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // ::a.b.c.d, ::ffff:a.b.c.d and ::ffff:0:a.b.c.d
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            s != [0, 0, 0, 0, 0, 0, 0, 1] && embedded(high, low)
        }
        // NAT64, the well-known prefix; its local-use prefix is private.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x64, 0xff9b, ..] => false,
        // 6to4 carries the address behind its prefix.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, ORCHID, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, ..] => false,
        // Only 2000::/3 is given out for the public Internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Checks a URL that a caller gave, before it is kept.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn check_url(text: &str, local: bool) -> Result<(), String> {
    if text.len() > URL_CHARS_MAX {
        return Err(format!("the URL is longer than {URL_CHARS_MAX} characters"));
    }
    let url = Url::parse(text).map_err(|e| format!("the URL cannot be read: {e}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must not carry a user name or password".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        _ => return Err("the URL must begin with https://".to_owned()),
    }
    let address = match url.host() {
        None => return Err("the URL has no host".to_owned()),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
        Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
    };
    match address {
        Some(address) if !local && !is_public(address) => {
            Err("the URL must not lead to a private address".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

/// Resolves a name once and hands out public addresses only; the connection goes to one of
/// these, so a second answer of the name server cannot lead elsewhere.
struct PublicOnly {
    local: bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let local = self.local;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::task::spawn_blocking(move || {
                (host.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>)
            })
            .await??;
            if !local && found.iter().any(|a| !is_public(a.ip())) {
                return Err("the name leads to a private address".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// How many redirects are followed to a file: its provider's storage, and one more.
const HOPS_MAX: usize = 3;
const UNREADABLE: &str = "its address cannot be read";

/// Why an address gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotFollowed {
    /// It may not be asked: not https, private, or a redirect without end.
    Forbidden(String),
    /// It does not answer now.
    Unanswered(String),
}

/// What an address tells of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHead {
    /// Its type.
    pub content_type: Option<String>,
    /// Its size in bytes.
    pub bytes: Option<u64>,
}

impl FileHead {
    fn of(response: &reqwest::Response) -> Self {
        let text = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        // Of a part, the whole's size stands behind the slash.
        let whole = text("content-range").and_then(|range| range.rsplit_once('/'));
        let bytes = match whole {
            Some((_, whole)) => whole.parse().ok(),
            None => text("content-length").and_then(|length| length.parse().ok()),
        };
        Self { content_type: text("content-type").map(str::to_owned), bytes }
    }
}

/// The client that subscribers are called through.
#[derive(Debug, Clone)]
pub struct OutboundClient {
    client: reqwest::Client,
    local: bool,
    file_begins_within: Duration,
}

impl OutboundClient {
    /// A client with this house's deadlines.
    ///
    /// # Errors
    /// When the TLS library cannot be used.
    pub fn new(local: bool) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!local)
            .dns_resolver(Arc::new(PublicOnly { local }))
            .build()?;
        Ok(Self { client, local, file_begins_within: FILE_BEGINS_WITHIN })
    }

    /// The same, which waits so long for a server of files to begin its answer.
    #[must_use]
    pub fn with_files_begun_within(self, file_begins_within: Duration) -> Self {
        Self { file_begins_within, ..self }
    }

    /// Posts a JSON body. The answer's body is not read.
    ///
    /// # Errors
    /// Why the subscriber does not have it, in a few words.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<(), String> {
        check_url(url, self.local)?;
        let mut request =
            self.client.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("HTTP {}", response.status().as_u16())),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) if error.is_connect() => Err("not reached".to_owned()),
            Err(_) => Err("the connection was lost".to_owned()),
        }
    }

    /// Asks for what an address holds, and follows at most [`HOPS_MAX`] redirects. The headers are
    /// for the address's own origin: a redirect to another leaves them behind. The answer's last byte
    /// is there `within` this time, or breaks off.
    ///
    /// # Errors
    /// Why there is no answer, in a few words that name no address.
    pub(crate) async fn get(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        within: Duration,
    ) -> Result<reqwest::Response, NotFollowed> {
        let first = Url::parse(url).map_err(|_| NotFollowed::Forbidden(UNREADABLE.to_owned()))?;
        let mut at = first.clone();
        for _ in 0..=HOPS_MAX {
            check_url(at.as_str(), self.local).map_err(NotFollowed::Forbidden)?;
            let mut request = self.client.get(at.clone());
            if at.origin() == first.origin() {
                for (name, value) in headers {
                    request = request.header(*name, value);
                }
            }
            let asked = self.ask(request, self.file_begins_within, within).await;
            let response = asked.map_err(NotFollowed::Unanswered)?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.headers().get("location").and_then(|v| v.to_str().ok());
            let next = location.and_then(|location| at.join(location).ok());
            at = next.ok_or_else(|| {
                NotFollowed::Unanswered("its address redirects to nowhere".to_owned())
            })?;
        }
        Err(NotFollowed::Forbidden("its address redirects too often".to_owned()))
    }

    /// Asks an address what file it holds. A server that takes no HEAD, as one does whose signed
    /// addresses are for GET alone, is asked for the first byte.
    ///
    /// # Errors
    /// Why it cannot be had, in a few words.
    pub async fn head(&self, url: &str) -> Result<FileHead, String> {
        check_url(url, self.local)?;
        let ask = |request| self.ask(request, HEAD_WITHIN, HEAD_WITHIN);
        let response = ask(self.client.head(url)).await?;
        let response = match response.status().as_u16() {
            403 | 405 | 501 => ask(self.client.get(url).header("range", "bytes=0-0")).await?,
            _ => response,
        };
        let status = response.status();
        if status.is_redirection() {
            return Err(format!(
                "its address redirects (HTTP {}), and redirects are not followed: give the \
                 address that it leads to",
                status.as_u16()
            ));
        }
        if !status.is_success() {
            return Err(format!("its address answers HTTP {}", status.as_u16()));
        }
        Ok(FileHead::of(&response))
    }

    /// The answer must begin, and its last byte be there, within these times.
    async fn ask(
        &self,
        request: reqwest::RequestBuilder,
        begun: Duration,
        ended: Duration,
    ) -> Result<reqwest::Response, String> {
        const LATE: &str = "its address does not answer in time";
        let sent = tokio::time::timeout(begun, request.timeout(ended).send());
        sent.await.map_err(|_| LATE.to_owned())?.map_err(|error| {
            let why = if error.is_timeout() {
                LATE
            } else if error.is_connect() {
                "its address is not reached, or leads to a private address"
            } else {
                "its address gives no answer that can be read"
            };
            why.to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_in_any_form_are_refused() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.8",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
        ];
        for text in private {
            let address: IpAddr = text.parse().expect("an address");
            assert!(!is_public(address), "{text}");
            let host = if text.contains(':') { format!("[{text}]") } else { text.to_owned() };
            assert!(check_url(&format!("https://{host}/x"), false).is_err(), "{text}");
        }
        for text in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn only_https_outside_local_mode() {
        assert!(check_url("http://example.com/x", false).is_err());
        assert!(check_url("http://127.0.0.1:9/x", true).is_ok());
        assert!(check_url("https://user:pass@example.com/", false).is_err());
        assert!(check_url("ftp://example.com/", true).is_err());
        assert!(check_url("https://0x7f.1/", false).is_err());
        assert!(check_url("https://example.com/hook", false).is_ok());
    }
}

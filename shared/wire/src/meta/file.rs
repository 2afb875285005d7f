//! Meta's files: an id answers an address that lives for minutes, and both want the token.

use super::render::versioned;
use crate::file::{
    Described, FileRequest, FileSource, FileStep, Unfetchable, is_address, may_see_secrets,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Below which the provider's own hosts are. Nobody else is shown the token.
const DOMAINS: &[&str] = &["fbsbx.com", "facebook.com", "fbcdn.net", "whatsapp.net"];

fn with_token(access_token: &str, url: String) -> FileRequest {
    FileRequest { url, headers: vec![("authorization", format!("Bearer {access_token}"))] }
}

pub(crate) fn fetch_file(
    access_token: &str,
    base_url: &str,
    source: &FileSource<'_>,
) -> Result<FileStep, Unfetchable> {
    if let Some(id) = source.provider_media_id.filter(|id| !id.is_empty()) {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut url = format!("{}/{}", versioned(base_url), encoded(id));
        if let Some(number) = source.business_id {
            url.push_str(&format!("?phone_number_id={}", encoded(number)));
        }
        return Ok(FileStep::Describe(with_token(access_token, url)));
    }
    let url = source.url.filter(|url| is_address(url));
    let url =
        url.ok_or(Unfetchable("the webhook told neither an id nor an address of the file"))?;
    at(access_token, base_url, url).map(FileStep::Read)
}

fn at(access_token: &str, base_url: &str, url: &str) -> Result<FileRequest, Unfetchable> {
    if may_see_secrets(url, base_url, DOMAINS) {
        return Ok(with_token(access_token, url.to_owned()));
    }
    Err(Unfetchable("the file's address is not one of the provider's hosts"))
}

pub(crate) fn read_described(
    access_token: &str,
    base_url: &str,
    body: &[u8],
) -> Result<Described, Unfetchable> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| Unfetchable("the file's description cannot be read"))?;
    let text = |name| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let url = text("url").filter(|url| is_address(url));
    let url = url.ok_or(Unfetchable("the file's description tells no address"))?;
    let bytes = value.get("file_size").and_then(|size| {
        size.as_u64().or_else(|| size.as_str().and_then(|text| text.parse().ok()))
    });
    Ok(Described {
        request: at(access_token, base_url, url)?,
        content_type: text("mime_type").map(str::to_owned),
        bytes,
        sha256: text("sha256").and_then(digest),
    })
}

/// A hash in hexadecimal, as it is documented here; another writing is not compared.
fn digest(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}

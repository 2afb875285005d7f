//! Gupshup's files: an address that is open to whoever knows it, or an id behind the API (M42).

use crate::file::{FileRequest, FileSource, Unfetchable, is_address, may_see_secrets};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

pub(crate) fn fetch_file(
    app_name: &str,
    api_key: &str,
    base_url: &str,
    source: &FileSource<'_>,
) -> Result<FileRequest, Unfetchable> {
    let with_key = |url: String| {
        let headers = vec![("apikey", api_key.to_owned())];
        FileRequest { url, headers }
    };
    let id = source.provider_media_id.filter(|id| !id.is_empty());
    // What is passed on of WhatsApp's own storage wants a token that an app here does not have.
    let is_open = |url: &&str| is_address(url) && (id.is_none() || !is_whatsapps(url));
    if let Some(url) = source.url.filter(is_open) {
        // Its storage is open; only the API's own road to a file asks for the key.
        let is_api = may_see_secrets(url, base_url, &[]) && by_id(url);
        let open = || FileRequest { url: url.to_owned(), headers: Vec::new() };
        return Ok(if is_api { with_key(url.to_owned()) } else { open() });
    }
    let id = id.ok_or(Unfetchable("the webhook told neither an address nor an id of the file"))?;
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let base = base_url.trim_end_matches('/');
    Ok(with_key(format!("{base}/sm/api/wamedia/{}/{}", encoded(app_name), encoded(id))))
}

/// Whether an address is in WhatsApp's own storage.
fn is_whatsapps(url: &str) -> bool {
    may_see_secrets(url, "", &["fbsbx.com", "facebook.com"])
}

/// Whether an address is that of a file by its id.
fn by_id(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.path().contains("/sm/api/wamedia/"))
}

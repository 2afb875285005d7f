//! Twilio's files: an address that wants the account's credentials and answers a redirect to a
//! storage that must not see them.

use crate::file::{FileRequest, FileSource, Unfetchable, is_address, may_see_secrets};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Below which the provider's own hosts are.
const DOMAINS: &[&str] = &["twilio.com"];

pub(crate) fn fetch_file(
    account_sid: &str,
    auth_token: &str,
    base_url: &str,
    source: &FileSource<'_>,
) -> Result<FileRequest, Unfetchable> {
    let url = source.url.filter(|url| is_address(url));
    let url = url.ok_or(Unfetchable("the webhook told no address of the file"))?;
    let mut headers = Vec::new();
    if may_see_secrets(url, base_url, DOMAINS) {
        let basic = STANDARD.encode(format!("{account_sid}:{auth_token}"));
        headers.push(("authorization", format!("Basic {basic}")));
    }
    Ok(FileRequest { url: url.to_owned(), headers })
}

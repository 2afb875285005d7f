//! The administrator's key of local mode.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::Path;
use transom_app::Entropy;

/// SHA-256 of a key, in hexadecimal, as the desk knows it.
#[must_use]
pub fn sha256_hex(key: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(key.as_bytes()))
}

/// The key of a data folder: made at the first start, the same at every later one.
///
/// # Errors
/// When the folder cannot be written.
pub fn admin_key(data: Option<&Path>, entropy: &Entropy) -> Result<String> {
    let Some(folder) = data else { return Ok(fresh(entropy)) };
    crate::house::make_private_folder(folder)?;
    let path = folder.join("admin-key");
    if !path.exists() {
        crate::house::write_private(&path, &fresh(entropy))?;
    }
    let key = std::fs::read_to_string(&path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(key.trim().to_owned())
}

fn fresh(entropy: &Entropy) -> String {
    format!("admin_{}", entropy.text(32))
}

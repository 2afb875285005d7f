//! How providers write a messaging limit: `TIER_2K`, `2000`, `"2000"`, `TIER_UNLIMITED`.

use serde_json::Value;

/// Reads a limit: `Some(None)` is unlimited, `None` says nothing that is known.
#[expect(clippy::option_option, reason = "the inner one is the limit itself")]
pub(crate) fn read(value: &Value) -> Option<Option<u32>> {
    match value {
        // A negative figure is how Meta has written that there is none.
        Value::Number(figure) => figure.as_i64().map(|figure| u32::try_from(figure).ok()),
        Value::String(text) => written(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[expect(clippy::option_option, reason = "the inner one is the limit itself")]
fn written(text: &str) -> Option<Option<u32>> {
    let upper = text.to_ascii_uppercase();
    let tier = upper.strip_prefix("TIER_").unwrap_or(&upper);
    if tier == "UNLIMITED" || tier == "-1" {
        return Some(None);
    }
    let (figure, thousands) = match tier.strip_suffix('K') {
        Some(figure) => (figure, 1000),
        None => (tier, 1),
    };
    let figure: u32 = figure.parse().ok()?;
    Some(Some(figure.checked_mul(thousands)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn m22_every_writing_of_a_limit_is_read() {
        for (written, limit) in [
            (json!(2000), Some(Some(2000))),
            (json!("2000"), Some(Some(2000))),
            (json!("TIER_50"), Some(Some(50))),
            (json!("TIER_250"), Some(Some(250))),
            (json!("TIER_1K"), Some(Some(1000))),
            (json!("tier_2k"), Some(Some(2000))),
            (json!("TIER_10K"), Some(Some(10_000))),
            (json!("TIER_100K"), Some(Some(100_000))),
            (json!("TIER_UNLIMITED"), Some(None)),
            (json!(-1), Some(None)),
            (json!("TIER_NOT_SET"), None),
            (json!("9999999K"), None),
            (json!(""), None),
            (json!(null), None),
            (json!({ "limit": 1 }), None),
        ] {
            assert_eq!(read(&written), limit, "{written}");
        }
    }
}

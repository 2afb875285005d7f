//! `GET …/Messages.json` and `GET …/Messages/{sid}.json`: how a caller finds out what Twilio
//! has, after an answer that never came or a webhook that was lost.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;

use super::API_VERSION;
use super::answer::{Refusal, authenticate};
use super::messages::Message;
use crate::sandbox::Sandbox;

/// Twilio's page, unless the caller asks for another.
const PAGE_SIZE_DEFAULT: usize = 50;
const PAGE_SIZE_MAX: usize = 1000;

/// What the caller asks for.
#[derive(Debug, Default)]
struct Filter {
    to: Option<String>,
    from: Option<String>,
    /// Seconds, inclusive.
    sent_from_s: Option<i64>,
    /// Seconds, exclusive.
    sent_before_s: Option<i64>,
    page_size: Option<usize>,
    page: usize,
}

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Path(account_sid): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let filter = Filter::read(&query)?;
    let state = sandbox.state();
    authenticate(&state.twilio.accounts, &account_sid, &headers)?;
    let page_size = filter.page_size.unwrap_or(PAGE_SIZE_DEFAULT).clamp(1, PAGE_SIZE_MAX);
    let mut found = state
        .twilio
        .messages
        .newest_first()
        .filter(|message| message.account_sid == account_sid && filter.matches(message))
        .skip(filter.page.saturating_mul(page_size));
    let page: Vec<_> = found.by_ref().take(page_size).map(Message::json).collect();
    let more = found.next().is_some();
    let uri = |page: usize| page_uri(&account_sid, &query, page);
    Ok(Json(json!({
        "messages": page,
        "page": filter.page,
        "page_size": page_size,
        "uri": uri(filter.page),
        "first_page_uri": uri(0),
        "previous_page_uri": filter.page.checked_sub(1).map(uri),
        "next_page_uri": more.then(|| uri(filter.page + 1)),
    }))
    .into_response())
}

pub(super) async fn fetch(
    State(sandbox): State<Sandbox>,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = sandbox.state();
    authenticate(&state.twilio.accounts, &account_sid, &headers)?;
    let sid = file.strip_suffix(".json").unwrap_or(&file);
    state
        .twilio
        .messages
        .get(sid)
        .filter(|message| message.account_sid == account_sid)
        .map(|message| Json(message.json()).into_response())
        .ok_or_else(|| {
            Refusal::not_found(&format!("/{API_VERSION}/Accounts/{account_sid}/Messages/{file}"))
        })
}

impl Filter {
    /// The comparison of a date stands in its key: `DateSent>=2026-11-20` arrives as the key
    /// `DateSent>` with that value.
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "To" => filter.to = Some(value.into_owned()),
                "From" => filter.from = Some(value.into_owned()),
                "DateSent>" => filter.sent_from_s = Some(read_time(&value)?.0),
                "DateSent<" => filter.sent_before_s = Some(read_time(&value)?.1),
                "DateSent" => {
                    let (from, before) = read_time(&value)?;
                    filter.sent_from_s = Some(from);
                    filter.sent_before_s = Some(before);
                }
                "PageSize" => filter.page_size = value.parse().ok(),
                "Page" => filter.page = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        Ok(filter)
    }

    fn matches(&self, message: &Message) -> bool {
        let sent_s = message.sent_ms.unwrap_or(message.created_ms).div_euclid(1000);
        self.to.as_ref().is_none_or(|to| *to == message.wire_to())
            && self.from.as_ref().is_none_or(|from| *from == message.wire_from())
            && self.sent_from_s.is_none_or(|from_s| sent_s >= from_s)
            && self.sent_before_s.is_none_or(|before_s| sent_s < before_s)
    }
}

/// A day or an instant, as the seconds from its beginning to behind its end, in UTC.
fn read_time(value: &str) -> Result<(i64, i64), Refusal> {
    if let Ok(at) = value.parse::<Timestamp>() {
        return Ok((at.as_second(), at.as_second() + 1));
    }
    value
        .parse::<Date>()
        .and_then(|day| day.to_zoned(TimeZone::UTC))
        .and_then(|start| {
            let end = start.checked_add(1.day())?;
            Ok((start.timestamp().as_second(), end.timestamp().as_second()))
        })
        .map_err(|_| Refusal::bad_request(20001, format!("Invalid DateSent: {value}")))
}

/// The same question for another page.
fn page_uri(account_sid: &str, query: &str, page: usize) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key != "Page"))
        .append_pair("Page", &page.to_string())
        .finish();
    format!("/{API_VERSION}/Accounts/{account_sid}/Messages.json?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_an_instant_are_both_times() {
        let day = 1_795_132_800;
        assert_eq!(read_time("2026-11-20"), Ok((day, day + 86_400)));
        assert_eq!(read_time("2026-11-20T10:00:00Z"), Ok((day + 36_000, day + 36_001)));
        assert!(read_time("yesterday").is_err());
    }
}

//! What Gupshup's answers to sends are taken for.

use transom_core::time::Millis;
use transom_wire::Answer;
use transom_wire::gupshup::classify;

fn answer(status: u16, body: &str) -> Answer {
    classify(status, None, body.as_bytes())
}

fn refused(code: &str) -> Answer {
    Answer::Refused { code: code.to_owned() }
}

fn unknown(code: &str) -> Answer {
    Answer::Unknown { code: code.to_owned() }
}

fn throttled(code: &str, seconds: Option<i64>) -> Answer {
    Answer::Throttled { after: seconds.map(Millis::from_seconds), code: code.to_owned() }
}

fn accepted(id: &str) -> Answer {
    Answer::Accepted { provider_message_id: id.to_owned(), wa_id: None }
}

const SUBMITTED: &str =
    r#"{"status":"submitted","messageId":"ee4a68a0-1203-4c85-8dc3-49d0b3226a35"}"#;

#[test]
fn m101_an_id_makes_it_accepted() {
    for body in [SUBMITTED.to_owned(), SUBMITTED.replace("submitted", "success")] {
        for status in [200, 201, 202] {
            assert_eq!(answer(status, &body), accepted("ee4a68a0-1203-4c85-8dc3-49d0b3226a35"));
        }
    }
    assert_eq!(answer(202, r#"{"messageId":"a"}"#), accepted("a"));
    assert_eq!(answer(202, r#"{"messageId":7,"status":"submitted"}"#), accepted("7"));
}

#[test]
fn a_success_that_cannot_be_read_is_unknown() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"status":"submitted"}"#,
        r#"{"messageId":""}"#,
        r#"{"messageId":null}"#,
        "[1]",
    ] {
        assert_eq!(answer(202, body), unknown("http_202"), "{body}");
    }
}

#[test]
fn a_success_that_tells_of_an_error_is_refused() {
    assert_eq!(answer(200, r#"{"status":"error"}"#), refused("unknown"));
    assert_eq!(answer(200, r#"{"status":"error","messageId":"a"}"#), refused("unknown"));
    let told =
        |message: &str| answer(200, &format!(r#"{{"status":"ERROR","message":"{message}"}}"#));
    assert_eq!(told("Invalid Destination"), refused("invalid_destination"));
    assert_eq!(told("something else"), refused("unknown"));
    assert_eq!(told("Too Many Requests"), throttled("too_many_requests", None));
    assert_eq!(answer(202, r#"{"status":"error","code":1003}"#), refused("1003"));
}

#[test]
fn refusals_are_named() {
    let told = |status, message: &str| {
        answer(status, &format!(r#"{{"status":"error","message":"{message}"}}"#))
    };
    assert_eq!(told(400, "Invalid Destination"), refused("invalid_destination"));
    assert_eq!(told(400, "invalid app details "), refused("invalid_app_details"));
    assert_eq!(told(401, "Authentication Failed"), refused("authentication_failed"));
    assert_eq!(answer(401, ""), refused("authentication_failed"));
    assert_eq!(answer(403, "<html>"), refused("authentication_failed"));
    assert_eq!(answer(400, r#"{"code":"1002"}"#), refused("1002"));
    assert_eq!(answer(400, r#"{"code":4001}"#), throttled("4001", None));
    for body in ["", "<html>", "{}", r#"{"message":{}}"#, r#"{"code":0}"#, r#"{"code":"a b"}"#] {
        assert_eq!(answer(400, body), refused("http_400"), "{body}");
        assert_eq!(answer(404, body), refused("http_404"), "{body}");
    }
    // A success hidden behind a refusal stays refused.
    assert_eq!(answer(400, SUBMITTED), refused("http_400"));
}

#[test]
fn throttling_tells_how_long() {
    let wait =
        |header| classify(429, header, br#"{"status":"error","message":"Too Many Requests"}"#);
    assert_eq!(wait(Some("7")), throttled("too_many_requests", Some(7)));
    assert_eq!(wait(Some(" 0 ")), throttled("too_many_requests", Some(0)));
    assert_eq!(wait(Some("4000000000")), throttled("too_many_requests", Some(86_400)));
    for header in [None, Some(""), Some("-1"), Some("1.5"), Some("Fri, 20 Nov 2026 10:00:00 GMT")] {
        assert_eq!(wait(header), throttled("too_many_requests", None), "{header:?}");
    }
    assert_eq!(answer(429, r#"{"code":4001}"#), throttled("4001", None));
    assert_eq!(answer(429, r#"{"code":1003}"#), throttled("too_many_requests", None));
}

#[test]
fn f5_doubt_is_unknown() {
    for status in [100, 301, 302, 408, 500, 502, 503, 504, 599, 700] {
        assert_eq!(answer(status, ""), unknown(&format!("http_{status}")));
        assert_eq!(answer(status, SUBMITTED), unknown(&format!("http_{status}")));
    }
    // A code that explains nothing about the outcome gives way to the status.
    assert_eq!(answer(500, r#"{"code":500}"#), unknown("http_500"));
    assert_eq!(answer(408, r#"{"code":1002}"#), unknown("http_408"));
}

#[test]
fn deep_and_huge_bodies_neither_overflow_nor_decide() {
    let deep = 400_000;
    let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    for field in ["messageId", "code", "status", "message", "other"] {
        let body = format!(r#"{{"{field}":{nested}}}"#);
        assert_eq!(answer(400, &body), refused("http_400"), "{field}");
        assert_eq!(answer(202, &body), unknown("http_202"), "{field}");
    }
    let huge = SUBMITTED.replace("submitted", &"x".repeat(2 << 20));
    assert_eq!(answer(202, &huge), unknown("http_202"));
}

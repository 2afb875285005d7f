//! What Twilio's answers to a send are taken for.

use transom_core::account::Provider;
use transom_core::time::Millis;
use transom_wire::{Answer, classify};

fn answer(status: u16, body: &str) -> Answer {
    classify(Provider::Twilio, status, None, body.as_bytes())
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

const CREATED: &str = r#"{"sid":"SM55555555555555555555555555555555","status":"queued","body":"hi",
    "num_media":"0","date_sent":null,"error_code":null,"error_message":null,"price":null}"#;

#[test]
fn a_sid_makes_it_accepted() {
    let expected = Answer::Accepted {
        provider_message_id: "SM55555555555555555555555555555555".to_owned(),
        wa_id: None,
    };
    for status in [200, 201] {
        assert_eq!(answer(status, CREATED), expected);
    }
}

#[test]
fn a_success_that_cannot_be_read_is_unknown() {
    for body in
        ["", "<html>", "{}", r#"{"sid":""}"#, r#"{"sid":null}"#, r#"{"sid":7}"#, "[1]", "nul"]
    {
        assert_eq!(answer(201, body), unknown("http_201"), "{body}");
    }
    assert_eq!(answer(204, ""), unknown("http_204"));
}

#[test]
fn a_success_that_tells_of_a_failure_is_refused() {
    let failed = CREATED.replace("queued", "failed");
    assert_eq!(answer(201, &failed), refused("unknown"));
    let coded = failed.replace(r#""error_code":null"#, r#""error_code":63016"#);
    assert_eq!(answer(201, &coded), refused("63016"));
}

#[test]
fn refusals_keep_their_code() {
    let body = r#"{"code":21211,"message":"Invalid","more_info":"https://x","status":400}"#;
    assert_eq!(answer(400, body), refused("21211"));
    assert_eq!(answer(404, r#"{"code":20404,"status":404}"#), refused("20404"));
    assert_eq!(answer(400, r#"{"code":"21610"}"#), refused("21610"));
    assert_eq!(answer(400, r#"{"code":99999}"#), refused("99999"));
}

#[test]
fn refusals_without_a_code_are_named_by_their_status() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"code":null}"#,
        r#"{"code":0}"#,
        r#"{"code":"a b"}"#,
        r#"{"code":-1}"#,
    ] {
        assert_eq!(answer(400, body), refused("http_400"), "{body}");
        assert_eq!(answer(413, body), refused("http_413"), "{body}");
        assert_eq!(answer(401, body), refused("20003"), "{body}");
        assert_eq!(answer(403, body), refused("20003"), "{body}");
    }
    assert_eq!(answer(401, r#"{"code":20404}"#), refused("20404"));
}

#[test]
fn throttling_tells_how_long() {
    let wait = |header| classify(Provider::Twilio, 429, header, br#"{"code":20429}"#);
    assert_eq!(wait(Some("7")), throttled("20429", Some(7)));
    assert_eq!(wait(Some(" 0 ")), throttled("20429", Some(0)));
    assert_eq!(wait(Some("4000000000")), throttled("20429", Some(86_400)));
    for header in [
        None,
        Some(""),
        Some("-1"),
        Some("1.5"),
        Some("Fri, 20 Nov 2026 10:00:00 GMT"),
        Some("99999999999"),
    ] {
        assert_eq!(wait(header), throttled("20429", None), "{header:?}");
    }
    assert_eq!(answer(429, ""), throttled("20429", None));
    assert_eq!(answer(429, r#"{"code":63018}"#), throttled("63018", None));
    assert_eq!(answer(429, r#"{"code":20003}"#), throttled("20429", None));
    assert_eq!(answer(400, r#"{"code":21611}"#), throttled("21611", None));
}

#[test]
fn f5_doubt_is_unknown() {
    for status in [100, 301, 302, 408, 500, 502, 503, 504, 599, 700] {
        assert_eq!(answer(status, ""), unknown(&format!("http_{status}")));
    }
    assert_eq!(answer(500, r#"{"code":20500}"#), unknown("20500"));
    assert_eq!(answer(400, r#"{"code":20500}"#), unknown("20500"));
    // A code that explains nothing about the outcome gives way to the status.
    assert_eq!(answer(503, r#"{"code":20503}"#), unknown("http_503"));
    // A timeout stays in doubt whatever its body says.
    assert_eq!(answer(408, r#"{"code":21211}"#), unknown("http_408"));
    // A success hidden behind a failure is still in doubt.
    assert_eq!(answer(500, CREATED), unknown("http_500"));
}

#[test]
fn deep_and_huge_bodies_neither_overflow_nor_decide() {
    let deep = 500_000;
    let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    for field in ["sid", "code", "status", "other"] {
        let body = format!(r#"{{"{field}":{nested}}}"#);
        assert!(body.len() < 1 << 20);
        assert_eq!(answer(400, &body), refused("http_400"), "{field}");
        assert_eq!(answer(201, &body), unknown("http_201"), "{field}");
    }
    assert_eq!(answer(201, &"[".repeat(1_000_000)), unknown("http_201"));
    let huge = CREATED.replace("hi", &"x".repeat(2 << 20));
    assert_eq!(answer(201, &huge), unknown("http_201"));
}

//! What Meta's answers to a send are taken for.

use transom_core::time::Millis;
use transom_wire::Answer;
use transom_wire::meta::classify;

fn answer(status: u16, body: &str) -> Answer {
    classify(status, None, body.as_bytes())
}

/// The answer to an error with `code`.
fn error(status: u16, code: &str) -> Answer {
    let body = format!(
        r#"{{"error":{{"message":"text","type":"OAuthException","code":{code},
            "error_data":{{"messaging_product":"whatsapp","details":"d"}},"fbtrace_id":"Az8or2"}}}}"#
    );
    answer(status, &body)
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

fn accepted(wa_id: Option<&str>) -> Answer {
    Answer::Accepted {
        provider_message_id: "wamid.NEW".to_owned(),
        wa_id: wa_id.map(str::to_owned),
    }
}

const TAKEN: &str = r#"{"messaging_product":"whatsapp",
    "contacts":[{"input":"+919876543210","wa_id":"919876543210"}],
    "messages":[{"id":"wamid.NEW","message_status":"accepted"}]}"#;

#[test]
fn an_id_makes_it_accepted() {
    assert_eq!(answer(200, TAKEN), accepted(None));
    for held in ["held_for_quality_assessment", "paused"] {
        let body = TAKEN.replace("\"accepted\"", &format!("\"{held}\""));
        assert_eq!(answer(200, &body), accepted(None), "{held}");
    }
    assert_eq!(answer(200, r#"{"messages":[{"id":"wamid.NEW"}]}"#), accepted(None));
}

#[test]
fn u9_a_number_that_whatsapp_writes_otherwise_is_told() {
    let body =
        TAKEN.replace("+919876543210", "+5511987654321").replace("919876543210", "551187654321");
    assert_eq!(answer(200, &body), accepted(Some("551187654321")));
    let alone = r#"{"contacts":[{"wa_id":"919876543210"}],"messages":[{"id":"wamid.NEW"}]}"#;
    assert_eq!(answer(200, alone), accepted(Some("919876543210")));
    let hidden =
        r#"{"contacts":[{"input":"US.1","user_id":"US.1"}],"messages":[{"id":"wamid.NEW"}]}"#;
    assert_eq!(answer(200, hidden), accepted(None));
}

#[test]
fn a_success_that_cannot_be_read_is_unknown() {
    for body in [
        "",
        "<html>",
        "{}",
        "[1]",
        "nul",
        r#"{"messages":[]}"#,
        r#"{"messages":{}}"#,
        r#"{"messages":[{"id":""}]}"#,
        r#"{"messages":[{"id":null}]}"#,
        r#"{"success":true}"#,
        r#"{"error":{"code":190}}"#,
    ] {
        assert_eq!(answer(200, body), unknown("http_200"), "{body}");
    }
}

#[test]
fn the_code_decides_and_not_the_http_status() {
    assert_eq!(error(401, "190"), refused("190"));
    assert_eq!(error(401, "0"), refused("0"));
    assert_eq!(error(500, "3"), refused("3"));
    assert_eq!(error(403, "131031"), refused("131031"));
    assert_eq!(error(400, "131047"), refused("131047"));
    assert_eq!(error(400, "\"131026\""), refused("131026"));
    assert_eq!(error(404, "132001"), refused("132001"));
    assert_eq!(error(400, "999999"), refused("999999"));
    assert_eq!(error(500, "131009"), refused("131009"));
}

#[test]
fn f11_throttles_wait_as_documented() {
    for code in ["4", "80007", "130429", "131048", "131064", "133016"] {
        assert_eq!(error(400, code), throttled(code, None), "{code}");
    }
    assert_eq!(error(400, "131056"), throttled("131056", Some(6)));
    assert_eq!(error(500, "131057"), throttled("131057", Some(60)));
    assert_eq!(error(503, "131016"), throttled("131016", None));
    assert_eq!(error(503, "2"), throttled("2", None));
    assert_eq!(error(400, "1"), throttled("1", None));
    assert_eq!(error(400, "131000"), throttled("131000", None));
}

#[test]
fn a_header_tells_how_long_before_any_documentation() {
    let wait = |header| classify(400, header, br#"{"error":{"code":131056}}"#);
    assert_eq!(wait(Some("7")), throttled("131056", Some(7)));
    assert_eq!(wait(Some(" 0 ")), throttled("131056", Some(0)));
    assert_eq!(wait(Some("4000000000")), throttled("131056", Some(86_400)));
    for header in [None, Some(""), Some("-1"), Some("1.5"), Some("soon"), Some("99999999999")] {
        assert_eq!(wait(header), throttled("131056", Some(6)), "{header:?}");
    }
    assert_eq!(answer(429, ""), throttled("http_429", None));
    assert_eq!(error(429, "130429"), throttled("130429", None));
    // Nothing is final that comes with this status.
    assert_eq!(error(429, "131047"), throttled("http_429", None));
    assert_eq!(error(429, "999999"), throttled("http_429", None));
}

#[test]
fn refusals_without_a_code_are_named_by_their_status() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"error":"x"}"#,
        r#"{"error":{"code":null}}"#,
        r#"{"error":{"code":"a b"}}"#,
        r#"{"error":{"code":-1}}"#,
        r#"{"code":190}"#,
    ] {
        assert_eq!(answer(400, body), refused("http_400"), "{body}");
        assert_eq!(answer(413, body), refused("http_413"), "{body}");
        assert_eq!(answer(401, body), refused("190"), "{body}");
        assert_eq!(answer(403, body), refused("10"), "{body}");
    }
}

#[test]
fn f5_doubt_is_unknown() {
    for status in [100, 301, 302, 408, 500, 502, 503, 504, 599, 700] {
        assert_eq!(answer(status, ""), unknown(&format!("http_{status}")));
        assert_eq!(answer(status, "<html>"), unknown(&format!("http_{status}")));
    }
    // "An unknown error" of a broken server tells nothing about the message.
    assert_eq!(error(500, "1"), unknown("http_500"));
    assert_eq!(error(500, "131000"), unknown("http_500"));
    assert_eq!(error(500, "999999"), unknown("http_500"));
    // A timeout stays in doubt whatever its body says.
    assert_eq!(error(408, "131047"), unknown("http_408"));
    // A success hidden behind a failure is still in doubt.
    assert_eq!(answer(500, TAKEN), unknown("http_500"));
}

#[test]
fn deep_and_huge_bodies_neither_overflow_nor_decide() {
    let deep = 500_000;
    let nested = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    for field in ["messages", "error", "contacts", "other"] {
        let body = format!(r#"{{"{field}":{nested}}}"#);
        assert!(body.len() < 1 << 20);
        assert_eq!(answer(400, &body), refused("http_400"), "{field}");
        assert_eq!(answer(200, &body), unknown("http_200"), "{field}");
    }
    assert_eq!(answer(200, &"[".repeat(1_000_000)), unknown("http_200"));
    let huge = TAKEN.replace("accepted", &"x".repeat(2 << 20));
    assert_eq!(answer(200, &huge), unknown("http_200"));
}

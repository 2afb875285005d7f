use super::*;
use serde_json::{Value, json};
use transom_core::id::{AccountId, ConversationId};
use transom_core::identity::{Phone, User};

const HOUR: i64 = 3_600_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_763_632_800_000 + ms)
}

fn session() -> Session {
    let phone = |text| Phone::parse(text).expect("a number");
    Session::new(
        ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2").expect("a conversation"),
        phone("+14155238886"),
        SenderId::parse("support").expect("a sender"),
        AccountId::parse("acc").expect("an account"),
        None,
        &User::Phone(phone("+919876543210")),
        at(0),
    )
}

fn shown(session: &Session, blocked: Option<Code>, now: Timestamp) -> Value {
    let facts = ConversationFacts {
        session,
        sender: &session.sender,
        interrupted: false,
        ladder: &Threshold::default_ladder(),
        blocked,
        newest: None,
        undelivered: 0,
    };
    serde_json::to_value(conversation_view(&facts, now)).expect("JSON")
}

#[test]
fn a_window_that_was_never_open_has_no_times() {
    let view = shown(&session(), Some(Code::WindowNeverOpened), at(0));
    assert_eq!(
        view["window"],
        json!({
            "state": "none", "opened_at": null, "expires_at": null, "seconds_left": null,
            "basis": null, "certain_until": null,
        })
    );
    assert_eq!(
        view["reply"],
        json!({
            "allowed": false, "reason": "session_expired", "cause": "window_never_opened",
            "remedy": Code::WindowNeverOpened.remedy(),
        })
    );
    assert_eq!(view["contact"]["opt_in"], "unknown");
    assert_eq!(view["contact"]["active"], false);
    assert_eq!(view["tags"], json!([]));
}

#[test]
fn m13_m18_the_countdown_is_told_in_whole_seconds() {
    let mut known = session();
    let window =
        Window { last_user_at: at(0), opened_at: at(0), basis: Basis::Receipt, refused_at: None };
    known.set_window(&window);
    let view = shown(&known, None, at(1));
    assert_eq!(view["window"]["state"], "open");
    assert_eq!(view["window"]["seconds_left"], 86_399);
    assert_eq!(view["window"]["basis"], "receipt");
    assert_eq!(view["window"]["certain_until"], "2025-11-21T09:59:00.000Z");
    assert_eq!(view["reply"], json!({ "allowed": true }));
    assert_eq!(view["contact"]["active"], true);
    assert_eq!(shown(&known, None, at(22 * HOUR))["window"]["state"], "expiring");
    for (around, state, active) in
        [(-1, "expiring", true), (0, "expired", false), (1, "expired", false)]
    {
        let view = shown(&known, None, at(24 * HOUR + around));
        assert_eq!(
            (&view["window"]["state"], &view["contact"]["active"]),
            (&json!(state), &json!(active))
        );
    }
    let after = shown(&known, Some(Code::WindowExpired), at(25 * HOUR));
    assert_eq!(after["window"]["state"], "expired");
    assert_eq!(after["window"]["seconds_left"], 0);
}

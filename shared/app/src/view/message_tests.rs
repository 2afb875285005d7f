use super::*;
use serde_json::{Value, json};
use transom_core::code::Code;
use transom_core::id::{AccountId, ConversationId, MessageId, MessageTail, SenderId};
use transom_core::message::Facts;
use transom_core::time::Timestamp;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_763_632_800_000 + ms)
}

fn message(direction: Direction, phase: Phase) -> Message {
    let conversation =
        ConversationId::parse("cnv_abcdefghijklmnopqrstuvw2").expect("a conversation");
    let tail = MessageTail::parse("0123456789ab").expect("a tail");
    let inbound = direction == Direction::In;
    Message {
        id: Some(MessageId::new(&conversation, at(0), &tail)),
        direction,
        origin: if inbound { Origin::Customer } else { Origin::Agent },
        sent_by: None,
        account: AccountId::parse("acc").expect("an account"),
        sender: SenderId::parse("support").expect("a sender"),
        content: Some(Content::Text { text: "hi".to_owned() }),
        phase,
        attempt: u32::from(!inbound),
        enqueue: 0,
        claimed_at: None,
        claim: None,
        received_at: at(250),
        provider_message_id: None,
        answered_as: None,
        sent_as: None,
        counts: false,
        reserved: false,
        cost: None,
        refusal: None,
        forwarded: false,
        reply_to: None,
        reaction: None,
        edited: None,
        deleted: None,
        plan: transom_core::plan::Plan::default(),
        instead: None,
        held_until: None,
        released_at: None,
        watched: None,
        unconfirmed: None,
        referral: None,
        due_shard: None,
        due_at: None,
        facts: Facts::new(),
    }
}

fn fact(ms: i64, code: Option<&str>) -> Fact {
    Fact { at: at(ms), source: Source::Provider, code: code.map(str::to_owned) }
}

fn shown(message: &Message) -> Value {
    serde_json::to_value(message_view(message, Provider::Twilio)).expect("JSON")
}

#[test]
fn an_inbound_message_has_the_shape_of_the_contract() {
    let mut inbound = message(Direction::In, Phase::Received);
    inbound.forwarded = true;
    let conversation = "cnv_abcdefghijklmnopqrstuvw2";
    assert_eq!(
        shown(&inbound),
        json!({
            "id": inbound.id, "conversation": conversation, "direction": "in",
            "origin": "customer", "sent_by": null, "content": {"type": "text", "text": "hi"},
            "status": "received", "unconfirmed": false,
            "statuses": [{
                "status": "received", "at": "2025-11-20T10:00:00.250Z", "source": "provider",
            }],
            "failure": null, "attempts": [], "sent_at": "2025-11-20T10:00:00.000Z",
            "received_at": "2025-11-20T10:00:00.250Z", "forwarded": true,
            "notice": FORWARDED_NOTICE, "reply_to": null, "referral": null, "reactions": [],
            "edited_at": null, "deleted_at": null, "cost": null,
        })
    );
    inbound.forwarded = false;
    assert!(shown(&inbound).get("notice").is_none());
}

#[test]
fn facts_stand_in_the_order_of_time() {
    let mut sent = message(Direction::Out, Phase::Answered);
    sent.facts.insert((1, FactKind::Delivered), fact(5_000, None));
    sent.facts.insert((1, FactKind::Sent), fact(5_000, None));
    sent.facts.insert((1, FactKind::Accepted), fact(100, None));
    let view = shown(&sent);
    let names: Vec<&str> = view["statuses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|s| s["status"].as_str())
        .collect();
    assert_eq!(names, ["accepted", "sent", "delivered"]);
    assert_eq!(view["statuses"][0]["attempt"], 1);
    assert_eq!(view["failure"], Value::Null);
    assert_eq!(view["attempts"][0]["status"], "delivered");
}

#[test]
fn u1_a_refusal_tells_its_code_and_remedy() {
    let mut refused = message(Direction::Out, Phase::Refused);
    refused.refusal = Some(RefusalRecord::new(Code::WindowExpired, at(0)));
    let failure = &shown(&refused)["failure"];
    assert_eq!(failure["code"], "window_expired");
    assert_eq!(failure["remedy"], Code::WindowExpired.remedy());
    assert_eq!(failure["retryable"], false);
    assert_eq!(shown(&refused)["attempts"], json!([]));
}

#[test]
fn f9_a_failure_stands_until_the_new_attempt_has_evidence() {
    let mut retried = message(Direction::Out, Phase::Queued);
    retried.attempt = 2;
    retried.facts.insert((1, FactKind::Failed), fact(100, Some("63016")));
    let view = shown(&retried);
    assert_eq!(view["status"], "queued");
    assert_eq!(view["failure"]["code"], "window_expired");
    assert_eq!(view["failure"]["provider_code"], "63016");
    retried.phase = Phase::Answered;
    retried.facts.insert((2, FactKind::Accepted), fact(900, None));
    assert_eq!(shown(&retried)["failure"], Value::Null);
}

#[test]
fn an_outcome_that_nobody_knows_says_so() {
    let mut open = message(Direction::Out, Phase::Answered);
    open.facts.insert((1, FactKind::Unknown), fact(100, Some("interrupted")));
    let failure = &shown(&open)["failure"];
    assert_eq!(failure["code"], "outcome_unknown");
    assert_eq!(failure["meaning"], OUTCOME_UNKNOWN.meaning, "no code of the provider's is meant");
    let mut odd = message(Direction::Out, Phase::Answered);
    odd.facts.insert((1, FactKind::Failed), fact(100, Some("999999")));
    assert_eq!(shown(&odd)["failure"]["code"], "provider_refused");
}

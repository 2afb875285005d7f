//! Many updates in one webhook, events of other kinds, and what is no webhook at all.

use super::{VALUE, fixture, fixtures, id, only, other, parse, parse_bytes, phone, with};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use transom_core::content::Content;
use transom_core::identity::User;
use transom_core::message::FactKind;
use transom_wire::{Business, Item};

/// An item in a few words.
fn told(item: &Item) -> String {
    let number = |business: &Business| match business {
        Business::ProviderId(id) => id.chars().rev().take(3).collect::<String>(),
        Business::Phone(phone) => phone.as_str().to_owned(),
    };
    match item {
        Item::Message(m) => {
            let Content::Text { text } = &m.content else { panic!("no text") };
            let name = m.profile_name.as_deref().unwrap_or("?");
            format!("{} {name}: {text}", number(&m.business))
        }
        Item::Status(s) => {
            let business = s.business.as_ref().map(number).unwrap();
            format!("{business} {} {:?}", s.provider_message_id, s.fact.unwrap())
        }
        Item::Consent(c) => c.kind.clone(),
        Item::Limit(l) => l.kind.clone(),
        Item::Tells(told) => told.kind.clone(),
        Item::Other { kind, .. } => kind.clone(),
    }
}

#[test]
fn f6_items_out_are_items_in_and_one_bad_item_keeps_the_rest() {
    let items = parse(&fixture("batch"));
    let got: Vec<String> = items.iter().map(told).collect();
    let expected = [
        "229 Anil: first",
        "message:text:without_user",
        "229 Bina: second",
        "229 wamid.S1 Delivered",
        "status:unknown",
        "229 wamid.S2 Read",
        "329 ?: to another number",
        "account_alerts:OBA_APPROVED",
        "429 Chitra: by id",
        "429 wamid.S3 Failed",
        "entry",
    ];
    assert_eq!(got, expected);
    let Item::Message(chitra) = &items[8] else { panic!("no message") };
    assert_eq!(chitra.user, User::Id(id("IN.77")));
    let Item::Status(failed) = &items[9] else { panic!("no status") };
    assert_eq!(failed.user, Some(User::Phone(phone("+919876543299"))));
    assert_eq!((failed.fact, failed.code.as_deref()), (Some(FactKind::Failed), Some("unknown")));
}

#[test]
fn e13_a_users_word_on_marketing_is_read_with_its_time() {
    let items = parse(&fixture("event_preferences"));
    let [Item::Consent(stop), Item::Consent(resume)] = &items[..] else { panic!("{items:?}") };
    assert_eq!((stop.agrees, resume.agrees), (false, true));
    assert_eq!(stop.business, Business::ProviderId("106540352242922".to_owned()));
    assert_eq!(resume.user.phone(), Some(&phone("+919876543211")));
    assert_eq!(stop.at.map(|at| at.as_millis()), Some(1_763_632_801_000));
    assert_eq!(stop.kind, "user_preferences:stop");
    let place = "/entry/0/changes/0/value/user_preferences/0";
    let odd = with(fixture("event_preferences"), place, "value", Some(json!("maybe")));
    assert_eq!(parse(&odd)[0], other("user_preferences:maybe"));
    let nobody = with(fixture("event_preferences"), "/entry/0/changes/0/value", "metadata", None);
    assert_eq!(parse(&nobody)[0], other("user_preferences:stop"), "it names no number of ours");
}

#[test]
fn m22_a_limit_is_read_with_its_time_and_whose_it_is() {
    let [Item::Limit(told)] = &parse(&fixture("event_capability"))[..] else { panic!("no limit") };
    assert_eq!((told.limit, told.at, &told.business), (Some(2000), None, &None));
    let timed = with(fixture("event_capability"), "/entry/0", "time", Some(json!(1_763_632_800)));
    let [Item::Limit(told)] = &parse(&timed)[..] else { panic!("no limit") };
    assert_eq!(told.at.map(|at| at.as_millis()), Some(1_763_632_800_000));
    let number = fixture("event_number_quality");
    assert_eq!(only(&number), other("phone_number_quality_update:ONBOARDING"), "it tells none");
    let number = with(number, VALUE, "current_limit", Some(json!("TIER_UNLIMITED")));
    let [Item::Limit(told)] = &parse(&number)[..] else { panic!("no limit") };
    let whose = Business::Phone(phone("+15550783881"));
    assert_eq!((told.limit, told.business.as_ref()), (None, Some(&whose)));
}

#[test]
fn events_are_kept_by_name() {
    let cases = [
        ("event_template", vec!["message_template_status_update:PAUSED"]),
        ("event_template_quality", vec!["message_template_quality_update:RED"]),
        ("event_account", vec!["account_update:DISABLED_UPDATE"]),
        ("event_number_quality", vec!["phone_number_quality_update:ONBOARDING"]),
        ("event_echo", vec!["smb_message_echoes:text"]),
        ("event_error", vec!["messages:error:130429"]),
        ("event_template_category", vec!["template_category_update:MARKETING"]),
        ("event_user_id", vec!["user_id_update"]),
        ("event_novel", vec!["novel_field"]),
        ("event_group_text", vec!["message:text:in_group"]),
    ];
    for (name, expected) in &cases {
        let expected: Vec<Item> = expected.iter().map(|kind| other(kind)).collect();
        assert_eq!(parse(&fixture(name)), expected, "{name}");
    }
    // A limit and a customer's preference are acted on, each in a test of its own.
    let acted_on = ["event_capability", "event_preferences"];
    assert_eq!(fixtures("event_").len(), cases.len() + acted_on.len());
}

#[test]
fn what_stands_in_a_lists_place_is_one_item() {
    let webhook = |name, value| with(fixture("text"), VALUE, name, Some(value));
    for (value, kind) in [
        (json!("poison"), "message:unknown:without_user"),
        (json!(7), "message:unknown:without_user"),
        (json!({"type":"text"}), "message:text:without_user"),
        (json!([null]), "message:unknown:without_user"),
    ] {
        assert_eq!(only(&webhook("messages", value.clone())), other(kind), "{value}");
    }
    assert_eq!(parse(&webhook("statuses", json!(false))).len(), 2);
    for nothing in [json!([]), json!(null)] {
        assert_eq!(only(&webhook("messages", nothing)), other("messages"));
    }
    let entries = |entry| parse(&json!({"object":"whatsapp_business_account","entry":entry}));
    assert_eq!(entries(json!([])), vec![]);
    assert_eq!(entries(json!([{"id":"1"}])), vec![other("entry")]);
    assert_eq!(entries(json!([{"id":"1","changes":[]}])), vec![]);
    assert_eq!(entries(json!([{"changes":["poison", {"value":"poison"}]}])).len(), 2);
    assert_eq!(entries(json!([{"changes":{"field":"flows"}}])), vec![other("flows")]);
    // Only changes of the field `messages` hold messages to us.
    let standby = json!([{"changes":[{"field":"standby","value":{"messages":[{"type":"text"}]}}]}]);
    assert_eq!(entries(standby), vec![other("standby:text")]);
}

#[test]
fn one_entry_of_a_thousand_updates_is_read_whole() {
    let mut webhook = fixture("batch");
    let value = &mut webhook["entry"][0]["changes"][0]["value"];
    let users = |i: usize| format!("9198{:08}", i % 250);
    value["messages"] = (0..500)
        .map(|i| {
            json!({"from": users(i), "id": format!("wamid.M{i}"), "timestamp": "1763632795",
                "type": "text", "text": {"body": format!("m{i}")}})
        })
        .collect();
    value["statuses"] = (0..500)
        .map(|i| {
            json!({"id": format!("wamid.S{i}"), "status": "sent", "timestamp": "1763632801",
                "recipient_id": users(i)})
        })
        .collect();
    value["contacts"] = (0..250)
        .map(|i| json!({"profile": {"name": format!("n{i}")}, "wa_id": users(i)}))
        .collect();
    webhook["entry"].as_array_mut().unwrap().truncate(1);
    webhook["entry"][0]["changes"].as_array_mut().unwrap().truncate(1);
    let started = std::time::Instant::now();
    let items = parse(&webhook);
    let took = started.elapsed();
    assert_eq!(items.len(), 1000);
    let mut names = BTreeMap::new();
    for item in &items {
        if let Item::Message(m) = item {
            let number: usize = m.user.phone().unwrap().digits()[4..].parse().unwrap();
            assert_eq!(m.profile_name, Some(format!("n{number}")));
            *names.entry(number).or_insert(0) += 1;
        }
    }
    assert_eq!((names.len(), names[&0]), (250, 2));
    // Some milliseconds in a release build, and Meta asks for a median of 250; the room is for
    // a debug build on a busy machine.
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

#[test]
fn what_is_no_webhook_of_metas_is_refused_without_its_words() {
    for (body, expected) in [
        (&b""[..], "the body is not JSON"),
        (b"secret=1", "the body is not JSON"),
        (b"{\"object\":", "the body is not JSON"),
    ] {
        assert_eq!(parse_bytes(body).unwrap_err().to_string(), expected);
    }
}

/// Meta posts again for days what is not answered with 200.
#[test]
fn f6_any_json_is_kept() {
    for (body, kind) in [
        ("[]", "webhook"),
        ("{}", "webhook"),
        ("null", "webhook"),
        ("7", "webhook"),
        (r#"{"object":"page","entry":[]}"#, "webhook:page"),
        (r#"{"object":"whatsapp_business_account"}"#, "webhook:whatsapp_business_account"),
    ] {
        assert_eq!(only(&serde_json::from_str(body).unwrap()), other(kind), "{body}");
    }
}

#[test]
fn f6_what_belongs_to_no_conversation_keeps_its_fields() {
    let got = parse_bytes(fixture("event_template").to_string().as_bytes()).unwrap();
    let [Item::Tells(told)] = &got[..] else { panic!("{got:?}") };
    let (kind, raw) = (&told.kind, &told.raw);
    assert_eq!(kind, "message_template_status_update:PAUSED");
    assert_eq!((&raw["field"][..], &raw["value.event"][..]), (&kind[..30], "PAUSED"));
    let poison = with(fixture("text"), VALUE, "messages", Some(json!(["poison", {"id": "x"}])));
    let got = parse_bytes(poison.to_string().as_bytes()).unwrap();
    let kept: Vec<_> = got
        .iter()
        .map(|item| match item {
            Item::Tells(told) => (told.kind.as_str(), told.raw.clone()),
            Item::Other { kind, raw } => (kind.as_str(), raw.clone()),
            told => panic!("{told:?}"),
        })
        .collect();
    let map = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
    let expected = [map("value", "poison"), map("id", "x")];
    let kind = "message:unknown:without_user";
    assert_eq!(kept, expected.map(|raw| (kind, raw)));
}

/// A message that names its writer but has no id is his, and known by what it is.
#[test]
fn f6_a_message_without_an_id_is_kept_in_its_conversation() {
    let without = with(fixture("text"), super::MESSAGE, "id", None);
    let Item::Message(got) = only(&without) else { panic!("not kept") };
    let Content::Unsupported { kind, raw } = &got.content else { panic!("{got:?}") };
    assert_eq!((&kind[..], &raw["body"][..]), ("message:text:without_id", "नमस्ते 👋 me@x.example"));
    let Item::Message(again) = only(&without) else { panic!("not kept") };
    assert_eq!(again.provider_message_id, got.provider_message_id);
    let notice = with(fixture("system_number"), super::MESSAGE, "id", None);
    let Item::Message(notice) = only(&notice) else { panic!("not kept") };
    assert!(!notice.content.is_a_customers_word(), "a notice opens no window");
    let long = with(fixture("text"), super::MESSAGE, "id", Some(json!("w".repeat(2000))));
    let Item::Message(long) = only(&long) else { panic!("not kept") };
    assert!(long.provider_message_id.len() < 256, "no table takes a longer key");
    let number = with(fixture("text"), super::MESSAGE, "id", Some(json!(42)));
    let Item::Message(number) = only(&number) else { panic!("not kept") };
    assert_eq!(number.provider_message_id, "42");
}

#[test]
fn deep_and_huge_bodies_neither_overflow_nor_pass() {
    let depth = 1_000_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let body = format!(r#"{{"object":"whatsapp_business_account","entry":{nested}}}"#);
    assert_eq!(parse_bytes(body.as_bytes()).unwrap_err().to_string(), "the body is not JSON");
    let wide: Value = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let webhook = with(fixture("text"), super::MESSAGE, "odd", Some(wide));
    assert!(matches!(only(&webhook), Item::Message(_)));
    let huge = format!("\"{}\"", "a".repeat(4 << 20));
    let error = parse_bytes(huge.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "the body is longer than 4194304 bytes");
}

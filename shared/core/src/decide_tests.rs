//! Every row of the rule book that [`super::decide`] answers for.

use super::*;
use crate::account::{LimitScope, Provider};
use crate::consent::OptIn;
use crate::content::Media;
use crate::id::{AccountId, SenderId};
use crate::identity::Phone;
use crate::media::MediaKind;
use crate::template::Category;
use crate::window::Basis;
use std::collections::BTreeMap;

const HOUR: i64 = 3_600_000;

/// The milliseconds around the end of a window opened at 0, and whether it is open then (M3, D12).
const END: [(i64, bool); 3] = [(24 * HOUR - 1, true), (24 * HOUR, false), (24 * HOUR + 1, false)];

struct Case {
    account: Account,
    sender: Sender,
    brand: Option<Brand>,
    conversation_brand: Option<BrandId>,
    user: User,
    consent: Consent,
    window: Option<Window>,
    template: Option<Template>,
    file: Option<(Code, String)>,
    found: Option<crate::template::matching::Found>,
    wallet: Wallet,
    now: Timestamp,
}

fn opened_at(ms: i64) -> Window {
    let at = Timestamp::from_millis(ms);
    Window { last_user_at: at, opened_at: at, basis: Basis::UserTime, refused_at: None }
}

fn case() -> Case {
    Case {
        account: Account {
            id: AccountId::parse("acc").unwrap(),
            provider: Provider::Twilio,
            state: AccountState::Active,
            portfolio: None,
            template_categories: Category::ALL.into_iter().collect(),
            profile: None,
            sandbox: false,
            restriction: None,
        },
        sender: Sender {
            id: SenderId::parse("support").unwrap(),
            account: AccountId::parse("acc").unwrap(),
            phone: Phone::parse("+14155238886").unwrap(),
            brand: Some(BrandId::parse("acme").unwrap()),
            provider_id: None,
            template_messaging: true,
            messaging_limit: Some(250),
            limit_scope: LimitScope::Sender,
            rate_per_second: 80,
            agent_limits: None,
            delivery_table: crate::delivery::DeliveryTable::Standard,
            restricted_until: None,
            deleted_at: None,
        },
        brand: Some(Brand {
            id: BrandId::parse("acme").unwrap(),
            name: "Acme".into(),
            active: true,
            deleted_at: None,
        }),
        conversation_brand: Some(BrandId::parse("acme").unwrap()),
        user: User::Phone(Phone::parse("+919876543210").unwrap()),
        consent: Consent::new(OptIn::In, Timestamp::ZERO, None),
        window: Some(opened_at(0)),
        template: Some(Template {
            status: TemplateStatus::Approved,
            provider_ref: Some("HX1".into()),
            ..Template::new("order", "en", Category::Utility, "Order {{1}} is ready.")
        }),
        file: None,
        found: None,
        wallet: Wallet::Funded,
        now: Timestamp::from_millis(HOUR),
    }
}

impl Case {
    fn decide(&self, content: &Content) -> Decision {
        decide(&self.facts(), content)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            now: self.now,
            channel: Channel::WHATSAPP,
            account: &self.account,
            sender: &self.sender,
            brand: self.brand.as_ref(),
            conversation_brand: self.conversation_brand.as_ref(),
            user: &self.user,
            consent: &self.consent,
            window: self.window.as_ref(),
            template: self.template.as_ref(),
            file: self.file.as_ref(),
            found: self.found.as_ref(),
            wallet: self.wallet,
        }
    }
}

fn text() -> Content {
    Content::Text { text: "On its way.".into() }
}

fn template() -> Content {
    Content::Template(TemplateUse {
        name: "order".into(),
        language: None,
        variables: BTreeMap::from([("1".into(), "42".into())]),
        header: None,
    })
}

fn refused(decision: &Decision) -> Code {
    match decision {
        Decision::Refuse(refusal) => refusal.code,
        Decision::Send { .. } => panic!("sent"),
    }
}

/// Free form goes out exactly while the window is open.
fn assert_free_form(decision: &Decision, open: bool, when: &dyn std::fmt::Debug) {
    match open {
        true => assert_eq!(*decision, SESSION, "{when:?}"),
        false => assert_eq!(refused(decision), Code::WindowExpired, "{when:?}"),
    }
}

const SESSION: Decision = Decision::Send { sent_as: SentAs::Session, counts: false };
const TEMPLATE: Decision = Decision::Send { sent_as: SentAs::Template, counts: true };

#[test]
fn m8_free_form_is_refused_at_24_hours_and_a_template_is_not() {
    let mut c = case();
    for (now, open) in END {
        c.now = Timestamp::from_millis(now);
        assert_free_form(&c.decide(&text()), open, &now);
        assert_eq!(c.decide(&template()), if open { SESSION } else { TEMPLATE }, "{now}");
    }
}

#[test]
fn m140_proactive_free_form_and_calls_are_refused_with_a_reason() {
    let mut c = case();
    let call = Content::Unsupported { kind: "call".into(), raw: BTreeMap::new() };
    assert_eq!(refused(&c.decide(&call)), Code::ContentUnsupported);
    c.window = None;
    assert_eq!(refused(&c.decide(&text())), Code::WindowNeverOpened);
}

#[test]
fn m23_a_template_in_an_open_window_takes_no_place_of_the_limit() {
    assert_eq!(case().decide(&template()), SESSION);
}

#[test]
fn m28_the_text_limit_is_exact() {
    let of = |n: usize| Content::Text { text: "é".repeat(n) };
    assert_eq!(case().decide(&of(1599)), SESSION);
    assert_eq!(case().decide(&of(1600)), SESSION);
    assert_eq!(refused(&case().decide(&of(1601))), Code::TextTooLong);
    // As Twilio counts, in UTF-16: each of these is two.
    let waves = |n: usize, tail: &str| Content::Text { text: "👋".repeat(n) + tail };
    assert_eq!(case().decide(&waves(799, "a")), SESSION);
    assert_eq!(case().decide(&waves(800, "")), SESSION);
    assert_eq!(refused(&case().decide(&waves(800, "a"))), Code::TextTooLong);
    assert_eq!(refused(&case().decide(&Content::Text { text: " \n".into() })), Code::TextEmpty);
}

#[test]
fn m29_the_4096_profile_is_exact() {
    let mut c = case();
    for provider in [Provider::Meta, Provider::Gupshup] {
        c.account.provider = provider;
        // In code points: each of either is one.
        for letter in ["a", "👋"] {
            let of = |n: usize| Content::Text { text: letter.repeat(n) };
            assert_eq!(c.decide(&of(4095)), SESSION, "{provider:?} {letter}");
            assert_eq!(c.decide(&of(4096)), SESSION, "{provider:?} {letter}");
            assert_eq!(refused(&c.decide(&of(4097))), Code::TextTooLong, "{provider:?} {letter}");
        }
    }
}

#[test]
fn m15_the_window_rule_is_the_same_for_every_provider() {
    for provider in Provider::ALL {
        let mut c = case();
        c.account.provider = provider;
        for (now, open) in END {
            c.now = Timestamp::from_millis(now);
            assert_free_form(&c.decide(&text()), open, &(provider, now));
        }
    }
}

#[test]
fn m53_m54_the_template_switch() {
    let mut c = case();
    c.sender.template_messaging = false;
    for (now, open) in END {
        c.now = Timestamp::from_millis(now);
        assert_free_form(&c.decide(&text()), open, &now);
        let decision = c.decide(&template());
        match open {
            true => assert_eq!(decision, SESSION),
            false => assert_eq!(refused(&decision), Code::TemplateMessagingOff, "{now}"),
        }
    }
}

/// Active, the template switch, consent, a balance: every cell, and what becomes in it of free text
/// and of a template.
#[test]
fn m53_m54_m55_m57_m58_m59_every_cell_of_the_four_conditions_has_a_named_reason() {
    use Code::{
        InsufficientBalance as Balance, NotOptedIn as Consent, TemplateMessagingOff as Off,
        WindowExpired as Closed,
    };
    use SentAs::{Session, Template};
    type Cell = ([bool; 4], Result<SentAs, Code>, Result<SentAs, Code>);
    // active, switch, opted in, balance | free text | template
    let cells: [Cell; 16] = [
        ([true, true, true, true], Ok(Session), Ok(Session)),
        ([true, true, true, false], Err(Balance), Err(Balance)),
        ([true, true, false, true], Ok(Session), Err(Consent)),
        ([true, true, false, false], Err(Balance), Err(Consent)),
        ([true, false, true, true], Ok(Session), Ok(Session)),
        ([true, false, true, false], Err(Balance), Err(Balance)),
        ([true, false, false, true], Ok(Session), Err(Consent)),
        ([true, false, false, false], Err(Balance), Err(Consent)),
        ([false, true, true, true], Err(Closed), Ok(Template)),
        ([false, true, true, false], Err(Closed), Err(Balance)),
        ([false, true, false, true], Err(Closed), Err(Consent)),
        ([false, true, false, false], Err(Closed), Err(Consent)),
        ([false, false, true, true], Err(Closed), Err(Off)),
        ([false, false, true, false], Err(Closed), Err(Off)),
        ([false, false, false, true], Err(Closed), Err(Consent)),
        ([false, false, false, false], Err(Closed), Err(Consent)),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (conditions, free_text, filled) in cells {
        assert!(seen.insert(conditions), "{conditions:?} stands twice");
        let [active, switch, opted_in, balance] = conditions;
        let mut case = case();
        case.sender.template_messaging = switch;
        if !opted_in {
            case.consent = super::Consent::default();
        }
        if !balance {
            case.wallet = Wallet::Empty { until: None };
        }
        for (now, _) in END.into_iter().filter(|(_, open)| *open == active) {
            case.now = Timestamp::from_millis(now);
            for (content, expected) in [(text(), free_text), (template(), filled)] {
                let found = match case.decide(&content) {
                    Decision::Send { sent_as, .. } => Ok(sent_as),
                    Decision::Refuse(refusal) => Err(refusal.code),
                };
                assert_eq!(found, expected, "{conditions:?} {now} {content:?}");
            }
        }
    }
}

#[test]
fn m71_m72_d10_a_template_needs_consent_and_a_reply_does_not() {
    let mut c = case();
    for (state, code) in [(OptIn::Unknown, Code::NotOptedIn), (OptIn::Out, Code::OptedOut)] {
        c.consent.state = state;
        assert_eq!(c.decide(&text()), SESSION);
        assert_eq!(refused(&c.decide(&template())), code);
    }
}

#[test]
fn m51_only_an_approved_template_is_sent() {
    let mut c = case();
    let statuses = ["unsubmitted", "pending", "rejected", "paused", "disabled", "in_appeal"];
    for status in statuses {
        let mut t = c.template.clone().unwrap();
        t.status = TemplateStatus::from(status.to_owned());
        c.template = Some(t);
        let Decision::Refuse(refusal) = c.decide(&template()) else { panic!("sent {status}") };
        assert_eq!(refusal.code, Code::TemplateNotApproved);
        assert!(refusal.detail.unwrap().contains(status), "the state is named");
    }
    c.template = None;
    assert_eq!(refused(&c.decide(&template())), Code::TemplateUnknown);
}

#[test]
fn m70_d2_the_allowed_categories_are_data() {
    let mut c = case();
    c.account.template_categories.remove(&Category::Utility);
    assert_eq!(refused(&c.decide(&template())), Code::CategoryForbidden);
}

#[test]
fn m136_each_cause_of_session_ended() {
    let mut c = case();
    c.brand.as_mut().unwrap().active = false;
    assert_eq!(refused(&c.decide(&text())), Code::BrandInactive);
    c.brand.as_mut().unwrap().deleted_at = Some(c.now);
    assert_eq!(refused(&c.decide(&text())), Code::BrandDeleted);
    c.brand = None;
    assert_eq!(refused(&c.decide(&text())), Code::BrandDeleted);
    let mut c = case();
    c.conversation_brand = Some(BrandId::parse("other").unwrap());
    assert_eq!(refused(&c.decide(&text())), Code::BrandMismatch);
    assert_eq!(reply_blocked(&c.facts()), Some(Code::BrandMismatch));
}

#[test]
fn m137_m138_m50_the_account_and_the_sender() {
    let mut c = case();
    let rows = [
        (AccountState::Deactivated, Code::AccountDeactivated),
        (AccountState::Removed, Code::IntegrationRemoved),
        (AccountState::Deleted, Code::AccountDeleted),
    ];
    for (state, code) in rows {
        c.account.state = state;
        assert_eq!(refused(&c.decide(&text())), code);
        assert_eq!(refused(&c.decide(&template())), code);
    }
    c.account.state = AccountState::Active;
    c.sender.deleted_at = Some(c.now);
    assert_eq!(refused(&c.decide(&text())), Code::Interrupted);
}

#[test]
fn the_first_code_of_the_order_is_answered_and_the_rest_stand_beside_it() {
    let mut c = case();
    c.account.state = AccountState::Deactivated;
    c.brand.as_mut().unwrap().active = false;
    c.now = Timestamp::from_millis(24 * HOUR);
    let Decision::Refuse(refusal) = c.decide(&Content::Text { text: String::new() }) else {
        panic!("sent")
    };
    assert_eq!(refusal.code, Code::AccountDeactivated);
    assert_eq!(refusal.also, [Code::BrandInactive, Code::TextEmpty, Code::WindowExpired]);
}

#[test]
fn a_senders_restriction_ends_at_its_instant_and_concerns_no_reply() {
    let mut c = case();
    let until = c.now;
    c.sender.restricted_until = Some(until);
    for (offset, restricted) in [(-1, true), (0, false), (1, false)] {
        c.now = Timestamp::from_millis(until.as_millis() + offset);
        c.window = Some(opened_at(0));
        assert_eq!(c.decide(&text()), SESSION, "{offset}");
        c.window = None;
        let decision = c.decide(&template());
        match restricted {
            true => assert_eq!(refused(&decision), Code::SenderRestricted),
            false => assert_eq!(decision, TEMPLATE, "{offset}"),
        }
    }
}

#[test]
fn a_sender_does_not_write_to_itself() {
    let mut c = case();
    c.user = User::Phone(c.sender.phone.clone());
    assert_eq!(refused(&c.decide(&text())), Code::ContactInvalid);
}

#[test]
fn m16_m17_each_kind_of_file_goes_out_in_the_window_and_not_after_it() {
    let mut c = case();
    let kinds = [
        (MediaKind::Image, "image/png"),
        (MediaKind::Video, "video/mp4"),
        (MediaKind::Audio, "audio/amr"),
        (MediaKind::Document, "application/pdf"),
    ];
    for (kind, content_type) in kinds {
        let media = Media { content_type: Some(content_type.into()), ..Media::default() };
        let content = kind.content(media);
        for (now, open) in END {
            c.now = Timestamp::from_millis(now);
            assert_free_form(&c.decide(&content), open, &(kind, now));
        }
    }
}

#[test]
fn a_file_that_cannot_be_had_is_told_once() {
    let mut c = case();
    c.file = Some((Code::MediaUrl, "HTTP 404".into()));
    let image = MediaKind::Image.content(Media::default());
    let Decision::Refuse(refusal) = c.decide(&image) else { panic!("sent") };
    assert_eq!((refusal.code, refusal.also.as_slice()), (Code::MediaUrl, &[][..]));
    let captioned = MediaKind::Document.content(Media {
        caption: Some("bill".into()),
        content_type: Some("text/html".into()),
        ..Media::default()
    });
    let Decision::Refuse(refusal) = c.decide(&captioned) else { panic!("sent") };
    assert_eq!(refusal.also, [Code::MediaType, Code::CaptionUnsupported]);
}

#[test]
fn m59_an_account_that_cannot_pay_sends_nothing() {
    let mut c = case();
    let until = c.now.plus(crate::wallet::PROBE_AFTER);
    c.wallet = Wallet::Empty { until: Some(until) };
    for content in [text(), template()] {
        let Decision::Refuse(refusal) = c.decide(&content) else { panic!("sent") };
        assert_eq!((refusal.code, refusal.retry_at), (Code::InsufficientBalance, Some(until)));
    }
    // The wallet comes after the window, and waiting for it alone does not help then.
    c.now = Timestamp::from_millis(24 * HOUR);
    let Decision::Refuse(refusal) = c.decide(&text()) else { panic!("sent") };
    assert_eq!(refusal.code, Code::WindowExpired);
    assert_eq!(
        (refusal.also.as_slice(), refusal.retry_at),
        (&[Code::InsufficientBalance][..], None)
    );
}

#[test]
fn m84_the_sandbox_sends_texts_alone() {
    let mut c = case();
    c.account.sandbox = true;
    for provider in Provider::ALL {
        c.account.provider = provider;
        assert_eq!(c.decide(&text()), SESSION, "{provider:?}");
        assert_eq!(c.decide(&template()), SESSION, "{provider:?}");
        for kind in [MediaKind::Image, MediaKind::Video, MediaKind::Audio, MediaKind::Document] {
            let content = kind.content(Media::default());
            let Decision::Refuse(refusal) = c.decide(&content) else { panic!("sent {kind:?}") };
            assert_eq!(refusal.code, Code::ContentUnsupported, "{provider:?} {kind:?}");
            assert!(refusal.detail.is_some_and(|d| d.contains("the sandbox")));
        }
    }
}

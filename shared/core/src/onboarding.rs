//! What stands between a number and its first message (M86-M88, M90, M91, M94): pure validators, and
//! a checklist whose timers are comparisons with `now`.

use crate::account::Provider;
use crate::country::Country;
use crate::identity::Phone;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a provider's caches take to forget a number that left another WhatsApp app (M94).
const OTHER_APP_FORGOTTEN: Millis = Millis::from_hours(7 * 24);

/// The longest number that has no area code: a short code.
const SHORT_CODE_DIGITS_MAX: usize = 6;

/// The longest number there is, in digits (E.164).
const DIGITS_MAX: usize = 15;

/// How many digits a number of North America has, its country's 1 included.
const NORTH_AMERICAN_DIGITS: usize = 11;

/// An id of Meta's business manager: 15 or 16 digits (M88).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BusinessManagerId(String);

/// Why a text is no such id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 15 or 16 digits: business.facebook.com, Business Settings, Business Info shows it"
)]
pub struct BusinessManagerIdError;

impl BusinessManagerId {
    /// Reads an id.
    ///
    /// # Errors
    /// When these are not 15 or 16 digits.
    pub fn parse(text: &str) -> Result<Self, BusinessManagerIdError> {
        let fits = matches!(text.len(), 15 | 16) && text.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(BusinessManagerIdError) }
    }
}

impl TryFrom<String> for BusinessManagerId {
    type Error = BusinessManagerIdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<BusinessManagerId> for String {
    fn from(id: BusinessManagerId) -> Self {
        id.0
    }
}

/// Why a number cannot be a business's (M90).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// A short code.
    #[error(
        "is a short code, which WhatsApp does not take; give a number with country and area code"
    )]
    ShortCode,
    /// Without its country.
    #[error("has no country code; write it as + and all digits, such as +919876543210")]
    NoCountry,
    /// Without its area, as far as this can be told.
    #[error("has no area code; give all digits of the number")]
    NoArea,
    /// Longer than any number of its country.
    #[error("has too many digits; give the number alone, without an extension")]
    TooLong,
    /// No number at all.
    #[error("is no telephone number; write it as + and 8 to 15 digits")]
    NoNumber,
}

/// Reads a business's number: with country and area code, and no short code.
///
/// # Errors
/// What is missing, or too much.
pub fn business_number(text: &str) -> Result<Phone, NumberFault> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberFault::NoNumber);
    }
    if digits.len() <= SHORT_CODE_DIGITS_MAX {
        return Err(NumberFault::ShortCode);
    }
    if !text.starts_with('+') || digits.starts_with('0') {
        return Err(NumberFault::NoCountry);
    }
    let is_north_american = digits.starts_with('1');
    let longest = if is_north_american { NORTH_AMERICAN_DIGITS } else { DIGITS_MAX };
    if digits.len() > longest {
        return Err(NumberFault::TooLong);
    }
    // The plan of North America alone tells by its form whether the area is there.
    if is_north_american {
        let first_of = |index: usize| digits.as_bytes().get(index).copied();
        let is_first = |b: Option<u8>| b.is_some_and(|b| (b'2'..=b'9').contains(&b));
        if digits.len() != NORTH_AMERICAN_DIGITS || !is_first(first_of(1)) || !is_first(first_of(4))
        {
            return Err(NumberFault::NoArea);
        }
    }
    let phone = Phone::parse(text).map_err(|_| NumberFault::NoArea)?;
    Country::of_phone(&phone).ok_or(NumberFault::NoCountry)?;
    Ok(phone)
}

/// What an administrator knows of a number's way to WhatsApp. What is absent is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Onboarding {
    /// Meta's id of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_manager_id: Option<BusinessManagerId>,
    /// Whether Meta has verified the business.
    #[serde(default)]
    pub business_verified: bool,
    /// Whether the number is the business's own and takes a call or a text for its code.
    #[serde(default)]
    pub receives_code: bool,
    /// Whether the number was used with the API before.
    #[serde(default)]
    pub used_with_api: bool,
    /// Whether the number stands in a WhatsApp app.
    #[serde(default)]
    pub in_another_app: bool,
    /// When it was deleted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_app_at: Option<Timestamp>,
    /// The name that customers are to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When everything was sent in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// When WhatsApp approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<Timestamp>,
}

/// How a step of the checklist stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Done.
    Done,
    /// Something is to be done.
    Todo,
    /// Nothing is to be done but to wait.
    Waiting,
    /// It takes longer than usual.
    Late,
    /// It takes so long that somebody must be asked.
    Overdue,
    /// Another step comes first.
    Blocked,
}

/// A step of the checklist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub name: &'static str,
    /// How it stands.
    pub state: StepState,
    /// What to do, or what is waited for.
    pub remedy: Option<String>,
    /// When it stands otherwise by itself.
    pub until: Option<Timestamp>,
}

/// How long a provider's approval takes, and whom to ask when it does not come (M87).
struct Approval {
    usual_from: Millis,
    usual_to: Millis,
    ask_after: Millis,
    ask: &'static str,
}

impl Approval {
    fn of(provider: Provider) -> Self {
        let days = |n: i64| Millis::from_hours(n.saturating_mul(24));
        let ask = match provider {
            Provider::Gupshup => "devsupport@gupshup.io",
            Provider::Twilio => "Twilio's support, in the console",
            Provider::Meta => "Meta's business support",
        };
        Self { usual_from: days(2), usual_to: days(7), ask_after: days(15), ask }
    }
}

impl Onboarding {
    /// Every step, in the order in which they are taken.
    #[must_use]
    pub fn checklist(&self, phone: &Phone, provider: Provider, now: Timestamp) -> Vec<Step> {
        vec![
            self.business(),
            self.number(phone),
            self.other_app(now),
            self.display_name(),
            self.approval(provider, now),
            self.certificate(now),
        ]
    }

    fn business(&self) -> Step {
        let name = "business_manager";
        match (&self.business_manager_id, self.business_verified) {
            (None, _) => todo(
                name,
                "Give the business manager's id: business.facebook.com, Business Settings, Business Info.",
            ),
            (Some(_), false) => {
                todo(name, "Have Meta verify the business: Business Settings, Security Centre.")
            }
            (Some(_), true) => done(name),
        }
    }

    fn number(&self, phone: &Phone) -> Step {
        let name = "number";
        if let Err(fault) = business_number(phone.as_str()) {
            return todo(name, &format!("The number {fault}."));
        }
        if self.used_with_api {
            return todo(
                name,
                "Take a number that was never used with the API, or have its former provider release it.",
            );
        }
        if !self.receives_code {
            return todo(
                name,
                "Make sure that the number is yours and takes a call or a text: the code comes by one of the two.",
            );
        }
        done(name)
    }

    /// The number may be sent in while it still stands in an app; its certificate is withheld.
    fn other_app(&self, now: Timestamp) -> Step {
        let name = "other_app";
        let remedy = "Delete the WhatsApp account of this number in its app. It can be sent in \
                      meanwhile, but its certificate is withheld until then.";
        match (self.in_another_app, self.left_app_at) {
            (false, None) => done(name),
            (true, None) => todo(name, remedy),
            (_, Some(left)) => {
                let until = left.plus(OTHER_APP_FORGOTTEN);
                if now >= until {
                    return done(name);
                }
                let remedy = "WhatsApp usually takes 7 days to forget a number that left an app; \
                              try again then.";
                Step { state: StepState::Waiting, until: Some(until), ..todo(name, remedy) }
            }
        }
    }

    fn display_name(&self) -> Step {
        let name = "display_name";
        if self.display_name.is_some() {
            return done(name);
        }
        todo(
            name,
            "Choose the name that customers see: it must be the business's own, and without it no certificate is made.",
        )
    }

    fn approval(&self, provider: Provider, now: Timestamp) -> Step {
        let name = "approval";
        let times = Approval::of(provider);
        if self.approved_at.is_some() {
            return done(name);
        }
        let Some(since) = self.submitted_at else {
            return todo(name, "Send it in; WhatsApp alone decides.");
        };
        let stand = |state, after: Option<Millis>, remedy: &str| Step {
            state,
            until: after.map(|after| since.plus(after)),
            ..todo(name, remedy)
        };
        let waited = now.since(since);
        if waited < times.usual_from {
            let remedy = "Approval takes 2 to 7 days; a mail tells it.";
            stand(StepState::Waiting, Some(times.usual_from), remedy)
        } else if waited < times.usual_to {
            let remedy = "Approval may come any day now; a mail tells it.";
            stand(StepState::Waiting, Some(times.usual_to), remedy)
        } else if waited < times.ask_after {
            let remedy = "It takes longer than the usual 7 days; look into the mail.";
            stand(StepState::Late, Some(times.ask_after), remedy)
        } else {
            let remedy = format!("Not approved after 15 days: ask {}.", times.ask);
            stand(StepState::Overdue, None, &remedy)
        }
    }

    /// The certificate, without which the client does not work (M91, M94).
    fn certificate(&self, now: Timestamp) -> Step {
        let name = "certificate";
        let blocked = |remedy: &str| Step { state: StepState::Blocked, ..todo(name, remedy) };
        if self.display_name.is_none() {
            return blocked("The display name comes first.");
        }
        if self.other_app(now).state != StepState::Done {
            return blocked("The number's account in another app must be deleted first.");
        }
        if self.approved_at.is_none() {
            return blocked("The approval comes first.");
        }
        done(name)
    }
}

fn done(name: &'static str) -> Step {
    Step { name, state: StepState::Done, remedy: None, until: None }
}

fn todo(name: &'static str, remedy: &str) -> Step {
    Step { name, state: StepState::Todo, remedy: Some(remedy.to_owned()), until: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn m88_a_business_manager_id_has_15_or_16_digits() {
        let digits = |n: usize| "1234567890123456789".get(..n).map(BusinessManagerId::parse);
        for (n, fits) in [(14, false), (15, true), (16, true), (17, false)] {
            assert_eq!(digits(n).map(|r| r.is_ok()), Some(fits), "{n}");
        }
        for wrong in ["", "12345678901234a", "1234 5678901234", "١٢٣٤٥٦٧٨٩٠١٢٣٤٥"] {
            assert!(BusinessManagerId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn m90_a_business_number_is_whole() {
        for fits in ["+919876543210", "+14155238886", "+442071234567", "+5511987654321"] {
            assert!(business_number(fits).is_ok(), "{fits}");
        }
        for (text, fault) in [
            ("12345", NumberFault::ShortCode),
            ("+12345", NumberFault::ShortCode),
            ("575757", NumberFault::ShortCode),
            ("9876543210", NumberFault::NoCountry),
            ("00919876543210", NumberFault::NoCountry),
            ("+09876543210", NumberFault::NoCountry),
            ("+99912345678", NumberFault::NoCountry),
            ("12345678", NumberFault::NoCountry),
            ("+15238886", NumberFault::NoArea),
            ("+11155238886", NumberFault::NoArea),
            ("+9198765", NumberFault::NoArea),
            ("+91 98765 43210", NumberFault::NoNumber),
            ("", NumberFault::NoNumber),
            ("CALLME", NumberFault::NoNumber),
        ] {
            assert_eq!(business_number(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn m90_a_business_number_has_so_many_digits() {
        use NumberFault::{NoArea, ShortCode, TooLong};
        for (begins, digits, found) in [
            // A short code has six at most.
            ("+91", 5, Some(ShortCode)),
            ("+91", 6, Some(ShortCode)),
            ("+91", 7, Some(NoArea)),
            ("+91", 8, None),
            ("+91", 9, None),
            ("+91", 14, None),
            ("+91", 15, None),
            ("+91", 16, Some(TooLong)),
            // North America: eleven, no fewer and no more.
            ("+1415523", 10, Some(NoArea)),
            ("+1415523", 11, None),
            ("+1415523", 12, Some(TooLong)),
            ("+1415523", 15, Some(TooLong)),
            ("+1415523", 16, Some(TooLong)),
        ] {
            let text = format!("{begins:8<width$}", width = digits + 1);
            assert_eq!(business_number(&text).err(), found, "{text}");
        }
    }

    fn phone() -> Phone {
        Phone::parse("+919876543210").expect("a number")
    }

    fn step(of: &Onboarding, name: &str, now: i64) -> Step {
        let now = Timestamp::from_millis(now);
        let steps = of.checklist(&phone(), Provider::Gupshup, now);
        steps.into_iter().find(|s| s.name == name).expect("the step")
    }

    fn ready() -> Onboarding {
        Onboarding {
            business_manager_id: BusinessManagerId::parse("123456789012345").ok(),
            business_verified: true,
            receives_code: true,
            display_name: Some("Acme".into()),
            submitted_at: Some(Timestamp::ZERO),
            ..Onboarding::default()
        }
    }

    #[test]
    fn m87_the_timer_of_an_approval() {
        let days = |n: i64| n * DAY;
        for (now, state, until) in [
            (0, StepState::Waiting, Some(days(2))),
            (days(2) - 1, StepState::Waiting, Some(days(2))),
            (days(2), StepState::Waiting, Some(days(7))),
            (days(2) + 1, StepState::Waiting, Some(days(7))),
            (days(7) - 1, StepState::Waiting, Some(days(7))),
            (days(7), StepState::Late, Some(days(15))),
            (days(7) + 1, StepState::Late, Some(days(15))),
            (days(15) - 1, StepState::Late, Some(days(15))),
            (days(15), StepState::Overdue, None),
            (days(15) + 1, StepState::Overdue, None),
        ] {
            let step = step(&ready(), "approval", now);
            assert_eq!(
                (step.state, step.until),
                (state, until.map(Timestamp::from_millis)),
                "{now}"
            );
        }
        let remedy = step(&ready(), "approval", days(15)).remedy.unwrap_or_default();
        assert!(remedy.contains("devsupport@gupshup.io"), "{remedy}");
        let approved = Onboarding { approved_at: Some(Timestamp::ZERO), ..ready() };
        assert_eq!(step(&approved, "approval", days(30)).state, StepState::Done);
        let unsent = Onboarding { submitted_at: None, ..ready() };
        assert_eq!(step(&unsent, "approval", 0).state, StepState::Todo);
    }

    #[test]
    fn m86_nothing_is_done_that_nobody_has_said() {
        let known = Onboarding::default();
        let steps = known.checklist(&phone(), Provider::Meta, Timestamp::ZERO);
        let states: Vec<_> = steps.iter().map(|s| (s.name, s.state)).collect();
        assert_eq!(
            states,
            [
                ("business_manager", StepState::Todo),
                ("number", StepState::Todo),
                ("other_app", StepState::Done),
                ("display_name", StepState::Todo),
                ("approval", StepState::Todo),
                ("certificate", StepState::Blocked),
            ]
        );
        for open in steps.iter().filter(|s| s.state != StepState::Done) {
            assert!(open.remedy.as_ref().is_some_and(|r| r.ends_with('.')), "{}", open.name);
        }
        let all = Onboarding { approved_at: Some(Timestamp::ZERO), ..ready() };
        let steps = all.checklist(&phone(), Provider::Meta, Timestamp::ZERO);
        assert!(steps.iter().all(|s| s.state == StepState::Done), "{steps:?}");
    }

    #[test]
    fn m91_m94_the_certificate_waits_for_the_name_and_for_the_other_app() {
        let approved = Onboarding { approved_at: Some(Timestamp::ZERO), ..ready() };
        assert_eq!(step(&approved, "certificate", 0).state, StepState::Done);
        let nameless = Onboarding { display_name: None, ..approved.clone() };
        let blocked = step(&nameless, "certificate", 0);
        assert_eq!(blocked.state, StepState::Blocked);
        assert!(blocked.remedy.is_some_and(|r| r.contains("display name")));
        let elsewhere = Onboarding { in_another_app: true, ..approved.clone() };
        assert_eq!(step(&elsewhere, "other_app", 0).state, StepState::Todo);
        assert_eq!(step(&elsewhere, "certificate", 0).state, StepState::Blocked);
        let left = Onboarding { left_app_at: Some(Timestamp::ZERO), ..elsewhere };
        for (now, other_app, certificate) in [
            (7 * DAY - 1, StepState::Waiting, StepState::Blocked),
            (7 * DAY, StepState::Done, StepState::Done),
            (7 * DAY + 1, StepState::Done, StepState::Done),
        ] {
            assert_eq!(step(&left, "other_app", now).state, other_app, "{now}");
            assert_eq!(step(&left, "certificate", now).state, certificate, "{now}");
        }
        assert_eq!(step(&left, "other_app", 0).until, Some(Timestamp::from_millis(7 * DAY)));
    }
}

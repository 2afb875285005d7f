//! A sender's settings.

use super::keywords::KeywordsBody;
use super::prompt::PromptBody;
use super::{contended, not_yet};
use crate::view::words::{DeliveryTableWord, OvertakenWord, PerWord};
use crate::{App, AppError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use transom_core::budget::{Budget, Per};
use transom_core::delivery::DeliveryTable;
use transom_core::due::Threshold;
use transom_core::keywords::Keywords;
use transom_core::money::{Amount, Currency, Money};
use transom_core::plan::{HoldPolicy, Overtaken};
use transom_core::time::Timestamp;
use transom_store::{Nudge, SenderRecord, Updated};
use utoipa::ToSchema;

/// The earliest and latest warning before a window closes, in seconds: not before it opened,
/// and not so late that nobody can answer.
const BEFORE_S: std::ops::RangeInclusive<u32> = 60..=86_340;
/// How long a reply may be held, in seconds: a minute, so that the sweep can see it, to a month.
const HELD_S: std::ops::RangeInclusive<u32> = 60..=2_592_000;
/// After how long a message may be shown as unconfirmed, in seconds: a minute, so that the sweep can
/// see it, to a week.
const UNCONFIRMED_S: std::ops::RangeInclusive<u32> = 60..=604_800;
/// The longest reminder, in characters: every provider takes that many.
const NUDGE_CHARS_MAX: usize = 1024;
/// The most warnings.
const THRESHOLDS_MAX: usize = 10;
/// Who can be warned.
const WARNED: [&str; 4] = ["agent", "queue", "supervisor", "on_call"];

/// A sender's settings as callers give them; what is left out is as it is by default.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsBody {
    /// Who is warned before a window closes; by default the agent, two hours before.
    pub expiring: Option<Vec<ThresholdBody>>,
    /// Words by which customers opt out and in, beside those that every sender knows (`STOP`,
    /// `START` and their like in many languages).
    pub keywords: Option<KeywordsBody>,
    /// What a customer is asked, once, who wrote without having opted in anywhere; nothing is asked
    /// by default.
    pub opt_in_prompt: Option<PromptBody>,
    /// Not implemented yet.
    pub greeting: Option<Value>,
    /// Not implemented yet.
    pub away: Option<Value>,
    /// Not implemented yet.
    pub brb: Option<Value>,
    /// Not implemented yet.
    pub display_name: Option<Value>,
    /// Not implemented yet.
    pub calendar: Option<Value>,
    /// A reminder to customers who were answered and have not written again, before their window
    /// closes: one for each window, only to who has opted in.
    pub nudge: Option<NudgeBody>,
    /// Not implemented yet.
    pub reattach: Option<Value>,
    /// How long replies are held that were sent with `when_closed: hold`, and what is done with
    /// those that a newer reply has overtaken.
    pub hold: Option<HoldBody>,
    /// After how many seconds, 60 to 604800 (a week), a message that the provider took and that was
    /// not delivered is shown as unconfirmed. Nobody watches unless this is set.
    pub unconfirmed_after_s: Option<u32>,
    /// Which delivery table decides: `standard` (the default) is WhatsApp's own; with `gupshup` a
    /// text outside the window that is an approved template is sent as that template.
    #[schema(value_type = Option<DeliveryTableWord>, example = "standard")]
    pub delivery_table: Option<DeliveryTable>,
    /// Not implemented yet.
    pub masking: Option<Value>,
    /// Not implemented yet.
    pub retention_days: Option<Value>,
    /// What may be spent in a day or a month (of UTC) on conversations that the business begins;
    /// no end by default.
    pub budget: Option<BudgetBody>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdBody {
    /// How long before the end, in seconds: 60 to 86340, each once.
    pub before_s: u32,
    /// `agent`, `queue`, `supervisor` or `on_call`.
    pub to: String,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetBody {
    /// How much: a decimal text, never a number.
    #[schema(example = "25.00")]
    pub amount: String,
    /// Three capital letters: those of the account's price list.
    #[schema(example = "USD")]
    pub currency: String,
    /// `day` or `month`.
    #[schema(value_type = PerWord)]
    pub per: Per,
}

impl From<&Budget> for BudgetBody {
    fn from(budget: &Budget) -> Self {
        Self {
            amount: budget.most.amount.to_string(),
            currency: budget.most.currency.to_string(),
            per: budget.per,
        }
    }
}

/// How replies are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// How long, in seconds: 60 to 2592000 (30 days); by default 259200 (three days).
    pub max_age_s: Option<u32>,
    /// What is done with a held reply when a newer one has gone out: `drop` (the default) or
    /// `send`.
    #[schema(value_type = Option<OvertakenWord>)]
    pub overtaken: Option<Overtaken>,
}

/// A reminder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NudgeBody {
    /// How long before the window closes, in seconds: 60 to 86340.
    pub before_s: u32,
    /// What the customer reads: 1 to 1024 characters.
    pub text: String,
}

/// A sender's settings as callers read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SettingsView {
    /// Who is warned before a window closes.
    pub expiring: Vec<ThresholdBody>,
    /// The words that this sender adds to those of every sender.
    pub keywords: KeywordsBody,
    /// What may be spent on conversations that the business begins.
    pub budget: Option<BudgetBody>,
    /// What a customer is asked who wrote without having opted in anywhere.
    pub opt_in_prompt: Option<PromptBody>,
    /// How replies are held.
    pub hold: HoldBody,
    /// After how many seconds an undelivered message is shown as unconfirmed; `null`: never.
    pub unconfirmed_after_s: Option<u32>,
    /// How customers are reminded before their window closes; `null`: not at all.
    pub nudge: Option<NudgeBody>,
    /// Which delivery table decides.
    #[schema(value_type = DeliveryTableWord)]
    pub delivery_table: DeliveryTable,
}

impl From<&SenderRecord> for SettingsView {
    fn from(record: &SenderRecord) -> Self {
        let shown = |t: &Threshold| ThresholdBody { before_s: t.before_s, to: t.to.clone() };
        let HoldPolicy { max_age_s, overtaken } = record.waiting.hold;
        Self {
            expiring: record.expiring.iter().map(shown).collect(),
            keywords: KeywordsBody::from(&record.keywords),
            delivery_table: record.sender.delivery_table,
            budget: record.budget.as_ref().map(BudgetBody::from),
            opt_in_prompt: record.opt_in_prompt.as_ref().map(PromptBody::from),
            hold: HoldBody { max_age_s: Some(max_age_s), overtaken: Some(overtaken) },
            unconfirmed_after_s: record.waiting.unconfirmed_after_s,
            nudge: record
                .waiting
                .nudge
                .as_ref()
                .map(|n| NudgeBody { before_s: n.before_s, text: n.text.clone() }),
        }
    }
}

impl SettingsBody {
    fn missing(&self) -> Option<&'static str> {
        [
            ("greeting", &self.greeting),
            ("away", &self.away),
            ("brb", &self.brb),
            ("display_name", &self.display_name),
            ("calendar", &self.calendar),
            ("reattach", &self.reattach),
            ("masking", &self.masking),
            ("retention_days", &self.retention_days),
        ]
        .into_iter()
        .find(|(_, value)| value.is_some())
        .map(|(field, _)| field)
    }
}

impl App {
    /// Changes a sender's settings.
    ///
    /// # Errors
    /// `not_found`, `invalid_request` naming the field, `not_implemented` for a field of the
    /// contract that this build does not have, or when they could not be stored.
    pub async fn put_settings(
        &self,
        sender: &str,
        body: &SettingsBody,
        now: Timestamp,
    ) -> Result<SettingsView, AppError> {
        let mut record = self.existing_sender(sender).await?;
        if let Some(field) = body.missing() {
            return Err(not_yet(field).into());
        }
        record.expiring = match &body.expiring {
            Some(given) => ladder(given)?,
            None => Threshold::default_ladder(),
        };
        record.keywords = match &body.keywords {
            Some(given) => given.read()?,
            None => Keywords::default(),
        };
        record.sender.delivery_table = body.delivery_table.unwrap_or_default();
        record.budget = body.budget.as_ref().map(budget).transpose()?;
        record.opt_in_prompt =
            body.opt_in_prompt.as_ref().map(|given| given.read(&record.keywords)).transpose()?;
        record.waiting.hold = hold_policy(body.hold)?;
        record.waiting.nudge = body.nudge.as_ref().map(nudge).transpose()?;
        record.waiting.unconfirmed_after_s = unconfirmed_after(body.unconfirmed_after_s)?;
        record.updated_at = now;
        // Only while the number is still its own.
        if self.store.put_sender(&record, Some(&record.sender.id)).await? == Updated::Changed {
            return Err(contended("sender"));
        }
        Ok(SettingsView::from(&record))
    }

    /// A sender's settings.
    ///
    /// # Errors
    /// `not_found`, or when the table cannot be reached.
    pub async fn show_settings(&self, sender: &str) -> Result<SettingsView, AppError> {
        Ok(SettingsView::from(&self.existing_sender(sender).await?))
    }
}

fn budget(given: &BudgetBody) -> Result<Budget, Problem> {
    let amount = Amount::parse(&given.amount)
        .map_err(|e| Problem::invalid(format!("`budget.amount` {e}")))?;
    if amount < Amount::ZERO {
        return Err(Problem::invalid("`budget.amount` must not be below 0"));
    }
    let currency = Currency::parse(&given.currency)
        .map_err(|e| Problem::invalid(format!("`budget.currency` {e}")))?;
    Ok(Budget { most: Money { amount, currency }, per: given.per })
}

fn nudge(given: &NudgeBody) -> Result<Nudge, Problem> {
    if !BEFORE_S.contains(&given.before_s) {
        let (from, to) = (BEFORE_S.start(), BEFORE_S.end());
        return Err(Problem::invalid(format!("`nudge.before_s` must be {from} to {to}")));
    }
    let text = given.text.trim();
    if text.is_empty() || text.chars().count() > NUDGE_CHARS_MAX {
        let detail = format!("`nudge.text` must be 1 to {NUDGE_CHARS_MAX} characters");
        return Err(Problem::invalid(detail));
    }
    Ok(Nudge { before_s: given.before_s, text: text.to_owned() })
}

fn unconfirmed_after(given: Option<u32>) -> Result<Option<u32>, Problem> {
    if given.is_none_or(|s| UNCONFIRMED_S.contains(&s)) {
        return Ok(given);
    }
    let (from, to) = (UNCONFIRMED_S.start(), UNCONFIRMED_S.end());
    Err(Problem::invalid(format!("`unconfirmed_after_s` must be {from} to {to}, or null")))
}

fn hold_policy(given: Option<HoldBody>) -> Result<HoldPolicy, Problem> {
    let usual = HoldPolicy::default();
    let Some(given) = given else { return Ok(usual) };
    let max_age_s = given.max_age_s.unwrap_or(usual.max_age_s);
    if !HELD_S.contains(&max_age_s) {
        let detail = format!("`hold.max_age_s` must be {} to {}", HELD_S.start(), HELD_S.end());
        return Err(Problem::invalid(detail));
    }
    Ok(HoldPolicy { max_age_s, overtaken: given.overtaken.unwrap_or(usual.overtaken) })
}

fn ladder(given: &[ThresholdBody]) -> Result<Vec<Threshold>, Problem> {
    if given.len() > THRESHOLDS_MAX {
        return Err(Problem::invalid(format!("`expiring` has more than {THRESHOLDS_MAX} entries")));
    }
    let mut ladder: Vec<Threshold> = Vec::with_capacity(given.len());
    for (index, threshold) in given.iter().enumerate() {
        if !BEFORE_S.contains(&threshold.before_s) {
            let detail = format!(
                "`expiring[{index}].before_s` must be {} to {}",
                BEFORE_S.start(),
                BEFORE_S.end()
            );
            return Err(Problem::invalid(detail));
        }
        if !WARNED.contains(&threshold.to.as_str()) {
            let detail = format!("`expiring[{index}].to` must be one of {}", WARNED.join(", "));
            return Err(Problem::invalid(detail));
        }
        // A warning is known by its span: a second one of the same span would repeat its id.
        if ladder.iter().any(|t| t.before_s == threshold.before_s) {
            let detail = format!(
                "`expiring[{index}].before_s` stands there twice; give each warning another span"
            );
            return Err(Problem::invalid(detail));
        }
        ladder.push(Threshold { before_s: threshold.before_s, to: threshold.to.clone() });
    }
    Ok(ladder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u3_how_long_replies_are_held_has_bounds() {
        let held = |s| hold_policy(Some(HoldBody { max_age_s: Some(s), overtaken: None }));
        for (s, fits) in [
            (59, false),
            (60, true),
            (61, true),
            (2_591_999, true),
            (2_592_000, true),
            (2_592_001, false),
        ] {
            assert_eq!(held(s).is_ok(), fits, "{s}");
        }
        let problem = held(59).expect_err("refused");
        assert!(problem.detail.contains("hold.max_age_s"), "{}", problem.detail);
        assert_eq!(hold_policy(None), Ok(HoldPolicy::default()));
    }

    #[test]
    fn u10_how_long_a_delivery_is_waited_for_has_bounds() {
        for (s, fits) in [
            (59, false),
            (60, true),
            (61, true),
            (604_799, true),
            (604_800, true),
            (604_801, false),
        ] {
            assert_eq!(unconfirmed_after(Some(s)).is_ok(), fits, "{s}");
        }
        assert_eq!(unconfirmed_after(None), Ok(None));
    }

    #[test]
    fn u5_a_reminder_has_a_time_and_a_text() {
        let given = |before_s, text: &str| NudgeBody { before_s, text: text.to_owned() };
        for (before_s, fits) in
            [(59, false), (60, true), (61, true), (86_339, true), (86_340, true), (86_341, false)]
        {
            assert_eq!(nudge(&given(before_s, "Still there?")).is_ok(), fits, "{before_s}");
        }
        for (text, fits) in [("", false), (" ", false), ("a", true)] {
            assert_eq!(nudge(&given(60, text)).is_ok(), fits, "{text:?}");
        }
        let fits = |length: usize| nudge(&given(60, &"a".repeat(length))).is_ok();
        assert_eq!([1023, 1024, 1025].map(fits), [true, true, false]);
    }

    #[test]
    fn u6_a_ladder_is_checked_entry_by_entry() {
        let entry = |before_s, to: &str| ThresholdBody { before_s, to: to.to_owned() };
        assert!(ladder(&[entry(60, "agent"), entry(86_340, "on_call")]).is_ok());
        assert!(ladder(&[entry(61, "agent"), entry(86_339, "on_call")]).is_ok());
        let rungs = |number: u32| (0..number).map(|i| entry(60 + i, "agent")).collect::<Vec<_>>();
        assert_eq!([9, 10, 11].map(|n| ladder(&rungs(n)).is_ok()), [true, true, false]);
        assert!(ladder(&[]).is_ok());
        for (given, named) in [
            (vec![entry(59, "agent")], "expiring[0].before_s"),
            (vec![entry(86_341, "agent")], "expiring[0].before_s"),
            (vec![entry(60, "agent"), entry(120, "boss")], "expiring[1].to"),
            (vec![entry(60, "agent"), entry(60, "queue")], "expiring[1].before_s"),
            ((0..11).map(|i| entry(60 + i, "agent")).collect(), "more than 10"),
        ] {
            let problem = ladder(&given).expect_err("refused");
            assert!(problem.detail.contains(named), "{}", problem.detail);
        }
    }
}

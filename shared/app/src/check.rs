//! What would become of a message, and why (E5): the same steps as [`App::submit`] up to the
//! decision, and none of those that write, reserve or call a provider.
//!
//! A fact that decides belongs into `DecisionFacts`; then it decides here too. What a caller should
//! see of it stands in `inputs`, the one place to add it.

use crate::agent_limits::Limited;
use crate::budget::BudgetLook;
use crate::hold::one_too_many;
use crate::identity::new_session;
use crate::limit::LimitLook;
use crate::price::cost_of;
use crate::submit::{
    Considered, SendContext, SendRequest, check_time, limit_refusal, refusal_record, unshown,
};
use crate::view::{
    AlternativeView, CheckBudget, CheckInputs, CheckLimit, CheckTemplate, CheckView, NearestView,
    WarningView, cost_view, window_view,
};
use crate::wallet::wallet_of;
use crate::{App, AppError, Problem};
use transom_core::alternative::{Alternative, Refused, alternatives};
use transom_core::code::Code;
use transom_core::content::Content;
use transom_core::decide::{Decision, SentAs};
use transom_core::money::Money;
use transom_core::plan::{Course, HELD_MAX, Plan, Which};
use transom_core::time::Timestamp;
use transom_core::wallet::Wallet;
use transom_core::window::{Channel, Window};
use transom_store::{RefusalRecord, Session};

/// How many alternatives are offered at most.
const ALTERNATIVES_MAX: usize = 10;

impl App {
    /// Says which rule decides about a message now, from which facts, and what would be allowed
    /// instead.
    ///
    /// # Errors
    /// When the target is not known, or the table cannot be reached. A message that would be refused
    /// is no error.
    pub async fn check(
        &self,
        mut request: SendRequest,
        now: Timestamp,
    ) -> Result<CheckView, AppError> {
        let considered = self.consider(&mut request, now).await?;
        if let Some(at) = request.plan.send_at {
            check_time(at, now)?;
        }
        let Considered { resolved, context, file, prices } = &considered;
        let session = resolved.session.as_ref();
        let content = &request.content;
        let asked = (content, &request.plan);
        let course = context.course(session, &resolved.user, asked, file.as_ref(), now);
        let is_replaced = matches!(course, Course::Send { which: Which::Fallback(_), .. });
        let is_held_full = session.is_some_and(|s| s.held.len() >= HELD_MAX);
        // Later, every rule is asked again; what does not go out now takes nothing now.
        let later = request.plan.send_at.is_some();
        let holds = !later && matches!(course, Course::Hold(_));
        let (decision, waits) = foreseen(course, &request.plan, now);
        let (sender, account) = (&context.sender.sender, &context.account.account);
        let fresh;
        let known = match session {
            Some(session) => session,
            None => {
                let id = resolved.conversation.clone();
                fresh = new_session(&context.sender, id, &resolved.user, now);
                &fresh
            }
        };
        let by = (request.origin, request.sent_by.as_deref());
        let agents = match Limited::of(sender, known, by, now) {
            Some(limited) => self.look_for_agent(&limited).await?,
            None => None,
        };
        let (limit, budget) = futures::try_join!(
            self.look_for_place(sender, account, &resolved.user, now),
            self.look_at_budget(context, now)
        )?;
        let template = context.outgoing_template(is_replaced);
        let priced = |as_what| cost_of(prices.as_ref(), as_what, &resolved.user, template, now);
        let begun = Begun {
            limit: limit.as_ref(),
            budget: budget.as_ref(),
            cost: priced(SentAs::Template),
        };
        let (sent_as, counts, refusal) = match &decision {
            Decision::Send { .. } if holds && is_held_full => {
                let has_written = session.and_then(Session::window).is_some();
                (None, false, Some(one_too_many(has_written, now)))
            }
            Decision::Send { sent_as, counts } if holds || later => (Some(*sent_as), *counts, None),
            Decision::Send { .. } | Decision::Refuse(_) => {
                outcome(context, &decision, agents.clone(), &begun, now)
            }
        };
        let (sent_as, counts, refusal, waits) =
            deferred(&request.plan, &decision, (sent_as, counts, refusal), waits);
        let alternatives = match &refusal {
            None => Vec::new(),
            Some(refusal) => {
                let may = |instead: &Alternative<'_>| match instead {
                    Alternative::Hold => !is_held_full,
                    Alternative::Wait(_) => true,
                    // An agent who has sent as many as he may sends nothing else either.
                    Alternative::Text
                    | Alternative::Template(_)
                    | Alternative::AskConsent(_)
                    | Alternative::Defer => agents.is_none(),
                };
                self.instead(&considered, content, refusal, (&begun, &may), now).await?
            }
        };
        let window = session.and_then(Session::window);
        let cost = sent_as.and_then(priced);
        Ok(CheckView {
            allowed: refusal.is_none(),
            code: refusal.as_ref().map(|r| r.code),
            also: refusal.as_ref().map(|r| r.also.clone()).unwrap_or_default(),
            rule: rule(refusal.as_ref(), sent_as).to_owned(),
            detail: refusal.as_ref().map(said),
            remedy: refusal.as_ref().map(|r| r.code.remedy()),
            retry_at: refusal.as_ref().and_then(|r| r.retry_at).map(Timestamp::rfc3339),
            nearest: refusal.as_ref().and_then(|r| r.nearest.as_deref()).map(NearestView::from),
            sent_as,
            counts_against_limit: counts,
            inputs: Some(inputs(&considered, &begun, now)),
            alternatives,
            // What waits does not meet this window any more.
            warnings: waits.map_or_else(|| warnings(window.as_ref(), sent_as, now), |w| vec![w]),
            notices: unshown(&account.profile(), Some(content), request.reply_to.is_some()),
            cost: cost_view(cost.as_ref()),
        })
    }

    async fn instead(
        &self,
        considered: &Considered,
        content: &Content,
        refusal: &RefusalRecord,
        (begun, may): (&Begun<'_>, &(impl Fn(&Alternative<'_>) -> bool + Sync)),
        now: Timestamp,
    ) -> Result<Vec<AlternativeView>, AppError> {
        let Considered { resolved, context, file, .. } = considered;
        let templates = self.store.templates(&context.account.account.id, None).await?;
        let refused = Refused {
            code: refusal.code,
            also: &refusal.also,
            retry_at: refusal.retry_at,
            full: begun.limit.is_some_and(|l| l.full),
        };
        let session = resolved.session.as_ref();
        let known = (context.template.as_ref(), file.as_ref());
        let found = context.with_facts(session, &resolved.user, known, now, |facts| {
            alternatives(facts, content, &refused, &templates)
        });
        // The cheapest first; what has no price comes after what has one, and last what goes out
        // nobody knows when.
        let mut priced: Vec<_> = found
            .into_iter()
            .filter(|instead| may(instead))
            .map(|instead| {
                let (sent_as, cost) = price_of(&instead, considered, content, now);
                (sent_as, cost, instead)
            })
            // One that begins something must fit the budget; waiting ends with it.
            .filter(|(sent_as, cost, instead)| {
                *sent_as == SentAs::Session
                    || matches!(instead, Alternative::Wait(_) | Alternative::Defer)
                    || begun.over_budget(cost.as_ref(), now).is_none()
            })
            .map(|(_, cost, instead)| (cost.is_none(), cost, instead))
            .collect();
        priced.sort_by_key(|(unknown, cost, _)| (*unknown, cost.as_ref().map(|c| c.amount)));
        let (sometime, soon): (Vec<_>, Vec<_>) = priced
            .into_iter()
            .partition(|(.., instead)| matches!(instead, Alternative::Hold | Alternative::Defer));
        let shown = soon.into_iter().take(ALTERNATIVES_MAX).chain(sometime);
        let shown = shown.map(|(_, cost, instead)| AlternativeView {
            cost: cost_view(cost.as_ref()),
            ..alternative_view(instead)
        });
        Ok(shown.collect())
    }
}

/// What counts for a message that begins something.
struct Begun<'a> {
    limit: Option<&'a LimitLook>,
    budget: Option<&'a BudgetLook>,
    /// What it costs as that.
    cost: Option<Money>,
}

impl Begun<'_> {
    fn over_budget(&self, cost: Option<&Money>, now: Timestamp) -> Option<RefusalRecord> {
        self.budget.and_then(|look| look.refuses(cost, now))
    }
}

/// What a plan makes of the decision: what waits, or is replaced, is allowed, and the caller is told
/// what it does instead of going out as it is.
fn foreseen(course: Course, plan: &Plan, now: Timestamp) -> (Decision, Option<WarningView>) {
    let later = plan.send_at.filter(|at| now < *at);
    let about = |about, detail: &str| Some(WarningView { about, detail: detail.to_owned() });
    let scheduled = || {
        later.and_then(|at| {
            let detail =
                format!("it is sent at {}, and every rule is asked again then", at.rfc3339());
            about("scheduled", &detail)
        })
    };
    let in_the_window = Decision::Send { sent_as: SentAs::Session, counts: false };
    match course {
        Course::Send { which: Which::Own, sent_as, counts } => {
            (Decision::Send { sent_as, counts }, scheduled())
        }
        Course::Send { which: Which::Fallback(_), sent_as, counts } => {
            let replaced =
                || about("fallback", "the window is closed: the template goes out instead");
            (Decision::Send { sent_as, counts }, scheduled().or_else(replaced))
        }
        Course::Hold(_) => {
            let held = || about("held", "the window is closed: it waits until the customer writes");
            (in_the_window, scheduled().or_else(held))
        }
        Course::Refuse(refusal) if later.is_some() && refusal.by_window => {
            (in_the_window, scheduled())
        }
        Course::Refuse(refusal) => (Decision::Refuse(refusal), None),
    }
}

/// What would become of the message: the decision, the agents' limits, and where it begins something
/// the rolling limit and the budget.
fn outcome(
    context: &SendContext,
    decision: &Decision,
    agents: Option<RefusalRecord>,
    begun: &Begun<'_>,
    now: Timestamp,
) -> (Option<SentAs>, bool, Option<RefusalRecord>) {
    match decision {
        Decision::Refuse(refusal) => (None, false, Some(refusal_record(refusal, now))),
        Decision::Send { .. } if agents.is_some() => (None, false, agents),
        Decision::Send { counts: true, .. } if begun.limit.is_some_and(|l| l.full) => {
            let next_free_at = begun.limit.and_then(|l| l.next_free_at);
            (None, false, Some(limit_refusal(&context.sender, next_free_at, now)))
        }
        Decision::Send { sent_as, counts } => {
            let over = counts.then(|| begun.over_budget(begun.cost.as_ref(), now)).flatten();
            match over {
                Some(refusal) => (None, false, Some(refusal)),
                None => (Some(*sent_as), *counts, None),
            }
        }
    }
}

/// A full limit is waited for where that was asked for.
fn deferred(
    plan: &Plan,
    decision: &Decision,
    (sent_as, counts, refusal): (Option<SentAs>, bool, Option<RefusalRecord>),
    waits: Option<WarningView>,
) -> (Option<SentAs>, bool, Option<RefusalRecord>, Option<WarningView>) {
    match decision {
        Decision::Send { sent_as, counts }
            if plan.waits_for_a_place
                && refusal.as_ref().is_some_and(|r| r.code == Code::LimitReached) =>
        {
            let detail = refusal.as_ref().map(said).unwrap_or_default();
            let detail = format!("{detail}: it waits until one frees");
            let deferred = WarningView { about: "deferred", detail };
            (Some(*sent_as), *counts, None, Some(deferred))
        }
        Decision::Send { .. } | Decision::Refuse(_) => (sent_as, counts, refusal, waits),
    }
}

/// The row of the rule book that decides. What is allowed is so by the window, or because a template
/// may be sent outside it.
fn rule(refusal: Option<&RefusalRecord>, sent_as: Option<SentAs>) -> &'static str {
    match (refusal.and_then(|r| r.code.rule()), sent_as) {
        (Some(rule), _) => rule,
        (None, Some(SentAs::Template)) => "M56",
        (None, Some(SentAs::Session) | None) => "M4",
    }
}

fn said(refusal: &RefusalRecord) -> String {
    refusal.detail.clone().unwrap_or_else(|| refusal.code.title().to_owned())
}

/// Every fact that decided, as a person reads it.
fn inputs(considered: &Considered, begun: &Begun<'_>, now: Timestamp) -> CheckInputs {
    let Considered { resolved, context, .. } = considered;
    let session = resolved.session.as_ref();
    let (sender, account) = (&context.sender.sender, &context.account.account);
    let window = session.and_then(Session::window);
    CheckInputs {
        at: now.rfc3339(),
        sender: sender.id.to_string(),
        account: account.id.to_string(),
        provider: account.provider.as_str(),
        account_state: account.state,
        brand: sender.brand.as_ref().map(ToString::to_string),
        brand_active: context.brand.as_ref().map(|b| b.active && b.deleted_at.is_none()),
        conversation: session.map(|s| s.id.to_string()),
        window: window_view(window.as_ref(), &context.sender.expiring, now),
        opt_in: session.map(|s| s.consent.state).unwrap_or_default(),
        template_messaging: sender.template_messaging,
        template: context.template.as_ref().map(|t| CheckTemplate {
            name: t.name.clone(),
            language: t.language.clone(),
            category: t.category,
            status: t.status.as_str().to_owned(),
        }),
        restricted_until: sender.restricted_until.map(Timestamp::rfc3339),
        balance: match wallet_of(&context.account, context.wallet.as_ref(), now) {
            Wallet::Funded => "funded",
            Wallet::Empty { .. } => "empty",
        },
        budget: begun.budget.map(|look| CheckBudget {
            amount: look.budget.most.amount.to_string(),
            currency: look.budget.most.currency.to_string(),
            per: look.budget.per,
            spent: look.spent.to_string(),
            resets_at: look.period.ends_at.rfc3339(),
        }),
        limit: begun.limit.map(|look| CheckLimit {
            limit: look.limit,
            used: look.used,
            remaining: look.limit.saturating_sub(look.used),
            holds_a_place: look.held,
            next_free_at: look.next_free_at.map(Timestamp::rfc3339),
        }),
    }
}

/// What is allowed and may yet be refused by the provider: the end of a window that was counted from
/// our receipt.
fn warnings(window: Option<&Window>, sent_as: Option<SentAs>, now: Timestamp) -> Vec<WarningView> {
    let uncertain =
        window.map(|w| w.certain_until(Channel::WHATSAPP)).filter(|until| now >= *until);
    let (Some(until), Some(SentAs::Session)) = (uncertain, sent_as) else { return Vec::new() };
    let detail = format!(
        "the provider does not tell when the customer wrote; the window is certain only until {}, \
         and it may refuse the message",
        until.rfc3339()
    );
    vec![WarningView { about: "certain_until", detail }]
}

fn alternative_view(alternative: Alternative<'_>) -> AlternativeView {
    let named = |t: &transom_core::template::Template| (t.name.clone(), t.language.clone());
    let (kind, detail, template, at) = match alternative {
        Alternative::Text => {
            let detail = "a free-form message: the window is open, and it needs no consent";
            ("text", detail.to_owned(), None, None)
        }
        Alternative::Template(t) => {
            let detail = format!("the approved template `{}`", t.name);
            ("template", detail, Some(named(t)), None)
        }
        Alternative::AskConsent(None) => {
            let detail = "the same message, once the customer's consent is recorded".to_owned();
            ("ask_consent", detail, None, None)
        }
        Alternative::AskConsent(Some(t)) => {
            let detail = format!("`{}`, once the customer's consent is recorded", t.name);
            ("ask_consent", detail, Some(named(t)), None)
        }
        Alternative::Wait(at) => {
            ("wait", format!("the same message from {} on", at.rfc3339()), None, Some(at))
        }
        Alternative::Hold => {
            let detail = "the same message with `when_closed`: `hold`: it waits until the customer \
                          writes";
            ("hold", detail.to_owned(), None, None)
        }
        Alternative::Defer => {
            let detail = "the same message with `when_limited`: `defer`: it waits for a place";
            ("defer", detail.to_owned(), None, None)
        }
    };
    let (template, language) = template.unzip();
    AlternativeView { kind, detail, template, language, at: at.map(Timestamp::rfc3339), cost: None }
}

/// What an alternative costs, where a price is known.
fn price_of(
    instead: &Alternative<'_>,
    considered: &Considered,
    content: &Content,
    now: Timestamp,
) -> (SentAs, Option<Money>) {
    let Considered { resolved, context, prices, .. } = considered;
    let own = context.template.as_ref().filter(|_| content.template().is_some());
    let (sent_as, template, at) = match instead {
        Alternative::Text => (SentAs::Session, None, now),
        Alternative::Template(t) | Alternative::AskConsent(Some(t)) => {
            let session = resolved.session.as_ref().and_then(Session::window);
            let open = session.is_some_and(|w| w.is_open(now, Channel::WHATSAPP));
            (if open { SentAs::Session } else { SentAs::Template }, Some(*t), now)
        }
        Alternative::AskConsent(None) => {
            let session = resolved.session.as_ref().and_then(Session::window);
            let open = session.is_some_and(|w| w.is_open(now, Channel::WHATSAPP));
            (if open { SentAs::Session } else { SentAs::Template }, own, now)
        }
        Alternative::Wait(at) => (SentAs::Template, own, *at),
        Alternative::Defer => (SentAs::Template, own, now),
        Alternative::Hold => (SentAs::Session, None, now),
    };
    (sent_as, cost_of(prices.as_ref(), sent_as, &resolved.user, template, at))
}

/// A request that was refused before it could be decided upon, such as a recipient that cannot be
/// one: refused by the same code and rule as the send itself.
///
/// # Errors
/// The problem itself where it is no rule's: the request cannot be read.
pub fn refused_as_read(problem: Problem) -> Result<CheckView, Problem> {
    let Some(rule) = problem.code.rule() else { return Err(problem) };
    Ok(CheckView::unread(&problem, rule))
}

//! What becomes of a message by the four conditions of the delivery table (M53-M59): whether the
//! customer is active, whether template messaging is on, whether he has opted in, and whether the
//! wallet has balance.
//!
//! There are two tables. `standard` is WhatsApp's own: free-form needs an open window, a template
//! needs consent. `gupshup` is that of Gupshup's Access API (002): with the switch off a template in
//! an open window is a session message like any other, and a text outside it that is an approved
//! template goes out as that template.

use crate::code::Code;
use crate::consent::OptIn;
use serde::{Deserialize, Serialize};

/// Which table decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryTable {
    /// WhatsApp's own.
    #[default]
    Standard,
    /// Gupshup's.
    Gupshup,
}

impl DeliveryTable {
    /// Every table there is.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Gupshup];

    /// Whether a text outside the window that is an approved template goes out as that (M56).
    #[must_use]
    pub const fn sends_texts_as_templates(self) -> bool {
        match self {
            Self::Standard => false,
            Self::Gupshup => true,
        }
    }
}

/// The four conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Whether the customer's window is open (M18).
    pub active: bool,
    /// The template switch (M52).
    pub templates_on: bool,
    /// The customer's consent (M72).
    pub opt_in: OptIn,
    /// Whether the wallet has balance (M59).
    pub balance: bool,
}

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything but a template; a text outside the window was looked up among the approved
    /// templates and is none.
    FreeForm {
        /// Whether it is like one.
        near: bool,
    },
    /// A template, or a text that was recognised as one.
    Template,
}

/// Why a message is not sent, by the groups of the contract's order; nothing when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Barred {
    /// Consent is missing.
    pub consent: Option<Code>,
    /// Template messaging is off.
    pub switch: Option<Code>,
    /// The text is no approved template.
    pub mismatch: Option<Code>,
    /// Whether the closed window bars it.
    pub window: bool,
    /// The wallet is empty.
    pub wallet: Option<Code>,
}

/// What bars a message of this kind under these conditions.
#[must_use]
pub fn barred(table: DeliveryTable, conditions: Conditions, kind: Kind) -> Barred {
    let Conditions { active, templates_on, opt_in, balance } = conditions;
    let consent = match opt_in {
        OptIn::In => None,
        OptIn::Out => Some(Code::OptedOut),
        OptIn::Unknown => Some(Code::NotOptedIn),
    };
    let off = Some(Code::TemplateMessagingOff);
    let wallet = (!balance).then_some(Code::InsufficientBalance);
    let free = Barred { wallet, ..Barred::default() };
    match (table, kind, active, templates_on) {
        // Session messages (M53, M55, D10).
        (_, Kind::FreeForm { .. }, true, _) => free,
        // A template is consented to, also in an open window (D10).
        (DeliveryTable::Standard, Kind::Template, true, _)
        | (DeliveryTable::Gupshup, Kind::Template, true, true) => Barred { consent, ..free },
        // With the switch off it is a session message (M53), to whoever has not said stop.
        (DeliveryTable::Gupshup, Kind::Template, true, false) => {
            Barred { consent: consent.filter(|code| *code == Code::OptedOut), ..free }
        }
        // M54.
        (_, Kind::Template, false, false) => Barred { consent, switch: off, ..free },
        // M56, M58.
        (_, Kind::Template, false, true) => Barred { consent, ..free },
        (DeliveryTable::Standard, Kind::FreeForm { near }, false, _) => {
            let mismatch = near.then_some(Code::TemplateMismatch);
            Barred { mismatch, window: true, ..free }
        }
        (DeliveryTable::Gupshup, Kind::FreeForm { .. }, false, false) => {
            Barred { switch: off, window: true, ..free }
        }
        // M57, M58.
        (DeliveryTable::Gupshup, Kind::FreeForm { .. }, false, true) => {
            Barred { consent, mismatch: Some(Code::TemplateMismatch), window: true, ..free }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of a cell, in the contract's order; empty when the message is sent.
    fn cell(table: DeliveryTable, conditions: Conditions, kind: Kind) -> Vec<&'static str> {
        let barred = barred(table, conditions, kind);
        let window = barred.window.then_some(Code::WindowExpired);
        let all = [barred.consent, barred.switch, barred.mismatch, window, barred.wallet];
        assert_eq!(barred == Barred::default(), all.iter().all(Option::is_none));
        all.into_iter().flatten().map(Code::as_str).collect()
    }

    /// M59: each of the sixteen cells, for each kind of content, in both tables. The rows are those
    /// of 002; "in" and "not in" as M72 has them.
    #[test]
    fn m53_m54_m55_m56_m57_m58_m59_every_cell_has_a_named_reason() {
        const WINDOW: &str = "window_expired";
        const OFF: &str = "template_messaging_off";
        const NOT_IN: &str = "not_opted_in";
        const MISMATCH: &str = "template_mismatch";
        let free = Kind::FreeForm { near: false };
        let template = Kind::Template;
        // (active, on, in), kind, standard, gupshup; the wallet has balance.
        type Row = ((bool, bool, bool), Kind, &'static [&'static str], &'static [&'static str]);
        let rows: [Row; 16] = [
            ((true, false, true), free, &[], &[]),
            ((true, false, true), template, &[], &[]),
            ((true, false, false), free, &[], &[]),
            ((true, false, false), template, &[NOT_IN], &[]),
            ((false, false, true), free, &[WINDOW], &[OFF, WINDOW]),
            ((false, false, true), template, &[OFF], &[OFF]),
            ((false, false, false), free, &[WINDOW], &[OFF, WINDOW]),
            ((false, false, false), template, &[NOT_IN, OFF], &[NOT_IN, OFF]),
            ((true, true, true), free, &[], &[]),
            ((true, true, true), template, &[], &[]),
            ((true, true, false), free, &[], &[]),
            ((true, true, false), template, &[NOT_IN], &[NOT_IN]),
            ((false, true, true), free, &[WINDOW], &[MISMATCH, WINDOW]),
            ((false, true, true), template, &[], &[]),
            ((false, true, false), free, &[WINDOW], &[NOT_IN, MISMATCH, WINDOW]),
            ((false, true, false), template, &[NOT_IN], &[NOT_IN]),
        ];
        for ((active, templates_on, opted_in), kind, standard, gupshup) in rows {
            let opt_in = if opted_in { OptIn::In } else { OptIn::Unknown };
            for balance in [true, false] {
                let conditions = Conditions { active, templates_on, opt_in, balance };
                for (table, codes) in
                    [(DeliveryTable::Standard, standard), (DeliveryTable::Gupshup, gupshup)]
                {
                    let mut expected = codes.to_vec();
                    if !balance {
                        expected.push("insufficient_balance");
                    }
                    assert_eq!(
                        cell(table, conditions, kind),
                        expected,
                        "{table:?} {conditions:?} {kind:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn m72_who_has_said_stop_is_not_written_to_by_template_in_either_table() {
        for table in [DeliveryTable::Standard, DeliveryTable::Gupshup] {
            for (active, templates_on) in
                [(true, true), (true, false), (false, true), (false, false)]
            {
                let conditions =
                    Conditions { active, templates_on, opt_in: OptIn::Out, balance: true };
                let codes = cell(table, conditions, Kind::Template);
                assert_eq!(codes.first(), Some(&"opted_out"), "{table:?} {conditions:?}");
            }
        }
    }

    #[test]
    fn m62_m65_a_near_miss_is_named_before_the_window() {
        let conditions =
            Conditions { active: false, templates_on: true, opt_in: OptIn::In, balance: true };
        let near = |near| cell(DeliveryTable::Standard, conditions, Kind::FreeForm { near });
        assert_eq!(near(true), ["template_mismatch", "window_expired"]);
        assert_eq!(near(false), ["window_expired"]);
    }
}

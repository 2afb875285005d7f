//! Which rule of the rule book each code of the message calls stands for.
//!
//! Total and without a wildcard: a new code does not compile before it is said here which rule
//! decides it. `docs/codes.md` is made from this table.

use crate::code::Code;

impl Code {
    /// Whether it says that the window is closed.
    #[must_use]
    pub const fn is_window(self) -> bool {
        matches!(self, Self::WindowExpired | Self::WindowNeverOpened)
    }

    /// Whether a template would be its remedy: the window is closed, or the wording is none.
    #[must_use]
    pub const fn asks_for_a_template(self) -> bool {
        self.is_window() || matches!(self, Self::TemplateMismatch)
    }

    /// The row of the rule book that decides: a rule of the sources (`M…`), a users' need (`U…`), a
    /// decision (`D…`), a feature (`E…`) or a failure to prevent (`F…`). `None` for a code that no
    /// message call answers.
    #[must_use]
    pub const fn rule(self) -> Option<&'static str> {
        match self {
            Self::WindowExpired => Some("M8"),
            Self::WindowNeverOpened => Some("M18"),
            Self::BrandInactive | Self::BrandDeleted | Self::BrandMismatch => Some("M136"),
            Self::IntegrationRemoved => Some("M137"),
            Self::AccountDeactivated | Self::AccountDeleted => Some("M138"),
            Self::SenderRestricted => Some("E12"),
            Self::Interrupted => Some("M50"),
            Self::NotOptedIn => Some("M71"),
            Self::OptedOut => Some("M80"),
            Self::TemplateMessagingOff => Some("M54"),
            Self::TemplateNotApproved | Self::TemplateUnknown => Some("M51"),
            Self::InsufficientBalance => Some("M59"),
            Self::ConversationEnded => Some("M135"),
            Self::NotRetryable => Some("F9"),
            Self::NotCancellable => Some("U3"),
            Self::MediaNotReady | Self::MediaUrl => Some("M41"),
            Self::IdempotencyInProgress | Self::IdempotencyMismatch => Some("E7"),
            Self::TemplateMismatch | Self::TemplateVariables => Some("M62"),
            Self::CategoryForbidden => Some("M70"),
            Self::TextTooLong => Some("D5"),
            Self::TextEmpty => Some("M48"),
            Self::MediaType | Self::MediaTooLarge => Some("D6"),
            Self::CaptionUnsupported => Some("D4"),
            Self::FilenameUnsupported => Some("M35"),
            Self::ContentUnsupported => Some("M31"),
            Self::ContactInvalid => Some("M105"),
            Self::UserIdUnsupported => Some("F18"),
            Self::LimitReached => Some("M21"),
            Self::AgentUserLimit => Some("M25"),
            Self::AgentMonthLimit => Some("M26"),
            Self::BudgetReached => Some("E11"),
            Self::AlreadyOwned
            | Self::NotOwner
            | Self::OfferGone
            | Self::AgentNotAvailable
            | Self::WrapUpRequired
            | Self::RateLimited
            | Self::InvalidRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::PayloadTooLarge
            | Self::UnsupportedMediaType
            | Self::Internal
            | Self::NotImplemented
            | Self::Overloaded => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e5_every_code_with_a_rule_names_a_row_and_has_a_remedy() {
        let mut with_a_rule = 0;
        for code in Code::ALL {
            let Some(rule) = code.rule() else { continue };
            with_a_rule += 1;
            let (letter, number) = rule.split_at(1);
            let most: u32 = match letter {
                "M" => 143,
                "U" => 22,
                "D" => 15,
                "E" => 17,
                "F" => 18,
                other => panic!("{code}: `{other}` is no list of the rule book"),
            };
            let number: u32 = number.parse().expect("a number");
            assert!((1..=most).contains(&number), "{code}: {rule}");
            assert!(matches!(code.status(), 409 | 422 | 429), "{code} refuses a message");
            assert!(code.remedy().ends_with('.'), "{code}");
        }
        assert_eq!(with_a_rule, 39);
    }
}

//! What differs between the providers, in one table: scenarios ask it and name no provider. The
//! facts are those of the providers' own documents (`docs/providers/`).

use crate::{Fault, GupshupShape};
use transom_core::account::Provider;

/// What a scenario has to know of the provider of its World.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What a window is counted from: Meta tells when the customer wrote, Twilio and Gupshup's
    /// version 2 only when they got it (M1).
    pub window_basis: &'static str,
    /// Whether a webhook says when its message was sent or got: Twilio's do not.
    pub tells_times: bool,
    /// The provider's word for a message that did not arrive.
    pub failed: &'static str,
    /// The code with which a status says that the recipient has no WhatsApp.
    pub no_whatsapp: u32,
    /// The code with which a status says that the window is closed.
    pub outside_window: u32,
    /// An answer that refuses a send for good: its HTTP status and its code.
    pub refusal: (u16, u32),
    /// The code under which we show that refusal. Gupshup's answers have texts in place of codes.
    pub refusal_shown: &'static str,
    /// An answer that asks for patience: its HTTP status and its code.
    pub throttle: (u16, u32),
    /// Whether a status brings back the reference that the send gave. Without it the only way
    /// from a status to its message is the id in the send's answer.
    pub echoes_reference: bool,
    /// Whether the webhook's signature covers what it says. Gupshup signs nothing: a token in
    /// the address says who calls.
    pub signs_content: bool,
    /// What we answer a webhook that was taken: Twilio reads TwiML, the others nothing.
    pub webhook_answer: &'static str,
    /// The code with which a send is put off to spare its user.
    pub user_is_spared: Option<u32>,
    /// The most that one number may hand over in a second (M24).
    pub rate_per_second: u32,
    /// The shapes in which the webhook of a customer's file comes.
    pub file_shapes: &'static [GupshupShape],
    /// Whether contact cards go and come as files: Twilio has no fields for them.
    pub cards_are_files: bool,
}

/// Elsewhere there is one shape, whatever is set at the pretend Gupshup.
const ONE_SHAPE: &[GupshupShape] = &[GupshupShape::V2];

/// The table.
#[must_use]
pub const fn facts(provider: Provider) -> Facts {
    match provider {
        Provider::Twilio => Facts {
            window_basis: "receipt",
            tells_times: false,
            failed: "undelivered",
            no_whatsapp: 63_024,
            outside_window: 63_016,
            refusal: (400, 63_024),
            refusal_shown: "63024",
            throttle: (429, 20_429),
            echoes_reference: true,
            signs_content: true,
            webhook_answer: "<Response/>",
            user_is_spared: None,
            rate_per_second: 80,
            file_shapes: ONE_SHAPE,
            cards_are_files: true,
        },
        Provider::Meta => Facts {
            window_basis: "user_time",
            tells_times: true,
            failed: "failed",
            no_whatsapp: 131_026,
            outside_window: 131_047,
            refusal: (400, 131_026),
            refusal_shown: "131026",
            throttle: (429, 130_429),
            echoes_reference: true,
            signs_content: true,
            webhook_answer: "",
            user_is_spared: Some(131_056),
            rate_per_second: 80,
            file_shapes: ONE_SHAPE,
            cards_are_files: false,
        },
        Provider::Gupshup => Facts {
            window_basis: "receipt",
            tells_times: true,
            failed: "failed",
            no_whatsapp: 1002,
            outside_window: 470,
            refusal: (400, 0),
            refusal_shown: "invalid_app_details",
            throttle: (429, 0),
            echoes_reference: false,
            signs_content: false,
            webhook_answer: "",
            user_is_spared: None,
            rate_per_second: 20,
            file_shapes: &[GupshupShape::V2, GupshupShape::V3],
            cards_are_files: false,
        },
    }
}

impl Facts {
    /// The next send is refused for good.
    #[must_use]
    pub const fn refuses(&self) -> Fault {
        let (status, code) = self.refusal;
        Fault::Status { status, code, retry_after_s: None, taken: false }
    }

    /// The next send is asked to come again after so many seconds.
    #[must_use]
    pub const fn throttles(&self, seconds: u64) -> Fault {
        let (status, code) = self.throttle;
        Fault::Status { status, code, retry_after_s: Some(seconds), taken: false }
    }
}

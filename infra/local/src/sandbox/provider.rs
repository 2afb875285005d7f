//! Which provider serves a business number, and the calls that go to that provider.

use serde::Serialize;

use super::{
    Parcel, PhoneAnswer, PhoneMessage, Sandbox, SandboxError, State, address, deliveries, gupshup,
    meta,
};

/// The pretend providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Provider {
    Twilio,
    Meta,
    Gupshup,
}

/// A business number, as the phone page lists it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NumberListing {
    phone: String,
    provider: Provider,
    /// Twilio's account, Meta's WABA or Gupshup's app.
    account_sid: String,
}

impl Provider {
    /// The name under which entries of the outbox stand.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Meta => "meta",
            Self::Gupshup => "gupshup",
        }
    }
}

impl State {
    /// The number belongs to this provider from now on, and to no other.
    pub(super) fn claim_number(&mut self, phone: &str, provider: Provider) {
        if self.numbers.insert(phone.to_owned(), provider) == Some(provider) {
            return;
        }
        match provider {
            Provider::Twilio => {
                self.meta.release(phone);
                self.gupshup.release(phone);
            }
            Provider::Meta => {
                self.twilio.release(phone);
                self.gupshup.release(phone);
            }
            Provider::Gupshup => {
                self.twilio.release(phone);
                self.meta.release(phone);
            }
        }
    }
}

impl Sandbox {
    /// The customer writes: the window opens, and the webhook of the provider that serves the
    /// business number is posted. An `Err` of [`SandboxError::NotReached`] carries the id under
    /// which it can be sent again.
    pub async fn phone_send(&self, message: PhoneMessage) -> Result<PhoneAnswer, SandboxError> {
        let sid = self.enter(message)?;
        self.phone_resend(&sid).await
    }

    /// The customer writes, but his webhook is handed over instead of posted: to be posted in
    /// another order, changed, or more than once.
    pub fn phone_compose(&self, message: PhoneMessage) -> Result<Parcel, SandboxError> {
        let sid = self.enter(message)?;
        let state = self.state();
        let Some(delivery) = state.received.get(&sid).cloned() else {
            drop(state);
            return self.compose_twilio(&sid);
        };
        deliveries::parcel(&state, &delivery)
    }

    /// Enters the message at the provider that serves the business number, and answers its id.
    fn enter(&self, message: PhoneMessage) -> Result<String, SandboxError> {
        let business = address::bare(&message.to);
        let provider = self.state().numbers.get(&business).copied();
        match provider {
            Some(Provider::Twilio) => self.enter_twilio(message),
            Some(Provider::Meta) => meta::enter(self, vec![message]),
            Some(Provider::Gupshup) => gupshup::enter(self, message),
            None => Err(SandboxError::UnknownNumber(business)),
        }
    }

    /// Posts the webhook of an earlier message of the customer again, unchanged. A message that
    /// came in a batch comes again with the whole batch.
    pub async fn phone_resend(&self, sid: &str) -> Result<PhoneAnswer, SandboxError> {
        let delivery = self.state().received.get(sid).cloned();
        match delivery {
            Some(delivery) => deliveries::deliver(self, sid, &delivery).await,
            None => self.resend_twilio(sid).await,
        }
    }

    /// Reports a status of a message that was sent, and waits for our answer: its HTTP status,
    /// or `None` if there is no address for it. Any status may be reported, in any order and
    /// again; look-ups and the phone only ever step forward. Statuses bear the provider's own
    /// names: Twilio's failure is `undelivered`, that of the others is `failed`, and Gupshup's
    /// first word is `enqueued`.
    pub async fn post_status(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Result<Option<u16>, SandboxError> {
        let underway = self.inner.in_flight.begin();
        let Some(parcel) = self.status_compose(sid, status, error_code)? else {
            return Ok(None);
        };
        let answer = self.post_and_note(sid, status, &parcel).await;
        drop(underway);
        answer.map(|answer| Some(answer.status))
    }

    /// A status as [`Sandbox::post_status`] reports it, handed over instead of posted.
    pub fn status_compose(
        &self,
        sid: &str,
        status: &str,
        error_code: Option<u32>,
    ) -> Result<Option<Parcel>, SandboxError> {
        if self.state().sent.get(sid).is_some() {
            Ok(self.advance_sent(sid, status, error_code))
        } else {
            self.advance_twilio(sid, status, error_code)
        }
    }

    /// The customer looks at the thread: every delivered message in it is reported as read.
    pub(super) async fn read_thread(&self, customer: &str, business: &str) {
        let unread = self.state().threads.unread(customer, business);
        for sid in unread {
            let _ = self.post_status(&sid, "read", None).await;
        }
    }

    /// Every business number that a customer can write to.
    pub(super) fn numbers(&self) -> Vec<NumberListing> {
        let state = self.state();
        let listing = |(phone, provider): (&String, &Provider)| {
            let account_sid = match provider {
                Provider::Twilio => state.twilio.account_of(phone),
                Provider::Meta => state.meta.account_of(phone),
                Provider::Gupshup => state.gupshup.account_of(phone),
            };
            let account_sid = account_sid.unwrap_or_default();
            NumberListing { phone: phone.clone(), provider: *provider, account_sid }
        };
        state.numbers.iter().map(listing).collect()
    }
}

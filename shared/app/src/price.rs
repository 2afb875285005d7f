//! What a message costs, from the account's price list.

use crate::{App, AppError};
use transom_core::country::Country;
use transom_core::decide::SentAs;
use transom_core::identity::User;
use transom_core::money::Money;
use transom_core::price::{Charged, PriceList, Priced};
use transom_core::template::Template;
use transom_core::time::Timestamp;
use transom_store::AccountRecord;

impl App {
    /// The prices of an account's list that may concern a user; `None` where there is no such list.
    pub(crate) async fn prices_for(
        &self,
        account: &AccountRecord,
        user: &User,
    ) -> Result<Option<PriceList>, AppError> {
        Ok(self.store.prices(&account.price_list(), Country::of(user)).await?)
    }
}

/// What a message costs that a customer sends (M83); `None` where the list does not say.
pub(crate) fn cost_of_inbound(
    prices: &PriceList,
    country: Option<Country>,
    at: Timestamp,
) -> Option<Money> {
    prices.cost(&Priced { on: Charged::Inbound, country, category: None, at })
}

/// What a message costs that is sent now; `None` where the list does not say.
pub(crate) fn cost_of(
    prices: Option<&PriceList>,
    sent_as: SentAs,
    user: &User,
    template: Option<&Template>,
    now: Timestamp,
) -> Option<Money> {
    let what = Priced {
        on: sent_as.into(),
        country: Country::of(user),
        category: template.map(|t| t.category),
        at: now,
    };
    prices?.cost(&what)
}

//! The words of the contract, for its document: which of them a field may hold. They are taken
//! from the values themselves, as those are written; `core` knows no documentation.

use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use transom_core::account::{AccountState, LimitScope, Provider};
use transom_core::budget::Per;
use transom_core::code::{BlockedReason, Code};
use transom_core::consent::OptIn;
use transom_core::decide::SentAs;
use transom_core::delivery::DeliveryTable;
use transom_core::entry_point::EntryKind;
use transom_core::fetch::MediaState;
use transom_core::message::{Direction, Origin, Source, Status};
use transom_core::onboarding::StepState;
use transom_core::plan::Overtaken;
use transom_core::price::Charged;
use transom_core::template::Category;
use transom_core::window::{Basis, WindowState};
use transom_store::Role;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($( $(#[$($about:tt)*])* $name:ident of $values:expr; )*) => { $(
        $(#[$($about)*])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of(&$values)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )* };
}

words! {
    /// How an account stands.
    AccountStateWord of [
        AccountState::Active,
        AccountState::Deactivated,
        AccountState::Removed,
        AccountState::Deleted,
    ];
    /// Where the time of a window comes from.
    BasisWord of [Basis::UserTime, Basis::Receipt];
    /// Why a free-form reply is not possible.
    BlockedReasonWord of [
        BlockedReason::SessionEnded,
        BlockedReason::IntegrationRemoved,
        BlockedReason::AccountDeactivated,
        BlockedReason::SessionExpired,
        BlockedReason::Interrupted,
    ];
    /// What a template is for.
    CategoryWord of Category::ALL;
    /// On what a fee is charged.
    ChargedWord of Charged::ALL;
    /// A code of the contract.
    CodeWord of Code::ALL;
    /// Which delivery table decides.
    DeliveryTableWord of DeliveryTable::ALL;
    /// Which way a message goes.
    DirectionWord of [Direction::In, Direction::Out];
    /// What kind an entry point is of.
    EntryPointKindWord of [EntryKind::Qr, EntryKind::Url, EntryKind::Widget];
    /// Who shares the places of a limit.
    LimitScopeWord of [LimitScope::Sender, LimitScope::Portfolio];
    /// How a media item stands.
    MediaStateWord of [
        MediaState::Pending,
        MediaState::Stored,
        MediaState::Failed,
        MediaState::Expired,
    ];
    /// Whether a customer agreed to be written to.
    OptInWord of [OptIn::Unknown, OptIn::In, OptIn::Out];
    /// Who a message comes from.
    OriginWord of [
        Origin::Customer,
        Origin::Agent,
        Origin::System,
        Origin::Automation,
        Origin::Phone,
    ];
    /// What becomes of a held reply when a newer one has gone out.
    OvertakenWord of [Overtaken::Drop, Overtaken::Send];
    /// How long the period of a budget is.
    PerWord of [Per::Day, Per::Month];
    /// A provider.
    ProviderWord of Provider::ALL;
    /// What a key may do.
    RoleWord of [Role::Agent, Role::Supervisor, Role::System, Role::Admin];
    /// What a message is sent as.
    SentAsWord of [SentAs::Session, SentAs::Template];
    /// Who told something of a message.
    SourceWord of [Source::Provider, Source::Transom];
    /// How a message stands.
    StatusWord of [
        Status::Held,
        Status::Deferred,
        Status::Scheduled,
        Status::Queued,
        Status::Sending,
        Status::Accepted,
        Status::Sent,
        Status::Delivered,
        Status::Read,
        Status::Refused,
        Status::Failed,
        Status::Unknown,
        Status::Cancelled,
        Status::Received,
    ];
    /// How a step of a sender's way to WhatsApp stands.
    StepStateWord of [
        StepState::Done,
        StepState::Todo,
        StepState::Waiting,
        StepState::Late,
        StepState::Overdue,
        StepState::Blocked,
    ];
    /// What a wallet's entry is.
    WalletEntryKindWord of [
        transom_store::EntryKind::Credit,
        transom_store::EntryKind::Adjustment,
        transom_store::EntryKind::Charge,
        transom_store::EntryKind::Refund,
    ];
    /// How a window stands.
    WindowStateWord of [
        WindowState::None,
        WindowState::Open,
        WindowState::Expiring,
        WindowState::Expired,
    ];
}

/// A text that is one of these.
fn one_of<T: Serialize>(values: &[T]) -> RefOr<Schema> {
    let words: Vec<Value> =
        values.iter().filter_map(|value| serde_json::to_value(value).ok()).collect();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

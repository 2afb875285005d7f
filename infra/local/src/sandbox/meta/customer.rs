//! The customer writes: enters the messages everywhere and makes the webhook that tells of them.

use std::sync::Arc;

use bytes::Bytes;

use super::MetaState;
use super::accounts::MetaAccount;
use super::inbound::{Composed, FileTold, body_of};
use super::sign::{sign_meta, written};
use crate::sandbox::deliveries::{Delivery, Told, customer_of};
use crate::sandbox::files::{StoredFile, bytes_of};
use crate::sandbox::post::{JSON, Parcel, without_fragment};
use crate::sandbox::provider::Provider;
use crate::sandbox::{Direction, PhoneAnswer, PhoneMessage, Sandbox, SandboxError, address};

/// The most updates that Meta tells in one body.
const UPDATES_MAX: usize = 1000;

impl Sandbox {
    /// Several customers write, to one or more numbers of one app of Meta, and a single signed
    /// body of up to 1,000 updates tells of all of it. The answer bears the id of the first
    /// message; [`Sandbox::phone_resend`] with any of their ids posts the whole body again.
    pub async fn post_meta_batch(
        &self,
        messages: Vec<PhoneMessage>,
    ) -> Result<PhoneAnswer, SandboxError> {
        let sid = enter(self, messages)?;
        self.phone_resend(&sid).await
    }
}

/// Enters the messages into everything that knows of messages, as one delivery, and answers the
/// id of the first.
pub(in crate::sandbox) fn enter(
    sandbox: &Sandbox,
    mut messages: Vec<PhoneMessage>,
) -> Result<String, SandboxError> {
    let now_ms = sandbox.now_ms();
    let mut told = Vec::new();
    for message in &mut messages {
        let customer = customer_of(message)?;
        let wamid = || sandbox.new_wamid(&customer, Direction::In);
        let sid = message.sid.take().unwrap_or_else(wamid);
        told.push(Told { sid, customer, business: address::bare(&message.to) });
    }
    let file_ids: Vec<_> = messages.iter().map(|_| sandbox.new_digits()).collect();
    let state = &mut *sandbox.state();
    check_batch(&state.meta, &told)?;
    let mut composed = Vec::new();
    for ((message, told), file_id) in messages.iter().zip(&told).zip(file_ids) {
        let file = store_file(&mut state.meta, message, file_id)?;
        let numbers = &state.meta.accounts;
        let (number, account) = numbers
            .by_phone(&told.business)
            .ok_or_else(|| SandboxError::UnknownNumber(told.business.clone()))?;
        composed.push(Composed {
            message,
            sid: told.sid.clone(),
            at_s: message.at_ms.unwrap_or(now_ms).div_euclid(1000),
            waba_id: account.waba_id.clone(),
            phone_number_id: number.phone_number_id.clone(),
            file,
        });
    }
    let body = written(&body_of(&composed));
    for (message, told) in messages.iter().zip(&told) {
        state.enter_thread(message, told, now_ms);
    }
    let first = told.first().map(|told| told.sid.clone()).unwrap_or_default();
    let delivery = Delivery { provider: Provider::Meta, told, content_type: JSON, body };
    let delivery = Arc::new(delivery);
    for told in &delivery.told {
        state.received.insert(&told.sid, Arc::clone(&delivery));
    }
    Ok(first)
}

/// Where messages to this number are posted, and the signature.
pub(in crate::sandbox) fn inbound_address(
    meta: &MetaState,
    business: &str,
    body: &Bytes,
) -> Option<(String, Vec<(&'static str, String)>)> {
    let (_, account) = meta.accounts.by_phone(business)?;
    parcel(account, body.clone()).map(|parcel| (parcel.url, parcel.headers))
}

/// A body, addressed and signed for its account.
pub(super) fn parcel(account: &MetaAccount, body: Bytes) -> Option<Parcel> {
    let url = without_fragment(account.inbound_url.as_deref()?).to_owned();
    let signature = sign_meta(&account.app_secret, &body);
    let headers = vec![("x-hub-signature-256", signature)];
    Some(Parcel { url, content_type: JSON, body, headers })
}

/// One body has one signature and goes to one address.
fn check_batch(meta: &MetaState, told: &[Told]) -> Result<(), SandboxError> {
    if !(1..=UPDATES_MAX).contains(&told.len()) {
        return Err(SandboxError::BadBatch("one body tells of 1 to 1,000 updates"));
    }
    let mut app = None;
    for told in told {
        let (_, account) = meta
            .accounts
            .by_phone(&told.business)
            .ok_or_else(|| SandboxError::UnknownNumber(told.business.clone()))?;
        let own = (&account.app_secret, &account.inbound_url);
        if *app.get_or_insert(own) != own {
            return Err(SandboxError::BadBatch("their numbers belong to different apps"));
        }
    }
    Ok(())
}

/// Keeps the file of a message that names no address for it, and names one. A card is told by
/// its words instead.
fn store_file(
    meta: &mut MetaState,
    message: &PhoneMessage,
    id: String,
) -> Result<Option<FileTold>, SandboxError> {
    let Some(media) = message.content.media() else {
        return Ok(None);
    };
    if media.url.is_some() {
        return Ok(Some(FileTold { id, url: media.url.clone() }));
    }
    let usual = message.content.usual_content_type();
    meta.files.put(StoredFile {
        id: id.clone(),
        content_type: media.content_type.clone().unwrap_or(usual.to_owned()),
        bytes: bytes_of(media)?,
    });
    let url = Some(meta.attachment_url(&id));
    Ok(Some(FileTold { id, url }))
}

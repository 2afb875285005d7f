//! The customer writes: enters the message everywhere and makes the webhook that tells of it.

use std::sync::Arc;

use bytes::Bytes;

use super::GupshupState;
use super::accounts::GupshupShape;
use super::inbound::{Composed, Quoted};
use super::named::{NEW_NAMES, OLD_NAMES, bot_form, renamed};
use crate::sandbox::deliveries::{Delivery, Told, customer_of};
use crate::sandbox::files::{StoredFile, bytes_of};
use crate::sandbox::post::{FORM, JSON, without_fragment};
use crate::sandbox::provider::Provider;
use crate::sandbox::{
    Direction, PhoneMessage, Sandbox, SandboxError, State as Shared, address, meta,
};

/// What version 3 tells of the account and the number behind it at Meta.
const WABA_ID: &str = "1029384756";
const PHONE_NUMBER_ID: &str = "106540352242922";

/// Enters the message into everything that knows of messages, and answers its id.
pub(in crate::sandbox) fn enter(
    sandbox: &Sandbox,
    mut message: PhoneMessage,
) -> Result<String, SandboxError> {
    let now_ms = sandbox.now_ms();
    let customer = customer_of(&message)?;
    let business = address::bare(&message.to);
    let wamid = || sandbox.new_wamid(&customer, Direction::In);
    let sid = message.sid.take().unwrap_or_else(wamid);
    let file_id = sandbox.new_uuid();
    let state = &mut *sandbox.state();
    let media_url = store_file(&mut state.gupshup, &message, file_id)?;
    let (content_type, body) = body(state, &message, &sid, now_ms, media_url)?;
    let told = Told { sid: sid.clone(), customer, business };
    state.enter_thread(&message, &told, now_ms);
    let delivery = Delivery { provider: Provider::Gupshup, told: vec![told], content_type, body };
    state.received.insert(&sid, Arc::new(delivery));
    Ok(sid)
}

/// Where messages to this number are posted. Nothing is signed.
pub(in crate::sandbox) fn inbound_address(
    gupshup: &GupshupState,
    business: &str,
) -> Option<(String, Vec<(&'static str, String)>)> {
    let app = gupshup.accounts.owner_of(business)?;
    let url = app.inbound_url.as_deref()?;
    Some((with_token(url, &app.webhook_token), Vec::new()))
}

/// The address with its secret, unless it bears one already.
pub(super) fn with_token(url: &str, token: &str) -> String {
    let url = without_fragment(url);
    if token.is_empty() || url.contains("?token=") || url.contains("&token=") {
        return url.to_owned();
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    format!("{url}{joint}token={token}")
}

fn body(
    state: &Shared,
    message: &PhoneMessage,
    sid: &str,
    now_ms: i64,
    media_url: Option<String>,
) -> Result<(&'static str, Bytes), SandboxError> {
    let business = address::bare(&message.to);
    let app = state
        .gupshup
        .accounts
        .owner_of(&business)
        .ok_or_else(|| SandboxError::UnknownNumber(business.clone()))?;
    let quoted = message.reply_to.as_ref().map(|reply_to| quoted(state, reply_to));
    let composed = Composed { app, message, sid, now_ms, media_url, quoted };
    let form = |names| {
        let pairs = bot_form(&composed, names);
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    };
    Ok(match state.gupshup.shape {
        GupshupShape::V2 => (JSON, Bytes::from(composed.v2().to_string())),
        GupshupShape::V2NewNames => {
            (JSON, Bytes::from(renamed(composed.v2(), NEW_NAMES).to_string()))
        }
        GupshupShape::V2OldNames => {
            (JSON, Bytes::from(renamed(composed.v2(), OLD_NAMES).to_string()))
        }
        GupshupShape::V3 => (JSON, Bytes::from(v3(&composed).to_string())),
        GupshupShape::BotNewNames => (FORM, Bytes::from(form(NEW_NAMES))),
        GupshupShape::BotOldNames => (FORM, Bytes::from(form(OLD_NAMES))),
    })
}

/// Meta's body with Gupshup's ids.
fn v3(composed: &Composed<'_>) -> serde_json::Value {
    let mut message = composed.message.clone();
    message.reply_to = composed.quoted.as_ref().map(|quoted| quoted.whatsapp_id.clone());
    let at_ms = message.at_ms.unwrap_or(composed.now_ms);
    let url = composed.media_url.clone();
    let file = url.map(|url| meta::FileTold { id: composed.sid.to_owned(), url: Some(url) });
    let mut body = meta::body_of(&[meta::Composed {
        message: &message,
        sid: composed.sid.to_owned(),
        at_s: at_ms.div_euclid(1000),
        waba_id: WABA_ID.to_owned(),
        phone_number_id: PHONE_NUMBER_ID.to_owned(),
        file,
    }]);
    body["gs_app_id"] = composed.app.app_id.as_str().into();
    if let Some(gs_id) = composed.quoted.as_ref().and_then(|quoted| quoted.gs_id.as_deref()) {
        let value = &mut body["entry"][0]["changes"][0]["value"];
        value["messages"][0]["context"]["gs_id"] = gs_id.into();
    }
    body
}

/// Both ids of the message that is quoted, by whichever of them it was named.
fn quoted(state: &Shared, reply_to: &str) -> Quoted {
    let by_either =
        state.sent.newest_first().find(|sent| sent.sid == reply_to || sent.whatsapp_id == reply_to);
    match by_either {
        Some(sent) => {
            let gs_id = (!state.gupshup.without_gs_id).then(|| sent.sid.clone());
            Quoted { whatsapp_id: sent.whatsapp_id.clone(), gs_id }
        }
        None => Quoted { whatsapp_id: reply_to.to_owned(), gs_id: None },
    }
}

/// The address of the message's file: its own, or one that the sandbox makes and serves.
fn store_file(
    gupshup: &mut GupshupState,
    message: &PhoneMessage,
    id: String,
) -> Result<Option<String>, SandboxError> {
    let Some(media) = message.content.media() else {
        return Ok(None);
    };
    if media.url.is_some() {
        return Ok(media.url.clone());
    }
    let usual = message.content.usual_content_type();
    let url = gupshup.media_url(&id);
    gupshup.files.put(StoredFile {
        id,
        content_type: media.content_type.clone().unwrap_or(usual.to_owned()),
        bytes: bytes_of(media)?,
    });
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_added_once() {
        assert_eq!(with_token("http://h/x", "a b"), "http://h/x?token=a+b");
        assert_eq!(with_token("http://h/x?a=1#f", "t"), "http://h/x?a=1&token=t");
        assert_eq!(with_token("http://h/x?token=u", "t"), "http://h/x?token=u");
        assert_eq!(with_token("http://h/x", ""), "http://h/x");
    }
}

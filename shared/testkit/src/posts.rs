//! Webhooks as providers write them, with the usual account's authentication.

use crate::world::credentials;
use crate::{Answer, World};
use serde_json::Value;
use transom_core::account::Provider;
use transom_local::sandbox::sign_meta;

const JSON: &str = "application/json; charset=utf-8";

impl World {
    /// Posts JSON to the usual account's webhook as Meta or Gupshup does: signed, or with the token.
    pub async fn posts(&self, provider: Provider, body: &Value) -> Answer {
        self.posts_bytes("webhooks", provider, body.to_string().into_bytes()).await
    }

    /// The same to either path (`webhooks` or `status`), with any bytes.
    ///
    /// # Panics
    /// At Twilio, whose webhooks are forms: [`World::signed`] posts those.
    pub async fn posts_bytes(&self, path: &str, provider: Provider, body: Vec<u8>) -> Answer {
        let known = credentials(provider);
        let secret = |name: &str| known[name].as_str().unwrap_or_default().to_owned();
        let path = format!("/{path}/{}/tw", provider.as_str());
        match provider {
            Provider::Meta => {
                let signature = sign_meta(&secret("app_secret"), &body);
                let headers = [("x-hub-signature-256", signature.as_str())];
                self.raw("", "POST", &path, JSON, Some(body), &headers).await
            }
            Provider::Gupshup => {
                let path = format!("{path}?token={}", secret("webhook_token"));
                self.raw("", "POST", &path, JSON, Some(body), &[]).await
            }
            Provider::Twilio => unreachable!("Twilio posts forms"),
        }
    }
}

//! What an empty data folder is filled with, through the contract's own calls, so that the
//! newcomer's first minute uses what everybody uses later.

use crate::house::House;
use crate::serve::gateway;
use anyhow::{Result, bail};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Request;
use serde_json::{Value, json};

/// The demo's account at the pretend Twilio.
pub const ACCOUNT: &str = "demo-twilio";
/// The demo's sender.
pub const SENDER: &str = "demo";
/// The demo's business number.
pub const NUMBER: &str = "+14155238886";
/// The demo customer's number.
pub const CUSTOMER: &str = "+919876543210";
/// The demo account's identifier at the pretend Twilio.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// The demo account's token at the pretend Twilio. It opens nothing anywhere else.
pub const AUTH_TOKEN: &str = "demo-auth-token-twilio";

impl House {
    /// Whether nothing has been set up yet.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.operator().store.accounts().await?.is_empty())
    }

    /// Sets up a brand, an account and sender on the sandbox, and an approved template.
    ///
    /// # Errors
    /// When a call of the contract is refused.
    pub async fn fill_with_demo(&self, admin_key: &str) -> Result<()> {
        let calls: [(&str, Value); 4] = [
            ("/v1/brands/demo", json!({ "name": "Demo", "active": true })),
            (
                "/v1/accounts/demo-twilio",
                json!({
                    "provider": "twilio",
                    "credentials": { "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN },
                }),
            ),
            (
                "/v1/senders/demo",
                json!({
                    "account": ACCOUNT,
                    "phone": NUMBER,
                    "brand": "demo",
                    "template_messaging": true,
                    "messaging_limit": 250,
                }),
            ),
            (
                "/v1/accounts/demo-twilio/templates/order_ready",
                json!({
                    "language": "en",
                    "category": "utility",
                    "status": "approved",
                    "body": "Hello {{1}}, your order {{2}} is ready.",
                    "provider_ref": "HX00000000000000000000000000000001",
                }),
            ),
        ];
        for (path, body) in calls {
            self.call("PUT", path, admin_key, &body).await?;
        }
        Ok(())
    }

    /// Makes one call of the contract, through the gateway's routes.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn call(&self, method: &str, path: &str, key: &str, body: &Value) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))?;
        let response = gateway(State(self.clone()), request).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1024 * 1024).await?;
        if !status.is_success() {
            bail!("{method} {path} was answered {status}: {}", String::from_utf8_lossy(&bytes));
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

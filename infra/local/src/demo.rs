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

/// One provider's demo.
struct Demo {
    provider: &'static str,
    account: &'static str,
    sender: &'static str,
    number: &'static str,
    provider_id: Option<&'static str>,
    template_ref: Option<&'static str>,
}

const DEMOS: [Demo; 3] = [
    Demo {
        provider: "twilio",
        account: ACCOUNT,
        sender: SENDER,
        number: NUMBER,
        provider_id: None,
        template_ref: Some("HX00000000000000000000000000000001"),
    },
    Demo {
        provider: "meta",
        account: "demo-meta",
        sender: "demo-meta",
        number: "+15550783881",
        provider_id: Some("106540352242922"),
        template_ref: None,
    },
    Demo {
        provider: "gupshup",
        account: "demo-gupshup",
        sender: "demo-gupshup",
        number: "+917834811114",
        provider_id: None,
        template_ref: Some("c6aecef6-bcb0-4fb1-8100-28c094e3bc6b"),
    },
];

impl Demo {
    fn credentials(&self) -> Value {
        match self.provider {
            "meta" => json!({
                "access_token": "demo-access-token-meta",
                "app_secret": "demo-app-secret-meta",
                "verify_token": "demo-verify-token-meta",
            }),
            "gupshup" => json!({
                "app_name": "DemoApp",
                "api_key": "demo-api-key-gupshup",
                "webhook_token": "demo-webhook-token-gupshup",
            }),
            _ => json!({ "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN }),
        }
    }
}

impl House {
    /// Whether nothing has been set up yet.
    ///
    /// # Errors
    /// When the accounts cannot be read.
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.operator().store.accounts().await?.is_empty())
    }

    /// Sets up a brand, and for each provider an account and sender on the sandbox and an approved
    /// template.
    ///
    /// # Errors
    /// When a call of the contract is refused.
    pub async fn fill_with_demo(&self, admin_key: &str) -> Result<()> {
        let brand = json!({ "name": "Demo", "active": true });
        self.call("PUT", "/v1/brands/demo", admin_key, &brand).await?;
        for demo in DEMOS {
            let account = format!("/v1/accounts/{}", demo.account);
            let body = json!({ "provider": demo.provider, "credentials": demo.credentials() });
            self.call("PUT", &account, admin_key, &body).await?;
            let body = json!({
                "account": demo.account,
                "phone": demo.number,
                "brand": "demo",
                "template_messaging": true,
                "messaging_limit": 250,
                "provider_id": demo.provider_id,
            });
            self.call("PUT", &format!("/v1/senders/{}", demo.sender), admin_key, &body).await?;
            let body = json!({
                "language": "en",
                "category": "utility",
                "status": "approved",
                "body": "Hello {{1}}, your order {{2}} is ready.",
                "provider_ref": demo.template_ref,
            });
            let template = format!("{account}/templates/order_ready");
            self.call("PUT", &template, admin_key, &body).await?;
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

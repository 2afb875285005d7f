//! `cargo run`: all of Transom on this machine, with a pretend provider and a phone to write from.

use anyhow::{Context, Result};
use clap::Parser;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use transom_boot::clients::system_entropy;
use transom_boot::logs;
use transom_local::demo;
use transom_local::house::{House, Plan};
use transom_local::template::Template;
use transom_local::{secret, serve};

/// The template, in the binary, so that it runs from any folder; `--template` names another.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Transom on one machine: WhatsApp conversations within the rules.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Where to listen.
    #[arg(long, env = "TRANSOM_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to keep everything.
    #[arg(long, env = "TRANSOM_DATA", default_value = ".transom")]
    data: PathBuf,
    /// Keep nothing: everything is gone when the process ends.
    #[arg(long)]
    in_memory: bool,
    /// The administrator's key; one is made, kept and printed when absent.
    #[arg(long, env = "TRANSOM_ADMIN_KEY")]
    admin_key: Option<String>,
    /// The base URL that providers are told; by default http:// and the listen address.
    #[arg(long, env = "TRANSOM_PUBLIC_URL")]
    public_url: Option<String>,
    /// Another template than the one this was built with.
    #[arg(long)]
    template: Option<PathBuf>,
}

/// The stack of each thread: an unoptimised build polls whole roads on one, and two mebibytes, the
/// default, are not enough for the longest.
const STACK_BYTES: usize = 8 * 1024 * 1024;

fn main() -> Result<()> {
    logs::start_terminal("warn,transom_local=info");
    let options = Options::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()?
        .block_on(run(options))
}

async fn run(options: Options) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is something running there? Choose another with --listen 127.0.0.1:8081",
            options.listen
        )
    })?;
    let address = listener.local_addr()?;
    let own_url = format!("http://{address}");
    let public_url = options.public_url.clone().unwrap_or_else(|| own_url.clone());
    let data = (!options.in_memory).then(|| options.data.clone());
    let given = options.admin_key.is_some();
    let key = match options.admin_key {
        Some(key) => key,
        None => secret::admin_key(data.as_deref(), &system_entropy())?,
    };
    let template = match &options.template {
        Some(path) => Template::load(path)?,
        None => Template::parse(TEMPLATE)?,
    };
    let house = House::build(Plan {
        template,
        data: data.clone(),
        clock: House::clock_of(data.as_deref())?,
        public_url: public_url.trim_end_matches('/').to_owned(),
        own_url: own_url.clone(),
        admin_key_sha256: secret::sha256_hex(&key),
        binaries: None,
        hold_to_policies: true,
        files_begin_within: None,
    })
    .await?;
    house.start_pumps();
    house.start_schedule();
    // A test that brings its own key wants an empty house.
    let bare = options.in_memory && given;
    if !bare && house.is_empty().await? {
        house.fill_with_demo(&key).await.context("the demo could not be set up")?;
    }
    house.sync_sandbox().await?;
    house.remember_customers().await?;
    greet(&own_url, &key, bare)?;
    axum::serve(listener, serve::router(&house))
        .with_graceful_shutdown(async {
            let _signal = tokio::signal::ctrl_c().await;
        })
        .await?;
    Ok(())
}

/// Prints the address, the key and three commands to copy.
fn greet(url: &str, key: &str, bare: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Transom is running at {url}\n")?;
    writeln!(out, "  key    {key}")?;
    writeln!(out, "  phone  {url}/phone   (play the customer)")?;
    writeln!(out, "  API    {url}/openapi.json\n")?;
    if !bare {
        let (sender, customer) = (demo::SENDER, demo::CUSTOMER);
        writeln!(out, "1. A customer writes (or use the phone page):")?;
        writeln!(
            out,
            "     infra/send-webhook.sh --url {url}/webhooks/twilio/{} 'Where is my order?'\n",
            demo::ACCOUNT
        )?;
        writeln!(out, "2. You answer:")?;
        writeln!(
            out,
            "     curl -s {url}/v1/messages -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\\n       -d '{{\"sender\":\"{sender}\",\"to\":\"{customer}\",\"content\":{{\"type\":\"text\",\"text\":\"On its way.\"}}}}'\n"
        )?;
        writeln!(out, "3. A day passes, and the window closes:")?;
        writeln!(out, "     curl -s {url}/local/clock -d '{{\"advance_seconds\":86400}}'\n")?;
    }
    writeln!(out, "Stop with Ctrl-C.")?;
    out.flush()?;
    Ok(())
}

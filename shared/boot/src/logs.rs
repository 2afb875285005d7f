//! Structured logs: one line per outcome, in JSON, on standard output where Lambda collects
//! them. No text, number, token or body is ever a field.

use tracing_subscriber::EnvFilter;

fn filter(default: &str) -> EnvFilter {
    let wanted = std::env::var("TRANSOM_LOG").unwrap_or_else(|_| default.to_owned());
    EnvFilter::try_new(wanted).unwrap_or_else(|_| EnvFilter::new(default))
}

/// Begins logging inside Lambda.
pub fn start_json() {
    let _already = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter("info"))
        .with_current_span(false)
        .without_time()
        .try_init();
}

/// Begins logging on a terminal.
pub fn start_terminal(default: &str) {
    let _already = tracing_subscriber::fmt()
        .with_env_filter(filter(default))
        .with_writer(std::io::stderr)
        .with_target(false)
        .try_init();
}

//! Logging: lines for people in development, one JSON object a line in production, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` chooses what is logged; the default is `info` for this server's own crates.
pub fn start(production: bool) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,actix_server=warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = if production { builder.json().try_init() } else { builder.try_init() };
    if let Err(error) = started {
        eprintln!("auth-server: logging was started already: {error}");
    }
}

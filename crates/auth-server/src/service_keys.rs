//! The keys of services that show them at an address of their own.

use std::sync::Arc;
use std::time::Duration;

use auth_core::app::{App, Shared};
use auth_core::features::services::admin;
use auth_core::store::Store;
use auth_jose::{JwkSet, PublicKey};
use auth_s2s::{ServiceKey, ServiceName};
use reqwest::{Client, StatusCode, Url, redirect};

/// How often the addresses are asked.
const EVERY: Duration = Duration::from_secs(60);

const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Asks for key sets: bounded in time and size, one address and no other.
pub(crate) struct KeyFetcher(Client);

impl KeyFetcher {
    /// # Errors
    /// When the system gives no HTTP client.
    pub(crate) fn new() -> Result<Self, String> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false)
            // A proxy named by the environment would see and could answer the request.
            .no_proxy()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("auth-server/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|error| format!("no HTTP client: {error}"))
    }

    /// The keys of `service` that are fit for use.
    ///
    /// # Errors
    /// A sentence; also when there is no such key.
    pub(crate) async fn fetch(&self, service: &ServiceName, url: &str) -> Result<Vec<ServiceKey>, String> {
        let asked = parse(url)?;
        let failed = |error: reqwest::Error| format!("{url}: {error}");
        let mut response = self.0.get(asked).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(format!("{url}: status {}, expected 200", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(format!("{url}: the body is larger than {MAX_BODY_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let set = JwkSet::parse(&body).map_err(|error| format!("{url}: {error}"))?;
        let fit = |key: &PublicKey| ServiceKey::new(service, key.jwk()).ok();
        let keys: Vec<_> = set.keys().iter().filter_map(fit).collect();
        if keys.is_empty() { Err(format!("{url}: no Ed25519 or P-256 key to verify with")) } else { Ok(keys) }
    }
}

/// Whoever is in between on plain http could send keys of their own.
fn parse(url: &str) -> Result<Url, String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    let is_loopback = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_safe = parsed.scheme() == "https" || parsed.scheme() == "http" && is_loopback;
    if !is_safe || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(format!("{url}: expected an https URL, or http on this machine"));
    }
    Ok(parsed)
}

/// Asks every address again and again. A set that cannot be had changes nothing.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let fetcher = match KeyFetcher::new() {
        Ok(fetcher) => fetcher,
        Err(reason) => {
            return tracing::error!("keys of services are not read from their addresses: {reason}");
        }
    };
    let app = App::new(shared.clone(), Store::open(&shared.config.database, 1));
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.forget_old_assertions().await {
            tracing::warn!(%error, "old client assertions could not be removed");
        }
        for service in app.services.services() {
            let (Some(url), None) = (&service.jwks_url, service.disabled_at) else { continue };
            let outcome = match fetcher.fetch(&service.name, url).await {
                Ok(keys) => admin::synchronize(&app, &service.name, &keys).await.map_err(|e| e.to_string()),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = outcome {
                tracing::warn!(service = %service.name, "its keys stay as they are: {reason}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_over_https_or_on_this_machine_only() {
        for url in ["https://worker.example.test/jwks", "http://localhost:4000/jwks", "http://[::1]/jwks"] {
            assert!(parse(url).is_ok(), "{url}");
        }
        for url in [
            "http://worker.example.test/jwks",
            "http://169.254.169.254/",
            "http://localhost.evil.test/",
            "file:///etc/passwd",
            "https://user:pw@worker.example.test/jwks",
            "worker",
        ] {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}

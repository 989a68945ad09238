//! Requests to providers: bounded in time and size, never redirected, and to private networks only where the
//! operator said so.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, redirect};
use serde_json::Value;
use url::{Host, Url};

use super::provider::{Method, Request};
use crate::config::OutboundConfig;

/// Longer answers are cut off: no profile or token comes near.
const MAX_BODY_BYTES: usize = 512 * 1024;

/// Who named an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The operator, in the settings: wherever it leads.
    Operator,
    /// A document of the provider: nowhere inside.
    Provider,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutboundError {
    #[error("the answer is larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    #[error("the answer is no JSON")]
    NotJson,
    #[error("the address leads into a private network")]
    Private,
    #[error("status {0}")]
    Status(u16),
    #[error("{0}")]
    Transport(String),
}

/// The client for requests to providers.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    anywhere: Client,
    public_only: Client,
    allow_private: bool,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct Fetched {
    media_type: String,
    pub(super) body: Vec<u8>,
}

impl Fetched {
    /// The body, if the answer calls it JSON and it is.
    pub(super) fn json(&self) -> Result<Value, OutboundError> {
        // WeChat and Facebook have JSON under other names.
        let is_json = self.media_type.is_empty()
            || self.media_type == "text/plain"
            || self.media_type.ends_with("json")
            || self.media_type.ends_with("javascript");
        let value = is_json.then(|| serde_json::from_slice(&self.body).ok()).flatten();
        value.ok_or(OutboundError::NotJson)
    }
}

impl Outbound {
    /// The client.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(config: &OutboundConfig) -> Result<Self, reqwest::Error> {
        let client = || {
            Client::builder()
                .timeout(config.timeout)
                .connect_timeout(config.timeout)
                .redirect(redirect::Policy::none())
                .referer(false)
                // A proxy named by the environment would see every token.
                .no_proxy()
                // Another crate of the build may have switched these on; the limit is on what we read.
                .no_gzip()
                .no_brotli()
                .no_zstd()
                .no_deflate()
                // A kept connection would live on the worker that made it, and be used by another.
                .pool_max_idle_per_host(0)
                .user_agent(concat!("auth-server/", env!("CARGO_PKG_VERSION")))
        };
        Ok(Self {
            anywhere: client().build()?,
            public_only: client().dns_resolver(Arc::new(PublicOnly)).build()?,
            allow_private: config.allow_private,
        })
    }

    /// The answer of a request that succeeded.
    pub(super) async fn send(&self, request: Request, named_by: NamedBy) -> Result<Fetched, OutboundError> {
        let is_free = named_by == NamedBy::Operator || self.allow_private;
        if !is_free && !is_public_host(&request.url) {
            return Err(OutboundError::Private);
        }
        let client = if is_free { &self.anywhere } else { &self.public_only };
        let mut builder = match request.method {
            Method::Get => client.get(request.url),
            Method::Post => client.post(request.url),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let mut response = builder.send().await.map_err(transport)?;
        let status = response.status();
        if !status.is_success() {
            return Err(OutboundError::Status(status.as_u16()));
        }
        let media_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(OutboundError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { media_type, body })
    }

    /// The JSON that a request is answered with.
    pub(super) async fn json(&self, request: Request, named_by: NamedBy) -> Result<Value, OutboundError> {
        self.send(request, named_by).await?.json()
    }
}

/// The address of a request may hold a token: what failed is said without it.
fn transport(error: reqwest::Error) -> OutboundError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    OutboundError::Transport(text)
}

/// Resolves names, and drops addresses that are not of the public internet.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(OutboundError::Private.into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether a host may be connected to, as far as its text says; names are resolved later.
pub(super) fn is_public_host(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Domain(name)) => name != "localhost" && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmarks = a == 198 && (18..20).contains(&b);
            !(special || shared || benchmarks || a == 0 || a >= 240 || (a, b, c) == (192, 0, 0))
        }
        IpAddr::V6(v6) => {
            // What carries an address of the older protocol leads where that one does.
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(v4.into());
            }
            // Global unicast is 2000::/3; the rest is private, local or reserved.
            let [first, second, ..] = v6.segments();
            let is_global = first & 0xe000 == 0x2000;
            let is_tunnel = first == 0x2002 || (first, second) == (0x2001, 0);
            let is_documentation = (first, second) == (0x2001, 0xdb8);
            is_global && !is_tunnel && !is_documentation
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_public_url(url: &str) -> bool {
        is_public_host(&Url::parse(url).unwrap())
    }

    #[test]
    fn private_networks_are_told_from_the_public_internet() {
        for inside in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://localhost/",
            "http://a.localhost/",
            "http://10.1.2.3/",
            "http://172.31.0.1/",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:a00:1::]/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
        ] {
            assert!(!is_public_url(inside), "{inside}");
        }
        for outside in ["https://accounts.google.com/", "http://1.1.1.1/", "http://[2606:4700:4700::1111]/"] {
            assert!(is_public_url(outside), "{outside}");
        }
    }
}

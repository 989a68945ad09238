//! Where the server is, whom it trusts, and how it knows its clients: `baseURL`, `trustedOrigins`, `advanced`.

use super::BaseUrl;
use super::reader::Reader;
use crate::wire::client_ip::{Cidr, ClientIpRules, IpSource};
use crate::wire::origin::TrustedOrigins;

/// Cross-site checks.
#[derive(Debug, Clone, Copy)]
pub struct ChecksConfig {
    /// Origin and fetch metadata are checked.
    pub csrf: bool,
    /// Redirect targets are checked.
    pub redirects: bool,
}

/// Reads the cross-site checks of `advanced`. Upstream: without the origin check there is no CSRF check either.
pub(super) fn checks(r: &mut Reader) -> ChecksConfig {
    let csrf = !r.boolean("advanced.disableCSRFCheck", false);
    let redirects = !r.boolean("advanced.disableOriginCheck", false);
    ChecksConfig { csrf: csrf && redirects, redirects }
}

pub(super) fn base_url(r: &mut Reader, production: bool, port: u16) -> BaseUrl {
    let default = BaseUrl::localhost(port);
    match r.text("baseURL") {
        None if production => {
            r.refuse("baseURL", "is required in production: the public https URL of this server");
            default
        }
        None => default,
        Some(text) => match BaseUrl::parse(&text) {
            Ok(url) if production && !url.is_https() && !url.is_loopback() => {
                r.refuse("baseURL", "must be https in production; plain http is for loopback addresses");
                url
            }
            Ok(url) => url,
            Err(reason) => {
                r.refuse("baseURL", reason);
                default
            }
        },
    }
}

pub(super) fn base_path(r: &mut Reader, base_url: &BaseUrl) -> String {
    let configured = r.text("basePath").unwrap_or_else(|| "/api/auth".to_owned());
    let path = base_url.path().unwrap_or(&configured).trim_end_matches('/').to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if !path.is_empty() && (!path.starts_with('/') || path.contains("//") || !path.chars().all(plain)) {
        r.refuse("basePath", "expected a path such as /api/auth");
    }
    path
}

pub(super) fn trusted_origins(
    r: &mut Reader,
    base_url: &BaseUrl,
    production: bool,
    port: u16,
) -> TrustedOrigins {
    let mut patterns = r.list("trustedOrigins").unwrap_or_default();
    if let Some(app) = r.text("appURL") {
        match BaseUrl::parse(&app) {
            Ok(url) => patterns.push(url.origin().to_owned()),
            Err(reason) => r.refuse("appURL", reason),
        }
    }
    if !production && !r.is_set("baseURL") {
        // Both names of this machine are the developer's own server.
        patterns.push(format!("http://127.0.0.1:{port}"));
    }
    match TrustedOrigins::new(base_url.origin(), &patterns) {
        Ok(origins) => origins,
        Err(problems) => {
            for problem in problems {
                r.refuse("trustedOrigins", problem);
            }
            TrustedOrigins::only(base_url.origin())
        }
    }
}

pub(super) fn client_ip(r: &mut Reader) -> ClientIpRules {
    let mut trusted_proxies = Vec::new();
    for text in r.list("advanced.ipAddress.trustedProxies").unwrap_or_default() {
        match Cidr::parse(&text) {
            Some(cidr) => trusted_proxies.push(cidr),
            None => r.refuse(
                "advanced.ipAddress.trustedProxies",
                format!("{text:?} is neither an address nor a CIDR range"),
            ),
        }
    }
    let headers = r.list("advanced.ipAddress.ipAddressHeaders");
    ClientIpRules {
        source: match r.text("advanced.ipAddress.source").as_deref() {
            None | Some("socket") => IpSource::Socket,
            Some("headers") => IpSource::Headers,
            Some(_) => {
                r.refuse("advanced.ipAddress.source", "expected one of socket, headers");
                IpSource::Socket
            }
        },
        headers: headers.map_or_else(
            || vec!["x-forwarded-for".to_owned()],
            |names| names.iter().map(|name| name.to_lowercase()).collect(),
        ),
        trusted_proxies,
        ipv6_subnet: u8::try_from(r.integer("advanced.ipAddress.ipv6Subnet", 64, 1..=128)).unwrap_or(64),
        disabled: r.boolean("advanced.ipAddress.disableIpTracking", false),
    }
}

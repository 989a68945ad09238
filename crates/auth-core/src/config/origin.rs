//! Where the server is, whom it trusts, and how it knows its clients: `baseURL`, `trustedOrigins`, `advanced`.

use super::BaseUrl;
use super::reader::{Reader, Switch};
use crate::wire::client_ip::{Cidr, ClientIpRules, IpSource};
use crate::wire::origin::TrustedOrigins;

/// Cross-site checks.
#[derive(Debug, Clone)]
pub struct ChecksConfig {
    /// Where a request comes from is checked: its origin, and whether a foreign page's form sent it.
    csrf: bool,
    /// What foreign pages' forms may do is checked although the check of origins is off.
    forms: bool,
    /// Endpoints whose origins and redirect targets are not checked.
    unchecked: Unchecked,
}

#[derive(Debug, Clone)]
enum Unchecked {
    All,
    /// These paths and what is below them.
    Below(Vec<String>),
}

/// What is checked of a request to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checks {
    /// The origin of a request with cookies.
    pub origin: bool,
    /// That no foreign page's form signs somebody in.
    pub forms: bool,
    /// Redirect targets.
    pub redirects: bool,
}

impl Checks {
    /// Everything is checked.
    pub const ALL: Self = Self { origin: true, forms: true, redirects: true };
}

impl ChecksConfig {
    /// What is checked at the endpoint of this path.
    #[must_use]
    pub fn at(&self, path: &str) -> Checks {
        let is_below = |top: &String| {
            path.strip_prefix(top.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let unchecked = match &self.unchecked {
            Unchecked::All => true,
            Unchecked::Below(paths) => paths.iter().any(is_below),
        };
        Checks { origin: self.csrf && !unchecked, forms: self.forms, redirects: !unchecked }
    }
}

/// Reads the cross-site checks of `advanced`. Upstream: where the origin check is off everywhere and nothing
/// is said about CSRF, there is no CSRF check either.
pub(super) fn checks(r: &mut Reader) -> ChecksConfig {
    let disable_csrf = r.flag("advanced.disableCSRFCheck");
    let csrf = disable_csrf != Some(true);
    let unchecked = match r.switch("advanced.disableOriginCheck") {
        Switch::On => Unchecked::All,
        Switch::Off => Unchecked::Below(Vec::new()),
        Switch::For(paths) => Unchecked::Below(paths),
    };
    let Unchecked::Below(paths) = unchecked else {
        return ChecksConfig { csrf, forms: disable_csrf == Some(false), unchecked };
    };
    let paths: Vec<String> = paths.iter().map(|path| path.trim_end_matches('/').to_owned()).collect();
    if paths.iter().any(|path| !path.starts_with('/')) {
        r.refuse(
            "advanced.disableOriginCheck",
            "expected paths of endpoints, such as /sign-in/social; `true` is for all of them",
        );
    }
    ChecksConfig { csrf, forms: csrf, unchecked: Unchecked::Below(paths) }
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
    own: Vec<String>,
    production: bool,
    port: u16,
) -> TrustedOrigins {
    let mut patterns = own;
    patterns.extend(r.list("trustedOrigins").unwrap_or_default());
    if let Some(app) = r.text("appURL") {
        match BaseUrl::parse(&app) {
            Ok(url) => patterns.push(url.origin().to_owned()),
            Err(reason) => r.refuse("appURL", reason),
        }
    }
    if !production && !r.is_set("baseURL") && !r.is_set("baseURL.allowedHosts") {
        // Both names of this machine are the developer's own server.
        patterns.push(format!("http://127.0.0.1:{port}"));
    }
    match TrustedOrigins::of(&patterns) {
        Ok(origins) => origins,
        Err(problems) => {
            for problem in problems {
                r.refuse("trustedOrigins", problem);
            }
            TrustedOrigins::default()
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

//! A base URL by request: upstream's `baseURL` as a section.

use std::str::FromStr;

use super::BaseUrl;
use super::reader::Reader;
use crate::wire::host::RequestHost;
use crate::wire::wildcard::Wildcard;

/// Takes the base URL from the host that a request was sent to, if that is one of ours.
#[derive(Debug, Clone)]
pub struct DynamicBaseUrl {
    hosts: Vec<AllowedHost>,
    protocol: Option<Protocol>,
    fallback: Option<BaseUrl>,
    /// `X-Forwarded-Host` and `X-Forwarded-Proto` are believed.
    pub trusts_proxy_headers: bool,
    production: bool,
}

/// How browsers reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Https,
    /// Either, as a trusted proxy says; else https in production.
    Auto,
}

impl FromStr for Protocol {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "auto" => Ok(Self::Auto),
            _ => Err(()),
        }
    }
}

/// What a request says about the server that it was sent to. The forwarded values are those of a proxy that is
/// believed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Addressed<'h> {
    /// `Host`.
    pub host: Option<&'h str>,
    /// `X-Forwarded-Host`.
    pub forwarded_host: Option<&'h str>,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<&'h str>,
}

/// One entry of `baseURL.allowedHosts`.
#[derive(Debug, Clone)]
struct AllowedHost {
    /// Host and perhaps port, in lower case; `*` and `?` as in `trustedOrigins`.
    text: String,
    /// The scheme that the entry names: then only pages of that scheme are trusted.
    scheme: Option<&'static str>,
    pattern: Wildcard,
}

impl DynamicBaseUrl {
    /// The base URL of a request. Nothing when its host is none of ours and there is no fallback.
    #[must_use]
    pub fn resolve(&self, said: Addressed<'_>) -> Option<BaseUrl> {
        let forwarded = said.forwarded_host.and_then(RequestHost::parse);
        let host = forwarded.or_else(|| said.host.and_then(RequestHost::parse));
        host.and_then(|host| self.at(host, said.forwarded_proto)).or_else(|| self.fallback.clone())
    }

    fn at(&self, host: RequestHost, forwarded_scheme: Option<&str>) -> Option<BaseUrl> {
        let scheme = match (self.protocol, forwarded_scheme) {
            (Some(Protocol::Http), _) => "http",
            (Some(Protocol::Https), _) | (_, Some("https")) => "https",
            (_, Some("http")) => "http",
            // Nobody says it. In production there is TLS, in front of us.
            _ if self.production && !host.is_loopback() => "https",
            _ => "http",
        };
        let as_sent = host.to_string();
        let host = host.without_port(if scheme == "https" { 443 } else { 80 });
        let is_ours = |text: &str| self.hosts.iter().any(|allowed| allowed.pattern.matches(text));
        let short = host.to_string();
        if !is_ours(&as_sent) && !is_ours(&short) {
            return None;
        }
        BaseUrl::parse(&format!("{scheme}://{short}")).ok()
    }

    /// What is shown where no request says a base URL.
    pub(super) fn usual(&self, port: u16) -> BaseUrl {
        let plain = self.hosts.iter().find(|host| !host.text.contains(['*', '?']));
        let first = plain.and_then(|host| self.at(RequestHost::parse(&host.text)?, None));
        self.fallback.clone().or(first).unwrap_or_else(|| BaseUrl::localhost(port))
    }

    /// Whether cookies are secure: one answer for all requests, because it is part of the cookies' names.
    pub(super) fn has_secure_cookies(&self) -> bool {
        match self.protocol {
            Some(Protocol::Http) => false,
            Some(Protocol::Https) => true,
            Some(Protocol::Auto) | None => self.production,
        }
    }

    /// The pages that may call the server, as `trustedOrigins` writes them.
    pub(super) fn origins(&self) -> Vec<String> {
        let mut origins = Vec::new();
        for host in &self.hosts {
            let mut push = |scheme: &str| {
                let default_port = if scheme == "https" { ":443" } else { ":80" };
                let text = host.text.strip_suffix(default_port).unwrap_or(&host.text);
                origins.push(format!("{scheme}://{text}"));
            };
            match (host.scheme, self.protocol) {
                (Some(scheme), _) => push(scheme),
                (None, Some(Protocol::Https)) => push("https"),
                (None, Some(Protocol::Http)) => push("http"),
                (None, protocol) => {
                    push("https");
                    // In production nobody should have to trust plain pages who did not ask for it.
                    if protocol.is_some() || !self.production || host.is_loopback() {
                        push("http");
                    }
                }
            }
        }
        origins.extend(self.fallback.as_ref().map(|url| url.origin().to_owned()));
        origins
    }
}

/// Reads the section, if there is one.
pub(super) fn read(r: &mut Reader, production: bool) -> Option<DynamicBaseUrl> {
    let protocol = r.word("baseURL.protocol");
    let listed = r.list("baseURL.allowedHosts");
    let fallback = r.text("baseURL.fallback");
    let trusts_proxy_headers = r.boolean("advanced.trustedProxyHeaders", false);
    let is_section = listed.is_some() || fallback.is_some() || r.is_set("baseURL.protocol");
    if !is_section {
        return None;
    }
    if r.text("baseURL").is_some() {
        r.refuse("baseURL", "is one URL or a section with `allowedHosts`, not both");
    }
    let mut hosts = Vec::new();
    for text in listed.unwrap_or_default() {
        match AllowedHost::parse(&text) {
            Ok(host) => hosts.push(host),
            Err(reason) => r.refuse("baseURL.allowedHosts", format!("{text:?} {reason}")),
        }
    }
    if hosts.is_empty() {
        r.refuse("baseURL.allowedHosts", "expected the hosts of this server, such as auth.example.com");
    }
    if production && protocol == Some(Protocol::Http) && !hosts.iter().all(AllowedHost::is_loopback) {
        r.refuse("baseURL.protocol", "must be https in production; plain http is for loopback addresses");
    }
    let fallback = fallback.and_then(|text| match BaseUrl::parse(&text) {
        Ok(url) if url.path().is_some() => {
            r.refuse("baseURL.fallback", "has a path: that is for `basePath` to say");
            None
        }
        Ok(url) if production && !url.is_https() && !url.is_loopback() => {
            r.refuse("baseURL.fallback", "must be https in production; plain http is for loopback addresses");
            None
        }
        Ok(url) => Some(url),
        Err(reason) => {
            r.refuse("baseURL.fallback", reason);
            None
        }
    });
    Some(DynamicBaseUrl { hosts, protocol, fallback, trusts_proxy_headers, production })
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim().to_ascii_lowercase();
        let (scheme, host) = match text.split_once("://") {
            None => (None, text.as_str()),
            Some(("http", host)) => (Some("http"), host),
            Some(("https", host)) => (Some("https"), host),
            Some(_) => return Err("has a scheme that is neither http nor https"),
        };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        // What a wildcard stands for is checked at the request: here it stands for one letter or digit.
        let is_host = |name: &str, port: Option<&str>| {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            RequestHost::parse(&format!("{name}{port}")).is_some()
        };
        let port_sample = port.map(|port| port.replace(['*', '?'], "1"));
        if name.contains(['*', '?']) {
            if !is_host(&name.replace(['*', '?'], "a"), port_sample.as_deref()) {
                return Err("is not a host such as auth.example.com or *.example.com:8443");
            }
            if !is_bound(name) {
                return Err(
                    "would admit hosts of strangers: two names have to follow the wildcard, as in *.example.com",
                );
            }
        } else if !is_host(name, port_sample.as_deref()) {
            return Err("is not a host such as auth.example.com or *.example.com:8443");
        }
        let host = host.to_owned();
        Ok(Self { pattern: Wildcard::new(&host), text: host, scheme })
    }

    fn is_loopback(&self) -> bool {
        let sample = self.text.replace(['*', '?'], "1");
        RequestHost::parse(&sample).is_some_and(|host| host.is_loopback())
    }
}

/// Whether a host pattern ends in a domain that somebody has registered: nobody else's name can match then.
fn is_bound(pattern: &str) -> bool {
    let tail = pattern.rsplit(['*', '?']).next().unwrap_or_default();
    let Some((_, domain)) = tail.split_once('.') else { return false };
    domain == "localhost" || domain.contains('.')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::config::{Config, Sources};

    fn load(settings: &Value) -> Result<Config, Vec<String>> {
        let text = settings.to_string();
        let sources =
            Sources { env: &|_| None, read_file: &|_| Ok(text.clone()), file: Some(Path::new("auth.json")) };
        Config::load(&sources).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn with_host(pattern: &str) -> Result<Config, Vec<String>> {
        load(&json!({ "baseURL": { "allowedHosts": [pattern] } }))
    }

    /// The origin under which a server that has `pattern` sees a request to `host`.
    fn origin(pattern: &str, host: &str) -> Option<String> {
        let dynamic = with_host(pattern).unwrap().dynamic_base_url.unwrap();
        let url = dynamic.resolve(Addressed { host: Some(host), ..Addressed::default() })?;
        Some(url.origin().to_owned())
    }

    #[test]
    fn a_pattern_admits_the_hosts_it_looks_like_and_no_others() {
        for (pattern, host, expected) in [
            ("auth.test", "auth.test", Some("http://auth.test")),
            ("Auth.Test", "aUTH.tEST", Some("http://auth.test")),
            ("auth.test", "auth.test:80", Some("http://auth.test")),
            ("auth.test:80", "auth.test:80", Some("http://auth.test")),
            ("auth.test", "auth.test:8080", None),
            ("auth.test:8080", "auth.test", None),
            ("auth.test:*", "auth.test:8080", Some("http://auth.test:8080")),
            ("auth.test:*", "auth.test", None),
            ("*.auth.test", "a.auth.test", Some("http://a.auth.test")),
            ("*.auth.test", "a.b.auth.test", Some("http://a.b.auth.test")),
            ("*.auth.test", "auth.test", None),
            ("*.auth.test", "evilauth.test", None),
            ("*.auth.test", "a.auth.test.evil.test", None),
            ("*.auth.test", "a.auth.test:8080", None),
            ("pr-*.auth.test", "pr-7.auth.test", Some("http://pr-7.auth.test")),
            ("pr-*.auth.test", "pr-.auth.test", None),
            ("pr-?.auth.test", "pr-7.auth.test", Some("http://pr-7.auth.test")),
            ("pr-?.auth.test", "pr-77.auth.test", None),
            ("[::1]:3000", "[::1]:3000", Some("http://[::1]:3000")),
            ("*.localhost:3000", "a.localhost:3000", Some("http://a.localhost:3000")),
            ("https://auth.test", "auth.test", Some("http://auth.test")),
        ] {
            assert_eq!(origin(pattern, host).as_deref(), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn patterns_that_admit_strangers_or_nobody_stop_the_start() {
        for pattern in [
            "*",
            "**",
            "*:*",
            "*.*",
            "*.test",
            "*auth.test",
            "auth.*",
            "?",
            "127.0.0.*",
            "*.0.1",
            "[::*]",
            "",
            "auth.test/",
            "auth.test/path",
            "user@auth.test",
            "auth_test",
            "auth.test.",
            "ftp://auth.test",
            "a b",
            "auth.test:0",
            "auth.test:x",
            "bücher.test",
            "*.auth.test.",
            "localhost:99999",
        ] {
            let problems = with_host(pattern).err().unwrap_or_default();
            assert!(
                problems.iter().any(|problem| problem.contains("allowedHosts")),
                "{pattern}: {problems:?}"
            );
        }
    }

    #[test]
    fn a_section_has_to_be_whole() {
        for (settings, name) in [
            (json!({ "baseURL": { "protocol": "https" } }), "baseURL.allowedHosts"),
            (json!({ "baseURL": { "allowedHosts": [] } }), "baseURL.allowedHosts"),
            (json!({ "baseURL": { "fallback": "https://auth.test" } }), "baseURL.allowedHosts"),
            (json!({ "baseURL": { "allowedHosts": ["a.test"], "protocol": "ftp" } }), "baseURL.protocol"),
            (json!({ "baseURL": { "allowedHosts": ["a.test"], "fallback": "a.test" } }), "baseURL.fallback"),
            (
                json!({ "baseURL": { "allowedHosts": ["a.test"], "fallback": "https://a.test/auth" } }),
                "baseURL.fallback",
            ),
            (json!({ "baseURL": { "allowedHosts": ["a.test"], "hosts": [] } }), "baseURL.hosts"),
        ] {
            let problems = load(&settings).err().unwrap_or_default();
            assert_eq!(problems.len(), 1, "{settings}: {problems:?}");
            assert!(problems[0].starts_with(name), "{settings}: {problems:?}");
        }
    }

    #[test]
    fn production_is_https_unless_the_host_is_this_machine() {
        let of = |base_url: Value| {
            let secret = "0123456789-abcdefghijklmnop-ABCDEF";
            let database = json!({ "url": "sqlite:auth.db" });
            load(&json!({ "production": true, "secret": secret, "database": database, "baseURL": base_url }))
        };
        let config = of(json!({ "allowedHosts": ["auth.test", "localhost:*"] })).unwrap();
        let dynamic = config.dynamic_base_url.as_ref().unwrap();
        let at = |host| dynamic.resolve(Addressed { host: Some(host), ..Addressed::default() }).unwrap();
        assert_eq!(at("auth.test").origin(), "https://auth.test");
        assert_eq!(at("localhost:3000").origin(), "http://localhost:3000");
        assert_eq!(config.base_url.origin(), "https://auth.test");
        assert!(config.cookies.secure);
        for (page, is_trusted) in
            [("https://auth.test", true), ("http://auth.test", false), ("http://localhost:1", true)]
        {
            assert_eq!(config.origins.is_trusted_origin(page), is_trusted, "{page}");
        }
        let plain = json!({ "allowedHosts": ["auth.test"], "protocol": "http" });
        assert!(of(plain).unwrap_err()[0].starts_with("baseURL.protocol"));
        assert!(of(json!({ "allowedHosts": ["localhost"], "protocol": "http" })).is_ok());
        let plain = json!({ "allowedHosts": ["auth.test"], "fallback": "http://auth.test" });
        assert!(of(plain).unwrap_err()[0].starts_with("baseURL.fallback"));
    }
}

//! Whom the server trusts: which sites may call it with cookies, and where it may send a browser.
//!
//! URLs are read as browsers read them (WHATWG). Refused always: schemes that run or wrap content
//! (`javascript:`, `data:`, ...), control characters, and web addresses that cannot be parsed, even
//! when a wildcard pattern would match their text.

mod check;
mod pattern;

pub use check::{OriginInput, OriginRefusal, check_origin};

use std::fmt;

use url::{Url, form_urlencoded};

use crate::wire::cookie::encode_uri_component;
use pattern::Pattern;

/// Schemes whose URLs run a script or carry another URL or content inside them.
const NEVER_TRUSTED: [&str; 7] =
    ["about", "blob", "data", "filesystem", "javascript", "vbscript", "view-source"];

/// The server's own origins and the patterns of `trustedOrigins`.
#[derive(Clone, Debug, Default)]
pub struct TrustedOrigins(Vec<Pattern>);

impl TrustedOrigins {
    /// Trusts whatever matches `patterns`; empty patterns are left out.
    ///
    /// # Errors
    /// One sentence for each pattern that could never match or must not.
    pub fn of(patterns: &[String]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut trusted = Vec::with_capacity(patterns.len());
        for text in patterns.iter().filter(|text| !text.is_empty()) {
            match Pattern::parse(text) {
                Ok(pattern) => trusted.push(pattern),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self(trusted)) } else { Err(problems) }
    }

    /// The web origins that are trusted by name, without wildcards.
    pub(crate) fn named_origins(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|pattern| match pattern {
            Pattern::Origin(origin) => Some(origin.as_str()),
            Pattern::OriginWildcard(_) | Pattern::HostWildcard(_) | Pattern::App(_) => None,
        })
    }

    /// Whether an `Origin` or `Referer` header names a trusted site; a path alone names none.
    #[must_use]
    pub fn is_trusted_origin(&self, value: &str) -> bool {
        !value.starts_with('/')
            && Target::read(value).is_some_and(|target| self.0.iter().any(|pattern| pattern.matches(&target)))
    }

    /// Whether a browser may be sent to `value`: a path on this server or a URL of a trusted site.
    #[must_use]
    pub fn is_trusted_url(&self, value: &str) -> bool {
        if value.starts_with('/') { is_safe_path(value) } else { self.is_trusted_origin(value) }
    }

    /// `raw` as a place to send a browser to, when it is trusted.
    #[must_use]
    pub fn redirect(&self, raw: &str) -> Option<RedirectTarget> {
        self.is_trusted_url(raw).then(|| RedirectTarget(raw.to_owned()))
    }
}

/// A place that [`TrustedOrigins::redirect`] has found trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget(String);

impl RedirectTarget {
    /// Any text, for an operator who switched the check of redirect targets off.
    pub(crate) fn allowed_by_configuration(raw: &str) -> Self {
        Self(raw.chars().filter(|character| !character.is_control()).collect())
    }

    /// A target that was checked before it was kept where nobody else writes.
    pub(crate) fn kept(raw: &str) -> Self {
        Self::allowed_by_configuration(raw)
    }

    /// As [`to_location`](Self::to_location), with an error in the query: a code and, if there is one, a
    /// description.
    #[must_use]
    pub fn to_location_with_error(&self, code: &str, description: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("error", code);
        if let Some(description) = description.filter(|text| !text.is_empty()) {
            query.append_pair("error_description", description);
        }
        let location = self.to_location();
        let (target, fragment) = location.split_at(location.find('#').unwrap_or(location.len()));
        let separator = if target.contains('?') { '&' } else { '?' };
        format!("{target}{separator}{}{fragment}", query.finish())
    }

    /// The target as the client wrote it; free of control characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As [`to_location`](Self::to_location), with one more parameter in the query.
    #[must_use]
    pub fn to_location_with(&self, name: &'static str, value: &str) -> String {
        let location = self.to_location();
        let (target, fragment) = match location.split_once('#') {
            Some((target, fragment)) => (target, Some(fragment)),
            None => (location.as_str(), None),
        };
        let separator = if target.contains('?') { '&' } else { '?' };
        let value = encode_uri_component(value);
        let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
        format!("{target}{separator}{name}={value}{fragment}")
    }

    /// The whole URL of the target, seen from `base`, with a parameter of the query set to `value`. Nothing
    /// when it cannot be read, which only an unchecked target can be.
    #[must_use]
    pub fn absolute_with(&self, base: &str, name: &'static str, value: &str) -> Option<String> {
        let mut url = Url::parse(base).ok()?.join(&self.0).ok()?;
        let others: Vec<(String, String)> =
            url.query_pairs().filter(|(key, _)| key != name).map(|(k, v)| (k.into(), v.into())).collect();
        url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
        Some(url.into())
    }

    /// The target as a `Location` header can carry it: as written, with everything outside ASCII
    /// percent-encoded.
    #[must_use]
    pub fn to_location(&self) -> String {
        let mut location = String::with_capacity(self.0.len());
        for character in self.0.chars() {
            if character.is_ascii() {
                location.push(character);
            } else {
                location.push_str(&encode_uri_component(character.encode_utf8(&mut [0; 4])));
            }
        }
        location
    }
}

impl fmt::Display for RedirectTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An absolute URL taken apart for comparison with patterns.
struct Target<'a> {
    raw: &'a str,
    url: Url,
    /// `scheme://host[:port]`; none for schemes without such a thing.
    origin: Option<String>,
}

impl<'a> Target<'a> {
    /// Nothing when no pattern may match the value.
    fn read(raw: &'a str) -> Option<Self> {
        if raw.chars().any(char::is_control) {
            return None;
        }
        let url = Url::parse(raw).ok()?;
        if NEVER_TRUSTED.contains(&url.scheme()) || is_host_ambiguous(raw, &url) {
            return None;
        }
        let origin = url.origin();
        let origin = origin.is_tuple().then(|| origin.ascii_serialization());
        Some(Self { raw, url, origin })
    }

    fn is_web(&self) -> bool {
        matches!(self.url.scheme(), "http" | "https")
    }

    /// Host and, unless it is the scheme's default, port.
    fn host(&self) -> Option<String> {
        let host = self.url.host_str().filter(|host| !host.is_empty())?;
        Some(self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}

/// Whether an app's URL has a backslash before its path: parsers disagree on where its host ends.
fn is_host_ambiguous(raw: &str, url: &Url) -> bool {
    let is_special = matches!(url.scheme(), "file" | "ftp" | "http" | "https" | "ws" | "wss");
    let authority = raw.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    !is_special && authority.is_some_and(|authority| authority.contains('\\'))
}

/// Whether `value`, which begins with `/`, stays on this server however a browser or a router reads it.
fn is_safe_path(value: &str) -> bool {
    let path = value.split(['?', '#']).next().unwrap_or(value);
    if value.starts_with("//")
        || value.contains('\\')
        || value.chars().any(char::is_control)
        || hides_something(path)
    {
        return false;
    }
    let Ok(base) = Url::parse("https://own-origin.invalid") else {
        return false;
    };
    base.join(value).is_ok_and(|resolved| resolved.origin() == base.origin())
}

/// Whether decoding `path`, however often, brings a slash, a backslash or a control character to light, which
/// browsers drop: `/%09/host` would become `//host`.
fn hides_something(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..4 {
        path = path.replace("%25", "%");
    }
    let hides = |escape: &str| {
        let code = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        code.is_some_and(|byte| byte.is_ascii_control() || matches!(byte, b'/' | b'\\'))
    };
    // Nobody encodes a path five times for a good reason.
    path.contains("%25") || path.split('%').skip(1).any(hides)
}

#[cfg(test)]
mod tests;

//! One entry of `trustedOrigins`.

use url::Url;

use super::{NEVER_TRUSTED, Target};
use crate::wire::cookie::decode_uri_component;
use crate::wire::wildcard::Wildcard;

/// What one entry trusts.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// Exactly this web origin.
    Origin(String),
    /// Web origins (other schemes: whole URLs) that match a text with wildcards.
    OriginWildcard(Wildcard),
    /// Hosts with their ports that match a text with wildcards.
    HostWildcard(Wildcard),
    /// URLs of an app's own scheme.
    App(AppUrl),
}

impl Pattern {
    /// Reads an entry, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let problem = |what: &str| format!("{text:?} {what}");
        if text
            .chars()
            .any(|character| character.is_control() || character.is_whitespace() || character == '\\')
        {
            return Err(problem("contains white space, a control character or a backslash"));
        }
        if text.contains(['*', '?']) {
            return Self::parse_wildcard(text).map_err(|what| problem(&what));
        }
        let Some(app) = AppUrl::read(text) else {
            return Err(problem("has no scheme: write it as https://host, or with a wildcard as *.host"));
        };
        if matches!(app.scheme.as_str(), "http" | "https") {
            let origin = Url::parse(text).map(|url| url.origin().ascii_serialization());
            return match origin {
                Ok(origin) if origin == text => Ok(Self::Origin(origin)),
                Ok(origin) => Err(problem(&format!("is not an origin: write {origin:?}"))),
                Err(error) => Err(problem(&format!("is not a URL: {error}"))),
            };
        }
        if NEVER_TRUSTED.contains(&app.scheme.as_str()) {
            return Err(problem("names a scheme that is never trusted"));
        }
        // `localhost:3000` would otherwise be the path 3000 of a scheme called localhost.
        let rest = text.split_once(':').map_or("", |(_, rest)| rest);
        if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(problem("has no scheme: write it as http://host:port"));
        }
        Ok(Self::App(app))
    }

    fn parse_wildcard(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.contains('/') {
                Err("has a path, and a pattern without a scheme is compared with hosts".to_owned())
            } else if text.contains(|character: char| character.is_ascii_uppercase()) {
                Err("has capital letters, and hosts are compared in lower case".to_owned())
            } else {
                Ok(Self::HostWildcard(Wildcard::new(text)))
            };
        };
        if NEVER_TRUSTED.contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err("names a scheme that is never trusted".to_owned());
        }
        if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
            let host = rest.strip_suffix("/**").unwrap_or(rest);
            if text.contains(|character: char| character.is_ascii_uppercase()) {
                return Err("has capital letters, and origins are compared in lower case".to_owned());
            }
            if host.contains(['/', '#', '@']) {
                return Err("is more than an origin: leave out the path and everything before @".to_owned());
            }
            let default_port = if scheme == "https" { ":443" } else { ":80" };
            if host.ends_with(default_port) {
                return Err(format!(
                    "names the default port, which origins leave out: remove {default_port}"
                ));
            }
        }
        Ok(Self::OriginWildcard(Wildcard::new(text)))
    }

    /// Whether this entry trusts `target`.
    pub(super) fn matches(&self, target: &Target<'_>) -> bool {
        match self {
            Self::Origin(origin) => target.is_web() && target.origin.as_deref() == Some(origin.as_str()),
            Self::OriginWildcard(wildcard) => {
                wildcard.matches(target.origin.as_deref().unwrap_or(target.raw))
            }
            Self::HostWildcard(wildcard) => target.host().is_some_and(|host| wildcard.matches(&host)),
            Self::App(app) => {
                !target.is_web() && AppUrl::read(target.raw).is_some_and(|other| app.covers(&other))
            }
        }
    }
}

/// A URL of an app's own scheme, taken apart by text: parsers disagree on such URLs.
#[derive(Clone, Debug)]
pub(super) struct AppUrl {
    scheme: String,
    authority: String,
    /// Decoded, dot segments resolved; empty for none.
    path: String,
}

impl AppUrl {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme) {
            return None;
        }
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = match rest.strip_prefix("//") {
            Some(hierarchy) => {
                hierarchy.find('/').and_then(|end| hierarchy.split_at_checked(end)).unwrap_or((hierarchy, ""))
            }
            None => ("", rest),
        };
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            authority: authority.to_lowercase(),
            path: resolve(path),
        })
    }

    /// Same scheme; same authority and same path or below, where this one names them.
    fn covers(&self, other: &Self) -> bool {
        let is_below = || other.path.strip_prefix(&self.path).is_some_and(|rest| rest.starts_with('/'));
        self.scheme == other.scheme
            && (self.authority.is_empty() || self.authority == other.authority)
            && (self.path.is_empty() || self.path == other.path || is_below())
    }
}

/// Decodes a path once and resolves its dot segments, so that `/cb/%2e%2e/x` is not below `/cb`.
fn resolve(path: &str) -> String {
    let decoded = decode_uri_component(path).unwrap_or_else(|| path.to_owned());
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

//! `redis`.

use std::fmt;

use auth_jose::Secret;
use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use url::Url;

use super::database_url::redacted;
use super::reader::Reader;
use super::size;

/// Valkey or Redis beside the database.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Where it is.
    pub url: RedisUrl,
    /// What the names of our keys and channels begin with.
    pub prefix: String,
    /// How many withdrawn names are kept there.
    pub max_withdrawn: usize,
}

/// Where Valkey or Redis is. Its display form hides the password.
#[derive(Clone)]
pub struct RedisUrl {
    url: Secret<String>,
    connection: ConnectionInfo,
}

const EXPECTED: &str =
    "expected redis://USER:PASSWORD@HOST:PORT/DB, the same with rediss:// for TLS, or unix:///PATH";

/// Longer prefixes say nothing more.
const LONGEST_PREFIX: usize = 100;

impl RedisUrl {
    /// Reads `redis://...`, `rediss://...` (also as `valkey` and `valkeys`) or `unix://...`.
    ///
    /// # Errors
    /// A sentence that says what was expected; it holds nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_error| EXPECTED.to_owned())?;
        let is_socket = match url.scheme() {
            "redis" | "rediss" | "valkey" | "valkeys" => false,
            "unix" | "redis+unix" | "valkey+unix" => true,
            _ => return Err(EXPECTED.to_owned()),
        };
        if url.fragment().is_some() {
            return Err(
                "has a fragment (#), by which TLS would be weakened; certificates are always checked"
                    .to_owned(),
            );
        }
        let is_known = |name: &str| is_socket && matches!(name, "db" | "user" | "pass");
        if !url.query_pairs().all(|(name, _)| is_known(&name)) {
            return Err(format!("has a parameter that is not supported; {EXPECTED}"));
        }
        let connection =
            text.into_connection_info().map_err(|_error| format!("is not understood; {EXPECTED}"))?;
        // With this version messages come on the connection that commands go out on.
        let settings = connection.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self { url: Secret::from(text), connection: connection.set_redis_settings(settings) })
    }

    pub(crate) fn connection(&self) -> ConnectionInfo {
        self.connection.clone()
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        redacted(self.url.expose(), "redis://***", f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(super) fn read(r: &mut Reader) -> Option<RedisConfig> {
    let prefix = r.text("redis.prefix").unwrap_or_else(|| "auth-server:".to_owned());
    if prefix.is_empty()
        || prefix.len() > LONGEST_PREFIX
        || !prefix.bytes().all(|byte| byte.is_ascii_graphic())
    {
        r.refuse("redis.prefix", format!("expected 1 to {LONGEST_PREFIX} visible ASCII characters"));
    }
    let max_withdrawn = size(r.integer("redis.maxWithdrawn", 1_000_000, 1..=100_000_000));
    let url = match RedisUrl::parse(r.secret("redis.url")?.expose()) {
        Ok(url) => url,
        Err(reason) => {
            r.refuse("redis.url", reason);
            return None;
        }
    };
    Some(RedisConfig { url, prefix, max_withdrawn })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("redis://:hunter2@cache:6380/2", "redis://:***@cache:6380/2"),
            ("rediss://app:hunter2@cache.example.com", "rediss://app:***@cache.example.com"),
            ("valkey://app:hunter2@cache", "valkey://app:***@cache"),
            ("unix:///run/redis.sock?db=1&pass=hunter2", "unix:///run/redis.sock"),
        ] {
            let url = RedisUrl::parse(url).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
            assert!(!format!("{:?}", url.connection()).contains("hunter2"));
        }
    }

    #[test]
    fn refuses_what_is_no_url_or_would_weaken_tls() {
        for (url, word) in [
            ("hunter2", "expected redis://"),
            ("http://u:hunter2@cache", "expected redis://"),
            ("redis://u:hunter2@cache/notanumber", "is not understood"),
            ("redis://u:hunter2@cache/?protocol=resp2", "not supported"),
            ("rediss://u:hunter2@cache/#insecure", "fragment"),
            ("unix:///run/redis.sock?passwd=hunter2", "not supported"),
        ] {
            let reason = RedisUrl::parse(url).unwrap_err();
            assert!(reason.contains(word) && !reason.contains("hunter2"), "{url}: {reason}");
        }
    }
}

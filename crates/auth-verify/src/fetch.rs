//! One request for a key set: bounded in time and size, to one address and no other.

use std::time::Duration;

use auth_jose::{JwkSet, JwkSetError};
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use reqwest::{Client, StatusCode, redirect};
use url::Url;

use crate::ConfigError;

const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BODY_BYTES: usize = 64 * 1024;
const DEFAULT_TTL_SECONDS: u32 = 10 * 60;
const MIN_TTL_SECONDS: u32 = 30;
const MAX_TTL_SECONDS: u32 = 60 * 60;

/// Why an answer gave no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    #[error("no usable key in the set, {skipped} unusable")]
    NoUsableKey { skipped: usize },
    #[error(transparent)]
    NotAKeySet(#[from] JwkSetError),
    #[error("status {0}, expected 200")]
    Status(StatusCode),
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

/// Keys and how long the issuer allows to keep them.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) keys: JwkSet,
    pub(crate) ttl_seconds: u32,
}

pub(crate) struct Fetcher {
    client: Client,
    url: Url,
}

impl Fetcher {
    pub(crate) fn new(url: Url) -> Result<Self, ConfigError> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false)
            // A proxy named by the environment would see and could answer the request for keys.
            .no_proxy()
            // Another crate of the build may have switched these on; the limit is on what we parse.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .user_agent(concat!("auth-verify/", env!("CARGO_PKG_VERSION")))
            .build();
        match client {
            Ok(client) => Ok(Self { client, url }),
            Err(error) => Err(ConfigError::ClientUnavailable(error.to_string())),
        }
    }

    /// The address, as a name for the set.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) async fn fetch(&self) -> Result<Fetched, FetchError> {
        let mut response = self.client.get(self.url.clone()).send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let ttl_seconds = ttl_seconds(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FetchError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let keys = JwkSet::parse(&body)?;
        if keys.is_empty() {
            return Err(FetchError::NoUsableKey { skipped: keys.skipped() });
        }
        Ok(Fetched { keys, ttl_seconds })
    }
}

/// `max-age` within bounds: an issuer can neither make us ask for every token nor keep a removed key
/// alive for longer than an hour.
fn ttl_seconds(headers: &HeaderMap) -> u32 {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives =
        values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase());
    let mut ttl = DEFAULT_TTL_SECONDS;
    for directive in directives {
        if directive == "no-store" || directive == "no-cache" {
            return MIN_TTL_SECONDS;
        }
        let age = directive.strip_prefix("max-age=").map(|age| age.trim_matches('"'));
        if let Some(age) = age.filter(|age| !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit()))
        {
            // Digits alone that do not fit are simply a long time.
            ttl = age.parse().unwrap_or(u32::MAX);
        }
    }
    ttl.clamp(MIN_TTL_SECONDS, MAX_TTL_SECONDS)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn keeps_the_lifetime_within_bounds() {
        for (value, expected) in [
            ("max-age=300", 300),
            ("public, Max-Age=300, must-revalidate", 300),
            ("max-age=\"300\"", 300),
            ("max-age=0", 30),
            ("max-age=3", 30),
            ("max-age=86400", 3600),
            ("max-age=99999999999999999999", 3600),
            ("max-age=-1", 600),
            ("max-age=", 600),
            ("max-age=ten", 600),
            ("s-maxage=300", 600),
            ("no-store, max-age=300", 30),
            ("no-cache", 30),
            ("", 600),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))]);
            assert_eq!(ttl_seconds(&headers), expected, "{value}");
        }
        assert_eq!(ttl_seconds(&HeaderMap::new()), 600);
    }
}

//! One request for a key set: bounded in time and size, to one address and no other.

use std::time::Duration;

use auth_jose::{JwkSet, JwkSetError};
use reqwest::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, StatusCode, redirect};
use url::Url;

use crate::ConfigError;
use crate::cache_control::ttl_seconds;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
/// Longer entity tags are not sent back.
const MAX_ETAG_BYTES: usize = 256;

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

/// What to ask for.
#[derive(Clone, Debug)]
pub(crate) enum Question {
    /// The set, unless it is still the one with this entity tag.
    Changed(Option<HeaderValue>),
    /// The set as it is now: no cache on the way may answer.
    Now,
}

/// What was answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The set that was asked about has not changed. Its new lifetime, if the answer names one.
    Same { ttl_seconds: Option<u32> },
    /// A set, and how long the issuer allows to keep it.
    Set { keys: JwkSet, etag: Option<HeaderValue>, ttl_seconds: u32 },
}

pub(crate) struct Fetcher {
    client: Client,
    url: Url,
    /// A set of many owners may be empty for a while; an issuer that signs always has a key.
    may_be_empty: bool,
}

impl Fetcher {
    pub(crate) fn new(url: Url, may_be_empty: bool) -> Result<Self, ConfigError> {
        // A kept connection would live on the runtime that made it, which may be gone by the next time.
        Ok(Self { client: client(0)?, url, may_be_empty })
    }

    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(crate) async fn fetch(&self, question: Question) -> Result<Answer, FetchError> {
        let request = self.client.get(self.url.clone());
        let (request, is_conditional) = match question {
            Question::Changed(Some(etag)) => (request.header(IF_NONE_MATCH, etag), true),
            Question::Changed(None) => (request, false),
            Question::Now => (request.header(CACHE_CONTROL, "no-cache"), false),
        };
        let mut response = request.send().await?;
        if is_conditional && response.status() == StatusCode::NOT_MODIFIED {
            let has_lifetime = response.headers().contains_key(CACHE_CONTROL);
            return Ok(Answer::Same { ttl_seconds: has_lifetime.then(|| ttl_of(response.headers())) });
        }
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let ttl_seconds = ttl_of(response.headers());
        let etag = response.headers().get(ETAG).filter(|etag| etag.len() <= MAX_ETAG_BYTES).cloned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FetchError::BodyTooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let keys = match JwkSet::parse(&body)? {
            keys if self.may_be_empty && keys.is_empty() && keys.skipped() == 0 => keys,
            _ => usable_keys(&body)?,
        };
        Ok(Answer::Set { keys, etag, ttl_seconds })
    }
}

/// What asks the issuer: bounded in time, and sent nowhere else.
pub(crate) fn client(kept_connections: usize) -> Result<Client, ConfigError> {
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
        .pool_max_idle_per_host(kept_connections)
        .user_agent(concat!("auth-verify/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| ConfigError::ClientUnavailable(error.to_string()))
}

/// The set in `document`, which has to hold a key to verify with.
pub(crate) fn usable_keys(document: &[u8]) -> Result<JwkSet, FetchError> {
    let keys = JwkSet::parse(document)?;
    if keys.is_empty() { Err(FetchError::NoUsableKey { skipped: keys.skipped() }) } else { Ok(keys) }
}

fn ttl_of(headers: &HeaderMap) -> u32 {
    ttl_seconds(headers.get_all(CACHE_CONTROL).iter().map(HeaderValue::as_bytes))
}

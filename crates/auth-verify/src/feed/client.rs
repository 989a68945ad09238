//! One question to the issuer: bounded in time and size, to one address and no other.

use std::sync::Arc;
use std::time::Duration;

use auth_jose::Secret;
use reqwest::{Client, StatusCode};
use url::Url;

use super::answer::FeedError;
use crate::ConfigError;
use crate::config::parse_feed_url;
use crate::fetch::{TIMEOUT, client};

pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How the issuer is told who asks.
#[derive(Clone)]
pub(super) enum Credentials {
    None,
    Basic(String, Secret<String>),
    Bearer(Arc<dyn Fn() -> String + Send + Sync>),
}

pub(super) struct FeedClient {
    client: Client,
    url: Url,
    credentials: Credentials,
}

impl FeedClient {
    pub(super) fn new(url: &str, credentials: Credentials) -> Result<Self, ConfigError> {
        // One task asks, on one runtime: its connection may be kept.
        Ok(Self { client: client(1)?, url: parse_feed_url(url)?, credentials })
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    pub(super) async fn ask(&self, after: i64, wait: Duration) -> Result<String, FeedError> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("after", &after.to_string())
            .append_pair("wait", &wait.as_secs().to_string());
        let mut request = self.client.get(url).timeout(wait + TIMEOUT);
        match &self.credentials {
            Credentials::None => {}
            Credentials::Basic(name, secret) => request = request.basic_auth(name, Some(secret.expose())),
            Credentials::Bearer(token) => request = request.bearer_auth(token()),
        }
        let mut response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(FeedError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(FeedError::BodyRefused);
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).or(Err(FeedError::BodyRefused))
    }
}

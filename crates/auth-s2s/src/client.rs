//! What a service asks the auth server: to register its key, to replace it, and for tokens on behalf of users.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth_jose::KeyError;
use reqwest::{Client, Response, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Ask, Minter, ServiceName};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A token on behalf of a user is not handed out when it would end within this time.
const MARGIN: Duration = Duration::from_secs(5);

/// How many tokens on behalf of users are kept.
const MAX_KEPT: usize = 10_000;

/// Why the auth server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is neither https nor on loopback, or no URL.
    #[error("the auth server's address must be https, or http on loopback")]
    AddressInvalid,
    /// No proof could be signed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It refused.
    #[error("the auth server refused ({status}): {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        reason: String,
    },
    /// It did not answer, or not what was expected.
    #[error("the auth server did not answer: {0}")]
    Unavailable(String),
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The auth server, as its services see it. Nothing here is needed to call other services.
pub struct AuthServer {
    base: String,
    issuer: String,
    name: ServiceName,
    http: Client,
    hasher: RandomState,
    delegated: Mutex<HashMap<u64, Delegated>>,
}

struct Delegated {
    token: Arc<str>,
    until: Instant,
}

/// The key that follows a service's present one: registered, but not known to every receiver yet.
#[derive(Debug)]
pub struct Successor {
    minter: Minter,
    usable_in: Duration,
}

impl Successor {
    /// The new key. Store it ([`Minter::private_jwk`]) before [`Minter::switch_to`].
    #[must_use]
    pub fn minter(&self) -> &Minter {
        &self.minter
    }

    /// How long the present key has to go on signing.
    #[must_use]
    pub fn usable_in(&self) -> Duration {
        self.usable_in
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    usable_in: u64,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: u64,
}

impl AuthServer {
    /// The auth server at `base_url`: `https://auth.example.com/api/auth`. The issuer of its tokens is the origin of
    /// that address unless [`AuthServer::with_issuer`] says otherwise.
    ///
    /// # Errors
    /// [`ClientError::AddressInvalid`].
    pub fn new(base_url: &str) -> Result<Self, ClientError> {
        let base = Url::parse(base_url).or(Err(ClientError::AddressInvalid))?;
        let is_loopback = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = base.scheme() == "https" || base.scheme() == "http" && is_loopback;
        if !is_safe || !base.username().is_empty() || base.password().is_some() {
            return Err(ClientError::AddressInvalid);
        }
        let http = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("auth-s2s/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            base: base_url.trim_end_matches('/').to_owned(),
            issuer: base.origin().ascii_serialization(),
            name: ServiceName::auth_server(),
            http,
            hasher: RandomState::new(),
            delegated: Mutex::default(),
        })
    }

    /// Its tokens' `iss`, if that is not the origin of its address.
    #[must_use]
    pub fn with_issuer(mut self, issuer: &str) -> Self {
        issuer.clone_into(&mut self.issuer);
        self
    }

    /// What it is called, if not `auth` (its setting `services.name`).
    #[must_use]
    pub fn named(mut self, name: ServiceName) -> Self {
        self.name = name;
        self
    }

    /// Registers the key of `minter` with a one-time code.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the code was used or the key is not fit.
    pub async fn enrol(&self, minter: &Minter, code: &str) -> Result<(), ClientError> {
        let proof = minter.prove(&self.name, Some(code))?;
        let body = json!({ "code": code, "jwk": minter.public_jwk(), "proof": proof });
        self.read::<Registered>(self.http.post(self.url("/s2s/enrol")).json(&body).send().await?).await?;
        Ok(())
    }

    /// Makes a new key and registers it as the successor of the key of `minter`, which goes on signing until
    /// [`Minter::switch_to`].
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn register_successor(&self, minter: &Minter) -> Result<Successor, ClientError> {
        let next = Minter::generate(minter.name().clone())?;
        let body = json!({ "jwk": next.public_jwk(), "proof": next.prove(&self.name, None)? });
        let request = self.http.post(self.url("/s2s/rotate")).bearer_auth(minter.token(&self.name)?);
        let registered: Registered = self.read(request.json(&body).send().await?).await?;
        Ok(Successor { minter: next, usable_in: Duration::from_secs(registered.usable_in) })
    }

    /// A token with which the service of `minter` calls another one for the user of `user_token` (RFC 8693): about
    /// that user, with the service in `act`. It is kept until shortly before its end.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the user's token is not good or the chain of services is too long.
    pub async fn on_behalf_of(
        &self,
        minter: &Minter,
        user_token: &str,
        ask: &Ask,
    ) -> Result<Arc<str>, ClientError> {
        let key = self.hasher.hash_one((minter.name(), ask.audience(), ask.scope(), user_token));
        if let Some(token) = self.kept(key) {
            return Ok(token);
        }
        let assertion = minter.assertion(&self.issuer)?;
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
            ("subject_token", user_token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", ask.audience().subject()),
        ];
        form.extend(ask.scope().map(|scope| ("scope", scope)));
        let body = reqwest_form(&form);
        let request = self.http.post(self.url("/oauth2/token"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let issued: Issued = self.read(request.send().await?).await?;
        let token: Arc<str> = issued.access_token.into();
        self.keep(key, Arc::clone(&token), Duration::from_secs(issued.expires_in));
        Ok(token)
    }

    fn kept(&self, key: u64) -> Option<Arc<str>> {
        let kept = self.delegated.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.get(&key).filter(|it| Instant::now() < it.until);
        found.map(|it| Arc::clone(&it.token))
    }

    fn keep(&self, key: u64, token: Arc<str>, life: Duration) {
        let now = Instant::now();
        let mut kept = self.delegated.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, it| now < it.until);
        }
        if kept.len() < MAX_KEPT {
            kept.insert(key, Delegated { token, until: now + life.saturating_sub(MARGIN) });
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, mut response: Response) -> Result<T, ClientError> {
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(ClientError::Unavailable("a body that is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status == 200 {
            return serde_json::from_slice(&body)
                .map_err(|error| ClientError::Unavailable(error.to_string()));
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = ["error_description", "message"].iter().find_map(|name| body.get(*name)?.as_str());
        Err(ClientError::Refused { status, reason: reason.unwrap_or("no reason given").to_owned() })
    }
}

fn reqwest_form(pairs: &[(&str, &str)]) -> String {
    let mut url = match Url::parse("x:") {
        Ok(url) => url,
        Err(_) => return String::new(),
    };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

impl fmt::Debug for AuthServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthServer")
            .field("base", &self.base)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

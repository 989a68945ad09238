//! For programs that call APIs: gets the JWT of a session from the auth server and keeps it.
//!
//! ```no_run
//! use auth_verify::client::{TokenError, TokenSource};
//!
//! # async fn orders(session_token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let tokens = TokenSource::new("https://auth.example.com/api/auth/token", session_token)?;
//! let client = reqwest::Client::new();
//! let send = |token: auth_verify::client::AccessToken| {
//!     let request = client.get("https://api.example.com/orders").bearer_auth(token.expose());
//!     async { Ok::<_, Box<dyn std::error::Error>>(request.send().await?) }
//! };
//! let orders = tokens.call(send, |answer| answer.status() == 401).await?;
//! # Ok(())
//! # }
//! ```
//!
//! In memory only; asked for once however many need it; a new one 10 seconds before the old one ends.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth_jose::{Clock, SystemClock, Timestamp, base64url, json};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode, redirect};
use serde_json::Value;
use url::Url;

use crate::ConfigError;
use crate::config::parse_jwks_url;
use crate::flight::{Flight, Pilot};

/// A token is renewed this long before its end, or when half its life is over, whatever is later.
const MARGIN_MILLIS: i64 = 10_000;
/// After a failure nobody asks again for this long, unless the server names a time.
const PAUSE_SECONDS: i64 = 1;
const LONGEST_PAUSE_SECONDS: i64 = 60;
/// A token that an API refuses is replaced early at most this often: an API that refuses all of them asks for none.
const BETWEEN_REFUSALS_MILLIS: i64 = 10_000;

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A token for APIs: never shown, not even for debugging.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<str>);

impl AccessToken {
    /// The token as it goes behind `Bearer`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The answer of the auth server holds no token that lives.
    #[error("the auth server's answer is no token: {0}")]
    NotAToken(&'static str),
    /// 401: the session is over.
    #[error("nobody is signed in: the session is over")]
    SignedOut,
    /// Another status than 200.
    #[error("the auth server answered {0}")]
    Status(u16),
    /// No answer.
    #[error("the auth server cannot be reached: {0}")]
    Unreachable(String),
}

/// Why a source cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenSourceError {
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    ClientUnavailable(String),
    /// The session token is empty or cannot stand in a header.
    #[error("the session token is not one")]
    SessionTokenInvalid,
    /// Plain http to another machine: whoever is in between could use the session.
    #[error("the address must be https, or http on loopback")]
    UrlInsecure,
    /// No absolute http or https address, or one that holds a user name or password.
    #[error("the address is not a plain http or https URL")]
    UrlInvalid,
}

/// The tokens of one session. Cheap to clone; all clones share them. Runs on tokio.
#[derive(Clone)]
pub struct TokenSource(Arc<Inner>);

struct Inner {
    client: Client,
    url: Url,
    authorization: HeaderValue,
    clock: Arc<dyn Clock>,
    flight: Flight,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failure: Option<Failure>,
    refused_at: Option<Timestamp>,
}

struct Held {
    token: AccessToken,
    /// When it was asked for. Ages go by our own clock: the server's may differ.
    since: Timestamp,
    lifetime_millis: i64,
}

struct Failure {
    error: TokenError,
    at: Timestamp,
    pause_millis: i64,
}

impl Held {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let use_millis = (self.lifetime_millis - MARGIN_MILLIS).max(self.lifetime_millis / 2);
        is_within(self.since, use_millis, now)
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        is_within(self.since, self.lifetime_millis, now)
    }
}

/// A clock that was set back ends everything.
fn is_within(since: Timestamp, millis: i64, now: Timestamp) -> bool {
    (0..millis).contains(&now.millis().saturating_sub(since.millis()))
}

impl TokenSource {
    /// Tokens of `GET token_url` (`https://auth.example.com/api/auth/token`) for the session of `session_token`, as
    /// sign-in answers it.
    ///
    /// # Errors
    /// [`TokenSourceError`] when the address is neither https nor on loopback, or the token cannot be sent.
    pub fn new(token_url: &str, session_token: &str) -> Result<Self, TokenSourceError> {
        Self::with_clock(token_url, session_token, Arc::new(SystemClock))
    }

    /// The same, with the time from somewhere else.
    ///
    /// # Errors
    /// As [`TokenSource::new`].
    pub fn with_clock(
        token_url: &str,
        session_token: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TokenSourceError> {
        let url = parse_jwks_url(token_url).map_err(|error| match error {
            ConfigError::JwksUrlInsecure => TokenSourceError::UrlInsecure,
            _ => TokenSourceError::UrlInvalid,
        })?;
        let authorization = HeaderValue::try_from(format!("Bearer {session_token}"));
        let Ok(mut authorization) = authorization else { return Err(TokenSourceError::SessionTokenInvalid) };
        if session_token.trim().is_empty() {
            return Err(TokenSourceError::SessionTokenInvalid);
        }
        authorization.set_sensitive(true);
        let client = Client::builder()
            .timeout(TIMEOUT)
            // A redirect would carry the session to where it leads.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // A kept connection would live on the runtime that made it, which may be gone by the next time.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("auth-verify/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| TokenSourceError::ClientUnavailable(error.to_string()))?;
        let (flight, state) = (Flight::new(), Mutex::default());
        Ok(Self(Arc::new(Inner { client, url, authorization, clock, flight, state })))
    }

    /// The token, a new one if need be. Whoever asks while one is on its way gets that one.
    ///
    /// # Errors
    /// Why there is none; the same for all who waited, and for whoever asks within a second after.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        // A request that is cut short, because its runtime ends, settles nothing: then it is this caller's turn.
        for _ in 0..3 {
            let mut landings = self.0.flight.landings();
            if let Some(settled) = self.0.settled() {
                return settled;
            }
            if let Some(pilot) = self.0.flight.take_off() {
                // Asked again as the pilot: a request may have ended in between.
                if let Some(settled) = self.0.settled() {
                    return settled;
                }
                self.0.spawn_request(pilot);
            }
            if landings.changed().await.is_err() {
                break;
            }
        }
        let cut_short = || Err(TokenError::Unreachable("the request was cut short".to_owned()));
        self.0.settled().unwrap_or_else(cut_short)
    }

    /// Sends a request with the token; once more with a new one when `is_refused` says that the API did not accept
    /// it (401). Then the answer stands.
    ///
    /// # Errors
    /// Those of `send`, and [`TokenError`] when there is no token.
    pub async fn call<T, E, F>(
        &self,
        send: impl Fn(AccessToken) -> F,
        is_refused: impl Fn(&T) -> bool,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<TokenError>,
    {
        let used = self.token().await?;
        let answer = send(used.clone()).await?;
        if !is_refused(&answer) {
            return Ok(answer);
        }
        self.0.drop_refused(&used);
        match self.token().await {
            Ok(other) if other != used => send(other).await,
            _ => Ok(answer),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("url", &self.0.url.as_str()).finish_non_exhaustive()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be said without a request.
    fn settled(&self) -> Option<Result<AccessToken, TokenError>> {
        let now = self.clock.now();
        let state = self.state();
        if let Some(held) = state.held.as_ref().filter(|held| held.is_fresh(now)) {
            return Some(Ok(held.token.clone()));
        }
        let failure = state.failure.as_ref()?;
        if !is_within(failure.at, failure.pause_millis, now) {
            return None;
        }
        // What is left of the old token is better than nothing, unless the session is over.
        let rest =
            state.held.as_ref().filter(|held| held.is_alive(now) && failure.error != TokenError::SignedOut);
        Some(rest.map(|held| held.token.clone()).ok_or_else(|| failure.error.clone()))
    }

    fn drop_refused(&self, used: &AccessToken) {
        let now = self.clock.now();
        let mut state = self.state();
        let is_held = state.held.as_ref().is_some_and(|held| held.token == *used);
        let was_recent = state.refused_at.is_some_and(|at| is_within(at, BETWEEN_REFUSALS_MILLIS, now));
        if is_held && !was_recent {
            state.held = None;
            state.refused_at = Some(now);
        }
    }

    fn spawn_request(self: &Arc<Self>, pilot: Pilot) {
        let inner = Arc::clone(self);
        // A task of its own: whoever asked first may stop waiting, and the others still get their token.
        tokio::spawn(async move {
            let since = inner.clock.now();
            let outcome = inner.request(since).await;
            let now = inner.clock.now();
            let mut state = inner.state();
            match outcome {
                Ok(held) => {
                    state.held = Some(held);
                    state.failure = None;
                }
                Err((error, retry_after)) => {
                    tracing::warn!("no new token: {error}");
                    let seconds = retry_after.unwrap_or(0).clamp(PAUSE_SECONDS, LONGEST_PAUSE_SECONDS);
                    state.failure = Some(Failure { error, at: now, pause_millis: seconds * 1_000 });
                }
            }
            drop(state);
            drop(pilot);
        });
    }

    async fn request(&self, since: Timestamp) -> Result<Held, (TokenError, Option<i64>)> {
        let unreachable =
            |error: reqwest::Error| (TokenError::Unreachable(error.without_url().to_string()), None);
        let request = self.client.get(self.url.clone()).header(AUTHORIZATION, self.authorization.clone());
        let mut response = request.send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err((TokenError::SignedOut, None)),
            status => return Err((TokenError::Status(status.as_u16()), retry_after(response.headers()))),
        }
        let not_a_token = |reason| (TokenError::NotAToken(reason), None);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(not_a_token("it is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        let answer = json::parse_object(&body).unwrap_or_default();
        let Some(token) = answer.get("token").and_then(Value::as_str) else {
            return Err(not_a_token("it has no `token`"));
        };
        let lifetime_millis =
            lifetime_millis(token, since).ok_or(not_a_token("`exp` and `iat` leave it no life"))?;
        Ok(Held { token: AccessToken(token.into()), since, lifetime_millis })
    }
}

/// How long a token lives, if it does. Nothing is verified here: that is the API's business.
fn lifetime_millis(token: &str, now: Timestamp) -> Option<i64> {
    let claims = json::parse_object(&base64url::decode(token.split('.').nth(1)?)?).ok()?;
    let date =
        |claim| claims.get(claim).map(|value| value.as_i64().filter(|date| (0..1 << 40).contains(date)));
    let issued = date("iat").unwrap_or(Some(now.seconds()))?;
    let lifetime = date("exp")?? - issued;
    (lifetime > 0).then_some(lifetime * 1_000)
}

fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get("retry-after").or_else(|| headers.get("x-retry-after"))?;
    value.to_str().ok()?.parse().ok()
}

//! Service tokens signed with a secret that caller and receiver share (HS256), for where no key pair can be had.
//!
//! Whoever can check such a token can make one: a receiver could speak for its callers. So these are types of their
//! own, with a `typ` of their own: nothing here takes a public key, and nothing that takes one takes a secret.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use auth_jose::{
    Clock, Entropy, OsEntropy, Secret, SystemClock, Timestamp, VerifyError, base64url, bearer, json, jws,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::claims::{self, is_scope};
use crate::{LIFETIME_SECONDS, Refusal, Refused, Rejection, ServiceName};

/// `typ` of these tokens, never that of a token by a key pair.
pub const SHARED_TOKEN_TYPE: &str = "s2s-shared+jwt";

const ALGORITHM: &str = "HS256";

/// How far the clocks may be apart.
const SKEW_SECONDS: i64 = 5;

/// SHA-256's block, to which HMAC brings every key.
const BLOCK_BYTES: usize = 64;

/// Of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

const SHORTEST_BYTES: usize = 32;

/// A secret that one caller and one receiver share. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct SharedSecret(Secret<[u8; BLOCK_BYTES]>);

/// Why a text is not taken as a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedSecretError {
    /// Of 32 bytes less can be guessed.
    #[error("a shared secret has 32 bytes or more")]
    TooShort,
    /// One byte over and over is no secret, whatever its length.
    #[error("a shared secret is random")]
    NotRandom,
    /// A key in PEM or JWK form: often a public one, which everybody knows.
    #[error("a shared secret is not a key in PEM or JWK form")]
    IsAKey,
    /// Two services with one secret could speak for each other.
    #[error("the secret is that of another service")]
    Repeated,
}

impl SharedSecret {
    /// The bytes of `text`, which is best made with `openssl rand -base64 32`. White space around it does not count.
    ///
    /// # Errors
    /// [`SharedSecretError`].
    pub fn new(text: &str) -> Result<Self, SharedSecretError> {
        let text = text.trim();
        if text.len() < SHORTEST_BYTES {
            return Err(SharedSecretError::TooShort);
        }
        if text.starts_with("-----BEGIN") || text.starts_with('{') || text.starts_with("ssh-") {
            return Err(SharedSecretError::IsAKey);
        }
        if text.bytes().all(|byte| Some(byte) == text.bytes().next()) {
            return Err(SharedSecretError::NotRandom);
        }
        let mut block = [0; BLOCK_BYTES];
        let digest: [u8; 32];
        // HMAC's own preparation of a key.
        let key = if text.len() > BLOCK_BYTES {
            digest = Sha256::digest(text).into();
            digest.as_slice()
        } else {
            text.as_bytes()
        };
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Ok(Self(Secret::new(block)))
    }

    fn mac(&self, input: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new(self.0.expose().into());
        mac.update(input);
        mac
    }

    fn is_same(&self, other: &Self) -> bool {
        let text = b"compare";
        self.mac(text).verify_slice(&other.mac(text).finalize().into_bytes()).is_ok()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Makes the tokens of one service by a secret. Each is signed for its call, which takes some microseconds, so none
/// is kept.
#[derive(Clone)]
pub struct SharedMinter {
    name: ServiceName,
    secret: SharedSecret,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl SharedMinter {
    /// The tokens of the service `name`, by the secret that it shares with the receiver.
    #[must_use]
    pub fn new(name: ServiceName, secret: SharedSecret) -> Self {
        Self { name, secret, clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) }
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A token for `audience`, with all scopes that it grants.
    #[must_use]
    pub fn token(&self, audience: &ServiceName) -> String {
        self.sign(audience, None)
    }

    /// A token for `audience` with these scopes alone; nothing for a text that is no scope (RFC 6749 §3.3).
    #[must_use]
    pub fn token_of_scope(&self, audience: &ServiceName, scope: &str) -> Option<String> {
        is_scope(scope).then(|| self.sign(audience, Some(scope)))
    }

    fn sign(&self, audience: &ServiceName, scope: Option<&str>) -> String {
        let (now, mut id) = (self.clock.now().seconds(), [0; 16]);
        self.entropy.fill("service-token-id", &mut id);
        let header =
            serde_json::json!({"alg": ALGORITHM, "kid": self.name.as_str(), "typ": SHARED_TOKEN_TYPE});
        let mut claims = serde_json::json!({"iss": self.name.subject(), "sub": self.name.subject(),
            "aud": audience.subject(), "iat": now, "exp": now + i64::from(LIFETIME_SECONDS), "jti": base64url::encode(id)});
        if let (Some(claims), Some(scope)) = (claims.as_object_mut(), scope) {
            claims.insert("scope".to_owned(), scope.into());
        }
        let input =
            format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(claims.to_string()));
        let signature = base64url::encode(self.secret.mac(input.as_bytes()).finalize().into_bytes());
        format!("{input}.{signature}")
    }
}

impl fmt::Debug for SharedMinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedMinter").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Accepts the tokens of services that it shares a secret with, and no others. Cheap to clone.
#[derive(Clone)]
pub struct SharedReceiver {
    name: ServiceName,
    callers: Arc<HashMap<ServiceName, Known>>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Known {
    secrets: Vec<SharedSecret>,
    scopes: Vec<String>,
}

impl SharedReceiver {
    /// A receiver called `name`, which knows nobody yet.
    #[must_use]
    pub fn new(name: ServiceName) -> Self {
        Self { name, callers: Arc::default(), clock: Arc::new(SystemClock) }
    }

    /// Lets `service` in with `secret` and these scopes. Again for one service: its secrets are all good, so that one
    /// can be replaced, and the last scopes count.
    ///
    /// # Errors
    /// [`SharedSecretError::Repeated`].
    pub fn allow(
        mut self,
        service: &ServiceName,
        secret: SharedSecret,
        scopes: &[&str],
    ) -> Result<Self, SharedSecretError> {
        let others = self.callers.iter().filter(|(name, _)| *name != service);
        if others.flat_map(|(_, known)| &known.secrets).any(|other| other.is_same(&secret)) {
            return Err(SharedSecretError::Repeated);
        }
        let mut callers = HashMap::clone(&self.callers);
        let known = callers
            .entry(service.clone())
            .or_insert_with(|| Known { secrets: Vec::new(), scopes: Vec::new() });
        known.secrets.push(secret);
        known.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.callers = Arc::new(callers);
        Ok(self)
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Who sent `token`: by the rules of [`crate::Receiver::verify`], with a secret in place of a key.
    ///
    /// # Errors
    /// The rule that the token breaks, for logs.
    pub fn verify(&self, token: &str) -> Result<SharedCaller, Refused> {
        let outcome = self.verify_unlogged(token);
        if let Err(refused) = &outcome {
            tracing::debug!(code = refused.code(), "service token refused: {refused}");
        }
        outcome
    }

    /// The caller, by the values of a request's `Authorization` headers.
    ///
    /// # Errors
    /// How to answer instead. Why a token was refused is in the log, not in the answer.
    pub fn authenticate<'a>(
        &self,
        authorization: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<SharedCaller, Rejection> {
        let token = bearer::token(authorization).map_err(Rejection)?;
        self.verify(token).map_err(|refused| Rejection(Refusal::from(refused)))
    }

    fn verify_unlogged(&self, token: &str) -> Result<SharedCaller, Refused> {
        if token.len() > jws::MAX_TOKEN_BYTES {
            return Err(VerifyError::TooLarge.into());
        }
        let (input, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = input.split_once('.').ok_or(VerifyError::Malformed)?;
        if payload.contains('.') {
            return Err(VerifyError::Malformed.into());
        }
        let header = read(header, "header")?;
        let is = |name: &str, expected: &str| header.get(name).and_then(Value::as_str) == Some(expected);
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(VerifyError::CriticalHeader.into());
        }
        if !is("typ", SHARED_TOKEN_TYPE) {
            return Err(VerifyError::TypeMismatch.into());
        }
        if !is("alg", ALGORITHM) {
            return Err(VerifyError::AlgorithmNotAllowed.into());
        }
        let kid = header.get("kid").and_then(Value::as_str).and_then(|kid| kid.parse::<ServiceName>().ok());
        let (service, known) = kid
            .and_then(|service| self.callers.get(&service).map(|known| (service, known)))
            .ok_or(VerifyError::KeyUnknown)?;
        let signature =
            base64url::decode(signature).ok_or(VerifyError::EncodingInvalid { part: "signature" })?;
        // In constant time for each; how many there are is no secret.
        if !known.secrets.iter().any(|it| it.mac(input.as_bytes()).verify_slice(&signature).is_ok()) {
            return Err(VerifyError::SignatureInvalid.into());
        }
        let claims = read(payload, "claims")?;
        self.check(&service, &claims)?;
        Ok(SharedCaller { service, granted: known.scopes.clone(), claims })
    }

    fn check(&self, service: &ServiceName, claims: &Map<String, Value>) -> Result<(), Refused> {
        let text = |claim| match claims.get(claim) {
            None => Err(VerifyError::ClaimMissing { claim }),
            Some(value) => value.as_str().ok_or(VerifyError::ClaimInvalid { claim }),
        };
        let date = |claim| match claims.get(claim) {
            None => Err(VerifyError::ClaimMissing { claim }),
            Some(value) => value
                .as_i64()
                .filter(|at| (0..=LAST_SECOND).contains(at))
                .ok_or(VerifyError::ClaimInvalid { claim }),
        };
        if text("iss")? != service.subject() {
            return Err(VerifyError::IssuerMismatch.into());
        }
        if text("aud")? != self.name.subject() {
            return Err(VerifyError::AudienceMismatch.into());
        }
        if text("sub")? != service.subject() {
            return Err(VerifyError::SubjectMismatch.into());
        }
        let (now, issued, expires) = (self.clock.now(), date("iat")?, date("exp")?);
        if now >= Timestamp::from_seconds(expires.saturating_add(SKEW_SECONDS)) {
            return Err(VerifyError::Expired.into());
        }
        if Timestamp::from_seconds(issued.saturating_sub(SKEW_SECONDS)) > now {
            return Err(VerifyError::IssuedInFuture.into());
        }
        if expires.saturating_sub(issued) > i64::from(LIFETIME_SECONDS) {
            return Err(VerifyError::LifetimeTooLong.into());
        }
        text("jti")?;
        claims::check(claims)
    }
}

fn read(part: &str, name: &'static str) -> Result<Map<String, Value>, VerifyError> {
    let bytes = base64url::decode(part).ok_or(VerifyError::EncodingInvalid { part: name })?;
    json::parse_object(&bytes).map_err(|error| VerifyError::JsonInvalid { part: name, error })
}

impl fmt::Debug for SharedReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedReceiver").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A service that has shown that it knows its secret. The receiver knows it too, so this proves nothing to others.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedCaller {
    service: ServiceName,
    granted: Vec<String>,
    claims: Map<String, Value>,
}

impl SharedCaller {
    /// Who calls.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Whether the caller may do what `scope` stands for: it was granted, and not left out by a token that names some.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let named = self.claims.get("scope").and_then(Value::as_str);
        let is_named = named.is_none_or(|text| text.split(' ').any(|it| it == scope));
        is_named && self.granted.iter().any(|it| it == scope)
    }

    /// The same as a refusal.
    ///
    /// # Errors
    /// 403 unless the caller has `scope`.
    pub fn require_scope(&self, scope: &str) -> Result<(), Rejection> {
        if self.has_scope(scope) { Ok(()) } else { Err(Rejection(Refusal::InsufficientScope)) }
    }

    /// Every claim of the token.
    #[must_use]
    pub fn raw_claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

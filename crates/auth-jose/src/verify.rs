//! Verification: one pure function from policy, keys, time and token to claims or a refusal.
//!
//! The order is fixed: form, header, key, signature, then claims; nothing in the payload is read
//! before its signature is known to be good. The header never chooses the kind of key, `kid` is only
//! ever compared, and keys or addresses in the header are not looked at.

mod claims;
mod error;
mod policy;
mod raw;

use std::any::Any;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::error::VerifyError;
pub use self::policy::{Policy, PolicyError};
use self::raw::RawClaims;
use crate::json::{self, Members, Node};
use crate::jws::{Compact, ROOM};
use crate::{Algorithm, JwkSet, PublicKey, Timestamp};

/// Claims whose signature, issuer, audience, times and type were checked. Only [`verify`] makes one. Cheap
/// to clone: all clones share the claims.
#[derive(Debug, PartialEq)]
pub struct Verified<C = Map<String, Value>>(Arc<Inner<C>>);

#[derive(Debug, PartialEq)]
struct Inner<C> {
    claims: C,
    raw: RawClaims,
    algorithm: Algorithm,
    kid: Option<Arc<str>>,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl<C> Verified<C> {
    /// The claims in the form that was asked for.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.0.claims
    }

    /// The claims, without the proof that they were verified; copied while a clone of this is alive.
    #[must_use]
    pub fn into_claims(self) -> C
    where
        C: Clone,
    {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.claims.clone(), |inner| inner.claims)
    }

    /// Every claim as the token has it.
    #[must_use]
    pub fn raw_claims(&self) -> &Map<String, Value> {
        self.0.raw.members()
    }

    /// `sub`: never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0.raw.subject()
    }

    /// `jti`, if the token has one that is text.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0.raw.token_id()
    }

    /// `sid`: the session that the token is of, if it has one that is text.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.0.raw.session_id()
    }

    /// `iat`: when the token was made.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.0.issued_at
    }

    /// When the token ends, leeway not counted.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// What it was signed with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The `kid` of its header.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.0.kid.as_deref()
    }
}

impl<C: Send + Sync + 'static> Verified<C> {
    /// This without its type, for caches of several types. What was verified stays with it.
    #[must_use]
    pub fn into_any(self) -> Arc<dyn Any + Send + Sync> {
        self.0
    }

    /// Reads back [`Verified::into_any`]; nothing when that was of another type.
    #[must_use]
    pub fn from_any(any: Arc<dyn Any + Send + Sync>) -> Option<Self> {
        any.downcast().ok().map(Self)
    }
}

impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Verifies `token` and reads its claims as `C`.
///
/// # Errors
/// The first rule that the token breaks. Show callers one opaque answer; the variant is for logs and
/// metrics.
pub fn verify<C: DeserializeOwned>(
    policy: &Policy,
    keys: &JwkSet,
    now: Timestamp,
    token: &str,
) -> Result<Verified<C>, VerifyError> {
    let compact = Compact::parse_within(token, policy.max_token_bytes)?;
    let (mut header, mut signature) = (ROOM, ROOM);
    let header = compact.header(&mut header)?;
    let header = read(&header, "header")?;
    let signature = compact.signature(&mut signature)?;
    check_extensions(&header)?;
    policy.check_typ(header.get("typ"))?;
    let algorithm = policy.allowed_algorithm(header.get("alg"))?;
    let kid = kid(&header)?;
    let key = choose_key(keys, algorithm, kid)?;
    if !key.verifies(algorithm, compact.signing_input, &signature) {
        return Err(VerifyError::SignatureInvalid);
    }
    let text = compact.claims()?;
    let members = read(&text, "claims")?;
    let claims::Checked { issued_at, expires_at } = claims::check(policy, key.owner(), &members, now)?;
    let names = raw::Names::of(&text, &members);
    let claims = C::deserialize(&Node::Object(members)).or(Err(VerifyError::ClaimsUnreadable))?;
    let raw = RawClaims::new(text, names);
    let kid = kid.and(key.shared_kid());
    Ok(Verified(Arc::new(Inner { claims, raw, algorithm, kid, issued_at, expires_at })))
}

/// The `kid` that a token claims to be signed under, to choose among key sets. Whoever made the token
/// chose it, so it proves nothing.
///
/// # Errors
/// The form and header rules of [`verify`].
pub fn claimed_kid(token: &str) -> Result<Option<String>, VerifyError> {
    let compact = Compact::parse(token)?;
    let (mut header, mut signature) = (ROOM, ROOM);
    let header = compact.header(&mut header)?;
    let header = read(&header, "header")?;
    compact.signature(&mut signature)?;
    kid(&header).map(|kid| kid.map(str::to_owned))
}

fn read<'a>(text: &'a str, part: &'static str) -> Result<Members<'a>, VerifyError> {
    json::members(text).map_err(|error| VerifyError::JsonInvalid { part, error })
}

fn kid<'h>(header: &'h Members<'_>) -> Result<Option<&'h str>, VerifyError> {
    match header.get("kid") {
        None => Ok(None),
        Some(Node::Text(kid)) => Ok(Some(kid)),
        Some(_) => Err(VerifyError::HeaderInvalid { parameter: "kid" }),
    }
}

/// No extension is supported, so naming one as critical refuses the token (RFC 7515 §4.1.11), and an
/// unencoded payload is forbidden in a JWT (RFC 7797 §7).
fn check_extensions(header: &Members<'_>) -> Result<(), VerifyError> {
    if header.get("crit").is_some() {
        return Err(VerifyError::CriticalHeader);
    }
    if header.get("b64").is_some_and(|value| !matches!(value, Node::Bool(true))) {
        return Err(VerifyError::HeaderInvalid { parameter: "b64" });
    }
    Ok(())
}

/// Exactly one key, or none: trying several would make the outcome depend on their order.
fn choose_key<'a>(
    keys: &'a JwkSet,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<&'a PublicKey, VerifyError> {
    let mut named = keys.keys().iter().filter(|key| kid.is_none() || key.kid() == kid).peekable();
    if named.peek().is_none() {
        return Err(VerifyError::KeyUnknown);
    }
    let mut fitting = named.filter(|key| key.fits(algorithm));
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(VerifyError::KeyAmbiguous),
        (None, _) => Err(VerifyError::KeyMismatch),
    }
}

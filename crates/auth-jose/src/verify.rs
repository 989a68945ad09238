//! Verification: one pure function from policy, keys, time and token to claims or a refusal.
//!
//! The order is fixed: form, header, key, signature, then claims; nothing in the payload is read
//! before its signature is known to be good. The header never chooses the kind of key, `kid` is only
//! ever compared, and keys or addresses in the header are not looked at.

mod claims;
mod error;
mod policy;

use std::any::Any;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::error::VerifyError;
pub use self::policy::{Policy, PolicyError};
use crate::jws::Compact;
use crate::{Algorithm, JwkSet, PublicKey, Timestamp};

/// Claims whose signature, issuer, audience, times and type were checked. Only [`verify`] makes one. Cheap
/// to clone: all clones share the claims.
#[derive(Debug, PartialEq)]
pub struct Verified<C = Map<String, Value>>(Arc<Inner<C>>);

#[derive(Debug, PartialEq)]
struct Inner<C> {
    claims: C,
    raw: Map<String, Value>,
    algorithm: Algorithm,
    kid: Option<String>,
    subject: String,
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
        &self.0.raw
    }

    /// `sub`: never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
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
    let compact = Compact::parse(token)?;
    check_extensions(&compact.header)?;
    policy.check_typ(compact.header.get("typ"))?;
    let algorithm = policy.allowed_algorithm(compact.header.get("alg"))?;
    let kid = match compact.header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(VerifyError::HeaderInvalid { parameter: "kid" }),
    };
    let key = choose_key(keys, algorithm, kid)?;
    if !key.verifies(algorithm, compact.signing_input, &compact.signature) {
        return Err(VerifyError::SignatureInvalid);
    }
    let raw = compact.claims()?;
    let checked = claims::check(policy, &raw, now)?;
    let Ok(claims) = C::deserialize(&raw) else { return Err(VerifyError::ClaimsUnreadable) };
    let kid = kid.map(str::to_owned);
    let claims::Checked { subject, issued_at, expires_at } = checked;
    Ok(Verified(Arc::new(Inner { claims, raw, algorithm, kid, subject, issued_at, expires_at })))
}

/// The `kid` that a token claims to be signed under, to choose among key sets. Whoever made the token
/// chose it, so it proves nothing.
///
/// # Errors
/// The form and header rules of [`verify`].
pub fn claimed_kid(token: &str) -> Result<Option<String>, VerifyError> {
    match Compact::parse(token)?.header.remove("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid)),
        Some(_) => Err(VerifyError::HeaderInvalid { parameter: "kid" }),
    }
}

/// No extension is supported, so naming one as critical refuses the token (RFC 7515 §4.1.11), and an
/// unencoded payload is forbidden in a JWT (RFC 7797 §7).
fn check_extensions(header: &Map<String, Value>) -> Result<(), VerifyError> {
    if header.contains_key("crit") {
        return Err(VerifyError::CriticalHeader);
    }
    if header.get("b64").is_some_and(|value| value != true) {
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

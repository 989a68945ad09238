use super::{Verified, VerifyError};
use crate::json::Node;
use crate::jws::MAX_TOKEN_BYTES;
use crate::{Algorithm, Timestamp};

/// What a token has to be: everything that is not a key or the time.
#[derive(Clone, Debug)]
pub struct Policy {
    /// None: any issuer, whom the caller judges.
    issuers: Option<Vec<String>>,
    audiences: Vec<String>,
    /// The owner of the key has to be issuer and subject.
    pub(super) is_for_key_owners: bool,
    pub(super) is_only_audience: bool,
    algorithms: Vec<Algorithm>,
    typ: Option<String>,
    pub(super) leeway_seconds: u32,
    pub(super) max_age_seconds: Option<u32>,
    pub(super) max_lifetime_seconds: Option<u32>,
    pub(super) required_claims: Vec<&'static str>,
    pub(super) max_token_bytes: usize,
}

/// The types of an access token when no other is asked for. Our server sends none.
const USUAL_TYPES: [&str; 2] = ["application/jwt", "application/at+jwt"];

const MAX_LEEWAY_SECONDS: u32 = 300;

/// Why a policy was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// No algorithm is allowed.
    #[error("the list of algorithms is empty")]
    AlgorithmsEmpty,
    /// The audience is empty.
    #[error("the audience is empty")]
    AudienceEmpty,
    /// The issuer is empty.
    #[error("the issuer is empty")]
    IssuerEmpty,
    /// More leeway than any pair of clocks needs.
    #[error("a leeway of {0} seconds: expected at most {MAX_LEEWAY_SECONDS}")]
    LeewayTooLong(u32),
    /// The type is empty.
    #[error("the type is empty")]
    TypeEmpty,
}

impl Policy {
    /// Tokens from `issuer` for `audience`, signed with EdDSA, Ed25519, ES256 or RS256, with 5 seconds of leeway.
    ///
    /// # Errors
    /// [`PolicyError::IssuerEmpty`] and [`PolicyError::AudienceEmpty`].
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, PolicyError> {
        let (issuer, audience) = (issuer.into(), audience.into());
        if issuer.is_empty() {
            return Err(PolicyError::IssuerEmpty);
        }
        if audience.is_empty() {
            return Err(PolicyError::AudienceEmpty);
        }
        Ok(Self {
            issuers: Some(vec![issuer]),
            audiences: vec![audience],
            is_for_key_owners: false,
            is_only_audience: false,
            algorithms: vec![Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256, Algorithm::Rs256],
            typ: None,
            leeway_seconds: 5,
            max_age_seconds: None,
            max_lifetime_seconds: None,
            required_claims: Vec::new(),
            max_token_bytes: MAX_TOKEN_BYTES,
        })
    }

    /// Tokens that the owners of the keys ([`crate::PublicKey::owner`]) make about themselves: the owner of the
    /// key that signed it has to be a token's issuer and its subject. The rest as in [`Policy::new`].
    ///
    /// # Errors
    /// [`PolicyError::AudienceEmpty`].
    pub fn for_key_owners(audience: impl Into<String>) -> Result<Self, PolicyError> {
        let policy = Self::new("the owner of the key", audience)?.with_any_issuer();
        Ok(Self { is_for_key_owners: true, ..policy })
    }

    /// Whether this is [`Policy::for_key_owners`].
    #[must_use]
    pub fn is_for_key_owners(&self) -> bool {
        self.is_for_key_owners
    }

    /// Refuses tokens that name their audience in a list: one that others accept too could be sent on by one of
    /// them to the next.
    #[must_use]
    pub fn with_only_audience(mut self) -> Self {
        self.is_only_audience = true;
        self
    }

    /// Tokens from one of these issuers instead.
    ///
    /// # Errors
    /// [`PolicyError::IssuerEmpty`] when there is none, or an empty one.
    pub fn with_issuers(mut self, issuers: &[String]) -> Result<Self, PolicyError> {
        if issuers.is_empty() || issuers.iter().any(String::is_empty) {
            return Err(PolicyError::IssuerEmpty);
        }
        self.issuers = Some(issuers.to_vec());
        Ok(self)
    }

    /// Tokens from any issuer that has these keys. The caller judges `iss`, which still has to be there.
    #[must_use]
    pub fn with_any_issuer(mut self) -> Self {
        self.issuers = None;
        self
    }

    /// Tokens for one of these audiences instead.
    ///
    /// # Errors
    /// [`PolicyError::AudienceEmpty`] when there is none, or an empty one.
    pub fn with_audiences(mut self, audiences: &[String]) -> Result<Self, PolicyError> {
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err(PolicyError::AudienceEmpty);
        }
        self.audiences = audiences.to_vec();
        Ok(self)
    }

    /// Allows these algorithms and no others.
    ///
    /// # Errors
    /// [`PolicyError::AlgorithmsEmpty`].
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Result<Self, PolicyError> {
        if algorithms.is_empty() {
            return Err(PolicyError::AlgorithmsEmpty);
        }
        self.algorithms = algorithms.to_vec();
        Ok(self)
    }

    /// Requires this `typ`. Without, `typ` has to be absent, `JWT` or `at+jwt`.
    ///
    /// # Errors
    /// [`PolicyError::TypeEmpty`].
    pub fn with_typ(mut self, typ: &str) -> Result<Self, PolicyError> {
        if typ.is_empty() {
            return Err(PolicyError::TypeEmpty);
        }
        self.typ = Some(media_type(typ));
        Ok(self)
    }

    /// How far the issuer's clock and ours may be apart.
    ///
    /// # Errors
    /// [`PolicyError::LeewayTooLong`].
    pub fn with_leeway_seconds(mut self, seconds: u32) -> Result<Self, PolicyError> {
        if seconds > MAX_LEEWAY_SECONDS {
            return Err(PolicyError::LeewayTooLong(seconds));
        }
        self.leeway_seconds = seconds;
        Ok(self)
    }

    /// Requires these claims besides `iss`, `aud`, `sub` and `exp`, which always are. Their values are the
    /// caller's to judge; those of `nbf` and `iat` are checked wherever they stand.
    #[must_use]
    pub fn with_required_claims(mut self, claims: &[&'static str]) -> Self {
        self.required_claims = claims.to_vec();
        self
    }

    /// Requires `iat` and refuses tokens that were issued longer ago, whatever their `exp`.
    #[must_use]
    pub fn with_max_age_seconds(mut self, seconds: u32) -> Self {
        self.max_age_seconds = Some(seconds);
        self
    }

    /// Requires `iat` and refuses tokens whose `exp` lies further after it. `iat` then has to be true
    /// within the leeway: a date in the future would buy a longer life.
    #[must_use]
    pub fn with_max_lifetime_seconds(mut self, seconds: u32) -> Self {
        self.max_lifetime_seconds = Some(seconds);
        self
    }

    /// Decodes texts of another length than [`MAX_TOKEN_BYTES`]: for signed documents that are no tokens.
    #[must_use]
    pub fn with_max_token_bytes(mut self, bytes: usize) -> Self {
        self.max_token_bytes = bytes;
        self
    }

    /// When this policy stops to accept a token that it accepted, leeway not counted.
    #[must_use]
    pub fn end_of<C>(&self, verified: &Verified<C>) -> Timestamp {
        let oldest = self.max_age_seconds.zip(verified.issued_at());
        let too_old = oldest.map(|(seconds, issued_at)| issued_at.plus_seconds(seconds.into()));
        too_old.map_or(verified.expires_at(), |too_old| too_old.min(verified.expires_at()))
    }

    pub(super) fn accepts_issuer(&self, issuer: &str) -> bool {
        self.issuers.as_ref().is_none_or(|issuers| issuers.iter().any(|accepted| accepted == issuer))
    }

    pub(super) fn accepts_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|accepted| accepted == audience)
    }

    pub(super) fn allowed_algorithm(&self, alg: Option<&Node<'_>>) -> Result<Algorithm, VerifyError> {
        let named = alg.and_then(Node::as_text).and_then(|name| name.parse().ok());
        named.filter(|alg| self.algorithms.contains(alg)).ok_or(VerifyError::AlgorithmNotAllowed)
    }

    /// An issuer's clock may run this much ahead: `iat` alone bounds nothing (RFC 7519 §4.1.6), so that
    /// more than the leeway is tolerated unless an age or a lifetime is measured from it.
    pub(super) fn iat_leeway_seconds(&self) -> u32 {
        const IAT_TOLERANCE_SECONDS: u32 = 60;
        let is_measured_from = self.max_lifetime_seconds.is_some() || self.max_age_seconds.is_some();
        let tolerance = if is_measured_from { 0 } else { IAT_TOLERANCE_SECONDS };
        self.leeway_seconds + tolerance
    }

    pub(super) fn check_typ(&self, typ: Option<&Node<'_>>) -> Result<(), VerifyError> {
        let is_expected = match (typ, &self.typ) {
            (Some(Node::Text(typ)), Some(required)) => is_media_type(typ, required),
            (Some(Node::Text(typ)), None) => USUAL_TYPES.iter().any(|usual| is_media_type(typ, usual)),
            (None, None) => true,
            _ => false,
        };
        if is_expected { Ok(()) } else { Err(VerifyError::TypeMismatch) }
    }
}

/// RFC 7515 §4.1.9: case does not matter and `application/` is left out where no other slash follows.
fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    if typ.contains('/') { typ } else { format!("application/{typ}") }
}

/// Whether `typ` is the media type `full`, which [`media_type`] made.
fn is_media_type(typ: &str, full: &str) -> bool {
    let expected = if typ.contains('/') { Some(full) } else { full.strip_prefix("application/") };
    expected.is_some_and(|expected| typ.eq_ignore_ascii_case(expected))
}

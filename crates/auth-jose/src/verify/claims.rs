//! The registered claims (RFC 7519 §4.1). A claim of a wrong type is refused, never taken as absent.

use super::{Policy, VerifyError};
use crate::Timestamp;
use crate::json::{Members, Node};

/// The last second of the year 9999.
const MAX_NUMERIC_DATE: f64 = 253_402_300_799.0;

pub(super) struct Checked {
    pub(super) issued_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

pub(super) fn check(
    policy: &Policy,
    owner: Option<&str>,
    claims: &Members<'_>,
    now: Timestamp,
) -> Result<Checked, VerifyError> {
    let issuer = text(claims, "iss")?;
    // A key that is nobody's speaks for nobody.
    if !policy.accepts_issuer(issuer) || policy.is_for_key_owners && owner != Some(issuer) {
        return Err(VerifyError::IssuerMismatch);
    }
    check_audience(policy, claims)?;
    let subject = text(claims, "sub")?;
    if subject.is_empty() {
        return Err(VerifyError::ClaimInvalid { claim: "sub" });
    }
    if policy.is_for_key_owners && subject != issuer {
        return Err(VerifyError::SubjectMismatch);
    }

    if let Some(claim) = policy.required_claims.iter().find(|claim| claims.get(claim).is_none()) {
        return Err(VerifyError::ClaimMissing { claim });
    }

    let leeway = f64::from(policy.leeway_seconds);
    let expires = date(claims, "exp")?.ok_or(VerifyError::ClaimMissing { claim: "exp" })?;
    let not_before = date(claims, "nbf")?;
    let issued = date(claims, "iat")?;
    let now = seconds(now);
    if now >= expires + leeway {
        return Err(VerifyError::Expired);
    }
    if not_before.is_some_and(|not_before| not_before > now + leeway) {
        return Err(VerifyError::NotYetValid);
    }
    if issued.is_some_and(|issued| issued > now + f64::from(policy.iat_leeway_seconds())) {
        return Err(VerifyError::IssuedInFuture);
    }
    if let Some(max) = policy.max_lifetime_seconds {
        let issued = issued.ok_or(VerifyError::ClaimMissing { claim: "iat" })?;
        if expires - issued > f64::from(max) {
            return Err(VerifyError::LifetimeTooLong);
        }
    }
    if let Some(max) = policy.max_age_seconds {
        let issued = issued.ok_or(VerifyError::ClaimMissing { claim: "iat" })?;
        if now - issued > f64::from(max) + leeway {
            return Err(VerifyError::TooOld);
        }
    }
    Ok(Checked { issued_at: issued.map(timestamp), expires_at: timestamp(expires) })
}

fn check_audience(policy: &Policy, claims: &Members<'_>) -> Result<(), VerifyError> {
    let is_ours = match claims.get("aud") {
        None => return Err(VerifyError::ClaimMissing { claim: "aud" }),
        Some(Node::Text(audience)) => policy.accepts_audience(audience),
        Some(Node::Array(audiences))
            if !policy.is_only_audience && audiences.iter().all(|audience| audience.as_text().is_some()) =>
        {
            audiences.iter().filter_map(Node::as_text).any(|audience| policy.accepts_audience(audience))
        }
        Some(_) => return Err(VerifyError::ClaimInvalid { claim: "aud" }),
    };
    if is_ours { Ok(()) } else { Err(VerifyError::AudienceMismatch) }
}

fn text<'a>(claims: &'a Members<'_>, claim: &'static str) -> Result<&'a str, VerifyError> {
    match claims.get(claim) {
        None => Err(VerifyError::ClaimMissing { claim }),
        Some(Node::Text(text)) => Ok(text),
        Some(_) => Err(VerifyError::ClaimInvalid { claim }),
    }
}

/// A `NumericDate` in seconds: doubles hold every whole second and millisecond of the range exactly
/// enough to compare, and sums of them cannot wrap.
fn date(claims: &Members<'_>, claim: &'static str) -> Result<Option<f64>, VerifyError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let Node::Number(value) = value else { return Err(VerifyError::ClaimInvalid { claim }) };
    match value.as_f64() {
        Some(date) if (0.0..=MAX_NUMERIC_DATE).contains(&date) => Ok(Some(date)),
        _ => Err(VerifyError::ClaimInvalid { claim }),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a Timestamp stays far below 2^53 milliseconds")]
fn seconds(instant: Timestamp) -> f64 {
    instant.millis() as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked by `date`")]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0).floor() as i64)
}

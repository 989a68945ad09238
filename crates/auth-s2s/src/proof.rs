//! How a service shows that it has the private part of a key that it registers: a token about itself, signed with
//! that key, for the auth server alone.

use auth_jose::{JwkSet, Timestamp, Verified, VerifyError, verify};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{ServiceKey, ServiceName, rules};

/// `typ` of a proof's header.
pub const PROOF_TYPE: &str = "s2s-proof+jwt";

/// Checks that whoever made `proof` has the private part of `key` and means to register it with `server`, with this
/// one-time code if there is one.
///
/// # Errors
/// The first rule that the proof breaks.
pub fn check_proof(
    server: &ServiceName,
    key: &ServiceKey,
    code: Option<&str>,
    now: Timestamp,
    proof: &str,
) -> Result<(), VerifyError> {
    let keys = JwkSet::from_iter([key.public_key().clone()]);
    let Ok(policy) = rules::policy(server, PROOF_TYPE) else { return Err(VerifyError::AudienceMismatch) };
    let verified: Verified<IgnoredAny> = verify(&policy, &keys, now, proof)?;
    if verified.raw_claims().get("code").and_then(Value::as_str) == code {
        Ok(())
    } else {
        Err(VerifyError::ClaimInvalid { claim: "code" })
    }
}

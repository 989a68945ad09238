//! The copy of a session in a cookie, signed with the published keys (`jwt.sessionCookieCache`): other services
//! can check it without a secret.

use auth_jose::{Algorithm, Policy, verify};
use serde_json::{Map, Value};

use super::signing_key;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::features::session::CACHE_AUDIENCE;

/// Keeps these tokens apart from those for APIs.
const TYPE: &str = "better-auth.session-cache+jwt";

/// Upstream's tolerance; how long a copy is believed is judged without it, afterwards.
const LEEWAY: u32 = 15;

pub(super) fn sign(call: &Call, claims: &Value) -> Result<String> {
    signing_key(call, call.app.config.jwt.algorithm.into())?.sign(Some(TYPE), claims).map_err(Error::internal)
}

pub(super) fn open(call: &Call, token: &str) -> Option<Map<String, Value>> {
    let issuer = call.base_url().origin();
    let policy = Policy::new(issuer, CACHE_AUDIENCE).ok()?.with_typ(TYPE).ok()?;
    let policy = policy.with_algorithms(&Algorithm::SERVER).ok()?.with_leeway_seconds(LEEWAY).ok()?;
    let keys = call.app.keys.as_ref()?.verifying(call.now);
    let verified = verify::<Map<String, Value>>(&policy, &keys, call.now, token).ok()?;
    verified.kid()?;
    Some(verified.into_claims())
}

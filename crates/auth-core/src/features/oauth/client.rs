//! Which service asks: by an assertion that it signed with its registered key (RFC 7523 §2.2, `private_key_jwt`).

use auth_jose::{Policy, PolicyError, Verified, VerifyError};
use auth_s2s::ServiceName;
use serde::de::IgnoredAny;

use super::{Parameters, Refusal, codes};
use crate::call::Call;
use crate::error::Error;

/// The one kind of assertion.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion may live, in seconds: what OAuth libraries make, and no longer than it must be remembered.
const MAX_LIFETIME: u32 = 300;

/// The service that sent the request. Its assertion is used up then.
pub(super) async fn authenticate(call: &Call, sent: &Parameters) -> Result<ServiceName, Refusal> {
    if sent.optional("client_assertion_type")? != Some(ASSERTION_TYPE) {
        return Err(codes::INVALID_CLIENT.into());
    }
    let Some(assertion) = sent.optional("client_assertion")? else {
        return Err(codes::INVALID_CLIENT.into());
    };
    let verified = verify(call, assertion).map_err(|error| {
        tracing::debug!(code = error.code(), "a client assertion was refused: {error}");
        Refusal::from(codes::INVALID_CLIENT)
    })?;
    let (Ok(client), Some(id)) =
        (ServiceName::from_subject(verified.subject()), verified.token_id().filter(|id| !id.is_empty()))
    else {
        return Err(codes::INVALID_CLIENT.into());
    };
    // RFC 7521 §4.2: redundant, but not something else.
    if sent.optional("client_id")?.is_some_and(|id| id != client.subject()) {
        return Err(codes::INVALID_CLIENT.into());
    }
    let until = verified.expires_at().plus_seconds(60);
    let claimed = async { call.app.store.db().await?.claim_assertion(&client, id, until).await };
    if !claimed.await.map_err(Error::from)? {
        return Err(Refusal::because(codes::INVALID_CLIENT, "The client assertion was used before"));
    }
    Ok(client)
}

/// For this issuer, or this endpoint, which many libraries still name.
fn verify(call: &Call, assertion: &str) -> Result<Verified<IgnoredAny>, VerifyError> {
    let mut outcome = Err(VerifyError::AudienceMismatch);
    for audience in [issuer(call).to_owned(), call.url_of("/oauth2/token")] {
        let Ok(policy) = policy(&audience) else { continue };
        outcome = call.app.services.verify_own(&policy, assertion, call.now);
        if !matches!(outcome, Err(VerifyError::AudienceMismatch)) {
            break;
        }
    }
    outcome
}

fn policy(audience: &str) -> Result<Policy, PolicyError> {
    let policy = Policy::for_key_owners(audience)?.with_only_audience().with_required_claims(&["jti"]);
    Ok(policy.with_max_lifetime_seconds(MAX_LIFETIME))
}

/// Who we are in tokens.
pub(super) fn issuer(call: &Call) -> &str {
    call.app.config.jwt.issuer.as_deref().unwrap_or_else(|| call.base_url().origin())
}

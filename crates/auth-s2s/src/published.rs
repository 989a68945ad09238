//! Keys as the auth server publishes them, fetched and kept by `auth-verify`'s engine: no request waits for the
//! network once they are there, and an outage of the auth server changes nothing.

use auth_jose::verify::claimed_kid;
use auth_jose::{Algorithm, Policy, PolicyError};
use auth_verify::{ConfigError, Verified, Verifier, VerifierBuilder};
use serde::de::IgnoredAny;

use crate::{
    LIFETIME_SECONDS, Receiver, Refused, Rules, ServiceName, TOKEN_TYPE, VerifiedService, VerifyError,
};

/// The verifiers of one receiver.
#[derive(Clone)]
pub(crate) struct Published {
    /// Of tokens that services sign themselves.
    services: Verifier,
    /// Of tokens that the auth server signs for services which do not.
    issued: Option<Verifier>,
}

impl Receiver {
    /// A receiver called `name` that fetches the keys of all services from the auth server:
    /// `https://auth.example.com/api/auth/s2s/jwks`. Runs on tokio.
    ///
    /// # Errors
    /// [`ConfigError`] when the address is neither https nor on loopback.
    pub fn published(name: ServiceName, jwks_url: &str) -> Result<Self, ConfigError> {
        Self::published_with(name, jwks_url, |verifier| verifier)
    }

    /// The same, with settings of the verifier changed: the list of revocations, snapshot file, staleness, clock. Not
    /// its policy.
    ///
    /// # Errors
    /// As [`Receiver::published`], and when the list's signer is not named ([`crate::RevocationFeed::signed_by`]).
    pub fn published_with(
        name: ServiceName,
        jwks_url: &str,
        change: impl FnOnce(VerifierBuilder) -> VerifierBuilder,
    ) -> Result<Self, ConfigError> {
        let rules = Rules::new(name)?;
        let services = change(Verifier::with_policy(rules.policy().clone(), jwks_url)).build()?;
        Ok(Self::with_published(rules, Published { services, issued: None }))
    }

    /// The same, and accepts what the auth server signs at `/oauth2/token` for services that cannot sign: tokens of
    /// `issuer`, by the keys at `jwks_url`, about a service and for this one. `change` is applied to the verifiers of
    /// both kinds of tokens; files that it names have to differ.
    ///
    /// # Errors
    /// As [`Receiver::published_with`].
    pub fn published_and_issued(
        name: ServiceName,
        services_jwks_url: &str,
        issuer: &str,
        jwks_url: &str,
        change: impl Fn(VerifierBuilder) -> VerifierBuilder,
    ) -> Result<Self, ConfigError> {
        let rules = Rules::new(name)?;
        let services = change(Verifier::with_policy(rules.policy().clone(), services_jwks_url)).build()?;
        let policy = issued_policy(issuer, rules.name())?;
        let issued = Some(change(Verifier::with_policy(policy, jwks_url)).build()?);
        Ok(Self::with_published(rules, Published { services, issued }))
    }
}

fn issued_policy(issuer: &str, audience: &ServiceName) -> Result<Policy, PolicyError> {
    Ok(Policy::new(issuer, audience.subject())?
        .with_algorithms(&Algorithm::SERVER)?
        .with_typ(TOKEN_TYPE)?
        .with_only_audience()
        .with_required_claims(&["jti"])
        .with_max_lifetime_seconds(LIFETIME_SECONDS))
}

impl Published {
    pub(crate) async fn verify(&self, rules: &Rules, token: &str) -> Result<VerifiedService, Refused> {
        // The kid of a service's key begins with its name and a dot; the auth server's own have none.
        let is_own = claimed_kid(token)?.is_none_or(|kid| kid.contains('.'));
        match &self.issued {
            Some(issued) if !is_own => {
                let verified: Verified<IgnoredAny> = issued.verify(token).await?;
                let service = ServiceName::from_subject(verified.subject());
                let service = service.or(Err(VerifyError::ClaimInvalid { claim: "sub" }))?;
                rules.admit_named(service, verified)
            }
            _ => rules.admit(self.services.verify(token).await?),
        }
    }
}

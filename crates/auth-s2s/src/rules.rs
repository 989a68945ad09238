use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use auth_jose::{JwkSet, Policy, PolicyError, Timestamp, Verified, VerifyError, verify};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::key::ALGORITHMS;
use crate::{LIFETIME_SECONDS, Refused, ServiceName, TOKEN_TYPE, claims};

/// What a service token has to be for one service: every rule that is not about where keys come from. The one
/// implementation, for receivers and for the auth server itself. No I/O; cheap to clone.
#[derive(Clone)]
pub struct Rules {
    name: ServiceName,
    policy: Policy,
    callers: Option<Arc<Callers>>,
}

/// The services that may call, each with the scopes that it can have.
pub type Callers = HashMap<ServiceName, Arc<[String]>>;

/// The policy of tokens of type `typ` that services make about themselves for `audience`.
pub(crate) fn policy(audience: &ServiceName, typ: &str) -> Result<Policy, PolicyError> {
    Ok(Policy::for_key_owners(audience.subject())?
        .with_algorithms(&ALGORITHMS)?
        .with_typ(typ)?
        .with_only_audience()
        .with_required_claims(&["jti"])
        .with_max_lifetime_seconds(LIFETIME_SECONDS))
}

impl Rules {
    /// The rules of the service `name`, which lets every known service in.
    ///
    /// # Errors
    /// None for a valid name; the policy says so by its type.
    pub fn new(name: ServiceName) -> Result<Self, PolicyError> {
        Ok(Self { policy: policy(&name, TOKEN_TYPE)?, name, callers: None })
    }

    /// Lets these services in and nobody else.
    #[must_use]
    pub fn with_callers(mut self, callers: Callers) -> Self {
        self.callers = Some(Arc::new(callers));
        self
    }

    /// The service whose rules these are.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The part of the rules that is about the token alone.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Who sent `token`, by the keys that are known ([`crate::ServiceKey::public_key`]).
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn verify(&self, keys: &JwkSet, now: Timestamp, token: &str) -> Result<VerifiedService, Refused> {
        self.admit(verify(&self.policy, keys, now, token)?)
    }

    /// The rest of the rules, for a token that has passed [`Rules::policy`].
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn admit(&self, token: Verified<IgnoredAny>) -> Result<VerifiedService, Refused> {
        let service = ServiceName::from_subject(token.subject());
        let service = service.or(Err(VerifyError::ClaimInvalid { claim: "sub" }))?;
        // Every service's keys bear its name, so that a set that was mixed up gives nobody another one's name.
        match token.kid() {
            None => return Err(VerifyError::KeyUnknown.into()),
            Some(kid) if !service.owns(kid) => return Err(VerifyError::KeyMismatch.into()),
            Some(_) => {}
        }
        self.admit_named(service, token)
    }

    pub(crate) fn admit_named(
        &self,
        service: ServiceName,
        token: Verified<IgnoredAny>,
    ) -> Result<VerifiedService, Refused> {
        claims::check(token.raw_claims())?;
        let granted = match &self.callers {
            None => None,
            Some(callers) => Some(callers.get(&service).ok_or(Refused::CallerNotAllowed)?.clone()),
        };
        Ok(VerifiedService { service, granted, token })
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("name", &self.name)
            .field("callers", &self.callers)
            .finish_non_exhaustive()
    }
}

/// A service that has proven who it is. Only [`Rules`] make one. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedService {
    service: ServiceName,
    granted: Option<Arc<[String]>>,
    token: Verified<IgnoredAny>,
}

impl VerifiedService {
    /// Who calls.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The token's `jti`. A caller sends one token several times.
    #[must_use]
    pub fn token_id(&self) -> &str {
        self.text("jti").unwrap_or_default()
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.token.expires_at()
    }

    /// The `kid` that it was signed under.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.token.kid().unwrap_or_default()
    }

    /// Whether the caller may do what `scope` stands for. The receiver's list of callers grants scopes, and a
    /// token that names some narrows them down to those; without a list, a caller has those that its token names.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        let named = self.text("scope").map(|text| text.split(' ').any(|it| it == scope));
        match &self.granted {
            Some(granted) => named.unwrap_or(true) && granted.iter().any(|it| it == scope),
            None => named.unwrap_or(false),
        }
    }

    /// The scopes for which [`VerifiedService::has_scope`] is true.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let granted = self.granted.iter().flat_map(|granted| granted.iter().map(String::as_str));
        let named = self.text("scope").into_iter().flat_map(|scope| scope.split(' '));
        let (granted, named) = match &self.granted {
            Some(_) => (Some(granted), None),
            None => (None, Some(named)),
        };
        let all = granted.into_iter().flatten().chain(named.into_iter().flatten());
        all.filter(|scope| self.has_scope(scope))
    }

    /// The services on whose behalf the caller acts, the nearest first: for logs, never to decide by.
    #[must_use]
    pub fn actors(&self) -> Vec<ServiceName> {
        claims::actors(self.token.raw_claims()).unwrap_or_default()
    }

    /// The id of the whole chain of calls (`txn`), for logs.
    #[must_use]
    pub fn transaction(&self) -> Option<&str> {
        self.text("txn")
    }

    /// Every claim of the token.
    #[must_use]
    pub fn raw_claims(&self) -> &Map<String, Value> {
        self.token.raw_claims()
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.token.raw_claims().get(claim).and_then(Value::as_str)
    }
}

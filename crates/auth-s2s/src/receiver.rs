use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use auth_jose::verify::claimed_kid;
use auth_jose::{
    Algorithm, Clock, JsonError, JwkError, JwkSet, Policy, PolicyError, PublicKey, SystemClock, Timestamp,
    Verified, VerifyError, json, jwk, verify,
};
use serde_json::{Map, Value};

use crate::{InvalidServiceName, LIFETIME_SECONDS, ServiceName, TOKEN_TYPE};

const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Ed25519];

/// Accepts the tokens of the services it knows, for one service: the one it runs in. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    name: ServiceName,
    callers: Arc<HashMap<String, Caller>>,
    clock: Arc<dyn Clock>,
}

/// A key and whose it is.
struct Caller {
    service: ServiceName,
    keys: JwkSet,
    policy: Policy,
}

/// Why the keys of the callers were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The file is not strict JSON.
    #[error("the service keys are refused: {0}")]
    JsonInvalid(#[from] JsonError),
    /// A key cannot verify service tokens.
    #[error("the key of {service}: {error}")]
    KeyInvalid {
        /// Whose it is.
        service: ServiceName,
        /// What is wrong with it.
        error: JwkError,
    },
    /// Something else than a JWK or an array of JWKs.
    #[error("{service} has no key: expected a JWK or an array of JWKs")]
    KeyMissing {
        /// Whose it should be.
        service: ServiceName,
    },
    /// Two keys have one `kid`, so that it names neither.
    #[error("two keys have the kid {kid:?}")]
    KidRepeated {
        /// The `kid`.
        kid: String,
    },
    /// A member's name is no service name.
    #[error("{name:?}: {error}")]
    NameInvalid {
        /// The member's name.
        name: String,
        /// What a service name is.
        error: InvalidServiceName,
    },
    /// Never for a valid name: issuer and audience come from names.
    #[error(transparent)]
    PolicyInvalid(#[from] PolicyError),
}

/// A service that has proven who it is. Only [`Receiver::verify`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedService {
    service: ServiceName,
    token_id: String,
    token: Verified,
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
        &self.token_id
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.token.expires_at()
    }

    /// Every claim of the token.
    #[must_use]
    pub fn raw_claims(&self) -> &Map<String, Value> {
        self.token.raw_claims()
    }
}

impl Receiver {
    /// A receiver called `name` that knows these public JWKs. A service may have several, so that keys can
    /// be changed: publish the new one, switch the caller, remove the old one.
    ///
    /// # Errors
    /// [`ReceiverError`] for a key that is unfit or ambiguous.
    pub fn new(
        name: ServiceName,
        keys: impl IntoIterator<Item = (ServiceName, Map<String, Value>)>,
    ) -> Result<Self, ReceiverError> {
        let mut callers = HashMap::new();
        for (service, jwk) in keys {
            let (kid, caller) = Caller::new(&name, service, jwk)?;
            if callers.insert(kid.clone(), caller).is_some() {
                return Err(ReceiverError::KidRepeated { kid });
            }
        }
        Ok(Self { name, callers: Arc::new(callers), clock: Arc::new(SystemClock) })
    }

    /// A receiver that reads the keys from JSON text: `{"worker": JWK, "billing": [JWK, JWK]}`.
    ///
    /// # Errors
    /// [`ReceiverError`] for text of another form and for every key that [`Receiver::new`] refuses.
    pub fn from_json(name: ServiceName, services: &str) -> Result<Self, ReceiverError> {
        let mut keys = Vec::new();
        for (service, value) in json::parse_object(services.as_bytes())? {
            let service: ServiceName =
                service.parse().map_err(|error| ReceiverError::NameInvalid { name: service, error })?;
            let jwks = match value {
                Value::Array(jwks) => jwks,
                jwk => vec![jwk],
            };
            for jwk in jwks {
                let Value::Object(jwk) = jwk else { return Err(ReceiverError::KeyMissing { service }) };
                keys.push((service.clone(), jwk));
            }
        }
        Self::new(name, keys)
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The service it runs in.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// Who sent `token`. Whoever owns the key that signed it has to be its issuer and subject, this
    /// receiver its only audience, and it must not have been made to live longer than 60 seconds.
    ///
    /// # Errors
    /// The rule that the token breaks, for logs.
    pub fn verify(&self, token: &str) -> Result<VerifiedService, VerifyError> {
        let outcome = self.verify_unlogged(token);
        if let Err(error) = &outcome {
            tracing::debug!(code = error.code(), "service token refused: {error}");
        }
        outcome
    }

    fn verify_unlogged(&self, token: &str) -> Result<VerifiedService, VerifyError> {
        let kid = claimed_kid(token)?.ok_or(VerifyError::KeyUnknown)?;
        let caller = self.callers.get(&kid).ok_or(VerifyError::KeyUnknown)?;
        let verified: Verified = verify(&caller.policy, &caller.keys, self.clock.now(), token)?;
        if verified.subject() != caller.service.subject() {
            return Err(VerifyError::SubjectMismatch);
        }
        let claims = verified.raw_claims();
        // A token for several services could be sent on by one of them to the next.
        if !claims.get("aud").is_some_and(Value::is_string) {
            return Err(VerifyError::ClaimInvalid { claim: "aud" });
        }
        let token_id = match claims.get("jti") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(_) => return Err(VerifyError::ClaimInvalid { claim: "jti" }),
            None => return Err(VerifyError::ClaimMissing { claim: "jti" }),
        };
        Ok(VerifiedService { service: caller.service.clone(), token_id, token: verified })
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Caller {
    fn new(
        receiver: &ServiceName,
        service: ServiceName,
        mut jwk: Map<String, Value>,
    ) -> Result<(String, Self), ReceiverError> {
        if !jwk.contains_key("kid")
            && let Some(thumbprint) = jwk::thumbprint(&jwk)
        {
            jwk.insert("kid".to_owned(), format!("{service}.{thumbprint}").into());
        }
        let key = match PublicKey::from_jwk(&jwk) {
            Ok(key) if ALGORITHMS.into_iter().any(|alg| key.fits(alg)) => key,
            Ok(_) => return Err(ReceiverError::KeyInvalid { service, error: JwkError::KeyTypeUnsupported }),
            Err(error) => return Err(ReceiverError::KeyInvalid { service, error }),
        };
        let kid = key.kid().unwrap_or_default().to_owned();
        let policy = Policy::new(service.subject(), receiver.subject())?
            .with_algorithms(&ALGORITHMS)?
            .with_typ(TOKEN_TYPE)?
            .with_max_lifetime_seconds(LIFETIME_SECONDS);
        Ok((kid, Self { service, keys: JwkSet::from_iter([key]), policy }))
    }
}

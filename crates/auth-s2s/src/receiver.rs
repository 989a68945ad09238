use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use auth_jose::{Clock, JsonError, JwkError, JwkSet, PolicyError, SystemClock, json};
use serde_json::{Map, Value};

use crate::{InvalidServiceName, Refused, Rules, ServiceKey, ServiceName, VerifiedService};

/// Accepts the tokens of the services it knows, for one service: the one it runs in. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    rules: Rules,
    keys: Arc<JwkSet>,
    clock: Arc<dyn Clock>,
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
    /// A key is listed twice, so that it says nothing about who signs with it.
    #[error("a key of {service} is listed twice")]
    KeyRepeated {
        /// Whose it is, by its second place.
        service: ServiceName,
    },
    /// A member's name is no service name.
    #[error("{name:?}: {error}")]
    NameInvalid {
        /// The member's name.
        name: String,
        /// What a service name is.
        error: InvalidServiceName,
    },
    /// Never for a valid name: the audience comes from it.
    #[error(transparent)]
    PolicyInvalid(#[from] PolicyError),
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
        let (mut known, mut set) = (HashSet::new(), Vec::new());
        for (service, jwk) in keys {
            let key = ServiceKey::new(&service, &jwk)
                .map_err(|error| ReceiverError::KeyInvalid { service: service.clone(), error })?;
            if !known.insert(key.thumbprint().to_owned()) {
                return Err(ReceiverError::KeyRepeated { service });
            }
            set.push(key.public_key().clone());
        }
        let keys = Arc::new(set.into_iter().collect());
        Ok(Self { rules: Rules::new(name)?, keys, clock: Arc::new(SystemClock) })
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
        self.rules.name()
    }

    /// Who sent `token`. Whoever owns the key that signed it has to be its issuer and subject, this
    /// receiver its only audience, and it must not have been made to live longer than 60 seconds.
    ///
    /// # Errors
    /// The rule that the token breaks, for logs.
    pub fn verify(&self, token: &str) -> Result<VerifiedService, Refused> {
        let outcome = self.rules.verify(&self.keys, self.clock.now(), token);
        if let Err(refused) = &outcome {
            tracing::debug!(code = refused.code(), "service token refused: {refused}");
        }
        outcome
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("rules", &self.rules).finish_non_exhaustive()
    }
}

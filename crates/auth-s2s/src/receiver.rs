use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use auth_jose::{Clock, JsonError, JwkError, JwkSet, PolicyError, SystemClock, bearer, json};
use serde_json::{Map, Value};

use crate::replay::{Used, UsedTokens};
use crate::{
    Callers, InvalidServiceName, Refusal, Refused, Rejection, Rules, ServiceCaller, ServiceKey, ServiceName,
    VerifiedService,
};

/// Accepts the tokens of the services it knows, for one service: the one it runs in. Cheap to clone.
#[derive(Clone)]
pub struct Receiver {
    rules: Rules,
    callers: Option<Callers>,
    keys: Keys,
    used: Option<Used>,
    clock: Arc<dyn Clock>,
}

/// Where the callers' public keys come from.
#[derive(Clone)]
enum Keys {
    Known(Arc<JwkSet>),
    #[cfg(feature = "published")]
    Published(Box<crate::published::Published>),
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
        Ok(Self::with_keys(Rules::new(name)?, Keys::Known(Arc::new(set.into_iter().collect()))))
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

    fn with_keys(rules: Rules, keys: Keys) -> Self {
        Self { rules, callers: None, keys, used: None, clock: Arc::new(SystemClock) }
    }

    #[cfg(feature = "published")]
    pub(crate) fn with_published(rules: Rules, published: crate::published::Published) -> Self {
        Self::with_keys(rules, Keys::Published(Box::new(published)))
    }

    /// Lets `service` in, with these scopes, and from then on nobody but services that were named like this.
    #[must_use]
    pub fn allow(mut self, service: &ServiceName, scopes: &[&str]) -> Self {
        let callers = self.callers.get_or_insert_default();
        callers.insert(service.clone(), scopes.iter().map(|scope| (*scope).to_owned()).collect());
        self.rules = self.rules.with_callers(callers.clone());
        self
    }

    /// Accepts every token once. Callers have to sign one for each call (`Minter::single_use`). Tokens are
    /// remembered in this process until they would be refused anyway; when `capacity` are, others are refused.
    #[must_use]
    pub fn single_use(mut self, capacity: usize) -> Self {
        self.used = Some(Used::Here(Arc::new(UsedTokens::new(capacity))));
        self
    }

    /// As [`Receiver::single_use`], with every receiver that remembers in the same store: a token is accepted by one of
    /// them. A store that does not answer or is full lets nobody in.
    #[cfg(feature = "valkey")]
    #[must_use]
    pub fn single_use_in(mut self, store: crate::ValkeyStore) -> Self {
        self.used = Some(Used::InValkey(Arc::new(store)));
        self
    }

    /// Takes the time from `clock`. Keys that are fetched have one of their own: see `Receiver::published`.
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
    pub async fn verify(&self, token: &str) -> Result<VerifiedService, Refused> {
        let outcome = self.verify_unlogged(token).await;
        if let Err(refused) = &outcome {
            tracing::debug!(code = refused.code(), "service token refused: {refused}");
        }
        outcome
    }

    async fn verify_unlogged(&self, token: &str) -> Result<VerifiedService, Refused> {
        let caller = match &self.keys {
            Keys::Known(keys) => self.rules.verify(keys, self.clock.now(), token)?,
            #[cfg(feature = "published")]
            Keys::Published(published) => published.verify(&self.rules, token).await?,
        };
        if let Some(used) = &self.used {
            used.claim(&caller, self.clock.now()).await?;
        }
        Ok(caller)
    }

    /// The caller, by the values of a request's `Authorization` headers: for adapters.
    ///
    /// # Errors
    /// How to answer instead. Why a token was refused is in the log, not in the answer.
    pub async fn authenticate<'a>(
        &self,
        authorization: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<ServiceCaller, Rejection> {
        let token = bearer::token(authorization).map_err(Rejection)?;
        match self.verify(token).await {
            Ok(caller) => Ok(ServiceCaller::new(caller)),
            Err(refused) => Err(Rejection(Refusal::from(refused))),
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("rules", &self.rules).finish_non_exhaustive()
    }
}

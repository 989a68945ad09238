//! The services and their keys in memory: no request reads them from the database.

use std::sync::{Arc, PoisonError, RwLock};

use auth_jose::{JwkSet, Policy, PolicyError, Timestamp, Verified, VerifyError, base64url, verify};
use auth_s2s::{Refused, Rules, ServiceKey, ServiceName, VerifiedService};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::store::{ServiceKeyRow, ServiceRow};
use crate::config::ServicesConfig;
use crate::store::{Store, StoreError};

/// The services that may call this server, and the key set that is published for all receivers.
pub struct Registry {
    rules: Rules,
    state: RwLock<Arc<State>>,
}

#[derive(Default)]
struct State {
    services: Vec<ServiceInfo>,
    keys: JwkSet,
    published: Published,
}

/// The key set as it is served.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    pub(super) body: Bytes,
    pub(super) etag: String,
}

/// A service as `service list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// Its name.
    pub name: ServiceName,
    /// Where its keys are read from, if not from here.
    pub jwks_url: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Since when it is disabled, if it is.
    pub disabled_at: Option<Timestamp>,
    /// Its keys, oldest first.
    pub keys: Vec<ServiceKeyInfo>,
}

/// A key of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceKeyInfo {
    /// The `kid` of its tokens.
    pub kid: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it stops to be accepted, if a successor is known.
    pub expires_at: Option<Timestamp>,
}

impl Registry {
    /// How often [`Registry::reload`] is to be called, in seconds.
    pub const CHECK_EVERY: u64 = 1;

    pub(crate) fn new(config: &ServicesConfig) -> Result<Self, PolicyError> {
        let registry = Self { rules: Rules::new(config.name.clone())?, state: RwLock::default() };
        registry.take_over(&[], &[], Timestamp::from_seconds(0));
        Ok(registry)
    }

    /// What services call this server.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        self.rules.name()
    }

    /// Which service sent `token`.
    ///
    /// # Errors
    /// The rule that the token breaks, for logs.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedService, Refused> {
        self.rules.verify(&self.state().keys, now, token)
    }

    /// A token that one of the services made about itself, by a policy of the caller's.
    ///
    /// # Errors
    /// The rule that the token breaks.
    pub(crate) fn verify_own(
        &self,
        policy: &Policy,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified<IgnoredAny>, VerifyError> {
        verify(policy, &self.state().keys, now, token)
    }

    /// Every service, by name.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceInfo> {
        self.state().services.clone()
    }

    pub(super) fn published(&self) -> Published {
        self.state().published.clone()
    }

    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the stored services and keys, so that what other processes on the database change is followed.
    ///
    /// # Errors
    /// When the database does not answer; what is in memory stays.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut db = store.db().await?;
        let services = db.list_services().await?;
        let keys = db.list_service_keys().await?;
        drop(db);
        self.take_over(&services, &keys, now);
        Ok(())
    }

    /// Builds the new state whole, then swaps it in.
    fn take_over(&self, services: &[ServiceRow], keys: &[ServiceKeyRow], now: Timestamp) {
        let mut state = State::default();
        let (mut published, mut usable) = (Vec::new(), Vec::new());
        for row in services {
            let Ok(name) = row.name.parse::<ServiceName>() else {
                tracing::warn!(name = row.name, "a stored service has no valid name; it is left out");
                continue;
            };
            let mut info = ServiceInfo {
                name,
                jwks_url: row.jwks_url.clone(),
                created_at: row.created_at.0,
                disabled_at: row.disabled_at.map(|at| at.0),
                keys: Vec::new(),
            };
            for row in keys.iter().filter(|key| key.service == row.name) {
                let expires_at = row.expires_at.map(|at| at.0);
                let Some(key) = open(&info.name, row) else {
                    tracing::warn!(id = row.id, "a stored key of a service cannot be used; it is left out");
                    continue;
                };
                info.keys.push(ServiceKeyInfo {
                    kid: key.kid().to_owned(),
                    created_at: row.created_at.0,
                    expires_at,
                });
                if info.disabled_at.is_none() && expires_at.is_none_or(|at| at > now) {
                    published.push(Value::Object(key.to_jwk()));
                    usable.push(key.public_key().clone());
                }
            }
            state.services.push(info);
        }
        state.keys = usable.into_iter().collect();
        let body = json!({ "keys": published }).to_string();
        let etag = format!("\"{}\"", base64url::encode(Sha256::digest(body.as_bytes())));
        state.published = Published { body: body.into(), etag };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}

/// Held to the rules of registration again: whoever can write to the table cannot give one key two owners.
fn open(service: &ServiceName, row: &ServiceKeyRow) -> Option<ServiceKey> {
    let Ok(Value::Object(jwk)) = serde_json::from_str(&row.public_key) else { return None };
    ServiceKey::new(service, &jwk).ok().filter(|key| key.thumbprint() == row.id)
}

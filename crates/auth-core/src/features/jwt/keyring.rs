//! The keys in memory: the one that signs and the ones that are published.

use std::sync::{Arc, PoisonError, RwLock};

use auth_jose::{Algorithm, JwkSet, KeyAlgorithm, KeyError, PublicKey, Secret, SigningKey, Timestamp};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::store::KeyRow;
use crate::app::App;
use crate::config::{JwtAlgorithm, JwtConfig};
use crate::crypto::random;
use crate::crypto::secrets::Secrets;
use crate::crypto::symmetric::Sealer;
use crate::store::types::At;
use crate::store::{Store, StoreError};

/// How often the stored keys are looked at, in seconds, so that servers on one database follow each other.
const CHECK_EVERY: i64 = 30;

/// Why no signing key could be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Making a key.
    #[error("cannot make a signing key: {0}")]
    Key(#[from] KeyError),
}

/// A key as `keys list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The `kid` of its tokens.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops signing, if it does.
    pub expires_at: Option<Timestamp>,
    /// Whether this server signs with it.
    pub is_signing: bool,
    /// Whether the configured secret opens its private part.
    pub is_readable: bool,
}

/// The keys in memory.
pub struct Keyring {
    config: JwtConfig,
    sealer: Sealer,
    state: RwLock<Arc<State>>,
}

#[derive(Default)]
struct State {
    signing: Option<Signing>,
    published: Bytes,
    verifying: Arc<JwkSet>,
    keys: Vec<KeyInfo>,
}

/// The key that signs, and when it should no longer.
struct Signing {
    key: Arc<SigningKey>,
    /// It is refused from then on.
    expires_at: Option<Timestamp>,
    /// A successor is due by then.
    ends_at: Option<Timestamp>,
}

impl Keyring {
    pub(crate) fn new(config: &JwtConfig, secrets: &Secrets) -> Self {
        let state = RwLock::new(Arc::new(State::default()));
        Self { config: config.clone(), sealer: secrets.sealer(), state }
    }

    /// The key that signs now.
    pub(super) fn signing(&self, now: Timestamp) -> Option<Arc<SigningKey>> {
        let state = self.state();
        let live = state.signing.as_ref().filter(|it| it.expires_at.is_none_or(|at| at > now));
        live.map(|it| it.key.clone())
    }

    /// How often [`Self::load_or_create`] is to be called, in seconds.
    #[must_use]
    pub fn check_every(&self) -> i64 {
        let interval = self.config.rotation_interval.unwrap_or(i64::MAX);
        (interval / 20).clamp(1, CHECK_EVERY)
    }

    /// Whether there is no key to sign with, or none that will last until the next look but one. Servers look
    /// at different times: a key ahead of time spares the others a time without any.
    fn is_key_due(&self, now: Timestamp) -> bool {
        let soon = now.plus_seconds(2 * self.check_every());
        self.state().signing.as_ref().is_none_or(|it| it.ends_at.is_some_and(|at| at <= soon))
    }

    /// The JWK set (RFC 7517) as it is served.
    #[must_use]
    pub fn published(&self) -> Bytes {
        self.state().published.clone()
    }

    /// The published keys, to verify our own tokens with.
    pub(super) fn verifying(&self) -> Arc<JwkSet> {
        self.state().verifying.clone()
    }

    /// Every stored key, newest first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.state().keys.clone()
    }

    fn state(&self) -> Arc<State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the stored keys, without making one.
    ///
    /// # Errors
    /// When the database does not answer; the keys in memory stay as they are.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let rows = store.db().await?.list_keys().await?;
        self.take_over(&rows, now);
        Ok(())
    }

    /// Reads the stored keys and makes a signing key if there is none for the configured algorithm, or none
    /// that lasts. Called at start and in the background, so that keys of other servers on the database are
    /// followed. Servers that are about to make a key make one: the table is locked from the look to the
    /// insert.
    ///
    /// # Errors
    /// When the database does not answer or no key can be made.
    pub async fn load_or_create(&self, app: &App) -> Result<(), KeyringError> {
        self.reload(&app.store, app.clock.now()).await?;
        if !self.is_key_due(app.clock.now()) {
            return Ok(());
        }
        // Made before the transaction: an RSA key takes a second.
        let row = self.new_row(app)?;
        let mut tx = app.store.begin().await?;
        tx.lock_signing_keys().await?;
        self.take_over(&tx.list_keys().await?, app.clock.now());
        if !self.is_key_due(app.clock.now()) {
            tx.rollback().await?;
            return Ok(());
        }
        tx.insert_key(&row).await?;
        let rows = tx.list_keys().await?;
        tx.commit().await?;
        self.take_over(&rows, app.clock.now());
        tracing::info!(kid = row.id, alg = row.alg, "made a signing key");
        Ok(())
    }

    fn new_row(&self, app: &App) -> Result<KeyRow, KeyError> {
        let algorithm = match self.config.algorithm {
            JwtAlgorithm::EdDsa => KeyAlgorithm::EdDsa,
            JwtAlgorithm::Es256 => KeyAlgorithm::Es256,
            JwtAlgorithm::Rs256 { modulus_bits } => KeyAlgorithm::Rs256 { modulus_bits },
        };
        let now = app.clock.now();
        let kid = random::alphanumeric(&*app.entropy, "row-id", 32);
        let key = SigningKey::generate(algorithm, &kid)?;
        let private = key.private_jwk();
        let private_key = if self.config.encrypt_private_keys {
            // Upstream stores the hex text as a JSON string.
            Value::String(self.sealer.seal(&*app.entropy, private.expose())).to_string()
        } else {
            private.expose().clone()
        };
        let public = key.public_jwk();
        Ok(KeyRow {
            id: kid,
            crv: public.get("crv").and_then(Value::as_str).map(str::to_owned),
            public_key: Value::Object(public).to_string(),
            private_key,
            created_at: At(now),
            expires_at: self.config.rotation_interval.map(|seconds| At(now.plus_seconds(seconds))),
            alg: Some(key.algorithm().as_str().to_owned()),
        })
    }

    /// Builds the new state whole, then swaps it in.
    fn take_over(&self, rows: &[KeyRow], now: Timestamp) {
        let mut state = State::default();
        let mut published = Vec::new();
        for row in rows {
            let expires_at = row.expires_at.map(|at| at.0);
            let alg = row.alg.clone().unwrap_or_else(|| self.algorithm().as_str().to_owned());
            let key = self.open(row, &alg);
            if let Err(reason) = &key {
                tracing::warn!(kid = row.id, %reason, "a stored signing key cannot be used");
            }
            let is_live = expires_at.is_none_or(|at| at > now);
            let fits = is_live && alg == self.algorithm().as_str() && key.is_ok();
            let is_signing = fits && state.signing.is_none();
            state.keys.push(KeyInfo {
                kid: row.id.clone(),
                alg: alg.clone(),
                created_at: row.created_at.0,
                expires_at,
                is_signing,
                is_readable: key.is_ok(),
            });
            if is_signing {
                // A key from before rotation was switched on has no end of its own.
                let rotated = self.config.rotation_interval.map(|it| row.created_at.0.plus_seconds(it));
                let ends_at = expires_at.or(rotated);
                state.signing = key.ok().map(|key| Signing { key: Arc::new(key), expires_at, ends_at });
            }
            if expires_at.is_none_or(|at| at.plus_seconds(self.config.grace_period) > now) {
                published.extend(public_member(row, &alg));
            }
        }
        let usable = published.iter().filter_map(|jwk| PublicKey::from_jwk(jwk).ok());
        state.verifying = Arc::new(usable.collect());
        state.published = Bytes::from(json!({ "keys": published }).to_string());
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    fn algorithm(&self) -> Algorithm {
        match self.config.algorithm {
            JwtAlgorithm::EdDsa => Algorithm::EdDsa,
            JwtAlgorithm::Es256 => Algorithm::Es256,
            JwtAlgorithm::Rs256 { .. } => Algorithm::Rs256,
        }
    }

    /// How many of the stored keys the configured secret does not open, and how many there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_sealed(&self, store: &Store) -> Result<(usize, usize), StoreError> {
        let keys = store.db().await?.list_private_keys().await?;
        let is_sealed = |key: &&String| match serde_json::from_str(key) {
            Ok(Value::String(sealed)) => self.sealer.open(&sealed).is_err(),
            Ok(Value::Object(_)) => false,
            _ => true,
        };
        Ok((keys.iter().filter(is_sealed).count(), keys.len()))
    }

    fn open(&self, row: &KeyRow, alg: &str) -> Result<SigningKey, String> {
        let algorithm = alg.parse::<Algorithm>().map_err(|_unknown| format!("unknown algorithm {alg:?}"))?;
        let jwk = match serde_json::from_str(&row.private_key) {
            Ok(Value::String(sealed)) => {
                self.sealer.open(&sealed).map_err(|error| format!("its private part is sealed: {error}"))?
            }
            Ok(Value::Object(_)) => Secret::from(row.private_key.as_str()),
            _ => return Err("its private part is not JSON".to_owned()),
        };
        SigningKey::from_private_jwk(jwk.expose(), algorithm, &row.id).map_err(|error| error.to_string())
    }
}

/// The published form of a key: `{alg, crv?, ...public members, kid}`.
fn public_member(row: &KeyRow, alg: &str) -> Option<Map<String, Value>> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let Ok(Value::Object(public)) = serde_json::from_str::<Value>(&row.public_key) else {
        tracing::warn!(kid = row.id, "a stored public key is not a JSON object; it is not published");
        return None;
    };
    let mut member = Map::new();
    member.insert("alg".to_owned(), alg.into());
    if let Some(crv) = &row.crv {
        member.insert("crv".to_owned(), crv.as_str().into());
    }
    member.extend(public.into_iter().filter(|(name, _)| !PRIVATE.contains(&name.as_str())));
    member.insert("kid".to_owned(), row.id.as_str().into());
    Some(member)
}

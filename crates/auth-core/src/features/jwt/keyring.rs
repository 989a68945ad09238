//! The keys in memory: those that sign and those that are published. Requests read nothing else.

use std::sync::{Arc, PoisonError, RwLock};

use auth_jose::{Algorithm, JwkSet, KeyError, SigningKey, Timestamp};

use super::key_set::KeySet;
use super::lifecycle::{self, Life, Phase, Spans};
use super::store::KeyRow;
use super::vault::{Known, Vault};
use crate::config::{Config, JwtAlgorithm, JwtConfig};
use crate::crypto::secrets::Secrets;
use crate::store::{Store, StoreError};

/// By how much clocks may differ, in seconds.
const SKEW: i64 = 60;

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
    /// Where it stands; unknown of keys that this server only publishes, because it cannot sign with them.
    pub phase: Option<Phase>,
    /// When it came into the key set.
    pub published_at: Timestamp,
    /// When it began or begins to sign.
    pub signs_from: Option<Timestamp>,
    /// When it stopped or stops signing.
    pub retires_at: Option<Timestamp>,
    /// When it left or leaves the key set.
    pub gone_at: Option<Timestamp>,
    /// When it was taken out of use at once because others may know it, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Whether this server signs with it.
    pub is_signing: bool,
    /// Why this server cannot sign with it, if so.
    pub unusable: Option<String>,
}

/// The keys in memory.
pub struct Keyring {
    pub(super) vault: Vault,
    pub(super) algorithms: Vec<JwtAlgorithm>,
    pub(super) spans: Spans,
    /// The longest lifetime of a token, in seconds.
    pub(super) longest_token: i64,
    grace_period: i64,
    max_age: i64,
    check_every: i64,
    state: RwLock<Arc<State>>,
}

/// Everything that follows from the stored keys and the time, until [`Self::changes_at`].
#[derive(Default)]
struct State {
    known: Arc<Vec<Known>>,
    lives: Vec<Life>,
    signers: Vec<Arc<SigningKey>>,
    set: KeySet,
    changes_at: Option<Timestamp>,
}

impl Keyring {
    pub(crate) fn new(config: &Config, secrets: &Secrets) -> Self {
        let jwt = &config.jwt;
        let cookie = config.session.cookie_cache.as_ref().map_or(0, |cache| cache.max_age);
        let audiences = config.audiences.iter();
        let longest_token =
            audiences.clone().map(|it| it.expires_in).fold(jwt.expires_in.max(cookie), i64::max);
        let mut algorithms = vec![jwt.algorithm];
        for audience in audiences {
            if !algorithms.contains(&audience.algorithm) {
                algorithms.push(audience.algorithm);
            }
        }
        let reaction = jwt.check_interval.saturating_mul(2);
        let keep = longest_token.saturating_add(SKEW).saturating_add(reaction).max(jwt.grace_period);
        Self {
            vault: Vault::new(jwt, secrets.sealer()),
            algorithms,
            spans: Spans { interval: jwt.rotation_interval, ahead: jwt.publish_ahead(), keep },
            longest_token,
            grace_period: jwt.grace_period,
            max_age: jwt.max_age,
            check_every: jwt.check_interval,
            state: RwLock::default(),
        }
    }

    /// How often [`Self::load_or_create`] is to be called, in seconds.
    #[must_use]
    pub fn check_every(&self) -> i64 {
        self.check_every
    }

    /// The key of an algorithm that signs now.
    pub(crate) fn signing(&self, algorithm: Algorithm, now: Timestamp) -> Option<Arc<SigningKey>> {
        self.at(now).signers.iter().find(|key| key.algorithm() == algorithm).cloned()
    }

    /// The published keys, to verify our own tokens with.
    pub(crate) fn verifying(&self, now: Timestamp) -> Arc<JwkSet> {
        self.at(now).set.verifying.clone()
    }

    /// The key set as it is served, and for how many seconds it may be cached: no longer than until a key changes
    /// its phase.
    pub(super) fn published<T>(
        &self,
        now: Timestamp,
        choose: impl FnOnce(&KeySet) -> Option<T>,
    ) -> Option<(T, i64)> {
        let state = self.at(now);
        let left = state.changes_at.map(|at| at.seconds().saturating_sub(now.seconds()));
        Some((choose(&state.set)?, left.map_or(self.max_age, |left| left.clamp(0, self.max_age))))
    }

    /// Every key that is known, the ones that are gone too, the newest first.
    #[must_use]
    pub fn keys(&self, now: Timestamp) -> Vec<KeyInfo> {
        let state = self.at(now);
        let signs = |kid: &str| state.signers.iter().any(|key| key.kid() == kid);
        let known = state.known.iter().map(|known| {
            let life = state.lives.iter().find(|life| life.kid == known.kid);
            KeyInfo {
                kid: known.kid.clone(),
                alg: known.alg.clone(),
                phase: life.map(|life| life.phase),
                published_at: life.map_or(known.created_at, |life| life.published_at),
                signs_from: life.map(|life| life.signs_from),
                retires_at: life.map_or(known.expires_at, |life| life.retires_at),
                gone_at: life.and_then(|life| life.gone_at),
                revoked_at: life.and_then(|life| life.revoked_at),
                is_signing: signs(&known.kid),
                unusable: known.key.as_ref().err().cloned(),
            }
        });
        let is_known = |life: &&Life| !state.known.iter().any(|known| known.kid == life.kid);
        let gone = state.lives.iter().filter(is_known).map(|life| KeyInfo {
            kid: life.kid.clone(),
            alg: life.alg.as_str().to_owned(),
            phase: Some(life.phase),
            published_at: life.published_at,
            signs_from: Some(life.signs_from),
            retires_at: life.retires_at,
            gone_at: life.gone_at,
            revoked_at: life.revoked_at,
            is_signing: false,
            unusable: Some("its private part is not stored any more".to_owned()),
        });
        let mut keys: Vec<_> = known.chain(gone).collect();
        keys.sort_by_key(|key| std::cmp::Reverse((key.published_at, key.signs_from)));
        keys
    }

    /// Reads the stored keys, without writing anything.
    ///
    /// # Errors
    /// When the database does not answer; the keys in memory stay as they are.
    pub async fn reload(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut db = store.db().await?;
        let (rows, lives) = (db.list_keys().await?, db.list_lives().await?);
        self.take_over(&rows, lives, now);
        Ok(())
    }

    /// How many of the stored keys the configured secret does not open, and how many there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_sealed(&self, store: &Store) -> Result<(usize, usize), StoreError> {
        let keys = store.db().await?.list_private_keys().await?;
        Ok((keys.iter().filter(|key| self.vault.is_closed(key)).count(), keys.len()))
    }

    /// The stored keys as they are known here.
    pub(super) fn known(&self) -> Arc<Vec<Known>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).known.clone()
    }

    /// The lives that were read, and what has happened in this process since they were written.
    pub(super) fn remember(&self, lives: &mut [Life]) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner).clone();
        lifecycle::remember(lives, &state.lives);
    }

    pub(super) fn take_over(&self, rows: &[KeyRow], mut lives: Vec<Life>, now: Timestamp) {
        let before = self.known();
        let known: Vec<_> = rows.iter().map(|row| self.vault.read(row, &before)).collect();
        known.iter().for_each(|known| known.report(&before));
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        lifecycle::remember(&mut lives, &state.lives);
        *state = Arc::new(self.state_of(Arc::new(known), lives, now));
    }

    /// The state at `now`: mostly the one that is there, else what follows from it.
    fn at(&self, now: Timestamp) -> Arc<State> {
        let is_due = |state: &State| state.changes_at.is_some_and(|at| at <= now);
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner).clone();
        if !is_due(&state) {
            return state;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if is_due(&state) {
            *state = Arc::new(self.state_of(state.known.clone(), state.lives.clone(), now));
        }
        state.clone()
    }

    fn state_of(&self, known: Arc<Vec<Known>>, mut lives: Vec<Life>, now: Timestamp) -> State {
        lifecycle::advance(&mut lives, now, self.spans);
        let algorithms: Vec<Algorithm> = self.algorithms.iter().map(|it| (*it).into()).collect();
        let signer = |alg: &Algorithm| self.signer(&lives, &known, *alg, now);
        State {
            signers: algorithms.iter().filter_map(signer).collect(),
            set: KeySet::of(&self.listed(&known, &lives, now), &algorithms),
            changes_at: lifecycle::next_change(&lives, &algorithms, now, self.spans),
            known,
            lives,
        }
    }

    /// The key that signs. While its private part cannot be opened here, the one before it goes on, as long as the
    /// tokens that it signs die before it leaves the key set.
    pub(super) fn signer(
        &self,
        lives: &[Life],
        known: &[Known],
        alg: Algorithm,
        now: Timestamp,
    ) -> Option<Arc<SigningKey>> {
        let mut life = lifecycle::signing(lives, alg)?;
        loop {
            let found = known.iter().find(|known| known.kid == life.kid);
            if let Some(key) = found.and_then(|known| known.key.as_ref().ok()) {
                return Some(key.clone());
            }
            let enough = now.plus_seconds(self.longest_token.saturating_add(SKEW));
            let before = lives.iter().filter(|it| {
                it.alg == alg
                    && it.phase == Phase::Retiring
                    && it.generation < life.generation
                    && it.retires_at >= Some(life.signs_from)
                    && it.gone_at > Some(enough)
            });
            life = before.max_by_key(|it| it.generation)?;
        }
    }

    /// What stands in the key set, the newest first. Keys without a life of their own, which this server cannot sign
    /// with, stay in it as long as a Better Auth server would have them there.
    fn listed<'k>(&self, known: &'k [Known], lives: &[Life], now: Timestamp) -> Vec<&'k Known> {
        let mut listed: Vec<_> = known
            .iter()
            .filter_map(|known| match lives.iter().find(|life| life.kid == known.kid) {
                Some(life) if life.phase == Phase::Gone => None,
                Some(life) => Some((life.published_at, life.generation, known)),
                None => {
                    let ends_at = known.expires_at.map(|at| at.plus_seconds(self.grace_period));
                    ends_at.is_none_or(|at| at > now).then_some((known.created_at, 0, known))
                }
            })
            .collect();
        listed.sort_by_key(|(published_at, generation, _)| std::cmp::Reverse((*published_at, *generation)));
        listed.into_iter().map(|(.., known)| known).collect()
    }
}

impl JwtConfig {
    /// How long a key is published before it signs, in seconds: twice as long as the key set may be cached, and long
    /// enough for every server on the database to have read it.
    pub(crate) fn publish_ahead(&self) -> i64 {
        self.max_age.saturating_add(self.check_interval).saturating_mul(2)
    }
}

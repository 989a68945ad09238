use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_jose::verify::claimed_kid;
use auth_jose::{JwkSet, Policy, Timestamp, VerifyError, verify};
use moka::sync::Cache;
use serde::de::DeserializeOwned;

use crate::feed::Feed;
use crate::revocation::Revocations;
use crate::source::{KeySet, KeySource};
use crate::timeline::{Moment, Timeline};
use crate::token_cache::{Key, Known, TokenCache, TokenDigest, Validity, digest};
use crate::{ConfigError, Metrics, Revocation, Verified, VerifierBuilder};

/// Verifies access tokens of one issuer for one audience. Cheap to clone; all clones share the keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    policy: Policy,
    source: KeySource,
    timeline: Arc<Timeline>,
    tokens: TokenCache,
    revocations: Arc<Revocations>,
    feed: Option<Arc<Feed>>,
    /// Tokens that were refused because they had expired. Asked only once the clock has been set back.
    expired: Cache<TokenDigest, ()>,
}

const EXPIRED_REMEMBERED: u64 = 10_000;

/// What can be said without waiting.
enum AtOnce<C> {
    Settled(Result<Verified<C>, VerifyError>),
    /// It takes keys newer than these.
    NeedsKeys(Option<u64>),
}

impl Verifier {
    /// A verifier with every default: see [`VerifierBuilder`].
    ///
    /// # Errors
    /// [`ConfigError`] when a value is empty or `jwks_url` is neither https nor on loopback.
    pub fn new(issuer: &str, audience: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Self::builder(issuer, audience, jwks_url).build()
    }

    /// A verifier that differs from the defaults.
    #[must_use]
    pub fn builder(issuer: &str, audience: &str, jwks_url: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer, audience, jwks_url)
    }

    /// A verifier with a policy of your own, such as one for tokens that many make about themselves.
    #[must_use]
    pub fn with_policy(policy: Policy, jwks_url: &str) -> VerifierBuilder {
        VerifierBuilder::of_policy(Ok(policy), "", jwks_url)
    }

    pub(crate) fn from_parts(
        policy: Policy,
        source: KeySource,
        timeline: Arc<Timeline>,
        cached_tokens: usize,
        revocations: Arc<Revocations>,
        feed: Option<Arc<Feed>>,
    ) -> Self {
        Self(Arc::new(Inner {
            policy,
            source,
            timeline,
            tokens: TokenCache::new(cached_tokens),
            revocations,
            feed,
            expired: Cache::new(EXPIRED_REMEMBERED),
        }))
    }

    /// Verifies `token` and reads its claims as `C`: [`crate::UserClaims`] where the result is annotated
    /// as plain [`Verified`].
    ///
    /// # Errors
    /// The rule that the token breaks, for logs; [`VerifyError::KeysUnavailable`] when nothing can be
    /// said about it, because the issuer's keys could not be fetched.
    pub async fn verify<C>(&self, token: &str) -> Result<Verified<C>, VerifyError>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        if let Some(feed) = &self.0.feed {
            feed.start();
            feed.settled().await;
        }
        let outcome = match self.0.at_once(token) {
            AtOnce::Settled(outcome) => outcome,
            AtOnce::NeedsKeys(known) => self.0.with_newer_keys(token, known).await,
        };
        if let Err(error) = &outcome {
            self.0.source.counters().refuse(*error);
            tracing::debug!(code = error.code(), "token refused: {error}");
        }
        outcome
    }

    /// Refuses what is named from now on, also when it was accepted before. `until` is when the last token
    /// that this concerns has expired: then it is forgotten.
    pub fn revoke(&self, revocations: impl IntoIterator<Item = Revocation>, until: Timestamp) {
        let now = self.0.timeline.now();
        let until = now.tick.saturating_add(until.millis() - now.wall.millis());
        let revocations = revocations.into_iter().map(|revocation| (revocation, until));
        self.0.revocations.add(revocations, now.tick);
    }

    /// Whether a token that was good when it was verified has been withdrawn since. For what outlives one request,
    /// such as a WebSocket: ask again now and then. Whether it has expired is another question
    /// ([`Verified::expires_at`]).
    #[must_use]
    pub fn is_revoked<C>(&self, token: &Verified<C>) -> bool {
        self.0.revocations.concern(token, self.0.timeline.now().tick)
    }

    /// How long the keys at hand are past their time, because no newer ones could be had: zero while they
    /// are fresh. Alarm on it before [`VerifierBuilder::max_stale_seconds`] is reached.
    #[must_use]
    pub fn stale_age(&self) -> Duration {
        Duration::from_secs(self.0.source.stale_seconds())
    }

    /// How long ago everything was known that the issuer has withdrawn, or since the start if that never was; up
    /// to 10 seconds are usual. Nothing without [`VerifierBuilder::revocation_feed`].
    #[must_use]
    pub fn revocations_age(&self) -> Option<Duration> {
        let feed = self.0.feed.as_ref()?;
        let millis = feed.age_millis(self.0.timeline.now());
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    /// What this verifier and its clones have done so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let feed = self.0.feed.as_deref();
        Metrics {
            keys: count(self.0.source.key_count()),
            stale_seconds: self.0.source.stale_seconds(),
            cached_tokens: self.0.tokens.len(),
            revocations: count(self.0.revocations.len()),
            feed_age_seconds: self.revocations_age().map_or(0, |age| age.as_secs()),
            feed_reads: feed.map_or(0, |feed| feed.reads.read()),
            feed_failures: feed.map_or(0, |feed| feed.failures.read()),
            feed_skipped: feed.map_or(0, |feed| feed.skipped.read()),
            ..self.0.source.counters().read()
        }
    }
}

impl Inner {
    fn at_once<C>(&self, token: &str) -> AtOnce<C>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        let now = self.timeline.now();
        let at_hand = self.source.at_hand(now, |set| {
            let key = self.tokens.key::<C>(token);
            let remembered = key.as_ref().and_then(|key| self.remembered(key, set.epoch, now));
            let outcome = remembered.unwrap_or_else(|| {
                self.source.counters().key_hits.add(1);
                self.judge(set, token, key, now)
            });
            (outcome, set.version)
        });
        let (outcome, known) = match at_hand {
            Some((outcome, version)) => (outcome, Some(version)),
            // Without any key, form and header can still be judged: garbage starts no request.
            None => (verify(&self.policy, &JwkSet::default(), now.wall, token), None),
        };
        match (outcome, known) {
            (Err(VerifyError::KeyUnknown), None) => AtOnce::NeedsKeys(None),
            // Perhaps the issuer has rotated its keys.
            (Err(VerifyError::KeyUnknown), known) if self.is_worth_asking(token, now) => {
                AtOnce::NeedsKeys(known)
            }
            (outcome, _) => AtOnce::Settled(outcome),
        }
    }

    /// One request at most, and one more when the first was on its way already: that one may be older
    /// than the key.
    async fn with_newer_keys<C>(
        &self,
        token: &str,
        mut known: Option<u64>,
    ) -> Result<Verified<C>, VerifyError>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        let is_cold = known.is_none();
        for _ in 0..2 {
            let Some(set) = self.source.newer_than(known).await else { break };
            let now = self.timeline.now();
            match self.judge(&set, token, self.tokens.key::<C>(token), now) {
                Err(VerifyError::KeyUnknown) if set.is_current => {
                    self.remember_unknown(token, now);
                    return Err(VerifyError::KeyUnknown);
                }
                Err(VerifyError::KeyUnknown) if !is_cold => known = Some(set.version),
                outcome => return outcome,
            }
        }
        Err(if known.is_none() { VerifyError::KeysUnavailable } else { VerifyError::KeyUnknown })
    }

    /// Verifies `token` and remembers what came of it.
    fn judge<C>(
        &self,
        set: &KeySet,
        token: &str,
        key: Option<Key>,
        now: Moment,
    ) -> Result<Verified<C>, VerifyError>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        // Read first: what is revoked from here on makes the entry unsure.
        let generation = self.revocations.generation();
        let outcome = verify::<C>(&self.policy, &set.keys, now.wall, token);
        match &outcome {
            Ok(verified) => {
                if self.timeline.was_set_back() && self.expired.contains_key(&digest(token)) {
                    return Err(VerifyError::Expired);
                }
                if self.revocations.concern(verified, now.tick) {
                    return Err(VerifyError::Revoked);
                }
                self.check_feed(now)?;
                self.source.counters().verified.add(1);
                if let Some(key) = key {
                    self.remember(key, verified, set.epoch, generation, now);
                }
            }
            Err(VerifyError::Expired | VerifyError::TooOld) => self.expired.insert(digest(token), ()),
            Err(_) => {}
        }
        outcome
    }

    /// What is known of a token without verifying it again.
    fn remembered<C>(&self, key: &Key, epoch: u64, now: Moment) -> Option<Result<Verified<C>, VerifyError>>
    where
        C: Send + Sync + 'static,
    {
        let generation = self.revocations.generation();
        let verified = match self.tokens.find(key, epoch, generation, now) {
            Known::Nothing => return None,
            Known::Expired => {
                self.expired.insert(key.token(), ());
                return None;
            }
            Known::Good(verified) => verified,
            Known::Unsure(verified) if self.revocations.concern(&verified, now.tick) => {
                self.tokens.remove(key);
                return Some(Err(VerifyError::Revoked));
            }
            Known::Unsure(verified) => {
                self.remember(*key, &verified, epoch, generation, now);
                verified
            }
        };
        if let Err(error) = self.check_feed(now) {
            return Some(Err(error));
        }
        self.source.counters().token_hits.add(1);
        Some(Ok(verified))
    }

    fn remember<C>(&self, key: Key, verified: &Verified<C>, epoch: u64, generation: u64, now: Moment)
    where
        C: Send + Sync + 'static,
    {
        let left_millis = self.policy.end_of(verified).millis() - now.wall.millis();
        if left_millis > 0 {
            let dies_at = now.tick.saturating_add(left_millis);
            self.tokens.insert(key, verified, Validity { epoch, generation, valid_from: now.wall, dies_at });
        }
    }

    /// Good tokens are refused too while it is not known which are withdrawn, if that is wanted.
    fn check_feed(&self, now: Moment) -> Result<(), VerifyError> {
        self.feed.as_ref().map_or(Ok(()), |feed| feed.check(now))
    }

    fn is_worth_asking(&self, token: &str, now: Moment) -> bool {
        matches!(claimed_kid(token), Ok(Some(kid)) if self.source.is_worth_asking(&kid, now))
    }

    fn remember_unknown(&self, token: &str, now: Moment) {
        if let Ok(Some(kid)) = claimed_kid(token) {
            self.source.remember_unknown(&kid, now);
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

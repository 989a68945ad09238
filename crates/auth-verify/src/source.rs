//! The issuer's keys, fetched rarely and kept while the issuer is away.
//!
//! Verification never waits for the network while a set is at hand: a set past its time is used while
//! one task fetches the next. Only a cold start and an unknown `kid` wait, all for the same request.
//! After a failure, and after every request that an unknown `kid` caused, there is a cooldown, so that no
//! flood of tokens becomes a flood of requests. Nothing but a better set replaces a good one.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use auth_jose::{Clock, JwkSet, Timestamp};
use moka::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::fetch::Fetcher;
use crate::metrics::Counters;

const COOLDOWN_SECONDS: i64 = 10;

/// A key set and its time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) keys: JwkSet,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct KeySource(Arc<Inner>);

struct Inner {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    max_stale_seconds: u32,
    counters: Counters,
    /// Under the set's address. moka's own expiry is unused: it has a clock of its own.
    sets: Cache<String, Arc<Snapshot>>,
    /// Held by the one task that fetches.
    flight: Arc<Mutex<()>>,
    /// When the last cooldown began, in milliseconds; [`NEVER`] before the first.
    cooling_since: AtomicI64,
}

/// What a request for keys is for.
#[derive(Clone, Copy, PartialEq)]
enum Cause {
    /// There is no set, or its time is over. Happens at most once per lifetime of a set.
    Routine,
    /// A token names a key that is not in the set: anybody can make such a token.
    UnknownKid,
}

const NEVER: i64 = i64::MIN;

impl KeySource {
    pub(crate) fn new(fetcher: Fetcher, clock: Arc<dyn Clock>, max_stale_seconds: u32) -> Self {
        Self(Arc::new(Inner {
            fetcher,
            clock,
            max_stale_seconds,
            counters: Counters::default(),
            sets: Cache::new(1),
            flight: Arc::default(),
            cooling_since: AtomicI64::new(NEVER),
        }))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The set to verify with, or nothing when there is none or the one there is has become too old.
    pub(crate) fn at_hand(&self) -> Option<Arc<Snapshot>> {
        let set = self.0.sets.get(self.0.fetcher.url()).filter(|set| self.0.is_tolerable(set))?;
        self.0.counters.hits.add(1);
        if !self.0.is_fresh(&set) {
            self.0.counters.stale_hits.add(1);
            self.refresh_in_background();
        }
        Some(set)
    }

    /// A set fetched after `known`, by this caller's request or by one that it waited for. Nothing
    /// during the cooldown or when the request fails.
    pub(crate) async fn newer_than(&self, known: Option<&Arc<Snapshot>>) -> Option<Arc<Snapshot>> {
        if let Some(settled) = self.without_request(known) {
            return settled;
        }
        let turn = Arc::clone(&self.0.flight).lock_owned().await;
        // Asked again under the lock: the request that was waited for may have settled it.
        if let Some(settled) = self.without_request(known) {
            return settled;
        }
        // A task of its own: a caller that hangs up must not abort what others wait for, nor escape the
        // cooldown.
        let cause = if known.is_some() { Cause::UnknownKid } else { Cause::Routine };
        tokio::spawn(Arc::clone(&self.0).fetch(cause, turn)).await.ok().flatten()
    }

    /// What [`KeySource::newer_than`] answers, unless it takes a request to tell.
    fn without_request(&self, known: Option<&Arc<Snapshot>>) -> Option<Option<Arc<Snapshot>>> {
        let present = self.0.sets.get(self.0.fetcher.url());
        let is_known = |set: &Arc<Snapshot>| known.is_some_and(|known| Arc::ptr_eq(known, set));
        match present {
            Some(set) if !is_known(&set) && self.0.is_tolerable(&set) => Some(Some(set)),
            _ if self.0.is_cooling_down() => Some(None),
            _ => None,
        }
    }

    fn refresh_in_background(&self) {
        if self.0.is_cooling_down() {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.0.flight).try_lock_owned() {
            // Asked again under the lock: a request may have ended in between.
            if !self.0.is_cooling_down() {
                drop(tokio::spawn(Arc::clone(&self.0).fetch(Cause::Routine, turn)));
            }
        }
    }
}

impl Inner {
    async fn fetch(self: Arc<Self>, cause: Cause, _turn: OwnedMutexGuard<()>) -> Option<Arc<Snapshot>> {
        self.counters.fetches.add(1);
        let outcome = self.fetcher.fetch().await;
        let now = self.clock.now();
        let set = match outcome {
            Ok(fetched) => {
                self.counters.keys_skipped.add(fetched.keys.skipped());
                let fresh_until = now.plus_seconds(fetched.ttl_seconds.into());
                let set = Arc::new(Snapshot { keys: fetched.keys, fetched_at: now, fresh_until });
                self.sets.insert(self.fetcher.url().to_owned(), Arc::clone(&set));
                Some(set)
            }
            Err(error) => {
                self.counters.fetch_failures.add(1);
                tracing::warn!(url = self.fetcher.url(), error = %error, "no key set from {}: {error}", self.fetcher.url());
                None
            }
        };
        // A routine success starts none: a key that appears right after it is accepted at once.
        if set.is_none() || cause == Cause::UnknownKid {
            self.cooling_since.store(now.millis(), Ordering::Release);
        }
        set
    }

    fn is_cooling_down(&self) -> bool {
        let last = self.cooling_since.load(Ordering::Acquire);
        let since = self.clock.now().millis().saturating_sub(last);
        // A clock that was set back ends the cooldown instead of prolonging it.
        last != NEVER && (0..COOLDOWN_SECONDS * 1000).contains(&since)
    }

    /// A clock that was set back makes a set stale instead of keeping it for ever.
    fn is_fresh(&self, set: &Snapshot) -> bool {
        (set.fetched_at..set.fresh_until).contains(&self.clock.now())
    }

    fn is_tolerable(&self, set: &Snapshot) -> bool {
        self.is_fresh(set) || self.clock.now() < set.fresh_until.plus_seconds(self.max_stale_seconds.into())
    }
}

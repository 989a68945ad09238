//! The issuer's keys, fetched rarely and kept while the issuer is away.
//!
//! Verification never waits for the network while a set is at hand: shortly before a set's time is over,
//! one task fetches the next. Only a cold start and an unknown `kid` wait, all for the same request. No
//! lock is held meanwhile. Nothing but a better set replaces a good one.
//!
//! After a failure, and after every request that an unknown `kid` caused, there is a cooldown, so that no
//! flood of tokens becomes a flood of requests. A routine success starts none: a key that appears right
//! after it is accepted at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use auth_jose::{Entropy, JwkSet};
use reqwest::header::HeaderValue;
use tokio::sync::Semaphore;

use crate::fetch::Fetcher;
use crate::flight::Flight;
use crate::metrics::Counters;
use crate::snapshot::SnapshotFile;
use crate::timeline::{Moment, Timeline};
use crate::unknown::UnknownKids;

pub(crate) const COOLDOWN_MILLIS: i64 = 10_000;

/// How many callers may wait for a request at once; the others are refused right away.
pub(crate) const MAX_WAITING: usize = 1_024;

/// A key set and its time, on the timeline.
#[derive(Debug)]
pub(crate) struct KeySet {
    pub(crate) keys: Arc<JwkSet>,
    /// Equal for sets of equal keys: what was verified under one epoch holds as long as it lasts.
    pub(crate) epoch: u64,
    /// Counts the fetched sets.
    pub(crate) version: u64,
    /// Whether no cache on the way can have answered, so that a key not in here does not exist.
    pub(crate) is_current: bool,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) ttl_seconds: u32,
    pub(crate) fetched_at: Moment,
    pub(crate) refresh_at: i64,
    pub(crate) fresh_until: i64,
}

/// What a request for keys is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no set, or its time is nearly over. Happens once per lifetime of a set.
    Routine,
    /// A token names a key that is not in the set: anybody can make such a token.
    UnknownKid,
}

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct KeySource(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) fetcher: Fetcher,
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) snapshot: Option<Arc<SnapshotFile>>,
    pub(crate) counters: Counters,
    pub(crate) set: ArcSwapOption<KeySet>,
    pub(crate) unknown: UnknownKids,
    pub(crate) has_timer: AtomicBool,
    flight: Flight,
    seats: Semaphore,
    /// The tick at which the last cooldown began; [`NEVER`] before the first.
    cooling_since: AtomicI64,
    max_stale_millis: i64,
}

const NEVER: i64 = i64::MIN;

impl KeySource {
    pub(crate) fn new(
        fetcher: Fetcher,
        timeline: Arc<Timeline>,
        entropy: Arc<dyn Entropy>,
        snapshot: Option<SnapshotFile>,
        max_stale_seconds: u32,
    ) -> Self {
        let source = Self(Arc::new(Inner {
            fetcher,
            timeline,
            entropy,
            snapshot: snapshot.map(Arc::new),
            counters: Counters::default(),
            set: ArcSwapOption::empty(),
            unknown: UnknownKids::default(),
            has_timer: AtomicBool::new(false),
            flight: Flight::new(),
            seats: Semaphore::new(MAX_WAITING),
            cooling_since: AtomicI64::new(NEVER),
            max_stale_millis: i64::from(max_stale_seconds) * 1_000,
        }));
        source.0.restore();
        source
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Shows `read` the set to verify with; nothing when there is none or the one there is has become too
    /// old. Never waits.
    pub(crate) fn at_hand<T>(&self, now: Moment, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        let set = self.0.set.load();
        let set = set.as_deref().filter(|set| self.0.is_tolerable(set, now))?;
        if now.tick >= set.refresh_at {
            if now.tick >= set.fresh_until {
                self.0.counters.stale_hits.add(1);
            }
            self.0.refresh_if_due(now);
        }
        Some(read(set))
    }

    /// Whether a request could help a token that names `kid`, which no key at hand has.
    pub(crate) fn is_worth_asking(&self, kid: &str, now: Moment) -> bool {
        !self.0.is_cooling_down(now) && !self.0.unknown.contains(kid, now.tick)
    }

    /// Notes that the issuer has no key named `kid`.
    pub(crate) fn remember_unknown(&self, kid: &str, now: Moment) {
        self.0.unknown.remember(kid, now.tick);
    }

    /// A set fetched after the one of version `known`, by this caller's request or by one that it waited
    /// for. Nothing during the cooldown, when the request fails or takes too long, or when too many wait.
    pub(crate) async fn newer_than(&self, known: Option<u64>) -> Option<Arc<KeySet>> {
        const UNKNOWN_KID_DEADLINE: Duration = Duration::from_secs(2);
        // Whoever waits for a first set waits as long as a request may take.
        const COLD_DEADLINE: Duration = Duration::from_secs(4);

        let Ok(_seat) = self.0.seats.try_acquire() else {
            self.0.counters.turned_away.add(1);
            return None;
        };
        let deadline = if known.is_some() { UNKNOWN_KID_DEADLINE } else { COLD_DEADLINE };
        tokio::time::timeout(deadline, self.wait_for_newer_than(known)).await.ok().flatten()
    }

    async fn wait_for_newer_than(&self, known: Option<u64>) -> Option<Arc<KeySet>> {
        // A flight that is cut short, because its runtime ends, settles nothing: then it is this caller's turn.
        for _ in 0..3 {
            let mut landings = self.0.flight.landings();
            if let Some(settled) = self.without_request(known) {
                return settled;
            }
            if let Some(pilot) = self.0.flight.take_off() {
                // Asked again as the pilot: a request may have ended in between.
                if let Some(settled) = self.without_request(known) {
                    return settled;
                }
                let cause = if known.is_some() { Cause::UnknownKid } else { Cause::Routine };
                self.0.spawn_fetch(cause, pilot);
            }
            landings.changed().await.ok()?;
        }
        self.without_request(known).flatten()
    }

    /// What [`KeySource::newer_than`] answers, unless it takes a request to tell.
    fn without_request(&self, known: Option<u64>) -> Option<Option<Arc<KeySet>>> {
        let now = self.0.timeline.now();
        let present = self.0.set.load_full().filter(|set| self.0.is_tolerable(set, now));
        match present {
            Some(set) if known.is_none_or(|known| set.version > known) => Some(Some(set)),
            _ if self.0.is_cooling_down(now) => Some(None),
            _ => None,
        }
    }

    /// How long the set at hand is past its time, in seconds: 0 while it is fresh or there is none.
    pub(crate) fn stale_seconds(&self) -> u64 {
        let now = self.0.timeline.now();
        let set = self.0.set.load();
        let stale = set.as_ref().map_or(0, |set| (now.tick - set.fresh_until).max(0) / 1_000);
        u64::try_from(stale).unwrap_or(0)
    }

    /// The tick at which the set at hand was fetched, or known to be the present one.
    pub(crate) fn fetched_at(&self) -> Option<i64> {
        self.0.set.load().as_ref().map(|set| set.fetched_at.tick)
    }

    /// How many keys are at hand.
    pub(crate) fn key_count(&self) -> usize {
        let set = self.0.set.load();
        set.as_ref().map_or(0, |set| set.keys.keys().len())
    }
}

impl Inner {
    /// Starts the routine request in the background if it is time for it.
    pub(crate) fn refresh_if_due(self: &Arc<Self>, now: Moment) {
        if !self.is_due(now) {
            return;
        }
        if let Some(pilot) = self.flight.take_off()
            // Asked again as the pilot: a request may have ended in between.
            && self.is_due(now)
        {
            self.spawn_fetch(Cause::Routine, pilot);
        }
    }

    fn is_due(&self, now: Moment) -> bool {
        let is_old = self.set.load().as_ref().is_none_or(|set| now.tick >= set.refresh_at);
        is_old && !self.is_cooling_down(now)
    }

    pub(crate) fn start_cooldown(&self, now: Moment) {
        self.cooling_since.store(now.tick, Ordering::Release);
    }

    fn is_cooling_down(&self, now: Moment) -> bool {
        self.cooldown_millis(now) > 0
    }

    /// How long the cooldown goes on, if there is one.
    pub(crate) fn cooldown_millis(&self, now: Moment) -> i64 {
        match self.cooling_since.load(Ordering::Acquire) {
            NEVER => 0,
            since => since.saturating_add(COOLDOWN_MILLIS).saturating_sub(now.tick).max(0),
        }
    }

    fn is_tolerable(&self, set: &KeySet, now: Moment) -> bool {
        now.tick < set.fresh_until.saturating_add(self.max_stale_millis)
    }
}

//! Buckets in memory: bounded, shared by the workers of one process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use super::Decision;
use crate::config::Rule;

/// Locks are held for a lookup only; with this many, workers seldom wait for each other.
const SHARDS: usize = 16;

/// How many buckets are looked at to find one to give up.
const SAMPLE: usize = 16;

/// How often a full shard is searched for buckets whose window is over, in milliseconds.
const SWEEP_EVERY: i64 = 1000;

/// Counted requests by key.
///
/// A flood of keys cannot fill the memory: a full shard gives up a bucket for a new one. First those whose
/// window is over, then whichever of a sample has counted least: a bucket near its limit outlives any flood
/// of fresh ones, so nobody gets tries back by making others' buckets.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    shards: Vec<Mutex<Shard<K>>>,
    hashing: RandomState,
    /// Buckets in one shard.
    capacity: usize,
}

#[derive(Debug)]
struct Shard<K> {
    buckets: HashMap<K, Bucket>,
    swept_at: i64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    count: u32,
    /// The window in milliseconds.
    window: u32,
    /// When a request was last allowed, in milliseconds of the server's clock.
    last: i64,
}

impl Bucket {
    fn is_over(&self, now: i64) -> bool {
        now.saturating_sub(self.last) >= i64::from(self.window)
    }
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// Room for `capacity` keys, or a few less.
    pub(super) fn new(capacity: usize) -> Self {
        let shard = || Mutex::new(Shard { buckets: HashMap::new(), swept_at: i64::MIN });
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hashing: RandomState::new(),
            capacity: (capacity / SHARDS).max(1),
        }
    }

    /// Counts a request at `now`, unless its window is full.
    pub(super) fn take(&self, key: K, rule: Rule, now: i64) -> Decision {
        self.with_shard(&key, |shard, capacity| {
            if shard.buckets.len() >= capacity && !shard.buckets.contains_key(&key) {
                shard.make_room(now, capacity);
            }
            match shard.buckets.entry(key) {
                Entry::Vacant(free) => {
                    if rule.max == 0 {
                        return Decision::Denied { retry_in: rule.window_millis() };
                    }
                    free.insert(Bucket { count: 1, window: rule.window, last: now });
                    Decision::Allowed
                }
                Entry::Occupied(mut taken) => taken.get_mut().take(rule, now),
            }
        })
        .unwrap_or(Decision::Allowed)
    }

    /// Takes one counted request back.
    pub(super) fn give_back(&self, key: &K) {
        self.with_shard(key, |shard, _| {
            if let Some(bucket) = shard.buckets.get_mut(key) {
                bucket.count = bucket.count.saturating_sub(1);
            }
        });
    }

    /// Forgets a key.
    pub(super) fn forget(&self, key: &K) {
        self.with_shard(key, |shard, _| shard.buckets.remove(key));
    }

    fn with_shard<T>(&self, key: &K, work: impl FnOnce(&mut Shard<K>, usize) -> T) -> Option<T> {
        let hash = usize::try_from(self.hashing.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let shard = self.shards.get(hash)?;
        Some(work(&mut shard.lock().unwrap_or_else(PoisonError::into_inner), self.capacity))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().buckets.len()).sum()
    }
}

impl Bucket {
    fn take(&mut self, rule: Rule, now: i64) -> Decision {
        // A clock that was set back must not freeze a bucket until it has caught up.
        self.last = self.last.min(now);
        self.window = rule.window;
        if self.is_over(now) {
            self.count = 0;
        }
        if self.count >= rule.max {
            return Decision::Denied { retry_in: self.last.saturating_add(rule.window_millis()) - now };
        }
        self.count += 1;
        self.last = now;
        Decision::Allowed
    }
}

impl<K: Copy + Eq + Hash> Shard<K> {
    fn make_room(&mut self, now: i64, capacity: usize) {
        if now.saturating_sub(self.swept_at) >= SWEEP_EVERY || now < self.swept_at {
            self.swept_at = now;
            self.buckets.retain(|_, bucket| !bucket.is_over(now));
        }
        if self.buckets.len() < capacity {
            return;
        }
        // The map's order is random, and nobody outside knows it.
        let sample = self.buckets.iter().take(SAMPLE);
        let least = sample.min_by_key(|(_, bucket)| (bucket.count, bucket.last)).map(|(key, _)| *key);
        if let Some(key) = least {
            self.buckets.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { window: 10_000, max: 3 };

    fn denied(decision: Decision) -> Option<i64> {
        match decision {
            Decision::Allowed => None,
            Decision::Denied { retry_in } => Some(retry_in),
        }
    }

    #[test]
    fn a_window_slides_with_use_and_denied_requests_do_not_move_it() {
        let buckets = Buckets::new(100);
        let take = |now| denied(buckets.take("ada", RULE, now));
        assert_eq!([take(0), take(9_000), take(18_000)], [None; 3]);
        assert_eq!(take(18_000), Some(10_000));
        assert_eq!(take(27_999), Some(1));
        assert_eq!([take(28_000), take(28_000), take(28_000)], [None; 3]);
        assert_eq!(take(28_001), Some(9_999));
        assert_eq!(denied(buckets.take("bob", RULE, 28_001)), None);
    }

    #[test]
    fn a_limit_of_nothing_lets_nothing_pass() {
        let none = Rule { max: 0, ..RULE };
        let buckets = Buckets::new(100);
        assert_eq!(denied(buckets.take("ada", none, 0)), Some(10_000));
        assert_eq!(buckets.len(), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_delays_nobody_beyond_a_window() {
        let buckets = Buckets::new(100);
        for _ in 0..3 {
            assert_eq!(denied(buckets.take("ada", RULE, 1_000_000)), None);
        }
        assert_eq!(denied(buckets.take("ada", RULE, 500_000)), Some(10_000));
        assert_eq!(denied(buckets.take("ada", RULE, 510_000)), None);
    }

    #[test]
    fn tries_that_are_given_back_can_be_used_again() {
        let buckets = Buckets::new(100);
        for _ in 0..10 {
            assert_eq!(denied(buckets.take(1, RULE, 0)), None);
            buckets.give_back(&1);
        }
        buckets.give_back(&1);
        assert_eq!((0..4).filter(|_| denied(buckets.take(1, RULE, 0)).is_none()).count(), 3);
        buckets.forget(&1);
        assert_eq!(denied(buckets.take(1, RULE, 0)), None);
    }

    #[test]
    fn a_flood_of_keys_neither_fills_the_memory_nor_frees_a_full_bucket() {
        let buckets = Buckets::new(1600);
        let hot = [-1, -2, -3, -4, -5];
        for key in hot.iter().cycle().take(15) {
            assert_eq!(denied(buckets.take(*key, RULE, 0)), None);
        }
        for key in 0..100_000 {
            assert_eq!(denied(buckets.take(key, RULE, 5)), None, "a stranger is never denied for the flood");
        }
        assert!(buckets.len() <= 1600, "{}", buckets.len());
        for key in hot {
            assert_eq!(denied(buckets.take(key, RULE, 9_000)), Some(1_000));
        }
    }

    #[test]
    fn buckets_whose_window_is_over_make_room_first() {
        let buckets = Buckets::new(1600);
        for key in 0..1600 {
            let _ = buckets.take(key, RULE, 0);
        }
        let before = buckets.len();
        for key in 10_000..10_800 {
            let _ = buckets.take(key, RULE, 20_000);
        }
        assert!(buckets.len() < before, "{} of {before}", buckets.len());
        let kept =
            (10_000..10_800).map(|key| [buckets.take(key, RULE, 20_001), buckets.take(key, RULE, 20_001)]);
        let third = kept.zip(10_000..).filter(|(_, key)| denied(buckets.take(*key, RULE, 20_002)).is_some());
        assert_eq!(third.count(), 800, "none of the new ones was given up");
    }

    #[test]
    fn parallel_requests_cannot_pass_a_stale_count() {
        let buckets = Buckets::new(100);
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..50).filter(|_| denied(buckets.take("ada", RULE, 0)).is_none()).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 3);
    }
}

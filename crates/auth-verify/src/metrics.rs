use std::sync::atomic::{AtomicU64, Ordering};

/// What a verifier has done so far. The numbers only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tokens that were accepted.
    pub accepted: u64,
    /// Tokens that were refused, [`crate::VerifyError::KeysUnavailable`] included.
    pub refused: u64,
    /// Requests for the key set.
    pub fetches: u64,
    /// Those among them that gave no usable key set.
    pub fetch_failures: u64,
    /// Times that keys were at hand, without waiting for the network.
    pub hits: u64,
    /// Those among them that used a set past its time, because no newer one could be had yet.
    pub stale_hits: u64,
    /// Unusable keys in the sets that were fetched.
    pub keys_skipped: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    pub(crate) fetches: Counter,
    pub(crate) fetch_failures: Counter,
    pub(crate) hits: Counter,
    pub(crate) stale_hits: Counter,
    pub(crate) keys_skipped: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            accepted: self.accepted.read(),
            refused: self.refused.read(),
            fetches: self.fetches.read(),
            fetch_failures: self.fetch_failures.read(),
            hits: self.hits.read(),
            stale_hits: self.stale_hits.read(),
            keys_skipped: self.keys_skipped.read(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

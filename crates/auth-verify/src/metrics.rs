use std::sync::atomic::{AtomicU64, Ordering};

use auth_jose::VerifyError;

use crate::stripe;

/// What a verifier has done so far and how it stands. Everything but [`Metrics::keys`],
/// [`Metrics::stale_seconds`], [`Metrics::cached_tokens`], [`Metrics::revocations`] and
/// [`Metrics::feed_age_seconds`] only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Tokens that were accepted.
    pub accepted: u64,
    /// Those among them that had been verified before and were still good.
    pub token_hits: u64,
    /// Tokens that were refused, [`VerifyError::KeysUnavailable`] included.
    pub refused: u64,
    /// The same by reason.
    pub refusals: Refusals,
    /// Requests for the key set.
    pub fetches: u64,
    /// Those among them that gave no usable key set.
    pub fetch_failures: u64,
    /// Those among them that were answered with "not modified".
    pub not_modified: u64,
    /// Times that keys were at hand, without waiting for the network.
    pub hits: u64,
    /// Those among them that used a set past its time, because no newer one could be had yet.
    pub stale_hits: u64,
    /// Tokens that were refused because too many were waiting for keys.
    pub turned_away: u64,
    /// Unusable keys in the sets that were fetched.
    pub keys_skipped: u64,
    /// Snapshots that could not be used or written.
    pub snapshot_failures: u64,
    /// The keys at hand now.
    pub keys: u64,
    /// How long the set at hand is past its time: 0 while it is fresh.
    pub stale_seconds: u64,
    /// The verified tokens that are kept now.
    pub cached_tokens: u64,
    /// What is known to be withdrawn now.
    pub revocations: u64,
    /// How long ago all of the issuer's list was known; 0 without one. Up to 10 are usual.
    pub feed_age_seconds: u64,
    /// Answers of the issuer's list that were good.
    pub feed_reads: u64,
    /// Times that the list could not be read, or that what came was refused.
    pub feed_failures: u64,
    /// Entries of the list that are of no known kind.
    pub feed_skipped: u64,
}

impl Metrics {
    /// Every number under a stable name, for exporters. The second part is the reason of a refusal, one of
    /// [`VerifyError::CODES`].
    pub fn samples(&self) -> impl Iterator<Item = (&'static str, Option<&'static str>, u64)> {
        let plain = [
            ("accepted", self.accepted),
            ("token_hits", self.token_hits),
            ("fetches", self.fetches),
            ("fetch_failures", self.fetch_failures),
            ("not_modified", self.not_modified),
            ("hits", self.hits),
            ("stale_hits", self.stale_hits),
            ("turned_away", self.turned_away),
            ("keys_skipped", self.keys_skipped),
            ("snapshot_failures", self.snapshot_failures),
            ("keys", self.keys),
            ("stale_seconds", self.stale_seconds),
            ("cached_tokens", self.cached_tokens),
            ("revocations", self.revocations),
            ("feed_age_seconds", self.feed_age_seconds),
            ("feed_reads", self.feed_reads),
            ("feed_failures", self.feed_failures),
            ("feed_skipped", self.feed_skipped),
        ];
        let refusals = self.refusals;
        let reasons = VerifyError::CODES.into_iter().zip(refusals.0);
        let refused = reasons.map(|(reason, count)| ("refused", Some(reason), count));
        plain.into_iter().map(|(name, value)| (name, None, value)).chain(refused)
    }
}

/// Refused tokens by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals([u64; VerifyError::CODES.len()]);

impl Refusals {
    /// How many tokens were refused with this error, whatever its details.
    #[must_use]
    pub fn of(&self, error: VerifyError) -> u64 {
        self.iter().find(|(code, _)| *code == error.code()).map_or(0, |(_, count)| count)
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        VerifyError::CODES.into_iter().zip(self.0.iter().copied())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Tokens that were accepted after a verification of their own.
    pub(crate) verified: Striped,
    pub(crate) token_hits: Striped,
    refusals: [Counter; VerifyError::CODES.len()],
    pub(crate) fetches: Counter,
    pub(crate) fetch_failures: Counter,
    pub(crate) not_modified: Counter,
    /// Keys at hand, for tokens that were not.
    pub(crate) key_hits: Striped,
    pub(crate) stale_hits: Striped,
    pub(crate) turned_away: Counter,
    pub(crate) keys_skipped: Counter,
    pub(crate) snapshot_failures: Counter,
}

impl Counters {
    pub(crate) fn refuse(&self, error: VerifyError) {
        let index = VerifyError::CODES.iter().position(|code| *code == error.code());
        if let Some(counter) = index.and_then(|index| self.refusals.get(index)) {
            counter.add(1);
        }
    }

    pub(crate) fn read(&self) -> Metrics {
        let refusals = self.refusals.each_ref().map(Counter::read);
        let token_hits = self.token_hits.read();
        Metrics {
            accepted: self.verified.read() + token_hits,
            token_hits,
            refused: refusals.iter().sum(),
            refusals: Refusals(refusals),
            fetches: self.fetches.read(),
            fetch_failures: self.fetch_failures.read(),
            not_modified: self.not_modified.read(),
            hits: self.key_hits.read() + token_hits,
            stale_hits: self.stale_hits.read(),
            turned_away: self.turned_away.read(),
            keys_skipped: self.keys_skipped.read(),
            snapshot_failures: self.snapshot_failures.read(),
            ..Metrics::default()
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for the hot path: threads that count at the same time write to different cache lines.
#[derive(Debug, Default)]
pub(crate) struct Striped([Stripe; 16]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Counter);

impl Striped {
    pub(crate) fn add(&self, count: usize) {
        if let Some(Stripe(counter)) = self.0.get(stripe::of_thread(4)) {
            counter.add(count);
        }
    }

    fn read(&self) -> u64 {
        self.0.iter().map(|Stripe(counter)| counter.read()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_from_many_threads() {
        let counter = Striped::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10_000).for_each(|_| counter.add(1)));
            }
        });
        assert_eq!(counter.read(), 80_000);
    }

    #[test]
    fn counts_each_reason_under_its_name() {
        let counters = Counters::default();
        counters.refuse(VerifyError::Expired);
        counters.refuse(VerifyError::ClaimMissing { claim: "exp" });
        counters.refuse(VerifyError::ClaimMissing { claim: "sub" });
        let metrics = counters.read();
        assert_eq!(metrics.refused, 3);
        assert_eq!(metrics.refusals.of(VerifyError::ClaimMissing { claim: "aud" }), 2);
        let named: Vec<_> =
            metrics.samples().filter(|(_, reason, count)| reason.is_some() && *count > 0).collect();
        assert_eq!(named, [("refused", Some("claim_missing"), 2), ("refused", Some("expired"), 1)]);
    }
}

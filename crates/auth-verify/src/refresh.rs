//! The requests for keys: what is asked, what becomes of the answer, and the timer that asks in time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use auth_jose::{Entropy, JwkSet};
use tokio::runtime::Handle;

use crate::fetch::{Answer, Question};
use crate::flight::Pilot;
use crate::snapshot::Snapshot;
use crate::source::{Cause, Inner, KeySet};
use crate::timeline::Moment;

impl Inner {
    /// Asks in a task of its own: a caller that hangs up must not abort what others wait for, nor escape
    /// the cooldown.
    pub(crate) fn spawn_fetch(self: &Arc<Self>, cause: Cause, pilot: Pilot) {
        let Ok(runtime) = Handle::try_current() else {
            tracing::error!("auth-verify runs on tokio: outside of it no keys can be fetched");
            self.start_cooldown(self.timeline.now());
            return;
        };
        drop(runtime.spawn(Arc::clone(self).fetch(cause, pilot)));
        if !self.has_timer.swap(true, Ordering::AcqRel) {
            drop(runtime.spawn(keep_fresh(Timer(Arc::downgrade(self)))));
        }
    }

    async fn fetch(self: Arc<Self>, cause: Cause, pilot: Pilot) {
        self.counters.fetches.add(1);
        let known = self.set.load_full();
        let question = match cause {
            Cause::Routine => Question::Changed(known.as_ref().and_then(|set| set.etag.clone())),
            Cause::UnknownKid => Question::Now,
        };
        let outcome = self.fetcher.fetch(question).await;
        let now = self.timeline.now();
        let url = self.fetcher.url();
        let set = match outcome {
            Ok(answer) => {
                let set = Arc::new(self.next_set(answer, known.as_deref(), cause, now));
                tracing::debug!(
                    url,
                    ?cause,
                    keys = set.keys.keys().len(),
                    ttl = set.ttl_seconds,
                    "keys fetched"
                );
                self.set.store(Some(Arc::clone(&set)));
                Some(set)
            }
            Err(error) => {
                self.counters.fetch_failures.add(1);
                let stale = known.map_or(0, |set| (now.tick - set.fresh_until).max(0) / 1_000);
                tracing::warn!(url, ?cause, %error, stale_seconds = stale, "no key set from {url}: {error}");
                None
            }
        };
        if set.is_none() || cause == Cause::UnknownKid {
            self.start_cooldown(now);
        }
        drop(pilot);
        if let Some(set) = set {
            self.save(&set).await;
        }
    }

    fn next_set(&self, answer: Answer, known: Option<&KeySet>, cause: Cause, now: Moment) -> KeySet {
        let known_keys = known.map(|set| Arc::clone(&set.keys)).unwrap_or_default();
        let known_epoch = known.map_or(0, |set| set.epoch);
        let (keys, epoch, etag, ttl_seconds) = match answer {
            Answer::Same { ttl_seconds } => {
                self.counters.not_modified.add(1);
                let known_ttl = known.map_or(0, |set| set.ttl_seconds);
                let etag = known.and_then(|set| set.etag.clone());
                (known_keys, known_epoch, etag, ttl_seconds.unwrap_or(known_ttl))
            }
            Answer::Set { keys, etag, ttl_seconds } => {
                self.counters.keys_skipped.add(keys.skipped());
                if keys.keys() == known_keys.keys() {
                    (known_keys, known_epoch, etag, ttl_seconds)
                } else {
                    warn_of_reuse(&known_keys, &keys);
                    (Arc::new(keys), known_epoch + 1, etag, ttl_seconds)
                }
            }
        };
        KeySet {
            keys,
            epoch,
            version: known.map_or(0, |set| set.version) + 1,
            is_current: cause == Cause::UnknownKid,
            etag,
            ttl_seconds,
            fetched_at: now,
            refresh_at: now.tick + refresh_after_millis(ttl_seconds, &*self.entropy),
            fresh_until: now.tick + i64::from(ttl_seconds) * 1_000,
        }
    }

    /// Takes up the set of an earlier process as if this one had fetched it.
    pub(crate) fn restore(self: &Arc<Self>) {
        let Some(file) = &self.snapshot else { return };
        let now = self.timeline.now();
        match file.read(self.fetcher.url(), now.wall) {
            Ok(None) => {}
            Ok(Some(Snapshot { keys, ttl_seconds, age_millis })) => {
                let tick = now.tick - age_millis;
                let set = KeySet {
                    keys: Arc::new(keys),
                    epoch: 0,
                    version: 0,
                    is_current: false,
                    etag: None,
                    ttl_seconds,
                    fetched_at: Moment { wall: now.wall, tick },
                    refresh_at: tick + refresh_after_millis(ttl_seconds, &*self.entropy),
                    fresh_until: tick + i64::from(ttl_seconds) * 1_000,
                };
                self.set.store(Some(Arc::new(set)));
                if Handle::try_current().is_ok() {
                    self.refresh_if_due(now);
                }
            }
            Err(error) => {
                self.counters.snapshot_failures.add(1);
                tracing::warn!(%error, "the snapshot of keys is not used: {error}");
            }
        }
    }

    async fn save(&self, set: &KeySet) {
        let Some(file) = self.snapshot.clone() else { return };
        let text = Snapshot::to_text(self.fetcher.url(), &set.keys, set.ttl_seconds, set.fetched_at.wall);
        let written = tokio::task::spawn_blocking(move || file.write(&text)).await;
        if let Ok(Err(error)) = written {
            self.counters.snapshot_failures.add(1);
            tracing::warn!(%error, "the snapshot of keys is not written: {error}");
        }
    }

    /// How long until a request may be due.
    fn idle_millis(&self) -> i64 {
        let now = self.timeline.now();
        let until_due = self.set.load().as_ref().map_or(0, |set| set.refresh_at - now.tick);
        until_due.max(self.cooldown_millis(now))
    }
}

/// Asks in time also while no tokens come: after a quiet hour a withdrawn key must not be at hand still.
async fn keep_fresh(timer: Timer) {
    loop {
        let Some(wait) = timer.0.upgrade().map(|inner| inner.idle_millis()) else { return };
        // The injected clock need not run at the pace of tokio's; never spin, never oversleep.
        let wait = u64::try_from(wait.clamp(1_000, 3_600_000)).unwrap_or(1_000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let Some(inner) = timer.0.upgrade() else { return };
        inner.refresh_if_due(inner.timeline.now());
    }
}

/// Ends with its verifier, and makes way for another when its runtime ends first.
struct Timer(Weak<Inner>);

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            inner.has_timer.store(false, Ordering::Release);
        }
    }
}

/// 80 % of the lifetime, give or take 5, so that a fleet that started together does not ask together.
fn refresh_after_millis(ttl_seconds: u32, entropy: &dyn Entropy) -> i64 {
    let mut random = [0; 2];
    entropy.fill("jwks-refresh", &mut random);
    let permille = 750 + i64::from(u16::from_le_bytes(random) % 101);
    i64::from(ttl_seconds) * permille
}

/// A kid stands for one key for ever; an issuer that gives it to another one makes trouble for everybody.
fn warn_of_reuse(known: &JwkSet, next: &JwkSet) {
    for key in next.keys() {
        let is_reused = known.keys().iter().any(|old| old.kid() == key.kid() && !old.is_same_key(key));
        if is_reused && key.kid().is_some() {
            tracing::warn!(kid = ?key.kid(), "the issuer gave the kid {:?} to another key", key.kid());
        }
    }
}

#[cfg(test)]
mod tests {
    use auth_jose::entropy::SeededEntropy;

    use super::*;

    #[test]
    fn refreshes_at_about_80_percent_and_not_always_at_the_same_point() {
        let entropy = SeededEntropy::new(1);
        let points: Vec<_> = (0..200).map(|_| refresh_after_millis(100, &entropy)).collect();
        assert!(points.iter().all(|point| (75_000..=85_000).contains(point)), "{points:?}");
        assert!(points.iter().min() < Some(&77_000) && points.iter().max() > Some(&83_000), "{points:?}");
    }
}

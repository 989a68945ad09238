//! What the issuer has withdrawn before its time. Filled by the issuer's list ([`crate::RevocationFeed`]), or by
//! whoever listens to the issuer in another way.
//!
//! Names are kept as 128 bits of their SHA-256: 1,000,000 of them take some 50 MB, whatever their length. They
//! are spread over shards, so that neither a long list nor the removal of old names holds up verifications.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use auth_jose::{Timestamp, Verified};
use sha2::{Digest, Sha256};

/// Tokens that are refused although their signature and times are good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revocation {
    /// All tokens that were signed under this `kid`.
    Key {
        /// The header's `kid`.
        kid: String,
    },
    /// All tokens of one session.
    Session {
        /// The claim `sid`.
        sid: String,
    },
    /// The tokens of one user that were issued before a point in time, and those that do not say when.
    Subject {
        /// The claim `sub`.
        sub: String,
        /// Compared with `iat`, which has whole seconds: tokens of the same second are refused unless
        /// this has whole seconds too.
        issued_before: Timestamp,
    },
    /// One token.
    Token {
        /// The claim `jti`.
        jti: String,
    },
}

const SHARDS: usize = 64;

/// How often names that no token has any more are removed, in milliseconds.
const SWEEP_EVERY: i64 = 60_000;

/// A name and what it is the name of, as 128 bits of a hash.
type Name = [u8; 16];

/// Seconds since the list was made: as long as a name matters.
type Until = u32;

pub(crate) struct Revocations {
    /// Grows with every addition; 0 while nothing was ever revoked.
    generation: AtomicU64,
    shards: Vec<RwLock<Shard>>,
    count: AtomicUsize,
    /// The tick that [`Until`] counts from.
    epoch: i64,
    swept_at: AtomicI64,
}

#[derive(Default)]
struct Shard {
    /// Tokens, sessions and keys.
    names: HashMap<Name, Until, Plain>,
    /// Subjects, and the time before which their tokens were issued.
    subjects: HashMap<Name, (i64, Until), Plain>,
}

/// What is the name of what.
#[derive(Clone, Copy)]
enum Kind {
    Key = 0,
    Session = 1,
    Subject = 2,
    Token = 3,
}

impl Revocations {
    /// Nothing yet, at the tick `now`.
    pub(crate) fn new(now: i64) -> Self {
        Self {
            generation: AtomicU64::new(0),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            count: AtomicUsize::new(0),
            epoch: now,
            swept_at: AtomicI64::new(now),
        }
    }

    /// Adds what is revoked, each with the tick until which that has to be remembered.
    pub(crate) fn add(&self, revocations: impl IntoIterator<Item = (Revocation, i64)>, now: i64) {
        self.sweep_if_due(now);
        let mut has_changed = false;
        for (revocation, until) in revocations {
            if until > now {
                self.insert(&revocation, self.until(until));
                has_changed = true;
            }
        }
        if has_changed {
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// What was checked under one generation need not be checked again under the same.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many names there are, those included that will be removed soon.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn concern<C>(&self, verified: &Verified<C>, now: i64) -> bool {
        if self.generation() == 0 {
            return false;
        }
        self.has(Kind::Session, verified.session_id(), now)
            || self.has(Kind::Token, verified.token_id(), now)
            || self.has(Kind::Key, verified.kid(), now)
            || self.is_older(verified.subject(), verified.issued_at(), now)
    }

    fn has(&self, kind: Kind, name: Option<&str>, now: i64) -> bool {
        let Some(name) = name.map(|name| hashed(kind, name)) else { return false };
        let Some(shard) = self.shard(&name) else { return false };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.names.get(&name).is_some_and(|until| self.is_alive(*until, now))
    }

    fn is_older(&self, subject: &str, issued_at: Option<Timestamp>, now: i64) -> bool {
        let name = hashed(Kind::Subject, subject);
        let Some(shard) = self.shard(&name) else { return false };
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.subjects.get(&name).is_some_and(|(before, until)| {
            self.is_alive(*until, now) && issued_at.is_none_or(|issued_at| issued_at.millis() < *before)
        })
    }

    fn insert(&self, revocation: &Revocation, until: Until) {
        let (kind, name, before) = match revocation {
            Revocation::Key { kid } => (Kind::Key, kid, None),
            Revocation::Session { sid } => (Kind::Session, sid, None),
            Revocation::Subject { sub, issued_before } => (Kind::Subject, sub, Some(issued_before.millis())),
            Revocation::Token { jti } => (Kind::Token, jti, None),
        };
        let name = hashed(kind, name);
        let Some(shard) = self.shard(&name) else { return };
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        let size = shard.len();
        // A later and shorter notice shortens nothing.
        if let Some(before) = before {
            let known = shard.subjects.entry(name).or_insert((before, until));
            *known = (known.0.max(before), known.1.max(until));
        } else {
            let known = shard.names.entry(name).or_insert(until);
            *known = (*known).max(until);
        }
        self.count.fetch_add(shard.len() - size, Ordering::Relaxed);
    }

    fn sweep_if_due(&self, now: i64) {
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        let is_ours =
            || self.swept_at.compare_exchange(swept_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now.saturating_sub(swept_at) < SWEEP_EVERY || !is_ours() {
            return;
        }
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            let size = shard.len();
            shard.names.retain(|_, until| self.is_alive(*until, now));
            shard.subjects.retain(|_, (_, until)| self.is_alive(*until, now));
            self.count.fetch_sub(size - shard.len(), Ordering::Relaxed);
        }
    }

    /// Rounded up: longer is safe.
    fn until(&self, tick: i64) -> Until {
        let seconds = tick.saturating_sub(self.epoch).saturating_add(999).div_euclid(1_000);
        Until::try_from(seconds.max(0)).unwrap_or(Until::MAX)
    }

    fn is_alive(&self, until: Until, now: i64) -> bool {
        now.saturating_sub(self.epoch) < i64::from(until) * 1_000
    }

    fn shard(&self, name: &Name) -> Option<&RwLock<Shard>> {
        let [first, ..] = name;
        self.shards.get(usize::from(*first) % SHARDS)
    }
}

impl Shard {
    fn len(&self) -> usize {
        self.names.len() + self.subjects.len()
    }
}

fn hashed(kind: Kind, name: &str) -> Name {
    let mut hash = Sha256::new();
    hash.update([kind as u8]);
    hash.update(name);
    let digest: [u8; 32] = hash.finalize().into();
    let mut name = Name::default();
    for (to, from) in name.iter_mut().zip(digest) {
        *to = from;
    }
    name
}

/// Names are hashes already: eight bytes of one are as good as any.
#[derive(Default)]
struct PlainHasher(u64);

type Plain = BuildHasherDefault<PlainHasher>;

impl Hasher for PlainHasher {
    fn write(&mut self, bytes: &[u8]) {
        // The last eight: the first byte chose the shard.
        for byte in bytes.iter().rev().take(8) {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str) -> Revocation {
        Revocation::Token { jti: name.to_owned() }
    }

    #[test]
    fn old_names_make_room() {
        let list = Revocations::new(1_000);
        list.add((0..1_000).map(|index| (token(&index.to_string()), 11_000)), 1_000);
        list.add([(token("long"), 1_000_000)], 1_000);
        assert_eq!((list.len(), list.generation()), (1_001, 2));
        assert!(list.has(Kind::Token, Some("7"), 10_999) && !list.has(Kind::Token, Some("7"), 11_000));
        list.add([(token("new"), 1_000_000)], 62_000);
        assert_eq!(list.len(), 2);
        assert!(list.has(Kind::Token, Some("long"), 62_000) && list.has(Kind::Token, Some("new"), 62_000));
    }

    #[test]
    fn what_is_over_already_changes_nothing() {
        let list = Revocations::new(1_000);
        list.add([(token("old"), 1_000)], 1_000);
        assert_eq!((list.len(), list.generation()), (0, 0));
    }

    #[test]
    fn kinds_and_names_do_not_run_into_each_other() {
        let names = ["", "a", "b", "ab"].into_iter();
        let all: std::collections::HashSet<_> = names
            .flat_map(|name| {
                [Kind::Key, Kind::Session, Kind::Subject, Kind::Token].map(|kind| hashed(kind, name))
            })
            .collect();
        assert_eq!(all.len(), 16);
    }
}

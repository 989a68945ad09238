//! Tokens that were verified before.
//!
//! The key is the SHA-256 of the exact token, never one of its claims. An entry answers only while
//! everything that made the token good still holds: its time, the issuer's keys, no revocation. Otherwise
//! the token is verified anew, so that the answers with and without the cache are the same.

mod near;

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use auth_jose::{Timestamp, Verified};
use moka::sync::SegmentedCache;
use sha2::{Digest, Sha256};

use self::near::Near;
use crate::timeline::Moment;

/// Longer tokens are verified each time: what bounds the entries then bounds the memory too.
const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// The SHA-256 of a token.
pub(crate) type TokenDigest = [u8; 32];

pub(crate) fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token).into()
}

pub(crate) struct TokenCache(Option<Caches>);

struct Caches {
    near: Near,
    shared: SegmentedCache<Key, Entry>,
}

/// One token, read as one type of claims.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    token: TokenDigest,
    claims: TypeId,
}

impl Key {
    pub(crate) fn token(&self) -> TokenDigest {
        self.token
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Any 8 bytes of a digest are as good as all of them; equality looks at the whole key.
        let [a, b, c, d, e, f, g, h, ..] = self.token;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

#[derive(Clone)]
struct Entry {
    verified: Arc<dyn Any + Send + Sync>,
    validity: Validity,
}

/// What an entry depends on besides the time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Of the keys.
    pub(crate) epoch: u64,
    /// Of the revocations.
    pub(crate) generation: u64,
    /// When it was verified: before that time it might not have been valid yet.
    pub(crate) valid_from: Timestamp,
    /// The tick at which the token expires, leeway not counted.
    pub(crate) dies_at: i64,
}

impl Validity {
    /// Whether the token is as good as it was, without another look.
    fn holds(&self, epoch: u64, generation: u64, now: Moment) -> bool {
        let is_in_time = now.tick < self.dies_at && now.wall >= self.valid_from;
        is_in_time && self.epoch == epoch && self.generation == generation
    }
}

/// What is known of a token.
pub(crate) enum Known<C> {
    /// Verified under these circumstances.
    Good(Verified<C>),
    /// Verified before, but there were revocations since.
    Unsure(Verified<C>),
    /// Nothing, or nothing that still holds.
    Nothing,
    /// It was good and has expired.
    Expired,
}

impl TokenCache {
    /// A cache of so many tokens; none with 0.
    pub(crate) fn new(capacity: usize) -> Self {
        // Each segment has its own queue of reads; a small cache would come apart in them.
        let segments = if capacity < 1_024 { 1 } else { 16 };
        let caches =
            || Caches { near: Near::new(capacity), shared: SegmentedCache::new(capacity as u64, segments) };
        Self((capacity > 0).then(caches))
    }

    /// The key under which `token` is kept, if it is one to keep.
    pub(crate) fn key<C: 'static>(&self, token: &str) -> Option<Key> {
        let is_kept = self.0.is_some() && token.len() <= MAX_TOKEN_BYTES;
        is_kept.then(|| Key { token: digest(token), claims: TypeId::of::<C>() })
    }

    pub(crate) fn find<C: Send + Sync + 'static>(
        &self,
        key: &Key,
        epoch: u64,
        generation: u64,
        now: Moment,
    ) -> Known<C> {
        let Some(Caches { near, shared }) = &self.0 else { return Known::Nothing };
        if let Some(Entry { verified, validity }) = near.get(key)
            && validity.holds(epoch, generation, now)
        {
            return Verified::from_any(verified).map_or(Known::Nothing, Known::Good);
        }
        let Some(entry) = shared.get(key) else { return Known::Nothing };
        let validity = entry.validity;
        if validity.holds(epoch, generation, now) {
            near.put(*key, entry.clone());
            return Verified::from_any(entry.verified).map_or(Known::Nothing, Known::Good);
        }
        if now.tick >= validity.dies_at {
            shared.invalidate(key);
            return Known::Expired;
        }
        if validity.epoch != epoch {
            shared.invalidate(key);
            return Known::Nothing;
        }
        if now.wall < validity.valid_from {
            return Known::Nothing;
        }
        Verified::from_any(entry.verified).map_or(Known::Nothing, Known::Unsure)
    }

    pub(crate) fn insert<C: Send + Sync + 'static>(
        &self,
        key: Key,
        verified: &Verified<C>,
        validity: Validity,
    ) {
        if let Some(Caches { near, shared }) = &self.0 {
            let entry = Entry { verified: verified.clone().into_any(), validity };
            near.put(key, entry.clone());
            shared.insert(key, entry);
        }
    }

    pub(crate) fn remove(&self, key: &Key) {
        // What is near by does not hold any more either, and finds out when it is asked.
        if let Some(Caches { shared, .. }) = &self.0 {
            shared.invalidate(key);
        }
    }

    /// How many tokens are kept. The cache counts when it has time; here it is made to.
    pub(crate) fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, |Caches { shared, .. }| {
            shared.run_pending_tasks();
            shared.entry_count()
        })
    }
}

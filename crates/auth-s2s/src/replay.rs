//! Tokens that were used, for receivers that accept each once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use auth_jose::Timestamp;

use crate::{Refused, VerifiedService};

#[cfg(feature = "valkey")]
mod valkey;

#[cfg(feature = "valkey")]
pub use valkey::{InvalidStoreUrl, ValkeyStore};

/// A token is accepted this long after its end.
const SKEW_SECONDS: i64 = 5;

/// How often a full store looks for entries that are over, in milliseconds.
const SWEEP_EVERY: i64 = 1_000;

/// Where it is remembered that a token was used.
#[derive(Clone)]
pub(crate) enum Used {
    Here(Arc<UsedTokens>),
    #[cfg(feature = "valkey")]
    InValkey(Arc<ValkeyStore>),
}

impl Used {
    /// Uses a token up, whose signature is good.
    pub(crate) async fn claim(&self, caller: &VerifiedService, now: Timestamp) -> Result<(), Refused> {
        match self {
            Self::Here(tokens) => tokens.claim(caller, now),
            #[cfg(feature = "valkey")]
            Self::InValkey(store) => store.claim(caller, now).await,
        }
    }
}

/// The tokens that were used and could come again. Bounded: a full store refuses.
pub(crate) struct UsedTokens {
    capacity: usize,
    /// Keyed by chance, so that nobody can make two tokens that are taken for one.
    hasher: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Until when each could be accepted again, in milliseconds.
    until: HashMap<u64, i64>,
    swept_at: i64,
}

impl UsedTokens {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, hasher: RandomState::new(), seen: Mutex::default() }
    }

    fn claim(&self, caller: &VerifiedService, now: Timestamp) -> Result<(), Refused> {
        let token = self.hasher.hash_one((caller.service(), caller.token_id()));
        let (now, until) = (now.millis(), caller.expires_at().plus_seconds(SKEW_SECONDS).millis());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.until.get(&token).is_some_and(|until| now < *until) {
            return Err(Refused::Replayed);
        }
        if seen.until.len() >= self.capacity && (now - seen.swept_at).abs() >= SWEEP_EVERY {
            seen.until.retain(|_, until| now < *until);
            seen.swept_at = now;
        }
        if seen.until.len() >= self.capacity {
            return Err(Refused::ReplayStoreFull);
        }
        seen.until.insert(token, until);
        Ok(())
    }
}

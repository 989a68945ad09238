//! Kids that the issuer is known not to have, so that asking again for them is pointless for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// How long a kid is not asked for again. A new set that has it is used whatever is remembered here.
const MEMORY_MILLIS: i64 = 30_000;

/// Tokens choose their kids freely, so there is a limit. Beyond it the oldest knowledge goes; what
/// bounds the requests then is the cooldown alone.
const CAPACITY: usize = 1_000;

#[derive(Default)]
pub(crate) struct UnknownKids {
    /// By hash: a kid can be as long as a token. The value is the tick at which it was looked for.
    since: Mutex<HashMap<[u8; 32], i64>>,
}

impl UnknownKids {
    pub(crate) fn remember(&self, kid: &str, tick: i64) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if since.len() >= CAPACITY {
            since.retain(|_, since| is_remembered(*since, tick));
        }
        if since.len() >= CAPACITY {
            since.clear();
        }
        since.insert(Sha256::digest(kid).into(), tick);
    }

    pub(crate) fn contains(&self, kid: &str, tick: i64) -> bool {
        let kid: [u8; 32] = Sha256::digest(kid).into();
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get(&kid).is_some_and(|since| is_remembered(*since, tick))
    }
}

fn is_remembered(since: i64, tick: i64) -> bool {
    tick.saturating_sub(since) < MEMORY_MILLIS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_after_a_while() {
        let kids = UnknownKids::default();
        kids.remember("a", 1_000);
        assert!(kids.contains("a", 30_999) && !kids.contains("b", 1_000));
        assert!(!kids.contains("a", 31_000));
    }

    #[test]
    fn stays_small_whatever_comes() {
        let kids = UnknownKids::default();
        for number in 0..10 * CAPACITY {
            kids.remember(&number.to_string(), 0);
            assert!(kids.since.lock().unwrap().len() <= CAPACITY);
        }
        assert!(kids.contains(&(10 * CAPACITY - 1).to_string(), 0));
    }
}

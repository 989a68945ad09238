//! Withdrawn keys, which stay so for longer than the list says where the key set at hand is older than that.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::Revocation;
use crate::revocation::Revocations;
use crate::timeline::Moment;

/// By how much an entry is prolonged: more than passes between two looks.
const LONGER_MILLIS: i64 = 30_000;

/// The keys that were withdrawn, each with the tick at which the list forgets that.
#[derive(Default)]
pub(super) struct WithdrawnKeys(Mutex<HashMap<String, i64>>);

impl WithdrawnKeys {
    pub(super) fn note(&self, entries: &[(Revocation, i64)], now: Moment) {
        let is_ahead = |until: i64| until > now.tick;
        let keys = entries.iter().filter_map(|(what, until)| match what {
            Revocation::Key { kid } if is_ahead(*until) => Some((kid.clone(), *until)),
            _ => None,
        });
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (kid, until) in keys {
            let last = known.entry(kid).or_insert(until);
            *last = (*last).max(until);
        }
    }

    /// Prolongs what would be forgotten soon. Once a key set was fetched after the list had forgotten a key, that
    /// set alone says whether it is good: while the issuer is away, an older one goes on naming it.
    pub(super) fn hold(&self, fetched_at: Option<i64>, revocations: &Revocations, now: Moment) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| fetched_at.is_none_or(|at| at < *until));
        let longer = now.tick.saturating_add(LONGER_MILLIS);
        let ending = known.iter().filter(|(_, until)| **until < longer);
        let held: Vec<_> = ending.map(|(kid, _)| (Revocation::Key { kid: kid.clone() }, longer)).collect();
        drop(known);
        if !held.is_empty() {
            revocations.add(held, now.tick);
        }
    }
}

//! What the issuer has withdrawn before its time. Filled by whoever listens to the issuer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use auth_jose::{Timestamp, Verified};
use serde_json::Value;

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

#[derive(Default)]
pub(crate) struct Revocations {
    /// Grows with every addition; 0 while nothing was ever revoked.
    generation: AtomicU64,
    lists: RwLock<Lists>,
}

/// What is revoked, and the tick until which that has to be remembered.
#[derive(Default)]
struct Lists {
    keys: HashMap<String, i64>,
    sessions: HashMap<String, i64>,
    subjects: HashMap<String, (Timestamp, i64)>,
    tokens: HashMap<String, i64>,
}

impl Revocations {
    pub(crate) fn add(&self, revocations: impl IntoIterator<Item = Revocation>, until: i64, now: i64) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.forget_past(now);
        for revocation in revocations {
            lists.insert(revocation, until);
        }
        drop(lists);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// What was checked under one generation need not be checked again under the same.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn concern<C>(&self, verified: &Verified<C>, now: i64) -> bool {
        if self.generation() == 0 {
            return false;
        }
        self.lists.read().unwrap_or_else(PoisonError::into_inner).concern(verified, now)
    }
}

impl Lists {
    fn insert(&mut self, revocation: Revocation, until: i64) {
        let (list, name) = match revocation {
            Revocation::Key { kid } => (&mut self.keys, kid),
            Revocation::Session { sid } => (&mut self.sessions, sid),
            Revocation::Token { jti } => (&mut self.tokens, jti),
            Revocation::Subject { sub, issued_before } => {
                let known = self.subjects.entry(sub).or_insert((issued_before, until));
                *known = (known.0.max(issued_before), known.1.max(until));
                return;
            }
        };
        let known = list.entry(name).or_insert(until);
        *known = (*known).max(until);
    }

    fn concern<C>(&self, verified: &Verified<C>, now: i64) -> bool {
        let names = |list: &HashMap<String, i64>, name: Option<&str>| {
            name.and_then(|name| list.get(name)).is_some_and(|until| now < *until)
        };
        let text = |claim: &str| verified.raw_claims().get(claim).and_then(Value::as_str);
        let is_before = |(before, until): &(Timestamp, i64)| {
            now < *until && verified.issued_at().is_none_or(|issued_at| issued_at < *before)
        };
        names(&self.keys, verified.kid())
            || names(&self.sessions, text("sid"))
            || names(&self.tokens, text("jti"))
            || self.subjects.get(verified.subject()).is_some_and(is_before)
    }

    fn forget_past(&mut self, now: i64) {
        for list in [&mut self.keys, &mut self.sessions, &mut self.tokens] {
            list.retain(|_, until| now < *until);
        }
        self.subjects.retain(|_, (_, until)| now < *until);
    }
}

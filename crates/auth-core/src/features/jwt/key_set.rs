//! The key set (RFC 7517) as it is served: written when keys change, not when somebody asks.

use std::sync::Arc;

use auth_jose::{Algorithm, JwkSet, PublicKey, base64url};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::vault::Known;

/// A body and its entity tag (RFC 9110, section 8.8.3).
#[derive(Clone)]
pub(super) struct Document {
    pub(super) body: Bytes,
    pub(super) etag: String,
}

impl Document {
    fn of(keys: &[&Map<String, Value>]) -> Self {
        let body = json!({ "keys": keys }).to_string();
        let digest = Sha256::digest(body.as_bytes());
        let short = digest.get(..16).unwrap_or_default();
        Self { etag: format!("\"{}\"", base64url::encode(short)), body: Bytes::from(body) }
    }
}

/// The published keys: all of them, those of each algorithm, and ready to verify with.
pub(super) struct KeySet {
    pub(super) all: Document,
    by_algorithm: Vec<(String, Document)>,
    pub(super) verifying: Arc<JwkSet>,
}

impl Default for KeySet {
    fn default() -> Self {
        Self { all: Document::of(&[]), by_algorithm: Vec::new(), verifying: Arc::default() }
    }
}

impl KeySet {
    /// The set of these keys, in their order. Every algorithm of `algorithms` has a view, if an empty one.
    pub(super) fn of(keys: &[&Known], algorithms: &[Algorithm]) -> Self {
        let members: Vec<_> =
            keys.iter().filter_map(|known| Some((&known.alg, known.jwk.as_ref()?))).collect();
        let mut names: Vec<&str> = algorithms.iter().map(|it| it.as_str()).collect();
        names.extend(members.iter().map(|(alg, _)| alg.as_str()));
        names.sort_unstable();
        names.dedup();
        let view = |name: &str| {
            let of_name = members.iter().filter(|(alg, _)| *alg == name).map(|(_, jwk)| *jwk);
            (name.to_owned(), Document::of(&of_name.collect::<Vec<_>>()))
        };
        let all: Vec<_> = members.iter().map(|(_, jwk)| *jwk).collect();
        let usable = all.iter().filter_map(|jwk| PublicKey::from_jwk(jwk).ok());
        Self {
            verifying: Arc::new(usable.collect()),
            by_algorithm: names.into_iter().map(view).collect(),
            all: Document::of(&all),
        }
    }

    /// The keys of one algorithm alone, for consumers that fail on others.
    pub(super) fn only(&self, algorithm: &str) -> Option<&Document> {
        self.by_algorithm.iter().find(|(name, _)| name == algorithm).map(|(_, document)| document)
    }

    /// The algorithms that have a view.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = &str> {
        self.by_algorithm.iter().map(|(name, _)| name.as_str())
    }
}

use std::fmt;
use std::sync::Arc;

use auth_jose::{Clock, JwkSet, Policy, VerifyError, verify};
use serde::de::DeserializeOwned;

use crate::source::KeySource;
use crate::{ConfigError, Metrics, Verified, VerifierBuilder};

/// Verifies access tokens of one issuer for one audience. Cheap to clone; all clones share the keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    policy: Policy,
    source: KeySource,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// A verifier with every default: see [`VerifierBuilder`].
    ///
    /// # Errors
    /// [`ConfigError`] when a value is empty or `jwks_url` is neither https nor on loopback.
    pub fn new(issuer: &str, audience: &str, jwks_url: &str) -> Result<Self, ConfigError> {
        Self::builder(issuer, audience, jwks_url).build()
    }

    /// A verifier that differs from the defaults.
    #[must_use]
    pub fn builder(issuer: &str, audience: &str, jwks_url: &str) -> VerifierBuilder {
        VerifierBuilder::new(issuer, audience, jwks_url)
    }

    pub(crate) fn from_parts(policy: Policy, source: KeySource, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { policy, source, clock }))
    }

    /// Verifies `token` and reads its claims as `C`: [`crate::UserClaims`] where the result is annotated
    /// as plain [`Verified`].
    ///
    /// # Errors
    /// The rule that the token breaks, for logs; [`VerifyError::KeysUnavailable`] when nothing can be
    /// said about it, because the issuer's keys could not be fetched.
    pub async fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let outcome = self.verify_uncounted(token).await;
        let counters = self.0.source.counters();
        match &outcome {
            Ok(_) => counters.accepted.add(1),
            Err(error) => {
                counters.refused.add(1);
                tracing::debug!(code = error.code(), "token refused: {error}");
            }
        }
        outcome
    }

    async fn verify_uncounted<C: DeserializeOwned>(&self, token: &str) -> Result<Verified<C>, VerifyError> {
        let Inner { policy, source, clock } = &*self.0;
        let Some(set) = source.at_hand() else {
            // Without any key, form and header can still be judged: garbage starts no request.
            match verify::<C>(policy, &JwkSet::default(), clock.now(), token) {
                Err(VerifyError::KeyUnknown) => {}
                refused => return refused,
            }
            let set = source.newer_than(None).await.ok_or(VerifyError::KeysUnavailable)?;
            return verify(policy, &set.keys, clock.now(), token);
        };
        match verify(policy, &set.keys, clock.now(), token) {
            // Perhaps the issuer has rotated its keys.
            Err(VerifyError::KeyUnknown) => match source.newer_than(Some(&set)).await {
                Some(newer) => verify(policy, &newer.keys, clock.now(), token),
                None => Err(VerifyError::KeyUnknown),
            },
            outcome => outcome,
        }
    }

    /// What this verifier and its clones have done so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.source.counters().read()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

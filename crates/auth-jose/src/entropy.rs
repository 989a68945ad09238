//! Randomness as an input: everything random is drawn from an [`Entropy`].

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes. `purpose` names the use (`session-token`), so that the uses
    /// can be listed and a test's draws for one use do not change those for another.
    fn fill(&self, purpose: &'static str, out: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
    #[expect(clippy::panic, reason = "without randomness no secret may be made; nothing sensible can go on")]
    fn fill(&self, _purpose: &'static str, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

/// Repeatable bytes for tests, one independent stream for each purpose.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counts: std::sync::Mutex<std::collections::HashMap<&'static str, u64>>,
}

#[cfg(any(test, feature = "testing"))]
impl SeededEntropy {
    /// Streams that depend on `seed` only.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, counts: std::sync::Mutex::default() }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Entropy for SeededEntropy {
    fn fill(&self, purpose: &'static str, out: &mut [u8]) {
        use sha2::Digest;
        let mut counts = self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry(purpose).or_default();
        for chunk in out.chunks_mut(32) {
            *count += 1;
            let mut hash = sha2::Sha256::new();
            hash.update(self.seed.to_be_bytes());
            hash.update(purpose.as_bytes());
            hash.update(count.to_be_bytes());
            for (to, from) in chunk.iter_mut().zip(hash.finalize()) {
                *to = from;
            }
        }
    }
}

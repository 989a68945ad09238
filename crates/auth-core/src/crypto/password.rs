//! Password hashing on threads of its own.
//!
//! A hash takes tens of milliseconds and megabytes: each thread keeps one buffer, waiting requests are
//! limited, and beyond the limit a request is refused at once. New hashes are argon2id, or Better Auth's
//! scrypt where a Node server shares the database; both are always verified.

mod format;
mod pool;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use auth_jose::{Entropy, Secret};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use format::StoredHash;
pub(crate) use format::describe;
use pool::Pool;

/// Longer passwords are refused before any work; the configured limit is far below.
const MAX_PASSWORD_BYTES: usize = 4096;

const SALT_LENGTH: usize = 16;

/// How new passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// argon2id, version 19.
    Argon2id {
        /// Memory of one hash in KiB.
        memory_kib: u32,
        /// Passes over the memory.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
    },
    /// Better Auth's scrypt (N 16384, r 16, p 1).
    Scrypt,
}

impl Default for Algorithm {
    /// OWASP's first recommendation for argon2id.
    fn default() -> Self {
        Self::Argon2id { memory_kib: 19_456, iterations: 2, parallelism: 1 }
    }
}

/// The settings of a [`PasswordHasher`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordConfig {
    /// How new passwords are hashed.
    pub algorithm: Algorithm,
    /// How many hashes are computed at the same time; at least one.
    pub threads: usize,
    /// How many requests may wait for a thread; at least one.
    pub queue: usize,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { algorithm: Algorithm::default(), threads, queue: 64 }
    }
}

/// Why there is no [`PasswordHasher`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PasswordSetupError {
    /// argon2 refuses its parameters.
    #[error("the argon2id parameters cannot be used: {0}")]
    Parameters(argon2::Error),
    /// The system gives no thread.
    #[error("no thread for password hashing")]
    Threads(#[source] std::io::Error),
}

/// Why a password was neither hashed nor verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashError {
    /// Too many requests are waiting: try again shortly.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The computation failed or its threads are gone.
    #[error("password hashing failed")]
    Failed,
    /// The password is longer than any that is accepted.
    #[error("the password is too long to be hashed")]
    TooLong,
}

/// Hashes and verifies passwords; clones share the threads, which end with the last clone.
#[derive(Clone)]
pub struct PasswordHasher {
    pool: Arc<Pool>,
    entropy: Arc<dyn Entropy>,
    algorithm: Algorithm,
    /// A kind of hash that is stored besides the configured one; shared by the clones.
    other_kind: Arc<Mutex<Option<StoredHash>>>,
    runs: Arc<Runs>,
}

/// How often each function has been computed.
#[derive(Debug, Default)]
struct Runs {
    argon2: AtomicU64,
    scrypt: AtomicU64,
}

impl PasswordHasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// Unusable parameters or no threads.
    pub fn new(config: PasswordConfig, entropy: Arc<dyn Entropy>) -> Result<Self, PasswordSetupError> {
        let resident_blocks = match config.algorithm {
            Algorithm::Argon2id { memory_kib, iterations, parallelism } => {
                format::argon2_params(memory_kib, iterations, parallelism)
                    .map_err(PasswordSetupError::Parameters)?
                    .block_count()
            }
            Algorithm::Scrypt => 0,
        };
        let pool = Pool::start(config.threads, config.queue, resident_blocks)
            .map_err(PasswordSetupError::Threads)?;
        Ok(Self {
            pool: Arc::new(pool),
            entropy,
            algorithm: config.algorithm,
            other_kind: Arc::default(),
            runs: Arc::default(),
        })
    }

    /// A hash of `password` to store, under a fresh salt.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash(&self, password: Secret<String>) -> Result<String, HashError> {
        let password = Password::read(&password).ok_or(HashError::TooLong)?;
        let mut salt = [0_u8; SALT_LENGTH];
        self.entropy.fill("password-salt", &mut salt);
        let (algorithm, runs) = (self.algorithm, Arc::clone(&self.runs));
        let hashed = self.pool.run(move |memory| {
            let mut stored = StoredHash::blank(algorithm, salt)?;
            stored.key = stored.derive(&password, memory, &runs)?;
            Some(stored.to_string())
        });
        hashed.await?.ok_or(HashError::Failed)
    }

    /// Whether `password` belongs to the stored `hash`. A hash that cannot be read belongs to none; the
    /// log says so, and the answer takes as long as another.
    ///
    /// # Errors
    /// See [`HashError`]; a password beyond every limit is wrong, not an error.
    pub async fn verify(&self, hash: String, password: Secret<String>) -> Result<bool, HashError> {
        let Some(stored) = StoredHash::read(&hash) else {
            tracing::warn!("a stored password hash cannot be read, so no password fits it");
            self.verify_nothing(password).await?;
            return Ok(false);
        };
        let Some(password) = Password::read(&password) else {
            return Ok(false);
        };
        self.note(&stored);
        let decoy = if stored.is_as(self.algorithm) { self.other_kind() } else { self.blank() };
        let runs = Arc::clone(&self.runs);
        let verified = self.pool.run(move |memory| {
            let fits = stored.fits(&stored.derive(&password, memory, &runs)?);
            // A wrong password takes the same work for every user and for none.
            if let (false, Some(decoy)) = (fits, decoy) {
                std::hint::black_box(decoy.derive(&password, memory, &runs)?);
            }
            Some(fits)
        });
        verified.await?.ok_or(HashError::Failed)
    }

    /// Does the work of [`Self::verify`] for a user that does not exist, so that the time of an answer does
    /// not tell which users do.
    ///
    /// # Errors
    /// See [`HashError`]; the same ones, under the same circumstances, as for a user that exists.
    pub async fn verify_nothing(&self, password: Secret<String>) -> Result<(), HashError> {
        let Some(password) = Password::read(&password) else {
            return Ok(());
        };
        let (decoys, runs) = ([self.blank(), self.other_kind()], Arc::clone(&self.runs));
        let worked = self.pool.run(move |memory| {
            for decoy in decoys.iter().flatten() {
                std::hint::black_box(decoy.fits(&decoy.derive(&password, memory, &runs)?));
            }
            Some(())
        });
        worked.await?.map(|_| ()).ok_or(HashError::Failed)
    }

    /// Whether a new hash of the same password would be made as this stored one is.
    #[must_use]
    pub fn is_current(&self, hash: &str) -> bool {
        StoredHash::read(hash).is_some_and(|stored| stored.is_as(self.algorithm))
    }

    /// Whether new hashes are argon2id.
    #[must_use]
    pub fn is_argon2id(&self) -> bool {
        matches!(self.algorithm, Algorithm::Argon2id { .. })
    }

    /// Takes notice of a stored hash: if it takes other work than the configured kind, every wrong password
    /// and every unknown user takes the work of both from now on.
    pub fn expect(&self, hash: &str) {
        if let Some(stored) = StoredHash::read(hash) {
            self.note(&stored);
        }
    }

    fn note(&self, stored: &StoredHash) {
        if !stored.is_as(self.algorithm) {
            *self.other_kind.lock().unwrap_or_else(PoisonError::into_inner) = Some(stored.like());
        }
    }

    fn other_kind(&self) -> Option<StoredHash> {
        self.other_kind.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(StoredHash::like)
    }

    fn blank(&self) -> Option<StoredHash> {
        StoredHash::blank(self.algorithm, [0; SALT_LENGTH])
    }

    /// How often argon2 and scrypt have been computed, in this order.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn runs(&self) -> (u64, u64) {
        (self.runs.argon2.load(Ordering::SeqCst), self.runs.scrypt.load(Ordering::SeqCst))
    }
}

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordHasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Runs {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// A password in the form that is hashed: NFKC, as Better Auth does it, so that an accent typed on another
/// keyboard is the same accent. argon2 gets the same form: a person whose scrypt hash is replaced by an
/// argon2 hash goes on typing what they always typed.
struct Password(Zeroizing<String>);

impl Password {
    fn read(password: &Secret<String>) -> Option<Self> {
        let text = password.expose();
        (text.len() <= MAX_PASSWORD_BYTES).then(|| {
            // Room for the whole text at once: growing would leave copies in freed memory.
            let mut normal = Zeroizing::new(String::with_capacity(text.nfkc().map(char::len_utf8).sum()));
            normal.extend(text.nfkc());
            Self(normal)
        })
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests;

//! Password hashes as the database holds them.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm as Argon2Kind, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::pool::Memory;
use super::{Algorithm, Password, Runs, SALT_LENGTH};
use crate::crypto::{from_hex, to_hex};

const ARGON2_KEY_LENGTH: usize = 32;
const SCRYPT_KEY_LENGTH: usize = 64;
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 16;
const SCRYPT_P: u32 = 1;

/// The longest scrypt salt that is read; Better Auth writes 32 characters.
const MAX_SCRYPT_SALT: usize = 256;

/// Limits for hashes that others have written: memory of 1 GiB, and time in proportion.
const MAX_STORED_MEMORY_KIB: u32 = 1 << 20;
const MAX_STORED_ITERATIONS: u32 = 64;
const MAX_STORED_PARALLELISM: u32 = 64;

/// A hash with everything needed to compute it again.
pub(super) struct StoredHash {
    function: Function,
    /// What the password must lead to.
    pub(super) key: Zeroizing<Vec<u8>>,
}

#[derive(Clone)]
enum Function {
    Argon2 {
        kind: Argon2Kind,
        version: Version,
        params: Params,
        salt: Vec<u8>,
    },
    /// The salt is the text itself, not the bytes that it spells.
    Scrypt {
        salt: String,
    },
}

impl StoredHash {
    /// A hash of `algorithm` whose key is still to be computed.
    pub(super) fn blank(algorithm: Algorithm, salt: [u8; SALT_LENGTH]) -> Option<Self> {
        let function = match algorithm {
            Algorithm::Argon2id { memory_kib, iterations, parallelism } => Function::Argon2 {
                kind: Argon2Kind::Argon2id,
                version: Version::V0x13,
                params: argon2_params(memory_kib, iterations, parallelism).ok()?,
                salt: salt.to_vec(),
            },
            Algorithm::Scrypt => Function::Scrypt { salt: to_hex(&salt) },
        };
        let key = Zeroizing::new(vec![0; function.key_length()]);
        Some(Self { function, key })
    }

    /// A hash that takes the same work, of no password.
    pub(super) fn like(&self) -> Self {
        Self { function: self.function.clone(), key: Zeroizing::new(vec![0; self.key.len()]) }
    }

    /// Whether a new hash of `algorithm` would take the same work.
    pub(super) fn is_as(&self, algorithm: Algorithm) -> bool {
        match (&self.function, algorithm) {
            (
                Function::Argon2 { kind, version, params, .. },
                Algorithm::Argon2id { memory_kib, iterations, parallelism },
            ) => {
                *kind == Argon2Kind::Argon2id
                    && *version == Version::V0x13
                    && (params.m_cost(), params.t_cost(), params.p_cost())
                        == (memory_kib, iterations, parallelism)
            }
            (Function::Scrypt { .. }, Algorithm::Scrypt) => true,
            (Function::Argon2 { .. }, Algorithm::Scrypt)
            | (Function::Scrypt { .. }, Algorithm::Argon2id { .. }) => false,
        }
    }

    /// Reads a PHC string of argon2 or Better Auth's `salt:key`.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.starts_with('$') { Self::read_argon2(text) } else { Self::read_scrypt(text) }
    }

    fn read_argon2(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let kind = Argon2Kind::try_from(hash.algorithm.as_str()).ok()?;
        let version = match hash.version {
            Some(version) => Version::try_from(version).ok()?,
            None => Version::V0x10,
        };
        let params = Params::try_from(&hash).ok()?;
        if params.m_cost() > MAX_STORED_MEMORY_KIB
            || params.t_cost() > MAX_STORED_ITERATIONS
            || params.p_cost() > MAX_STORED_PARALLELISM
        {
            return None;
        }
        let key = Zeroizing::new(hash.hash?.as_bytes().to_vec());
        let salt = hash.salt?.to_vec();
        Some(Self { function: Function::Argon2 { kind, version, params, salt }, key })
    }

    fn read_scrypt(text: &str) -> Option<Self> {
        let (salt, key) = text.split_once(':')?;
        let key = Zeroizing::new(from_hex(key)?);
        let is_readable = !salt.is_empty() && salt.len() <= MAX_SCRYPT_SALT && key.len() == SCRYPT_KEY_LENGTH;
        is_readable.then(|| Self { function: Function::Scrypt { salt: salt.to_owned() }, key })
    }

    /// The key that `password` leads to; nothing if the parameters turn out to be unusable.
    pub(super) fn derive(
        &self,
        password: &Password,
        memory: &mut Memory,
        runs: &Runs,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; self.key.len()]);
        match &self.function {
            Function::Argon2 { kind, version, params, salt } => {
                Runs::count(&runs.argon2);
                let argon2 = Argon2::new(*kind, *version, params.clone());
                memory.with_blocks(params.block_count(), |blocks| {
                    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut key, blocks).ok()
                })?;
            }
            Function::Scrypt { salt } => {
                Runs::count(&runs.scrypt);
                let params = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P).ok()?;
                scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &params, &mut key).ok()?;
            }
        }
        Some(key)
    }

    /// Whether `key` is this hash's, compared in constant time.
    pub(super) fn fits(&self, key: &[u8]) -> bool {
        bool::from(self.key.as_slice().ct_eq(key))
    }
}

impl Function {
    fn key_length(&self) -> usize {
        match self {
            Self::Argon2 { .. } => ARGON2_KEY_LENGTH,
            Self::Scrypt { .. } => SCRYPT_KEY_LENGTH,
        }
    }
}

/// What can be said of a hash without giving any of it away.
pub(crate) struct Description {
    pub(crate) algorithm: String,
    pub(crate) parts: Vec<(String, String)>,
    /// This server can verify it.
    pub(crate) is_read: bool,
    read: Option<StoredHash>,
}

impl Description {
    /// Whether a new hash of `algorithm` would take the same work.
    pub(crate) fn is_as(&self, algorithm: Algorithm) -> bool {
        self.read.as_ref().is_some_and(|hash| hash.is_as(algorithm))
    }
}

/// What `text` is, if it has the form of a password hash: one that is read here, or one of another kind.
pub(crate) fn describe(text: &str) -> Option<Description> {
    let part = |name: &str, value: String| (name.to_owned(), value);
    let read = StoredHash::read(text);
    let (algorithm, parts) = match read.as_ref().map(|hash| (&hash.function, hash.key.len())) {
        Some((Function::Argon2 { kind, version, params, salt }, key)) => (
            format!("{kind}, version {}", u32::from(*version)),
            vec![
                part("memory", format!("{} KiB", params.m_cost())),
                part("passes", params.t_cost().to_string()),
                part("lanes", params.p_cost().to_string()),
                part("salt", format!("{} bytes, hidden", salt.len())),
                part("hash", format!("{key} bytes, hidden")),
            ],
        ),
        Some((Function::Scrypt { salt }, key)) => (
            "Better Auth's scrypt".to_owned(),
            vec![
                part("work", format!("N {}, r {SCRYPT_R}, p {SCRYPT_P}", 1_u32 << SCRYPT_LOG_N)),
                part("salt", format!("{} characters, hidden", salt.chars().count())),
                part("hash", format!("{key} bytes, hidden")),
            ],
        ),
        None => {
            let name = text.strip_prefix('$')?.split('$').next()?;
            let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            let is_foreign = (1..=32).contains(&name.len()) && name.chars().all(is_name) && name != "ba";
            (is_foreign.then(|| name.to_owned())?, Vec::new())
        }
    };
    Some(Description { algorithm, parts, is_read: read.is_some(), read })
}

/// The form that is stored.
impl fmt::Display for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Function::Argon2 { kind, version, params, salt } => write!(
                f,
                "${kind}$v={}$m={},t={},p={}${}${}",
                u32::from(*version),
                params.m_cost(),
                params.t_cost(),
                params.p_cost(),
                STANDARD_NO_PAD.encode(salt),
                STANDARD_NO_PAD.encode(&*self.key)
            ),
            Function::Scrypt { salt } => write!(f, "{salt}:{}", to_hex(&self.key)),
        }
    }
}

/// argon2's parameters for new hashes.
pub(super) fn argon2_params(
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
) -> Result<Params, argon2::Error> {
    Params::new(memory_kib, iterations, parallelism, Some(ARGON2_KEY_LENGTH))
}

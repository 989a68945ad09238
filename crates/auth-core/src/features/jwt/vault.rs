//! Stored keys: reading upstream's rows, opening their private parts with the secret, making new ones.

use std::sync::Arc;

use auth_jose::{Algorithm, Entropy, KeyAlgorithm, KeyError, Secret, SigningKey, Timestamp};
use serde_json::{Map, Value};

use super::store::KeyRow;
use crate::config::{JwtAlgorithm, JwtConfig};
use crate::crypto::random;
use crate::crypto::symmetric::Sealer;
use crate::id::Id;
use crate::store::types::At;

/// A stored key as this server can use it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) kid: String,
    pub(super) alg: String,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// The member of the key set, if the row holds one.
    pub(super) jwk: Option<Map<String, Value>>,
    /// The opened key, or why there is none.
    pub(super) key: Result<Arc<SigningKey>, String>,
}

impl Known {
    pub(super) fn of(row: &KeyRow, alg: String, key: Result<Arc<SigningKey>, String>) -> Self {
        let (created_at, expires_at) = (row.created_at.0, row.expires_at.map(|at| at.0));
        let jwk = public_member(row, &alg);
        Self { kid: row.id.as_str().to_owned(), alg, created_at, expires_at, jwk, key }
    }

    /// Says in the log what is wrong with it, unless that was known.
    pub(super) fn report(&self, before: &[Self]) {
        let before = before.iter().find(|known| known.kid == self.kid);
        if let Err(reason) = &self.key
            && before.and_then(|known| known.key.as_ref().err()) != Some(reason)
        {
            tracing::warn!(kid = self.kid, reason, "a stored signing key cannot be used");
        }
        if self.jwk.is_none() && before.is_none() {
            tracing::warn!(kid = self.kid, "a stored public key is not a JSON object; it is not published");
        }
    }
}

/// Opens, seals and makes keys.
pub(super) struct Vault {
    sealer: Sealer,
    /// What a row without an algorithm has.
    default: Algorithm,
    encrypt: bool,
}

impl Vault {
    pub(super) fn new(config: &JwtConfig, sealer: Sealer) -> Self {
        Self { sealer, default: config.algorithm.into(), encrypt: config.encrypt_private_keys }
    }

    /// Reads a row. A key that is open already stays open: it does not change, and its row may have been sealed
    /// meanwhile with a secret that this server gets at its next start only.
    pub(super) fn read(&self, row: &KeyRow, before: &[Known]) -> Known {
        let alg = row.alg.clone().unwrap_or_else(|| self.default.as_str().to_owned());
        let before = before.iter().find(|known| known.kid == row.id.as_str() && known.alg == alg);
        let key = match before.map(|known| &known.key) {
            Some(Ok(key)) => Ok(key.clone()),
            _ => self.open(row, &alg).map(Arc::new),
        };
        Known::of(row, alg, key)
    }

    fn open(&self, row: &KeyRow, alg: &str) -> Result<SigningKey, String> {
        let algorithm = alg.parse::<Algorithm>().map_err(|_unknown| format!("unknown algorithm {alg:?}"))?;
        let jwk = match serde_json::from_str(&row.private_key) {
            Ok(Value::String(sealed)) => {
                self.sealer.open(&sealed).map_err(|error| format!("its private part is sealed: {error}"))?
            }
            Ok(Value::Object(_)) => Secret::from(row.private_key.as_str()),
            _ => return Err("its private part is not JSON".to_owned()),
        };
        SigningKey::from_private_jwk(jwk.expose(), algorithm, row.id.as_str())
            .map_err(|error| error.to_string())
    }

    /// A row's private part under the current secret, if it is sealed with an older one that is still configured.
    /// What is stored in clear stays so.
    pub(super) fn resealed(&self, row: &KeyRow, entropy: &dyn Entropy) -> Option<String> {
        let Ok(Value::String(sealed)) = serde_json::from_str(&row.private_key) else { return None };
        Some(Value::String(self.sealer.reseal(entropy, &sealed)?).to_string())
    }

    /// Whether a private part is there that no configured secret opens.
    pub(super) fn is_closed(&self, private_key: &str) -> bool {
        match serde_json::from_str(private_key) {
            Ok(Value::String(sealed)) => self.sealer.open(&sealed).is_err(),
            Ok(Value::Object(_)) => false,
            _ => true,
        }
    }

    /// A new key with a row that is not stored yet, whose id names it. Where the database will make the id, the key
    /// has a name of its own until then. An RSA key takes a second.
    pub(super) fn make(
        &self,
        algorithm: JwtAlgorithm,
        id: Id<KeyRow>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(KeyRow, Arc<SigningKey>), KeyError> {
        let kid = match id.given() {
            Some(id) => id.as_str().to_owned(),
            None => random::alphanumeric(entropy, "key-name", 32),
        };
        let key = SigningKey::generate(algorithm.into(), &kid)?;
        let private = key.private_jwk();
        let private_key = if self.encrypt {
            // Upstream stores the hex text as a JSON string.
            Value::String(self.sealer.seal(entropy, private.expose())).to_string()
        } else {
            private.expose().clone()
        };
        let public = key.public_jwk();
        let row = KeyRow {
            id,
            crv: public.get("crv").and_then(Value::as_str).map(str::to_owned),
            public_key: Value::Object(public).to_string(),
            private_key,
            created_at: At(now),
            expires_at: None,
            alg: Some(key.algorithm().as_str().to_owned()),
        };
        Ok((row, Arc::new(key)))
    }
}

impl From<JwtAlgorithm> for KeyAlgorithm {
    fn from(algorithm: JwtAlgorithm) -> Self {
        match algorithm {
            JwtAlgorithm::EdDsa => Self::EdDsa,
            JwtAlgorithm::Es256 => Self::Es256,
            JwtAlgorithm::Es512 => Self::Es512,
            JwtAlgorithm::Ps256 { modulus_bits } => Self::Ps256 { modulus_bits },
            JwtAlgorithm::Rs256 { modulus_bits } => Self::Rs256 { modulus_bits },
        }
    }
}

impl From<JwtAlgorithm> for Algorithm {
    fn from(algorithm: JwtAlgorithm) -> Self {
        KeyAlgorithm::from(algorithm).into()
    }
}

/// The published form of a key: `{alg, crv?, ...public members, kid}`.
fn public_member(row: &KeyRow, alg: &str) -> Option<Map<String, Value>> {
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    let Ok(Value::Object(public)) = serde_json::from_str::<Value>(&row.public_key) else { return None };
    let mut member = Map::new();
    member.insert("alg".to_owned(), alg.into());
    if let Some(crv) = &row.crv {
        member.insert("crv".to_owned(), crv.as_str().into());
    }
    member.extend(public.into_iter().filter(|(name, _)| !PRIVATE.contains(&name.as_str())));
    member.insert("kid".to_owned(), row.id.as_str().into());
    Some(member)
}

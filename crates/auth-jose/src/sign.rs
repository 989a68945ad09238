//! Signing keys: generation, private JWKs as Better Auth stores them, compact JWS.
//!
//! josekit carries the formats and key generation; the signatures themselves are made by aws-lc-rs,
//! which does Ed25519 three times as fast as OpenSSL 3.0.

mod signer;

use std::fmt;

use josekit::jwk::alg::ec::{EcCurve, EcKeyPair};
use josekit::jwk::alg::ed::{EdCurve, EdKeyPair};
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jwk::{Jwk, KeyPair};
use josekit::jws::{JwsContext, JwsHeader};
use serde::Serialize;
use serde_json::{Map, Value};

use self::signer::{Material, Signer};
use crate::{Algorithm, JsonError, PublicKey, Secret, json};

/// What kind of key [`SigningKey::generate`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// An Ed25519 key that signs as `EdDSA`.
    EdDsa,
    /// A P-256 key.
    Es256,
    /// A P-521 key.
    Es512,
    /// An RSA key with the public exponent 65537 that signs with RSASSA-PSS.
    Ps256 {
        /// The size of the modulus: 2048 to 8192, a multiple of 8.
        modulus_bits: u32,
    },
    /// An RSA key with the public exponent 65537 that signs with RSASSA-PKCS1-v1_5.
    Rs256 {
        /// The size of the modulus: 2048 to 8192, a multiple of 8.
        modulus_bits: u32,
    },
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(kind: KeyAlgorithm) -> Self {
        match kind {
            KeyAlgorithm::EdDsa => Self::EdDsa,
            KeyAlgorithm::Es256 => Self::Es256,
            KeyAlgorithm::Es512 => Self::Es512,
            KeyAlgorithm::Ps256 { .. } => Self::Ps256,
            KeyAlgorithm::Rs256 { .. } => Self::Rs256,
        }
    }
}

/// Why a key could not be made, read or used. Never shows key material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// This algorithm only verifies here.
    #[error("{0} is not an algorithm to sign with: expected Ed25519, EdDSA, ES256, ES512, PS256 or RS256")]
    AlgorithmUnsupported(Algorithm),
    /// The claims do not serialize to a JSON object.
    #[error("claims must serialize to a JSON object")]
    ClaimsInvalid,
    /// OpenSSL made no key.
    #[error("key generation failed")]
    GenerationFailed,
    /// The private JWK is not strict JSON.
    #[error("the private key is not a JSON object")]
    JsonInvalid(#[from] JsonError),
    /// The private JWK lacks a member, or one does not fit the others or the algorithm.
    #[error("the private key does not fit its algorithm")]
    KeyInvalid,
    /// An RSA modulus outside of 2048 to 8192 bits, or not whole bytes.
    #[error("an RSA modulus of {0} bits: expected 2048 to 8192, a multiple of 8")]
    ModulusBitsInvalid(u32),
    /// The signature could not be computed.
    #[error("signing failed")]
    SigningFailed,
}

/// A private key, ready to sign. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    signer: Signer,
    private: Secret<String>,
    public: Map<String, Value>,
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::ModulusBitsInvalid`] and [`KeyError::GenerationFailed`].
    pub fn generate(alg: KeyAlgorithm, kid: &str) -> Result<Self, KeyError> {
        let pair = match alg {
            KeyAlgorithm::EdDsa => EdKeyPair::generate(EdCurve::Ed25519).map(|pair| pair.to_jwk_key_pair()),
            KeyAlgorithm::Es256 => EcKeyPair::generate(EcCurve::P256).map(|pair| pair.to_jwk_key_pair()),
            KeyAlgorithm::Es512 => EcKeyPair::generate(EcCurve::P521).map(|pair| pair.to_jwk_key_pair()),
            KeyAlgorithm::Ps256 { modulus_bits } | KeyAlgorithm::Rs256 { modulus_bits } => {
                if !(2048..=8192).contains(&modulus_bits) || modulus_bits % 8 != 0 {
                    return Err(KeyError::ModulusBitsInvalid(modulus_bits));
                }
                RsaKeyPair::generate(modulus_bits).map(|pair| pair.to_jwk_key_pair())
            }
        };
        let Ok(jwk) = pair else { return Err(KeyError::GenerationFailed) };
        Self::from_members(jwk.as_ref(), alg.into(), kid)
    }

    /// A stored key: the text of a private JWK. Members that the key type does not define are ignored.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no private JWK for `alg` or its public part belongs to another key.
    pub fn from_private_jwk(jwk_json: &str, alg: Algorithm, kid: &str) -> Result<Self, KeyError> {
        Self::from_members(&json::parse_object(jwk_json.as_bytes())?, alg, kid)
    }

    fn from_members(jwk: &Map<String, Value>, alg: Algorithm, kid: &str) -> Result<Self, KeyError> {
        // The orders are upstream's, so that both servers store the same text.
        let (private, public): (&[&str], &[&str]) = match alg {
            Algorithm::EdDsa | Algorithm::Ed25519 => (&["crv", "d", "x", "kty"], &["crv", "x", "kty"]),
            Algorithm::Es256 | Algorithm::Es512 => {
                (&["kty", "x", "y", "crv", "d"], &["kty", "x", "y", "crv"])
            }
            Algorithm::Ps256 | Algorithm::Rs256 => {
                (&["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"], &["kty", "n", "e"])
            }
            Algorithm::Es384 => return Err(KeyError::AlgorithmUnsupported(alg)),
        };
        let private = select(jwk, private)?;
        let public = select(jwk, public)?;
        // Never sign with a key that our own verifiers would refuse.
        if !PublicKey::from_jwk(&public).is_ok_and(|key| key.fits(alg)) {
            return Err(KeyError::KeyInvalid);
        }
        let signer = Signer::new(alg, kid, Material::from_jwk(alg, &private)?);
        let Ok(private) = serde_json::to_string(&private) else { return Err(KeyError::KeyInvalid) };
        Ok(Self { signer, private: Secret::new(private), public })
    }

    /// The name under which the public key is published.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.signer.kid()
    }

    /// What the key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.signer.alg()
    }

    /// The private JWK as Better Auth stores it: no `kid`, `alg` or `use`.
    #[must_use]
    pub fn private_jwk(&self) -> Secret<String> {
        self.private.clone()
    }

    /// The public members alone: no `kid`, `alg` or `use`.
    #[must_use]
    pub fn public_jwk(&self) -> Map<String, Value> {
        self.public.clone()
    }

    /// A compact JWS with the header `{"alg":..,"kid":..}`, followed by `"typ"` when given.
    ///
    /// # Errors
    /// [`KeyError::ClaimsInvalid`] unless `claims` serialize to a JSON object.
    pub fn sign<C: Serialize + ?Sized>(&self, typ: Option<&str>, claims: &C) -> Result<String, KeyError> {
        let Ok(payload) = serde_json::to_vec(claims) else { return Err(KeyError::ClaimsInvalid) };
        if payload.first() != Some(&b'{') {
            return Err(KeyError::ClaimsInvalid);
        }
        let mut header = JwsHeader::new();
        // josekit sets `alg` and `kid` itself; set here first, they keep the first two places.
        header.set_algorithm(self.algorithm().as_str());
        header.set_key_id(self.kid());
        if let Some(typ) = typ {
            header.set_token_type(typ);
        }
        let token = JwsContext::new().serialize_compact(&payload, &header, &self.signer);
        token.or(Err(KeyError::SigningFailed))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SigningKey");
        shown.field("kid", &self.kid()).field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

fn select(jwk: &Map<String, Value>, names: &[&str]) -> Result<Map<String, Value>, KeyError> {
    let member = |name: &&str| match jwk.get(*name) {
        Some(Value::String(text)) => Ok(((*name).to_owned(), Value::from(text.as_str()))),
        _ => Err(KeyError::KeyInvalid),
    };
    names.iter().map(member).collect()
}

/// josekit's reading of a JWK that [`select`] made.
fn josekit_jwk(members: &Map<String, Value>) -> Result<Jwk, KeyError> {
    Jwk::from_map(members.clone()).or(Err(KeyError::KeyInvalid))
}

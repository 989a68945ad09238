//! aws-lc-rs behind josekit's `JwsSigner`.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair, RsaSignatureEncoding,
};
use josekit::JoseError;
use josekit::jwk::alg::rsa::RsaKeyPair as RsaJwk;
use josekit::jws::{JwsAlgorithm, JwsSigner};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{KeyError, josekit_jwk};
use crate::{Algorithm, base64url};

/// A key that aws-lc-rs has parsed and checked.
pub(super) enum Material {
    Ed25519(Ed25519KeyPair),
    /// The signature has two numbers of so many bytes.
    Ec(EcdsaKeyPair, usize),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
}

impl Material {
    pub(super) fn from_jwk(alg: Algorithm, jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        match alg {
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                require(jwk, "kty", "OKP")?;
                require(jwk, "crv", "Ed25519")?;
                let pair =
                    Ed25519KeyPair::from_seed_and_public_key(&octets(jwk, "d", 32)?, &octets(jwk, "x", 32)?);
                pair.map(Self::Ed25519).or(Err(KeyError::KeyInvalid))
            }
            Algorithm::Es256 => Self::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32, jwk),
            Algorithm::Es512 => Self::ec(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", 66, jwk),
            // aws-lc-rs makes the salt as long as the hash.
            Algorithm::Ps256 => Self::rsa(&RSA_PSS_SHA256, jwk),
            Algorithm::Rs256 => Self::rsa(&RSA_PKCS1_SHA256, jwk),
            Algorithm::Es384 => Err(KeyError::AlgorithmUnsupported(alg)),
        }
    }

    fn ec(
        alg: &'static EcdsaSigningAlgorithm,
        crv: &str,
        len: usize,
        jwk: &Map<String, Value>,
    ) -> Result<Self, KeyError> {
        require(jwk, "kty", "EC")?;
        require(jwk, "crv", crv)?;
        // From the parts: josekit's PKCS#8 lacks the public key, which aws-lc-rs insists on.
        let point = [&[4][..], &octets(jwk, "x", len)?, &octets(jwk, "y", len)?].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(alg, &octets(jwk, "d", len)?, &point);
        pair.map(|pair| Self::Ec(pair, len)).or(Err(KeyError::KeyInvalid))
    }

    fn rsa(encoding: &'static RsaSignatureEncoding, jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        require(jwk, "kty", "RSA")?;
        let Ok(pair) = RsaJwk::from_jwk(&josekit_jwk(jwk)?) else { return Err(KeyError::KeyInvalid) };
        let der = Zeroizing::new(pair.to_raw_private_key());
        RsaKeyPair::from_der(&der).map(|pair| Self::Rsa(pair, encoding)).or(Err(KeyError::KeyInvalid))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        match self {
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
            Self::Ec(pair, _) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    fn signature_len(&self) -> usize {
        match self {
            Self::Ed25519(_) => 64,
            Self::Ec(_, len) => 2 * len,
            Self::Rsa(pair, _) => pair.public_modulus_len(),
        }
    }
}

fn require(jwk: &Map<String, Value>, name: &str, value: &str) -> Result<(), KeyError> {
    if jwk.get(name).and_then(Value::as_str) == Some(value) { Ok(()) } else { Err(KeyError::KeyInvalid) }
}

fn octets(jwk: &Map<String, Value>, name: &str, len: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = jwk.get(name).and_then(Value::as_str).and_then(base64url::decode).map(Zeroizing::new);
    bytes.filter(|bytes| bytes.len() == len).ok_or(KeyError::KeyInvalid)
}

#[derive(Clone)]
pub(super) struct Signer(Arc<Inner>);

struct Inner {
    alg: Algorithm,
    kid: String,
    material: Material,
}

impl Signer {
    pub(super) fn new(alg: Algorithm, kid: &str, material: Material) -> Self {
        Self(Arc::new(Inner { alg, kid: kid.to_owned(), material }))
    }

    pub(super) fn alg(&self) -> Algorithm {
        self.0.alg
    }

    pub(super) fn kid(&self) -> &str {
        &self.0.kid
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("alg", &self.alg()).field("kid", &self.kid()).finish_non_exhaustive()
    }
}

impl JwsAlgorithm for Algorithm {
    fn name(&self) -> &str {
        self.as_str()
    }

    fn box_clone(&self) -> Box<dyn JwsAlgorithm> {
        Box::new(*self)
    }
}

impl JwsSigner for Signer {
    fn algorithm(&self) -> &dyn JwsAlgorithm {
        &self.0.alg
    }

    fn key_id(&self) -> Option<&str> {
        Some(self.kid())
    }

    fn signature_len(&self) -> usize {
        self.0.material.signature_len()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        self.0.material.sign(message).map_err(|error| JoseError::InvalidSignature(error.into()))
    }

    fn box_clone(&self) -> Box<dyn JwsSigner> {
        Box::new(self.clone())
    }
}

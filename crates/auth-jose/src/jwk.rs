//! Public keys as they are published: which are fit to verify with, and which are not.
//!
//! A key is parsed and checked once, when its set is read. An unusable key is skipped and counted; it
//! does not spoil the set. Symmetric keys and keys published with private members are unusable.

mod check;
#[cfg(test)]
mod wycheproof;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{Algorithm, JsonError, base64url, json};

/// Why a JWK cannot verify anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// `alg` names something that this kind of key does not do here.
    #[error("`alg` does not fit the key type")]
    AlgorithmMismatch,
    /// An RSA exponent that is even, below 65537, above 33 bits, or padded.
    #[error("the RSA exponent is refused")]
    ExponentRefused,
    /// A `kty` or `crv` that is not verified here.
    #[error("unsupported key type")]
    KeyTypeUnsupported,
    /// A member is absent, not a string, not base64url or of a wrong length.
    #[error("`{0}` is missing or malformed")]
    MemberInvalid(&'static str),
    /// An RSA modulus of fewer than 2048 or more than 8192 bits, even, or padded.
    #[error("the RSA modulus is refused")]
    ModulusRefused,
    /// A point that is not on the curve, not canonical or of small order.
    #[error("the point is refused")]
    PointRefused,
    /// A private or symmetric member: whoever publishes it has lost the key.
    #[error("the key has private members")]
    PrivateMember,
    /// `use` or `key_ops` say that the key is for something else.
    #[error("the key is not for verifying signatures")]
    UseMismatch,
}

/// A public key that passed every check. Equal to another when kid, `alg` and key are the same.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<Arc<str>>,
    alg: Option<Algorithm>,
    owner: Option<String>,
    material: Material,
    jwk: Map<String, Value>,
}

/// Our own member: who alone signs with the key, as tokens name it in `iss`.
const OWNER: &str = "svc";

/// What of a JWK matters here: [`PublicKey::jwk`] has these and no others.
const MEMBERS: [&str; 9] = ["kid", "alg", "kty", "crv", "x", "y", "n", "e", OWNER];

#[derive(Clone)]
enum Material {
    Ed25519(ParsedPublicKey),
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
    P521(ParsedPublicKey),
    Rsa { pkcs1: ParsedPublicKey, pss: ParsedPublicKey },
}

impl PublicKey {
    /// Checks a JWK.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        check::is_public(jwk)?;
        check::is_for_verifying(jwk)?;
        let kid = optional_text(jwk, "kid")?.map(Arc::from);
        let named = optional_text(jwk, "alg")?;
        let owner = optional_text(jwk, OWNER)?.map(str::to_owned);
        let material = Material::from_jwk(jwk)?;
        let alg = match named.map(str::parse::<Algorithm>) {
            None => None,
            Some(Ok(alg)) if material.key_for(alg).is_some() => Some(alg),
            Some(_) => return Err(JwkError::AlgorithmMismatch),
        };
        let member = |name: &&str| Some(((*name).to_owned(), jwk.get(*name)?.clone()));
        let jwk = MEMBERS.iter().filter_map(member).collect();
        Ok(Self { kid, alg, owner, material, jwk })
    }

    /// The key as a JWK: `kid`, `alg` and `svc` if it has them, and the members of its key type.
    #[must_use]
    pub fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// The name it is published under.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) fn shared_kid(&self) -> Option<Arc<str>> {
        self.kid.clone()
    }

    /// Whose key it is, where a set holds the keys of several (`svc`): see [`crate::Policy::for_key_owners`].
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Whether the key type and the key's own `alg`, if it has one, are those of `alg`.
    #[must_use]
    pub fn fits(&self, alg: Algorithm) -> bool {
        self.alg.is_none_or(|own| own == alg) && self.material.key_for(alg).is_some()
    }

    /// Whether `other` is this key, under whatever `kid` and `alg`.
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        thumbprint(&self.jwk) == thumbprint(&other.jwk)
    }

    pub(crate) fn verifies(&self, alg: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.fits(alg)
            && self.material.key_for(alg).is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        // base64url is read strictly, so one key has one text.
        self.jwk == other.jwk
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

impl Material {
    fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        match (text(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("OKP", Some("Ed25519")) => {
                let x = octets(jwk, "x", 32)?;
                check::is_sound_ed25519_point(&x)?;
                parse_point(&ED25519, &x).map(Self::Ed25519)
            }
            ("EC", Some("P-256")) => parse_point(&ECDSA_P256_SHA256_FIXED, &point(jwk, 32)?).map(Self::P256),
            ("EC", Some("P-384")) => parse_point(&ECDSA_P384_SHA384_FIXED, &point(jwk, 48)?).map(Self::P384),
            ("EC", Some("P-521")) => parse_point(&ECDSA_P521_SHA512_FIXED, &point(jwk, 66)?).map(Self::P521),
            ("RSA", _) => {
                let n = bytes(jwk, "n")?;
                let e = bytes(jwk, "e")?;
                check::is_sound_modulus(&n)?;
                check::is_sound_exponent(&e)?;
                let parts = RsaPublicKeyComponents { n: &n, e: &e };
                let pkcs1 = parts.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                let pss = parts.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256);
                let (Ok(pkcs1), Ok(pss)) = (pkcs1, pss) else { return Err(JwkError::ModulusRefused) };
                Ok(Self::Rsa { pkcs1, pss })
            }
            _ => Err(JwkError::KeyTypeUnsupported),
        }
    }

    fn key_for(&self, alg: Algorithm) -> Option<&ParsedPublicKey> {
        match (self, alg) {
            (Self::Ed25519(key), Algorithm::EdDsa | Algorithm::Ed25519)
            | (Self::P256(key), Algorithm::Es256)
            | (Self::P384(key), Algorithm::Es384)
            | (Self::P521(key), Algorithm::Es512)
            | (Self::Rsa { pkcs1: key, .. }, Algorithm::Rs256)
            | (Self::Rsa { pss: key, .. }, Algorithm::Ps256) => Some(key),
            _ => None,
        }
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<PublicKey>,
    skipped: usize,
}

impl JwkSet {
    /// Reads `{"keys":[..]}`.
    ///
    /// # Errors
    /// [`JwkSetError`] when the document as a whole is not a key set; a bad key in it is no error.
    pub fn parse(document: &[u8]) -> Result<Self, JwkSetError> {
        let document = json::parse_object(document)?;
        let Some(Value::Array(jwks)) = document.get("keys") else { return Err(JwkSetError::KeysNotAnArray) };
        let keys: Vec<_> = jwks.iter().filter_map(|jwk| PublicKey::from_jwk(jwk.as_object()?).ok()).collect();
        Ok(Self { skipped: jwks.len() - keys.len(), keys })
    }

    /// The usable keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// How many keys of the document were unusable.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl FromIterator<PublicKey> for JwkSet {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect(), skipped: 0 }
    }
}

/// Why a document is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// Not strict JSON.
    #[error("the key set is refused: {0}")]
    JsonInvalid(#[from] JsonError),
    /// `keys` is absent or something else than an array.
    #[error("the key set has no array `keys`")]
    KeysNotAnArray,
}

/// The RFC 7638 thumbprint of an OKP, EC or RSA key: the same for every spelling of one key.
#[must_use]
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "OKP" => &["crv", "kty", "x"],
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let member = |name: &&str| Some(format!("\"{name}\":{}", Value::from(jwk.get(*name)?.as_str()?)));
    let members: Option<Vec<_>> = names.iter().map(member).collect();
    Some(base64url::encode(Sha256::digest(format!("{{{}}}", members?.join(",")))))
}

fn parse_point(alg: &'static dyn VerificationAlgorithm, bytes: &[u8]) -> Result<ParsedPublicKey, JwkError> {
    // aws-lc checks that EC points are on their curve.
    aws_lc_rs::signature::UnparsedPublicKey::new(alg, bytes).parse().or(Err(JwkError::PointRefused))
}

fn point(jwk: &Map<String, Value>, len: usize) -> Result<Vec<u8>, JwkError> {
    Ok([&[4][..], &octets(jwk, "x", len)?, &octets(jwk, "y", len)?].concat())
}

fn octets(jwk: &Map<String, Value>, name: &'static str, len: usize) -> Result<Vec<u8>, JwkError> {
    let bytes = bytes(jwk, name)?;
    if bytes.len() == len { Ok(bytes) } else { Err(JwkError::MemberInvalid(name)) }
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JwkError> {
    base64url::decode(text(jwk, name)?).ok_or(JwkError::MemberInvalid(name))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JwkError> {
    optional_text(jwk, name)?.ok_or(JwkError::MemberInvalid(name))
}

fn optional_text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, JwkError> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwkError::MemberInvalid(name)),
    }
}

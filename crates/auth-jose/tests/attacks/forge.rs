//! Keys, honest tokens, and the raw material to forge others.

use auth_jose::{JwkSet, Policy, Timestamp, Verified, VerifyError, base64url, verify};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_893_456_000;
pub(crate) const ISSUER: &str = "https://auth.example.test";
pub(crate) const AUDIENCE: &str = "https://api.example.test";

pub(crate) struct Forge {
    pub(crate) ed: Ed25519KeyPair,
    pub(crate) p256: EcdsaKeyPair,
    pub(crate) p384: EcdsaKeyPair,
    pub(crate) p521: EcdsaKeyPair,
    pub(crate) rsa: RsaKeyPair,
}

impl Forge {
    pub(crate) fn new() -> Self {
        Self::of(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// Fresh keys but for this one, because making one takes long.
    pub(crate) fn with_rsa(pkcs8: &[u8]) -> Self {
        Self::of(RsaKeyPair::from_pkcs8(pkcs8).unwrap())
    }

    fn of(rsa: RsaKeyPair) -> Self {
        let ec = |alg: &'static EcdsaSigningAlgorithm| EcdsaKeyPair::generate(alg).unwrap();
        Self {
            ed: Ed25519KeyPair::generate().unwrap(),
            p256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            p521: ec(&ECDSA_P521_SHA512_FIXED_SIGNING),
            rsa,
        }
    }

    pub(crate) fn ed_jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": base64url::encode(self.ed.public_key()), "kid": "ed"})
    }

    pub(crate) fn p256_jwk(&self) -> Value {
        ec_jwk("P-256", self.p256.public_key().as_ref(), "es")
    }

    pub(crate) fn p384_jwk(&self) -> Value {
        ec_jwk("P-384", self.p384.public_key().as_ref(), "es384")
    }

    pub(crate) fn p521_jwk(&self) -> Value {
        ec_jwk("P-521", self.p521.public_key().as_ref(), "es512")
    }

    pub(crate) fn rsa_jwk(&self) -> Value {
        let public = self.rsa.public_key();
        let n = base64url::encode(public.modulus().big_endian_without_leading_zero());
        let e = base64url::encode(public.exponent().big_endian_without_leading_zero());
        json!({"kty": "RSA", "n": n, "e": e, "kid": "rs"})
    }

    /// One key of each type, under the kids `ed`, `es` and `rs`.
    pub(crate) fn keys(&self) -> JwkSet {
        set(&[self.ed_jwk(), self.p256_jwk(), self.rsa_jwk()])
    }

    pub(crate) fn sign_ed(&self, header: &str, payload: &str) -> String {
        let input = input(header, payload);
        let signature = base64url::encode(self.ed.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// A token that differs from a good one only in its header.
    pub(crate) fn with_header(&self, header: Value) -> String {
        self.sign_ed(&header.to_string(), &claims().to_string())
    }

    /// A token that differs from a good one only in one claim; `Value::Null` is written as such.
    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        self.sign_ed(HEADER, &claims.to_string())
    }

    pub(crate) fn without_claim(&self, name: &str) -> String {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        self.sign_ed(HEADER, &claims.to_string())
    }

    /// A token whose `exp` is this text.
    pub(crate) fn with_exp_text(&self, exp: &str) -> String {
        self.sign_ed(HEADER, &claims().to_string().replace(&(NOW + 900).to_string(), exp))
    }

    pub(crate) fn sign_p256(&self, header: &Value) -> String {
        sign_ec(&self.p256, header)
    }

    pub(crate) fn sign_p384(&self, header: &Value) -> String {
        sign_ec(&self.p384, header)
    }

    pub(crate) fn sign_p521(&self, header: &Value) -> String {
        sign_ec(&self.p521, header)
    }

    pub(crate) fn sign_rsa(&self, header: &Value, padding: Padding) -> String {
        let input = input(&header.to_string(), &claims().to_string());
        let padding: &dyn RsaEncoding = match padding {
            Padding::Pkcs1 => &RSA_PKCS1_SHA256,
            Padding::Pss => &RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(padding, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", base64url::encode(signature))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Padding {
    Pkcs1,
    Pss,
}

pub(crate) const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "U1", "iat": NOW - 60, "exp": NOW + 900})
}

pub(crate) fn set(keys: &[Value]) -> JwkSet {
    JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy::new(ISSUER, AUDIENCE).unwrap()
}

pub(crate) fn check_with(policy: &Policy, keys: &JwkSet, token: &str) -> Result<(), VerifyError> {
    let verified: Result<Verified, _> = verify(policy, keys, Timestamp::from_seconds(NOW), token);
    verified.map(drop)
}

pub(crate) fn input(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url::encode(header), base64url::encode(payload))
}

/// The token with its signature changed.
pub(crate) fn resigned(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", base64url::encode(change(base64url::decode(signature).unwrap())))
}

fn sign_ec(pair: &EcdsaKeyPair, header: &Value) -> String {
    let input = input(&header.to_string(), &claims().to_string());
    let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(signature))
}

fn ec_jwk(crv: &str, point: &[u8], kid: &str) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({"kty": "EC", "crv": crv, "x": base64url::encode(x), "y": base64url::encode(y), "kid": kid})
}

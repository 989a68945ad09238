//! What the targets share: one key that signs whatever the fuzzer makes up, so that it gets past the
//! signature, and the policy that judges it.

use auth_jose::{JwkSet, Policy, Timestamp, Verified, VerifyError, base64url, verify};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

/// The present, in seconds.
pub const NOW: i64 = 1_893_456_000;
/// The value of `iss`.
pub const ISSUER: &str = "https://auth.example.test";
/// The value of `aud`.
pub const AUDIENCE: &str = "https://api.example.test";

/// A verifier's inputs, and the private key of the only key in its set.
pub struct Bench {
    key: Ed25519KeyPair,
    keys: JwkSet,
    policy: Policy,
}

impl Bench {
    /// The same at every start, so that findings can be repeated.
    pub fn new() -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
        let x = base64url::encode(key.public_key().as_ref());
        let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]});
        let keys = JwkSet::parse(jwks.to_string().as_bytes()).expect("a key set");
        let policy = Policy::new(ISSUER, AUDIENCE).expect("a sound policy");
        Self { key, keys, policy }
    }

    /// The segments, signed.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = base64url::encode(self.key.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// The verdict on a token.
    pub fn verify(&self, token: &str) -> Result<Verified, VerifyError> {
        verify(&self.policy, &self.keys, Timestamp::from_seconds(NOW), token)
    }

    /// Whether the key made this signature: Ed25519 has one signature for a message.
    pub fn made(&self, token: &str) -> bool {
        let Some((input, signature)) = token.rsplit_once('.') else { return false };
        base64url::encode(self.key.sign(input.as_bytes())) == signature
    }
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

/// The claims of a good token.
pub fn good_claims() -> String {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "U1", "iat": NOW - 60, "exp": NOW + 900}).to_string()
}

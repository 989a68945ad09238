//! Encrypted JSON under a shared key: compact JWE (RFC 7516) with `dir` and `A256CBC-HS512` (RFC 7518).
//!
//! One pair of algorithms, and the header cannot choose another one. The tag is checked, in constant time,
//! before a byte is decrypted, so that nobody learns from a refusal whether the padding was right.

use std::fmt;

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hkdf, hmac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Entropy, Secret, base64url, json};

const ENCRYPTION: &str = "A256CBC-HS512";
const IV_LENGTH: usize = 16;
const TAG_LENGTH: usize = 32;

/// Why a text could not be encrypted or decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// It is not five base64url parts with a header that asks for `dir` and `A256CBC-HS512` alone.
    #[error("not a JWE of this kind")]
    Malformed,
    /// It names another key.
    #[error("encrypted under another key")]
    KeyMismatch,
    /// It was changed, or encrypted under another key.
    #[error("changed, or encrypted under another key")]
    NotAuthentic,
    /// What was encrypted is not one JSON object.
    #[error("the content is not a JSON object")]
    ContentInvalid,
    /// The cipher failed.
    #[error("encryption failed")]
    CipherFailed,
}

/// A key of 512 bits that encrypts and decrypts JSON objects.
#[derive(Clone)]
pub struct JweKey {
    bytes: Zeroizing<[u8; 64]>,
    kid: String,
}

impl JweKey {
    /// A key of these bytes: the first half authenticates, the second encrypts.
    #[must_use]
    pub fn new(bytes: [u8; 64]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let text = Zeroizing::new(base64url::encode(*bytes));
        // RFC 7638: the required members of the JWK, in this order.
        let jwk = Zeroizing::new(format!("{{\"k\":\"{}\",\"kty\":\"oct\"}}", *text));
        Self { kid: base64url::encode(Sha256::digest(jwk.as_bytes())), bytes }
    }

    /// The key that HKDF-SHA256 (RFC 5869) makes of a secret.
    ///
    /// # Errors
    /// [`JweError::CipherFailed`] when the key derivation is not available.
    pub fn derive(secret: &Secret<String>, salt: &str, info: &str) -> Result<Self, JweError> {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                64
            }
        }
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes());
        let random = salt.extract(secret.expose().as_bytes());
        let mut bytes = Zeroizing::new([0; 64]);
        let info = [info.as_bytes()];
        let expanded = random.expand(&info, Length).and_then(|okm| okm.fill(bytes.as_mut_slice()));
        expanded.or(Err(JweError::CipherFailed))?;
        Ok(Self::new(*bytes))
    }

    /// The RFC 7638 thumbprint: the `kid` of what this key encrypts.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Encrypts a JSON text under a fresh initialisation vector.
    ///
    /// # Errors
    /// [`JweError::CipherFailed`].
    pub fn encrypt(&self, entropy: &dyn Entropy, content: &[u8]) -> Result<String, JweError> {
        let header = json!({ "alg": "dir", "enc": ENCRYPTION, "kid": self.kid }).to_string();
        let header = base64url::encode(header);
        let mut iv = [0; IV_LENGTH];
        entropy.fill("jwe-iv", &mut iv);
        let mut text = content.to_vec();
        let key = self.cipher_key().and_then(|key| PaddedBlockEncryptingKey::cbc_pkcs7(key).ok());
        let key = key.ok_or(JweError::CipherFailed)?;
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(&mut text, context).or(Err(JweError::CipherFailed))?;
        let tag = self.tag(&header, &iv, &text);
        Ok(format!(
            "{header}..{}.{}.{}",
            base64url::encode(iv),
            base64url::encode(text),
            base64url::encode(tag)
        ))
    }

    /// Decrypts what [`Self::encrypt`] or another holder of the key has made.
    ///
    /// # Errors
    /// See [`JweError`].
    pub fn decrypt(&self, token: &str) -> Result<Map<String, Value>, JweError> {
        let parts = Parts::read(token)?;
        if parts.kid.as_deref().is_some_and(|kid| kid != self.kid) {
            return Err(JweError::KeyMismatch);
        }
        let tag = self.tag(parts.header, &parts.iv, &parts.text);
        verify_slices_are_equal(&tag, &parts.tag).or(Err(JweError::NotAuthentic))?;
        let key = self.cipher_key().and_then(|key| PaddedBlockDecryptingKey::cbc_pkcs7(key).ok());
        let key = key.ok_or(JweError::CipherFailed)?;
        let mut text = parts.text;
        let context = DecryptionContext::Iv128(FixedLength::from(parts.iv));
        let Ok(content) = key.decrypt(&mut text, context) else { return Err(JweError::NotAuthentic) };
        json::parse_object(content).or(Err(JweError::ContentInvalid))
    }

    fn halves(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(32)
    }

    fn cipher_key(&self) -> Option<UnboundCipherKey> {
        UnboundCipherKey::new(&AES_256, self.halves().1).ok()
    }

    /// RFC 7518, section 5.2.2.1: the first half of HMAC-SHA512 over header, vector, text and the header's
    /// length in bits.
    fn tag(&self, header: &str, iv: &[u8], text: &[u8]) -> [u8; TAG_LENGTH] {
        let key = hmac::Key::new(hmac::HMAC_SHA512, self.halves().0);
        let bits = u64::try_from(header.len()).unwrap_or(u64::MAX).saturating_mul(8);
        let mut mac = hmac::Context::with_key(&key);
        for part in [header.as_bytes(), iv, text, &bits.to_be_bytes()] {
            mac.update(part);
        }
        let mut tag = [0; TAG_LENGTH];
        for (to, from) in tag.iter_mut().zip(mac.sign().as_ref()) {
            *to = *from;
        }
        tag
    }
}

impl fmt::Debug for JweKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JweKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

struct Parts<'a> {
    header: &'a str,
    kid: Option<String>,
    iv: [u8; IV_LENGTH],
    text: Vec<u8>,
    tag: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Result<Self, JweError> {
        let mut parts = token.split('.');
        let mut next = || parts.next().ok_or(JweError::Malformed);
        // `dir` has no encrypted key: the second part is empty.
        let (header, key, iv, text, tag) = (next()?, next()?, next()?, next()?, next()?);
        if !key.is_empty() || parts.next().is_some() {
            return Err(JweError::Malformed);
        }
        let bytes = |part: &str| base64url::decode(part).ok_or(JweError::Malformed);
        let iv = <[u8; IV_LENGTH]>::try_from(bytes(iv)?).or(Err(JweError::Malformed))?;
        let members = json::parse_object(&bytes(header)?).or(Err(JweError::Malformed))?;
        Ok(Self { header, kid: check_header(members)?, iv, text: bytes(text)?, tag: bytes(tag)? })
    }
}

/// The `kid`, when the header asks for our algorithms and nothing that has to be understood besides.
fn check_header(mut members: Map<String, Value>) -> Result<Option<String>, JweError> {
    let is = |name: &str, value: &str| members.get(name).and_then(Value::as_str) == Some(value);
    let is_ours = is("alg", "dir") && is("enc", ENCRYPTION);
    if !is_ours || members.contains_key("crit") || members.contains_key("zip") {
        return Err(JweError::Malformed);
    }
    match members.remove("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid)),
        Some(_) => Err(JweError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entropy::SeededEntropy;

    const KEY: &str = "7fbb596b215114f3b3736c24df24ea26edf228426ba160d0a9b40ee4e9d08064bbef2ef0d0a99a785dd1ff68d57278970d7c9645a57a0da74e04bf37cae4942b";
    const KID: &str = "0CDHJWx9QxpjTQXBTwE9Bkmu7yskrssXQdhRYyvNvQw";
    /// Better Auth's published vector.
    const TOKEN: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiMENESEpXeDlReHBqVFFYQlR3RTlCa211N3lza3Jzc1hRZGhSWXl2TnZRdyJ9..AAECAwQFBgcICQoLDA0ODw.WdEl-AmmoXwExPYe6Q09BCxQvaAi9BnRAIYDuA4DXjDGDoyw0OBtxE0yvsiBjsK_rk425wB7fJQ7sMH7On0cW5Kxxnxbuj3X9d0tQne-__5kFDZszw64On2nTorIf6-PRV6MskpNiGWQKJ05i_pGbgNDlWOSLfI1HSDpDWoJwMB-JYUP6JzK-g8Jk-GhG2iW9TUdil6HINF0O6PlRBMw9_CzV_AM6PE1rVkinDqD0AUNH4RQAr-mrPf2kqVADm-IQA2xVbPClSwXJTdseERzcSSO-g74EEDiwH1t10axZ7i4zF76Mb2e1itLlJon4zj7qYzG8iCZm7iGJSd9FRbYsEY79IM2LeKRGB-mXvvSwGSDzkKbL4CYfBwHwWeo2SMIDDZQ1Ub_MT1kfbao5PgsgPPiWgFTzKZrh_HFZxt485XAz9VGWXxsUK7ctb51_uUEEH78fM1JebEDtJ3-qdU0dknFiGjm7fgBfYX7b_6-G_eO5bBTV8f-iIlXMDSO-y6qlZtz_-t5n5uwJSPR7xH-TRD5mBNympN5II49FNS6I8BoV-jRf7A4XnmvRMA0zGyBSMa4u1PlTmcsuITFySUHkOzZFAFtZaW1022VYc-y7fM2d3PzDw7Z6mh10iwtgPx4DIXw1qpdhspw8h5A6zeIs6N2XP9Xk7lhfzlR-hyZZzgFzqEWjik5-V7RTrkZGhwV.n_VKXlJvPllqrv_DjND1Q4SXvSLHMPtcfoqM3S4XcD8";
    const CONTENT: &str = r#"{"session":{"expiresAt":"2030-01-08T00:00:00.000Z","token":"abcdefghijklmnopqrstuvwxyzABCDEF","createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","ipAddress":"","userAgent":"ua","userId":"U1","id":"S1"},"user":{"name":"Ann","email":"ann@example.test","emailVerified":false,"image":null,"createdAt":"2030-01-01T00:00:00.000Z","updatedAt":"2030-01-01T00:00:00.000Z","id":"U1"},"updatedAt":1893456000000,"version":"1","iat":1893456000,"exp":1893456300,"jti":"00000000-0000-4000-8000-000000000000"}"#;

    /// The bytes 0, 1, 2, ...
    struct Rising;

    impl Entropy for Rising {
        fn fill(&self, _purpose: &'static str, out: &mut [u8]) {
            for (byte, value) in out.iter_mut().zip(0..) {
                *byte = value;
            }
        }
    }

    fn key() -> JweKey {
        let secret = Secret::from("test-vector-secret-0123456789-abcdefghijkl");
        JweKey::derive(&secret, "better-auth-session", "BetterAuth.js Generated Encryption Key").unwrap()
    }

    fn with_header(header: &str, token: &str) -> String {
        format!("{}.{}", base64url::encode(header), token.split_once('.').unwrap().1)
    }

    #[test]
    fn derives_better_auths_key() {
        let hex: String = key().bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((hex.as_str(), key().kid()), (KEY, KID));
    }

    #[test]
    fn encrypts_and_decrypts_as_better_auth_does() {
        let content = key().decrypt(TOKEN).unwrap();
        assert_eq!(Value::Object(content), serde_json::from_str::<Value>(CONTENT).unwrap());
        assert_eq!(key().encrypt(&Rising, CONTENT.as_bytes()).unwrap(), TOKEN);
    }

    #[test]
    fn every_text_has_its_own_vector() {
        let entropy = SeededEntropy::new(1);
        let (one, two) = (key().encrypt(&entropy, b"{}").unwrap(), key().encrypt(&entropy, b"{}").unwrap());
        assert_ne!(one, two);
        assert_eq!(key().decrypt(&one), Ok(Map::new()));
        assert_eq!(key().decrypt(&two), Ok(Map::new()));
    }

    #[test]
    fn refuses_every_changed_character() {
        for at in 0..TOKEN.len() {
            for to in [b'A', b'B', b'.', b'='] {
                let mut bytes = TOKEN.as_bytes().to_vec();
                if bytes[at] != to {
                    bytes[at] = to;
                    assert!(key().decrypt(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
                }
            }
        }
    }

    #[test]
    fn the_header_chooses_nothing() {
        for header in [
            r#"{"alg":"dir","enc":"A128CBC-HS256"}"#,
            r#"{"alg":"dir","enc":"A256GCM"}"#,
            r#"{"alg":"none","enc":"A256CBC-HS512"}"#,
            r#"{"alg":"A256KW","enc":"A256CBC-HS512"}"#,
            r#"{"alg":"dir","alg":"dir","enc":"A256CBC-HS512"}"#,
            r#"{"alg":"dir","enc":"A256CBC-HS512","zip":"DEF"}"#,
            r#"{"alg":"dir","enc":"A256CBC-HS512","crit":["exp"]}"#,
            r#"{"alg":"dir","enc":"A256CBC-HS512","kid":1}"#,
            r#"{"enc":"A256CBC-HS512"}"#,
            "[]",
            "",
        ] {
            assert_eq!(key().decrypt(&with_header(header, TOKEN)), Err(JweError::Malformed), "{header}");
        }
        let other = with_header(r#"{"alg":"dir","enc":"A256CBC-HS512","kid":"x"}"#, TOKEN);
        assert_eq!(key().decrypt(&other), Err(JweError::KeyMismatch));
        let unnamed = with_header(r#"{"alg":"dir","enc":"A256CBC-HS512"}"#, TOKEN);
        assert_eq!(key().decrypt(&unnamed), Err(JweError::NotAuthentic), "the header is authenticated");
    }

    #[test]
    fn refuses_other_keys_and_other_content() {
        let other = JweKey::new([7; 64]);
        assert_eq!(other.decrypt(TOKEN), Err(JweError::KeyMismatch));
        for content in ["", "[]", "null", "{", r#"{"a":1,"a":2}"#] {
            let token = key().encrypt(&Rising, content.as_bytes()).unwrap();
            assert_eq!(key().decrypt(&token), Err(JweError::ContentInvalid), "{content}");
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", key()), format!("JweKey {{ kid: {KID:?}, .. }}"));
    }

    proptest! {
        #[test]
        fn survives_any_text(token in "[A-Za-z0-9_-]{0,30}(\\.[A-Za-z0-9_-]{0,30}){0,6}|\\PC{0,40}") {
            prop_assert!(key().decrypt(&token).is_err());
        }

        #[test]
        fn reads_back_every_length(filling in "[a-z]{0,70}") {
            let content = json!({ "a": filling }).to_string();
            let token = key().encrypt(&SeededEntropy::new(3), content.as_bytes()).unwrap();
            prop_assert_eq!(Value::Object(key().decrypt(&token).unwrap()).to_string(), content);
        }
    }
}

//! Text encrypted at rest: private signing keys, provider tokens, OAuth state.
//!
//! XChaCha20-Poly1305 under the SHA-256 of a secret text, written as hexadecimal of nonce, ciphertext and
//! tag. Servers with several secrets write `$ba$<version>$<hexadecimal>`.

use std::fmt;

use auth_jose::{Entropy, Secret};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::secrets::NumberedSecret;
use super::{from_hex, to_hex};

const NONCE_LENGTH: usize = 24;

/// Why a sealed text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is not hexadecimal of a nonce, a ciphertext and a tag.
    #[error("the sealed text is malformed")]
    Malformed,
    /// It was changed, or sealed under another key.
    #[error("the sealed text was changed or sealed with another secret")]
    NotAuthentic,
    /// It was sealed under a numbered secret that is not known here.
    #[error("the text was sealed with secret version {version}, which is not configured")]
    UnknownVersion {
        /// The secret's number.
        version: u32,
    },
    /// It was sealed before the secrets had numbers.
    #[error("the text was sealed before secrets had numbers, and no `secret` is configured beside `secrets`")]
    NoUnnumbered,
}

/// Seals texts with the current secret, and opens those of every secret.
#[derive(Debug, Clone)]
pub struct Sealer {
    current: (Option<u32>, SymmetricKey),
    older: Vec<(Option<u32>, SymmetricKey)>,
}

impl Sealer {
    pub(super) fn new(current: &NumberedSecret, older: &[NumberedSecret]) -> Self {
        let key = |secret: &NumberedSecret| (secret.version, SymmetricKey::new(&secret.value));
        Self { current: key(current), older: older.iter().map(key).collect() }
    }

    /// Encrypts `plaintext` with the current secret, under a fresh nonce.
    pub fn seal(&self, entropy: &dyn Entropy, plaintext: &str) -> String {
        let (version, key) = &self.current;
        let hex = key.seal(entropy, plaintext);
        match version {
            None => hex,
            Some(version) => format!("$ba${version}${hex}"),
        }
    }

    /// The same text under the current secret, if it was sealed with an older one: one of a smaller number, or without
    /// any. Nothing when it cannot be opened.
    pub fn reseal(&self, entropy: &dyn Entropy, sealed: &str) -> Option<String> {
        let is_older = Envelope::read(sealed).ok()?.version < self.current.0;
        is_older.then(|| self.open(sealed).ok()).flatten().map(|text| self.seal(entropy, text.expose()))
    }

    /// Decrypts what [`Self::seal`] or Better Auth has written.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, sealed: &str) -> Result<Secret<String>, OpenError> {
        let envelope = Envelope::read(sealed)?;
        let key = std::iter::once(&self.current).chain(&self.older);
        match (key.into_iter().find(|(version, _)| *version == envelope.version), envelope.version) {
            (Some((_, key)), _) => key.open(envelope.hex),
            (None, Some(version)) => Err(OpenError::UnknownVersion { version }),
            (None, None) => Err(OpenError::NoUnnumbered),
        }
    }
}

/// A key that seals and opens texts.
#[derive(Clone)]
struct SymmetricKey(Zeroizing<[u8; 32]>);

impl SymmetricKey {
    /// The key made from the secret's UTF-8 bytes.
    fn new(secret: &Secret<String>) -> Self {
        Self(Zeroizing::new(Sha256::digest(secret.expose().as_bytes()).into()))
    }

    /// Encrypts `plaintext` under a fresh nonce; the result is lower-case hexadecimal.
    fn seal(&self, entropy: &dyn Entropy, plaintext: &str) -> String {
        let mut nonce = [0_u8; NONCE_LENGTH];
        entropy.fill("symmetric-nonce", &mut nonce);
        #[expect(clippy::expect_used, reason = "the cipher refuses only texts beyond 256 GiB")]
        let ciphertext =
            self.cipher().encrypt(&XNonce::from(nonce), plaintext.as_bytes()).expect("a text below 256 GiB");
        to_hex(&[nonce.as_slice(), ciphertext.as_slice()].concat())
    }

    fn open(&self, hex: &str) -> Result<Secret<String>, OpenError> {
        let bytes = from_hex(hex).ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LENGTH>().ok_or(OpenError::Malformed)?;
        // The cipher's error says nothing, on purpose.
        let opened = self.cipher().decrypt(&XNonce::from(*nonce), ciphertext);
        let plaintext = opened.ok().map(Zeroizing::new).ok_or(OpenError::NotAuthentic)?;
        let text = std::str::from_utf8(&plaintext).ok().ok_or(OpenError::Malformed)?;
        Ok(Secret::from(text))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(..)")
    }
}

/// A sealed text with the number of its secret, if it has one.
struct Envelope<'a> {
    version: Option<u32>,
    hex: &'a str,
}

impl<'a> Envelope<'a> {
    fn read(sealed: &'a str) -> Result<Self, OpenError> {
        let Some(numbered) = sealed.strip_prefix("$ba$") else {
            return Ok(Self { version: None, hex: sealed });
        };
        let (version, hex) = numbered.split_once('$').ok_or(OpenError::Malformed)?;
        if !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(OpenError::Malformed);
        }
        let version = version.parse().ok().ok_or(OpenError::Malformed)?;
        Ok(Self { version: Some(version), hex })
    }
}

#[cfg(test)]
mod tests {
    use auth_jose::entropy::SeededEntropy;

    use super::*;

    const HEX: &str =
        "000102030405060708090a0b0c0d0e0f1011121314151617af7e67dbea2fa1048085505b4d259c655d98ed393f";

    /// The bytes 0, 1, 2, ...
    struct Rising;

    impl Entropy for Rising {
        fn fill(&self, _purpose: &'static str, out: &mut [u8]) {
            for (byte, value) in out.iter_mut().zip(0..) {
                *byte = value;
            }
        }
    }

    fn secret(version: Option<u32>, value: &str) -> NumberedSecret {
        NumberedSecret { version, value: Secret::from(value) }
    }

    fn key() -> Sealer {
        Sealer::new(&secret(None, "test-vector-secret-0123456789-abcdefghijkl"), &[])
    }

    fn opened(sealed: &str) -> Result<String, OpenError> {
        key().open(sealed).map(|text| text.expose().clone())
    }

    #[test]
    fn seals_and_opens_as_better_auth_does() {
        assert_eq!(
            to_hex(key().current.1.0.as_slice()),
            "4a7069cf15be647034c54bba01253741c623cb7f960f175025b6b53b5982b9e4"
        );
        assert_eq!(key().seal(&Rising, "hello"), HEX);
        assert_eq!(opened(HEX), Ok("hello".to_owned()));
        assert_eq!(opened(&HEX.to_uppercase()), Ok("hello".to_owned()));
    }

    #[test]
    fn opens_the_vector_of_a_private_key() {
        let sealed = "000102030405060708090a0b0c0d0e0f1011121314151617bc3968c5f3fb552f06356a366ddba63a920571af5daa2baae839a92b9ddd97cebb148739426f5f811e9fa8566db46bf032abe7534f404a623779fd3f7ac78280c6031c7b1cf5390c93fc7521da3bdf78cacbb5f6ce8b3454b33653883ee2753327c33c378e5d48ee630e6cb46a87a88d7ea93012754ad5257506ac7d8b05e9b921f2dbf7fb35772ea21e84cd1abb39143f";
        let expected = r#"{"crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kty":"OKP"}"#;
        assert_eq!(opened(sealed), Ok(expected.to_owned()));
    }

    #[test]
    fn every_seal_has_its_own_nonce() {
        let entropy = SeededEntropy::new(1);
        let (one, two) = (key().seal(&entropy, ""), key().seal(&entropy, ""));
        assert_ne!(one, two);
        assert_eq!(opened(&one), Ok(String::new()));
        assert_eq!(opened(&two), Ok(String::new()));
    }

    #[test]
    fn refuses_changed_and_foreign_texts() {
        for at in 0..HEX.len() {
            let mut bytes = HEX.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(opened(&String::from_utf8(bytes).unwrap()), Err(OpenError::NotAuthentic), "{at}");
        }
        let other = Sealer::new(&secret(None, "another"), &[]);
        assert_eq!(other.open(HEX).map(|_| ()), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for malformed in [
            "",
            "00",
            "plain text",
            HEX.trim_start_matches("000"),
            "$ba$",
            "$ba$2",
            "$ba$$00",
            "$ba$x$00",
            "$ba$+2$00",
        ] {
            assert_eq!(opened(malformed), Err(OpenError::Malformed), "{malformed}");
        }
        assert_eq!(opened(HEX.get(..48).unwrap()), Err(OpenError::NotAuthentic));
        assert_eq!(opened(&format!("$ba$2${HEX}")), Err(OpenError::UnknownVersion { version: 2 }));
        assert_eq!(opened(&format!("$ba$99999999999${HEX}")), Err(OpenError::Malformed));
    }

    #[test]
    fn numbered_secrets_open_what_each_of_them_sealed() {
        let legacy = "test-vector-secret-0123456789-abcdefghijkl";
        let entropy = SeededEntropy::new(1);
        let first = Sealer::new(&secret(Some(1), "one"), &[]);
        let second = Sealer::new(&secret(Some(2), "two"), &[secret(Some(1), "one"), secret(None, legacy)]);
        let (old, new) = (first.seal(&entropy, "old"), second.seal(&entropy, "new"));
        assert!(old.starts_with("$ba$1$") && new.starts_with("$ba$2$"), "{old} {new}");
        let read = |sealed: &str| second.open(sealed).map(|text| text.expose().clone());
        assert_eq!(read(&old).as_deref(), Ok("old"));
        assert_eq!(read(&new).as_deref(), Ok("new"));
        assert_eq!(read(HEX).as_deref(), Ok("hello"));
        assert_eq!(first.open(&new).map(|_| ()), Err(OpenError::UnknownVersion { version: 2 }));
        assert_eq!(first.open(HEX).map(|_| ()), Err(OpenError::NoUnnumbered));
        // A number that was changed on the way does not find the right key.
        assert_eq!(read(&new.replace("$2$", "$1$")), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn opens_the_vector_of_a_numbered_secret() {
        let sealer = Sealer::new(&secret(Some(2), "test-vector-secret-0123456789-abcdefghijkl"), &[]);
        assert_eq!(sealer.open(&format!("$ba$2${HEX}")).unwrap().expose(), "hello");
        assert_eq!(sealer.seal(&Rising, "hello"), format!("$ba$2${HEX}"));
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert!(format!("{:?}", key()).contains("SymmetricKey(..)"));
    }
}

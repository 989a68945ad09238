//! HMAC-SHA256 (RFC 2104) under the server's secret.

use std::fmt;

use auth_jose::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// SHA-256's block, to which HMAC brings every key.
const BLOCK_LENGTH: usize = 64;

/// A key prepared once.
#[derive(Clone)]
pub struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// The key of the secret's UTF-8 bytes.
    #[must_use]
    pub fn new(secret: &Secret<String>) -> Self {
        Self::of_bytes(secret.expose().as_bytes())
    }

    /// The key of these bytes.
    pub(super) fn of_bytes(secret: &[u8]) -> Self {
        let mut block = Zeroizing::new([0_u8; BLOCK_LENGTH]);
        let digest;
        // HMAC's own preparation of a key, done here because a key of one whole block cannot be refused.
        let key: &[u8] = if secret.len() > BLOCK_LENGTH {
            digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret)));
            digest.as_slice()
        } else {
            secret
        };
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Hmac::new((&*block).into()))
    }

    /// The authentication code of a message.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// Whether `mac` is the message's, compared in constant time.
    #[must_use]
    pub fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        bool::from(self.mac(message).ct_eq(mac))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepares_keys_of_every_length_as_hmac_says() {
        for length in [1, 63, 64, 65, 200] {
            let secret = "k".repeat(length);
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(b"v");
            let expected: [u8; 32] = mac.finalize().into_bytes().into();
            let key = MacKey::new(&Secret::new(secret));
            assert_eq!(key.mac(b"v"), expected, "{length}");
            assert!(key.verifies(b"v", &expected));
            assert!(!key.verifies(b"w", &expected) && !key.verifies(b"v", &expected[..31]));
        }
    }
}

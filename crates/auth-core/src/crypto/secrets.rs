//! The server's secrets: one, or numbered ones, so that a secret can be replaced without signing anybody out.

use auth_jose::Secret;

use super::mac::MacKey;
use super::signed::CookieSigner;
use super::symmetric::Sealer;

/// A secret and its number, if it has one.
#[derive(Debug, Clone)]
pub struct NumberedSecret {
    /// The number: part of every text that is sealed with the secret.
    pub version: Option<u32>,
    /// The secret.
    pub value: Secret<String>,
}

/// The secrets of a server. There is always a current one.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: NumberedSecret,
    older: Vec<NumberedSecret>,
}

impl Secrets {
    /// One secret without a number.
    #[must_use]
    pub fn one(value: Secret<String>) -> Self {
        Self { current: NumberedSecret { version: None, value }, older: Vec::new() }
    }

    /// `current` signs and seals; `older` ones, newest first, only verify and open.
    #[must_use]
    pub fn new(current: NumberedSecret, older: Vec<NumberedSecret>) -> Self {
        Self { current, older }
    }

    /// The secret that signs and seals.
    #[must_use]
    pub fn current(&self) -> &Secret<String> {
        &self.current.value
    }

    /// Every secret, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &NumberedSecret> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// Signs cookies with the current secret. With `accept_older` it opens those of every secret.
    #[must_use]
    pub fn cookie_signer(&self, accept_older: bool) -> CookieSigner {
        let older = if accept_older { self.older.as_slice() } else { &[] };
        CookieSigner::new(&self.current.value)
            .accepting(older.iter().map(|secret| CookieSigner::new(&secret.value)))
    }

    /// A sealer for one purpose, whose keys open nothing that was sealed for another: upstream's, by HKDF
    /// (RFC 5869) from each secret.
    #[must_use]
    pub fn purpose_sealer(&self, purpose: &str) -> Sealer {
        let derived = |secret: &NumberedSecret| NumberedSecret {
            version: secret.version,
            value: derive(&secret.value, purpose),
        };
        let older: Vec<NumberedSecret> = self.older.iter().map(derived).collect();
        Sealer::new(&derived(&self.current), &older)
    }

    /// Seals texts with the current secret and opens those of every secret.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer::new(&self.current, &self.older)
    }
}

/// 32 bytes for a purpose, as hexadecimal: one block, so one round of HKDF's second step.
fn derive(secret: &Secret<String>, purpose: &str) -> Secret<String> {
    const SALT: &[u8] = b"better-auth:oauth-encryption:v1";
    let pseudorandom = MacKey::of_bytes(SALT).mac(secret.expose().as_bytes());
    let info = format!("better-auth:{purpose}:v1\u{1}");
    let key = MacKey::of_bytes(&pseudorandom).mac(info.as_bytes());
    Secret::new(super::to_hex(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_better_auths_key_of_the_state_cookie() {
        let secret = Secret::from("test-vector-secret-0123456789-abcdefghijkl");
        let key = derive(&secret, "oauth-state-cookie");
        assert_eq!(key.expose(), "730f9dd0361808e1e77d69e26835d1ff1ad37f3a6e20f531fa236b5d376cd2d3");
    }
}

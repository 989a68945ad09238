//! The server's secrets: one, or numbered ones, so that a secret can be replaced without signing anybody out.

use auth_jose::Secret;

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

    /// Seals texts with the current secret and opens those of every secret.
    #[must_use]
    pub fn sealer(&self) -> Sealer {
        Sealer::new(&self.current, &self.older)
    }
}

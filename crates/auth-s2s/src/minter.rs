use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use auth_jose::{
    Algorithm, Clock, Entropy, KeyAlgorithm, KeyError, OsEntropy, Secret, SigningKey, SystemClock, Timestamp,
    base64url, jwk,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{LIFETIME_SECONDS, PROOF_TYPE, ServiceName, TOKEN_TYPE};

/// A cached token is not handed out when it would end within this time.
const MARGIN_SECONDS: i64 = 10;

/// Makes the tokens of one service, with its own key. Works without network.
///
/// One token per audience is signed and reused until shortly before its end.
pub struct Minter {
    name: ServiceName,
    key: SigningKey,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tokens: Mutex<HashMap<ServiceName, Minted>>,
}

struct Minted {
    token: Arc<str>,
    issued_at: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

impl Minter {
    /// A minter with a new Ed25519 key. Keep it with [`Minter::private_jwk`].
    ///
    /// # Errors
    /// [`KeyError::GenerationFailed`].
    pub fn generate(name: ServiceName) -> Result<Self, KeyError> {
        let key = SigningKey::generate(KeyAlgorithm::EdDsa, "")?;
        Self::from_private_jwk(name, key.private_jwk().expose())
    }

    /// A minter with a stored Ed25519 key, as text of a private JWK.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no private Ed25519 JWK.
    pub fn from_private_jwk(name: ServiceName, jwk_json: &str) -> Result<Self, KeyError> {
        let unnamed = SigningKey::from_private_jwk(jwk_json, Algorithm::EdDsa, "")?;
        let thumbprint = jwk::thumbprint(&unnamed.public_jwk()).ok_or(KeyError::KeyInvalid)?;
        let kid = format!("{name}.{thumbprint}");
        Ok(Self {
            key: SigningKey::from_private_jwk(jwk_json, Algorithm::EdDsa, &kid)?,
            name,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            tokens: Mutex::default(),
        })
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes randomness from `entropy`.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// A token for `audience`, good for at least ten more seconds.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn token(&self, audience: &ServiceName) -> Result<Arc<str>, KeyError> {
        let now = self.clock.now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(minted) = tokens.get(audience).filter(|minted| minted.is_usable(now)) {
            return Ok(Arc::clone(&minted.token));
        }
        let token: Arc<str> = self.sign(audience, now, TOKEN_TYPE, None)?.into();
        tokens.insert(audience.clone(), Minted { token: Arc::clone(&token), issued_at: now });
        Ok(token)
    }

    /// Shows the auth server `server` that this minter has the private part of [`Minter::public_jwk`], to register
    /// that key with a one-time code, or, without one, as the successor of a key. Good for 60 seconds.
    ///
    /// # Errors
    /// [`KeyError::SigningFailed`].
    pub fn prove(&self, server: &ServiceName, code: Option<&str>) -> Result<String, KeyError> {
        self.sign(server, self.clock.now(), PROOF_TYPE, code)
    }

    fn sign(
        &self,
        audience: &ServiceName,
        now: Timestamp,
        typ: &str,
        code: Option<&str>,
    ) -> Result<String, KeyError> {
        let mut id = [0; 16];
        self.entropy.fill("service-token-id", &mut id);
        let subject = self.name.subject();
        let claims = Claims {
            iss: subject,
            sub: subject,
            aud: audience.subject(),
            iat: now.seconds(),
            exp: now.seconds() + i64::from(LIFETIME_SECONDS),
            jti: base64url::encode(id),
            code,
        };
        self.key.sign(Some(typ), &claims)
    }

    /// Who the tokens are from.
    #[must_use]
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The key to keep, as JSON text.
    #[must_use]
    pub fn private_jwk(&self) -> Secret<String> {
        self.key.private_jwk()
    }

    /// The key to give to receivers, with its `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> Map<String, Value> {
        let mut jwk = self.key.public_jwk();
        jwk.insert("kid".to_owned(), self.key.kid().into());
        jwk.insert("alg".to_owned(), self.key.algorithm().as_str().into());
        jwk.insert("use".to_owned(), "sig".into());
        jwk
    }
}

impl Minted {
    /// A clock that was set back makes a token unusable: it would be from the future.
    fn is_usable(&self, now: Timestamp) -> bool {
        let end = self.issued_at.plus_seconds(i64::from(LIFETIME_SECONDS) - MARGIN_SECONDS);
        (self.issued_at..end).contains(&now)
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").field("name", &self.name).field("key", &self.key).finish_non_exhaustive()
    }
}

use auth_jose::{Algorithm, JwkError, PublicKey, jwk};
use serde_json::{Map, Value};

use crate::ServiceName;

/// What services sign with.
pub(crate) const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Ed25519, Algorithm::Es256];

/// A public key and whose it is: an Ed25519 or P-256 key that is fit to verify with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    service: ServiceName,
    thumbprint: String,
    key: PublicKey,
}

impl ServiceKey {
    /// The key in `jwk`, as one of `service`. Its `kid` becomes `service.<RFC 7638 thumbprint>`, whatever it was.
    ///
    /// # Errors
    /// [`JwkError`] for a key that is private, weak, of another kind or for something else.
    pub fn new(service: &ServiceName, jwk: &Map<String, Value>) -> Result<Self, JwkError> {
        let given = PublicKey::from_jwk(jwk)?;
        let alg = ALGORITHMS.into_iter().find(|alg| given.fits(*alg)).ok_or(JwkError::KeyTypeUnsupported)?;
        let thumbprint = jwk::thumbprint(given.jwk()).ok_or(JwkError::KeyTypeUnsupported)?;
        let members = ["kty", "crv", "x", "y"].into_iter();
        let mut named: Map<_, _> =
            members.filter_map(|name| Some((name.to_owned(), given.jwk().get(name)?.clone()))).collect();
        for (name, value) in [
            ("kid", format!("{service}.{thumbprint}")),
            ("alg", alg.as_str().to_owned()),
            ("svc", service.subject().to_owned()),
        ] {
            named.insert(name.to_owned(), value.into());
        }
        Ok(Self { service: service.clone(), thumbprint, key: PublicKey::from_jwk(&named)? })
    }

    /// Whose it is.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Its RFC 7638 thumbprint: the same whoever claims the key.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The `kid` of its tokens.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.key.kid().unwrap_or_default()
    }

    /// The key to verify with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The key as it is published: with `kid`, `alg`, `use` and, ours, `svc`: the service, as in `sub`.
    #[must_use]
    pub fn to_jwk(&self) -> Map<String, Value> {
        let mut jwk = self.key.jwk().clone();
        jwk.insert("use".to_owned(), "sig".into());
        jwk
    }
}

//! `jwt`.

use super::reader::Reader;
use super::{BaseUrl, JwtAlgorithm, seconds};

/// The jwt plugin.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// The algorithm of new keys and of the signing key.
    pub algorithm: JwtAlgorithm,
    /// Private keys are encrypted with the secret.
    pub encrypt_private_keys: bool,
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim; one entry is written as text, several as a list.
    pub audience: Vec<String>,
    /// Lifetime of a token in seconds.
    pub expires_in: i64,
    /// `/get-session` carries a token in `set-auth-jwt`.
    pub set_header: bool,
}

pub(super) fn read(r: &mut Reader, base_url: &BaseUrl) -> JwtConfig {
    let bits = u32::try_from(r.integer("jwt.jwks.keyPairConfig.modulusLength", 2048, 2048..=8192));
    let bits = bits.unwrap_or(2048);
    let algorithm = match r.choice("jwt.jwks.keyPairConfig.alg", JwtAlgorithm::EdDsa) {
        JwtAlgorithm::Rs256 { .. } => JwtAlgorithm::Rs256 { modulus_bits: bits },
        other => other,
    };
    let origin = base_url.origin().to_owned();
    let audience = r.list("jwt.jwt.audience").unwrap_or_else(|| vec![origin.clone()]);
    if audience.is_empty() || audience.iter().any(String::is_empty) {
        r.refuse("jwt.jwt.audience", "expected one audience or more, none of them empty");
    }
    JwtConfig {
        algorithm,
        encrypt_private_keys: !r.boolean("jwt.jwks.disablePrivateKeyEncryption", false),
        issuer: r.text("jwt.jwt.issuer").unwrap_or(origin),
        audience,
        expires_in: seconds(r.seconds("jwt.jwt.expirationTime", 900).max(1)),
        set_header: !r.boolean("jwt.disableSettingJwtHeader", false),
    }
}

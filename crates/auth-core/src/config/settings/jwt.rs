//! The jwt plugin.

use super::Kind::{Boolean, Choice, Integer, List, Seconds, Text};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "jwt.jwks.keyPairConfig.alg",
        Some("JWT_ALG"),
        Choice(&["EdDSA", "ES256", "RS256"]),
        "EdDSA",
        "The algorithm that signs tokens.",
    ),
    setting("jwt.jwks.keyPairConfig.modulusLength", None, Integer, "2048", "RS256: bits of a new key."),
    setting(
        "jwt.jwks.disablePrivateKeyEncryption",
        None,
        Boolean,
        "false",
        "Store new private keys in clear. Dangerous.",
    ),
    setting("jwt.jwt.issuer", Some("JWT_ISSUER"), Text, "the base URL's origin", "The `iss` claim."),
    setting(
        "jwt.jwt.audience",
        Some("JWT_AUDIENCE"),
        List,
        "the base URL's origin",
        "The `aud` claim: one text, or a list.",
    ),
    setting(
        "jwt.jwt.expirationTime",
        Some("JWT_EXPIRES_IN"),
        Seconds,
        "15m",
        "Lifetime of a token. A number is seconds. (Upstream reads a number as an instant.)",
    ),
    setting(
        "jwt.disableSettingJwtHeader",
        None,
        Boolean,
        "false",
        "No `set-auth-jwt` header on `/get-session`.",
    ),
    setting(
        "jwt.sessionCookieCache",
        None,
        Boolean,
        "false",
        "Sign the session's copy in the cookie with the published keys, so that other services can check it. Needs `session.cookieCache.strategy = \"jwt\"`.",
    ),
];

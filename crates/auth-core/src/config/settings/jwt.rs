//! The jwt plugin.

use super::Kind::{Any, Boolean, Choice, Integer, List, Seconds, Text};
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
    setting(
        "jwt.jwks.jwksPath",
        None,
        Text,
        "/jwks",
        "Where the key set is served, below the base path; `/jwks` is then not served.",
    ),
    setting(
        "jwt.jwks.maxAge",
        None,
        Integer,
        "300",
        "For how many seconds the key set may be cached. A new key is published twice as long before it signs, and a little more.",
    ),
    setting(
        "jwt.jwks.checkInterval",
        None,
        Integer,
        "5",
        "Every how many seconds a server reads the stored keys, to follow the other servers on the database.",
    ),
    setting(
        "jwt.jwks.rotationInterval",
        None,
        Seconds,
        "30d",
        "How long a key signs before the next one does; 0 is until somebody rotates by hand.",
    ),
    setting(
        "jwt.jwks.gracePeriod",
        None,
        Seconds,
        "30d",
        "How long a key stays published after it has stopped signing; at least as long as the longest token lives.",
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
        "jwt.definePayload.user",
        None,
        List,
        "the whole user",
        "Fields of the user that a token has. With any of these settings a token has nothing else.",
    ),
    setting(
        "jwt.definePayload.session",
        None,
        List,
        "none",
        "Fields of the session that a token has, as `session_<field>`; never the session's token.",
    ),
    setting(
        "jwt.definePayload.renamed.<claim>",
        None,
        Text,
        "none",
        "A claim with another name than its field: `user.email`, `session.id`.",
    ),
    setting("jwt.definePayload.static.<claim>", None, Any, "none", "A claim of every token."),
    setting("jwt.subject", None, Text, "id", "The field of the user that is the `sub` claim."),
    setting(
        "jwt.sessionCookieCache",
        None,
        Boolean,
        "false",
        "Sign the session's copy in the cookie with the published keys, so that other services can check it. Needs `session.cookieCache.strategy = \"jwt\"`.",
    ),
];

//! Tokens for particular APIs.

use super::Kind::{Any, Choice, List, Seconds};
use super::{Setting, setting};

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "audiences.<name>.audience",
        None,
        List,
        "the name",
        "The `aud` claim of the tokens of `/token?audience=<name>`: one text, or a list. Its keys are at `/jwks/<name>`.",
    ),
    setting(
        "audiences.<name>.alg",
        None,
        Choice(&["EdDSA", "ES256", "ES512", "PS256", "RS256"]),
        "`jwt.jwks.keyPairConfig.alg`",
        "The algorithm that signs these tokens.",
    ),
    setting(
        "audiences.<name>.expirationTime",
        None,
        Seconds,
        "`jwt.jwt.expirationTime`",
        "Lifetime of these tokens.",
    ),
    setting(
        "audiences.<name>.claims",
        None,
        Any,
        "those of every token",
        "The claims besides the registered ones, as a section: `role = \"authenticated\"`, `mail = \"$user.email\"`, nested as wanted.",
    ),
];

//! Errors about tokens.

use crate::error::ErrorCode;

/// The server has no usable signing key yet; its log says why.
pub(super) const NO_SIGNING_KEY: ErrorCode =
    ErrorCode::new("AUTH-0070", "SERVICE_UNAVAILABLE", "No signing key is available, try again");

/// `/jwks?alg=` names an algorithm that has no keys here.
pub(super) const UNKNOWN_ALGORITHM: ErrorCode =
    ErrorCode::new("AUTH-0140", "UNKNOWN_ALGORITHM", "No keys of this algorithm");

/// `/token?audience=` names an API that is not configured.
pub(super) const UNKNOWN_AUDIENCE: ErrorCode =
    ErrorCode::new("AUTH-0141", "UNKNOWN_AUDIENCE", "No such audience");

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[NO_SIGNING_KEY, UNKNOWN_ALGORITHM, UNKNOWN_AUDIENCE];

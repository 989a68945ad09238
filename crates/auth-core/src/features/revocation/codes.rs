//! Errors of what services ask about tokens. Their `code` is the `error` of OAuth (RFC 6749, section 5.2).

use crate::error::ErrorCode;

/// No credentials of a service, or wrong ones.
pub(super) const INVALID_CLIENT: ErrorCode =
    ErrorCode::new("AUTH-0150", "invalid_client", "The service is not known, or its secret is wrong");
/// The parameter `token` is missing, empty or there twice.
pub(super) const INVALID_REQUEST: ErrorCode =
    ErrorCode::new("AUTH-0151", "invalid_request", "Expected one parameter token");
/// The token has no name of its own (`jti`) that could be withdrawn.
pub(super) const UNSUPPORTED_TOKEN_TYPE: ErrorCode =
    ErrorCode::new("AUTH-0152", "unsupported_token_type", "This token cannot be revoked, only its session");
/// The server has no usable key to sign the answer with; its log says why.
pub(super) const NO_SIGNING_KEY: ErrorCode =
    ErrorCode::new("AUTH-0153", "SERVICE_UNAVAILABLE", "No signing key is available, try again");

/// All of them.
pub(in crate::features) const ALL: &[ErrorCode] =
    &[INVALID_CLIENT, INVALID_REQUEST, UNSUPPORTED_TOKEN_TYPE, NO_SIGNING_KEY];

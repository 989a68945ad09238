//! OAuth's errors (RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8707 §2): `{"error","error_description"}`.

use crate::error::ErrorCode;

/// A parameter is missing, repeated, of another form, or the token to be exchanged is not good.
pub(super) const INVALID_REQUEST: ErrorCode =
    ErrorCode::new("AUTH-0260", "invalid_request", "A parameter is missing, repeated or malformed");
/// The client is no registered service, or its assertion is not good.
pub(super) const INVALID_CLIENT: ErrorCode = ErrorCode::new(
    "AUTH-0261",
    "invalid_client",
    "The client assertion is missing, not good, or was used before",
);
/// The kind of grant is not one of ours.
pub(super) const UNSUPPORTED_GRANT_TYPE: ErrorCode =
    ErrorCode::new("AUTH-0262", "unsupported_grant_type", "Expected client_credentials or token-exchange");
/// The scope is malformed, or more than the exchanged token has.
pub(super) const INVALID_SCOPE: ErrorCode = ErrorCode::new(
    "AUTH-0263",
    "invalid_scope",
    "The scope is malformed, or more than the subject token has",
);
/// The audience is not one service.
pub(super) const INVALID_TARGET: ErrorCode =
    ErrorCode::new("AUTH-0264", "invalid_target", "The audience must be one service, such as service:api");

/// All of them.
pub(super) const ALL: &[ErrorCode] =
    &[INVALID_REQUEST, INVALID_CLIENT, UNSUPPORTED_GRANT_TYPE, INVALID_SCOPE, INVALID_TARGET];

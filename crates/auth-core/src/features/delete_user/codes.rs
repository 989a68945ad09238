//! Errors about deleting accounts.

use crate::error::ErrorCode;

/// `user.deleteUser.enabled` is off.
pub(super) const NOT_FOUND: ErrorCode = ErrorCode::new("AUTH-0115", "NOT_FOUND", "Not found");
/// The link was opened without a session.
pub(super) const FAILED_TO_GET_USER_INFO: ErrorCode =
    ErrorCode::new("AUTH-0116", "FAILED_TO_GET_USER_INFO", "Failed to get user info");
/// There is no such token, it is somebody else's, it has expired, or it has been used.
pub(super) const INVALID_TOKEN: ErrorCode = ErrorCode::new("AUTH-0117", "INVALID_TOKEN", "Invalid token");
/// The session is older than `session.freshAge` and no password was sent.
pub(super) const SESSION_EXPIRED: ErrorCode = ErrorCode::new(
    "AUTH-0118",
    "SESSION_EXPIRED",
    "Session expired. Re-authenticate to perform this action.",
);

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[NOT_FOUND, FAILED_TO_GET_USER_INFO, INVALID_TOKEN, SESSION_EXPIRED];

//! Errors about sessions.

use crate::error::ErrorCode;

/// The endpoint needs a session and the request has none.
pub const UNAUTHORIZED: ErrorCode = ErrorCode::new("AUTH-0020", "UNAUTHORIZED", "Unauthorized");
/// The session is older than `session.freshAge`: sign in again.
pub const SESSION_NOT_FRESH: ErrorCode =
    ErrorCode::new("AUTH-0021", "SESSION_NOT_FRESH", "Session is not fresh");
/// POST `/get-session` is for deferred refresh only.
pub const METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED: ErrorCode = ErrorCode::new(
    "AUTH-0022",
    "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
    "POST method requires deferSessionRefresh to be enabled in session config",
);
/// `/update-session` names no declared session field. Upstream sends no code.
pub const NO_FIELDS_TO_UPDATE: ErrorCode = ErrorCode::new("AUTH-0023", "", "No fields to update");

/// The session ended while the request was under way.
pub const FAILED_TO_GET_SESSION: ErrorCode =
    ErrorCode::new("AUTH-0192", "FAILED_TO_GET_SESSION", "Failed to get session");

/// All of them.
pub const ALL: &[ErrorCode] = &[
    UNAUTHORIZED,
    SESSION_NOT_FRESH,
    METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED,
    NO_FIELDS_TO_UPDATE,
    FAILED_TO_GET_SESSION,
];

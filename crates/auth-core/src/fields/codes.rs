//! Errors about declared fields.

use crate::error::ErrorCode;

/// A field that only the server sets was sent. The message names it.
pub const FIELD_NOT_ALLOWED: ErrorCode =
    ErrorCode::new("AUTH-0190", "FIELD_NOT_ALLOWED", "Field not allowed to be set");
/// A required field without a default is missing. The message names it.
pub const MISSING_FIELD: ErrorCode = ErrorCode::new("AUTH-0191", "MISSING_FIELD", "Field is required");

/// All of them.
pub const ALL: &[ErrorCode] = &[FIELD_NOT_ALLOWED, MISSING_FIELD];

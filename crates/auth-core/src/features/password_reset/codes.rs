//! Errors about resetting passwords.

use crate::error::ErrorCode;

/// `emailAndPassword.sendResetPassword` is off, or mail cannot be sent.
pub(super) const RESET_PASSWORD_DISABLED: ErrorCode =
    ErrorCode::new("AUTH-0112", "RESET_PASSWORD_DISABLED", "Reset password isn't enabled");
/// There is no such token, it has expired, or it has been used.
pub(super) const INVALID_TOKEN: ErrorCode = ErrorCode::new("AUTH-0113", "INVALID_TOKEN", "Invalid token");
/// The token's user is gone.
pub(super) const USER_NOT_FOUND: ErrorCode = ErrorCode::new("AUTH-0114", "USER_NOT_FOUND", "User not found");

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[RESET_PASSWORD_DISABLED, INVALID_TOKEN, USER_NOT_FOUND];

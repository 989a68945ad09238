//! Errors about accounts and their passwords.

use crate::error::ErrorCode;

/// The current password is wrong.
pub const INVALID_PASSWORD: ErrorCode = ErrorCode::new("AUTH-0044", "INVALID_PASSWORD", "Invalid password");
/// Shorter than `emailAndPassword.minPasswordLength`.
pub const PASSWORD_TOO_SHORT: ErrorCode =
    ErrorCode::new("AUTH-0045", "PASSWORD_TOO_SHORT", "Password too short");
/// Longer than `emailAndPassword.maxPasswordLength`.
pub const PASSWORD_TOO_LONG: ErrorCode =
    ErrorCode::new("AUTH-0046", "PASSWORD_TOO_LONG", "Password too long");
/// The user has no password to change or verify.
pub const CREDENTIAL_ACCOUNT_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0049", "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found");
/// It is the user's last way to sign in (`account.accountLinking.allowUnlinkingAll`).
pub const FAILED_TO_UNLINK_LAST_ACCOUNT: ErrorCode =
    ErrorCode::new("AUTH-0119", "FAILED_TO_UNLINK_LAST_ACCOUNT", "You can't unlink your last account");
/// The user has no account of this id.
pub const ACCOUNT_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0120", "ACCOUNT_NOT_FOUND", "Account not found");
/// Only a user without a password can be given one.
pub const PASSWORD_ALREADY_SET: ErrorCode =
    ErrorCode::new("AUTH-0121", "PASSWORD_ALREADY_SET", "User already has a password set");

/// All of them.
pub const ALL: &[ErrorCode] = &[
    INVALID_PASSWORD,
    PASSWORD_TOO_SHORT,
    PASSWORD_TOO_LONG,
    CREDENTIAL_ACCOUNT_NOT_FOUND,
    FAILED_TO_UNLINK_LAST_ACCOUNT,
    ACCOUNT_NOT_FOUND,
    PASSWORD_ALREADY_SET,
];

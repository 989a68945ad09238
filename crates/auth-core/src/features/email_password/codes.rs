//! Errors about e-mail and password.

use crate::error::ErrorCode;

/// `emailAndPassword.enabled` is off.
pub const EMAIL_PASSWORD_DISABLED: ErrorCode =
    ErrorCode::new("AUTH-0040", "EMAIL_PASSWORD_DISABLED", "Email and password is not enabled");
/// Sign-up is off.
pub const EMAIL_PASSWORD_SIGN_UP_DISABLED: ErrorCode = ErrorCode::new(
    "AUTH-0041",
    "EMAIL_PASSWORD_SIGN_UP_DISABLED",
    "Email and password sign up is not enabled",
);
/// The address is not one.
pub const INVALID_EMAIL: ErrorCode = ErrorCode::new("AUTH-0042", "INVALID_EMAIL", "Invalid email");
/// Unknown address or wrong password; the answer does not tell which.
pub const INVALID_EMAIL_OR_PASSWORD: ErrorCode =
    ErrorCode::new("AUTH-0043", "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password");
/// The address has an account already.
pub const USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: ErrorCode = ErrorCode::new(
    "AUTH-0047",
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
    "User already exists. Use another email.",
);
/// Another request took the address at the same moment.
pub const FAILED_TO_CREATE_USER: ErrorCode =
    ErrorCode::new("AUTH-0048", "FAILED_TO_CREATE_USER", "Failed to create user");
/// Only proven addresses sign in (`emailAndPassword.requireEmailVerification`), and this one is not.
pub const EMAIL_NOT_VERIFIED: ErrorCode =
    ErrorCode::new("AUTH-0107", "EMAIL_NOT_VERIFIED", "Email not verified");

/// All of them.
pub const ALL: &[ErrorCode] = &[
    EMAIL_PASSWORD_DISABLED,
    EMAIL_PASSWORD_SIGN_UP_DISABLED,
    INVALID_EMAIL,
    INVALID_EMAIL_OR_PASSWORD,
    USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL,
    FAILED_TO_CREATE_USER,
    EMAIL_NOT_VERIFIED,
];

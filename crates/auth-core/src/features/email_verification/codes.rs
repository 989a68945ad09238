//! Errors about proving and changing addresses.

use crate::error::ErrorCode;

/// `emailVerification.send` is off, or mail cannot be sent.
pub(super) const VERIFICATION_EMAIL_NOT_ENABLED: ErrorCode =
    ErrorCode::new("AUTH-0100", "VERIFICATION_EMAIL_NOT_ENABLED", "Verification email isn't enabled");
/// A mail was asked for another address than the caller's.
pub(super) const EMAIL_MISMATCH: ErrorCode = ErrorCode::new("AUTH-0101", "EMAIL_MISMATCH", "Email mismatch");
/// The caller's address is proven already.
pub(super) const EMAIL_ALREADY_VERIFIED: ErrorCode =
    ErrorCode::new("AUTH-0102", "EMAIL_ALREADY_VERIFIED", "Email is already verified");
/// The link is not ours, was changed, or has been used.
pub(super) const INVALID_TOKEN: ErrorCode = ErrorCode::new("AUTH-0103", "INVALID_TOKEN", "Invalid token");
/// The link is older than `emailVerification.expiresIn`.
pub(super) const TOKEN_EXPIRED: ErrorCode = ErrorCode::new("AUTH-0104", "TOKEN_EXPIRED", "Token expired");
/// Nobody has the link's address any more.
pub(super) const USER_NOT_FOUND: ErrorCode = ErrorCode::new("AUTH-0105", "USER_NOT_FOUND", "User not found");
/// The link belongs to somebody else than the one who is signed in.
pub(super) const INVALID_USER: ErrorCode = ErrorCode::new("AUTH-0106", "INVALID_USER", "Invalid user");
/// `user.changeEmail.enabled` is off.
pub(super) const CHANGE_EMAIL_DISABLED: ErrorCode =
    ErrorCode::new("AUTH-0108", "CHANGE_EMAIL_DISABLED", "Change email is disabled");
/// The new address is the present one. Upstream sends no code.
pub(super) const EMAIL_IS_THE_SAME: ErrorCode = ErrorCode::new("AUTH-0109", "", "Email is the same");
/// The address cannot change without a mail, and mail cannot be sent. Upstream sends no code.
pub(super) const NO_WAY_TO_CHANGE_EMAIL: ErrorCode =
    ErrorCode::new("AUTH-0110", "", "Verification email isn't enabled");
/// Somebody else took the new address between the two clicks.
pub(super) const EMAIL_TAKEN_MEANWHILE: ErrorCode = ErrorCode::new(
    "AUTH-0111",
    "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
    "User already exists. Use another email.",
);

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[
    VERIFICATION_EMAIL_NOT_ENABLED,
    EMAIL_MISMATCH,
    EMAIL_ALREADY_VERIFIED,
    INVALID_TOKEN,
    TOKEN_EXPIRED,
    USER_NOT_FOUND,
    INVALID_USER,
    CHANGE_EMAIL_DISABLED,
    EMAIL_IS_THE_SAME,
    NO_WAY_TO_CHANGE_EMAIL,
    EMAIL_TAKEN_MEANWHILE,
];

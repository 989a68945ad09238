//! Errors of sign-in with providers. The lower-case ones stand in redirects, as upstream's do.

use crate::error::ErrorCode;

/// No provider of this name is configured, or its discovery document cannot be had.
pub(super) const PROVIDER_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0200", "PROVIDER_NOT_FOUND", "Provider not found");
/// The provider's id tokens cannot be verified, or must not be used.
pub(super) const ID_TOKEN_NOT_SUPPORTED: ErrorCode =
    ErrorCode::new("AUTH-0201", "ID_TOKEN_NOT_SUPPORTED", "id_token not supported");
/// The id token is not good.
pub(super) const INVALID_TOKEN: ErrorCode = ErrorCode::new("AUTH-0202", "INVALID_TOKEN", "Invalid token");
/// The provider does not say who it is.
pub(super) const FAILED_TO_GET_USER_INFO: ErrorCode =
    ErrorCode::new("AUTH-0203", "FAILED_TO_GET_USER_INFO", "Failed to get user info");
/// The provider names no address.
pub(super) const USER_EMAIL_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0204", "USER_EMAIL_NOT_FOUND", "User email not found");
/// The provider wants proven addresses, and this one is not.
pub(super) const EMAIL_NOT_VERIFIED: ErrorCode =
    ErrorCode::new("AUTH-0205", "EMAIL_NOT_VERIFIED", "Email not verified");
/// The account cannot sign in; the message says why.
pub(super) const OAUTH_LINK_ERROR: ErrorCode =
    ErrorCode::new("AUTH-0206", "OAUTH_LINK_ERROR", "account not linked");
/// The account is another user's.
pub(super) const SOCIAL_ACCOUNT_ALREADY_LINKED: ErrorCode =
    ErrorCode::new("AUTH-0207", "SOCIAL_ACCOUNT_ALREADY_LINKED", "Social account already linked");
/// Linking is off, or nobody has proven the address.
pub(super) const LINKING_NOT_ALLOWED: ErrorCode =
    ErrorCode::new("AUTH-0208", "LINKING_NOT_ALLOWED", "Account not linked - linking not allowed");
/// The account has another address than the user.
pub(super) const LINKING_DIFFERENT_EMAILS_NOT_ALLOWED: ErrorCode = ErrorCode::new(
    "AUTH-0209",
    "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED",
    "Account not linked - different emails not allowed",
);
/// The provider of the account is not configured any more.
pub(super) const PROVIDER_NOT_SUPPORTED: ErrorCode =
    ErrorCode::new("AUTH-0210", "PROVIDER_NOT_SUPPORTED", "Provider is not supported.");
/// The account is of no provider.
pub(super) const PROVIDER_NOT_CONFIGURED: ErrorCode = ErrorCode::new(
    "AUTH-0211",
    "PROVIDER_NOT_CONFIGURED",
    "Account is not associated with a configured social provider.",
);
/// The provider has no refresh tokens.
pub(super) const TOKEN_REFRESH_NOT_SUPPORTED: ErrorCode =
    ErrorCode::new("AUTH-0212", "TOKEN_REFRESH_NOT_SUPPORTED", "Provider does not support token refreshing.");
/// No refresh token is stored.
pub(super) const REFRESH_TOKEN_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0213", "REFRESH_TOKEN_NOT_FOUND", "Refresh token not found");
/// The provider refused, or the stored token cannot be opened.
pub(super) const FAILED_TO_REFRESH_ACCESS_TOKEN: ErrorCode =
    ErrorCode::new("AUTH-0214", "FAILED_TO_REFRESH_ACCESS_TOKEN", "Failed to refresh access token");
/// The provider refused, or the stored token cannot be opened.
pub(super) const FAILED_TO_GET_ACCESS_TOKEN: ErrorCode =
    ErrorCode::new("AUTH-0215", "FAILED_TO_GET_ACCESS_TOKEN", "Failed to get a valid access token");
/// No access token is stored.
pub(super) const ACCESS_TOKEN_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0216", "ACCESS_TOKEN_NOT_FOUND", "Access token not found");

/// A callback without a state.
pub(super) const STATE_NOT_FOUND: ErrorCode = ErrorCode::new("AUTH-0220", "state_not_found", "");
/// A state that is unknown, used, expired, another browser's or another provider's.
pub(super) const STATE_MISMATCH: ErrorCode = ErrorCode::new("AUTH-0221", "state_mismatch", "");
/// A state cookie that cannot be opened.
pub(super) const STATE_INVALID: ErrorCode = ErrorCode::new("AUTH-0222", "state_invalid", "");
/// The provider sent no code.
pub(super) const NO_CODE: ErrorCode = ErrorCode::new("AUTH-0223", "no_code", "");
/// The callback's provider is not configured.
pub(super) const OAUTH_PROVIDER_NOT_FOUND: ErrorCode =
    ErrorCode::new("AUTH-0224", "oauth_provider_not_found", "");
/// The answer is another issuer's (RFC 9207).
pub(super) const ISSUER_MISMATCH: ErrorCode = ErrorCode::new("AUTH-0225", "issuer_mismatch", "");
/// The sign-in began without the nonce that the provider's id tokens need.
pub(super) const NONCE_BINDING_MISSING: ErrorCode = ErrorCode::new("AUTH-0226", "nonce_binding_missing", "");
/// The provider did not take the code.
pub(super) const INVALID_CODE: ErrorCode = ErrorCode::new("AUTH-0227", "invalid_code", "");
/// The id token is not good, or there is no profile.
pub(super) const UNABLE_TO_GET_USER_INFO: ErrorCode =
    ErrorCode::new("AUTH-0228", "unable_to_get_user_info", "");
/// The provider names no address.
pub(super) const EMAIL_NOT_FOUND: ErrorCode = ErrorCode::new("AUTH-0229", "email_not_found", "");
/// The address is another user's, and the rules of linking are not met.
pub(super) const ACCOUNT_NOT_LINKED: ErrorCode =
    ErrorCode::new("AUTH-0230", "account_not_linked", "account not linked");
/// Nobody may become a user this way.
pub(super) const SIGNUP_DISABLED: ErrorCode =
    ErrorCode::new("AUTH-0231", "signup_disabled", "signup disabled");
/// The rules of linking are not met.
pub(super) const UNABLE_TO_LINK_ACCOUNT: ErrorCode =
    ErrorCode::new("AUTH-0232", "unable_to_link_account", "unable to link account");
/// The address was taken meanwhile.
pub(super) const UNABLE_TO_CREATE_USER: ErrorCode =
    ErrorCode::new("AUTH-0233", "unable_to_create_user", "unable to create user");
/// The provider wants proven addresses, and this one is not.
pub(super) const EMAIL_NOT_VERIFIED_YET: ErrorCode = ErrorCode::new("AUTH-0234", "email_not_verified", "");
/// The account has another address than the user.
pub(super) const EMAIL_DOES_NOT_MATCH: ErrorCode = ErrorCode::new("AUTH-0235", "email_does_not_match", "");
/// The account is another user's.
pub(super) const ACCOUNT_ALREADY_LINKED: ErrorCode =
    ErrorCode::new("AUTH-0236", "account_already_linked_to_different_user", "");
/// We failed; the log says why.
pub(super) const INTERNAL_SERVER_ERROR: ErrorCode = ErrorCode::new("AUTH-0237", "internal_server_error", "");
/// The provider itself refused; the redirect carries its code.
pub(super) const REFUSED_BY_PROVIDER: ErrorCode = ErrorCode::new("AUTH-0238", "", "");

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[
    PROVIDER_NOT_FOUND,
    ID_TOKEN_NOT_SUPPORTED,
    INVALID_TOKEN,
    FAILED_TO_GET_USER_INFO,
    USER_EMAIL_NOT_FOUND,
    EMAIL_NOT_VERIFIED,
    OAUTH_LINK_ERROR,
    SOCIAL_ACCOUNT_ALREADY_LINKED,
    LINKING_NOT_ALLOWED,
    LINKING_DIFFERENT_EMAILS_NOT_ALLOWED,
    PROVIDER_NOT_SUPPORTED,
    PROVIDER_NOT_CONFIGURED,
    TOKEN_REFRESH_NOT_SUPPORTED,
    REFRESH_TOKEN_NOT_FOUND,
    FAILED_TO_REFRESH_ACCESS_TOKEN,
    FAILED_TO_GET_ACCESS_TOKEN,
    ACCESS_TOKEN_NOT_FOUND,
    STATE_NOT_FOUND,
    STATE_MISMATCH,
    STATE_INVALID,
    NO_CODE,
    OAUTH_PROVIDER_NOT_FOUND,
    ISSUER_MISMATCH,
    NONCE_BINDING_MISSING,
    INVALID_CODE,
    UNABLE_TO_GET_USER_INFO,
    EMAIL_NOT_FOUND,
    ACCOUNT_NOT_LINKED,
    SIGNUP_DISABLED,
    UNABLE_TO_LINK_ACCOUNT,
    UNABLE_TO_CREATE_USER,
    EMAIL_NOT_VERIFIED_YET,
    EMAIL_DOES_NOT_MATCH,
    ACCOUNT_ALREADY_LINKED,
    INTERNAL_SERVER_ERROR,
    REFUSED_BY_PROVIDER,
];

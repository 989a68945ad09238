//! Errors about services, their keys and their tokens.

use crate::error::ErrorCode;

/// The caller is not a registered service with a good token for this server.
pub(crate) const SERVICE_TOKEN_REQUIRED: ErrorCode =
    ErrorCode::new("AUTH-0250", "SERVICE_TOKEN_REQUIRED", "A service token for this server is required");
/// The enrolment code is unknown, used up or too old, or its service is disabled.
pub(super) const INVALID_CODE: ErrorCode =
    ErrorCode::new("AUTH-0251", "INVALID_ENROLMENT_CODE", "The enrolment code is unknown, used or expired");
/// The proof is not a fresh signature of the posted key, for this server, service and code.
pub(super) const INVALID_PROOF: ErrorCode =
    ErrorCode::new("AUTH-0252", "INVALID_PROOF", "The proof is not the key's own, for this server and code");
/// The key is private, weak, or of a kind that services do not sign with; the message says which.
pub(super) const KEY_REFUSED: ErrorCode = ErrorCode::new("AUTH-0253", "KEY_REFUSED", "The key is refused");
/// Another service has registered the key.
pub(super) const KEY_OWNED: ErrorCode =
    ErrorCode::new("AUTH-0254", "KEY_OWNED", "The key belongs to another service");
/// The service had the key once and has replaced it.
pub(super) const KEY_WITHDRAWN: ErrorCode =
    ErrorCode::new("AUTH-0255", "KEY_WITHDRAWN", "The key was withdrawn and cannot be used again");
/// The service's keys are read from its own address.
pub(super) const KEYS_ELSEWHERE: ErrorCode =
    ErrorCode::new("AUTH-0256", "KEYS_ELSEWHERE", "The keys of this service are read from its own address");

/// All of them.
pub(super) const ALL: &[ErrorCode] = &[
    SERVICE_TOKEN_REQUIRED,
    INVALID_CODE,
    INVALID_PROOF,
    KEY_REFUSED,
    KEY_OWNED,
    KEY_WITHDRAWN,
    KEYS_ELSEWHERE,
];

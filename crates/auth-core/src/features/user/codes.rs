//! Errors about users.

use crate::error::ErrorCode;

/// `/update-user` does not change addresses.
pub const EMAIL_CAN_NOT_BE_UPDATED: ErrorCode =
    ErrorCode::new("AUTH-0030", "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated");
/// The body names no field that may be changed. Upstream sends no code.
pub const NO_FIELDS_TO_UPDATE: ErrorCode = ErrorCode::new("AUTH-0031", "", "No fields to update");

/// All of them.
pub const ALL: &[ErrorCode] = &[EMAIL_CAN_NOT_BE_UPDATED, NO_FIELDS_TO_UPDATE];

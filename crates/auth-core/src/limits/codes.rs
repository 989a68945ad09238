//! Errors of the limits.

use crate::error::ErrorCode;

/// A client asked for a path more often than `rateLimit` allows. `X-Retry-After` has the seconds to wait.
pub const TOO_MANY_REQUESTS: ErrorCode =
    ErrorCode::new("AUTH-0160", "", "Too many requests. Please try again later.");
/// More wrong passwords for an account than `rateLimit.perAccount` allows. `X-Retry-After` has the seconds to wait.
pub const TOO_MANY_TRIES: ErrorCode =
    ErrorCode::new("AUTH-0161", "", "Too many requests. Please try again later.");

/// All of them.
pub const ALL: &[ErrorCode] = &[TOO_MANY_REQUESTS, TOO_MANY_TRIES];

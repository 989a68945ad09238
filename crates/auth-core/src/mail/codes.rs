//! Why a mail did not leave. These ids stand in the log: no request ever fails because of mail.

use crate::error::ErrorCode;

/// More mail waits than `mail.queue` allows.
pub const MAIL_QUEUE_FULL: ErrorCode =
    ErrorCode::new("AUTH-0130", "MAIL_QUEUE_FULL", "Too much mail waits: a mail was dropped");
/// The mail server said no for good (5xx), or the address is none that mail can go to.
pub const MAIL_REFUSED: ErrorCode =
    ErrorCode::new("AUTH-0131", "MAIL_REFUSED", "The mail server refused a mail");
/// The last of `mail.attempts` tries failed.
pub const MAIL_UNDELIVERED: ErrorCode =
    ErrorCode::new("AUTH-0132", "MAIL_UNDELIVERED", "The mail server could not be reached or was not ready");
/// The server stopped while mail waited.
pub const MAIL_LOST: ErrorCode =
    ErrorCode::new("AUTH-0133", "MAIL_LOST", "The server stopped before all mail had left");
/// A mail was to be sent without any way to send it.
pub const MAIL_NOT_CONFIGURED: ErrorCode =
    ErrorCode::new("AUTH-0134", "MAIL_NOT_CONFIGURED", "No mail can be sent: SMTP_URL is not set");

/// All of them.
pub const ALL: &[ErrorCode] =
    &[MAIL_QUEUE_FULL, MAIL_REFUSED, MAIL_UNDELIVERED, MAIL_LOST, MAIL_NOT_CONFIGURED];

//! E-mail and password: sign-up, sign-in, changing and verifying the password.
//!
//! Hashing never holds a database connection: every endpoint reads, lets the connection go, hashes on the
//! bounded pool, and takes a connection again to write.

pub mod codes;
mod password;
mod sign_in;
mod sign_up;

use std::time::Duration;

use auth_jose::Secret;

use crate::crypto::password::HashError;
use crate::endpoint::Endpoint;
use crate::error::{self, Error, Result};
use crate::feature::Feature;

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("email-password")
        .endpoint(Endpoint::post("/sign-up/email", sign_up::sign_up_email).with_form())
        .endpoint(Endpoint::post("/sign-in/email", sign_in::sign_in_email).with_form())
        .post("/change-password", password::change_password)
        .post("/verify-password", password::verify_password)
        .codes(codes::ALL)
}

/// Length as upstream counts it: UTF-16 code units.
fn length(password: &Secret<String>) -> usize {
    password.expose().encode_utf16().count()
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => {
                Self::Busy { code: error::codes::HASHING_BUSY, retry_after: Duration::from_secs(1) }
            }
            other => Self::internal(other),
        }
    }
}

/// A new password of allowed length.
struct NewPassword(Secret<String>);

impl NewPassword {
    fn check(app: &crate::app::App, password: Secret<String>) -> Result<Self> {
        let config = &app.config.email_and_password;
        let length = length(&password);
        if length < config.min_password_length {
            return Err(codes::PASSWORD_TOO_SHORT.bad_request());
        }
        if length > config.max_password_length {
            return Err(codes::PASSWORD_TOO_LONG.bad_request());
        }
        Ok(Self(password))
    }
}

/// A password to verify. A short one may be old; a long one can only cost time.
fn check_known_password(app: &crate::app::App, password: &Secret<String>) -> Result<()> {
    if length(password) > app.config.email_and_password.max_password_length {
        return Err(codes::PASSWORD_TOO_LONG.bad_request());
    }
    Ok(())
}

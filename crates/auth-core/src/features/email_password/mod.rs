//! E-mail and password: sign-up, sign-in, changing and verifying the password.
//!
//! Hashing never holds a database connection: every endpoint reads, lets the connection go, hashes on the
//! bounded pool, and takes a connection again to write.

pub mod codes;
mod password;
mod sign_in;
mod sign_up;

use std::time::Duration;

use auth_jose::{Secret, Timestamp};

use crate::app::App;
use crate::crypto::password::HashError;
use crate::endpoint::Endpoint;
use crate::error::{self, Error, Result};
use crate::feature::Feature;
use crate::features::user::User;
use crate::id::Id;
use crate::store::types::At;

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

impl App {
    /// Looks whether passwords are stored that take other work than new ones, so that from the first request
    /// on the time of an answer does not tell which users exist.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expect_stored_hashes(&self) -> Result<()> {
        let found = self.store.db().await?.find_other_hash(self.hasher.is_argon2id()).await?;
        if let Some(hash) = found {
            self.hasher.expect(&hash);
        }
        Ok(())
    }

    /// Replaces a hash that is not of the configured kind, when its password is at hand. A failure is not
    /// the caller's: the old hash stays good.
    async fn rehash(&self, owner: &Id<User>, old: &str, password: Secret<String>, now: Timestamp) {
        let replaced = async {
            let new = self.hasher.hash(password).await?;
            Ok::<_, Error>(self.store.db().await?.replace_password(owner, old, &new, At(now)).await?)
        };
        match replaced.await {
            Ok(true) => tracing::info!(user = %owner, "replaced a password hash of another kind"),
            Ok(false) => {}
            Err(error) => tracing::warn!(user = %owner, %error, "an old password hash stays"),
        }
    }
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

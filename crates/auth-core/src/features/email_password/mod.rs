//! E-mail and password: sign-up, sign-in, changing and verifying the password.
//!
//! The rules of passwords themselves are the credential account's (`account::password`).

pub mod codes;
mod password;
mod sign_in;
mod sign_up;

use auth_jose::{Secret, Timestamp};

use crate::app::App;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
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

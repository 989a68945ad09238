//! The password of a credential account: its length, checking it, giving one.
//!
//! Hashing never holds a database connection: callers read, let the connection go, hash on the bounded pool, and
//! take a connection again to write.

use std::time::Duration;

use auth_jose::Secret;

use super::{NewAccount, codes};
use crate::access::SignedIn;
use crate::app::App;
use crate::crypto::password::HashError;
use crate::error::{self, Error, Result};
use crate::features::user::User;
use crate::id::Id;
use crate::store::Db;
use crate::store::types::At;

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
pub(crate) struct NewPassword(Secret<String>);

impl NewPassword {
    pub(crate) fn check(app: &App, password: Secret<String>) -> Result<Self> {
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

    /// Its hash.
    pub(crate) async fn hash(self, app: &App) -> Result<String> {
        Ok(app.hasher.hash(self.0).await?)
    }
}

/// A password to verify. A short one may be old; a long one can only cost time.
pub(crate) fn check_known_password(app: &App, password: &Secret<String>) -> Result<()> {
    if length(password) > app.config.email_and_password.max_password_length {
        return Err(codes::PASSWORD_TOO_LONG.bad_request());
    }
    Ok(())
}

/// The stored hash of the caller's password, if `password` is it.
pub(crate) async fn verified_hash(cx: &SignedIn, password: Secret<String>) -> Result<String> {
    let found = cx.app.store.db().await?.find_password(&cx.user.id).await?;
    let Some(Some(hash)) = found else {
        return Err(codes::CREDENTIAL_ACCOUNT_NOT_FOUND.bad_request());
    };
    let tried = cx.begin_try(&cx.user.email, Some(&cx.user.id)).await?;
    if cx.app.hasher.verify(hash.clone(), password).await? {
        cx.end_try(tried).await;
        Ok(hash)
    } else {
        Err(codes::INVALID_PASSWORD.bad_request())
    }
}

/// Inside a transaction that has locked the user: gives the user this password, in a new credential account
/// where there is none.
pub(crate) async fn write_password(
    tx: &mut Db,
    app: &App,
    owner: &Id<User>,
    hash: &str,
    now: At,
) -> Result<()> {
    if !tx.update_password(owner, hash, now).await? {
        let account = NewAccount::credential(app, owner, hash.to_owned(), now);
        tx.insert_account(&account, app.shape).await?;
    }
    Ok(())
}

/// Gives a user without a password one: for people who signed up in another way. Upstream's `setPassword`, which
/// has no route either: the program that calls this has to know that it acts for the user.
///
/// # Errors
/// `PASSWORD_TOO_SHORT`, `PASSWORD_TOO_LONG`; `PASSWORD_ALREADY_SET` when there is a password; `UNAUTHORIZED` when
/// there is no such user.
pub async fn set_password(app: &App, user: &Id<User>, new_password: Secret<String>) -> Result<()> {
    let new_password = NewPassword::check(app, new_password)?;
    let hash = new_password.hash(app).await?;
    let mut tx = app.store.begin().await?;
    if !tx.lock_user(user).await? {
        tx.rollback().await?;
        return Err(crate::features::session::codes::UNAUTHORIZED.unauthorized());
    }
    if matches!(tx.find_password(user).await?, Some(Some(_))) {
        tx.rollback().await?;
        return Err(codes::PASSWORD_ALREADY_SET.bad_request());
    }
    write_password(&mut tx, app, user, &hash, At(app.clock.now())).await?;
    tx.commit().await?;
    tracing::info!(%user, "password set");
    Ok(())
}

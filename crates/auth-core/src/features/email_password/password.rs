//! `/change-password` and `/verify-password`.

use auth_jose::Secret;
use serde::Serialize;
use serde_json::Value;

use crate::access::Sensitive;
use crate::error::Result;
use crate::features::account::codes;
use crate::features::account::password::{NewPassword, check_known_password, verified_hash};
use crate::features::session::{Remember, Session, cookies};
use crate::features::user::{Done, User};
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::revocation::{Revoked, Withdrawn};
use crate::store::types::At;

/// What `/change-password` takes.
pub(super) struct ChangePassword {
    new_password: Secret<String>,
    current_password: Secret<String>,
    revoke_other_sessions: bool,
}

impl Input for ChangePassword {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (new, current) = (body.password("newPassword"), body.password("currentPassword"));
        let revoke = body.optional_bool("revokeOtherSessions");
        Some(Self {
            new_password: new?,
            current_password: current?,
            revoke_other_sessions: revoke?.unwrap_or(false),
        })
    }

    fn sample() -> Value {
        serde_json::json!({ "newPassword": "a new password", "currentPassword": "correct horse battery" })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct PasswordChanged {
    token: Option<String>,
    user: User,
}

/// Replaces the password. With `revokeOtherSessions` every session ends and the caller gets a new one, in
/// the transaction that changes the password.
pub(super) async fn change_password(cx: Sensitive, input: ChangePassword) -> Result<Reply<PasswordChanged>> {
    let new_password = NewPassword::check(&cx.app, input.new_password)?;
    check_known_password(&cx.app, &input.current_password)?;
    let current_hash = verified_hash(&cx, input.current_password).await?;
    let new_hash = new_password.hash(&cx.app).await?;

    let mut session = input.revoke_other_sessions.then(|| Session::new(&cx, &cx.user, Remember::AsBefore));
    let mut tx = cx.app.store.begin().await?;
    if !tx.replace_password(&cx.user.id, &current_hash, &new_hash, At(cx.now)).await? {
        // Two changes at once: the password that we verified is not the current one any more.
        tx.rollback().await?;
        return Err(codes::INVALID_PASSWORD.bad_request());
    }
    let mut ended = Withdrawn::default();
    if let Some(session) = &mut session {
        ended = tx.delete_sessions(&cx.user.id).await?;
        ended = ended.and([Revoked::tokens_of(&cx.app.config, &cx.user, cx.now)]);
        tx.insert_session(session).await?;
    }
    cx.app.commit_withdrawn(tx, ended, cx.now).await?;

    tracing::info!(user = %cx.user.id, "password changed");
    if let Some(session) = &session {
        cookies::set(&cx, session, &cx.user, Remember::AsBefore)?;
    }
    let user = cx.user.clone();
    Ok(Reply::ok(PasswordChanged { token: session.map(|session| session.token), user }))
}

/// What `/verify-password` takes.
pub(super) struct VerifyPassword {
    password: Secret<String>,
}

impl Input for VerifyPassword {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        Some(Self { password: body.password("password")? })
    }

    fn sample() -> Value {
        serde_json::json!({ "password": "correct horse battery" })
    }
}

/// Tells whether this is the caller's password.
pub(super) async fn verify_password(cx: Sensitive, input: VerifyPassword) -> Result<Reply<Done>> {
    check_known_password(&cx.app, &input.password)?;
    match verified_hash(&cx, input.password).await {
        Ok(_) => Ok(Reply::ok(Done { status: true })),
        // Upstream does not tell here that there is no password.
        Err(crate::error::Error::Api { code, .. }) if code == codes::CREDENTIAL_ACCOUNT_NOT_FOUND => {
            Err(codes::INVALID_PASSWORD.bad_request())
        }
        Err(error) => Err(error),
    }
}

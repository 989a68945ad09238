//! `/reset-password`.

use auth_jose::Secret;
use serde_json::Value;

use super::codes;
use crate::access::Public;
use crate::error::Result;
use crate::features::account::password::{NewPassword, write_password};
use crate::features::user::Done;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::revocation::{Revoked, Withdrawn};
use crate::store::types::At;
use crate::verification::{Identifier, OneTimeToken, Purpose};

/// What `/reset-password` takes.
pub(super) struct ResetPassword {
    new_password: Secret<String>,
    token: Option<OneTimeToken>,
    has_token: bool,
}

impl Input for ResetPassword {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (password, token) = match fields.object() {
            Some(mut body) => (body.password("newPassword"), body.optional_string("token")),
            None => (None, None),
        };
        let in_query = fields.query_text("token");
        let sent = token?.filter(|text| !text.is_empty()).map(str::to_owned).or(in_query?);
        let sent = sent.unwrap_or_default();
        let (new_password, token) = (password?, OneTimeToken::parse(&sent));
        Some(Self { new_password, token, has_token: !sent.is_empty() })
    }

    fn sample() -> Value {
        serde_json::json!({ "newPassword": "a new password", "token": "0123456789abcdefghijklmn" })
    }
}

/// Sets a new password. The token is used up in the transaction that does it, and with it go every other token of
/// the user and, unless configured otherwise, every session: whoever had the old password is out.
pub(super) async fn reset_password(cx: Public, input: ResetPassword) -> Result<Reply<Done>> {
    let refused = || codes::INVALID_TOKEN.bad_request();
    if !input.has_token {
        return Err(refused());
    }
    let new_password = NewPassword::check(&cx.app, input.new_password)?;
    let name = Identifier::new(&cx.app, Purpose::ResetPassword, &input.token.ok_or_else(refused)?);
    let mut db = cx.app.store.db().await?;
    let row = db.find_verification(&name, cx.now).await?.ok_or_else(refused)?;
    let user = match cx.app.parse_id(&row.value) {
        Some(owner) => db.find_user(&owner, &cx.app.config.fields.user).await?,
        None => None,
    };
    let Some(user) = user else {
        db.consume_verification(&row).await?;
        return Err(codes::USER_NOT_FOUND.bad_request());
    };
    drop(db);
    let hash = new_password.hash(&cx.app).await?;

    let mut tx = cx.app.store.begin().await?;
    // The user first, as everywhere: two tokens of one user must not wait for each other.
    tx.lock_user(&user.id).await?;
    if !tx.consume_verification(&row).await? {
        tx.rollback().await?;
        return Err(refused());
    }
    write_password(&mut tx, &cx.app, &user.id, &hash, At(cx.now)).await?;
    let mut ended = Withdrawn::default();
    if cx.app.config.email_and_password.revoke_sessions_on_reset {
        ended = tx.delete_sessions(&user.id).await?;
        ended = ended.and([Revoked::tokens_of(&cx.app.config, &user, cx.now)]);
    }
    if !cx.app.config.upstream_exact {
        tx.delete_verifications_of(&user.id).await?;
        if !user.email_verified {
            // Whoever opened the mail owns the address; accounts from before may be those of somebody who does not.
            tx.delete_provider_accounts(&user.id).await?;
        }
    }
    cx.app.commit_withdrawn(tx, ended, cx.now).await?;
    tracing::info!(user = %user.id, "password reset");
    Ok(Reply::ok(Done { status: true }))
}

//! `/verify-email`: where the links of these mails lead.

use serde::Serialize;
use serde_json::Value;

use super::link::{self, Link, Wish};
use super::{address, can_send, codes, mail};
use crate::access::Public;
use crate::error::{Error, Result};
use crate::features::session::{self, Remember, Session, Source, Writes, cookies};
use crate::features::user::User;
use crate::input::{Fields, Input};
use crate::reply::{Reply, Response};
use crate::store::types::At;
use crate::store::{Db, StoreError};
use crate::verification::Verification;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What `/verify-email` takes.
pub(super) struct VerifyEmail {
    token: String,
    callback_url: Option<RedirectTarget>,
}

impl Input for VerifyEmail {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (token, callback) = (fields.required_query_text("token"), fields.query_callback());
        Some(Self { token: token?, callback_url: callback? })
    }

    fn sample() -> Value {
        serde_json::json!({ "token": "a.b.c", "callbackURL": "/" })
    }
}

/// `{status: true}`, with the user where upstream shows it, as `null` where nothing is shown.
#[derive(Debug, Serialize)]
pub(super) struct Verified {
    status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Option<User>>,
}

impl Verified {
    const NOBODY: Self = Self { status: true, user: Some(None) };
}

/// Does what the link says, and leads on. A link that is refused leads on too, with the error's code.
pub(super) async fn verify_email(cx: Public, input: VerifyEmail) -> Result<Reply<Verified>> {
    let followed = follow(&cx, &input).await;
    match (followed, &input.callback_url) {
        (Ok(verified), None) => Ok(Reply::ok(verified)),
        (Ok(_), Some(target)) => Ok(Reply::ready(Response::redirect(target.to_location()))),
        (Err(Error::Api { code, .. }), Some(target)) => {
            let response = Response::redirect(target.to_location_with("error", code.code));
            Ok(Reply::ready(response.header("X-Error-Id", code.id)))
        }
        (Err(error), _) => Err(error),
    }
}

async fn follow(cx: &Public, input: &VerifyEmail) -> Result<Verified> {
    let link = link::open(&cx.app, &input.token, cx.now).map_err(crate::error::ErrorCode::unauthorized)?;
    let found = cx.app.store.db().await?.find_user_by_email(&link.email, &cx.app.config.fields.user).await?;
    let user = found.ok_or_else(|| codes::USER_NOT_FOUND.unauthorized())?;
    if link.wish == Wish::Verify {
        return verify(cx, user, &link, &input.token).await;
    }
    let own = session::resolve(cx, Source::Database, Writes::Usual).await?;
    if own.as_ref().is_some_and(|own| own.user.id != user.id) {
        return Err(codes::INVALID_USER.unauthorized());
    }
    let own = own.map(|own| own.session);
    let target = input.callback_url.as_ref();
    match &link.wish {
        Wish::Verify => Ok(Verified::NOBODY),
        Wish::ConfirmChange(to) => confirm(cx, &user, &link, to, input).await,
        Wish::VerifyChange(to) => change(cx, user, own, &link, to, true, input).await,
        Wish::ChangeAtOnce(to) => {
            let changed = change(cx, user, own, &link, to, false, input).await?;
            if let (Some(Some(user)), true) = (&changed.user, can_send(&cx.app)) {
                mail(cx, user, to.clone(), to, Wish::Verify, target);
            }
            Ok(changed)
        }
    }
}

/// Marks the address as proven, and signs in where that is configured.
async fn verify(cx: &Public, mut user: User, link: &Link, token: &str) -> Result<Verified> {
    if user.email_verified {
        return Ok(Verified::NOBODY);
    }
    let signs_in = cx.app.config.email_verification.auto_sign_in;
    let own = if signs_in { session::resolve(cx, Source::Database, Writes::Usual).await? } else { None };
    let own = own.filter(|own| own.user.id == user.id).map(|own| own.session);

    let mut tx = cx.app.store.begin().await?;
    tx.lock_user(&user.id).await?;
    if !tx.verify_email(&user.id, &user.email, At(cx.now)).await? {
        // Proven a moment ago, by this link or another.
        tx.rollback().await?;
        return Ok(Verified::NOBODY);
    }
    let mut tx = claim(cx, tx, link, token).await?;
    user.email_verified = true;
    let session = if signs_in { Some(own_or_new(cx, &mut tx, own, &user).await?) } else { None };
    tx.commit().await?;

    tracing::info!(user = %user.id, "address verified");
    if let Some(session) = &session {
        cookies::set(cx, session, &user, Remember::AsBefore)?;
    }
    Ok(Verified::NOBODY)
}

/// The present address has agreed: the new one is asked. Once, unless upstream's exact behaviour is wanted; the
/// answer is the same, because people and the programs that look after their mail open links twice.
async fn confirm(
    cx: &Public,
    user: &User,
    link: &Link,
    to: &EmailAddress,
    input: &VerifyEmail,
) -> Result<Verified> {
    let confirmed = Verified { status: true, user: None };
    if !cx.app.config.upstream_exact {
        let mut tx = cx.app.store.begin().await?;
        tx.lock_user(&user.id).await?;
        let is_first = tx.claim_link(&mark(cx, link, &input.token)).await?;
        tx.commit().await?;
        if !is_first {
            return Ok(confirmed);
        }
    }
    let is_taken = cx.app.store.db().await?.is_email_taken(to).await?;
    if let (Some(present), true, false) = (address(user), can_send(&cx.app), is_taken) {
        let wish = Wish::VerifyChange(to.clone());
        mail(cx, user, to.clone(), &present, wish, input.callback_url.as_ref());
    }
    Ok(confirmed)
}

/// Gives the account its new address. Whoever opened the link has proven to read its mail: without a session the
/// link signs in.
async fn change(
    cx: &Public,
    mut user: User,
    own: Option<Session>,
    link: &Link,
    to: &EmailAddress,
    verified: bool,
    input: &VerifyEmail,
) -> Result<Verified> {
    let mut tx = cx.app.store.begin().await?;
    tx.lock_user(&user.id).await?;
    let mut tx = claim(cx, tx, link, &input.token).await?;
    match tx.replace_email(&user.id, &user.email, to, verified, At(cx.now)).await {
        Ok(true) => {}
        Ok(false) => {
            tx.rollback().await?;
            return Err(codes::USER_NOT_FOUND.unauthorized());
        }
        Err(StoreError::Duplicate(_)) => {
            tx.rollback().await?;
            return Err(codes::EMAIL_TAKEN_MEANWHILE.unprocessable());
        }
        Err(error) => return Err(error.into()),
    }
    to.as_str().clone_into(&mut user.email);
    user.email_verified = verified;
    user.updated_at = At(cx.now);
    // Links that were mailed to the old address end with it.
    tx.delete_verifications_of(&user.id).await?;
    let session = own_or_new(cx, &mut tx, own, &user).await?;
    tx.commit().await?;

    tracing::info!(user = %user.id, "address changed");
    cookies::set(cx, &session, &user, Remember::AsBefore)?;
    Ok(Verified { status: true, user: Some(Some(user)) })
}

/// Inside a transaction that has locked the user: the link is used now, and no more.
async fn claim(cx: &Public, mut tx: Db, link: &Link, token: &str) -> Result<Db> {
    if tx.claim_link(&mark(cx, link, token)).await? {
        return Ok(tx);
    }
    tx.rollback().await?;
    Err(codes::INVALID_TOKEN.unauthorized())
}

/// Kept until the link would end by itself.
fn mark(cx: &Public, link: &Link, token: &str) -> Verification {
    const TEN_YEARS: i64 = 10 * 365 * 86_400;
    let until = link.expires_at.unwrap_or_else(|| cx.now.plus_seconds(TEN_YEARS));
    Verification::used_link(&cx.app, token, cx.now, until)
}

async fn own_or_new(cx: &Public, tx: &mut Db, own: Option<Session>, user: &User) -> Result<Session> {
    if let Some(session) = own {
        return Ok(session);
    }
    let mut session = Session::new(cx, user, Remember::AsBefore);
    tx.insert_session(&mut session).await?;
    Ok(session)
}

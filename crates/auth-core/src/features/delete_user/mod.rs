//! `/delete-user`: people delete their own account, after a mail, a password or a fresh session.

mod codes;

use auth_jose::Secret;
use serde::Serialize;
use serde_json::Value;

use crate::access::{Public, Sensitive};
use crate::call::Call;
use crate::error::{Result, Status};
use crate::feature::Feature;
use crate::features::account::password::{check_known_password, verified_hash};
use crate::features::session::{self, Source, Writes, cookies};
use crate::features::user::User;
use crate::input::{Fields, Input};
use crate::mail::{MailKind, Message};
use crate::reply::{Reply, Response};
use crate::revocation::Revoked;
use crate::store::Db;
use crate::verification::{Identifier, OneTimeToken, Purpose, Verification};
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// The feature's endpoints and errors.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("delete-user")
        .post("/delete-user", delete_user)
        .get("/delete-user/callback", delete_user_callback)
        .codes(codes::ALL)
}

/// What `/delete-user` takes.
struct DeleteUser {
    callback_url: Option<RedirectTarget>,
    password: Option<Secret<String>>,
    token: Option<String>,
}

impl Input for DeleteUser {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let callback = body.optional_redirect("callbackURL");
        let (password, token) = (body.optional_password("password"), body.optional_string("token"));
        let token = token?.filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self { callback_url: callback?, password: password?, token })
    }

    fn sample() -> Value {
        serde_json::json!({ "password": "correct horse battery" })
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    success: bool,
    message: &'static str,
}

const DELETED: Answer = Answer { success: true, message: "User deleted" };

/// Deletes the caller, or mails the link that does.
async fn delete_user(cx: Sensitive, input: DeleteUser) -> Result<Reply<Answer>> {
    let config = &cx.app.config.delete_user;
    if !config.enabled {
        let response = Response::empty(404).header("Content-Type", "application/json");
        return Ok(Reply::ready(response.header("X-Error-Id", codes::NOT_FOUND.id)));
    }
    let has_password = input.password.is_some();
    if let Some(password) = input.password {
        check_known_password(&cx.app, &password)?;
        verified_hash(&cx, password).await?;
    }
    if let Some(token) = input.token {
        delete_by_token(&cx, &cx.user, &token).await?;
        return Ok(Reply::ok(DELETED));
    }
    if config.send_verification && cx.app.mail.available() {
        mail_link(&cx, input.callback_url.as_ref()).await?;
        return Ok(Reply::ok(Answer { success: true, message: "Verification email sent" }));
    }
    if !has_password && !cx.session.is_fresh(&cx) {
        return Err(codes::SESSION_EXPIRED.bad_request());
    }
    let mut tx = cx.app.store.begin().await?;
    tx.lock_user(&cx.user.id).await?;
    erase(&cx, tx, &cx.user).await?;
    cookies::delete_all(&cx);
    Ok(Reply::ok(DELETED))
}

async fn mail_link(cx: &Sensitive, target: Option<&RedirectTarget>) -> Result<()> {
    let config = &cx.app.config;
    let Some(to) = EmailAddress::parse(&cx.user.email) else {
        tracing::warn!(user = %cx.user.id, "no mail: the stored address has a form that this server does not accept");
        return Ok(());
    };
    let token = OneTimeToken::random(&*cx.app.entropy, Purpose::DeleteAccount);
    let name = Identifier::new(&cx.app, Purpose::DeleteAccount, &token);
    let end = cx.now.plus_seconds(config.delete_user.token_expires_in);
    let row = Verification::new(&cx.app, name, cx.user.id.as_str(), cx.now, end);
    let mut db = cx.app.store.db().await?;
    if !config.verification.keep_expired {
        db.delete_expired_verifications(cx.now).await?;
    }
    db.insert_verification(&row).await?;
    drop(db);
    let link = cx
        .mail_link("/delete-user/callback")
        .query("token", token.reveal())
        .query("callbackURL", target.map_or("/", RedirectTarget::as_str));
    let (kind, user_name) = (MailKind::DeleteAccount, cx.user.name.clone());
    cx.app.mail.send(Message { kind, to, user_name, link, new_email: None });
    Ok(())
}

/// What the mail's link brings.
struct OpenedLink {
    token: String,
    callback_url: Option<RedirectTarget>,
}

impl Input for OpenedLink {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (token, callback) = (fields.required_query_text("token"), fields.query_callback());
        Some(Self { token: token?, callback_url: callback? })
    }

    fn sample() -> Value {
        serde_json::json!({ "token": "0123456789abcdefghijklmnopqrstuv" })
    }
}

/// Deletes the caller, if the link is theirs.
async fn delete_user_callback(cx: Public, input: OpenedLink) -> Result<Reply<Answer>> {
    if !cx.app.config.delete_user.enabled {
        return Err(codes::NOT_FOUND.with(Status::NotFound));
    }
    let Some(found) = session::resolve(&cx, Source::Database, Writes::Usual).await? else {
        return Err(codes::FAILED_TO_GET_USER_INFO.with(Status::NotFound));
    };
    delete_by_token(&cx, &found.user, &input.token).await?;
    cookies::delete_all(&cx);
    Ok(match input.callback_url {
        Some(target) => Reply::ready(Response::redirect(target.to_location())),
        None => Reply::ok(DELETED),
    })
}

/// Uses the token up only if it is its owner's: somebody else's session does not burn it.
async fn delete_by_token(call: &Call, owner: &User, token: &str) -> Result<()> {
    let refused = || codes::INVALID_TOKEN.with(Status::NotFound);
    let token = OneTimeToken::parse(token).ok_or_else(refused)?;
    let name = Identifier::new(&call.app, Purpose::DeleteAccount, &token);
    let mut tx = call.app.store.begin().await?;
    tx.lock_user(&owner.id).await?;
    let found = tx.find_verification(&name, call.now).await?.filter(|row| row.value == owner.id.as_str());
    let is_ours = match &found {
        Some(row) => tx.consume_verification(row).await?,
        None => false,
    };
    if !is_ours {
        tx.rollback().await?;
        return Err(refused());
    }
    erase(call, tx, owner).await
}

/// Inside a transaction that has locked the user: removes everything of theirs, and ends the transaction.
async fn erase(call: &Call, mut tx: Db, user: &User) -> Result<()> {
    let ended = tx.delete_sessions(&user.id).await?;
    tx.delete_accounts(&user.id).await?;
    tx.delete_verifications_of(&user.id).await?;
    tx.delete_user(&user.id).await?;
    let ended = ended.and([Revoked::all_tokens_of(&call.app.config, user, call.now)]);
    call.app.commit_withdrawn(tx, ended, call.now).await?;
    tracing::info!(user = %user.id, "account deleted");
    Ok(())
}

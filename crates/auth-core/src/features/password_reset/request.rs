//! `/request-password-reset` and the link of its mail.

use serde::Serialize;
use serde_json::Value;

use super::codes;
use crate::access::Public;
use crate::crypto::random;
use crate::error::Result;
use crate::input::{Fields, Input};
use crate::mail::{MailKind, Message};
use crate::reply::{Reply, Response};
use crate::verification::{Identifier, OneTimeToken, Purpose, Verification};
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What `/request-password-reset` takes.
pub(super) struct RequestPasswordReset {
    email: EmailAddress,
    redirect_to: Option<RedirectTarget>,
}

impl Input for RequestPasswordReset {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (email, redirect_to) = (body.email("email"), body.optional_redirect("redirectTo"));
        Some(Self { email: email?, redirect_to: redirect_to? })
    }

    fn sample() -> Value {
        serde_json::json!({ "email": "ada@example.com", "redirectTo": "/reset" })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Requested {
    status: bool,
    message: &'static str,
}

/// Mails a link that sets a new password. Whether anybody has the address shows neither in the answer nor in the
/// work: for a stranger's address a value is stored too, which nobody knows and which has expired already.
pub(super) async fn request_password_reset(
    cx: Public,
    input: RequestPasswordReset,
) -> Result<Reply<Requested>> {
    let config = &cx.app.config;
    if !config.email_and_password.send_reset_password || !cx.app.mail.available() {
        return Err(codes::RESET_PASSWORD_DISABLED.bad_request());
    }
    let mut db = cx.app.store.db().await?;
    let user = db.find_user_by_email(&input.email, &cx.app.config.fields.user).await?;
    let token = OneTimeToken::random(&*cx.app.entropy, Purpose::ResetPassword);
    let stranger = random::alphanumeric(&*cx.app.entropy, "row-id", 32);
    let (owner, lifetime) = match &user {
        Some(user) => (user.id.as_str(), config.email_and_password.reset_token_expires_in),
        None => (stranger.as_str(), 0),
    };
    let name = Identifier::new(&cx.app, Purpose::ResetPassword, &token);
    let row = Verification::new(&cx.app, name, owner, cx.now, cx.now.plus_seconds(lifetime));
    if !config.verification.keep_expired {
        db.delete_expired_verifications(cx.now).await?;
    }
    db.insert_verification(&row).await?;
    drop(db);
    if let Some(user) = user {
        let link = cx
            .mail_link("/reset-password")
            .segment(token.reveal())
            .query("callbackURL", input.redirect_to.as_ref().map_or("", RedirectTarget::as_str));
        tracing::info!(user = %user.id, "password reset requested");
        let kind = MailKind::ResetPassword;
        cx.app.mail.send(Message { kind, to: input.email, user_name: user.name, link, new_email: None });
    }
    const MESSAGE: &str = "If this email exists in our system, check your email for the reset link";
    Ok(Reply::ok(Requested { status: true, message: MESSAGE }))
}

/// What the mail's link brings.
pub(super) struct OpenedLink {
    token: Option<OneTimeToken>,
    callback_url: Option<RedirectTarget>,
}

impl Input for OpenedLink {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let token = OneTimeToken::parse(fields.path_parameter());
        Some(Self { token, callback_url: fields.required_query_callback()? })
    }

    fn sample() -> Value {
        serde_json::json!({ "callbackURL": "/reset" })
    }
}

/// Leads to the page that asks for the new password, with the token if it is live. The token stays: a program that
/// looks after somebody's mail may open the link before the person does.
pub(super) async fn request_password_reset_callback(cx: Public, input: OpenedLink) -> Result<Reply<()>> {
    const ERROR: (&str, &str) = ("error", codes::INVALID_TOKEN.code);
    let base = cx.url_of("");
    let error_page = || format!("{base}/error?{}={}", ERROR.0, ERROR.1);
    let Some(target) = input.callback_url else {
        return Ok(Reply::ready(Response::redirect(error_page())));
    };
    let token = live(&cx, input.token).await?;
    let (name, value) = token.as_ref().map_or(ERROR, |token| ("token", token.reveal()));
    let location = target.absolute_with(&base, name, value).unwrap_or_else(error_page);
    cx.app.mark_credentials(&cx.out);
    Ok(Reply::ready(Response::redirect(location).header("Referrer-Policy", "no-referrer")))
}

async fn live(cx: &Public, token: Option<OneTimeToken>) -> Result<Option<OneTimeToken>> {
    let Some(token) = token else { return Ok(None) };
    let mut db = cx.app.store.db().await?;
    let name = Identifier::new(&cx.app, Purpose::ResetPassword, &token);
    let found = db.find_verification(&name, cx.now).await?;
    if !cx.app.config.verification.keep_expired {
        db.delete_expired_verifications(cx.now).await?;
    }
    Ok(found.map(|_| token))
}

//! `/sign-in/email`.

use auth_jose::Secret;
use serde::Serialize;
use serde_json::Value;

use super::codes;
use crate::access::Public;
use crate::error::Result;
use crate::features::account::password::check_known_password;
use crate::features::session::{Remember, Session, cookies};
use crate::features::user::User;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What `/sign-in/email` takes.
pub(super) struct SignInEmail {
    email: String,
    password: Secret<String>,
    callback_url: Option<Callback>,
    remember_me: Option<bool>,
}

/// A `callbackURL` that was sent.
enum Callback {
    /// The empty text: echoed, and nothing follows from it.
    Empty,
    To(RedirectTarget),
}

impl Input for SignInEmail {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (email, password) = (body.string("email"), body.password("password"));
        let sent = body.optional_string("callbackURL");
        let target = sent.and_then(|_| body.optional_redirect("callbackURL"));
        let remember_me = body.optional_bool("rememberMe");
        let callback_url = match (sent?, target?) {
            (None, _) => None,
            (Some(_), None) => Some(Callback::Empty),
            (Some(_), Some(target)) => Some(Callback::To(target)),
        };
        Some(Self { email: email?.to_owned(), password: password?, callback_url, remember_me: remember_me? })
    }

    fn sample() -> Value {
        serde_json::json!({ "email": "ada@example.com", "password": "correct horse battery" })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct SignedIn {
    redirect: bool,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    user: User,
}

/// Checks the password and makes a session. An unknown address costs the same work as a wrong password.
pub(super) async fn sign_in_email(cx: Public, input: SignInEmail) -> Result<Reply<SignedIn>> {
    if !cx.app.config.email_and_password.enabled {
        return Err(codes::EMAIL_PASSWORD_DISABLED.bad_request());
    }
    let email = EmailAddress::parse(&input.email).ok_or_else(|| codes::INVALID_EMAIL.bad_request())?;
    check_known_password(&cx.app, &input.password)?;

    let fields = &cx.app.config.fields.user;
    let found = cx.app.store.db().await?.find_credential(&email, fields).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    let tried = cx.begin_try(email.as_str(), user.as_ref().map(|user| &user.id)).await?;
    let replace = cx.app.config.email_and_password.rehash_on_sign_in;
    let outdated = hash.clone().filter(|hash| replace && !cx.app.hasher.is_current(hash));
    let outdated = outdated.map(|hash| (hash, input.password.clone()));
    let is_right = match hash {
        Some(hash) => cx.app.hasher.verify(hash, input.password).await?,
        None => {
            cx.app.hasher.verify_nothing(input.password).await?;
            false
        }
    };
    let Some(user) = user.filter(|_| is_right) else {
        tracing::info!("sign-in refused: wrong address or password");
        return Err(codes::INVALID_EMAIL_OR_PASSWORD.unauthorized());
    };
    cx.end_try(tried).await;
    if let Some((old, password)) = outdated {
        cx.app.rehash(&user.id, &old, password, cx.now).await;
    }

    if cx.app.config.email_and_password.require_email_verification && !user.email_verified {
        let target = match &input.callback_url {
            Some(Callback::To(target)) => Some(target),
            Some(Callback::Empty) | None => None,
        };
        cx.app.hooks.after_unverified_sign_in(&cx, &user, target);
        tracing::info!(user = %user.id, "sign-in refused: the address is not proven");
        return Err(codes::EMAIL_NOT_VERIFIED.forbidden());
    }

    let remember = Remember::from_body(input.remember_me);
    let mut session = Session::new(&cx, &user, remember);
    cx.app.store.db().await?.insert_session(&mut session).await?;
    tracing::info!(user = %user.id, "signed in");
    cookies::set(&cx, &session, &user, remember)?;

    let (url, location) = match &input.callback_url {
        None => (None, None),
        Some(Callback::Empty) => (Some(String::new()), None),
        Some(Callback::To(target)) => (Some(target.as_str().to_owned()), Some(target.to_location())),
    };
    let redirect = location.is_some();
    let reply = Reply::ok(SignedIn { redirect, token: session.token, url, user });
    Ok(match location {
        Some(location) => reply.header("Location", location),
        None => reply,
    })
}

//! `/sign-up/email`.

use auth_jose::Secret;
use serde::Serialize;
use serde_json::Value;

use super::codes;
use crate::access::Public;
use crate::crypto::random;
use crate::error::Result;
use crate::features::account::NewAccount;
use crate::features::account::password::NewPassword;
use crate::features::session::{Remember, Session, cookies};
use crate::features::user::User;
use crate::fields::SentFields;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::store::StoreError;
use crate::store::types::At;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What `/sign-up/email` takes. Members that are not declared are dropped: nobody sets their own id or role.
pub(super) struct SignUpEmail {
    name: String,
    email: EmailAddress,
    password: Secret<String>,
    image: Option<String>,
    callback_url: Option<RedirectTarget>,
    remember_me: Option<bool>,
    fields: SentFields,
}

impl Input for SignUpEmail {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object_and_record()?;
        let (name, email, password) =
            (body.string("name"), body.email("email"), body.non_empty_password("password"));
        let (image, callback) = (body.optional_string("image"), body.optional_redirect("callbackURL"));
        let remember_me = body.optional_bool("rememberMe");
        let fields = body.user_fields();
        Some(Self {
            name: name?.to_owned(),
            email: email?,
            password: password?,
            image: image?.map(str::to_owned),
            callback_url: callback?,
            remember_me: remember_me?,
            fields,
        })
    }

    fn sample() -> Value {
        serde_json::json!({ "name": "Ada", "email": "ada@example.com", "password": "correct horse battery" })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct SignedUp {
    token: Option<String>,
    user: User,
}

/// Makes a user with a password, and signs them in unless `autoSignIn` is off or the address has to be proven
/// first.
pub(super) async fn sign_up_email(cx: Public, input: SignUpEmail) -> Result<Reply<SignedUp>> {
    let config = &cx.app.config.email_and_password;
    if !config.enabled || config.disable_sign_up {
        return Err(codes::EMAIL_PASSWORD_SIGN_UP_DISABLED.bad_request());
    }
    let password = NewPassword::check(&cx.app, input.password)?;
    let extra = cx.app.config.fields.user.for_new_row(&input.fields)?;
    let is_taken = cx.app.store.db().await?.is_email_taken(&input.email).await?;
    let tells = !config.hides_taken_addresses();
    if is_taken && tells {
        return Err(codes::USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL.unprocessable());
    }
    let hash = password.hash(&cx.app).await?;
    let mut user = User {
        id: cx.app.new_id(),
        name: input.name,
        email: input.email.as_str().to_owned(),
        email_verified: false,
        image: input.image,
        created_at: At(cx.now),
        updated_at: At(cx.now),
        extra,
    };
    if is_taken {
        // The same answer, after the same work, as for a free address.
        pretend(&cx, &mut user).await?;
        return Ok(Reply::ok(SignedUp { token: None, user }));
    }
    let remember = Remember::from_body(input.remember_me);
    let mut tx = cx.app.store.begin().await?;
    if let Err(error) = tx.insert_user(&mut user).await {
        tx.rollback().await?;
        return match error {
            StoreError::Duplicate(_) => taken_meanwhile(&cx, tells, user).await,
            other => Err(other.into()),
        };
    }
    let account = NewAccount::credential(&cx.app, &user.id, hash, At(cx.now));
    let mut session = tells.then(|| Session::new(&cx, &user, remember));
    tx.insert_account(&account, cx.app.shape).await?;
    if let Some(session) = &mut session {
        tx.insert_session(session).await?;
    }
    tx.commit().await?;

    tracing::info!(user = %user.id, "signed up");
    cx.app.hooks.after_sign_up(&cx, &user, input.callback_url.as_ref());
    if let Some(session) = &session {
        cookies::set(&cx, session, &user, remember)?;
    }
    Ok(Reply::ok(SignedUp { token: session.map(|session| session.token), user }))
}

/// Another request took the address between our look and our insert.
async fn taken_meanwhile(cx: &Public, tells: bool, mut user: User) -> Result<Reply<SignedUp>> {
    if tells {
        return Err(codes::FAILED_TO_CREATE_USER.unprocessable());
    }
    pretend(cx, &mut user).await?;
    Ok(Reply::ok(SignedUp { token: None, user }))
}

/// Where the database makes the ids: gives a user who will not be stored an id as a stored one would have got, by
/// storing somebody for a moment.
async fn pretend(cx: &Public, user: &mut User) -> Result<()> {
    if user.id.given().is_some() {
        return Ok(());
    }
    let nobody = random::alphanumeric(&*cx.app.entropy, "nobody", 32);
    let mut row = User { email: format!("{nobody}@invalid"), ..user.clone() };
    let mut tx = cx.app.store.begin().await?;
    let stored = tx.insert_user(&mut row).await;
    tx.rollback().await?;
    stored?;
    user.id = row.id;
    Ok(())
}

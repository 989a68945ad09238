//! `/change-email`: asks for another address. The change itself happens when the mails' links are opened.

use serde_json::Value;

use super::{Wish, address, can_send, codes, mail, sign};
use crate::access::Sensitive;
use crate::error::Result;
use crate::features::session::{Remember, cookies};
use crate::features::user::{Done, User};
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::store::StoreError;
use crate::store::types::At;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// What `/change-email` takes.
pub(super) struct ChangeEmail {
    new_email: EmailAddress,
    callback_url: Option<RedirectTarget>,
}

impl Input for ChangeEmail {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (new_email, callback) = (body.email("newEmail"), body.optional_redirect("callbackURL"));
        Some(Self { new_email: new_email?, callback_url: callback? })
    }

    fn sample() -> Value {
        serde_json::json!({ "newEmail": "lovelace@example.com" })
    }
}

/// Starts the change to another address: at once where that is allowed, else with a mail to the present address
/// if it is proven, else with a mail to the new one. The answer does not tell whether the new one is taken.
pub(super) async fn change_email(cx: Sensitive, input: ChangeEmail) -> Result<Reply<Done>> {
    let config = &cx.app.config.change_email;
    if !config.enabled {
        return Err(codes::CHANGE_EMAIL_DISABLED.bad_request());
    }
    let (new, target) = (input.new_email, input.callback_url.as_ref());
    if new.as_str() == cx.user.email {
        return Err(codes::EMAIL_IS_THE_SAME.bad_request());
    }
    let at_once = config.update_without_verification && !cx.user.email_verified;
    let can_send = can_send(&cx.app);
    if !at_once && !can_send {
        return Err(codes::NO_WAY_TO_CHANGE_EMAIL.bad_request());
    }
    let done = Ok(Reply::ok(Done { status: true }));
    if cx.app.store.db().await?.is_email_taken(&new).await? {
        drop(sign(&cx, &new, &Wish::Verify));
        return done;
    }
    if at_once {
        if replace(&cx, &new).await? {
            let user = User { email: new.as_str().to_owned(), updated_at: At(cx.now), ..cx.user.clone() };
            cookies::set(&cx, &cx.session, &user, Remember::AsBefore)?;
            if can_send {
                mail(&cx, &user, new.clone(), &new, Wish::Verify, target);
            }
        }
        return done;
    }
    let Some(present) = address(&cx.user) else { return done };
    if cx.user.email_verified && config.send_confirmation {
        mail(&cx, &cx.user, present.clone(), &present, Wish::ConfirmChange(new), target);
    } else {
        mail(&cx, &cx.user, new.clone(), &present, Wish::VerifyChange(new), target);
    }
    done
}

/// False: the address was taken, or the caller's changed, a moment ago. The answer is the same.
async fn replace(cx: &Sensitive, new: &EmailAddress) -> Result<bool> {
    let mut tx = cx.app.store.begin().await?;
    match tx.replace_email(&cx.user.id, &cx.user.email, new, false, At(cx.now)).await {
        Ok(true) => {
            // Links that were mailed to the old address end with it.
            tx.delete_verifications_of(&cx.user.id).await?;
            tx.commit().await?;
            tracing::info!(user = %cx.user.id, "address changed");
            Ok(true)
        }
        Ok(false) | Err(StoreError::Duplicate(_)) => {
            tx.rollback().await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

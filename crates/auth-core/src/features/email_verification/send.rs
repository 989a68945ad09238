//! `/send-verification-email`.

use std::time::Duration;

use serde_json::Value;

use super::{Wish, can_send, codes, mail_verification, sign};
use crate::access::Public;
use crate::error::Result;
use crate::features::session::{self, Source, Writes};
use crate::features::user::Done;
use crate::input::{Fields, Input};
use crate::reply::Reply;
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;

/// As upstream: a stranger's request takes this long at least, so that its time tells nothing about the address.
const FLOOR: Duration = Duration::from_millis(500);

/// What `/send-verification-email` takes.
pub(super) struct SendVerificationEmail {
    email: EmailAddress,
    callback_url: Option<RedirectTarget>,
}

impl Input for SendVerificationEmail {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let mut body = fields.object()?;
        let (email, callback) = (body.email("email"), body.optional_redirect("callbackURL"));
        Some(Self { email: email?, callback_url: callback? })
    }

    fn sample() -> Value {
        serde_json::json!({ "email": "ada@example.com" })
    }
}

/// Mails the link that proves an address. Without a session the answer does not tell whether anybody has it.
pub(super) async fn send_verification_email(cx: Public, input: SendVerificationEmail) -> Result<Reply<Done>> {
    if !can_send(&cx.app) {
        return Err(codes::VERIFICATION_EMAIL_NOT_ENABLED.bad_request());
    }
    match session::resolve(&cx, Source::Cache, Writes::Usual).await?.map(|found| found.user) {
        Some(user) if user.email != input.email.as_str() => Err(codes::EMAIL_MISMATCH.bad_request()),
        Some(user) if user.email_verified => Err(codes::EMAIL_ALREADY_VERIFIED.bad_request()),
        Some(user) => {
            mail_verification(&cx, &user, input.callback_url.as_ref());
            Ok(Reply::ok(Done { status: true }))
        }
        None => {
            let (sent, ()) = tokio::join!(send_to_stranger(&cx, &input), tokio::time::sleep(FLOOR));
            sent?;
            Ok(Reply::ok(Done { status: true }))
        }
    }
}

async fn send_to_stranger(cx: &Public, input: &SendVerificationEmail) -> Result<()> {
    let found = cx.app.store.db().await?.find_user_by_email(&input.email, &cx.app.config.fields.user).await?;
    match found.filter(|user| !user.email_verified) {
        Some(user) => mail_verification(cx, &user, input.callback_url.as_ref()),
        None => drop(sign(cx, &input.email, &Wish::Verify)),
    }
    Ok(())
}

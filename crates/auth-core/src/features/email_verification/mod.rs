//! Addresses: proving them by mail, and changing them.
//!
//! The mails carry signed links; nothing is stored until one is used. A link that changes something works once.

mod change_email;
mod codes;
mod link;
mod send;
mod verify;

use crate::app::App;
use crate::call::Call;
use crate::feature::Feature;
use crate::features::user::User;
use crate::hooks::Hooks;
use crate::mail::{MailKind, Message};
use crate::wire::email::EmailAddress;
use crate::wire::origin::RedirectTarget;
use link::Wish;

/// The feature's endpoints, errors and events.
#[must_use]
pub fn feature() -> Feature {
    Feature::new("email-verification")
        .post("/send-verification-email", send::send_verification_email)
        .get("/verify-email", verify::verify_email)
        .post("/change-email", change_email::change_email)
        .codes(codes::ALL)
        .hooks(Hooks {
            after_sign_up: Some(after_sign_up),
            after_provider_sign_up: Some(after_provider_sign_up),
            after_unverified_sign_in: Some(after_unverified_sign_in),
            ..Hooks::default()
        })
}

/// Upstream's "a sender is configured".
fn can_send(app: &App) -> bool {
    app.config.email_verification.send && app.mail.available()
}

fn after_sign_up(call: &Call, user: &User, target: Option<&RedirectTarget>) {
    if call.app.config.email_verification.send_on_sign_up && can_send(&call.app) {
        mail_verification(call, user, target);
    }
}

fn after_provider_sign_up(call: &Call, user: &User, target: &RedirectTarget, wants_proof: bool) {
    let config = &call.app.config.email_verification;
    if config.send_on_sign_up_set.unwrap_or(wants_proof) && can_send(&call.app) {
        mail_verification(call, user, Some(target));
    }
}

fn after_unverified_sign_in(call: &Call, user: &User, target: Option<&RedirectTarget>) {
    if call.app.config.email_verification.send_on_sign_in && can_send(&call.app) {
        mail_verification(call, user, target);
    }
}

/// Sends the mail that proves a user's present address.
fn mail_verification(call: &Call, user: &User, target: Option<&RedirectTarget>) {
    let Some(email) = address(user) else { return };
    mail(call, user, email.clone(), &email, Wish::Verify, target);
}

/// Sends the mail with the link that does `wish` for the account of `account`.
fn mail(
    call: &Call,
    user: &User,
    to: EmailAddress,
    account: &EmailAddress,
    wish: Wish,
    target: Option<&RedirectTarget>,
) {
    let token = sign(call, account, &wish);
    let (kind, new_email) = match wish {
        Wish::Verify => (MailKind::VerifyEmail, None),
        Wish::ConfirmChange(new) => (MailKind::ChangeEmailConfirmation, Some(new)),
        Wish::VerifyChange(new) | Wish::ChangeAtOnce(new) => (MailKind::ChangeEmailVerification, Some(new)),
    };
    let link = call
        .mail_link("/verify-email")
        .query("token", &token)
        .query("callbackURL", target.map_or("/", RedirectTarget::as_str));
    call.app.mail.send(Message { kind, to, user_name: user.name.clone(), link, new_email });
}

fn sign(call: &Call, account: &EmailAddress, wish: &Wish) -> String {
    let lifetime = call.app.config.email_verification.expires_in;
    link::sign(&call.app.signer, account, wish, call.now, lifetime)
}

/// A user's address as mail can be sent to it. Rows of other programs may hold others.
fn address(user: &User) -> Option<EmailAddress> {
    let email = EmailAddress::parse(&user.email);
    if email.is_none() {
        tracing::warn!(user = %user.id, "no mail: the stored address has a form that this server does not accept");
    }
    email
}

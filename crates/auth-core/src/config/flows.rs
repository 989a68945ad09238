//! What needs mail or a one-time value: `emailVerification`, `user`, `verification`.

use super::reader::Reader;
use super::seconds;
use crate::verification::{IdentifierForm, IdentifierForms};

/// Proving addresses.
#[derive(Debug, Clone)]
pub struct EmailVerificationConfig {
    /// Verification mails may be sent.
    pub send: bool,
    /// A sign-up sends one.
    pub send_on_sign_up: bool,
    /// What the setting says about that, if anything.
    pub send_on_sign_up_set: Option<bool>,
    /// A sign-in with an unproven address sends one, where it is refused for that.
    pub send_on_sign_in: bool,
    /// The link also signs in.
    pub auto_sign_in: bool,
    /// Lifetime of a link in seconds.
    pub expires_in: i64,
}

/// Changing the address.
#[derive(Debug, Clone)]
pub struct ChangeEmailConfig {
    /// It may be changed.
    pub enabled: bool,
    /// The present address, if it is proven, has to agree first.
    pub send_confirmation: bool,
    /// An unproven address is replaced at once.
    pub update_without_verification: bool,
}

/// Deleting accounts.
#[derive(Debug, Clone)]
pub struct DeleteUserConfig {
    /// People may delete their accounts.
    pub enabled: bool,
    /// A mail has to confirm it.
    pub send_verification: bool,
    /// Lifetime of the mail's link in seconds.
    pub token_expires_in: i64,
}

/// The `verification` table.
#[derive(Debug, Clone)]
pub struct VerificationConfig {
    /// Expired rows are left to somebody else.
    pub keep_expired: bool,
    /// How identifiers are stored.
    pub identifiers: IdentifierForms,
}

/// Reads `emailVerification`.
pub(super) fn email_verification(r: &mut Reader, required: bool) -> EmailVerificationConfig {
    let send_on_sign_up_set = r.flag("emailVerification.sendOnSignUp");
    EmailVerificationConfig {
        send: r.boolean("emailVerification.send", true),
        send_on_sign_up: send_on_sign_up_set.unwrap_or(required),
        send_on_sign_up_set,
        send_on_sign_in: r.boolean("emailVerification.sendOnSignIn", false),
        auto_sign_in: r.boolean("emailVerification.autoSignInAfterVerification", false),
        expires_in: seconds(r.seconds("emailVerification.expiresIn", 3600).max(1)),
    }
}

/// Reads `user.changeEmail`.
pub(super) fn change_email(r: &mut Reader) -> ChangeEmailConfig {
    ChangeEmailConfig {
        enabled: r.boolean("user.changeEmail.enabled", false),
        send_confirmation: r.boolean("user.changeEmail.sendConfirmation", true),
        update_without_verification: r.boolean("user.changeEmail.updateEmailWithoutVerification", false),
    }
}

/// Reads `user.deleteUser`.
pub(super) fn delete_user(r: &mut Reader) -> DeleteUserConfig {
    DeleteUserConfig {
        enabled: r.boolean("user.deleteUser.enabled", false),
        send_verification: r.boolean("user.deleteUser.sendVerification", true),
        token_expires_in: seconds(r.seconds("user.deleteUser.deleteTokenExpiresIn", 86_400).max(1)),
    }
}

/// Reads `verification`.
pub(super) fn verification(r: &mut Reader) -> VerificationConfig {
    const OVERRIDE: &str = "verification.storeIdentifier.overrides.<prefix>";
    let form = r.choice("verification.storeIdentifier", IdentifierForm::Plain);
    let default = r.choice("verification.storeIdentifier.default", form);
    let prefixes = r.names(OVERRIDE).into_iter();
    let overrides = prefixes.map(|prefix| {
        let form = r.choice((OVERRIDE, &*prefix), default);
        (prefix, form)
    });
    let identifiers = IdentifierForms { default, overrides: overrides.collect() };
    VerificationConfig { keep_expired: r.boolean("verification.disableCleanup", false), identifiers }
}

impl std::str::FromStr for IdentifierForm {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "plain" => Ok(Self::Plain),
            "hashed" => Ok(Self::Hashed),
            _ => Err(()),
        }
    }
}

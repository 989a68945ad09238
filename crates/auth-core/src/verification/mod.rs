//! One-time values: what a mailed link or a round trip to another site brings back, once.
//!
//! A row's identifier names its purpose, so a value made for one thing is never taken for another. The table
//! is Better Auth's; a row that either server made is used up by whichever is asked first.

mod store;

use auth_jose::{Entropy, Timestamp, base64url};
use diesel::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::crypto::random;
use crate::id::Id;
use crate::store::schema::verification;
use crate::store::types::At;

/// What a one-time value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Sets a new password.
    ResetPassword,
    /// Deletes the account.
    DeleteAccount,
    /// Remembers a sign-in with a provider.
    AuthState,
    /// Marks a signed link as used.
    UsedLink,
}

impl Purpose {
    /// Upstream's prefixes; the last is ours.
    const fn prefix(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password:",
            Self::DeleteAccount => "delete-account-",
            Self::AuthState => "auth-state:",
            Self::UsedLink => "used-link:",
        }
    }
}

/// How identifiers are written into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentifierForm {
    /// As they are: whoever reads the table can use its tokens.
    Plain,
    /// As their SHA-256.
    Hashed,
}

/// The form of each identifier: `verification.storeIdentifier`.
#[derive(Debug, Clone)]
pub struct IdentifierForms {
    /// The form of all others.
    pub default: IdentifierForm,
    /// Forms by what an identifier begins with; the first that fits counts.
    pub overrides: Vec<(String, IdentifierForm)>,
}

impl IdentifierForms {
    fn of(&self, identifier: &str) -> IdentifierForm {
        let fits = self.overrides.iter().find(|(prefix, _)| identifier.starts_with(prefix.as_str()));
        fits.map_or(self.default, |(_, form)| *form)
    }
}

/// The secret part of a one-time value, as it stands in a link.
#[derive(Clone)]
pub(crate) struct OneTimeToken(String);

impl OneTimeToken {
    /// Longer ones were never made.
    const MAX_LENGTH: usize = 128;

    /// A new token in upstream's form for the purpose.
    pub(crate) fn random(entropy: &dyn Entropy, purpose: Purpose) -> Self {
        Self(match purpose {
            Purpose::ResetPassword | Purpose::UsedLink => random::alphanumeric(entropy, "one-time-token", 24),
            Purpose::DeleteAccount => {
                const DIGITS_AND_LOWER: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
                random::over_alphabet(entropy, "one-time-token", DIGITS_AND_LOWER, 32)
            }
            Purpose::AuthState => random::url_safe(entropy, "one-time-token", 32),
        })
    }

    /// A token from a request. Anything that cannot be one is refused without a look into the table.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_token = !text.is_empty() && text.len() <= Self::MAX_LENGTH && text.bytes().all(plain);
        is_token.then(|| Self(text.to_owned()))
    }

    /// For the link.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// The name of a one-time value in the table.
pub(crate) struct Identifier {
    /// As it is stored now.
    stored: String,
    /// As it would be stored in clear: rows from before hashing was switched on are found too.
    plain: String,
}

impl Identifier {
    pub(crate) fn new(app: &App, purpose: Purpose, token: &OneTimeToken) -> Self {
        Self::named(app, purpose, token.reveal())
    }

    fn named(app: &App, purpose: Purpose, name: &str) -> Self {
        let plain = format!("{}{name}", purpose.prefix());
        let stored = match app.config.verification.identifiers.of(&plain) {
            IdentifierForm::Plain => plain.clone(),
            IdentifierForm::Hashed => base64url::encode(Sha256::digest(&plain)),
        };
        Self { stored, plain }
    }
}

/// A row of the `verification` table.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = verification)]
pub(crate) struct Verification {
    #[diesel(skip_insertion)]
    id: Id<Verification>,
    identifier: String,
    pub(crate) value: String,
    pub(crate) expires_at: At,
    created_at: At,
    updated_at: At,
}

impl Verification {
    /// A row that is not stored yet.
    pub(crate) fn new(
        app: &App,
        identifier: Identifier,
        value: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id: app.new_id(),
            identifier: identifier.stored,
            value: value.to_owned(),
            expires_at: At(expires_at),
            created_at: At(now),
            updated_at: At(now),
        }
    }

    /// The mark that a signed link has been used; kept as long as the link would live.
    pub(crate) fn used_link(app: &App, link: &str, now: Timestamp, expires_at: Timestamp) -> Self {
        let name = base64url::encode(Sha256::digest(link));
        Self::new(app, Identifier::named(app, Purpose::UsedLink, &name), "used", now, expires_at)
    }
}

#[cfg(test)]
mod tests {
    use auth_jose::entropy::SeededEntropy;

    use super::*;

    #[test]
    fn makes_tokens_in_upstreams_forms() {
        let entropy = SeededEntropy::new(3);
        let reset = OneTimeToken::random(&entropy, Purpose::ResetPassword);
        assert_eq!(reset.reveal().len(), 24);
        assert!(reset.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let delete = OneTimeToken::random(&entropy, Purpose::DeleteAccount);
        assert_eq!(delete.reveal().len(), 32);
        assert!(delete.reveal().bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
    }

    #[test]
    fn reads_nothing_that_was_never_made() {
        for refused in ["", "a b", "a\0", "a/b", "a%2F", "' OR 1=1", "\u{e9}", "a\n", &"x".repeat(129)] {
            assert!(OneTimeToken::parse(refused).is_none(), "{refused:?}");
        }
        assert!(OneTimeToken::parse("AAAAAAAAAAAAAAAAAAAAAAAA").is_some());
    }

    #[test]
    fn the_first_override_that_fits_decides_the_form() {
        let forms = IdentifierForms {
            default: IdentifierForm::Plain,
            overrides: vec![
                ("reset-password:".to_owned(), IdentifierForm::Hashed),
                ("reset-".to_owned(), IdentifierForm::Plain),
            ],
        };
        assert_eq!(forms.of("reset-password:x"), IdentifierForm::Hashed);
        assert_eq!(forms.of("delete-account-x"), IdentifierForm::Plain);
    }
}

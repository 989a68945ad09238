//! Mail that the server sends to people: a [`Message`] says what to whom, [`Mailer`] says how.
//!
//! A feature hands a message over and goes on: [`Mailer::send`] neither waits nor fails, so a request takes the
//! same time whether mail leaves or not, and an answer never depends on a mail server.

mod link;
mod transport;

use crate::wire::email::EmailAddress;

pub use link::MailLink;
pub use transport::Transport;

/// One mail to one person.
#[derive(Debug, Clone)]
pub struct Message {
    /// What it is about.
    pub kind: MailKind,
    /// Who gets it.
    pub to: EmailAddress,
    /// The name of the account, as its owner (or whoever signed up with this address) chose it.
    pub user_name: String,
    /// Where the person has to click.
    pub link: MailLink,
    /// The address that the account is to have, when that is what the mail is about.
    pub new_email: Option<EmailAddress>,
}

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MailKind {
    /// To set a new password.
    ResetPassword,
    /// To prove that the address is the person's.
    VerifyEmail,
    /// To the present address: to agree to another one.
    ChangeEmailConfirmation,
    /// To the new address: to prove that it is the person's.
    ChangeEmailVerification,
    /// To agree to the deletion of the account.
    DeleteAccount,
}

impl MailKind {
    /// The kind's name, in templates and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::VerifyEmail => "verify-email",
            Self::ChangeEmailConfirmation => "change-email-confirmation",
            Self::ChangeEmailVerification => "change-email-verification",
            Self::DeleteAccount => "delete-account",
        }
    }
}

/// Sends mail.
pub struct Mailer {
    transport: Transport,
}

impl Mailer {
    /// A mailer that hands mail to `transport`.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        Self { transport }
    }

    /// Whether mail can be sent at all: upstream's "a sender is configured".
    #[must_use]
    pub fn available(&self) -> bool {
        !matches!(self.transport, Transport::None)
    }

    /// Sends a mail some time soon. Never waits and never fails.
    pub fn send(&self, message: Message) {
        self.transport.take(message);
    }

    /// The mails that were sent since the start or the last call, oldest first.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn captured(&self) -> Vec<Message> {
        self.transport.captured()
    }
}

//! Mail that the server sends to people: a [`Message`] says what to whom, [`Mailer`] says how.
//!
//! A feature hands a message over and goes on: [`Mailer::send`] neither waits nor fails, so a request takes the
//! same time whether mail leaves or not, and an answer never depends on a mail server.

mod carrier;
pub mod codes;
mod link;
mod queue;
mod smtp;
mod template;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use auth_jose::{Clock, Entropy};

use crate::config::MailConfig;
use crate::wire::email::EmailAddress;

use carrier::Carrier;
pub use link::MailLink;
pub use queue::MailCounts;
use queue::{Counters, Queue};
pub use smtp::{MailFrom, SmtpConfig, SmtpTls, SmtpUrl};
pub(crate) use template::BUILT_IN as BUILT_IN_LANGUAGE;
pub use template::Templates;

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
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::ResetPassword,
        Self::VerifyEmail,
        Self::ChangeEmailConfirmation,
        Self::ChangeEmailVerification,
        Self::DeleteAccount,
    ];

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

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Transport {
    /// To a mail server.
    Smtp(SmtpConfig),
    /// Printed on the console: development.
    Console,
    /// Kept in memory for tests.
    #[cfg(feature = "testing")]
    Captured,
    /// Not at all.
    None,
}

/// Sends mail.
pub struct Mailer {
    outlet: Outlet,
    counters: Arc<Counters>,
}

enum Outlet {
    Queue(Queue),
    #[cfg(feature = "testing")]
    Captured(std::sync::Mutex<Vec<Message>>),
    None,
}

impl Mailer {
    /// Starts what delivers mail.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(config: &MailConfig, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let queue = |carrier| {
            Queue::start(carrier, config.queue, config.attempts, clock, entropy, counters.clone())
                .map(Outlet::Queue)
        };
        let outlet = match &config.transport {
            Transport::Smtp(smtp) => queue(Carrier::Smtp(smtp.clone(), config.templates.clone()))?,
            Transport::Console => queue(Carrier::Console(config.templates.clone()))?,
            #[cfg(feature = "testing")]
            Transport::Captured => Outlet::Captured(std::sync::Mutex::default()),
            Transport::None => Outlet::None,
        };
        Ok(Self { outlet, counters })
    }

    /// Whether mail can be sent at all: upstream's "a sender is configured".
    #[must_use]
    pub fn available(&self) -> bool {
        !matches!(self.outlet, Outlet::None)
    }

    /// Sends a mail some time soon. Never waits and never fails: what cannot be sent is dropped, logged and counted.
    pub fn send(&self, message: Message) {
        match &self.outlet {
            Outlet::Queue(queue) => queue.take(message),
            #[cfg(feature = "testing")]
            Outlet::Captured(mails) => {
                mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message);
            }
            Outlet::None => {
                let (kind, code) = (message.kind.name(), codes::MAIL_NOT_CONFIGURED);
                tracing::error!(id = code.id, kind, "{}", code.message);
            }
        }
    }

    /// Before the server stops: tries everything that waits once more and waits for it, for `limit` at most.
    /// Gives the number of mails that are lost.
    pub async fn drain(&self, limit: Duration) -> usize {
        match &self.outlet {
            Outlet::Queue(queue) => queue.drain(limit).await,
            #[cfg(feature = "testing")]
            Outlet::Captured(_) => 0,
            Outlet::None => 0,
        }
    }

    /// What became of mail since the start.
    #[must_use]
    pub fn counts(&self) -> MailCounts {
        self.counters.read()
    }

    /// The mails that were sent since the start or the last call, oldest first.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn captured(&self) -> Vec<Message> {
        match &self.outlet {
            Outlet::Captured(mails) => {
                std::mem::take(&mut *mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Outlet::Queue(_) | Outlet::None => Vec::new(),
        }
    }
}

/// Sends one mail now, past the queue, so that an operator sees what the mail server answers.
///
/// # Errors
/// A sentence with the mail server's own words.
pub async fn try_out(
    config: &SmtpConfig,
    to: &EmailAddress,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<(), String> {
    smtp::try_out(config, to, clock.now(), entropy).await
}

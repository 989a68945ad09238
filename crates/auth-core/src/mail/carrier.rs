//! Who takes a mail out of the queue: a mail server, or the console of a developer.

use std::io::Write;
use std::sync::Arc;

use auth_jose::{Entropy, Timestamp};

use super::Message;
use super::smtp::{self, Failure, Prepared, SmtpConfig};
use super::template::{Letter, Templates};

pub(super) enum Carrier {
    Smtp(SmtpConfig, Arc<Templates>),
    Console(Arc<Templates>),
}

impl Carrier {
    /// Delivers a message. The first try writes it down, later ones send the same bytes.
    pub(super) async fn deliver(
        &self,
        message: &Message,
        prepared: &mut Option<Prepared>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), Failure> {
        match self {
            Self::Console(templates) => {
                print(message, &templates.write(message));
                Ok(())
            }
            Self::Smtp(config, templates) => {
                let mail = match prepared.take() {
                    Some(mail) => mail,
                    None => smtp::prepare(config, &message.to, templates.write(message), now, entropy)?,
                };
                smtp::deliver(config, prepared.insert(mail)).await
            }
        }
    }
}

/// Shows a developer what a person would get.
fn print(message: &Message, letter: &Letter) {
    let (kind, to, subject) = (message.kind.name(), &message.to, &letter.subject);
    let text = letter.text.trim_end();
    // Nobody may be reading the console.
    let _ = writeln!(
        std::io::stdout(),
        "--- mail ({kind}); set SMTP_URL to send it\nTo: {to}\nSubject: {subject}\n\n{text}\n---"
    );
}

//! Where mail goes.

use std::io::Write;

use super::Message;

/// Where mail goes.
#[derive(Debug)]
pub enum Transport {
    /// Printed on the console: development.
    Console,
    /// Kept in memory for tests.
    #[cfg(feature = "testing")]
    Captured(std::sync::Mutex<Vec<Message>>),
    /// Nowhere: nothing can be sent.
    None,
}

impl Transport {
    pub(super) fn take(&self, message: Message) {
        match self {
            Self::Console => print(&message),
            #[cfg(feature = "testing")]
            Self::Captured(mails) => {
                mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(message);
            }
            Self::None => tracing::error!(kind = message.kind.name(), "no mail can be sent: it is dropped"),
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn captured(&self) -> Vec<Message> {
        match self {
            Self::Captured(mails) => {
                std::mem::take(&mut *mails.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
            Self::Console | Self::None => Vec::new(),
        }
    }
}

/// Prints what a person in development needs to go on.
fn print(message: &Message) {
    let (kind, to, url) = (message.kind.name(), &message.to, message.link.url());
    // Nobody may be reading the console.
    let _ = writeln!(std::io::stdout(), "mail: {kind} to {to}\n  {url}");
}

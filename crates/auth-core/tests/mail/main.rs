//! Mail on its way: what a mail server gets, what happens when it is full, slow, broken or away.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod delivery;
mod letter;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use auth_core::config::BaseUrl;
use auth_core::mail::{MailCounts, MailKind, MailLink, Mailer, Message};
use auth_core::testing::{START, load_config};
use auth_core::wire::email::EmailAddress;
use auth_jose::Timestamp;
use auth_jose::clock::ManualClock;
use auth_jose::entropy::SeededEntropy;
use serde_json::{Value, json};

use peer::Peer;

/// A mailer whose clock the test moves.
struct Sender {
    mailer: Mailer,
    clock: Arc<ManualClock>,
}

impl Sender {
    fn to(peer: &Peer) -> Self {
        Self::with(json!({ "smtpURL": peer.url() }))
    }

    /// A mailer with these settings of `mail`.
    fn with(mut mail: Value) -> Self {
        mail["from"] = json!("Example <no-reply@auth.example.com>");
        let config = load_config(&json!({ "baseURL": "https://auth.example.com", "mail": mail })).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let mailer = Mailer::start(&config.mail, clock.clone(), Arc::new(SeededEntropy::new(1))).unwrap();
        Self { mailer, clock }
    }

    fn send(&self) {
        self.mailer.send(message("Ada"));
    }

    /// Waits until the counts are these.
    #[track_caller]
    fn reaches(&self, expected: MailCounts) {
        for _ in 0..2000 {
            if self.mailer.counts() == expected {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.mailer.counts(), expected);
    }

    fn drain(&self, limit: Duration) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.mailer.drain(limit))
    }
}

fn counts(sent: u64, retried: u64, dropped: u64, failed: u64) -> MailCounts {
    MailCounts { sent, retried, dropped, failed }
}

fn message(name: &str) -> Message {
    let base = BaseUrl::parse("https://auth.example.com").unwrap();
    Message {
        kind: MailKind::ResetPassword,
        to: EmailAddress::parse("ada@example.test").unwrap(),
        user_name: name.to_owned(),
        link: MailLink::new(&base, "/api/auth", "/reset-password").segment("t0k3n").query("callbackURL", "/"),
        new_email: None,
    }
}

//! Valkey or Redis beside the database: one connection for all, made in the background and never waited for.
//!
//! Whoever asks gets an answer within `TIMEOUT` or none, and goes on without. A server that does not answer in time is
//! not asked again until it has answered the background. What is kept there must be found elsewhere when it is lost.

mod keep;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auth_jose::Entropy;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue, RedisError, cmd};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::config::RedisConfig;

/// How long a request waits for an answer.
const TIMEOUT: Duration = Duration::from_millis(100);

/// How long the background waits, and a command of the operator, connecting included.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often refused commands are told in the log.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Valkey or Redis.
pub struct Redis {
    client: Client,
    /// Its URL without the password.
    shown: String,
    prefix: String,
    /// What this process signs its messages with.
    name: String,
    link: watch::Sender<Option<Link>>,
    links: AtomicU64,
    heard: Arc<Notify>,
    complained: Mutex<Option<Instant>>,
}

/// A connection that has answered.
#[derive(Clone)]
struct Link {
    number: u64,
    connection: MultiplexedConnection,
}

impl Redis {
    /// Connects to nothing yet: [`Self::keep`] does.
    ///
    /// # Errors
    /// When the URL names no server that the driver knows how to reach.
    pub(crate) fn new(config: &RedisConfig, entropy: &dyn Entropy) -> Result<Self, RedisError> {
        let mut name = [0_u8; 8];
        entropy.fill("redis-name", &mut name);
        Ok(Self {
            client: Client::open(config.url.connection())?,
            shown: config.url.to_string(),
            prefix: config.prefix.clone(),
            name: format!("{:016x}", u64::from_be_bytes(name)),
            link: watch::Sender::new(None),
            links: AtomicU64::new(0),
            heard: Arc::default(),
            complained: Mutex::default(),
        })
    }

    /// The name of a key or channel of ours.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether it would be asked now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.borrow().is_some()
    }

    /// The answer to a command; nothing when there is none within `TIMEOUT`, or it is an error.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.answer(command, TIMEOUT).await
    }

    /// The same for work in the background, which may take longer.
    pub(crate) async fn ask_patiently<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        self.answer(command, PATIENCE).await
    }

    async fn answer<T: FromRedisValue>(&self, command: &Cmd, patience: Duration) -> Option<T> {
        let mut link = self.link.borrow().clone()?;
        match timeout(patience, command.query_async(&mut link.connection)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                if error.is_unrecoverable_error() || error.is_timeout() {
                    self.give_up(link.number);
                } else {
                    self.complain(&error);
                }
                None
            }
            Err(_late) => {
                self.give_up(link.number);
                None
            }
        }
    }

    /// Tells the other servers that something is withdrawn. Nobody answers, and nobody has to hear it.
    pub(crate) async fn say(&self) {
        let _: Option<i64> = self.ask_patiently(&self.message()).await;
    }

    /// The same from a process that keeps no connection.
    ///
    /// # Errors
    /// A sentence that says why it could not be told.
    pub(crate) async fn say_once(&self) -> Result<(), String> {
        let said = async {
            let mut connection = self.client.get_multiplexed_async_connection().await?;
            self.message().query_async::<i64>(&mut connection).await
        };
        match timeout(PATIENCE, said).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("{self}: {error}")),
            Err(_late) => Err(format!("{self}: no answer within {} s", PATIENCE.as_secs())),
        }
    }

    /// Waits until another server has said something, or might have.
    pub(crate) async fn heard(&self) {
        self.heard.notified().await;
    }

    fn message(&self) -> Cmd {
        let mut command = cmd("PUBLISH");
        command.arg(self.channel()).arg(&self.name);
        command
    }

    fn channel(&self) -> String {
        self.key("withdrawn")
    }

    /// Asks this connection no more.
    fn give_up(&self, number: u64) {
        self.link.send_if_modified(|link| {
            let is_ours = link.as_ref().is_some_and(|link| link.number == number);
            if is_ours {
                *link = None;
            }
            is_ours
        });
    }

    /// Logs an error that the server has answered; its words are not about our data.
    fn complain(&self, error: &RedisError) {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            drop(complained);
            let (code, reason) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
            tracing::warn!(
                redis = self.shown,
                code,
                reason,
                "Redis refuses what it is asked; the database is asked instead"
            );
        }
    }

    fn next_number(&self) -> u64 {
        self.links.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

//! The entries in Redis, so that a question about a token costs no query, and the word to other servers that there are
//! new ones (docs/adr/0011).
//!
//! What is found there is withdrawn. What is not found is good only if the set says that it reaches the last number that
//! this server knows, which it has read from the database a moment ago. Everything else is asked in the database.

use std::sync::OnceLock;
use std::time::Duration;

use auth_jose::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::scores::{self, Found};
use super::{Claims, Revoked};
use crate::app::App;
use crate::redis::Redis;
use crate::store::Result;

/// How long a name is in doubt, in seconds: longer than a transaction lasts, clocks that differ included.
const DOUBT_SECONDS: i64 = 60;

/// Entries that are added at once: few enough that nobody who asks meanwhile waits for long.
const PAGE: i64 = 500;

/// How often a set may be lost while it is filled.
const TRIES: usize = 3;

/// The least time between two words from others that are heeded, and between two times of adding.
const BREATH: Duration = Duration::from_millis(10);

/// After which time what could not be written is tried again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// After which time a list that was too long is tried again.
const AFTER_TOO_MUCH: Duration = Duration::from_mins(5);

/// What this server has to do with the set in Redis.
#[derive(Default)]
pub(crate) struct Remembered {
    /// The set of this database; nothing before the database has told its name.
    key: OnceLock<String>,
    /// There is something to tell others.
    news: Notify,
    /// The set lacks entries.
    is_behind: Notify,
}

enum Reached {
    All,
    /// The set was lost or could not be written.
    Part,
    TooMuch,
}

impl Remembered {
    /// Whether a token is withdrawn, if Redis knows for certain.
    pub(super) async fn find(&self, app: &App, token: &Claims<'_>) -> Option<bool> {
        let redis = app.redis.as_ref().filter(|redis| redis.is_connected())?;
        let key = self.key.get()?;
        // Before the question: entries after this number may be missing in the answer.
        let known = app.feed.head(app).await.ok()?;
        let scores: Vec<Option<f64>> = redis.ask(&token.question(key)).await?;
        match token.read(&scores)? {
            Found::Withdrawn => Some(true),
            Found::Nothing { head } if head >= known => Some(false),
            Found::InDoubt => None,
            Found::Nothing { .. } => {
                self.is_behind.notify_one();
                None
            }
        }
    }

    /// Before a transaction commits: from now on nobody relies on not finding these names.
    pub(super) async fn doubt(&self, app: &App, what: &[Revoked], now: Timestamp) {
        if let (Some(redis), Some(key)) = (&app.redis, self.key.get()) {
            let marked: Option<i64> =
                redis.ask(&scores::doubt(key, what, now.seconds() + DOUBT_SECONDS)).await;
            if marked.is_none() {
                tracing::debug!("Redis was not told of a withdrawal beforehand");
            }
        }
    }

    /// Something was committed.
    pub(super) fn announce(&self) {
        self.news.notify_one();
        self.is_behind.notify_one();
    }

    async fn tell(&self, redis: &Redis) {
        loop {
            self.news.notified().await;
            redis.say().await;
        }
    }

    async fn keep_up(&self, app: &App, redis: &Redis) {
        let mut is_told = false;
        loop {
            self.is_behind.notified().await;
            let reached = self.catch_up(app, redis).await;
            if let (Err(error), false) = (&reached, is_told) {
                tracing::warn!(%error, "what is withdrawn could not be copied to Redis; it is tried again");
            }
            is_told = reached.is_err();
            let pause = match reached {
                Ok(Reached::All) => BREATH,
                Ok(Reached::Part) | Err(_) => {
                    self.is_behind.notify_one();
                    AFTER_FAILURE
                }
                Ok(Reached::TooMuch) => {
                    tracing::warn!(
                        redis = %redis,
                        "more is withdrawn than redis.maxWithdrawn: the database is asked instead"
                    );
                    AFTER_TOO_MUCH
                }
            };
            sleep(pause).await;
        }
    }

    /// Copies what the set lacks.
    async fn catch_up(&self, app: &App, redis: &Redis) -> Result<Reached> {
        let key = self.name_set(app, redis).await?;
        let most = app.config.redis.as_ref().map_or(0, |config| config.max_withdrawn);
        let Some(head) = redis.ask_patiently::<Option<f64>>(&scores::head(&key)).await else {
            return Ok(Reached::Part);
        };
        let mut from = head.map_or(0, |head| scores::whole(-head));
        let mut tries = TRIES;
        loop {
            let now = app.clock.now().seconds();
            let mut db = app.store.db().await?;
            // Before the entries: none up to this number is missing among them.
            let last = db.last_revocation().await?;
            if from >= last {
                return Ok(Reached::All);
            }
            let entries = db.list_revocations(from, now, PAGE).await?;
            drop(db);
            let to = entries.last().map_or(last, |entry| entry.number);
            let append = scores::append(&key, (from, to), &entries, most, now);
            match redis.ask_patiently::<i64>(&append).await {
                None => return Ok(Reached::Part),
                Some(-1) => return Ok(Reached::TooMuch),
                Some(reached) if reached < from => {
                    // Lost since, as a whole: from the beginning, but not for ever.
                    tries -= 1;
                    if tries == 0 {
                        return Ok(Reached::Part);
                    }
                    from = reached;
                }
                Some(reached) => from = reached,
            }
        }
    }

    /// The name of the set: by the database's own name and address, so that neither two databases with one Redis nor
    /// the copy of one mix.
    async fn name_set(&self, app: &App, redis: &Redis) -> Result<String> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let mut fresh = [0_u8; 8];
        app.entropy.fill("revocation-list", &mut fresh);
        let fresh = i64::from_be_bytes(fresh) >> 1;
        let id = app.store.db().await?.name_revocations(fresh.abs()).await?;
        let mut hash = Sha256::new();
        hash.update(id.to_be_bytes());
        hash.update(app.config.database.url.to_string());
        let digest: [u8; 32] = hash.finalize().into();
        let name = auth_jose::base64url::encode(digest.get(..16).unwrap_or_default());
        Ok(self.key.get_or_init(|| redis.key(&format!("withdrawn:{name}"))).clone())
    }
}

impl App {
    /// Talks with the other servers on the database through Redis, if there is one, for as long as it is polled.
    pub async fn keep_in_touch(&self) {
        let Some(redis) = &self.redis else { return };
        let hear = async {
            loop {
                redis.heard().await;
                self.feed.announce();
                sleep(BREATH).await;
            }
        };
        // At first, whether it is behind is not known.
        self.remembered.is_behind.notify_one();
        tokio::join!(redis.keep(), hear, self.remembered.tell(redis), self.remembered.keep_up(self, redis));
    }

    /// Tells the servers on the database that something was withdrawn: for commands, which keep no connection.
    ///
    /// # Errors
    /// A sentence that says why they could not be told; they find out by themselves.
    pub async fn tell_servers(&self) -> std::result::Result<(), String> {
        match &self.redis {
            Some(redis) if self.config.revocation.is_on() => redis.say_once().await,
            _ => Ok(()),
        }
    }
}

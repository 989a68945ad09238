//! The issuer's list of what is withdrawn, read all the time by one task.
//!
//! An answer counts once its signature, type, issuer and age are checked and it is one to the question that was
//! asked. Nothing that arrives takes anything back: bad, old and repeated answers change nothing.

mod answer;
mod client;
mod keys;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use auth_jose::{Algorithm, Policy, Secret, VerifyError, verify};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use self::answer::{Answer, FeedError};
use self::client::{Credentials, FeedClient};
use self::keys::WithdrawnKeys;
use crate::ConfigError;
use crate::metrics::Counter;
use crate::revocation::Revocations;
use crate::source::KeySource;
use crate::timeline::{Moment, Timeline};

/// How long a reader waits for something new.
const WAIT: Duration = Duration::from_secs(10);

/// Between an answer and the next question: what comes in the meantime comes together.
const PAUSE: Duration = Duration::from_millis(100);

/// After an answer without anything that was not held back: the issuer has no place left for those who wait.
const PAUSE_WITHOUT_WAIT: Duration = Duration::from_millis(500);

/// After failures, doubled up to the second.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_AT_MOST: Duration = Duration::from_secs(4);

/// How long tokens wait for the list when the process has just begun.
const COLD_WAIT: Duration = Duration::from_secs(4);

const NEVER: i64 = i64::MIN;

/// Where an issuer lists what it has withdrawn, and what to do while it cannot be read:
/// [`VerifierBuilder::revocation_feed`](crate::VerifierBuilder::revocation_feed).
#[derive(Clone)]
pub struct RevocationFeed {
    url: String,
    credentials: Credentials,
    close_after_seconds: Option<u32>,
    max_entries: usize,
    pub(crate) signer: Option<Signer>,
}

/// Who signs a list that is not that of the tokens' issuer.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) issuer: String,
    pub(crate) jwks_url: String,
}

const MAX_ENTRIES: usize = 1_000_000;

impl RevocationFeed {
    /// The list at `url`, `https://auth.example.com/api/auth/revocations`: https, or http on loopback. While it
    /// cannot be read, tokens are judged by what is known.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            credentials: Credentials::None,
            close_after_seconds: None,
            max_entries: MAX_ENTRIES,
            signer: None,
        }
    }

    /// The list is one of `issuer`, signed with the keys at `jwks_url`: for verifiers of tokens that others sign
    /// about themselves ([`Verifier::with_policy`](crate::Verifier::with_policy)). Default: the tokens' issuer, by
    /// the keys that it signs tokens with.
    #[must_use]
    pub fn signed_by(mut self, issuer: &str, jwks_url: &str) -> Self {
        self.signer = Some(Signer { issuer: issuer.to_owned(), jwks_url: jwks_url.to_owned() });
        self
    }

    /// Proves to the issuer who reads, where not everybody may: a name and secret of its
    /// `introspection.clients`.
    #[must_use]
    pub fn client(mut self, name: &str, secret: &str) -> Self {
        self.credentials = Credentials::Basic(name.to_owned(), Secret::from(secret));
        self
    }

    /// Proves to the issuer who reads with a token, which `token` makes for each question: a service's own one.
    #[must_use]
    pub fn bearer(mut self, token: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.credentials = Credentials::Bearer(Arc::new(token));
        self
    }

    /// Refuses every token with [`VerifyError::RevocationsUnavailable`] while the list was not read for so long:
    /// 5 or more, since it is read three times in that time.
    #[must_use]
    pub fn close_after_seconds(mut self, seconds: u32) -> Self {
        self.close_after_seconds = Some(seconds);
        self
    }

    /// How much is kept: some 50 bytes each. Default: 1,000,000. What comes beyond is not taken, which counts as
    /// a list that cannot be read.
    #[must_use]
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }
}

impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a reader does with the list.
pub(crate) struct Feed {
    client: Arc<FeedClient>,
    policy: Policy,
    /// The keys of whoever signs the list.
    source: KeySource,
    /// The keys of the tokens, often the same.
    token_keys: KeySource,
    withdrawn_keys: WithdrawnKeys,
    timeline: Arc<Timeline>,
    revocations: Arc<Revocations>,
    max_entries: usize,
    close_after_millis: Option<i64>,
    /// How long an answer may be held back.
    wait: Duration,
    started_at: i64,
    /// The tick at which everything was known last; [`NEVER`] before.
    current_at: AtomicI64,
    /// The first attempt has ended, well or not, or has taken too long.
    is_settled: AtomicBool,
    settlement: watch::Sender<bool>,
    has_task: AtomicBool,
    pub(crate) reads: Counter,
    pub(crate) failures: Counter,
    pub(crate) skipped: Counter,
}

/// Up to where the list was read.
#[derive(Clone, Copy, Default)]
struct Cursor {
    after: i64,
    /// By how much the clock was set back until then: what was forgotten before is read again.
    set_back: i64,
    failures: u32,
}

impl Feed {
    pub(crate) fn new(
        settings: RevocationFeed,
        issuer: &str,
        algorithms: Option<&[Algorithm]>,
        source: KeySource,
        token_keys: KeySource,
        timeline: Arc<Timeline>,
        revocations: Arc<Revocations>,
    ) -> Result<Arc<Self>, ConfigError> {
        let client = Arc::new(FeedClient::new(&settings.url, settings.credentials)?);
        let started_at = timeline.now().tick;
        let feed = Arc::new(Self {
            client,
            policy: answer::policy(issuer, algorithms)?,
            source,
            token_keys,
            withdrawn_keys: WithdrawnKeys::default(),
            timeline,
            revocations,
            max_entries: settings.max_entries,
            close_after_millis: settings.close_after_seconds.map(|seconds| i64::from(seconds) * 1_000),
            wait: settings.close_after_seconds.map_or(WAIT, wait_before_closing),
            started_at,
            current_at: AtomicI64::new(NEVER),
            is_settled: AtomicBool::new(false),
            settlement: watch::Sender::new(false),
            has_task: AtomicBool::new(false),
            reads: Counter::default(),
            failures: Counter::default(),
            skipped: Counter::default(),
        });
        feed.start();
        Ok(feed)
    }

    /// Starts the task that reads, unless there is one or no runtime yet.
    pub(crate) fn start(self: &Arc<Self>) {
        if self.has_task.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.has_task.swap(true, Ordering::AcqRel) {
            drop(runtime.spawn(read(Reader(Arc::downgrade(self)))));
        }
    }

    /// Waits for the list when the process has just begun, and not for long.
    pub(crate) async fn settled(&self) {
        // Asked for each token: no lock.
        if self.is_settled.load(Ordering::Acquire) {
            return;
        }
        let mut settled = self.settlement.subscribe();
        drop(tokio::time::timeout(COLD_WAIT, settled.wait_for(|is_settled| *is_settled)).await);
    }

    /// Whether tokens may be judged by what is known of the list.
    pub(crate) fn check(&self, now: Moment) -> Result<(), VerifyError> {
        match self.close_after_millis {
            Some(limit) if self.age_millis(now) > limit || !self.is_loaded() => {
                Err(VerifyError::RevocationsUnavailable)
            }
            _ => Ok(()),
        }
    }

    /// Milliseconds since everything was known, or since the start.
    pub(crate) fn age_millis(&self, now: Moment) -> i64 {
        let known = self.current_at.load(Ordering::Acquire);
        let since = if known == NEVER { self.started_at } else { known };
        now.tick.saturating_sub(since).max(0)
    }

    fn is_loaded(&self) -> bool {
        self.current_at.load(Ordering::Acquire) != NEVER
    }

    fn settle(&self) {
        if !self.is_settled.swap(true, Ordering::AcqRel) {
            self.settlement.send_replace(true);
        }
    }

    /// Takes over an answer. How long to wait before the next question.
    async fn take(
        &self,
        outcome: Result<String, FeedError>,
        took: Duration,
        cursor: &mut Cursor,
    ) -> Duration {
        let taken = match outcome {
            Ok(text) => self.take_text(&text, cursor).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(Progress::More) => {
                cursor.failures = 0;
                Duration::ZERO
            }
            Ok(Progress::Current { is_empty }) => {
                cursor.failures = 0;
                self.settle();
                if is_empty && took < self.wait / 2 { PAUSE_WITHOUT_WAIT } else { PAUSE }
            }
            Ok(Progress::Anew) => PAUSE_WITHOUT_WAIT,
            Err(error) => {
                self.failures.add(1);
                self.settle();
                let age_seconds = self.age_millis(self.timeline.now()) / 1_000;
                let url = self.client.url();
                tracing::warn!(url, %error, age_seconds, "no revocations from {url}: {error}");
                let pause = RETRY.saturating_mul(1 << cursor.failures.min(8)).min(RETRY_AT_MOST);
                cursor.failures = cursor.failures.saturating_add(1);
                pause
            }
        }
    }

    async fn take_text(&self, text: &str, cursor: &mut Cursor) -> Result<Progress, FeedError> {
        let answer = self.open(text).await?;
        let now = self.timeline.now();
        answer.check(cursor.after)?;
        self.reads.add(1);
        if answer.reset {
            tracing::warn!(url = self.client.url(), "the issuer's list has begun anew: reading all of it");
            cursor.after = 0;
            return Ok(Progress::Anew);
        }
        if self.revocations.len().saturating_add(answer.entries.len()) > self.max_entries {
            return Err(FeedError::TooMany { most: self.max_entries });
        }
        let is_empty = answer.entries.is_empty();
        let (next, more) = (answer.next, answer.more);
        let until = |seconds: i64| {
            now.tick.saturating_add(seconds.saturating_mul(1_000).saturating_sub(now.wall.millis()))
        };
        let mut skipped = 0;
        let entries: Vec<_> = answer
            .entries
            .into_iter()
            .filter_map(|entry| {
                let known = entry.into_revocation();
                skipped += usize::from(known.is_none());
                known.map(|(revocation, exp)| (revocation, until(exp)))
            })
            .collect();
        self.skipped.add(skipped);
        self.withdrawn_keys.note(&entries, now);
        self.revocations.add(entries, now.tick);
        cursor.after = next;
        if more {
            return Ok(Progress::More);
        }
        self.current_at.store(now.tick, Ordering::Release);
        Ok(Progress::Current { is_empty })
    }

    /// The answer in `text`, if the issuer has signed it, as such, a moment ago.
    async fn open(&self, text: &str) -> Result<Answer, FeedError> {
        for is_last in [false, true] {
            let now = self.timeline.now();
            let outcome = self
                .source
                .at_hand(now, |set| (verify::<Answer>(&self.policy, &set.keys, now.wall, text), set.version));
            let known = match outcome {
                Some((Ok(answer), _)) => return Ok(answer.into_claims()),
                Some((Err(VerifyError::KeyUnknown), version)) if !is_last => Some(version),
                Some((Err(error), _)) => return Err(FeedError::Refused(error)),
                None => None,
            };
            // A new key, or none at hand yet. Bounded by the pauses between requests for keys.
            drop(self.source.newer_than(known).await);
        }
        Err(FeedError::Refused(VerifyError::KeysUnavailable))
    }
}

/// The list is read three times before a verifier closes for its age.
fn wait_before_closing(seconds: u32) -> Duration {
    WAIT.min(Duration::from_secs(u64::from(seconds / 3).max(1)))
}

/// What an answer has brought.
enum Progress {
    /// There is more already.
    More,
    /// Everything is known.
    Current { is_empty: bool },
    /// All has to be read again.
    Anew,
}

async fn read(reader: Reader) {
    let mut cursor = Cursor::default();
    let mut pause = Duration::ZERO;
    loop {
        tokio::time::sleep(pause).await;
        let Some(feed) = reader.0.upgrade() else { return };
        feed.withdrawn_keys.hold(feed.token_keys.fetched_at(), &feed.revocations, feed.timeline.now());
        let set_back = feed.timeline.set_back();
        if cursor.set_back != set_back {
            cursor = Cursor { after: 0, set_back, ..cursor };
        }
        // The first answer must not be held back: tokens wait for it.
        let wait = if feed.is_loaded() && cursor.failures == 0 { feed.wait } else { Duration::ZERO };
        let client = Arc::clone(&feed.client);
        // While the answer is awaited the verifier may go.
        drop(feed);
        let begin = Instant::now();
        let outcome = client.ask(cursor.after, wait).await;
        let Some(feed) = reader.0.upgrade() else { return };
        pause = feed.take(outcome, begin.elapsed(), &mut cursor).await;
    }
}

/// Ends with its verifier, and makes way for another when its runtime ends first.
struct Reader(Weak<Feed>);

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(feed) = self.0.upgrade() {
            feed.has_task.store(false, Ordering::Release);
        }
    }
}

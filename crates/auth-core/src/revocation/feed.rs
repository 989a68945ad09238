//! What this process knows of the newest entries, and who waits for newer ones.
//!
//! The table is read by whoever asks when the last look is a moment ago, one at a time however many wait, and
//! by nobody while nobody asks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth_jose::Timestamp;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use super::store::Entry;
use crate::app::App;
use crate::error::{Result, codes};

/// How old what we know may be: other servers' entries are seen after this time.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How many of the newest entries are kept in memory: about 1 MB.
const RECENT: usize = 10_000;

/// Entries of one answer. With names of the greatest length that is less than 1 MiB.
const PAGE: usize = 2_000;

/// How many may wait at once; everybody else is answered immediately.
const MAX_WAITING: usize = 1_024;

/// Signed answers that are kept for others who ask the same.
const SIGNED: usize = 16;

/// How long a signed answer is given to others, in seconds.
const SIGNED_FOR: i64 = 5;

/// The newest entries, and those who wait for newer ones.
pub struct Feed {
    state: Mutex<State>,
    /// Changes with every look at the table and with every entry of our own.
    wakes: watch::Sender<u64>,
    is_looking: AtomicBool,
    is_closing: AtomicBool,
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// The last number that was seen; nothing before the first look.
    head: Option<i64>,
    /// Every entry after this number that still matters is in `recent`.
    floor: i64,
    recent: VecDeque<Entry>,
    looked: Option<Look>,
    /// How often somebody has said that there is something new.
    notices: u64,
    signed: VecDeque<(PageKey, Page)>,
}

#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    is_good: bool,
}

/// Which answer a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageKey {
    pub(crate) issuer: String,
    pub(crate) after: i64,
    pub(crate) head: i64,
}

/// A signed answer.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) body: Bytes,
    /// Up to which number its reader has read then.
    pub(crate) next: i64,
    pub(crate) signed_at: Timestamp,
}

/// What there is after a number.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next: i64,
    /// There is more after `next` already.
    pub(crate) more: bool,
    /// The number was never given here: this is another database than the one its reader knew.
    pub(crate) reset: bool,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            wakes: watch::Sender::new(0),
            is_looking: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Feed {
    /// Something new is in the table: whoever waits has a look at once.
    pub fn announce(&self) {
        let mut state = self.lock();
        state.notices += 1;
        state.looked = None;
        drop(state);
        self.wake();
    }

    /// Nobody waits any more: the server stops.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        self.wakes.send_modify(|wakes| *wakes = wakes.wrapping_add(1));
    }

    /// The last number, as of a moment ago.
    ///
    /// # Errors
    /// When the database does not answer: what it holds is not known then.
    pub(crate) async fn head(&self, app: &App) -> Result<i64> {
        let mut wakes = self.wakes.subscribe();
        loop {
            if let Some(outcome) = self.known_head() {
                return outcome;
            }
            if let Some(_turn) = self.take_turn() {
                let notices = self.lock().notices;
                let outcome = self.look(app).await;
                let mut state = self.lock();
                // Something came in the meantime, perhaps too late to be seen: the next one looks again.
                if state.notices == notices {
                    state.looked = Some(Look { at: Instant::now(), is_good: outcome.is_ok() });
                }
                return outcome;
            }
            // Ours is never the last receiver's end: the sender is ours too.
            let _ = wakes.changed().await;
        }
    }

    fn known_head(&self) -> Option<Result<i64>> {
        let state = self.lock();
        let look = state.looked.filter(|look| look.at.elapsed() < LOOK_EVERY)?;
        match state.head {
            Some(head) if look.is_good => Some(Ok(head)),
            _ if look.is_good => None,
            _ => Some(Err(codes::DATABASE_UNAVAILABLE.unavailable())),
        }
    }

    async fn look(&self, app: &App) -> Result<i64> {
        let known = self.lock().head;
        let mut db = app.store.db().await?;
        let last = db.last_revocation().await?;
        let limit = i64::try_from(RECENT + 1).unwrap_or(i64::MAX);
        let new = match known {
            Some(known) if last > known => {
                db.list_revocations(known, app.clock.now().seconds(), limit).await?
            }
            _ => Vec::new(),
        };
        drop(db);
        let mut state = self.lock();
        state.take_over(known, last, new);
        Ok(state.head.unwrap_or(last))
    }

    /// What there is after a number that is not greater than `head` is read from memory if it is all there.
    pub(crate) async fn batch(&self, app: &App, after: i64, head: i64, now: Timestamp) -> Result<Batch> {
        if after > head {
            return Ok(Batch { entries: Vec::new(), next: 0, more: false, reset: true });
        }
        let recent = self.lock().recent_after(after, now);
        let mut entries = match recent {
            Some(entries) => entries,
            None => {
                let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
                app.store.db().await?.list_revocations(after, now.seconds(), limit).await?
            }
        };
        let more = entries.len() > PAGE;
        entries.truncate(PAGE);
        let last = entries.last().map_or(after, |entry| entry.number);
        let next = if more { last } else { last.max(head) };
        Ok(Batch { entries, next, more, reset: false })
    }

    /// An answer that was signed for somebody else a moment ago.
    pub(crate) fn signed(&self, key: &PageKey, now: Timestamp) -> Option<Page> {
        let is_new = |page: &Page| (0..SIGNED_FOR).contains(&(now.seconds() - page.signed_at.seconds()));
        let state = self.lock();
        state.signed.iter().find(|(it, page)| it == key && is_new(page)).map(|(_, page)| page.clone())
    }

    pub(crate) fn keep_signed(&self, key: PageKey, page: Page) {
        let mut state = self.lock();
        state.signed.retain(|(it, _)| *it != key);
        if state.signed.len() >= SIGNED {
            state.signed.pop_front();
        }
        state.signed.push_back((key, page));
    }

    /// A place among those who wait, if there is one left.
    pub(crate) fn seat(&self) -> Option<Seat<'_>> {
        if self.is_closing.load(Ordering::Acquire) {
            return None;
        }
        let seat = Seat { feed: self, wakes: self.wakes.subscribe() };
        let taken = self.waiting.fetch_add(1, Ordering::AcqRel);
        (taken < MAX_WAITING).then_some(seat)
    }

    fn take_turn(&self) -> Option<Turn<'_>> {
        let begin = self.is_looking.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        begin.ok().map(|_| Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_over(&mut self, known: Option<i64>, last: i64, new: Vec<Entry>) {
        let is_next = known.is_some_and(|known| last >= known) && new.len() <= RECENT;
        if !is_next {
            self.recent.clear();
            self.floor = last;
            self.head = Some(last);
            return;
        }
        let newest = new.last().map_or(last, |entry| entry.number);
        self.head = Some(last.max(newest));
        self.recent.extend(new);
        while self.recent.len() > RECENT {
            self.floor = self.recent.pop_front().map_or(self.floor, |entry| entry.number);
        }
    }

    fn recent_after(&self, after: i64, now: Timestamp) -> Option<Vec<Entry>> {
        if after < self.floor || self.head.is_none() {
            return None;
        }
        let begin = self.recent.partition_point(|entry| entry.number <= after);
        let live = self.recent.range(begin..).filter(|entry| entry.expires_at > now.seconds());
        Some(live.take(PAGE + 1).cloned().collect())
    }
}

/// Whoever holds it reads the table. Dropping it, for whatever reason, makes way for the next.
struct Turn<'a>(&'a Feed);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.is_looking.store(false, Ordering::Release);
        self.0.wake();
    }
}

/// A place among those who wait.
pub(crate) struct Seat<'a> {
    feed: &'a Feed,
    wakes: watch::Receiver<u64>,
}

impl Seat<'_> {
    /// Waits until it is time for another look, or for the answer. False: the server stops.
    pub(crate) async fn wait(&mut self, left: Duration) -> bool {
        let look = tokio::time::timeout(left.min(LOOK_EVERY), self.wakes.changed());
        let _ = look.await;
        !self.feed.is_closing.load(Ordering::Acquire)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.feed.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

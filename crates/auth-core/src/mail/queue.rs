//! The bounded queue between requests and the mail server, and the thread that empties it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth_jose::{Clock, Entropy, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::carrier::Carrier;
use super::smtp::{Failure, Prepared};
use super::{Message, codes};
use crate::error::ErrorCode;

/// Deliveries at a time: one mail server that hangs must not hold up every mail behind it.
const AT_ONCE: usize = 4;

/// How often waiting mail looks at the clock, which a test moves and a suspended machine jumps.
const LOOK_AT_CLOCK: Duration = Duration::from_millis(200);

/// What became of mail since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailCounts {
    /// Taken by the mail server.
    pub sent: u64,
    /// Tries that failed and are repeated.
    pub retried: u64,
    /// Dropped because the queue was full.
    pub dropped: u64,
    /// Given up: refused for good, or the last try failed.
    pub failed: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    sent: AtomicU64,
    retried: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> MailCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        MailCounts {
            sent: read(&self.sent),
            retried: read(&self.retried),
            dropped: read(&self.dropped),
            failed: read(&self.failed),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::SeqCst);
}

/// Mail that waits, is under way, or waits for another try.
pub(super) struct Queue {
    orders: mpsc::UnboundedSender<Order>,
    depth: Arc<watch::Sender<usize>>,
    capacity: usize,
    counters: Arc<Counters>,
}

enum Order {
    Take(Box<Job>),
    /// The server stops: try everything once more, now.
    Hurry,
}

struct Job {
    message: Message,
    prepared: Option<Prepared>,
    tries: u32,
    _place: Place,
}

/// One place in the queue, free again when its mail is done with, whatever became of it.
struct Place(Arc<watch::Sender<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.send_modify(|depth| *depth = depth.saturating_sub(1));
    }
}

impl Queue {
    /// Starts the thread that delivers. It ends when the queue is dropped.
    pub(super) fn start(
        carrier: Carrier,
        capacity: usize,
        attempts: u32,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (orders, incoming) = mpsc::unbounded_channel();
        let worker = Worker {
            carrier: Arc::new(carrier),
            attempts,
            clock,
            entropy,
            counters: counters.clone(),
            ready: VecDeque::new(),
            waiting: Vec::new(),
            hurry: false,
        };
        std::thread::Builder::new().name("mail".to_owned()).spawn(move || {
            runtime.block_on(worker.run(incoming));
            // A name that is still being looked up must not keep the thread.
            runtime.shutdown_background();
        })?;
        Ok(Self { orders, depth: Arc::new(watch::Sender::new(0)), capacity, counters })
    }

    pub(super) fn take(&self, message: Message) {
        let kind = message.kind.name();
        let has_place = self.depth.send_if_modified(|depth| {
            let has_place = *depth < self.capacity;
            *depth += usize::from(has_place);
            has_place
        });
        if !has_place {
            count(&self.counters.dropped);
            log(codes::MAIL_QUEUE_FULL, kind, "mail.queue");
            return;
        }
        let job = Box::new(Job { message, prepared: None, tries: 0, _place: Place(self.depth.clone()) });
        if self.orders.send(Order::Take(job)).is_err() {
            count(&self.counters.failed);
            log(codes::MAIL_LOST, kind, "the thread that delivers has ended");
        }
    }

    /// Waits until nothing is left, for `limit` at most. Gives what is left.
    pub(super) async fn drain(&self, limit: Duration) -> usize {
        // Without a thread nothing will leave any more, which the depth says.
        let _ = self.orders.send(Order::Hurry);
        let mut depth = self.depth.subscribe();
        let _ = tokio::time::timeout(limit, depth.wait_for(|depth| *depth == 0)).await;
        let left = *depth.borrow();
        if left > 0 {
            tracing::error!(id = codes::MAIL_LOST.id, left, "{}", codes::MAIL_LOST.message);
        }
        left
    }
}

fn log(code: ErrorCode, kind: &str, reason: &str) {
    tracing::error!(id = code.id, kind, reason, "{}", code.message);
}

struct Worker {
    carrier: Arc<Carrier>,
    attempts: u32,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    counters: Arc<Counters>,
    ready: VecDeque<Box<Job>>,
    waiting: Vec<(Timestamp, Box<Job>)>,
    hurry: bool,
}

impl Worker {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut under_way = JoinSet::new();
        loop {
            self.wake();
            while under_way.len() < AT_ONCE {
                let Some(job) = self.ready.pop_front() else { break };
                under_way.spawn(self.attempt(job));
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Take(job)) => self.ready.push_back(job),
                    Some(Order::Hurry) => self.hurry = true,
                    None => return,
                },
                Some(done) = under_way.join_next() => match done {
                    Ok((job, result)) => self.conclude(job, result),
                    Err(error) => {
                        count(&self.counters.failed);
                        log(codes::MAIL_UNDELIVERED, "any", &error.to_string());
                    }
                },
                () = tokio::time::sleep(LOOK_AT_CLOCK), if !self.waiting.is_empty() => {}
            }
        }
    }

    /// Moves mail whose time has come to the others that are ready.
    fn wake(&mut self) {
        let now = self.clock.now();
        let hurry = self.hurry;
        self.ready.extend(self.waiting.extract_if(.., |(due, _)| hurry || *due <= now).map(|(_, job)| job));
    }

    fn attempt(&self, mut job: Box<Job>) -> impl Future<Output = (Box<Job>, Result<(), Failure>)> + use<> {
        let (carrier, now, entropy) = (self.carrier.clone(), self.clock.now(), self.entropy.clone());
        async move {
            job.tries += 1;
            let result = carrier.deliver(&job.message, &mut job.prepared, now, &*entropy).await;
            (job, result)
        }
    }

    fn conclude(&mut self, job: Box<Job>, result: Result<(), Failure>) {
        let kind = job.message.kind.name();
        match result {
            Ok(()) => count(&self.counters.sent),
            Err(Failure::Permanent(reason)) => {
                count(&self.counters.failed);
                log(codes::MAIL_REFUSED, kind, &reason);
            }
            Err(Failure::Transient(reason)) if self.hurry || job.tries >= self.attempts => {
                count(&self.counters.failed);
                log(codes::MAIL_UNDELIVERED, kind, &reason);
            }
            Err(Failure::Transient(reason)) => {
                let pause = pause_after(job.tries);
                count(&self.counters.retried);
                tracing::warn!(
                    kind,
                    reason,
                    tries = job.tries,
                    pause,
                    "a mail did not leave; it is tried again"
                );
                self.waiting.push((self.clock.now().plus_seconds(pause), job));
            }
        }
    }
}

/// Seconds from a failed try to the next: 5, 20, 80, 320, then 600. A server that greylists wants a few minutes.
fn pause_after(tries: u32) -> i64 {
    5_i64.saturating_mul(4_i64.saturating_pow(tries.saturating_sub(1))).min(600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_minutes() {
        assert_eq!([1, 2, 3, 4, 5, 6, 1000].map(pause_after), [5, 20, 80, 320, 600, 600, 600]);
    }
}

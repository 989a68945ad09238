//! The threads that hash, and the queue in front of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::Block;
use tokio::sync::oneshot;

use super::HashError;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// A thread's working memory, kept from one hash to the next: fresh memory costs as much as the hash.
pub(super) struct Memory {
    blocks: Vec<Block>,
    /// What is kept; a stored hash may need more for a moment.
    resident: usize,
}

impl Memory {
    fn new(resident: usize) -> Self {
        Self { blocks: vec![Block::default(); resident], resident }
    }

    /// Lends out `count` blocks.
    pub(super) fn with_blocks<T>(&mut self, count: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::default());
        }
        let result = work(self.blocks.get_mut(..count).unwrap_or_default());
        self.blocks.truncate(self.resident);
        self.blocks.shrink_to(self.resident);
        result
    }
}

/// Threads that take jobs from one bounded queue and end when the pool is dropped.
pub(super) struct Pool {
    queue: SyncSender<Job>,
}

impl Pool {
    /// Starts `threads` threads, each with `resident` blocks of memory.
    pub(super) fn start(threads: usize, queue: usize, resident: usize) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(queue.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            let name = format!("password-hash-{number}");
            thread::Builder::new().name(name).spawn(move || work(&receiver, Memory::new(resident)))?;
        }
        Ok(Self { queue: sender })
    }

    /// Runs `work` on one of the threads. When the caller goes away before its turn, nothing is run.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            if !reply.is_closed() {
                // The caller may have gone away meanwhile; then nobody wants the answer.
                let _ = reply.send(work(memory));
            }
        });
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(HashError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(HashError::Failed),
        }
        answer.await.ok().ok_or(HashError::Failed)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, mut memory: Memory) {
    loop {
        // The lock is held while waiting: the thread that holds it takes the next job.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else {
            return;
        };
        // A job that panics has dropped its reply, which the caller sees; the thread goes on.
        if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
            tracing::error!("a password hash panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_beyond_the_usual_is_given_back() {
        let mut memory = Memory::new(16);
        for count in [8, 16, 64, 4] {
            assert_eq!(memory.with_blocks(count, |blocks| blocks.len()), count);
            assert_eq!(memory.blocks.len(), 16);
        }
        assert!(memory.blocks.capacity() < 64);
    }
}

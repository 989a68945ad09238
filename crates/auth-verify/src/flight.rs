//! One request at a time, however many wait for it, and not more of them than there are seats.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Flight(Arc<Inner>);

struct Inner {
    is_airborne: AtomicBool,
    landings: watch::Sender<u64>,
}

impl Flight {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { is_airborne: AtomicBool::new(false), landings: watch::Sender::new(0) }))
    }

    /// The right to send the one request, unless somebody else has it.
    pub(crate) fn take_off(&self) -> Option<Pilot> {
        let begin = self.0.is_airborne.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire);
        begin.ok().map(|_| Pilot(self.clone()))
    }

    /// Changes with each landing from now on.
    pub(crate) fn landings(&self) -> watch::Receiver<u64> {
        self.0.landings.subscribe()
    }
}

/// Whoever holds it is the one that asks. Dropping it, for whatever reason, wakes all who wait.
pub(crate) struct Pilot(Flight);

impl Drop for Pilot {
    fn drop(&mut self) {
        let Flight(inner) = &self.0;
        inner.is_airborne.store(false, Ordering::Release);
        inner.landings.send_modify(|landings| *landings = landings.wrapping_add(1));
    }
}

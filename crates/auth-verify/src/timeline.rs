//! Durations that a clock which is set back cannot stretch.
//!
//! The injected clock shows the time of day, which an operator or NTP may set back. Ages, cooldowns and
//! the end of remembered tokens are measured in ticks instead: milliseconds that advance with the clock,
//! pass over every backward jump, and never decrease. A jump forward counts as time that has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use auth_jose::{Clock, Timestamp};

/// Backward steps up to this long are waited out instead of passed over.
const JITTER_MILLIS: i64 = 1_000;

/// How far the shared high-water mark may lag behind, so that readers seldom write to it.
const GRAIN_MILLIS: i64 = 50;

/// One reading of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The time of day, to judge tokens by.
    pub(crate) wall: Timestamp,
    /// Milliseconds on the timeline, to measure durations by.
    pub(crate) tick: i64,
}

pub(crate) struct Timeline {
    clock: Arc<dyn Clock>,
    /// What all backward jumps so far add up to.
    offset: AtomicI64,
    latest: AtomicI64,
    was_set_back: AtomicBool,
}

impl Timeline {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now().millis();
        Self {
            clock,
            offset: AtomicI64::new(0),
            latest: AtomicI64::new(start),
            was_set_back: AtomicBool::new(false),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        let wall = self.clock.now();
        let offset = self.offset.load(Ordering::Relaxed);
        let latest = self.latest.load(Ordering::Relaxed);
        let tick = wall.millis().saturating_add(offset);
        if tick >= latest {
            if tick - latest >= GRAIN_MILLIS {
                self.latest.fetch_max(tick, Ordering::Relaxed);
            }
            return Moment { wall, tick };
        }
        if latest - tick > JITTER_MILLIS {
            self.was_set_back.store(true, Ordering::Relaxed);
            let passed_over = offset.saturating_add(latest - tick);
            // Of several threads that see one jump, the first one passes over it.
            let _ = self.offset.compare_exchange(offset, passed_over, Ordering::Relaxed, Ordering::Relaxed);
        }
        Moment { wall, tick: latest }
    }

    /// What all backward jumps so far add up to, in milliseconds.
    pub(crate) fn set_back(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    /// Whether the clock ever jumped back.
    pub(crate) fn was_set_back(&self) -> bool {
        self.was_set_back.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use auth_jose::clock::ManualClock;

    use super::*;

    fn timeline() -> (Arc<ManualClock>, Timeline) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1_893_456_000)));
        let timeline = Timeline::new(Arc::<ManualClock>::clone(&clock));
        (clock, timeline)
    }

    #[test]
    fn advances_with_the_clock() {
        let (clock, timeline) = timeline();
        let start = timeline.now();
        clock.advance(90);
        let later = timeline.now();
        assert_eq!((later.tick - start.tick, later.wall), (90_000, start.wall.plus_seconds(90)));
        assert!(!timeline.was_set_back());
    }

    #[test]
    fn neither_turns_back_nor_stands_still_when_the_clock_is_set_back() {
        let (clock, timeline) = timeline();
        let start = timeline.now();
        for round in 1..=3 {
            clock.advance(10);
            let before = timeline.now();
            clock.advance(-86_400);
            let after = timeline.now();
            assert_eq!(after.tick, before.tick, "round {round}");
            assert_eq!(after.wall, before.wall.plus_seconds(-86_400));
            clock.advance(5);
            assert_eq!(timeline.now().tick, after.tick + 5_000, "round {round}");
        }
        assert_eq!(timeline.now().tick - start.tick, 45_000);
        assert!(timeline.was_set_back());
    }

    #[test]
    fn waits_out_a_small_step_back() {
        let (clock, timeline) = timeline();
        clock.advance(10);
        let before = timeline.now();
        clock.advance(-1);
        assert_eq!(timeline.now().tick, before.tick);
        clock.advance(2);
        assert_eq!(timeline.now().tick, before.tick + 1_000);
        assert!(!timeline.was_set_back());
    }
}

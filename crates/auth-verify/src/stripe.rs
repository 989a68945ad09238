//! Places for what every call writes: threads that write to one place wait for each other's cache lines.

use std::hash::{Hash, Hasher};

/// Which of 2^`bits` places is this thread's. Threads are numbered as they are made, so those that are made together have
/// places of their own; two that share one are slower and nothing else.
pub(crate) fn of_thread(bits: u32) -> usize {
    let mut number = Number(0);
    std::thread::current().id().hash(&mut number);
    let places = 1_usize.checked_shl(bits).unwrap_or(1);
    usize::try_from(number.0 & 0xffff).unwrap_or(0) % places
}

/// Keeps what is hashed: a thread's id shows its number in no other way.
struct Number(u64);

impl Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn stays_within_its_places() {
        for bits in 0..=6 {
            assert!(of_thread(bits) < 1 << bits, "{bits}");
        }
    }

    #[test]
    fn a_thread_keeps_its_place_and_others_have_others() {
        let barrier = std::sync::Barrier::new(8);
        let places: HashSet<_> = std::thread::scope(|scope| {
            let place = || {
                barrier.wait();
                let place = of_thread(6);
                assert_eq!(of_thread(6), place);
                place
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(place)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // Other tests make threads meanwhile.
        assert!(places.len() >= 4, "{places:?}");
    }
}

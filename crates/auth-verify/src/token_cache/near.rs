//! The tokens that a thread has seen of late, in front of the cache that all threads share.
//!
//! moka notes each read in one queue, so that readers on several cores wait for each other's cache lines: a hit takes
//! several times as long on two as on one. Here each thread writes to a place of its own (docs/adr/0012).

use std::sync::Mutex;

use super::{Entry, Key};
use crate::stripe;

/// The shared cache is asked instead of every so manieth answer, to learn which tokens are in use.
const ASK_EVERY: u32 = 64;

const MOST_SLOTS: usize = 1_024;

/// 2^this places.
const MOST_BITS: u32 = 6;

/// The slots that one key may be in: with one alone, two tokens in turns would push each other out.
const WAYS: usize = 4;

pub(super) struct Near {
    bits: u32,
    places: Box<[Place]>,
}

/// On cache lines of its own.
#[repr(align(128))]
struct Place(Mutex<Slots>);

struct Slots {
    sets: Box<[Set]>,
    /// Which slot of a set that is full is given up next.
    next: usize,
}

type Set = [Option<Slot>; WAYS];

struct Slot {
    key: Key,
    entry: Entry,
    answers: u32,
}

impl Near {
    /// Room for `capacity` tokens at most, all threads together.
    pub(super) fn new(capacity: usize) -> Self {
        // More places than threads at work, so that few share one.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let bits = threads.saturating_mul(4).next_power_of_two().ilog2().min(MOST_BITS);
        let sets = (capacity >> bits).min(MOST_SLOTS) / WAYS;
        let place = |_| {
            let sets = (0..sets).map(|_| [const { None }; WAYS]).collect();
            Place(Mutex::new(Slots { sets, next: 0 }))
        };
        Self { bits, places: (0..1 << bits).map(place).collect() }
    }

    /// What was put under the key, unless it is the shared cache's turn.
    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        // Never waits: whoever shares the place asks the shared cache meanwhile.
        let mut slots = self.place()?.try_lock().ok()?;
        let slot = slots.set(key)?.iter_mut().flatten().find(|slot| slot.key == *key)?;
        slot.answers = slot.answers.wrapping_add(1);
        (slot.answers % ASK_EVERY != 0).then(|| slot.entry.clone())
    }

    pub(super) fn put(&self, key: Key, entry: Entry) {
        let Some(Ok(mut slots)) = self.place().map(Mutex::try_lock) else { return };
        slots.next = slots.next.wrapping_add(1);
        let next = slots.next % WAYS;
        let Some(set) = slots.set(&key) else { return };
        let is_own = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.key == key);
        let way = set.iter().position(is_own).or_else(|| set.iter().position(Option::is_none));
        let Some(slot) = set.get_mut(way.unwrap_or(next)) else { return };
        let before = slot.replace(Slot { key, entry, answers: 0 });
        drop(slots);
        // Perhaps the last of its kind, and of a type that takes long to drop.
        drop(before);
    }

    fn place(&self) -> Option<&Mutex<Slots>> {
        self.places.get(stripe::of_thread(self.bits)).map(|Place(slots)| slots)
    }
}

impl Slots {
    fn set(&mut self, key: &Key) -> Option<&mut Set> {
        // Other bytes than the shared cache goes by.
        let [.., a, b] = key.token;
        let index = usize::from(u16::from_le_bytes([a, b])).checked_rem(self.sets.len())?;
        self.sets.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::sync::Arc;

    use auth_jose::Timestamp;

    use super::super::{Validity, digest};
    use super::*;

    fn key(token: &str) -> Key {
        Key { token: digest(token), claims: TypeId::of::<()>() }
    }

    fn entry() -> Entry {
        let valid_from = Timestamp::from_seconds(0);
        let validity = Validity { epoch: 0, generation: 0, valid_from, dies_at: i64::MAX };
        Entry { verified: Arc::new(()), validity }
    }

    #[test]
    fn answers_with_what_was_put_and_leaves_the_shared_cache_a_turn() {
        let near = Near::new(10_000);
        assert!(near.get(&key("a")).is_none());
        near.put(key("a"), entry());
        let answers = (0..ASK_EVERY).filter(|_| near.get(&key("a")).is_some()).count();
        assert_eq!(answers, 63);
        assert!(near.get(&key("b")).is_none());
        let other_claims = Key { claims: TypeId::of::<u8>(), ..key("a") };
        assert!(near.get(&other_claims).is_none());
    }

    #[test]
    fn holds_no_more_than_there_is_room_for() {
        for capacity in [0, 1, 63, 64, 1_000, 1_000_000] {
            let near = Near::new(capacity);
            for token in 0..2_000 {
                near.put(key(&token.to_string()), entry());
            }
            let room: usize = near.places.iter().map(|place| place.0.lock().unwrap().sets.len() * WAYS).sum();
            assert!(room <= capacity && room <= MOST_SLOTS << MOST_BITS, "{capacity}: {room}");
            let held = (0..2_000).filter(|token| near.get(&key(&token.to_string())).is_some()).count();
            assert!(held <= capacity, "{capacity}: {held}");
        }
    }

    #[test]
    fn keeps_as_many_tokens_as_a_set_has_slots() {
        let near = Near::new(WAYS << MOST_BITS);
        let (bits, sets) = (near.bits, near.places[0].0.lock().unwrap().sets.len());
        assert!(sets >= 1, "{bits}");
        // All in one set: the last two bytes decide.
        let same_set: Vec<Key> = (0..=4)
            .map(|n| Key { token: [n; 32], claims: TypeId::of::<()>() })
            .map(|mut key| {
                key.token[30..].fill(0);
                key
            })
            .collect();
        for key in &same_set[..WAYS] {
            near.put(*key, entry());
        }
        assert!(same_set[..WAYS].iter().all(|key| near.get(key).is_some()));
        near.put(same_set[WAYS], entry());
        assert!(near.get(&same_set[WAYS]).is_some());
        assert_eq!(same_set.iter().filter(|key| near.get(key).is_some()).count(), WAYS);
    }

    #[test]
    fn gives_back_what_it_replaces() {
        let near = Near::new(10_000);
        let one = entry();
        near.put(key("a"), one.clone());
        assert_eq!(Arc::strong_count(&one.verified), 2);
        near.put(key("a"), entry());
        assert_eq!(Arc::strong_count(&one.verified), 1);
    }
}

//! A map with a maximum number of entries that is read without a lock.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use papaya::HashMap;

use super::fingerprint::{BuildOwn, Fingerprint};

/// Maximum number of entries spared in a row: readers can use entries as fast as they are examined.
const SPARED: usize = 16;

/// Every thread reads for every call, so a lookup writes to nothing that another lookup writes to:
/// no lock, no counter, and the mark of a used entry only once. Entries are evicted in the order of
/// their insertion, but an entry that was used since is spared once (CLOCK).
pub(super) struct Bounded<V> {
    entries: HashMap<Fingerprint, Entry<V>, BuildOwn>,
    order: Mutex<Order>,
    most: usize,
}

struct Entry<V> {
    value: V,
    /// Its place in the order. The number can repeat after four billion: an entry is then evicted early.
    place: u32,
    used: AtomicBool,
}

/// The order of the entries. Its lock is held for every change of the entries.
#[derive(Default)]
struct Order {
    /// The oldest entry is first. The position of a removed entry stays until its turn.
    places: VecDeque<(Fingerprint, u32)>,
    next: u32,
}

impl<V> Bounded<V> {
    pub(super) fn new(most: usize) -> Self {
        let entries = HashMap::with_hasher(BuildOwn::default());
        Self { entries, order: Mutex::default(), most }
    }

    /// Returns the result of `look` for the entry, if there is one.
    pub(super) fn get<T>(&self, key: &Fingerprint, look: impl FnOnce(&V) -> T) -> Option<T> {
        let entries = self.entries.pin();
        let entry = entries.get(key)?;
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(look(&entry.value))
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn insert(&self, key: Fingerprint, value: V) {
        let mut order = self.order();
        let entries = self.entries.pin();
        let place = match entries.get(&key) {
            Some(before) => before.place,
            None => order.append(key),
        };
        entries.insert(key, Entry { value, place, used: AtomicBool::new(false) });
        let mut spared = 0;
        while order.places.len() > self.most {
            let Some((oldest, place)) = order.places.pop_front() else { return };
            let Some(entry) = entries.get(&oldest).filter(|entry| entry.place == place) else {
                continue;
            };
            if spared < SPARED && entry.used.swap(false, Ordering::Relaxed) {
                spared += 1;
                order.places.push_back((oldest, place));
            } else {
                entries.remove(&oldest);
            }
        }
    }

    pub(super) fn remove(&self, key: &Fingerprint) {
        let _order = self.order();
        self.entries.pin().remove(key);
    }

    pub(super) fn clear(&self) {
        let mut order = self.order();
        self.entries.pin().clear();
        order.places.clear();
    }

    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn append(&mut self, key: Fingerprint) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.places.push_back((key, self.next));
        self.next
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::{super::fingerprint::Fingerprints, *};

    fn key(name: usize) -> Fingerprint {
        static FINGERPRINTS: LazyLock<Fingerprints> = LazyLock::new(Fingerprints::new);
        FINGERPRINTS.of(&name.to_string())
    }

    fn holds(map: &Bounded<usize>, name: usize) -> bool {
        map.get(&key(name), |value| assert_eq!(*value, name)).is_some()
    }

    #[test]
    fn there_are_never_more_than_so_many_whatever_is_removed_and_comes_back() {
        for most in [0, 1, 100] {
            let map = Bounded::new(most);
            for name in 0..1_000 {
                map.insert(key(name), name);
                if name % 3 == 0 {
                    map.remove(&key(name));
                    map.insert(key(name), name);
                }
                assert!(map.entries.len() <= most && map.order().places.len() <= most);
            }
            assert!(most == 0 || holds(&map, 999));
        }
    }

    #[test]
    fn an_entry_with_five_words_takes_one_line_of_the_processors_cache() {
        assert_eq!(size_of::<(Fingerprint, Entry<[u64; 5]>)>(), 64);
    }

    #[test]
    fn what_is_in_use_stays_while_others_come_and_go() {
        let map = Bounded::new(100);
        map.insert(key(0), 0);
        for name in 1..10_000 {
            map.insert(key(name), name);
            assert!(holds(&map, 0), "{name}");
        }
        assert!(!holds(&map, 1) && holds(&map, 9_999));
    }

    #[test]
    fn something_makes_room_even_if_all_of_it_is_in_use() {
        let map = Bounded::new(100);
        for name in 0..1_000 {
            map.insert(key(name), name);
            (0..=name).for_each(|name| _ = holds(&map, name));
        }
        assert_eq!(map.entries.len(), 100);
    }

    #[test]
    fn nothing_is_left_once_it_is_cleared_and_the_order_begins_anew() {
        let map = Bounded::new(10);
        (0..10).for_each(|name| map.insert(key(name), name));
        map.clear();
        assert!((0..10).all(|name| !holds(&map, name)));
        (10..20).for_each(|name| map.insert(key(name), name));
        assert!((10..20).all(|name| holds(&map, name)));
    }
}

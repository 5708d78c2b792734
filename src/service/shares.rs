//! A bounded number of places, of which nobody holds more than are left free.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::holder::Holder;

/// Returns whether a holder of `held` may have one more of what is `free`. A holder of none may
/// have the last one; a single holder gets half of all, and the next half of the rest.
pub(super) const fn fair(held: usize, free: usize) -> bool {
    held < free
}

/// So many places. A holder of none takes no memory.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by: HashMap<Holder, usize>,
}

impl Shares {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// Takes a place; `None` when there is none, or the holder has as many as are free.
    pub(super) fn take(self: &Arc<Self>, holder: Holder) -> Option<Share> {
        let mut taken = self.lock();
        let free = self.most - taken.total;
        let held = taken.by.get(&holder).copied().unwrap_or(0);
        if !fair(held, free) {
            return None;
        }
        taken.total += 1;
        taken.by.insert(holder, held + 1);
        drop(taken);
        Some(Share { shares: Arc::clone(self), holder })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing under the lock can panic halfway.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    holder: Holder,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        taken.total -= 1;
        if let Some(held) = taken.by.get_mut(&self.holder) {
            *held -= 1;
            if *held == 0 {
                taken.by.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn all(shares: &Arc<Shares>, name: &str) -> Vec<Share> {
        iter::from_fn(|| shares.take(Holder::claimed(name))).collect()
    }

    #[test]
    fn nobody_takes_more_than_is_left_to_the_others() {
        let shares = Arc::new(Shares::new(64));
        let greedy = all(&shares, "a");
        assert_eq!(greedy.len(), 32);
        let second = all(&shares, "b");
        assert_eq!(second.len(), 16);
        // Later holders still find a place.
        for name in ["c", "d", "e"] {
            assert!(shares.take(Holder::claimed(name)).is_some(), "{name}");
        }
        drop(greedy);
        assert_eq!(all(&shares, "c").len(), 24);
    }

    #[test]
    fn of_two_places_two_holders_have_one_each_and_of_one_anybody() {
        let two = Arc::new(Shares::new(2));
        let (first, second) = (all(&two, "a"), all(&two, "b"));
        assert_eq!((first.len(), second.len()), (1, 1));
        assert_eq!(all(&Arc::new(Shares::new(1)), "a").len(), 1);
    }

    #[test]
    fn whoever_holds_nothing_takes_no_memory() {
        let shares = Arc::new(Shares::new(8));
        drop((all(&shares, "a"), all(&shares, "b")));
        assert!(shares.lock().by.is_empty() && shares.lock().total == 0);
    }
}

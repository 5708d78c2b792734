//! Ranks the secrets that wait at a place of many wrong ones by how often they have come back: a client comes
//! back with its own secret, a guesser has to come with another.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::service::{hashing::verified::Proof, holder::Holder};

/// Secrets whose returns are counted, in each of two halves: one that is shown again is known unless as many
/// others were shown meanwhile. Both take 3 MiB at most, where somebody shows so many.
const COUNTED: usize = 28_000;

/// Most secrets that have come equally often and wait at one place. More would not have their turn.
const MOST_ALIKE: usize = 8;

/// Counts how often each secret has come, and those that wait by that number.
pub(in crate::service) struct Returns {
    times: Mutex<Times>,
    /// By place: the number that wait for each count.
    waiting: Mutex<HashMap<Holder, BTreeMap<u32, usize>>>,
}

/// Counts how often each secret has come. When the younger half is full it becomes the older one.
#[derive(Default)]
struct Times {
    young: HashMap<Proof, u32>,
    old: HashMap<Proof, u32>,
}

impl Times {
    /// Counts the secret once more, and returns its count.
    fn count(&mut self, secret: Proof) -> u32 {
        if self.young.len() >= COUNTED {
            self.old = mem::take(&mut self.young);
        }
        let before = self.young.get(&secret).or_else(|| self.old.get(&secret));
        let times = before.copied().unwrap_or(0).saturating_add(1);
        self.young.insert(secret, times);
        times
    }
}

impl Returns {
    pub(in crate::service) fn new() -> Self {
        Self { times: Mutex::default(), waiting: Mutex::default() }
    }

    /// Counts that a secret is shown, and lets it wait at `place`. `None` if others wait that have come more
    /// often, or enough that have come as often: the caller is asked to retry.
    pub(in crate::service) fn wait(&self, place: Holder, secret: Proof) -> Option<Waiting<'_>> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner).count(secret);
        let mut waiting = self.lock();
        let line = waiting.entry(place).or_default();
        let alike = line.get(&times).copied().unwrap_or(0);
        // A secret is turned away only if another waits: no empty line stays.
        if alike >= MOST_ALIKE || most(line) > times {
            return None;
        }
        line.insert(times, alike + 1);
        drop(waiting);
        Some(Waiting { returns: self, place, times })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, BTreeMap<u32, usize>>> {
        // Nothing under the lock can panic halfway.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn most(line: &BTreeMap<u32, usize>) -> u32 {
    line.last_key_value().map_or(0, |(times, _)| *times)
}

/// A secret that waits, until it is dropped.
pub(in crate::service) struct Waiting<'a> {
    returns: &'a Returns,
    place: Holder,
    times: u32,
}

impl Waiting<'_> {
    /// Returns whether no secret that waits there has come more often.
    pub(in crate::service) fn is_first(&self) -> bool {
        self.returns.lock().get(&self.place).is_none_or(|line| most(line) <= self.times)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.returns.lock();
        let Some(line) = waiting.get_mut(&self.place) else { return };
        if let Some(alike) = line.get_mut(&self.times) {
            *alike -= 1;
            if *alike == 0 {
                line.remove(&self.times);
            }
        }
        if line.is_empty() {
            waiting.remove(&self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Holder {
        Holder::claimed("a client").and(Holder::address(None))
    }

    #[test]
    fn what_came_back_goes_before_what_came_once_and_who_leaves_takes_no_memory() {
        let returns = Returns::new();
        let guess = returns.wait(place(), [1; 32]).expect("nobody waits");
        assert!(guess.is_first());
        drop(returns.wait(place(), [2; 32]));
        let again = returns.wait(place(), [2; 32]).expect("it has come back");
        assert!(again.is_first() && !guess.is_first());
        assert!(returns.wait(place(), [3; 32]).is_none(), "it comes for the first time");
        let elsewhere = returns.wait(Holder::claimed("another"), [3; 32]).expect("another place");
        assert!(elsewhere.is_first());
        drop((again, elsewhere));
        assert!(guess.is_first());
        drop(guess);
        assert!(returns.lock().is_empty());
    }

    #[test]
    fn a_few_wait_that_have_come_as_often() {
        let returns = Returns::new();
        let guesses = (0..100).map(|guess| returns.wait(place(), [guess; 32]));
        let waiting: Vec<_> = guesses.flatten().collect();
        assert_eq!(waiting.len(), MOST_ALIKE);
        assert!(returns.wait(place(), [0; 32]).is_some(), "it has come back");
    }

    #[test]
    fn what_comes_back_is_known_among_many_that_do_not_and_ever_so_many_take_no_more_memory() {
        let returns = Returns::new();
        let mut times = 0;
        for number in 0..5 * COUNTED {
            let mut guess = [0; 32];
            guess[..8].copy_from_slice(&number.to_be_bytes());
            drop(returns.wait(place(), guess));
            if number % (COUNTED - 1) == 0 {
                times += 1;
                let waiting = returns.wait(place(), [7; 32]).expect("nobody waits");
                assert_eq!(waiting.times, times);
            }
        }
        let counted = returns.times.lock().expect("nobody panics");
        assert!(counted.young.len() <= COUNTED && counted.old.len() <= COUNTED);
    }
}

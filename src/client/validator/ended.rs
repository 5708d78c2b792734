//! The names that revocations have ended, in the order of the revocations.

use std::{
    collections::VecDeque,
    hash::{BuildHasher as _, Hash, Hasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use papaya::HashMap;

use super::fingerprint::BuildOwn;

/// Maximum number of revocations that are remembered. An answer from before an older one is asked
/// for again, so that 1,000 revocations a second leave answers that are younger than 65 s.
pub(super) const REMEMBERED: usize = 65_536;
/// Spreads a name over 64 bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of revocations that were applied at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

/// The subject of a revocation, such as a grant, hashed under a key of this validator. Two names with
/// the same hash end together, which is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) u32);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.0).wrapping_mul(SPREAD));
    }
}

/// The last revocation of a name.
#[derive(Clone, Copy)]
struct Last {
    position: Position,
    /// Maximum position of the revocation in the feed.
    feed_position: u64,
}

/// What revocations have ended. Looked at without a lock.
pub(super) struct Ended {
    last: HashMap<Name, Last, BuildOwn>,
    /// A [`Position`].
    applied: AtomicU64,
    /// A [`Position`]: revocations up to it are not remembered.
    floor: AtomicU64,
    order: Mutex<Order>,
    key: RandomState,
}

/// The order of revocations and answers. Its lock is held while a revocation is applied and while an
/// answer is stored, never for a lookup.
#[derive(Default)]
pub(super) struct Order {
    /// The remembered revocations, oldest first.
    revocations: VecDeque<Past>,
    /// Position in the feed up to which revocations are not remembered.
    pub(super) forgotten: u64,
}

struct Past {
    name: Name,
    last: Last,
}

impl Ended {
    pub(super) fn new() -> Self {
        Self {
            last: HashMap::with_hasher(BuildOwn::default()),
            applied: AtomicU64::new(0),
            floor: AtomicU64::new(0),
            order: Mutex::default(),
            key: RandomState::new(),
        }
    }

    /// Returns the name of a grant, subject or client.
    pub(super) fn name(&self, kind: &str, id: &str) -> Name {
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let short = self.key.hash_one((kind, id)) as u32;
        Name(short)
    }

    /// Returns the position now.
    pub(super) fn position(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    /// Returns `true` if no revocation after `since` has named any of `names`, as far as that is still
    /// known.
    pub(super) fn spares(&self, since: Position, mut names: impl Iterator<Item = Name>) -> bool {
        if self.position() == since {
            return true;
        }
        let last = self.last.pin();
        let ended = names.any(|name| last.get(&name).is_some_and(|last| last.position > since));
        // Order matters: the floor rises before a name is removed.
        !ended && since.0 >= self.floor.load(Ordering::Acquire)
    }

    /// Returns `true` if a revocation beyond `feed_position` has named any of `names`, as far as that
    /// is still known.
    pub(super) fn named_beyond(
        &self,
        feed_position: u64,
        mut names: impl Iterator<Item = Name>,
    ) -> bool {
        let last = self.last.pin();
        names.any(|name| last.get(&name).is_some_and(|last| last.feed_position > feed_position))
    }

    /// Ends a name. The revocation's position in the feed is at most `feed_position`.
    pub(super) fn end(&self, order: &mut Order, name: Name, feed_position: u64) {
        let position = Position(self.position().0 + 1);
        let names = self.last.pin();
        if order.revocations.len() == REMEMBERED
            && let Some(oldest) = order.revocations.pop_front()
        {
            order.forgotten = oldest.last.feed_position;
            self.floor.store(oldest.last.position.0, Ordering::Release);
            let same = names.get(&oldest.name).map(|last| last.position);
            if same == Some(oldest.last.position) {
                names.remove(&oldest.name);
            }
        }
        let last = Last { position, feed_position };
        names.insert(name, last);
        order.revocations.push_back(Past { name, last });
        // Order matters: whoever sees the position finds the name.
        self.applied.store(position.0, Ordering::Release);
    }

    /// Ends everything. The feed goes on beyond `feed_position`.
    pub(super) fn end_all(&self, order: &mut Order, feed_position: u64) {
        let position = self.position().0 + 1;
        self.floor.store(position, Ordering::Release);
        self.applied.store(position, Ordering::Release);
        order.forgotten = feed_position;
        order.revocations.clear();
        self.last.pin().clear();
    }

    pub(super) fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spared(ended: &Ended, since: Position, name: &str) -> bool {
        ended.spares(since, [ended.name("grant", name)].into_iter())
    }

    #[test]
    fn revocations_are_remembered_by_name_and_bounded_by_number() {
        let ended = Ended::new();
        let before = ended.position();
        for grant in 0..REMEMBERED {
            let name = ended.name("grant", &grant.to_string());
            ended.end(&mut ended.order(), name, 0);
        }
        assert!(!spared(&ended, before, "0") && spared(&ended, before, "-1"));
        assert!(spared(&ended, ended.position(), "0"));
        let name = ended.name("grant", "one more");
        ended.end(&mut ended.order(), name, 0);
        assert!(!spared(&ended, before, "-1"), "the oldest revocation can have named it");
        assert!(spared(&ended, Position(before.0 + 1), "-1"));
        assert!(ended.last.len() <= REMEMBERED && ended.order().revocations.len() == REMEMBERED);
    }

    #[test]
    fn a_name_that_is_ended_again_stays_remembered_when_its_first_end_is_forgotten() {
        let ended = Ended::new();
        let name = ended.name("client", "shop");
        ended.end(&mut ended.order(), name, 0);
        let since = ended.position();
        ended.end(&mut ended.order(), name, 0);
        for other in 2..=REMEMBERED {
            let other = ended.name("grant", &other.to_string());
            ended.end(&mut ended.order(), other, 0);
        }
        assert!(!ended.spares(since, [name].into_iter()));
    }
}

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
/// Maximum difference of the times that a server's instances state, in seconds: all of them judge by one
/// clock, as they know it.
#[cfg(feature = "jwt")]
pub(super) const SKEW: u32 = 2;
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
    #[cfg(feature = "jwt")]
    time: EventTime,
}

/// Time of a revocation by the server's clock, in seconds since 1970. The largest is that of one without a
/// known time, which concerns every token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventTime(pub(super) u32);

impl EventTime {
    /// Time of a revocation whose time is unknown.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);

    /// Returns `true` if the revocation can concern a token that was issued at `issue_time`.
    #[cfg(feature = "jwt")]
    fn concerns(self, issue_time: u32) -> bool {
        issue_time <= self.0.saturating_add(SKEW)
    }
}

/// The ends that revocations have brought. Read without a lock.
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
    /// Time since which every revocation is remembered. `None` if it is unknown.
    complete: Option<EventTime>,
    /// The latest time that was seen: a later revocation has no earlier one, even if the server's clock was
    /// set back.
    latest: EventTime,
}

/// A remembered revocation. Their positions follow one another, the first behind the floor.
struct Past {
    name: Name,
    time: EventTime,
    /// Maximum position of the revocation in the feed.
    feed_position: u64,
}

impl Order {
    /// Notes that every revocation since `time` comes, or is remembered.
    pub(super) fn complete_since(&mut self, time: EventTime) {
        self.complete = Some(time);
    }

    /// Notes a time that a revocation has, or that later ones have at least. Returns the latest.
    pub(super) fn reach(&mut self, time: EventTime) -> EventTime {
        // A time that is unknown once says nothing of the next.
        if time != EventTime::UNKNOWN {
            self.latest = self.latest.max(time);
        }
        self.latest.max(time)
    }

    /// Returns `true` if every revocation since some time is remembered.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete.is_some()
    }
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
        order: &Order,
        feed_position: u64,
        mut names: impl Iterator<Item = Name>,
    ) -> bool {
        let (last, floor) = (self.last.pin(), self.floor.load(Ordering::Acquire));
        let beyond = |last: &Last| {
            let place = last.position.0.checked_sub(floor + 1).map(usize::try_from);
            let past = place.and_then(Result::ok).and_then(|place| order.revocations.get(place));
            past.is_some_and(|past| past.feed_position > feed_position)
        };
        names.any(|name| last.get(&name).is_some_and(beyond))
    }

    /// Returns `true` if no revocation can concern a token that was issued at `issue_time`, in seconds
    /// since 1970, and depends on `names`.
    #[cfg(feature = "jwt")]
    pub(super) fn spares_issued(
        &self,
        order: &Order,
        issue_time: u32,
        mut names: impl Iterator<Item = Name>,
    ) -> bool {
        let last = self.last.pin();
        let complete = order.complete.is_some_and(|complete| !complete.concerns(issue_time));
        let ended = |name| last.get(&name).is_some_and(|last| last.time.concerns(issue_time));
        complete && !names.any(ended)
    }

    /// Ends a name at a time. The revocation's position in the feed is at most `feed_position`.
    pub(super) fn end(&self, order: &mut Order, name: Name, feed_position: u64, time: EventTime) {
        let position = Position(self.position().0 + 1);
        let names = self.last.pin();
        if order.revocations.len() == REMEMBERED
            && let Some(oldest) = order.revocations.pop_front()
        {
            order.forgotten = order.forgotten.max(oldest.feed_position);
            order.complete = order.complete.map(|complete| complete.max(oldest.time));
            let floor = self.floor.fetch_add(1, Ordering::Release) + 1;
            if names.get(&oldest.name).map(|last| last.position) == Some(Position(floor)) {
                names.remove(&oldest.name);
            }
        }
        let last = Last {
            position,
            #[cfg(feature = "jwt")]
            time,
        };
        names.insert(name, last);
        order.revocations.push_back(Past { name, time, feed_position });
        // Order matters: a reader that sees the position finds the name.
        self.applied.store(position.0, Ordering::Release);
    }

    /// Ends everything. The feed goes on beyond `feed_position`, and every revocation since `complete` is
    /// among those that come.
    pub(super) fn end_all(
        &self,
        order: &mut Order,
        feed_position: u64,
        complete: Option<EventTime>,
    ) {
        let position = self.position().0 + 1;
        self.floor.store(position, Ordering::Release);
        self.applied.store(position, Ordering::Release);
        order.forgotten = feed_position;
        order.complete = complete;
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
            ended.end(&mut ended.order(), name, 0, EventTime(100));
        }
        assert!(!spared(&ended, before, "0") && spared(&ended, before, "-1"));
        assert!(spared(&ended, ended.position(), "0"));
        let name = ended.name("grant", "one more");
        ended.end(&mut ended.order(), name, 0, EventTime(100));
        assert!(!spared(&ended, before, "-1"), "the oldest revocation can have named it");
        assert!(spared(&ended, Position(before.0 + 1), "-1"));
        assert!(ended.last.len() <= REMEMBERED && ended.order().revocations.len() == REMEMBERED);
    }

    #[test]
    fn a_name_that_is_ended_again_stays_remembered_when_its_first_end_is_forgotten() {
        let ended = Ended::new();
        let name = ended.name("client", "shop");
        ended.end(&mut ended.order(), name, 0, EventTime(100));
        let since = ended.position();
        ended.end(&mut ended.order(), name, 0, EventTime(100));
        for other in 2..=REMEMBERED {
            let other = ended.name("grant", &other.to_string());
            ended.end(&mut ended.order(), other, 0, EventTime(100));
        }
        assert!(!ended.spares(since, [name].into_iter()));
    }

    #[cfg(feature = "jwt")]
    #[test]
    fn a_token_is_spared_if_it_was_issued_after_every_revocation_that_names_it_and_they_are_complete()
     {
        let ended = Ended::new();
        let spared = |issue_time, name| {
            let names = [ended.name("subject", name)].into_iter();
            ended.spares_issued(&ended.order(), issue_time, names)
        };
        assert!(!spared(1_000, "usr_1"), "nothing is complete");
        ended.order().complete_since(EventTime(500));
        assert!(spared(503, "usr_1") && !spared(502, "usr_1"));
        let name = ended.name("subject", "usr_1");
        ended.end(&mut ended.order(), name, 0, EventTime(1_000));
        assert!(!spared(1_002, "usr_1") && spared(1_003, "usr_1"), "a later login");
        assert!(spared(1_000, "usr_2"));
        for _ in 0..REMEMBERED {
            ended.end(&mut ended.order(), Name(7), 0, EventTime(2_000));
        }
        assert!(!spared(1_002, "usr_2") && spared(1_003, "usr_2"), "the first is forgotten");
        ended.end(&mut ended.order(), name, 0, EventTime::UNKNOWN);
        assert!(!spared(u32::MAX, "usr_1"));
        ended.end_all(&mut ended.order(), 0, None);
        assert!(!spared(u32::MAX - 1, "usr_2"));
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_revocation_older_than_the_one_before_it() {
        let mut order = Order::default();
        assert_eq!(order.reach(EventTime(9)), EventTime(9));
        assert_eq!(order.reach(EventTime::UNKNOWN), EventTime::UNKNOWN);
        assert_eq!(order.reach(EventTime(4)), EventTime(9));
    }

    #[test]
    fn a_remembered_revocation_takes_at_most_64_bytes() {
        // The table of the map has at most two places of nine bytes for each.
        let table = 2 * (size_of::<usize>() + 1);
        assert!(size_of::<Past>() + size_of::<(Name, Last)>() + table <= 64);
    }
}

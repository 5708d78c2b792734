//! A model of the feed's numbering: in every order of its steps a reader sees each event once.

use std::collections::{BTreeSet, HashSet};

/// Writers, each with one event. The second one writes the same record as the first one.
const WRITERS: usize = 3;
/// Barriers, each of which is passed once.
const BARRIERS: usize = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Writer {
    #[default]
    Ready,
    /// The row is written and the event has this id. Neither is visible.
    Wrote(usize),
    Committed(usize),
    /// The transaction ended without a commit: nothing of it was ever visible.
    Aborted,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Barrier {
    #[default]
    Ready,
    /// It began, and these events were committed before.
    Began(BTreeSet<usize>),
    /// It has found events without a number, and waits for the feed's row.
    Waits(BTreeSet<usize>),
    /// It holds the feed's row, and gives numbers to these events in this order.
    Numbers(BTreeSet<usize>, Vec<usize>),
    Passed,
}

/// The state of the database and of everybody at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Model {
    writers: [Writer; WRITERS],
    barriers: [Barrier; BARRIERS],
    ids: usize,
    /// Events without a number.
    unnumbered: BTreeSet<usize>,
    /// Events by number, as committed barriers have made them.
    feed: Vec<usize>,
    /// Events in the order in which a reader has received them, one at a time.
    received: Vec<usize>,
}

/// The way in which an event gets its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A barrier numbers what is committed, under the lock.
    ByBarriers,
    /// The same without the lock.
    Unlocked,
    /// Each write draws its number before it commits, and readers go on from the greatest number seen.
    Drawn,
}

impl Model {
    /// Returns all states that one step leads to.
    fn next(&self, way: Way) -> Vec<Self> {
        let writers = (0..WRITERS).flat_map(|event| self.writer_steps(event));
        let barriers = (0..BARRIERS).filter_map(|barrier| self.barrier_step(barrier, way));
        writers.chain(barriers).chain(self.read(way)).collect()
    }

    fn writer_steps(&self, event: usize) -> Vec<Self> {
        let mut next = self.clone();
        match self.writers[event] {
            // The row is the first writer's until its transaction ends.
            Writer::Ready if event == 1 && !matches!(self.writers[0], Writer::Committed(_)) => {
                Vec::new()
            }
            Writer::Ready => {
                next.ids += 1;
                next.writers[event] = Writer::Wrote(next.ids);
                vec![next]
            }
            Writer::Wrote(id) => {
                let mut aborted = next.clone();
                aborted.writers[event] = Writer::Aborted;
                next.writers[event] = Writer::Committed(id);
                next.unnumbered.insert(event);
                vec![next, aborted]
            }
            Writer::Committed(_) | Writer::Aborted => Vec::new(),
        }
    }

    fn committed(&self) -> BTreeSet<usize> {
        let committed = |event: &usize| matches!(self.writers[*event], Writer::Committed(_));
        (0..WRITERS).filter(committed).collect()
    }

    fn id(&self, event: usize) -> usize {
        match self.writers[event] {
            Writer::Wrote(id) | Writer::Committed(id) => id,
            Writer::Ready | Writer::Aborted => 0,
        }
    }

    fn barrier_step(&self, barrier: usize, way: Way) -> Option<Self> {
        let mut next = self.clone();
        next.barriers[barrier] = match &self.barriers[barrier] {
            Barrier::Ready => Barrier::Began(self.committed()),
            // The question for events without a number has a snapshot of its own.
            Barrier::Began(before) if self.unnumbered.is_empty() || way == Way::Drawn => {
                self.assert_covers(before, way);
                Barrier::Passed
            }
            Barrier::Began(before) => Barrier::Waits(before.clone()),
            Barrier::Waits(before) => {
                let holds = |barrier: &Barrier| matches!(barrier, Barrier::Numbers(..));
                if way == Way::ByBarriers && self.barriers.iter().any(holds) {
                    return None;
                }
                let mut taken: Vec<usize> = self.unnumbered.iter().copied().collect();
                taken.sort_by_key(|event| self.id(*event));
                Barrier::Numbers(before.clone(), taken)
            }
            Barrier::Numbers(before, taken) => {
                next.unnumbered.retain(|event| !taken.contains(event));
                next.feed.extend(taken);
                next.assert_covers(before, way);
                Barrier::Passed
            }
            Barrier::Passed => return None,
        };
        Some(next)
    }

    /// Insists that a barrier's head includes what was committed before the barrier began.
    fn assert_covers(&self, before: &BTreeSet<usize>, way: Way) {
        let covered = before.iter().all(|event| self.feed.contains(event));
        assert!(covered || way == Way::Drawn, "{before:?} are not all in {:?}", self.feed);
    }

    /// The reader receives the event after the last one that it has received.
    fn read(&self, way: Way) -> Option<Self> {
        let event = if way == Way::Drawn {
            let last = self.received.last().map_or(0, |event| self.id(*event));
            let visible = self.committed();
            visible
                .into_iter()
                .filter(|event| self.id(*event) > last)
                .min_by_key(|e| self.id(*e))?
        } else {
            *self.feed.get(self.received.len())?
        };
        let mut next = self.clone();
        next.received.push(event);
        Some(next)
    }

    /// Returns `true` if no event was skipped or received twice, and those of one record are in order.
    fn is_right(&self, way: Way) -> bool {
        let distinct: BTreeSet<usize> = self.received.iter().copied().collect();
        let place = |event| self.received.iter().position(|received| *received == event);
        let in_order = place(1).is_none() || place(0).is_some() && place(0) < place(1);
        let over = self.next(way).is_empty();
        let all = if way == Way::Drawn {
            self.committed()
        } else {
            // The next barrier numbers those that are left.
            self.committed().difference(&self.unnumbered).copied().collect()
        };
        distinct.len() == self.received.len() && in_order && (!over || distinct == all)
    }
}

/// Returns the states that are wrong, of all that can be reached, and the number of all.
fn wrong_of_all(way: Way) -> [usize; 2] {
    let mut known = HashSet::from([Model::default()]);
    let mut open = vec![Model::default()];
    let mut wrong = 0;
    while let Some(state) = open.pop() {
        wrong += usize::from(!state.is_right(way));
        open.extend(state.next(way).into_iter().filter(|next| known.insert(next.clone())));
    }
    [wrong, known.len()]
}

#[test]
fn in_every_order_of_commits_barriers_and_reads_each_event_is_seen_once_and_none_is_skipped() {
    let [wrong, all] = wrong_of_all(Way::ByBarriers);
    assert_eq!(wrong, 0);
    assert!(all > 5_000, "only {all} states were looked at");
}

#[test]
fn without_the_lock_or_with_numbers_drawn_by_the_writers_the_model_finds_what_goes_wrong() {
    for way in [Way::Unlocked, Way::Drawn] {
        let [wrong, _] = wrong_of_all(way);
        assert!(wrong > 0, "the check cannot fail");
    }
}

//! Calls about one grant and their answers, and a search for an order that explains them.
//!
//! An order explains a history when each operation takes effect at one moment between its beginning
//! and its end, and each answer is what the rules say after the operations before it (Herlihy and
//! Wing, linearizability; the search is Wing and Gong's). A call without an answer took effect at
//! any moment after its beginning, or never.

use std::{collections::HashSet, time::Duration};

/// Call about the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A refresh with the refresh token of this generation.
    Refresh(u32),
    /// An introspection of the access token of this generation.
    Introspect(u32),
    /// The end of the grant: by one of its tokens, or with everything of its user.
    End,
}

/// Answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// The pair of this generation.
    Pair(u32),
    /// The refresh token is good for nothing.
    Refused,
    /// The access token is good, or not.
    Active(bool),
    /// The grant has ended.
    Ended,
    /// It is unknown whether the call took effect.
    Nothing,
}

/// One operation: times since the test's beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) asked: Asked,
    pub(crate) answered: Answered,
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
}

/// A grant, as far as the rules of refresh speak of it while the retry window is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    generation: u32,
    ended: bool,
}

impl State {
    /// The state after `asked`, and what the answer must be.
    fn after(self, asked: Asked) -> (Self, Answered) {
        match asked {
            Asked::End => (Self { ended: true, ..self }, Answered::Ended),
            Asked::Introspect(generation) => {
                // The generation before is good for the overlap, which outlasts the test.
                let good = generation + 1 >= self.generation && generation <= self.generation;
                (self, Answered::Active(good && !self.ended))
            }
            Asked::Refresh(_) if self.ended => (self, Answered::Refused),
            Asked::Refresh(parent) if parent == self.generation => {
                let next = Self { generation: parent + 1, ..self };
                (next, Answered::Pair(next.generation))
            }
            Asked::Refresh(parent) if parent + 1 == self.generation => {
                (self, Answered::Pair(self.generation))
            }
            // A replay, or a token from the future: the grant ends.
            Asked::Refresh(_) => (Self { ended: true, ..self }, Answered::Refused),
        }
    }

    /// Returns whether the answer is allowed in this state. Rotations reach the memory of other
    /// instances later than revocations do: an access token that was rotated out may be accepted.
    fn allows(self, operation: &Operation) -> bool {
        let (_, expected) = self.after(operation.asked);
        match (operation.asked, operation.answered) {
            (_, Answered::Nothing) => true,
            (Asked::Introspect(generation), Answered::Active(true)) => {
                !self.ended && generation <= self.generation
            }
            (_, answered) => answered == expected,
        }
    }
}

/// Looks for an order that explains the history of one grant.
///
/// # Errors
/// The longest beginning of the history that can be explained, and what comes next in it.
pub(crate) fn explain(history: &[Operation], max_staleness: Duration) -> Result<(), String> {
    let mut operations = history.to_vec();
    for operation in &mut operations {
        match operation.answered {
            // An accepted token was good at some moment that is not too long ago.
            Answered::Active(true) => {
                operation.began = operation.began.saturating_sub(max_staleness);
            }
            Answered::Nothing => operation.ended = Duration::MAX,
            Answered::Pair(_) | Answered::Refused | Answered::Active(false) | Answered::Ended => {}
        }
    }
    operations.sort_by_key(|operation| operation.began);
    let mut search = Search { operations: &operations, seen: HashSet::new(), furthest: 0 };
    let done = vec![false; operations.len()];
    if search.goes_on(done, State::default()) {
        return Ok(());
    }
    Err(format!("{} of {} explained: {operations:#?}", search.furthest, operations.len()))
}

struct Search<'a> {
    operations: &'a [Operation],
    seen: HashSet<(Vec<bool>, State)>,
    furthest: usize,
}

impl Search<'_> {
    /// Returns whether the remaining operations can follow on `state`.
    fn goes_on(&mut self, done: Vec<bool>, state: State) -> bool {
        let mut stack = vec![(done, state)];
        while let Some((done, state)) = stack.pop() {
            if !self.seen.insert((done.clone(), state)) {
                continue;
            }
            let left = || (0..done.len()).filter(|at| !done[*at]);
            let answered = |at: &usize| self.operations[*at].answered != Answered::Nothing;
            self.furthest = self.furthest.max(done.len() - left().count());
            // An operation without an answer need not have been done.
            if left().filter(answered).count() == 0 {
                return true;
            }
            // The next operation has begun before the first of the others ended.
            let first_end = left().map(|at| self.operations[at].ended).min();
            for at in left() {
                let operation = &self.operations[at];
                if first_end.is_some_and(|end| operation.began > end) {
                    break;
                }
                let after = state.after(operation.asked).0;
                // An operation without an answer matters if it changes something.
                let idle = operation.answered == Answered::Nothing && after == state;
                if state.allows(operation) && !idle {
                    let mut next = done.clone();
                    next[at] = true;
                    stack.push((next, after));
                }
            }
        }
        false
    }
}

mod tests {
    use super::*;

    fn operation(asked: Asked, answered: Answered, began: u64, ended: u64) -> Operation {
        let [began, ended] = [began, ended].map(Duration::from_millis);
        Operation { asked, answered, began, ended }
    }

    const NO_TIME: Duration = Duration::ZERO;

    #[test]
    fn what_the_rules_allow_is_explained() {
        let history = [
            operation(Asked::Refresh(0), Answered::Pair(1), 0, 9),
            operation(Asked::Refresh(0), Answered::Pair(1), 1, 5),
            operation(Asked::Introspect(1), Answered::Active(true), 6, 7),
            operation(Asked::End, Answered::Nothing, 7, 8),
            operation(Asked::Refresh(1), Answered::Pair(2), 10, 11),
            operation(Asked::Introspect(2), Answered::Active(false), 12, 13),
            operation(Asked::Refresh(2), Answered::Refused, 12, 14),
        ];
        assert_eq!(explain(&history, NO_TIME), Ok(()));
    }

    #[test]
    fn a_second_successor_is_not_explained() {
        let history = [
            operation(Asked::Refresh(0), Answered::Pair(1), 0, 1),
            operation(Asked::Refresh(1), Answered::Pair(2), 2, 3),
            operation(Asked::Refresh(0), Answered::Pair(1), 4, 5),
        ];
        assert!(explain(&history, NO_TIME).is_err());
    }

    #[test]
    fn what_is_accepted_after_the_end_is_explained_within_the_staleness_only() {
        let history = [
            operation(Asked::End, Answered::Ended, 0, 10),
            operation(Asked::Introspect(0), Answered::Active(true), 500, 501),
        ];
        assert_eq!(explain(&history, Duration::from_millis(500)), Ok(()));
        assert!(explain(&history, Duration::from_millis(489)).is_err());
    }

    #[test]
    fn an_acknowledged_end_that_is_lost_is_not_explained() {
        let history = [
            operation(Asked::End, Answered::Ended, 0, 1),
            operation(Asked::Refresh(0), Answered::Pair(1), 2, 3),
        ];
        assert!(explain(&history, NO_TIME).is_err());
    }
}

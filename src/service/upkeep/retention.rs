//! Retention of the changes feed: every young event, and a fixed number of older ones.

use std::time::Duration;

use crate::store::Sequence;

/// Events kept at any age.
const EVENTS: u64 = 100_000;

/// Younger events are kept in any number. Caches keep an answer for a minute at most, so a follower
/// that was away for longer has nothing left that the feed could correct.
pub(in crate::service) const AGE: Duration = Duration::from_secs(10 * 60);

/// Observed positions of the feed. They begin with the process: nothing is trimmed in the first
/// [`AGE`].
#[derive(Debug, Default)]
pub(in crate::service) struct Retention {
    /// Every event up to it is older than [`AGE`].
    old: Sequence,
    /// Head at some time less than [`AGE`] ago.
    mark: Option<(Duration, Sequence)>,
}

impl Retention {
    /// The last event that need not be kept, given where the head is and how old
    /// the process. An event goes between
    /// once and twice [`AGE`] after it came, if [`EVENTS`] newer ones are there.
    pub(in crate::service) fn trimmable(&mut self, head: Sequence, age: Duration) -> Sequence {
        match self.mark {
            Some((then, _)) if age.saturating_sub(then) < AGE => {}
            Some((_, old)) => {
                self.old = old;
                self.mark = Some((age, head));
            }
            None => self.mark = Some((age, head)),
        }
        self.old.min(Sequence(head.0.saturating_sub(EVENTS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1);
    const MOMENT: Duration = Duration::from_millis(1);

    #[test]
    fn what_is_young_is_kept_however_much_it_is() {
        let mut retention = Retention::default();
        assert_eq!(retention.trimmable(Sequence(5 * EVENTS), START), Sequence(0));
        let almost = START + AGE.saturating_sub(MOMENT);
        assert_eq!(retention.trimmable(Sequence(9 * EVENTS), almost), Sequence(0));
        let later = START + AGE;
        assert_eq!(retention.trimmable(Sequence(9 * EVENTS), later), Sequence(5 * EVENTS));
        let next = later + AGE.saturating_sub(MOMENT);
        assert_eq!(retention.trimmable(Sequence(20 * EVENTS), next), Sequence(5 * EVENTS));
    }

    #[test]
    fn of_what_is_old_a_number_is_kept() {
        let mut retention = Retention::default();
        retention.trimmable(Sequence(EVENTS + 7), START);
        let head = Sequence(EVENTS + 7);
        assert_eq!(retention.trimmable(head, START + AGE), Sequence(7));
        let few = &mut Retention { old: Sequence(50), mark: None };
        assert_eq!(few.trimmable(Sequence(60), START), Sequence(0));
    }
}

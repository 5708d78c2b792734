//! The changes feed in its tree: events by number, and the position of the last trim under number
//! 0.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sled::IVec;

use super::{
    OpenError,
    tree::{Tree, read_error},
};
use crate::{
    domain::change::Change,
    store::{FeedError, Sequence},
};

/// Key of the trim position. No event has this number.
pub(super) const EDGE_KEY: Sequence = Sequence(0);

/// The feed. Clones share it.
#[derive(Clone)]
pub(super) struct Feed {
    tree: Tree,
    /// The last trimmed event; entries up to it are leftovers. It is raised before the first of
    /// them is removed, so a reader that finds it unchanged after a scan has missed no event.
    edge: Arc<AtomicU64>,
}

/// The oldest events, and the feed's first position after their removal.
pub(super) struct Trim {
    keys: Vec<IVec>,
    edge: Sequence,
}

impl Trim {
    /// Returns the number of events to remove.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Feed {
    pub(super) fn open(tree: Tree) -> Result<Self, OpenError> {
        let edge = tree.get(to_key(EDGE_KEY))?.map(|edge| parse(&edge));
        let edge = match edge {
            None => 0,
            Some(Some(edge)) => edge.0,
            Some(None) => return Err(OpenError::damaged("the feed's beginning is unreadable")),
        };
        Ok(Self { tree, edge: Arc::new(AtomicU64::new(edge)) })
    }

    /// Returns the last event, trimmed or not.
    pub(super) fn last(&self) -> Result<Sequence, OpenError> {
        match self.tree.last()? {
            None => Ok(self.edge()),
            Some((key, _)) => {
                let last =
                    parse(&key).ok_or_else(|| OpenError::damaged("an event has no number"))?;
                Ok(last.max(self.edge()))
            }
        }
    }

    /// Checks that every event decodes and that none is missing after the edge.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let mut expected = self.edge().0 + 1;
        for entry in self.tree.range(to_key(self.edge())..)? {
            let (key, change) = entry?;
            let number = parse(&key).ok_or_else(|| OpenError::damaged("an event has no number"))?;
            // Events up to the edge can be leftovers, and the edge is stored under number 0.
            if number <= self.edge() {
                continue;
            }
            if number.0 != expected {
                return Err(OpenError::damaged("an event is missing"));
            }
            expected += 1;
            let read = Change::from_bytes(&change);
            read.map_err(|_| OpenError::damaged("an event is unreadable"))?;
        }
        Ok(())
    }

    fn edge(&self) -> Sequence {
        Sequence(self.edge.load(Ordering::SeqCst))
    }

    /// Adds an event. Only the committer calls this.
    pub(super) fn add(&self, sequence: Sequence, change: &Change) -> sled::Result<()> {
        self.tree.insert(to_key(sequence), change.to_bytes()).map(drop)
    }

    /// Returns up to `limit` events after `after`, none after `shown`. Can wait for the disk.
    pub(super) fn read(
        &self,
        after: Sequence,
        shown: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Change)>, FeedError> {
        let range = to_key(Sequence(after.0.saturating_add(1)))..;
        let mut events = Vec::new();
        let mut gap = false;
        let entries = self.tree.range(range).map_err(read_error)?;
        for (expected, entry) in (after.0 + 1..=shown.0).zip(entries).take(limit) {
            let (key, change) = entry.map_err(read_error)?;
            if parse(&key) != Some(Sequence(expected)) {
                gap = true;
                break;
            }
            let change = Change::from_bytes(&change).map_err(|_| FeedError::Corrupt)?;
            events.push((Sequence(expected), change));
        }
        // Order matters: read the events first, then check for events that were trimmed meanwhile.
        let oldest = self.edge();
        if oldest > after {
            return Err(FeedError::TooOld { oldest });
        }
        let expected = usize::try_from(shown.0.saturating_sub(after.0)).unwrap_or(usize::MAX);
        if gap || events.len() < expected.min(limit) {
            return Err(FeedError::Corrupt);
        }
        Ok(events)
    }

    /// Returns up to `limit` of the events up to `through`, for removal. Can wait for the disk.
    pub(super) fn oldest(&self, through: Sequence, limit: usize) -> sled::Result<Option<Trim>> {
        let events = self.tree.range(to_key(Sequence(1))..=to_key(through))?.keys();
        let keys = events.take(limit).collect::<sled::Result<Vec<_>>>()?;
        let edge = keys.last().and_then(|key| parse(key)).map(|last| last.max(self.edge()));
        Ok(edge.map(|edge| Trim { keys, edge }))
    }

    /// Trims the feed. Only the committer calls this. The edge moves first: a crash in between
    /// leaves entries below it, which the next trim removes.
    pub(super) fn trim(&self, trim: &Trim) -> sled::Result<()> {
        self.edge.fetch_max(trim.edge.0, Ordering::SeqCst);
        self.tree.insert(to_key(EDGE_KEY), &to_key(self.edge()))?;
        trim.keys.iter().try_for_each(|key| self.tree.remove(key).map(drop))
    }
}

pub(super) fn to_key(sequence: Sequence) -> [u8; 8] {
    sequence.0.to_be_bytes()
}

pub(super) fn parse(bytes: &[u8]) -> Option<Sequence> {
    bytes.try_into().ok().map(|bytes| Sequence(u64::from_be_bytes(bytes)))
}

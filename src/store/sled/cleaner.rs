//! Has sled empty the segments of its file of which little is still needed, so that it reuses them.
//!
//! Once half of a segment is garbage, sled queues the pages that still have a piece in it; the
//! segment is free when each of them has been written anew elsewhere. sled takes one from the queue
//! whenever it writes any page anew as a whole, which it does at every tenth piece that is added to
//! one, and otherwise in a thread of its own. That thread is off: what it wrote would come between
//! the committer's syncs, and nothing would bound it. Of writes that are spread over many pages most
//! leave a piece and take nothing from the queue: a hundred thousand grants that came and went held
//! six times the bytes that were needed. Here the committer has a page of its own written anew, with
//! next to nothing in it, as often as the length of the file asks for.

use super::{engine::Engine, tree::Tree};

/// Pieces of a page at which sled writes it anew as a whole (its `PAGE_CONSOLIDATION_THRESHOLD`).
const PIECES: usize = 10;

/// Bytes of the file that are no reason to clean, for each grant: what one with its index entries
/// takes in a file without garbage.
const GRANT_BYTES: u64 = 512;

/// Pages that are taken from the queue for each command, at most: when the file is twice as long.
const MOST: u64 = 2;

/// sled splits a leaf of more than sixteen records when it meets it again, and merges one of less
/// than four with its neighbour.
const RECORDS_IN_A_PAGE: usize = 24;
/// What a record's key and its place in a page take besides, at most.
const BESIDES: usize = 512;

/// The page that is written anew for nothing but what this does to the queue.
pub(super) struct Cleaner {
    tree: Tree,
    /// sled writes nothing where a value stays as it was.
    value: u64,
    spare_bytes: u64,
}

impl Cleaner {
    /// `spare_bytes` as in [`SledOptions`](super::SledOptions).
    pub(super) fn open(engine: &Engine, spare_bytes: u64) -> sled::Result<Self> {
        let tree = engine.tree("cleaner")?;
        let value = tree.get([])?.and_then(|value| value.as_ref().try_into().ok());
        Ok(Self { tree, value: value.map_or(0, u64::from_be_bytes), spare_bytes })
    }

    /// How many pages are to be taken from the queue for so many commands, with a file of `bytes`
    /// that holds so many grants.
    pub(super) fn pages_due(&self, commands: usize, bytes: u64, grants: u64) -> usize {
        pages_due(commands, bytes, self.spare_bytes + grants * GRANT_BYTES)
    }

    /// Takes so many pages from the queue, as far as there are any.
    pub(super) fn clean(&mut self, pages: usize) -> sled::Result<()> {
        for _ in 0..pages * PIECES {
            self.value += 1;
            self.tree.insert([], &self.value.to_be_bytes())?;
        }
        Ok(())
    }
}

/// The same for a file of which `expected` bytes are no reason to clean.
fn pages_due(commands: usize, bytes: u64, expected: u64) -> usize {
    let excess = bytes.saturating_sub(expected).min(expected);
    let pages = (commands as u64 * MOST * excess).div_ceil(expected.max(1));
    usize::try_from(pages).unwrap_or(usize::MAX)
}

/// How many pages fit into `bytes` of log, whichever they are, in a store whose longest record has
/// `longest` bytes; at least one.
pub(super) fn pages_within(bytes: usize, longest: usize) -> usize {
    (bytes / (RECORDS_IN_A_PAGE * (longest + BESIDES))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_the_file_is_for_its_grants_the_more_is_cleaned() {
        const MIB: u64 = 1 << 20;
        for (bytes, expected, pages) in [
            (0, 64 * MIB, 0),
            (64 * MIB, 64 * MIB, 0),
            (64 * MIB + 1, 64 * MIB, 1),
            (96 * MIB, 64 * MIB, 256),
            (128 * MIB, 64 * MIB, 512),
            (900 * MIB, 64 * MIB, 512),
            (192 * MIB, 128 * MIB, 256),
            (MIB, 0, 0),
        ] {
            assert_eq!(pages_due(256, bytes, expected), pages, "{bytes} of {expected}");
        }
    }

    #[test]
    fn however_long_the_records_are_the_pages_fit_or_there_is_one() {
        assert_eq!(pages_within(2 << 20, 512), 85);
        assert_eq!(pages_within(2 << 20, 64 << 10), 1);
        assert_eq!(pages_within(1, 512), 1);
    }
}

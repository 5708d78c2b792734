//! Makes sled empty the segments of its file that hold little live data, so that it reuses them.
//!
//! Once half of a segment is garbage, sled queues the pages that still have a piece in it. The
//! segment is free when each of these pages was rewritten elsewhere. sled takes one page from the
//! queue each time it rewrites any page as a whole, which it does at every tenth piece added to a
//! page, and otherwise in a thread of its own. That thread is off: its writes would come between
//! the committer's syncs, and nothing would bound them. Writes that are spread over many pages
//! mostly add a piece and take nothing from the queue: a hundred thousand grants that came and went
//! took six times the bytes they needed. The committer therefore rewrites a nearly empty page of
//! its own, as often as the length of the file requires.

use super::{engine::Engine, tree::Tree};

/// Number of pieces of a page at which sled rewrites it as a whole (its
/// `PAGE_CONSOLIDATION_THRESHOLD`).
const PIECES: usize = 10;

/// Bytes of the file, for each grant, that do not call for cleaning: the size of a grant with its
/// index entries in a file without garbage.
const GRANT_BYTES: u64 = 512;

/// Maximum number of pages taken from the queue for each command, reached when the file is twice as
/// long as expected.
const MOST: u64 = 2;

/// sled splits a leaf of more than sixteen records at the next access to it, and merges a leaf of
/// fewer than four with its neighbour.
const RECORDS_IN_A_PAGE: usize = 24;
/// Maximum number of bytes that a record's key and its position in a page take in addition.
const BESIDES: usize = 512;

/// A page that is rewritten only for the effect on sled's queue.
pub(super) struct Cleaner {
    tree: Tree,
    /// A counter for the page's value: sled skips writes that do not change a value.
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

    /// Returns the number of pages to take from the queue for a batch of `commands` commands, with
    /// a file of `bytes` bytes that holds `grants` grants.
    pub(super) fn pages_due(&self, commands: usize, bytes: u64, grants: u64) -> usize {
        pages_due(commands, bytes, self.spare_bytes + grants * GRANT_BYTES)
    }

    /// Takes up to `pages` pages from the queue.
    pub(super) fn clean(&mut self, pages: usize) -> sled::Result<()> {
        for _ in 0..pages * PIECES {
            self.value += 1;
            self.tree.insert([], &self.value.to_be_bytes())?;
        }
        Ok(())
    }
}

/// Returns the number for a file of which `expected` bytes do not call for cleaning.
fn pages_due(commands: usize, bytes: u64, expected: u64) -> usize {
    let excess = bytes.saturating_sub(expected).min(expected);
    let pages = (commands as u64 * MOST * excess).div_ceil(expected.max(1));
    usize::try_from(pages).unwrap_or(usize::MAX)
}

/// Returns the number of arbitrary pages that fit into `bytes` bytes of log, in a store whose
/// longest record has `longest` bytes; at least one.
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

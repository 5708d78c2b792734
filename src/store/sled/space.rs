//! Watches the free space of the store's file system, so that writes are refused before it is full.
//!
//! | free space | accepted writes |
//! |---|---|
//! | `min_free_space` and more | everything |
//! | less | writes that end or free something: revocations, changes of clients and users, sweeping
//! |
//! | less than a quarter of it | nothing |
//!
//! The free space is read before every batch, whose log is shorter than a segment, and every
//! second: no burst can use up the quarter. If a full file system still refuses a write, the store
//! stops, see [`Failure`](super::Failure).

use std::{
    fs::File,
    os::unix::fs::MetadataExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustix::fs::fstatvfs;
use tokio::sync::watch;

/// Divisor of `min_free_space` for the part that is left to the file system itself.
const RESERVE: u64 = 4;
/// Unit of a file's size on disk (POSIX `st_blocks`), in bytes.
const BLOCK_BYTES: u64 = 512;
/// Divisor of a mark for the margin by which the free space must exceed it before writes go on, so
/// that a store at the mark does not alternate.
const MARGIN: u64 = 8;

/// Readiness of the store for writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// All writes are accepted.
    Ready,
    /// Space is low: only writes that end or free something are accepted.
    Low,
    /// Space has almost run out: no write is accepted.
    Full,
}

/// The free space of one file system.
pub(super) struct Space {
    file: File,
    min_free: u64,
    /// `false` while the writes of the start are not refused.
    enforced: AtomicBool,
    readiness: watch::Sender<Readiness>,
}

impl Space {
    /// Watches the file system of `file`, of which `min_free` bytes are to stay free. 0 never
    /// refuses a write.
    pub(super) fn new(file: File, min_free: u64) -> Arc<Self> {
        let readiness = watch::Sender::new(Readiness::Ready);
        let space = Self { file, min_free, enforced: AtomicBool::new(false), readiness };
        space.look();
        Arc::new(space)
    }

    /// Refuses writes from now on.
    pub(super) fn enforce(&self) {
        self.enforced.store(true, Ordering::Relaxed);
    }

    /// Returns the last readiness, with every change of it.
    pub(super) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Reads the free space. If the file system does not report it, the last value holds: a refused
    /// write is noticed in any case.
    pub(super) fn look(&self) {
        if let Ok(found) = fstatvfs(&self.file) {
            self.found(found.f_bavail.saturating_mul(found.f_frsize));
        }
    }

    /// Returns `true` if there was enough space at the last reading.
    pub(super) fn is_ready(&self) -> bool {
        *self.readiness.borrow() == Readiness::Ready
    }

    /// Returns the number of bytes to keep free.
    pub(super) fn min_free(&self) -> u64 {
        self.min_free
    }

    /// Returns the free bytes of the file system and the bytes of the file, zero if the system does
    /// not report them.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let free = fstatvfs(&self.file).map_or(0, |found| found.f_bavail * found.f_frsize);
        let taken = self.file.metadata().map_or(0, |found| found.blocks() * BLOCK_BYTES);
        (free, taken)
    }

    /// Returns `true` if a write is to be refused. `grows` marks a write that makes the store grow.
    pub(super) fn refuses(&self, grows: bool) -> bool {
        let refused = match *self.readiness.borrow() {
            Readiness::Ready => false,
            Readiness::Low => grows,
            Readiness::Full => true,
        };
        refused && self.enforced.load(Ordering::Relaxed)
    }

    fn found(&self, free: u64) {
        self.readiness.send_if_modified(|readiness| {
            let now = judge(free, self.min_free, *readiness);
            let moved = now != *readiness;
            *readiness = now;
            if moved {
                self.tell(now, free);
            }
            moved
        });
    }

    fn tell(&self, readiness: Readiness, free_bytes: u64) {
        let min_free_space = self.min_free;
        match readiness {
            Readiness::Ready => {
                tracing::info!(free_bytes, min_free_space, "there is space again: serving");
            }
            Readiness::Low => tracing::error!(
                free_bytes,
                min_free_space,
                "free space is below store.min_free_space: not serving; nothing is issued or \
                 refreshed, revocations go on"
            ),
            Readiness::Full => tracing::error!(
                free_bytes,
                min_free_space,
                "free space is below a quarter of store.min_free_space: not serving; nothing is \
                 written, not even revocations"
            ),
        }
    }
}

fn judge(free: u64, min_free: u64, before: Readiness) -> Readiness {
    let reserve = min_free / RESERVE;
    let with_margin = |mark: u64, was_below: bool| {
        if was_below { mark.saturating_add(mark / MARGIN) } else { mark }
    };
    if free < with_margin(reserve, before == Readiness::Full) {
        Readiness::Full
    } else if free < with_margin(min_free, before != Readiness::Ready) {
        Readiness::Low
    } else {
        Readiness::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_are_the_setting_and_its_quarter_and_the_way_back_is_an_eighth_longer() {
        use Readiness::{Full, Low, Ready};
        for (free, before, now) in [
            (800, Ready, Ready),
            (799, Ready, Low),
            (200, Ready, Low),
            (199, Ready, Full),
            (199, Low, Full),
            (200, Low, Low),
            (899, Low, Low),
            (900, Low, Ready),
            (224, Full, Full),
            (225, Full, Low),
            (899, Full, Low),
            (900, Full, Ready),
        ] {
            assert_eq!(judge(free, 800, before), now, "{free} after {before:?}");
        }
    }

    #[test]
    fn without_a_mark_nothing_is_ever_refused() {
        assert_eq!(judge(0, 0, Readiness::Ready), Readiness::Ready);
    }

    #[test]
    fn a_start_is_never_refused_and_a_revocation_only_when_space_has_all_but_run_out() {
        let space = Space::new(tempfile::tempfile().expect("a file"), 0);
        let refused = |readiness| {
            space.readiness.send_replace(readiness);
            [space.refuses(true), space.refuses(false)]
        };
        assert_eq!(refused(Readiness::Full), [false, false]);
        space.enforce();
        assert_eq!(refused(Readiness::Ready), [false, false]);
        assert_eq!(refused(Readiness::Low), [true, false]);
        assert_eq!(refused(Readiness::Full), [true, true]);
    }
}

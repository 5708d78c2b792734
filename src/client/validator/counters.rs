//! What the validator did, in numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Answers from memory are counted in this many places, so that threads write to different cache
/// lines.
const HIT_CELLS: usize = 16;

/// Which of those the next thread writes to.
static NEXT_CELL: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CELL: usize = NEXT_CELL.fetch_add(1, Ordering::Relaxed) % HIT_CELLS;
}

/// What a validator did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Tokens found good in memory.
    pub hits: u64,
    /// Tokens found not active in memory.
    pub remembered_refusals: u64,
    /// Tokens that the server was asked about.
    pub asked: u64,
    /// Tokens that nobody was asked about because their text is that of no access token.
    pub malformed: u64,
    /// Answers that may lack a revocation which was applied, so that they were asked for again.
    pub overtaken: u64,
    /// Answers that were used once and not kept: the instance that gave them was behind.
    pub unkept: u64,
    /// Questions that came to no answer.
    pub unanswered: u64,
    /// Tokens accepted in the grace period that was opted in to.
    pub graced: u64,
    /// Revocations that were applied.
    pub revocations: u64,
    /// How often the watch broke and was resumed.
    pub resumed: u64,
    /// How often everything was forgotten because the watch could not be resumed.
    pub begun_anew: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    hits: [Cell; HIT_CELLS],
    pub(super) remembered_refusals: AtomicU64,
    pub(super) asked: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) overtaken: AtomicU64,
    pub(super) unkept: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) graced: AtomicU64,
    revocations: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) begun_anew: AtomicU64,
}

/// One to a cache line, and to the line that is fetched with it.
#[derive(Default)]
#[repr(align(128))]
struct Cell(AtomicU64);

impl Counters {
    pub(super) fn hit(&self) {
        count(&self.hits[CELL.with(|cell| *cell)].0);
    }

    pub(super) fn applied(&self, revocations: usize) {
        self.revocations.fetch_add(revocations as u64, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            hits: self.hits.iter().map(|cell| read(&cell.0)).sum(),
            remembered_refusals: read(&self.remembered_refusals),
            asked: read(&self.asked),
            malformed: read(&self.malformed),
            overtaken: read(&self.overtaken),
            unkept: read(&self.unkept),
            unanswered: read(&self.unanswered),
            graced: read(&self.graced),
            revocations: read(&self.revocations),
            resumed: read(&self.resumed),
            begun_anew: read(&self.begun_anew),
        }
    }
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

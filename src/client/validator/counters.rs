//! Counts the validator's answers and events.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Number of counters for answers from memory, so that threads write to different cache lines.
const HIT_CELLS: usize = 16;

/// Number of the counter for the next thread.
static NEXT_CELL: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static CELL: usize = NEXT_CELL.fetch_add(1, Ordering::Relaxed) % HIT_CELLS;
}

/// Numbers of a validator's answers and events since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Number of tokens found active in memory.
    pub hits: u64,
    /// Number of tokens found inactive in memory.
    pub remembered_refusals: u64,
    /// Number of questions to the server.
    pub asked: u64,
    /// Number of signed tokens accepted at first sight, without a question.
    pub verified: u64,
    /// Number of signed tokens rejected without a question because no key of the server made them, or it
    /// made them for something else.
    pub forged: u64,
    /// Number of tokens rejected without a question because their text is not that of an access
    /// token.
    pub malformed: u64,
    /// Number of answers that could lack an applied revocation, so that the server was asked again.
    pub overtaken: u64,
    /// Number of answers that were used once and not cached: the answering instance lagged behind.
    pub unkept: u64,
    /// Number of questions that failed.
    pub unanswered: u64,
    /// Number of tokens accepted in the configured grace period.
    pub graced: u64,
    /// Number of applied revocations.
    pub revocations: u64,
    /// Number of times that the watch broke and was resumed.
    pub resumed: u64,
    /// Number of times that memory was cleared because the watch could not be resumed.
    pub begun_anew: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    hits: [Cell; HIT_CELLS],
    pub(super) remembered_refusals: AtomicU64,
    pub(super) asked: AtomicU64,
    pub(super) verified: AtomicU64,
    pub(super) forged: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) overtaken: AtomicU64,
    pub(super) unkept: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) graced: AtomicU64,
    revocations: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) begun_anew: AtomicU64,
}

/// A counter on its own cache line and the line that is fetched with it.
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
            verified: read(&self.verified),
            forged: read(&self.forged),
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

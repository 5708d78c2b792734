//! Notes when grants were last used: behind the calls that use them, never in their way.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, mpsc};

use crate::domain::{grant::Grant, grant_id::GrantId, last_use, time::Timestamp};

/// Uses written in one step: so few that other work on the committer's core hardly waits. With 256
/// the p99 of introspection at half of what a core can do is five times a bare server's when many
/// tokens are used for the first time.
pub const LAST_USED_STEP: usize = 32;

/// Uses that wait to be written. One that finds no place is noted by a later use of its grant.
const QUEUE: usize = 4096;
/// Grants that are remembered as noted: 8 bytes each.
const MARKS: usize = 1 << 14;
const MINUTE: u64 = 60_000;

/// A grant was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub(in crate::service) grant_id: GrantId,
    pub(in crate::service) time: Timestamp,
}

/// Uses on their way to the store.
///
/// A grant can be used thousands of times before its record is updated. A fixed table of (part of
/// the grant id, minute) keeps these repeats out of the queue. If two grants share a slot, both are
/// queued more than once and the writer skips what is already recorded.
pub(in crate::service) struct LastUseQueue {
    marks: Box<[AtomicU64]>,
    queue: mpsc::Sender<Use>,
    noted: Mutex<mpsc::Receiver<Use>>,
}

impl LastUseQueue {
    pub(in crate::service) fn new() -> Self {
        let (queue, noted) = mpsc::channel(QUEUE);
        let marks = (0..MARKS).map(|_| AtomicU64::new(0)).collect();
        Self { marks, queue, noted: Mutex::new(noted) }
    }

    /// Notes that a token of `grant` was found good. Costs a comparison unless that is news.
    pub(in crate::service) fn note(&self, grant: &Grant, time: Timestamp) {
        if last_use::is_news(grant, time) {
            self.enqueue(Use { grant_id: grant.id, time });
        }
    }

    fn enqueue(&self, used: Use) {
        let (place, mark) = self.mark(used);
        if place.load(Ordering::Relaxed) == mark {
            return;
        }
        place.store(mark, Ordering::Relaxed);
        if self.queue.try_send(used).is_err() {
            // The next use tries again.
            place.store(0, Ordering::Relaxed);
        }
    }

    /// The last half of a grant's id is random.
    fn mark(&self, used: Use) -> (&AtomicU64, u64) {
        let [.., h0, h1, h2, h3, l0, l1] = *used.grant_id.as_bytes();
        let part = u64::from(u32::from_be_bytes([h0, h1, h2, h3]));
        let place = usize::from(u16::from_be_bytes([l0, l1])) % MARKS;
        let minute = used.time.as_millis() / MINUTE;
        (&self.marks[place], (part << 32) | (minute & 0xffff_ffff))
    }

    /// Waits until grants were used, and takes up to [`LAST_USED_STEP`] of the uses that were noted.
    pub(in crate::service) async fn noted(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        self.noted.lock().await.recv_many(&mut uses, LAST_USED_STEP).await;
        uses
    }

    /// Returns whether the queue is empty.
    pub(in crate::service) async fn is_empty(&self) -> bool {
        self.noted.lock().await.is_empty()
    }
}

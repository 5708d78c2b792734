//! Memory kept for the peer of one connection, and its weight.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{HASTE, Level, PATIENCE, Pending};

/// Weight of every call until it is answered, in bytes: the memory of hyper and tonic for it.
pub(super) const CALL: usize = 16 << 10;
/// Weight of a stream of answers from then on, in bytes.
pub(super) const STREAM: usize = 12 << 10;
/// Weight of a byte of a request or an answer: it lies in buffers that have twice its room.
pub(super) const BYTE: usize = 2;
/// Memory of a connection is counted in steps of so many bytes, the last of which is free: a
/// connection that makes few calls at a time shares no counter with others.
pub(super) const STEP: usize = 32 << 10;
/// Weight of a connection while it waits for its peer, in bytes: its own buffers, and the step that
/// is free.
pub(super) const CONNECTION: usize = 64 << 10;

/// Interval between two looks for room. Thousands of connections can wait at a time.
pub(in crate::transport) const WAIT: Duration = Duration::from_millis(250);

/// Memory kept for the peer of one connection.
#[derive(Debug)]
pub(in crate::transport) struct Account {
    pending: Arc<Pending>,
    cut: Notify,
    /// Bytes that count: most connections of many count nothing, and are not examined.
    counted: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: usize,
    lots: Vec<Lot>,
    free: Vec<usize>,
    /// Number of lots that wait for the peer.
    waiting: usize,
    /// Time at which it was opened or a call last began.
    called: Instant,
    /// Time at which its peer began to speak.
    begun: Option<Instant>,
    /// True if the connection itself counts.
    counts: bool,
    is_cut: bool,
}

/// Something that is kept.
#[derive(Clone, Copy, Debug)]
struct Lot {
    bytes: usize,
    /// Start of the request, also for a question: the time that the server takes for it does not count.
    since: Instant,
    kind: Kind,
}

/// Reason for which a lot is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing: the place is free.
    Free,
    /// A request that the peer has not sent in full.
    Request,
    /// A request that is not answered yet.
    Question,
    /// A request whose answer is a stream that goes on, or is about to end.
    Stream,
    /// An answer that the peer has not taken.
    Answer,
}

impl Kind {
    /// Returns whether it is the peer's turn.
    const fn waits_for_its_peer(self) -> bool {
        matches!(self, Self::Request | Self::Answer)
    }
}

impl Account {
    pub(super) fn opened(pending: &Arc<Pending>) -> Self {
        Self {
            pending: Arc::clone(pending),
            cut: Notify::new(),
            counted: AtomicUsize::new(0),
            state: Mutex::new(State::opened(Instant::now())),
        }
    }

    pub(super) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Returns the time at which it was opened or a call last began, unless it is cut off.
    pub(super) fn called(&self) -> Option<Instant> {
        let state = self.state();
        (!state.is_cut).then_some(state.called)
    }

    /// Keeps a call whose request begins with so many bytes, and may be whole with them.
    pub(in crate::transport) fn call(self: &Arc<Self>, bytes: usize, is_whole: bool) -> Kept {
        self.keep(if is_whole { Kind::Question } else { Kind::Request }, CALL + BYTE * bytes)
    }

    /// Keeps an answer or a part of one.
    pub(in crate::transport) fn answer(self: &Arc<Self>, bytes: usize) -> Kept {
        self.keep(Kind::Answer, bytes)
    }

    /// Returns whether to read nothing for this connection now, until others are gone.
    pub(in crate::transport) fn must_wait(&self) -> bool {
        let level = self.pending.level();
        if level < Level::Higher {
            return false;
        }
        let must_wait = {
            let state = self.state();
            let is_idle = level == Level::Full && !state.counts;
            state.begun.is_none() || state.bytes >= STEP || is_idle
        };
        if must_wait {
            self.pending.relieve();
        }
        must_wait
    }

    /// Waits until there is room for a connection whose peer has begun to speak.
    pub(in crate::transport) async fn room(&self) {
        while self.must_wait() {
            sleep(WAIT).await;
        }
        self.has_begun();
    }

    /// The peer has sent something.
    pub(in crate::transport) fn has_begun(&self) {
        if self.state().begun.is_none() {
            self.change(|state| {
                state.begun = Some(Instant::now());
                state.counts = true;
            });
        }
    }

    /// Waits until the connection is to be cut off.
    pub(in crate::transport) async fn to_be_cut(&self) {
        self.cut.notified().await;
    }

    /// Returns whether the peer has left an answer untaken for at least `patience`.
    pub(in crate::transport) fn lets_lie(&self, patience: Duration) -> bool {
        let state = self.state();
        let mut answers = state.lots.iter().filter(|lot| lot.kind == Kind::Answer);
        answers.any(|lot| lot.since.elapsed() >= patience)
    }

    /// Returns its weight; `None` if nothing counts.
    pub(super) fn burden(&self, now: Instant) -> Option<Burden> {
        if self.counted.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.state();
        let before = state.counted();
        if state.is_idle(now) {
            state.counts = false;
        }
        self.recount(&state, before);
        state.burden(now)
    }

    pub(super) fn cut_off(&self) {
        let mut state = self.state();
        if !state.is_cut {
            state.is_cut = true;
            self.pending.going.fetch_add(state.counted(), Ordering::Relaxed);
            self.cut.notify_one();
        }
    }

    fn keep(self: &Arc<Self>, kind: Kind, bytes: usize) -> Kept {
        let now = Instant::now();
        let place = self.change(|state| {
            if kind != Kind::Answer {
                state.called = now;
            }
            let place = state.place();
            state.set(place, Lot { bytes, since: now, kind });
            place
        });
        Kept { account: Arc::clone(self), place }
    }

    /// Changes what is kept, and has the shared count follow.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (changed, more) = {
            let mut state = self.state();
            let before = state.counted();
            let changed = change(&mut state);
            if state.waiting > 0 {
                state.counts = true;
            } else if state.counts
                && self.pending.level() > Level::Low
                && state.is_idle(Instant::now())
            {
                state.counts = false;
            }
            (changed, self.recount(&state, before))
        };
        if more && self.pending.level() >= Level::High {
            self.pending.relieve();
        }
        changed
    }

    /// Updates the shared count by the difference to `before`. Returns whether it has grown.
    fn recount(&self, state: &State, before: usize) -> bool {
        let after = state.counted();
        if after != before {
            self.counted.store(after, Ordering::Relaxed);
            let all = [Some(&self.pending.kept), state.is_cut.then_some(&self.pending.going)];
            for count in all.into_iter().flatten() {
                // Two numbers that wrap: one addition does for more and for less.
                count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
            }
        }
        after > before
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.change(|state| {
            state.begun = None;
            state.counts = false;
        });
    }
}

impl State {
    const fn opened(called: Instant) -> Self {
        Self {
            bytes: 0,
            lots: Vec::new(),
            free: Vec::new(),
            waiting: 0,
            called,
            begun: None,
            counts: false,
            is_cut: false,
        }
    }

    /// Returns the bytes that count towards the limit.
    const fn counted(&self) -> usize {
        let connection = if self.counts { CONNECTION } else { 0 };
        connection + self.bytes / STEP * STEP
    }

    /// Returns whether it waits for nothing from its peer, unless the peer has begun only just now.
    fn is_idle(&self, now: Instant) -> bool {
        self.waiting == 0 && self.begun.is_none_or(|begun| now - begun >= PATIENCE)
    }

    /// A place that is free.
    fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.lots.push(Lot { bytes: 0, since: self.called, kind: Kind::Free });
            self.lots.len() - 1
        })
    }

    /// Puts a lot in the place of another.
    fn set(&mut self, place: usize, lot: Lot) {
        let before = mem::replace(&mut self.lots[place], lot);
        self.bytes = self.bytes - before.bytes + lot.bytes;
        self.waiting += usize::from(lot.kind.waits_for_its_peer());
        self.waiting -= usize::from(before.kind.waits_for_its_peer());
    }

    fn burden(&self, now: Instant) -> Option<Burden> {
        if self.is_cut || self.counted() == 0 {
            return None;
        }
        let mut burden = Burden { bytes: self.bytes, ..Burden::default() };
        for lot in &self.lots {
            let age = now - lot.since;
            let counts = match lot.kind {
                Kind::Free | Kind::Question => continue,
                Kind::Request | Kind::Answer => {
                    burden.peers = burden.peers.max(age);
                    age
                }
                Kind::Stream => age.min(HASTE),
            };
            burden.oldest = burden.oldest.max(age);
            burden.weighs += lot.bytes as u128 * counts.as_micros();
        }
        if self.counts {
            burden.weighs += CONNECTION as u128 * burden.peers.as_micros();
        }
        Some(burden)
    }
}

/// Bytes that are kept, and the time for which they have been.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Burden {
    bytes: usize,
    /// Bytes times microseconds. A stream of answers weighs as if it had begun a moment ago, and a request
    /// that is only to be answered nothing: neither is its peer's fault.
    weighs: u128,
    /// Since when anything lies that is not for the server to answer.
    oldest: Duration,
    /// Since when it is the peer's turn.
    peers: Duration,
}

impl Burden {
    /// By what those are chosen that go first.
    pub(super) const fn weight(&self) -> (u128, usize) {
        (self.weighs, self.bytes)
    }

    pub(super) fn waits_for_its_peer_for(&self, patience: Duration) -> bool {
        self.peers >= patience
    }

    pub(super) fn lies_for(&self, patience: Duration) -> bool {
        self.oldest >= patience
    }

    /// Returns whether it is more than the step that is free for each connection.
    pub(super) const fn is_much(&self) -> bool {
        self.bytes >= STEP
    }
}

/// Something that is kept, until it is dropped.
#[derive(Debug)]
pub(in crate::transport) struct Kept {
    pub(in crate::transport) account: Arc<Account>,
    place: usize,
}

impl Kept {
    /// More of the request has come.
    pub(in crate::transport) fn grow(&self, bytes: usize) {
        self.change(|lot| lot.bytes += BYTE * bytes);
    }

    /// All of the request has come.
    pub(in crate::transport) fn is_whole(&self) {
        self.change(|lot| {
            if lot.kind == Kind::Request {
                lot.kind = Kind::Question;
            }
        });
    }

    /// The call is answered: of its request nothing lies here any more, or a stream goes on, for which
    /// `more` lies here.
    pub(in crate::transport) fn answered(&self, more: usize) {
        let now = Instant::now();
        self.change(|lot| *lot = Lot { bytes: STREAM + more, since: now, kind: Kind::Stream });
    }

    fn change(&self, change: impl FnOnce(&mut Lot)) {
        self.account.change(|state| {
            let mut lot = state.lots[self.place];
            change(&mut lot);
            state.set(self.place, lot);
        });
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.account.change(|state| {
            let free = Lot { bytes: 0, since: state.called, kind: Kind::Free };
            state.set(self.place, free);
            state.free.push(self.place);
        });
    }
}

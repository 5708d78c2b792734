//! Counts what is kept in memory for peers: calls until they are over, requests until they are answered,
//! answers until they are taken. When that is too much, it cuts off the connection for which the most has
//! lain for the longest.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// What every call counts until it is over, in bytes: what hyper and tonic keep for it.
const CALL: usize = 8 << 10;
/// What is kept for a connection is counted in steps of so many bytes, the last of which is free: one
/// that makes few calls at a time shares no counter with others.
const STEP: usize = 16 << 10;

/// With more than half of the limit kept, what has lain for so long is let go. A stream of answers
/// counts as if it had lain for no longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often connections are looked through while less than all of the limit is kept.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What is kept for the peers of one or more listeners together.
#[derive(Debug)]
pub struct Pending {
    most: usize,
    kept: AtomicUsize,
    /// What of that is kept for connections that are cut off, and not yet gone.
    going: AtomicUsize,
    next: AtomicU64,
    accounts: Mutex<Accounts>,
}

#[derive(Debug)]
struct Accounts {
    open: HashMap<u64, Arc<Account>>,
    looked: Instant,
}

impl Pending {
    /// Nothing yet, and never more than `most` bytes.
    pub fn limited(most: usize) -> Arc<Self> {
        let accounts = Accounts { open: HashMap::new(), looked: Instant::now() };
        Arc::new(Self {
            most,
            kept: AtomicUsize::new(0),
            going: AtomicUsize::new(0),
            next: AtomicU64::new(0),
            accounts: Mutex::new(accounts),
        })
    }

    /// Opens the account of a connection, until the guard is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Opened {
        let account = Arc::new(Account {
            pending: Arc::clone(self),
            cut: Notify::new(),
            state: Mutex::new(State::opened(Instant::now())),
        });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.accounts().open.insert(id, Arc::clone(&account));
        Opened { id, account }
    }

    /// Cuts off the connection that was the longest ago opened or called on. False without any.
    pub(super) fn cut_the_quietest(&self) -> bool {
        let accounts = self.accounts();
        let called = |account: &&Arc<Account>| {
            let state = account.state();
            (!state.is_cut).then_some(state.called)
        };
        let living = accounts.open.values().filter(|account| called(account).is_some());
        let quietest = living.min_by_key(|account| called(account));
        quietest.is_some_and(|account| {
            account.cut_off();
            true
        })
    }

    /// Whether more is kept than may be, what is about to go included.
    fn is_full(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > self.most
    }

    /// Cuts connections off until no more stays than may be.
    fn relieve(&self) {
        let mut accounts = self.accounts();
        loop {
            let going = self.going.load(Ordering::Relaxed);
            let staying = self.kept.load(Ordering::Relaxed).saturating_sub(going);
            let now = Instant::now();
            let patience = if staying > self.most {
                Duration::ZERO
            } else if staying > self.most / 2 && now - accounts.looked >= BETWEEN_LOOKS {
                PATIENCE
            } else {
                return;
            };
            accounts.looked = now;
            let burdens = accounts.open.values().filter_map(|account| {
                let burden = account.state().burden(now, patience)?;
                Some((burden, account))
            });
            match burdens.max_by_key(|(burden, _)| *burden) {
                Some((_, account)) => account.cut_off(),
                None => return,
            }
        }
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An account, until it is dropped.
pub(super) struct Opened {
    id: u64,
    account: Arc<Account>,
}

impl Opened {
    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.account.pending.accounts().open.remove(&self.id);
        // What still lies somewhere is about to be dropped.
        self.account.cut_off();
    }
}

/// What is kept for the peer of one connection.
#[derive(Debug)]
pub(super) struct Account {
    pending: Arc<Pending>,
    cut: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bytes: usize,
    lots: Vec<Lot>,
    free: Vec<usize>,
    /// When it was opened or a call last began.
    called: Instant,
    is_cut: bool,
}

/// Something that is kept.
#[derive(Debug)]
struct Lot {
    bytes: usize,
    since: Instant,
    kind: Kind,
}

/// What is kept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing: the place is free.
    Free,
    /// Since it is not answered.
    Request,
    /// Since its answer is a stream that goes on, or is about to end.
    Call,
    /// Since the peer has not taken it.
    Answer,
}

impl Account {
    /// Keeps a call whose request begins with so many bytes.
    pub(super) fn call(self: &Arc<Self>, bytes: usize) -> Kept {
        self.keep(Kind::Request, CALL + bytes)
    }

    /// Whether to read no more for this connection, until others are gone.
    pub(super) fn must_wait(&self) -> bool {
        self.pending.is_full() && self.state().counted() > 0
    }

    /// Keeps an answer or a part of one.
    pub(super) fn answer(self: &Arc<Self>, bytes: usize) -> Kept {
        self.keep(Kind::Answer, bytes)
    }

    /// Waits until the connection is to be cut off.
    pub(super) async fn to_be_cut(&self) {
        self.cut.notified().await;
    }

    /// Whether there is an answer that the peer has let lie for so long.
    pub(super) fn lets_lie(&self, patience: Duration) -> bool {
        let state = self.state();
        let mut answers = state.lots.iter().filter(|lot| lot.kind == Kind::Answer);
        answers.any(|lot| lot.since.elapsed() >= patience)
    }

    fn keep(self: &Arc<Self>, kind: Kind, bytes: usize) -> Kept {
        let now = Instant::now();
        let place = self.change(|state| {
            if kind == Kind::Request {
                state.called = now;
            }
            state.bytes += bytes;
            let lot = Lot { bytes, since: now, kind };
            if let Some(place) = state.free.pop() {
                state.lots[place] = lot;
                return place;
            }
            state.lots.push(lot);
            state.lots.len() - 1
        });
        Kept { account: Arc::clone(self), place }
    }

    /// Changes what is kept, and has the shared count follow.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (changed, more) = {
            let mut state = self.state();
            let before = state.counted();
            let changed = change(&mut state);
            let after = state.counted();
            if after != before {
                let all = [Some(&self.pending.kept), state.is_cut.then_some(&self.pending.going)];
                for count in all.into_iter().flatten() {
                    // Two numbers that wrap: one addition does for more and for less.
                    count.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
                }
            }
            (changed, after > before)
        };
        if more && self.pending.kept.load(Ordering::Relaxed) > self.pending.most / 2 {
            self.pending.relieve();
        }
        changed
    }

    fn cut_off(&self) {
        let mut state = self.state();
        if !state.is_cut {
            state.is_cut = true;
            self.pending.going.fetch_add(state.counted(), Ordering::Relaxed);
            self.cut.notify_one();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn opened(called: Instant) -> Self {
        Self { bytes: 0, lots: Vec::new(), free: Vec::new(), called, is_cut: false }
    }

    /// What counts towards the limit.
    const fn counted(&self) -> usize {
        self.bytes / STEP * STEP
    }

    /// How much lies for how long, in bytes and seconds; `None` if nothing counts, or nothing has lain
    /// for so long.
    fn burden(&self, now: Instant, patience: Duration) -> Option<u128> {
        if self.is_cut || self.counted() == 0 {
            return None;
        }
        let age = |lot: &Lot| now - lot.since;
        let lies = |lot: &&Lot| matches!(lot.kind, Kind::Request | Kind::Answer);
        let oldest = self.lots.iter().filter(lies).map(age).max();
        if !patience.is_zero() && oldest.is_none_or(|oldest| oldest < patience) {
            return None;
        }
        let burden = |lot: &Lot| {
            let age = if lot.kind == Kind::Call { age(lot).min(PATIENCE) } else { age(lot) };
            lot.bytes as u128 * age.as_micros()
        };
        Some(self.lots.iter().map(burden).sum())
    }
}

/// Something that is kept, until it is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    account: Arc<Account>,
    place: usize,
}

impl Kept {
    /// The call is answered: of its request nothing lies here any more, or a stream goes on.
    pub(super) fn answered(&self) {
        let now = Instant::now();
        self.account.change(|state| {
            let lot = &mut state.lots[self.place];
            state.bytes -= lot.bytes - CALL;
            *lot = Lot { bytes: CALL, since: now, kind: Kind::Call };
        });
    }

    /// More has come.
    pub(super) fn grow(&self, bytes: usize) {
        self.account.change(|state| {
            state.bytes += bytes;
            state.lots[self.place].bytes += bytes;
        });
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.account.change(|state| {
            let lot = &mut state.lots[self.place];
            lot.kind = Kind::Free;
            state.bytes -= lot.bytes;
            lot.bytes = 0;
            state.free.push(self.place);
        });
    }
}
